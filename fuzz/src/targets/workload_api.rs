//! Every body of the Workload API and of the service beside it, on both sides: what counts is coherent.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use aims_attest::{Appraisal, Evidence, EvidenceType};
use aims_jose::PrivateJwk;
use aims_keys::{Algorithm, PrivateKey, backend};
use aims_provision::{Authority, AuthoritySettings, Entries, Entry, Phase, Provisioner};
use aims_workload_api::proto::{key_holder, workload};
use aims_workload_api::{WorkloadIdentity, response};
use prost::Message;

use super::world::NOW;

/// The first byte says which message it is.
pub(super) fn run(input: &[u8]) {
    let Some((which, body)) = input.split_first() else { return };
    match which % 10 {
        0 => {
            let Ok(message) = workload::X509svidResponse::decode(body) else { return };
            if let Ok(context) = response::read_x509(message, backend::ring()) {
                check(&context.identities);
                assert!(!context.bundles.is_empty(), "an identity comes with its bundle");
            }
        }
        1 => {
            let Ok(message) = workload::X509BundlesResponse::decode(body) else { return };
            drop(response::read_x509_bundles(&message));
        }
        2 => {
            let Ok(message) = workload::JwtsvidResponse::decode(body) else { return };
            if let Ok(identities) = response::read_jwt(&message) {
                assert!(!identities.is_empty());
            }
        }
        3 => {
            let Ok(message) = workload::JwtBundlesResponse::decode(body) else { return };
            for bundle in response::read_jwt_bundles(&message, backend::ring()).unwrap_or_default() {
                assert!(bundle.keys().is_empty() && bundle.x509_authorities().is_empty());
            }
        }
        4 => {
            let Ok(message) = workload::WitsvidResponse::decode(body) else { return };
            if let Ok(identities) = response::read_wit(message, backend::ring()) {
                check(&identities);
            }
        }
        5 => {
            let Ok(message) = workload::WitBundlesResponse::decode(body) else { return };
            for bundle in response::read_wit_bundles(&message, backend::ring()).unwrap_or_default() {
                assert!(bundle.jwt_keys().is_empty() && bundle.x509_authorities().is_empty());
            }
        }
        6 => drop(workload::JwtsvidRequest::decode(body)),
        7 => drop(workload::ValidateJwtsvidRequest::decode(body)),
        8 => drop(key_holder::IssueRequest::decode(body)),
        _ => drop(key_holder::IssueResponse::decode(body)),
    }
}

fn check(identities: &[WorkloadIdentity]) {
    assert!(!identities.is_empty());
    let hints: Vec<_> = identities.iter().filter_map(|identity| identity.hint.as_deref()).collect();
    assert_eq!(hints.iter().collect::<HashSet<_>>().len(), hints.len(), "a hint is there once");
    for identity in identities {
        assert!(identity.holder.subject().has_path());
    }
}

struct Good {
    x509: workload::X509svidResponse,
    wit: workload::WitsvidResponse,
    jwt: workload::JwtsvidResponse,
    jwt_bundles: workload::JwtBundlesResponse,
    wit_bundles: workload::WitBundlesResponse,
}

const ORIGIN: &str = "spiffe://acme.example";

static GOOD: LazyLock<Good> = LazyLock::new(|| {
    let domain = "acme.example".parse().expect("a trust domain");
    let authority =
        Authority::in_memory(domain, AuthoritySettings::new(), backend::ring(), NOW).expect("an authority");
    let entry = Entry::builder("spiffe://acme.example/a".parse().expect("an identifier"));
    let entry = entry.selector("unix:uid:1".parse().expect("a selector")).build().expect("an entry");
    let entries = Entries::new(authority.origin().clone(), [entry]).expect("entries");
    let evidence = Evidence::new(EvidenceType::UnixPeer, Vec::new(), NOW).expect("evidence");
    let until = NOW + Duration::from_secs(3600);
    let appraisal = Appraisal::accepted(&evidence, "fuzz", (NOW, until), backend::ring());
    let appraisal = appraisal.selector("unix:uid:1".parse().expect("a selector")).build();
    let grants = Provisioner::new().decide(&entries, &[appraisal], Phase::Initial, NOW).expect("a grant");
    let key = PrivateKey::generate(Algorithm::Es256, backend::ring()).expect("a key");
    let public = key.load(Algorithm::Es256, backend::ring()).expect("a key").public_key().clone();
    let chain = authority.issue_x509(&grants[0], &public, NOW).expect("a certificate");
    let bundle = authority.trust_bundle();
    let x509 = workload::X509svid {
        spiffe_id: "spiffe://acme.example/a".into(),
        x509_svid: chain.iter().flat_map(|der| der.iter().copied()).collect(),
        x509_svid_key: key.expose_pkcs8().to_vec(),
        bundle: bundle.x509_authorities()[0].der().to_vec(),
        hint: "h".into(),
    };
    let jwk = PrivateJwk::new(key, Algorithm::Es256).expose_json(backend::ring()).expect("a key");
    let wit = workload::Witsvid {
        spiffe_id: "spiffe://acme.example/a".into(),
        wit_svid: authority.issue_wit(&grants[0], &public, NOW).expect("a WIT"),
        wit_svid_key: jwk.to_string(),
        hint: String::new(),
    };
    let jwt = workload::Jwtsvid {
        spiffe_id: "spiffe://acme.example/a".into(),
        svid: authority.issue_jwt(&grants[0], &["a"], NOW).expect("a token"),
        hint: String::new(),
    };
    let der = bundle.x509_authorities()[0].der().to_vec();
    let jwt_keys = bundle.jwt_keys_to_json().expect("keys").into_bytes();
    Good {
        x509: workload::X509svidResponse {
            svids: vec![x509],
            crl: Vec::new(),
            federated_bundles: [("spiffe://bank.example".to_owned(), der)].into(),
        },
        wit: workload::WitsvidResponse { svids: vec![wit] },
        jwt: workload::JwtsvidResponse { svids: vec![jwt] },
        jwt_bundles: workload::JwtBundlesResponse { bundles: [(ORIGIN.to_owned(), jwt_keys)].into() },
        wit_bundles: workload::WitBundlesResponse {
            bundles: [(ORIGIN.to_owned(), bundle.wit_keys_to_json().expect("keys"))].into(),
        },
    }
});

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let seed = |which: u8, body: Vec<u8>| [vec![which], body].concat();
    let request = workload::JwtsvidRequest { audience: vec!["a".into()], spiffe_id: ORIGIN.into() };
    let x509 = GOOD.x509.encode_to_vec();
    assert!(response::read_x509(GOOD.x509.clone(), backend::ring()).is_ok(), "a good seed");
    assert!(response::read_wit(GOOD.wit.clone(), backend::ring()).is_ok(), "a good seed");
    vec![
        seed(0, x509),
        seed(2, GOOD.jwt.encode_to_vec()),
        seed(3, GOOD.jwt_bundles.encode_to_vec()),
        seed(4, GOOD.wit.encode_to_vec()),
        seed(5, GOOD.wit_bundles.encode_to_vec()),
        seed(6, request.encode_to_vec()),
    ]
}
