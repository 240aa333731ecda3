//! Evidence that is refused, each for its reason (ATT-122).

use std::sync::Arc;

use aims_attest::tpm::{
    Boot, BootCounters, BootError, ClockInfo, EnrolledDevices, MemoryBootCounters, PcrBank, PcrPolicy,
    PcrValue, PcrValues, TpmDevice, TpmDevices, TpmDevicesUnavailable, TpmEvidence, TpmName, TpmVerifier,
    TpmVerifierBuilder,
};
use aims_attest::{Asked, Evidence, EvidenceType, KeyBinding, Proven, Reason, Verdict, Verifier};
use aims_jose::Thumbprint;
use aims_keys::backend;

use super::support::{Machine, PCRS, with_attributes};
use crate::support::NOW;

fn rejected(reason: Reason) -> Verdict {
    Verdict::Rejected(reason)
}

#[test]
fn tpm_24_an_answer_to_another_challenge_for_another_audience_or_about_another_key_is_none() {
    let machine = Machine::new();
    let verifier = machine.verifier().build();
    let evidence = machine.full().to_evidence(NOW).unwrap();
    let key = machine.thumbprint();
    let other = Thumbprint::of(machine.tpm.key().0.public_key());
    let of = |audience: &str, nonce: u8, key: &Thumbprint| {
        KeyBinding::of(audience, &[nonce; 32], key, backend::ring())
    };
    let good = "spiffe://acme.example";
    for (binding, key, expected) in [
        (of(good, 7, &key), key, Verdict::Accepted),
        (of(good, 8, &key), key, rejected(Reason::NonceMismatch)),
        (of("spiffe://bank.example", 7, &key), key, rejected(Reason::NonceMismatch)),
        (of(good, 7, &other), other, rejected(Reason::NonceMismatch)),
        // The challenge was answered, and about another key than the one that was certified.
        (of(good, 7, &key), other, rejected(Reason::KeyMismatch)),
    ] {
        let appraisal = verifier.appraise(&evidence, &Asked::bound(NOW, &binding, &key));
        assert_eq!(appraisal.verdict(), expected);
        assert_eq!(Proven::of([&appraisal], NOW).selectors().count() > 0, expected == Verdict::Accepted);
    }
}

#[test]
fn tpm_24_tpm_18_both_the_quote_and_the_certification_answer_in_full() {
    let machine = Machine::new();
    let binding = *machine.binding().as_bytes();
    let ak = machine.device().ak().clone();
    for extra in [&binding[..31], &[&binding[..], &[0]].concat(), &[0; 32], &[]] {
        let quote = machine.tpm.quote(extra, &PCRS);
        let evidence = TpmEvidence::new(ak.clone(), quote, machine.values(&PCRS));
        assert_eq!(machine.verdict(&evidence), rejected(Reason::NonceMismatch), "{extra:?}");
        let certified = machine.tpm.certify(&machine.public, extra);
        let evidence = machine.quoted(&PCRS).certify(&machine.public, certified);
        assert_eq!(machine.verdict(&evidence), rejected(Reason::NonceMismatch), "{extra:?}");
    }
}

#[test]
fn tpm_22_only_an_enrolled_attestation_key_is_believed() {
    let (machine, stranger) = (Machine::new(), Machine::new());
    let binding = machine.binding();
    // All is right, by a key that nobody enrolled.
    let quote = stranger.tpm.quote(binding.as_bytes(), &PCRS);
    let own = TpmEvidence::new(stranger.device().ak().clone(), quote.clone(), stranger.values(&PCRS));
    assert_eq!(machine.verdict(&own), rejected(Reason::SubjectNotAllowed));
    // The same under the name of one that is.
    let borrowed = TpmEvidence::new(machine.device().ak().clone(), quote, stranger.values(&PCRS));
    assert_eq!(machine.verdict(&borrowed), rejected(Reason::BadSignature));
    // A certification by the stranger beside a good quote.
    let certified = stranger.tpm.certify(&machine.public, binding.as_bytes());
    let glued = machine.quoted(&PCRS).certify(&machine.public, certified);
    assert_eq!(machine.verdict(&glued), rejected(Reason::BadSignature));

    let devices = machine.devices();
    let verifier = TpmVerifier::builder(Arc::clone(&devices), backend::ring()).build();
    assert_eq!(machine.appraised(&verifier, &machine.full()).verdict(), Verdict::Accepted);
    assert!(devices.revoke(machine.device().ak()));
    assert_eq!(machine.appraised(&verifier, &machine.full()).verdict(), rejected(Reason::Revoked));
    let nobody = TpmVerifier::builder(EnrolledDevices::new(), backend::ring()).build();
    assert_eq!(machine.appraised(&nobody, &machine.full()).verdict(), rejected(Reason::SubjectNotAllowed));
}

#[test]
fn tpm_30_a_key_that_is_not_the_owners_in_this_tpm_is_not_bound() {
    let machine = Machine::new();
    let binding = *machine.binding().as_bytes();
    let certify = |public: &[u8], certified: &[u8]| {
        machine.quoted(&PCRS).certify(public, machine.tpm.certify(certified, &binding))
    };
    let (_, other) = machine.tpm.key();
    for (evidence, reason) in [
        // Another key was certified, and is shown; was certified, and is not shown; is shown in place of the one that was.
        (certify(&other, &other), Reason::KeyMismatch),
        (certify(&machine.public, &other), Reason::KeyMismatch),
        (certify(&other, &machine.public), Reason::KeyMismatch),
        (certify(&machine.public[1..], &machine.public), Reason::UnsupportedAlgorithm),
        (certify(&machine.public[..40], &machine.public), Reason::Malformed),
        (certify(&[0; 2048], &machine.public), Reason::UnsupportedAlgorithm),
    ] {
        assert_eq!(machine.verdict(&evidence), rejected(reason));
    }
    // The key itself, in another TPM's hands: restricted, exportable, imported.
    for attributes in [0x0005_0472, 0x0004_0470, 0x0004_0462, 0x0004_0452, 0x0006_0472, 0x0000_0472] {
        let odd = with_attributes(&machine.public, attributes);
        assert_eq!(machine.verdict(&certify(&odd, &odd)), rejected(Reason::KeyMismatch), "{attributes:#x}");
    }
}

#[test]
fn tpm_21_a_quote_is_no_certification_and_the_other_way_round() {
    let machine = Machine::new();
    let binding = *machine.binding().as_bytes();
    let ak = machine.device().ak().clone();
    let quote = machine.tpm.quote(&binding, &PCRS);
    let certified = machine.tpm.certify(&machine.public, &binding);
    let swapped = TpmEvidence::new(ak.clone(), certified, machine.values(&PCRS));
    assert_eq!(machine.verdict(&swapped), rejected(Reason::Malformed));
    let swapped = machine.quoted(&PCRS).certify(&machine.public, quote.clone());
    assert_eq!(machine.verdict(&swapped), rejected(Reason::Malformed));
    // A signature of the attestation key over what a TPM would not have signed.
    let change = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut attest = quote.0.clone();
        change(&mut attest);
        let signature = machine.tpm.sign(&attest);
        machine.verdict(&TpmEvidence::new(ak.clone(), (attest, signature), machine.values(&PCRS)))
    };
    assert_eq!(change(&|_| ()), Verdict::Accepted);
    assert_eq!(change(&|attest| attest[0] = 0), rejected(Reason::Malformed));
    assert_eq!(change(&|attest| attest.push(0)), rejected(Reason::Malformed));
    assert_eq!(change(&|attest| attest.truncate(144)), rejected(Reason::Malformed));
    assert_eq!(change(&|attest| attest.resize(1025, 0)), rejected(Reason::TooLarge));
    assert_eq!(change(&|attest| attest[106] = 0x04), rejected(Reason::UnsupportedAlgorithm));
    // A signature that says SHA-1, or another scheme.
    for (at, value) in [(3, 0x04), (1, 0x1a)] {
        let (attest, mut signature) = (quote.0.clone(), machine.tpm.sign(&quote.0));
        signature[at] = value;
        let evidence = TpmEvidence::new(ak.clone(), (attest, signature), machine.values(&PCRS));
        assert_eq!(machine.verdict(&evidence), rejected(Reason::UnsupportedAlgorithm));
    }
}

#[test]
fn tpm_22_no_bit_of_evidence_can_be_another() {
    let machine = Machine::new();
    let binding = *machine.binding().as_bytes();
    let ak = machine.device().ak().clone();
    let (quote, certified) =
        (machine.tpm.quote(&binding, &PCRS), machine.tpm.certify(&machine.public, &binding));
    let verifier = machine.verifier().boot_counters(MemoryBootCounters::new(4)).build();
    let accepted = |quote: (&[u8], &[u8]), public: &[u8], certified: (&[u8], &[u8])| {
        let evidence = TpmEvidence::new(ak.clone(), quote, machine.values(&PCRS)).certify(public, certified);
        machine.appraised(&verifier, &evidence).verdict() == Verdict::Accepted
    };
    let good = [&quote.0, &quote.1, &machine.public, &certified.0, &certified.1];
    let with = |parts: [&[u8]; 5]| accepted((parts[0], parts[1]), parts[2], (parts[3], parts[4]));
    assert!(with(good.map(Vec::as_slice)));
    for part in 0..good.len() {
        for bit in 0..good[part].len() * 8 {
            let mut changed = good[part].clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let mut parts = good.map(Vec::as_slice);
            parts[part] = &changed;
            assert!(!with(parts), "part {part}, bit {bit}");
        }
    }
}

#[test]
fn tpm_25_pcrs_are_those_that_were_quoted_and_those_that_the_policy_asks_for() {
    let mut machine = Machine::new();
    let ak = machine.device().ak().clone();
    let quote = machine.tpm.quote(machine.binding().as_bytes(), &PCRS);
    let with = |values: PcrValues| TpmEvidence::new(ak.clone(), quote.clone(), values);
    assert_eq!(machine.verdict(&with(machine.values(&PCRS))), Verdict::Accepted);
    for values in [machine.values(&[0, 7]), machine.values(&[0, 7, 16, 17]), PcrValues::new()] {
        assert_eq!(machine.verdict(&with(values)), rejected(Reason::MeasurementMismatch));
    }
    let policy =
        |bank, index, value: &[u8]| PcrPolicy::builder("p", 1).require(bank, index, [value]).build().unwrap();
    let seven = machine.tpm.pcr(7);
    for (policy, expected) in [
        (policy(PcrBank::Sha256, 7, &seven), Verdict::Accepted),
        (policy(PcrBank::Sha256, 7, &[0; 32]), rejected(Reason::MeasurementMismatch)),
        // One that was not quoted.
        (policy(PcrBank::Sha256, 4, &[0; 32]), rejected(Reason::MeasurementMismatch)),
        (policy(PcrBank::Sha384, 7, &[0; 48]), rejected(Reason::MeasurementMismatch)),
    ] {
        let verifier = machine.verifier().pcr_policy(policy).build();
        assert_eq!(machine.appraised(&verifier, &machine.full()).verdict(), expected);
    }
    // What was extended between the quote and the appraisal is not in the quote, and what was extended before it is.
    let old = machine.values(&PCRS);
    machine.tpm.extend(7, &[1; 32]);
    let quote = machine.tpm.quote(machine.binding().as_bytes(), &PCRS);
    let stale = TpmEvidence::new(ak, quote, old);
    assert_eq!(machine.verdict(&stale), rejected(Reason::MeasurementMismatch));
    let verifier = machine.verifier().pcr_policy(policy(PcrBank::Sha256, 7, &seven)).build();
    assert_eq!(
        machine.appraised(&verifier, &machine.full()).verdict(),
        rejected(Reason::MeasurementMismatch)
    );
}

/// ATT-122: whoever verifies is told which PCR it is, in which bank, and both values.
#[test]
fn tpm_25_att_122_a_refusal_says_what_is_wrong_to_whoever_verifies() {
    let machine = Machine::new();
    let detail = |verifier: TpmVerifierBuilder, evidence: &TpmEvidence| {
        machine.appraised(&verifier.build(), evidence).detail().map(str::to_owned)
    };
    let policy = PcrPolicy::builder("p", 1)
        .require(PcrBank::Sha256, 0, [machine.tpm.pcr(0)])
        .require(PcrBank::Sha256, 7, [[0x77; 32]])
        .require(PcrBank::Sha256, 4, [[0x44; 32], [0x45; 32], [0x46; 32]])
        .require(PcrBank::Sha384, 7, [[0x38; 48]])
        .build()
        .unwrap();
    let seven = PcrValue::new(PcrBank::Sha256, &machine.tpm.pcr(7)).unwrap();
    let said = detail(machine.verifier().pcr_policy(policy), &machine.full()).unwrap();
    let hex = |byte: &str, len: usize| byte.repeat(len);
    let expected = [
        format!(
            "PCR sha256:4 was not quoted, and has to be {} or {} or 1 more",
            hex("44", 32),
            hex("45", 32)
        ),
        format!("PCR sha256:7 is {seven}, and has to be {}", hex("77", 32)),
        format!("PCR sha384:7 was not quoted, and has to be {}", hex("38", 48)),
    ];
    assert_eq!(said, expected.join("; "));

    let (ak, quote) = (machine.device().ak().clone(), machine.tpm.quote(machine.binding().as_bytes(), &PCRS));
    let lying = TpmEvidence::new(ak, quote, machine.values(&[0, 7]));
    assert_eq!(
        detail(machine.verifier(), &lying).as_deref(),
        Some("the value of a PCR that was quoted is missing")
    );
    let said = detail(machine.verifier(), &machine.full().event_log(b"not a log".to_vec()));
    assert_eq!(said.as_deref(), Some("the event log is malformed"));
    // Nothing is wrong, or the reason says it all.
    assert_eq!(detail(machine.verifier(), &machine.full()), None);
    assert_eq!(
        machine.appraised(&machine.verifier().build(), &machine.full()).with_detail("x").detail(),
        None
    );
}

#[test]
fn att_2_att_5_types_versions_and_formats_come_first() {
    let machine = Machine::new();
    let verifier = machine.verifier().build();
    let good = machine.full().to_evidence(NOW).unwrap();
    let of = |kind, payload: &[u8]| Evidence::new(kind, payload.to_vec(), NOW).unwrap();
    for (evidence, reason) in [
        (of(EvidenceType::TpmDevid, good.payload()), Reason::UnsupportedType),
        (good.clone().with_format_version(2), Reason::UnsupportedVersion),
        (of(EvidenceType::Tpm2Quote, b""), Reason::Malformed),
        (of(EvidenceType::Tpm2Quote, b"{}"), Reason::Malformed),
        (of(EvidenceType::Tpm2Quote, &good.payload()[1..]), Reason::Malformed),
        (of(EvidenceType::Tpm2Quote, &good.payload().repeat(2)), Reason::Malformed),
    ] {
        assert_eq!(machine.appraised_payload(&verifier, &evidence).verdict(), rejected(reason));
    }
    let sha_1 = String::from_utf8(good.payload().to_vec()).unwrap().replace("\"sha256\"", "\"sha1\"");
    let sha_1 = of(EvidenceType::Tpm2Quote, sha_1.as_bytes());
    assert_eq!(
        machine.appraised_payload(&verifier, &sha_1).verdict(),
        rejected(Reason::UnsupportedAlgorithm)
    );
}

/// Cannot be asked, or answers with somebody else.
#[derive(Debug)]
struct Odd(Option<Arc<TpmDevice>>);

impl TpmDevices for Odd {
    fn device(&self, _: &TpmName) -> Result<Option<Arc<TpmDevice>>, TpmDevicesUnavailable> {
        self.0.clone().map(Some).ok_or(TpmDevicesUnavailable)
    }
}

impl BootCounters for Odd {
    fn advance(&self, _: &TpmName, _: ClockInfo) -> Result<Boot, BootError> {
        Err(BootError::Unavailable)
    }
}

#[test]
fn tpm_22_tpm_26_what_cannot_be_looked_up_is_not_accepted() {
    let machine = Machine::new();
    let verdict = |verifier: TpmVerifier| machine.appraised(&verifier, &machine.full()).verdict();
    let unavailable = |dependency| Verdict::Unavailable { dependency, retry_after: None };
    let devices = TpmVerifier::builder(Odd(None), backend::ring()).build();
    assert_eq!(verdict(devices), unavailable("tpm_devices"));
    assert_eq!((TpmDevicesUnavailable.code(), TpmDevicesUnavailable.rule()), ("unavailable", "TPM-22"));
    let other = Arc::new(Machine::new().device());
    assert_eq!(verdict(TpmVerifier::builder(Odd(Some(other)), backend::ring()).build()), Verdict::Error);
    let counters = machine.verifier().boot_counters(Odd(None)).build();
    assert_eq!(verdict(counters), unavailable("boot_counters"));
    let full = machine.verifier().boot_counters(MemoryBootCounters::new(0)).build();
    assert_eq!(verdict(full), unavailable("boot_counters"));
}

/// What is wrong in several ways is refused for what is cheapest to find.
#[test]
fn att_122_att_124_reasons_are_stable_and_the_cheap_ones_come_first() {
    let machine = Machine::new();
    let ak = machine.device().ak().clone();
    let binding = *machine.binding().as_bytes();
    let (attest, mut forged) = machine.tpm.quote(&binding, &PCRS);
    forged[20] ^= 1;
    let (other_key, junk) = (machine.tpm.key().1, vec![0; 64]);
    let code = |evidence: TpmEvidence| machine.verdict(&evidence).code();
    let with = |attest: &[u8], signature: &[u8], pcrs: &[u8]| {
        TpmEvidence::new(ak.clone(), (attest, signature), machine.values(pcrs)).event_log(junk.clone())
    };

    // A log that is none, under a signature that is none, of PCRs that are others, with a key that is another, for another challenge, by nobody.
    assert_eq!(code(machine.full().event_log(junk.clone())), "unsupported_algorithm");
    assert_eq!(code(with(&attest, &forged, &PCRS)), "bad_signature");
    assert_eq!(code(with(&attest, &forged, &[0, 7])), "measurement_mismatch");
    let certified = machine.tpm.certify(&other_key, &binding);
    assert_eq!(code(with(&attest, &forged, &[0, 7]).certify(&other_key, certified.clone())), "key_mismatch");
    let stale = machine.tpm.quote(&[0; 32], &PCRS).0;
    assert_eq!(code(with(&stale, &forged, &[0, 7]).certify(&other_key, certified)), "nonce_mismatch");
    assert_eq!(code(with(&attest[1..], &forged, &[0, 7])), "malformed");
    assert_eq!(code(with(&[0; 1025], &forged, &[0, 7])), "too_large");
    let stranger = Machine::new().device().ak().clone();
    let foreign = TpmEvidence::new(stranger, (&[0; 1025], &forged), machine.values(&[0]));
    assert_eq!(code(foreign), "subject_not_allowed");
}
