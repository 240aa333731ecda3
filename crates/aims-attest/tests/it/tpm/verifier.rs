//! What an appraisal of a TPM's evidence says (section 3.1 of the digest).

use std::sync::Arc;
use std::time::Duration;

use aims_attest::tpm::{EnrolledDevices, MemoryBootCounters, PcrBank, PcrPolicy, TpmEvidence, TpmVerifier};
use aims_attest::{
    Appraisal, Asked, BoundKey, EvidenceType, Freshness, Level, Proven, Reason, Verdict, Verifier, Verifiers,
};
use aims_keys::{UnixTime, backend};

use super::support::{Machine, PCRS};
use crate::support::NOW;

fn value(machine: &Machine, pcr: u8) -> String {
    machine.values(&[pcr]).get(PcrBank::Sha256, pcr).unwrap().to_string()
}

fn shown(appraisal: &Appraisal) -> Vec<String> {
    Proven::of([appraisal], NOW).selectors().map(ToString::to_string).collect()
}

#[test]
fn tpm_24_tpm_30_att_113_a_quote_with_a_certified_key_is_hardware_for_that_key_and_challenge() {
    let machine = Machine::new();
    let policy =
        PcrPolicy::builder("nodes", 3).require(PcrBank::Sha256, 7, [machine.tpm.pcr(7)]).build().unwrap();
    let verifier = machine.verifier().pcr_policy(policy).max_age(Duration::from_secs(600)).build();
    let verifiers = Verifiers::new(backend::ring()).with(verifier);
    let (binding, key) = (machine.binding(), machine.thumbprint());
    let evidence = machine.full().to_evidence(NOW).unwrap();
    let appraisal = verifiers.appraise(&evidence, &Asked::bound(NOW, &binding, &key));
    assert_eq!(appraisal.verdict(), Verdict::Accepted);
    assert_eq!(appraisal.evidence_type(), &EvidenceType::Tpm2Quote);
    assert_eq!((appraisal.level(), appraisal.freshness()), (Level::HARDWARE, Freshness::Nonce));
    assert_eq!((appraisal.bound_key(), appraisal.binding()), (&BoundKey::Hardware(key), Some(&binding)));
    assert_eq!((appraisal.not_before(), appraisal.expires()), (NOW, NOW + Duration::from_secs(600)));
    assert_eq!((appraisal.verifier_id(), appraisal.policy_id()), ("tpm2", Some("nodes@3")));
    let claims: Vec<_> = appraisal.claims().iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(
        claims,
        [
            ("boot", "first"),
            ("firmware_version", "2019102300163636"),
            ("hw_bound", "true"),
            ("reset_count", "1"),
            ("restart_count", "0"),
        ]
    );
    let vector: Vec<_> = appraisal.vector().iter().map(|(name, value)| (&**name, &**value)).collect();
    let expected =
        [("configuration", "2"), ("executables", "3"), ("hardware", "2"), ("instance-identity", "2")];
    assert_eq!(vector, expected);
    // PCR 16 was quoted, and proves nothing.
    let expected = [
        format!("tpm:ak_name:{}", machine.device().ak()),
        format!("tpm:ek_sha256:{}", "ee".repeat(32)),
        "tpm:manufacturer:id:49424D00".to_owned(),
        format!("tpm:pcr:sha256:0:{}", value(&machine, 0)),
        format!("tpm:pcr:sha256:7:{}", value(&machine, 7)),
    ];
    assert_eq!(shown(&appraisal), expected);
}

#[test]
fn att_113_a_quote_alone_says_nothing_of_the_key_and_is_worth_less() {
    let machine = Machine::new();
    let appraisal = machine.appraised(&machine.verifier().build(), &machine.quoted(&PCRS));
    assert_eq!((appraisal.verdict(), appraisal.level()), (Verdict::Accepted, Level::VOUCHED));
    assert_eq!((appraisal.bound_key(), appraisal.binding()), (&BoundKey::None, None));
    assert!(!appraisal.claims().contains_key("hw_bound"));
    // Nobody has said which values are good.
    assert_eq!(appraisal.vector().keys().collect::<Vec<_>>(), ["hardware", "instance-identity"]);
    assert_eq!(appraisal.policy_id(), None);
}

#[test]
fn tpm_24_att_20_without_a_challenge_a_quote_may_be_of_any_time() {
    let machine = Machine::new();
    let verifier = machine.verifier().build();
    let evidence = machine.full().to_evidence(NOW).unwrap();
    let appraisal = verifier.appraise(&evidence, &Asked::at(NOW));
    assert_eq!(appraisal.verdict(), Verdict::Inconclusive("challenge"));
    assert!(shown(&appraisal).is_empty());
}

#[test]
fn att_25_att_24_time_is_what_the_caller_says_and_an_appraisal_ends() {
    let machine = Machine::new();
    let evidence = machine.full().to_evidence(UnixTime::from_secs(5)).unwrap();
    let (binding, key) = (machine.binding(), machine.thumbprint());
    let verifier = machine.verifier().max_age(Duration::from_secs(1_000_000)).build();
    for now in [UnixTime::EPOCH, NOW, UnixTime::from_secs(4_000_000_000)] {
        let appraisal = verifier.appraise(&evidence, &Asked::bound(now, &binding, &key));
        assert_eq!(appraisal.verdict(), Verdict::Accepted);
        assert_eq!((appraisal.not_before(), appraisal.expires()), (now, now + Duration::from_secs(86_400)));
    }
}

#[test]
fn att_24_tpm_28_a_tpm_counts_no_longer_than_its_endorsement() {
    let machine = Machine::new();
    let second = Duration::from_secs(1);
    let devices = EnrolledDevices::new();
    devices.enrol(machine.device().with_not_after(NOW + second));
    let verifier = TpmVerifier::builder(devices, backend::ring()).build();
    let evidence = machine.full().to_evidence(NOW).unwrap();
    let (binding, key) = (machine.binding(), machine.thumbprint());
    let at = |now| verifier.appraise(&evidence, &Asked::bound(now, &binding, &key));
    for now in [NOW, NOW + second] {
        assert_eq!((at(now).verdict(), at(now).expires()), (Verdict::Accepted, NOW + second * 2));
    }
    assert_eq!(at(NOW + second * 2).verdict(), Verdict::Rejected(Reason::Expired));
}

#[test]
fn tpm_26_a_boot_is_told_and_an_older_one_refused() {
    let mut machine = Machine::new();
    let counters = Arc::new(MemoryBootCounters::new(16));
    let verifier = machine.verifier().boot_counters(Arc::clone(&counters)).build();
    let boot = |machine: &Machine, evidence: &TpmEvidence| {
        let appraisal = machine.appraised(&verifier, evidence);
        (appraisal.verdict(), appraisal.claims().get("boot").cloned().unwrap_or_default())
    };
    let old = machine.full();
    assert_eq!(boot(&machine, &old), (Verdict::Accepted, "first".into()));
    machine.tpm.clock += 300_001;
    assert_eq!(boot(&machine, &machine.full()), (Verdict::Accepted, "same".into()));
    let rejected = (Verdict::Rejected(Reason::Replayed), String::new());
    assert_eq!(boot(&machine, &old), rejected);
    machine.tpm.reboot();
    assert_eq!(boot(&machine, &machine.full()), (Verdict::Accepted, "rebooted".into()));
    machine.tpm.reset_count -= 1;
    assert_eq!(boot(&machine, &machine.full()), rejected);
    // A quote in an older boot than the certification beside it is not of one session.
    let certified = machine.tpm.certify(&machine.public, machine.binding().as_bytes());
    machine.tpm.reset_count += 5;
    let mixed = machine.quoted(&PCRS).certify(&machine.public, certified);
    assert_eq!(boot(&machine, &mixed), rejected);
}

#[test]
fn tpm_26_of_a_quote_and_a_certification_the_later_clock_is_remembered() {
    for (first, second) in [(10, 1_000_000), (1_000_000, 10)] {
        let mut machine = Machine::new();
        let verifier = machine.verifier().build();
        machine.tpm.clock = first;
        let certified = machine.tpm.certify(&machine.public, machine.binding().as_bytes());
        machine.tpm.clock = second;
        let evidence = machine.quoted(&PCRS).certify(&machine.public, certified);
        assert_eq!(machine.appraised(&verifier, &evidence).verdict(), Verdict::Accepted);
        machine.tpm.clock = 699_999;
        let stale = machine.appraised(&verifier, &machine.full()).verdict();
        assert_eq!(stale, Verdict::Rejected(Reason::Replayed));
        machine.tpm.clock = 700_000;
        assert_eq!(machine.appraised(&verifier, &machine.full()).verdict(), Verdict::Accepted);
    }
    let mut machine = Machine::new();
    let certified = machine.tpm.certify(&machine.public, machine.binding().as_bytes());
    machine.tpm.restart_count += 1;
    let resumed = machine.quoted(&PCRS).certify(&machine.public, certified);
    assert_eq!(machine.verdict(&resumed), Verdict::Rejected(Reason::Replayed));
}

#[test]
fn tpm_26_att_121_two_agents_of_one_machine_are_heard_in_either_order() {
    let mut machine = Machine::new();
    let verifier = machine.verifier().build();
    // The TPM has made the first one first, and it is longer on its way.
    let first = machine.full();
    machine.tpm.clock += 60_000;
    assert_eq!(machine.appraised(&verifier, &machine.full()).verdict(), Verdict::Accepted);
    assert_eq!(machine.appraised(&verifier, &first).verdict(), Verdict::Accepted);
}

#[test]
fn tpm_26_what_is_refused_for_another_reason_does_not_count_as_seen() {
    let mut machine = Machine::new();
    let verifier = machine.verifier().build();
    let good = machine.full();
    machine.tpm.reset_count = 9;
    let (attest, mut signature) = machine.tpm.quote(machine.binding().as_bytes(), &PCRS);
    signature[20] ^= 1;
    let forged = TpmEvidence::new(machine.device().ak().clone(), (attest, signature), machine.values(&PCRS));
    let verdict = machine.appraised(&verifier, &forged).verdict();
    assert_eq!(verdict, Verdict::Rejected(Reason::BadSignature));
    assert_eq!(machine.appraised(&verifier, &good).verdict(), Verdict::Accepted);
}

#[test]
fn tpm_27_a_log_that_replays_is_told_with_what_it_says() {
    let log = measured(1);
    let machine = started(&log);
    let appraisal = machine
        .appraised(&machine.verifier().require_event_log().build(), &machine.full().event_log(log.bytes));
    assert_eq!(appraisal.verdict(), Verdict::Accepted);
    let shown = shown(&appraisal);
    assert!(shown.contains(&"tpm:event_log:replayed".to_owned()), "{shown:?}");
    assert!(shown.contains(&"tpm:secure_boot:true".to_owned()), "{shown:?}");
    let log = measured(0);
    let machine = started(&log);
    let appraisal = machine.appraised(&machine.verifier().build(), &machine.full().event_log(log.bytes));
    assert!(Proven::of([&appraisal], NOW).matches(&["tpm:secure_boot:false".parse().unwrap()]).is_some());
}

#[test]
fn tpm_27_a_log_that_does_not_replay_spoils_the_evidence_and_a_missing_one_may_be_asked_for() {
    let log = measured(1);
    let machine = started(&measured(0));
    let lying = machine.full().event_log(log.bytes);
    assert_eq!(machine.verdict(&lying), Verdict::Rejected(Reason::MeasurementMismatch));
    let without = machine.appraised(&machine.verifier().require_event_log().build(), &machine.full());
    assert_eq!(without.verdict(), Verdict::Inconclusive("event_log"));
    let too_much = vec![0; 1024 * 1024 + 1];
    assert_eq!(machine.verdict(&machine.full().event_log(too_much)), Verdict::Rejected(Reason::TooLarge));
    // 50 bytes each, so that more than may be there fit into what may be sent.
    let event = [&[4, 0, 0, 0, 13, 0, 0, 0, 1, 0, 0, 0, 0x0b, 0][..], &[0; 32], &[0; 4]].concat();
    let many = [measured(0).bytes, event.repeat(16_385)].concat();
    assert_eq!(machine.verdict(&machine.full().event_log(many)), Verdict::Rejected(Reason::TooLarge));
    for (junk, reason) in [(vec![], Reason::Malformed), (vec![0; 64], Reason::UnsupportedAlgorithm)] {
        assert_eq!(machine.verdict(&machine.full().event_log(junk)), Verdict::Rejected(reason));
    }
}

/// A log of a firmware, and what it measured into PCR 7.
struct Measured {
    bytes: Vec<u8>,
    digests: Vec<[u8; 32]>,
}

fn measured(secure_boot: u8) -> Measured {
    let name: Vec<u8> = "SecureBoot".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let variable = [
        &super::support::hex("61dfe48bca93d211aa0d00e098032b8c")[..],
        &10_u64.to_le_bytes(),
        &1_u64.to_le_bytes(),
        &name,
        &[secure_boot],
    ]
    .concat();
    let spec = b"Spec ID Event03\0\0\0\0\0\x00\x02\x00\x02\x01\0\0\0\x0b\0\x20\0\0";
    let mut bytes = [&[0, 0, 0, 0, 3, 0, 0, 0][..], &[0; 20], &[33, 0, 0, 0], spec].concat();
    let mut digests = Vec::new();
    for (kind, data) in [(0x8000_0001_u32, variable), (4, vec![0; 4])] {
        let digest = backend::ring().sha256(&data);
        bytes.extend(7_u32.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend([1, 0, 0, 0, 0x0b, 0]);
        bytes.extend(digest);
        bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend(data);
        digests.push(digest);
    }
    Measured { bytes, digests }
}

/// A machine that was started so.
fn started(log: &Measured) -> Machine {
    let mut machine = Machine::new();
    machine.tpm.reboot();
    for digest in &log.digests {
        machine.tpm.extend(7, digest);
    }
    machine
}
