//! Answers that do not count, one check each (WA-5 to WA-8).

use std::collections::HashMap;

use aims_keys::backend;
use aims_testkit::assert_refused;
use aims_workload_api::proto::workload as wire;
use aims_workload_api::response::{
    read_jwt, read_jwt_bundles, read_wit, read_wit_bundles, read_x509, read_x509_bundles,
};

use crate::server::{raw, with_header};
use crate::support::*;

/// Spoils an answer.
type Change<'c, M> = &'c dyn Fn(&mut M);

/// Good answers, of our own server.
struct Good {
    x509: wire::X509svidResponse,
    jwt: wire::JwtsvidResponse,
    wit: wire::WitsvidResponse,
    jwt_bundles: wire::JwtBundlesResponse,
    wit_bundles: wire::WitBundlesResponse,
}

async fn good() -> Good {
    let served = Served::new(vec![
        entry(AGENT, &["unix:uid:1"]).hint("a"),
        entry("spiffe://acme.example/agents/two", &["unix:uid:1"]).hint("b"),
    ]);
    let mut client = raw(&served.path).await;
    macro_rules! first {
        ($method:ident, $message:expr) => {
            client
                .$method(with_header($message))
                .await
                .unwrap()
                .into_inner()
                .message()
                .await
                .unwrap()
                .unwrap()
        };
    }
    let audience = vec!["a".into()];
    Good {
        x509: first!(fetch_x509svid, wire::X509svidRequest {}),
        jwt: client
            .fetch_jwtsvid(with_header(wire::JwtsvidRequest { audience, spiffe_id: String::new() }))
            .await
            .unwrap()
            .into_inner(),
        wit: first!(fetch_witsvid, wire::WitsvidRequest { spiffe_id: String::new() }),
        jwt_bundles: first!(fetch_jwt_bundles, wire::JwtBundlesRequest {}),
        wit_bundles: first!(fetch_wit_bundles, wire::WitBundlesRequest {}),
    }
}

#[tokio::test]
async fn wa_6_wa_8_an_x509_answer_counts_as_a_whole_or_not_at_all() {
    let good = good().await;
    let read = |change: &dyn Fn(&mut wire::X509svidResponse)| {
        let mut answer = good.x509.clone();
        change(&mut answer);
        read_x509(answer, backend::ring())
    };
    let context = read(&|_| {}).unwrap();
    assert_eq!((context.identities.len(), context.bundles.len()), (2, 1));
    let (other_key, other_chain) =
        (good.x509.svids[1].x509_svid_key.clone(), good.x509.svids[1].x509_svid.clone());
    let cases: [(Change<'_, wire::X509svidResponse>, &str, &str); 17] = [
        (&|answer| answer.svids.clear(), "empty_response", "WA-8"),
        (&|answer| answer.svids[1].spiffe_id.clear(), "field_missing", "WA-6"),
        (&|answer| answer.svids[1].x509_svid.clear(), "field_missing", "WA-6"),
        (&|answer| answer.svids[1].x509_svid_key.clear(), "field_missing", "WA-6"),
        (&|answer| answer.svids[1].bundle.clear(), "field_missing", "WA-6"),
        (
            &|answer| answer.svids[0].spiffe_id = "spiffe://acme.example/x//y".into(),
            "empty_segment",
            "SPF-ID-5",
        ),
        (
            &|answer| answer.svids[0].spiffe_id = "spiffe://acme.example/agents/two".into(),
            "another_subject",
            "WA-6",
        ),
        (&|answer| answer.svids[0].x509_svid.clone_from(&other_chain), "another_subject", "WA-6"),
        (&|answer| answer.svids[0].x509_svid_key.clone_from(&other_key), "foreign_key", "AIMS-5"),
        (&|answer| answer.svids[0].x509_svid.truncate(100), "malformed_certificates", "WA-6"),
        (&|answer| answer.svids[0].x509_svid = vec![0x30, 0], "malformed_certificate", "X5V-1"),
        (&|answer| answer.svids[0].x509_svid.insert(0, 0x31), "malformed_certificates", "WA-6"),
        (&|answer| answer.svids[0].x509_svid_key.truncate(100), "key_malformed", "JO-KEY-07"),
        (&|answer| answer.svids[0].bundle.extend([0x30, 0]), "bundles_differ", "FED-11"),
        (&|answer| answer.crl.push(vec![0x30, 0]), "malformed_revocation_list", "X5V-3"),
        (
            &|answer| drop(answer.federated_bundles.insert("bank.example".into(), vec![])),
            "unknown_scheme",
            "WID-1",
        ),
        (
            &|answer| drop(answer.federated_bundles.insert("wimse://bank.example".into(), vec![])),
            "trust_domain_scheme",
            "SPF-ID-1",
        ),
    ];
    for (change, code, rule) in cases {
        assert_refused!(read(change), code, rule);
    }
    let many = |answer: &mut wire::X509svidResponse| answer.svids = vec![answer.svids[0].clone(); 10_001];
    assert_refused!(read(&many), "too_many_elements", "WA-8");
    let small = |answer: &mut wire::X509svidResponse| answer.svids[0].x509_svid = [0x30, 0].repeat(1001);
    assert_refused!(read(&small), "too_many_elements", "WA-8");
}

#[tokio::test]
async fn wa_8_wa_12_of_two_identities_with_one_hint_the_first_has_it() {
    let mut answer = good().await.x509;
    answer.svids[1].hint = "a".into();
    let hints = |answer| {
        let context = read_x509(answer, backend::ring()).unwrap();
        context.identities.into_iter().map(|identity| identity.hint).collect::<Vec<_>>()
    };
    assert_eq!(hints(answer.clone()), [Some("a".into()), None]);
    answer.svids[0].hint = "x".repeat(1025);
    assert_eq!(hints(answer.clone()), [None, Some("a".into())]);
    answer.svids[0].hint = "x".repeat(1024);
    assert_eq!(hints(answer), [Some("x".repeat(1024)), Some("a".into())]);
}

#[tokio::test]
async fn wa_6_fed_11_bundles_are_kept_apart_and_what_cannot_be_used_vouches_for_nothing() {
    let good = good().await;
    let der = good.x509.svids[0].bundle.clone();
    let bundles = |all: &[(&str, Vec<u8>)]| wire::X509BundlesResponse {
        crl: Vec::new(),
        bundles: all.iter().map(|(name, der)| ((*name).to_owned(), der.clone())).collect(),
    };
    // A workload's certificate is no authority.
    let leaf = good.x509.svids[0].x509_svid.clone();
    let mixed = [leaf, der.clone()].concat();
    let read =
        read_x509_bundles(&bundles(&[("spiffe://a.example", der.clone()), ("spiffe://b.example", mixed)]))
            .unwrap();
    assert!(read.iter().all(|bundle| bundle.x509_authorities().len() == 1));
    // An empty one trusts nobody, and is no error (WA-5).
    let read = read_x509_bundles(&bundles(&[("spiffe://a.example", Vec::new())])).unwrap();
    assert!(read[0].x509_authorities().is_empty());
    assert_refused!(
        read_x509_bundles(&bundles(&[("spiffe://a.example/x", der.clone())])),
        "unexpected_path",
        "WID-19"
    );
    assert!(read_x509_bundles(&bundles(&[])).unwrap().is_empty());
    // What comes with the identity counts, whatever else is said of its trust domain.
    let mut answer = good.x509.clone();
    answer.federated_bundles.insert(ORIGIN.into(), Vec::new());
    let context = read_x509(answer, backend::ring()).unwrap();
    assert_eq!((context.bundles.len(), context.bundles[0].x509_authorities().len()), (1, 1));
}

#[tokio::test]
async fn wa_8_there_is_so_much_in_an_answer_and_no_more() {
    let good = good().await;
    let authority = authority();
    authority.revoke("0a", now()).unwrap();
    let list = authority.trust_bundle().revocation_lists()[0].der().to_vec();
    let bundle = |certificates: usize| [0x30, 0].repeat(certificates);
    let named = |count: usize| (0..count).map(|n| (format!("spiffe://d{n}.example"), Vec::new()));
    let of = |lists: usize, bundles: usize, certificates: usize| {
        let mut bundles: HashMap<_, _> = named(bundles).collect();
        bundles.insert(ORIGIN.to_owned(), bundle(certificates));
        read_x509_bundles(&wire::X509BundlesResponse { crl: vec![list.clone(); lists], bundles })
    };
    assert_eq!(of(10_000, 0, 1000).unwrap()[0].revocation_lists().len(), 10_000);
    assert_eq!(of(1, 9_999, 1000).unwrap().len(), 10_000);
    assert_eq!(of(1000, 999, 1).unwrap().len(), 1000);
    assert_refused!(of(1000, 1000, 1), "too_many_elements", "WA-8");
    for (lists, bundles, certificates) in
        [(10_001, 0, 1), (10_002, 0, 1), (0, 10_000, 1), (0, 10_001, 1), (0, 0, 1001), (0, 0, 1002)]
    {
        assert_refused!(of(lists, bundles, certificates), "too_many_elements", "WA-8");
    }
    // The other kinds: a key set each.
    let jwt = |count| {
        let keys = good.jwt_bundles.bundles[ORIGIN].clone();
        let bundles = named(count).map(|(name, _)| (name, keys.clone())).collect();
        read_jwt_bundles(&wire::JwtBundlesResponse { bundles }, backend::ring())
    };
    assert_eq!(jwt(10_000).unwrap().len(), 10_000);
    assert_refused!(jwt(10_001), "too_many_elements", "WA-8");
    let wit = |count| {
        let keys = good.wit_bundles.bundles[ORIGIN].clone();
        let bundles = named(count).map(|(name, _)| (name, keys.clone())).collect();
        read_wit_bundles(&wire::WitBundlesResponse { bundles }, backend::ring())
    };
    assert_eq!(wit(1).unwrap()[0].keys().len(), 1);
    assert_refused!(wit(0), "empty_response", "WA-8");
    assert_refused!(wit(10_001), "too_many_elements", "WA-8");
}

#[tokio::test]
async fn wa_6_a_jwt_answer_counts_as_a_whole_or_not_at_all() {
    let good = good().await;
    assert_eq!(read_jwt(&good.jwt).unwrap().len(), 2);
    let cases: [(Change<'_, wire::JwtsvidResponse>, &str, &str); 5] = [
        (&|answer| answer.svids.clear(), "empty_response", "WA-8"),
        (&|answer| answer.svids[1].spiffe_id.clear(), "field_missing", "WA-6"),
        (&|answer| answer.svids[1].svid.clear(), "field_missing", "WA-6"),
        (&|answer| answer.svids[1].spiffe_id = AGENT.into(), "another_subject", "WA-6"),
        (&|answer| answer.svids[0].svid = "x".into(), "malformed", "JS-1"),
    ];
    for (change, code, rule) in cases {
        let mut answer = good.jwt.clone();
        change(&mut answer);
        assert_refused!(read_jwt(&answer), code, rule);
    }
    assert_eq!(read_jwt_bundles(&good.jwt_bundles, backend::ring()).unwrap()[0].jwt_keys().len(), 1);
    let of = |name: &str, jwks: &[u8]| wire::JwtBundlesResponse {
        bundles: HashMap::from([(name.to_owned(), jwks.to_vec())]),
    };
    assert_refused!(read_jwt_bundles(&of(ORIGIN, &[0xff]), backend::ring()), "bundle_not_text", "WA-6");
    assert_refused!(read_jwt_bundles(&of(ORIGIN, b"{}"), backend::ring()), "no_keys", "BND-9");
    assert_refused!(read_jwt_bundles(&of("acme.example", b"{}"), backend::ring()), "unknown_scheme", "WID-1");
    assert_refused!(
        read_jwt_bundles(&wire::JwtBundlesResponse::default(), backend::ring()),
        "empty_response",
        "WA-8"
    );
}

#[tokio::test]
async fn wa_6_a_wit_answer_counts_as_a_whole_or_not_at_all() {
    let good = good().await;
    assert_eq!(read_wit(good.wit.clone(), backend::ring()).unwrap().len(), 2);
    let other_key = good.wit.svids[1].wit_svid_key.clone();
    let cases: [(Change<'_, wire::WitsvidResponse>, &str, &str); 8] = [
        (&|answer| answer.svids.clear(), "empty_response", "WA-8"),
        (&|answer| answer.svids[1].spiffe_id.clear(), "field_missing", "WA-6"),
        (&|answer| answer.svids[1].wit_svid.clear(), "field_missing", "WA-6"),
        (&|answer| answer.svids[1].wit_svid_key.clear(), "field_missing", "WA-6"),
        (&|answer| answer.svids[1].spiffe_id = AGENT.into(), "another_subject", "WA-6"),
        (&|answer| answer.svids[0].wit_svid_key.clone_from(&other_key), "foreign_key", "AIMS-5"),
        (&|answer| answer.svids[0].wit_svid_key = "{}".into(), "key_type", "JO-KEY-02"),
        (&|answer| answer.svids[0].wit_svid = "x".into(), "malformed", "WIT-1"),
    ];
    for (change, code, rule) in cases {
        let mut answer = good.wit.clone();
        change(&mut answer);
        assert_refused!(read_wit(answer, backend::ring()), code, rule);
    }
    assert_eq!(read_wit_bundles(&good.wit_bundles, backend::ring()).unwrap()[0].keys().len(), 1);
}
