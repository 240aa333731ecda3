//! Policies: what counts together, and what it is worth.

use std::time::Duration;

use aims_attest::{
    Appraisal, AppraisalBuilder, BoundKey, Evidence, EvidenceRule, EvidenceType, Freshness, Judgement,
    KeyBinding, Level, Policy, Reason, Selector, Verdict,
};
use aims_jose::Thumbprint;
use aims_keys::backend;

use crate::support::*;

const TEN_MINUTES: Duration = Duration::from_secs(600);

fn other_key() -> Thumbprint {
    "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs".parse().unwrap()
}

fn bind(key: Thumbprint, nonce: u8) -> KeyBinding {
    KeyBinding::of("spiffe://acme.example", &[nonce; 32], &key, backend::ring())
}

fn tpm() -> AppraisalBuilder {
    accepted(EvidenceType::Tpm2Quote, NOW + TEN_MINUTES).level(Level::HARDWARE).freshness(Freshness::Nonce)
}

fn tpm_for(key: Thumbprint, nonce: u8) -> Appraisal {
    tpm().bound(BoundKey::Hardware(key), bind(key, nonce)).build()
}

fn process() -> Appraisal {
    with(accepted(EvidenceType::UnixPeer, NOW + MINUTE).level(Level::OBSERVED), &["unix:uid:1000"])
}

fn rule(kind: EvidenceType) -> EvidenceRule {
    EvidenceRule::of(kind)
}

fn both() -> Policy {
    Policy::all_of([rule(EvidenceType::Tpm2Quote).into(), rule(EvidenceType::UnixPeer).into()])
}

fn codes(judgement: &Judgement) -> Vec<&'static str> {
    judgement.unmet().iter().map(aims_attest::Unmet::code).collect()
}

#[test]
fn att_112_two_honest_proofs_of_different_keys_are_no_proof_of_one() {
    let key = key();
    let tpm = tpm_for(key, 1);
    let same = process().with_possession(key, bind(key, 1));
    assert!(both().judge(&[&tpm, &same], NOW).is_satisfied());

    for (glued, what) in [
        (process().with_possession(other_key(), bind(other_key(), 1)), "another key"),
        (process().with_possession(key, bind(key, 2)), "another challenge"),
        (process(), "no key"),
    ] {
        let judgement = both().judge(&[&tpm, &glued], NOW);
        assert!(!judgement.is_satisfied(), "{what}");
        assert_eq!(judgement.verdict(), Verdict::Rejected(Reason::PolicyUnsatisfied), "{what}");
        assert_eq!((judgement.level(), judgement.not_after()), (Level::NONE, None), "{what}");
        assert_eq!(judgement.key(), &BoundKey::None, "{what}");
        assert!(judgement.appraisals().is_empty(), "{what}");
    }
}

#[test]
fn att_22_evidence_without_a_key_has_the_one_that_was_proven_and_keeps_its_own() {
    let key = key();
    let by_proof = process().with_possession(key, bind(key, 1));
    assert_eq!(by_proof.bound_key(), &BoundKey::ProofOfPossession(key));
    assert_eq!(by_proof.binding(), Some(&bind(key, 1)));
    let again = by_proof.with_possession(other_key(), bind(other_key(), 1));
    assert_eq!(again.bound_key(), &BoundKey::ProofOfPossession(key));
    let hardware = tpm_for(key, 1).with_possession(other_key(), bind(other_key(), 1));
    assert_eq!((hardware.bound_key(), hardware.binding()), (&BoundKey::Hardware(key), Some(&bind(key, 1))));

    // What says which key hardware holds is asked for by name.
    let hardware = Policy::from(rule(EvidenceType::UnixPeer).key_in_hardware());
    assert_eq!(codes(&hardware.judge(&[&by_proof], NOW)), ["key_not_in_hardware"]);
    let about = Policy::from(rule(EvidenceType::UnixPeer).about_key());
    assert!(about.judge(&[&by_proof], NOW).is_satisfied());
    assert_eq!(codes(&about.judge(&[&process()], NOW)), ["key_not_bound"]);
}

#[test]
fn att_113_together_it_is_worth_the_best_and_ends_with_the_first() {
    let key = key();
    let (tpm, process) = (tpm_for(key, 1), process().with_possession(key, bind(key, 1)));
    let judgement = both().named("agents-3").judge(&[&tpm, &process], NOW);
    assert_eq!((judgement.level(), judgement.not_after()), (Level::HARDWARE, Some(NOW + MINUTE)));
    assert_eq!(judgement.evidence_types(), [EvidenceType::Tpm2Quote, EvidenceType::UnixPeer]);
    assert_eq!((judgement.key(), judgement.binding()), (&BoundKey::Hardware(key), Some(&bind(key, 1))));
    assert_eq!(judgement.policy_id(), Some("agents-3"));
    let mut used = vec![*tpm.id(), *process.id()];
    used.sort();
    assert_eq!(judgement.appraisals(), used);

    // The branch that is used counts, and no other.
    let any = Policy::any_of([rule(EvidenceType::UnixPeer).into(), rule(EvidenceType::Tpm2Quote).into()]);
    let judgement = any.judge(&[&tpm, &process], NOW);
    assert_eq!((judgement.level(), judgement.appraisals()), (Level::HARDWARE, &[*tpm.id()][..]));
    let judgement = any.judge(&[&process], NOW);
    assert_eq!(judgement.level(), Level::OBSERVED);
    assert_eq!(codes(&judgement), ["evidence_missing"]);

    // Of two keys, the one that is worth more.
    let weak = process.clone();
    let strong = tpm_for(other_key(), 1);
    assert_eq!(any.judge(&[&weak, &strong], NOW).key(), &BoundKey::Hardware(other_key()));
}

#[test]
fn att_111_nothing_is_allowed_by_saying_nothing() {
    let tpm = tpm_for(key(), 1);
    for empty in [
        Policy::all_of([]),
        Policy::any_of([]),
        Policy::n_of(0, []),
        Policy::n_of(0, [rule(EvidenceType::Tpm2Quote).into()]),
        Policy::not(Policy::min_level(Level::HARDWARE_AND_SOFTWARE)),
        Policy::all_of([Policy::all_of([])]),
    ] {
        let judgement = empty.judge(&[&tpm], NOW);
        assert!(!judgement.is_satisfied(), "{empty:?}");
        assert_eq!(codes(&judgement).last(), Some(&"empty_policy"), "{empty:?}");
        assert!(!empty.judge(&[], NOW).is_satisfied(), "{empty:?}");
    }
}

#[test]
fn att_111_every_reason_is_told() {
    let policy = Policy::all_of([
        rule(EvidenceType::Tdx).into(),
        Policy::any_of([rule(EvidenceType::SevSnp).into(), rule(EvidenceType::NitroEnclave).into()]),
        Policy::min_level(Level::HARDWARE),
        rule(EvidenceType::UnixPeer).selector("unix:uid:0".parse().unwrap()).into(),
    ]);
    let judgement = policy.judge(&[&process()], NOW);
    let told: Vec<_> =
        judgement.unmet().iter().map(|unmet| (unmet.code(), unmet.evidence_type().cloned())).collect();
    assert_eq!(
        told,
        [
            ("evidence_missing", Some(EvidenceType::Tdx)),
            ("evidence_missing", Some(EvidenceType::SevSnp)),
            ("evidence_missing", Some(EvidenceType::NitroEnclave)),
            ("level_too_low", None),
            ("selector_missing", Some(EvidenceType::UnixPeer)),
        ]
    );
    let last = judgement.unmet().last().unwrap();
    assert_eq!(last.selector().map(Selector::as_str), Some("unix:uid:0"));
    assert_eq!(last.to_string(), "selector_missing (unix-peer, unix:uid:0)");
    let texts: Vec<_> = judgement.unmet().iter().map(ToString::to_string).take(4).collect();
    let expected = ["tdx", "sev-snp", "nitro-enclave"].map(|kind| format!("evidence_missing ({kind})"));
    assert_eq!(texts, [&expected[..], &["level_too_low".to_owned()]].concat());

    let proves = Policy::proves(["unix:uid:1000".parse().unwrap(), "tpm:device:1".parse().unwrap()]);
    let judgement = proves.judge(&[&process()], NOW);
    assert_eq!(judgement.unmet()[0].to_string(), "selector_missing (tpm:device:1)");
}

#[test]
fn att_111_one_piece_of_evidence_is_counted_once() {
    let key = key();
    let tpm = tpm_for(key, 1);
    let process = process().with_possession(key, bind(key, 1));
    let two = |first: EvidenceRule, second: EvidenceRule| Policy::n_of(2, [first.into(), second.into()]);
    let judgement =
        two(rule(EvidenceType::Tpm2Quote), rule(EvidenceType::Tpm2Quote)).judge(&[&tpm, &process], NOW);
    assert_eq!(codes(&judgement), ["evidence_missing", "too_few"]);
    let judgement =
        two(rule(EvidenceType::Tpm2Quote), rule(EvidenceType::UnixPeer)).judge(&[&tpm, &process], NOW);
    assert_eq!((judgement.is_satisfied(), judgement.appraisals().len()), (true, 2));

    let one_of_three = Policy::n_of(
        1,
        [EvidenceType::UnixPeer, EvidenceType::Tdx, EvidenceType::Tpm2Quote].map(|kind| rule(kind).into()),
    );
    assert_eq!(one_of_three.judge(&[&tpm, &process], NOW).appraisals(), [*tpm.id()]);
}

#[test]
fn att_103_what_nobody_has_looked_for_is_not_absent() {
    let root = rule(EvidenceType::UnixPeer).selector("unix:uid:0".parse().unwrap());
    let policy = Policy::all_of([rule(EvidenceType::UnixPeer).into(), Policy::not(root.clone().into())]);
    assert!(policy.judge(&[&process()], NOW).is_satisfied());
    let as_root = with(accepted(EvidenceType::UnixPeer, NOW + MINUTE), &["unix:uid:0"]);
    assert_eq!(codes(&policy.judge(&[&as_root], NOW)), ["excluded"]);

    let not_root = Policy::not(root.into());
    assert_eq!(codes(&not_root.judge(&[&tpm_for(key(), 1)], NOW)), ["evidence_missing"]);
    assert_eq!(codes(&not_root.judge(&[], NOW)), ["evidence_missing"]);
    // It says what is not so, and is worth nothing by itself.
    assert_eq!(not_root.judge(&[&process()], NOW).level(), Level::NONE);
}

#[test]
fn att_24_nothing_counts_for_longer_than_evidence_may_be_old() {
    let policy = Policy::from(rule(EvidenceType::Tpm2Quote).max_age(MINUTE));
    let tpm = tpm_for(key(), 1);
    assert_eq!(policy.judge(&[&tpm], NOW).not_after(), Some(NOW + MINUTE));
    assert!(policy.judge(&[&tpm], NOW + Duration::from_secs(59)).is_satisfied());
    assert_eq!(codes(&policy.judge(&[&tpm], NOW + MINUTE)), ["too_old"]);

    // As old as the machine's.
    let node = accepted(EvidenceType::Tpm2Quote, NOW + TEN_MINUTES).build();
    let later = NOW + Duration::from_secs(50);
    let young = Appraisal::accepted(
        &evidence(EvidenceType::Process),
        "test",
        (later, later + TEN_MINUTES),
        backend::ring(),
    )
    .parent(node)
    .build();
    let policy = Policy::from(rule(EvidenceType::Process).max_age(MINUTE));
    assert_eq!(policy.judge(&[&young], later).not_after(), Some(NOW + MINUTE));

    // And what does not count at all is not there.
    let policy = Policy::from(rule(EvidenceType::Tpm2Quote));
    assert_eq!(codes(&policy.judge(&[&tpm], NOW + TEN_MINUTES)), ["evidence_missing"]);
    let refused = Appraisal::refused(
        &evidence(EvidenceType::Tpm2Quote),
        "test",
        Verdict::Rejected(Reason::BadSignature),
        NOW,
        backend::ring(),
    );
    assert_eq!(codes(&policy.judge(&[&refused], NOW)), ["evidence_missing"]);
}

#[test]
fn att_20_a_policy_says_how_fresh_evidence_has_to_be() {
    use Freshness as F;
    let ranks = [F::Static, F::Tofu, F::Timestamp, F::Nonce];
    for (least, wanted) in ranks.iter().enumerate() {
        for (own, has) in ranks.iter().enumerate() {
            let one = accepted(EvidenceType::Eat, NOW + MINUTE).freshness(*has).build();
            let policy = Policy::from(rule(EvidenceType::Eat).freshness(*wanted));
            let judgement = policy.judge(&[&one], NOW);
            assert_eq!(judgement.is_satisfied(), own >= least, "{has:?} for {wanted:?}");
            assert_eq!(codes(&judgement).is_empty(), own >= least);
        }
    }
    let once = accepted(EvidenceType::Eat, NOW + MINUTE).freshness(F::OneTimeUse).build();
    let judge = |least| Policy::from(rule(EvidenceType::Eat).freshness(least)).judge(&[&once], NOW);
    assert!(judge(F::Timestamp).is_satisfied());
    assert_eq!(codes(&judge(F::Nonce)), ["not_fresh"]);
}

#[test]
fn att_111_a_rule_says_by_whom_and_how_evidence_was_judged() {
    let one = accepted(EvidenceType::Eat, NOW + MINUTE).level(Level::VOUCHED).policy("p-2").build();
    let judge = |rule: EvidenceRule| Policy::from(rule).judge(&[&one], NOW);
    let eat = || rule(EvidenceType::Eat);
    assert!(judge(eat().by_verifier("test").by_policy("p-2").min_level(Level::VOUCHED)).is_satisfied());
    assert_eq!(codes(&judge(eat().by_verifier("other"))), ["other_verifier"]);
    assert_eq!(codes(&judge(eat().by_policy("p-1"))), ["other_policy"]);
    assert_eq!(codes(&judge(eat().min_level(Level::HARDWARE))), ["level_too_low"]);
}

#[test]
fn att_111_same_key_counts_only_what_is_about_one() {
    let same_key = |policy| Policy::same_key(policy);
    assert_eq!(
        codes(&same_key(rule(EvidenceType::UnixPeer).into()).judge(&[&process()], NOW)),
        ["evidence_missing", "key_not_bound"]
    );
    let key = key();
    let (tpm, process) = (tpm_for(key, 1), process().with_possession(key, bind(key, 1)));
    assert!(same_key(both()).judge(&[&tpm, &process], NOW).is_satisfied());

    // What a process hangs on counts with it, but is not about its key.
    let node = tpm_for(other_key(), 9);
    let hung = accepted(EvidenceType::Process, NOW + MINUTE).parent(node).build();
    let policy = Policy::all_of([rule(EvidenceType::Process).into(), rule(EvidenceType::Tpm2Quote).into()]);
    assert!(policy.judge(&[&hung], NOW).is_satisfied());
    let bound = hung.with_possession(key, bind(key, 1));
    assert!(policy.judge(&[&bound], NOW).is_satisfied());
    let judgement = same_key(policy).judge(&[&bound], NOW);
    assert_eq!(codes(&judgement), ["evidence_missing", "key_not_bound"]);
}

#[test]
fn att_112_att_113_a_machine_whose_key_is_in_hardware_says_nothing_of_the_key_of_a_process() {
    let key = key();
    let machine = tpm_for(other_key(), 9);
    let process =
        accepted(EvidenceType::Process, NOW + MINUTE).level(Level::HARDWARE).parent(machine).build();
    let process = process.with_possession(key, bind(key, 1));
    let on_machine = |tpm: EvidenceRule| Policy::all_of([rule(EvidenceType::Process).into(), tpm.into()]);

    let judgement = on_machine(rule(EvidenceType::Tpm2Quote)).judge(&[&process], NOW);
    assert_eq!(
        (judgement.key(), judgement.binding()),
        (&BoundKey::ProofOfPossession(key), Some(&bind(key, 1)))
    );
    let judge = |rule| codes(&on_machine(rule).judge(&[&process], NOW));
    assert_eq!(judge(rule(EvidenceType::Tpm2Quote).key_in_hardware()), ["key_not_in_hardware"]);
    assert_eq!(judge(rule(EvidenceType::Tpm2Quote).about_key()), ["key_not_bound"]);
    assert_eq!(judge(rule(EvidenceType::Tpm2Quote).min_level(Level::HARDWARE)), ["level_too_low"]);
    let machine = Policy::from(rule(EvidenceType::Tpm2Quote));
    assert_eq!(machine.judge(&[&process], NOW).level(), Level::VOUCHED);
}

#[test]
fn att_111_same_node_counts_only_what_is_on_one_machine() {
    let node = |n: u8| tpm_for(other_key(), n);
    let (here, there) = (node(8), node(9));
    let key = key();
    let on = |kind: EvidenceType, node: &Appraisal| {
        let one = accepted(kind, NOW + MINUTE).level(Level::OBSERVED).parent(node.clone()).build();
        one.with_possession(key, bind(key, 1))
    };
    let policy =
        Policy::all_of([rule(EvidenceType::Process).into(), rule(EvidenceType::ContainerImage).into()]);
    let (process, image) = (on(EvidenceType::Process, &here), on(EvidenceType::ContainerImage, &here));
    let elsewhere = on(EvidenceType::ContainerImage, &there);
    let same_node = Policy::same_node(policy.clone());
    assert!(same_node.judge(&[&process, &image], NOW).is_satisfied());
    assert!(policy.judge(&[&process, &elsewhere], NOW).is_satisfied());
    let judgement = same_node.judge(&[&process, &elsewhere], NOW);
    assert!(!judgement.is_satisfied());
    assert!(codes(&judgement).contains(&"not_same_node"));
}

#[test]
fn att_102_att_112_selectors_are_proven_by_what_belongs_together() {
    let key = key();
    let proves = |texts: &[&str]| Policy::proves(selectors(texts));
    let mine = process().with_possession(key, bind(key, 1));
    let tpm = with(tpm().bound(BoundKey::Hardware(key), bind(key, 1)), &["tpm:manufacturer:IBM"]);
    let all = ["unix:uid:1000", "tpm:manufacturer:IBM"];
    let judgement = proves(&all).judge(&[&mine, &tpm], NOW);
    assert_eq!((judgement.level(), judgement.not_after()), (Level::HARDWARE, Some(NOW + MINUTE)));
    // What is about no key is looked at by itself.
    let apart = proves(&all).judge(&[&process(), &tpm], NOW);
    let unmet: Vec<_> = apart.unmet().iter().map(ToString::to_string).collect();
    assert_eq!(unmet, ["selector_missing (unix:uid:1000)", "selector_missing (tpm:manufacturer:IBM)"]);
    assert_eq!(codes(&proves(&[]).judge(&[&mine], NOW)), ["empty_policy"]);
}

#[test]
fn att_114_for_what_is_of_high_risk_hardware_platform_and_provenance_have_to_agree() {
    let hardware =
        [EvidenceType::Tpm2Quote, EvidenceType::SevSnp, EvidenceType::Tdx, EvidenceType::NitroEnclave];
    let policy = Policy::all_of([
        Policy::any_of(hardware.map(|kind| rule(kind).key_in_hardware().max_age(TEN_MINUTES).into())),
        Policy::any_of([rule(EvidenceType::K8sPsat).into(), rule(EvidenceType::GcpIit).into()]),
        rule(EvidenceType::SlsaProvenance).selector("slsa:level:3".parse().unwrap()).into(),
    ]);
    let policy = Policy::same_key(policy);
    let key = key();
    let psat = |key: Thumbprint| {
        let one = accepted(EvidenceType::K8sPsat, NOW + TEN_MINUTES).level(Level::VOUCHED).build();
        one.with_possession(key, bind(key, 1))
    };
    let slsa = |level: &str| {
        let one =
            with(accepted(EvidenceType::SlsaProvenance, NOW + TEN_MINUTES).level(Level::OBSERVED), &[level]);
        one.with_possession(key, bind(key, 1))
    };
    let (tpm, good) = (tpm_for(key, 1), slsa("slsa:level:3"));
    let judgement = policy.judge(&[&tpm, &psat(key), &good], NOW);
    assert_eq!((judgement.level(), judgement.key()), (Level::HARDWARE, &BoundKey::Hardware(key)));

    let by_possession = process().with_possession(key, bind(key, 1));
    for (all, why) in [
        (vec![&psat(key), &good, &by_possession], "evidence_missing"),
        (vec![&tpm, &good], "evidence_missing"),
        (vec![&tpm, &psat(other_key()), &good], "evidence_missing"),
        (vec![&tpm, &psat(key), &slsa("slsa:level:2")], "selector_missing"),
    ] {
        let judgement = policy.judge(&all, NOW);
        assert!(
            !judgement.is_satisfied() && codes(&judgement).contains(&why),
            "{why}: {:?}",
            codes(&judgement)
        );
    }
    assert!(!policy.judge(&[&tpm, &psat(key), &good], NOW + TEN_MINUTES).is_satisfied());
}

#[test]
fn att_115_credentials_live_as_long_as_what_they_rest_on_is_worth() {
    let levels = [
        Level::NONE,
        Level::ASSERTED,
        Level::OBSERVED,
        Level::VOUCHED,
        Level::HARDWARE,
        Level::HARDWARE_AND_SOFTWARE,
    ];
    assert_eq!(levels.map(|level| level.max_lifetime().as_secs()), [0, 300, 900, 3600, 3600, 3600]);
}

#[test]
fn a_policy_says_of_which_evidence_it_speaks() {
    let policy = Policy::all_of([
        Policy::not(rule(EvidenceType::UnixPeer).into()),
        Policy::same_key(Policy::n_of(1, [rule(EvidenceType::Tdx).into(), rule(EvidenceType::Tdx).into()])),
        Policy::same_node(Policy::any_of([
            rule(EvidenceType::Eat).into(),
            Policy::min_level(Level::VOUCHED),
        ])),
    ]);
    assert_eq!(policy.evidence_types(), [&EvidenceType::Eat, &EvidenceType::Tdx, &EvidenceType::UnixPeer]);
    assert_eq!(policy.id(), None);
    assert_eq!(policy.named("p-1").id(), Some("p-1"));
}

#[test]
fn att_111_one_piece_brought_twice_is_one() {
    let key = key();
    let two = |kind: EvidenceType| Policy::n_of(2, [rule(kind.clone()).into(), rule(kind).into()]);
    // The same bytes, appraised twice.
    let again = || {
        accepted(EvidenceType::Eat, NOW + MINUTE)
            .bound(BoundKey::ProofOfPossession(key), bind(key, 1))
            .build()
    };
    let judgement = two(EvidenceType::Eat).judge(&[&again(), &again()], NOW);
    assert!(!judgement.is_satisfied());
    // One device that speaks twice of one key, in other words.
    let written = |payload: &[u8]| {
        let evidence = Evidence::new(EvidenceType::Tpm2Quote, payload.to_vec(), NOW).unwrap();
        Appraisal::accepted(&evidence, "test", (NOW, NOW + MINUTE), backend::ring())
            .bound(BoundKey::Hardware(key), bind(key, 1))
            .build()
    };
    let judgement = two(EvidenceType::Tpm2Quote).judge(&[&written(b"{}"), &written(b"{ }")], NOW);
    assert_eq!((judgement.is_satisfied(), codes(&judgement)), (false, vec!["evidence_missing", "too_few"]));
}

#[test]
fn att_103_what_another_part_rests_on_is_not_hidden_from_not() {
    let key = key();
    let of = |payload: &[u8], until, selectors: &[&str]| {
        let evidence = Evidence::new(EvidenceType::Eat, payload.to_vec(), NOW).unwrap();
        let builder = Appraisal::accepted(&evidence, "test", (NOW, until), backend::ring())
            .bound(BoundKey::ProofOfPossession(key), bind(key, 1));
        with(builder, selectors)
    };
    let bad = of(b"1", NOW + TEN_MINUTES, &["eat:debug:true"]);
    let good = of(b"2", NOW + MINUTE, &["eat:debug:false"]);
    let debug = rule(EvidenceType::Eat).selector("eat:debug:true".parse().unwrap());
    let not = Policy::not(debug.into());
    assert!(!not.judge(&[&bad, &good], NOW).is_satisfied());
    // The first part takes what is worth most, which is the one that the second part is about.
    let policy = Policy::n_of(2, [rule(EvidenceType::Eat).into(), not]);
    assert!(!policy.judge(&[&bad, &good], NOW).is_satisfied());
}

/// Of several pieces of one kind the one that is worth most counts, in whatever order they are brought; of two worth the same, the one that lives longer.
#[test]
fn att_113_the_best_of_several_is_taken_in_whatever_order() {
    let of = |payload: &[u8], key, level, until| {
        let evidence = Evidence::new(EvidenceType::Eat, payload.to_vec(), NOW).unwrap();
        Appraisal::accepted(&evidence, "test", (NOW, until), backend::ring())
            .level(level)
            .bound(BoundKey::ProofOfPossession(key), bind(key, 1))
            .build()
    };
    // About one key, and about two: whichever way they belong together.
    for other in [key(), other_key()] {
        let low = of(b"low", key(), Level::OBSERVED, NOW + TEN_MINUTES);
        let high = of(b"high", other, Level::VOUCHED, NOW + MINUTE);
        let longer = of(b"longer", key(), Level::VOUCHED, NOW + TEN_MINUTES);
        for (all, best) in [
            ([&low, &high], &high),
            ([&high, &low], &high),
            ([&high, &longer], &longer),
            ([&longer, &high], &longer),
        ] {
            let judgement = Policy::from(rule(EvidenceType::Eat)).judge(&all, NOW);
            assert_eq!(judgement.appraisals(), [*best.id()]);
            assert_eq!((judgement.level(), judgement.not_after()), (best.level(), Some(best.expires())));
        }
    }
}

/// Two pieces about one key are two, where no hardware says the same of it twice.
#[test]
fn att_111_two_pieces_about_one_key_are_two() {
    let of = |payload: &[u8]| {
        let evidence = Evidence::new(EvidenceType::Eat, payload.to_vec(), NOW).unwrap();
        Appraisal::accepted(&evidence, "test", (NOW, NOW + MINUTE), backend::ring())
            .bound(BoundKey::ProofOfPossession(key()), bind(key(), 1))
            .build()
    };
    let two = Policy::n_of(2, [rule(EvidenceType::Eat).into(), rule(EvidenceType::Eat).into()]);
    assert!(two.judge(&[&of(b"1"), &of(b"2")], NOW).is_satisfied());
    assert!(!two.judge(&[&of(b"1"), &of(b"1")], NOW).is_satisfied());
}

/// Answers to one challenge, by whoever does not say where the key is: one device can give as many as it likes, and its answer about a key in hardware again without saying so.
#[test]
fn att_111_att_112_answers_for_one_key_are_one() {
    let of = |payload: &[u8]| {
        let evidence = Evidence::new(EvidenceType::Tpm2Quote, payload.to_vec(), NOW).unwrap();
        Appraisal::accepted(&evidence, "test", (NOW, NOW + MINUTE), backend::ring())
            .level(Level::VOUCHED)
            .freshness(Freshness::Nonce)
    };
    let quote = |payload: &[u8]| of(payload).build().with_possession(key(), bind(key(), 1));
    let hardware = of(b"certified").bound(BoundKey::Hardware(key()), bind(key(), 1)).build();
    let two = Policy::n_of(2, [rule(EvidenceType::Tpm2Quote).into(), rule(EvidenceType::Tpm2Quote).into()]);
    for (one, other) in [(quote(b"{}"), quote(b"{ }")), (hardware.clone(), quote(b"{}"))] {
        assert!(!two.judge(&[&one, &other], NOW).is_satisfied());
        assert!(!two.judge(&[&other, &one], NOW).is_satisfied());
    }
    // Of another type, it is another piece.
    let eat =
        accepted(EvidenceType::Eat, NOW + MINUTE).bound(BoundKey::ProofOfPossession(key()), bind(key(), 1));
    let two = Policy::all_of([rule(EvidenceType::Tpm2Quote).into(), rule(EvidenceType::Eat).into()]);
    assert!(two.judge(&[&quote(b"{}"), &eat.build()], NOW).is_satisfied());
}

/// However good it is: what hardware does not say of this key is worth three at most.
#[test]
fn att_113_nothing_is_worth_more_than_three_for_a_key_that_it_does_not_name() {
    for level in [Level::HARDWARE, Level::HARDWARE_AND_SOFTWARE] {
        let one = accepted(EvidenceType::Eat, NOW + MINUTE).level(level).freshness(Freshness::Nonce).build();
        let one = one.with_possession(key(), bind(key(), 1));
        let least = |level| Policy::from(rule(EvidenceType::Eat).min_level(level));
        assert_eq!(codes(&least(Level::HARDWARE).judge(&[&one], NOW)), ["level_too_low"]);
        assert_eq!(least(Level::VOUCHED).judge(&[&one], NOW).level(), Level::VOUCHED);
    }
}
