//! Our client at our server: what one makes the other reads, and verifiers accept it.

use std::sync::Arc;

use aims_attest::{EvidenceRule, EvidenceType, Policy};
use aims_credential::x509::{Role, SvidVerifier};
use aims_credential::{BundleSet, Credential, JwtSvidVerifier, TrustBundle, WitVerifier};
use aims_keys::backend;
use aims_provision::{
    Authority, AuthoritySettings, Phase, Posture, PostureAssessor, PostureQuestion, Provisioner, Terms,
};
use aims_testkit::assert_refused;
use aims_workload_api::{Attested, Endpoint, WorkloadApi, WorkloadApiServer};

use crate::support::*;

fn bank() -> TrustBundle {
    let settings = AuthoritySettings::new();
    let bank =
        Authority::in_memory("bank.example".parse().unwrap(), settings, backend::ring(), now()).unwrap();
    TrustBundle::clone(&bank.trust_bundle())
}

fn set(bundles: Vec<TrustBundle>) -> BundleSet {
    bundles.into_iter().collect()
}

#[tokio::test]
async fn wa_1_wa_10_wa_13_all_kinds_of_credential_are_fetched_and_verify() {
    let federated = BundleSet::from(bank());
    let served = Served::with(
        vec![
            entry(AGENT, &["unix:uid:1"])
                .hint("internal")
                .dns_name("travel.acme.example")
                .federates_with("spiffe://bank.example".parse().unwrap()),
        ],
        |builder| builder.federated(federated),
    );
    let api = served.api();

    let context = api.fetch_x509().await.unwrap();
    let identity = &context.identities[0];
    assert_eq!((identity.holder.subject().as_str(), identity.hint.as_deref()), (AGENT, Some("internal")));
    let Credential::Svid(svid) = identity.holder.credential() else { panic!("no certificate") };
    let origins = |bundles: &[TrustBundle]| {
        let mut all: Vec<_> = bundles.iter().map(|bundle| bundle.origin().to_string()).collect();
        all.sort();
        all
    };
    assert_eq!(origins(&context.bundles), [ORIGIN, "spiffe://bank.example"]);
    let verifier = SvidVerifier::builder(set(context.bundles.clone()), backend::ring()).build();
    verifier.verify(&svid.chain()[0], &svid.chain()[1..], Role::Server, now()).unwrap();
    assert_eq!(origins(&api.fetch_x509_bundles().await.unwrap()), [ORIGIN, "spiffe://bank.example"]);

    let identities = api.fetch_jwt(&["https://tools.example"], None).await.unwrap();
    let token = identities[0].svid.token();
    assert_eq!(identities[0].hint.as_deref(), Some("internal"));
    let bundles = api.fetch_jwt_bundles().await.unwrap();
    assert_eq!(origins(&bundles), [ORIGIN, "spiffe://bank.example"]);
    let verifier = JwtSvidVerifier::builder(set(bundles), "https://tools.example").build();
    assert_eq!(verifier.verify(token, now()).unwrap().subject().as_str(), AGENT);
    // WA-13: the API can be asked, too.
    assert_eq!(api.validate_jwt("https://tools.example", token).await.unwrap().as_str(), AGENT);
    assert_refused!(api.validate_jwt("https://other.example", token).await, "invalid_argument", "WE-2");

    let wits = api.fetch_wit().await.unwrap();
    let Credential::Wit(wit) = wits[0].holder.credential() else { panic!("no WIT") };
    let bundles = api.fetch_wit_bundles().await.unwrap();
    let verifier = WitVerifier::builder(set(bundles), backend::ring()).build();
    assert_eq!(verifier.verify(wit.token(), now()).unwrap().confirmation_key(), wit.confirmation_key());
}

#[tokio::test]
async fn wa_10_the_api_validates_by_the_bundles_that_the_caller_has() {
    let bank = Arc::new(
        Authority::in_memory(
            "bank.example".parse().unwrap(),
            AuthoritySettings::new(),
            backend::ring(),
            now(),
        )
        .unwrap(),
    );
    let served =
        Served::with(vec![entry(AGENT, &["unix:uid:1"])], |builder| builder.federated(Arc::clone(&bank)));
    let teller = entry("spiffe://bank.example/teller", &["unix:uid:1"]).build().unwrap();
    let all = aims_provision::Entries::new(bank.origin().clone(), [teller]).unwrap();
    let appraisals = served.says.appraise(now()).unwrap();
    let grants = Provisioner::new().decide(&all, &appraisals, Phase::Initial, now()).unwrap();
    let token = bank.issue_jwt(&grants[0], &["a"], now()).unwrap();

    // The server has the bundle of the bank, and this caller has not.
    assert_refused!(served.api().validate_jwt("a", &token).await, "invalid_argument", "WE-2");
    served.server.set_entries(entries(vec![
        entry(AGENT, &["unix:uid:1"]).federates_with("spiffe://bank.example".parse().unwrap()),
    ]));
    assert_eq!(served.api().validate_jwt("a", &token).await.unwrap().trust_domain(), "bank.example");
}

#[tokio::test]
async fn wa_9_we_5_what_keeps_a_workload_from_an_identity_has_a_name() {
    let served = Served::new(vec![entry(AGENT, &["unix:uid:2"])]);
    let api = served.api();
    assert_refused!(api.fetch_x509().await, "permission_denied", "WA-9");
    assert_refused!(api.fetch_wit().await, "permission_denied", "WA-9");
    assert_refused!(api.fetch_jwt(&["a"], None).await, "permission_denied", "WA-9");
    let nobody = WorkloadApi::new(&Endpoint::Unix("/nonexistent/api.sock".into()), backend::ring());
    assert_refused!(nobody.fetch_x509().await, "unavailable", "WA-3");
    assert!(nobody.fetch_jwt_bundles().await.unwrap_err().may_pass());
}

/// An entry that asks for evidence which this API cannot be given issues nothing here; whom to trust is told all the same.
#[tokio::test]
async fn wa_9_who_has_an_entry_that_asks_for_evidence_is_told_whom_to_trust_and_no_more() {
    let policy = || Policy::from(EvidenceRule::of(EvidenceType::Tpm2Quote));
    let federates = |uid| {
        entry(AGENT, &[uid]).evidence(policy()).federates_with("spiffe://bank.example".parse().unwrap())
    };
    let bank_alone = || BundleSet::from(bank());
    let served = Served::with(vec![federates("unix:uid:1")], |builder| builder.federated(bank_alone()));
    let api = served.api();
    let expected = [ORIGIN, "spiffe://bank.example"];
    for bundles in [
        api.fetch_x509_bundles().await.unwrap(),
        api.fetch_jwt_bundles().await.unwrap(),
        api.fetch_wit_bundles().await.unwrap(),
    ] {
        let mut found: Vec<_> = bundles.iter().map(|bundle| bundle.origin().to_string()).collect();
        found.sort();
        assert_eq!(found, expected);
    }
    assert_refused!(api.fetch_x509().await, "permission_denied", "WA-9");
    assert_refused!(api.fetch_wit().await, "permission_denied", "WA-9");
    assert_refused!(api.fetch_jwt(&["a"], None).await, "permission_denied", "WA-9");

    // Whoever is somebody else is told nothing.
    let served = Served::with(vec![federates("unix:uid:2")], |builder| builder.federated(bank_alone()));
    assert_refused!(served.api().fetch_x509_bundles().await, "permission_denied", "WA-9");
}

/// Refuses one workload, whatever else there is.
#[derive(Debug)]
struct Quarantine;

impl PostureAssessor for Quarantine {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        if question.entry.spiffe_id().as_str().ends_with("/bad") {
            return Posture::refuse("quarantined");
        }
        Posture::Issue(Terms::of(question.entry))
    }
}

/// AIMS-18: who is refused for its posture is told no more for bringing less evidence.
#[tokio::test]
async fn aims_18_wa_9_posture_is_asked_before_anybody_is_told_whom_to_trust() {
    let entry_of = |id: &str, evidence: Option<EvidenceType>| {
        let entry = entry(id, &["unix:uid:1"]).federates_with("spiffe://bank.example".parse().unwrap());
        evidence.map_or(entry.clone(), |kind| entry.evidence(Policy::from(EvidenceRule::of(kind))))
    };
    let good = || entry(AGENT, &["unix:uid:1"]);
    for evidence in [None, Some(EvidenceType::UnixPeer), Some(EvidenceType::Tpm2Quote)] {
        let bad = || entry_of("spiffe://acme.example/bad", evidence.clone());
        let served = |entries| {
            Served::with(entries, |builder| {
                builder
                    .federated(BundleSet::from(bank()))
                    .provisioner(Provisioner::new().with_posture(Quarantine))
            })
        };
        let alone = served(vec![bad()]);
        assert_refused!(alone.api().fetch_jwt_bundles().await, "permission_denied", "WA-9", "{evidence:?}");
        let beside = served(vec![bad(), good()]).api().fetch_jwt_bundles().await.unwrap();
        assert_eq!(beside.len(), 1, "{evidence:?}");
        assert_eq!(beside[0].origin().to_string(), ORIGIN);
    }
}

#[tokio::test]
async fn we_1_we_3_the_api_is_served_over_tcp_without_tls_where_the_attestor_knows_callers() {
    let says = Says::new(&["k8s:pod:x"]);
    let all = entries(vec![entry(AGENT, &["k8s:pod:x"])]);
    let server = WorkloadApiServer::builder(authority(), all, says, backend::ring()).build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint: Endpoint = format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap();
    let task = tokio::spawn(async move { server.serve_tcp(listener).await });
    let context = WorkloadApi::new(&endpoint, backend::ring()).fetch_x509().await.unwrap();
    assert_eq!(context.identities[0].holder.subject().as_str(), AGENT);
    task.abort();
}

#[test]
fn a_client_is_made_without_a_runtime_and_connects_when_it_is_called() {
    let served = Served::new(vec![entry(AGENT, &["unix:uid:1"])]);
    let api = served.api();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(api.fetch_x509()).unwrap().identities.len(), 1);
}
