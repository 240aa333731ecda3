//! Processes behind Unix sockets (ATT-43, ATT-45).

use aims_attest::{
    Asked, Evidence, EvidenceType, Freshness, Level, Proven, Reason, UnixProcess, UnixVerifier, Verdict,
    Verifier,
};
use aims_keys::backend;

use crate::support::*;

fn process() -> UnixProcess {
    let mut process = UnixProcess::default();
    (process.pid, process.start_time, process.uid, process.gid) = (4711, 99, 1000, 100);
    process.groups = vec![4, 27];
    process.user = Some("alice".into());
    process.group = Some("users".into());
    process.path = Some("/usr/bin/travel agent".into());
    process.sha256 = Some([0xab; 32]);
    process
}

fn shown(process: &UnixProcess) -> Vec<String> {
    let appraisal =
        UnixVerifier::new(backend::ring()).appraise(&process.to_evidence(NOW).unwrap(), &Asked::at(NOW));
    Proven::of([&appraisal], NOW).selectors().map(ToString::to_string).collect()
}

#[test]
fn att_43_a_process_is_proven_by_what_the_kernel_says_about_it() {
    let appraisal =
        UnixVerifier::new(backend::ring()).appraise(&process().to_evidence(NOW).unwrap(), &Asked::at(NOW));
    assert_eq!((appraisal.verdict(), appraisal.level()), (Verdict::Accepted, Level::OBSERVED));
    assert_eq!((appraisal.expires(), appraisal.freshness()), (NOW + MINUTE * 60, Freshness::Timestamp));
    assert_eq!((&*appraisal.claims()["pid"], &*appraisal.claims()["start_time"]), ("4711", "99"));
    let digest = format!("unix:sha256:{}", "ab".repeat(32));
    assert_eq!(
        shown(&process()),
        [
            "unix:gid:100",
            "unix:group:users",
            "unix:path:/usr/bin/travel agent",
            &digest,
            "unix:supplementary_gid:27",
            "unix:supplementary_gid:4",
            "unix:uid:1000",
            "unix:user:alice",
        ]
    );
    let short = UnixVerifier::new(backend::ring()).with_lifetime(MINUTE);
    assert_eq!(short.appraise(&process().to_evidence(NOW).unwrap(), &Asked::at(NOW)).expires(), NOW + MINUTE);
}

#[test]
fn att_45_whoever_has_no_number_here_is_not_taken_for_others_who_have_none() {
    let mut unmapped = process();
    (unmapped.uid, unmapped.gid, unmapped.groups) = (65_534, 65_534, vec![65_534, u32::MAX]);
    let shown = shown(&unmapped);
    assert!(
        shown.iter().all(|selector| selector.contains(":path:") || selector.contains(":sha256:")),
        "{shown:?}"
    );
    // A process 0 is one that the collector cannot see.
    let mut outside = process();
    outside.pid = 0;
    let appraisal =
        UnixVerifier::new(backend::ring()).appraise(&outside.to_evidence(NOW).unwrap(), &Asked::at(NOW));
    assert_eq!(appraisal.verdict(), Verdict::Rejected(Reason::Malformed));
}

#[test]
fn att_101_a_path_that_is_no_selector_proves_nothing() {
    let mut odd = process();
    odd.path = Some("/tmp/a\nunix:uid:0".into());
    assert!(!shown(&odd).iter().any(|selector| selector.contains("path")));
    odd.path = Some(format!("/{}", "x".repeat(5000)));
    assert!(!shown(&odd).iter().any(|selector| selector.contains("path")));
}

#[test]
fn att_3_what_is_not_evidence_of_a_process_now_is_rejected() {
    let good = String::from_utf8(process().to_evidence(NOW).unwrap().payload().to_vec()).unwrap();
    let verifier = UnixVerifier::new(backend::ring());
    let verdict = |text: &str| {
        let evidence = Evidence::new(EvidenceType::UnixPeer, text.as_bytes().to_vec(), NOW).unwrap();
        verifier.appraise(&evidence, &Asked::at(NOW)).verdict()
    };
    assert_eq!(verdict(&good), Verdict::Accepted);
    for (from, to) in [
        ("\"uid\":1000,", ""),
        ("\"gid\":100,", ""),
        ("\"pid\":4711,", ""),
        ("\"start_time\":99,", ""),
        ("1000", "\"1000\""),
        ("1000", "-1"),
        ("1000", "1000.0"),
        ("1000", "4294967296"),
        ("[4,27]", "[4,\"27\"]"),
        ("[4,27]", "4"),
        ("\"uid\":1000", "\"uid\":1000,\"uid\":0"),
        ("\"uid\":1000", "\"uid\":1000,\"euid\":0"),
        ("abab", "ABab"),
        ("abab", "ab"),
        ("\"alice\"", "7"),
        ("}", ""),
        ("{", "[{"),
    ] {
        assert!(good.contains(from), "{from}");
        assert_eq!(
            verdict(&good.replacen(from, to, 1)),
            Verdict::Rejected(Reason::Malformed),
            "{from} -> {to}"
        );
    }
    let evidence = process().to_evidence(NOW).unwrap();
    for (now, expected) in [
        (NOW + MINUTE / 6, Verdict::Accepted),
        (NOW + MINUTE, Verdict::Rejected(Reason::Stale)),
        (NOW - MINUTE, Verdict::Rejected(Reason::Stale)),
    ] {
        assert_eq!(verifier.appraise(&evidence, &Asked::at(now)).verdict(), expected);
    }
    let other = Evidence::new(EvidenceType::Process, good.clone().into_bytes(), NOW).unwrap();
    assert_eq!(
        verifier.appraise(&other, &Asked::at(NOW)).verdict(),
        Verdict::Rejected(Reason::UnsupportedType)
    );
    let newer = evidence.with_format_version(2);
    assert_eq!(
        verifier.appraise(&newer, &Asked::at(NOW)).verdict(),
        Verdict::Rejected(Reason::UnsupportedVersion)
    );
}
