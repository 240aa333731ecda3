//! Callers behind a proxy that ends TLS.

use std::sync::Arc;
use std::time::Duration;

use aims::credential::x509::SvidVerifier;
use aims::credential::{Credential, Lapsed, Mark, MarkKey, MarkTable};
use aims::jose::base64;
use aims::{Accept, ForwardedVerifier, GuardBuilder, backend};
use aims_testkit::TestCertificates;
use axum::body::Body;
use http::{Request, StatusCode};

use crate::behind::{Behind, TRAVEL, over, plain};
use crate::support::NOW;

const PROXY: &str = "spiffe://acme.example/proxies/edge";

/// A tool that believes the proxy.
fn behind(configure: impl FnOnce(GuardBuilder) -> GuardBuilder) -> Behind {
    Behind::with_bundles(|guard, bundles| {
        let svids = SvidVerifier::builder(bundles.clone(), backend::ring()).build();
        let proxy: aims::id::WorkloadId = PROXY.parse().unwrap();
        configure(guard.forwarded_by(ForwardedVerifier::client_cert(proxy, svids)))
    })
}

/// A request that carries this client's certificate, as a proxy writes it.
fn forwarding(acme: &TestCertificates, path: &str, mut request: Request<Body>) -> Request<Body> {
    let holder = acme.holder(path, NOW);
    let Credential::Svid(svid) = holder.credential() else { panic!("no certificate") };
    let value = format!(":{}:", base64::encode(&svid.chain()[0]));
    request.headers_mut().insert("client-cert", value.parse().unwrap());
    request
}

#[tokio::test]
async fn aims_21_arch_1_a_caller_behind_a_proxy_is_recorded_with_the_proxy() {
    let behind = behind(GuardBuilder::accept_connections);
    let proxy = behind.connection("/proxies/edge");
    let request = || over(&proxy, forwarding(&behind.acme, "/agents/travel", plain()));
    let answer = behind.tool.call(request()).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, TRAVEL));
    let record = behind.tool.records.last();
    assert_eq!(record["agent"]["id"], TRAVEL);
    let auth = &record["agent"]["auth"];
    assert_eq!((&auth["method"], &auth["layer"]), (&"forwarded".into(), &"transport".into()));
    assert_eq!(auth["via"], PROXY);
    assert!(auth["key"].is_string() && auth["credential"].is_string());
    // Handlers see nothing of it, and cannot take it for something else.
    assert!(behind.tool.handled.fields().get("client-cert").is_none());
}

#[tokio::test]
async fn arch_1_arch_2_a_proof_through_a_proxy_is_another_fact() {
    let behind = behind(GuardBuilder::accept_connections);
    let proxy = behind.connection("/proxies/edge");
    let request = over(&proxy, forwarding(&behind.acme, "/agents/other", behind.proven()));
    let answer = behind.tool.call(request).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, TRAVEL));
    let record = behind.tool.records.last();
    assert_eq!((&record["agent"]["id"], &record["agent"]["auth"]["method"]), (&TRAVEL.into(), &"wpt".into()));
    assert_eq!(record["transport"]["id"], "spiffe://acme.example/agents/other");
    assert_eq!(record["transport"]["auth"]["via"], PROXY);
    // A proxy that names nobody still is who it is.
    behind.tool.call(over(&proxy, behind.proven())).await;
    assert_eq!(behind.tool.records.last()["transport"]["id"], PROXY);
}

#[tokio::test]
async fn mtls_8_arch_1_what_anybody_else_forwards_is_not_read() {
    let behind = behind(GuardBuilder::accept_connections);
    // A workload that may not call, and says that it is one that may.
    let evil = behind.connection("/agents/evil");
    let answer = behind.tool.call(over(&evil, forwarding(&behind.acme, "/agents/travel", plain()))).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "forbidden"));
    assert_eq!(behind.tool.records.last()["agent"]["id"], "spiffe://acme.example/agents/evil");
    // Somebody without a connection that shows who it is.
    let answer = behind.tool.call(forwarding(&behind.acme, "/agents/travel", plain())).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "no_proof"));
    assert_eq!(behind.tool.handled.times(), 0);

    // A caller of good standing gains nothing either, and its field goes no further.
    let travel = behind.connection("/agents/travel");
    let request = over(&travel, forwarding(&behind.acme, "/agents/admin", plain()));
    assert_eq!(behind.tool.call(request).await.body, TRAVEL);
    assert!(behind.tool.handled.fields().get("client-cert").is_none());
}

#[tokio::test]
async fn mtls_8_a_proxy_that_names_nobody_is_not_the_caller_itself() {
    let behind = Behind::with_bundles(|guard, bundles| {
        let svids = SvidVerifier::builder(bundles.clone(), backend::ring()).build();
        // The policy would admit it: a proxy that is an agent, too.
        let proxy: aims::id::WorkloadId = TRAVEL.parse().unwrap();
        guard.accept_connections().forwarded_by(ForwardedVerifier::client_cert(proxy, svids))
    });
    let answer = behind.tool.call(over(&behind.connection("/agents/travel"), plain())).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "no_credential"));
    let record = behind.tool.records.last();
    assert_eq!(record["decision"]["reasons"][0], "forwarded_missing");
    assert_eq!(record["decision"]["policy_id"][0], "MTLS-8");
    assert_eq!(record["transport"]["id"], TRAVEL);
    assert_eq!(behind.tool.handled.times(), 0);
}

#[tokio::test]
async fn crd_14_mtls_8_a_proof_with_a_connection_is_over_one_whose_other_end_is_known() {
    let behind = behind(|guard| guard.accept(Accept::wpt().with_connection()));
    let (travel, proxy) = (behind.connection("/agents/travel"), behind.connection("/proxies/edge"));
    let status = async |request: Request<Body>| {
        let answer = behind.tool.call(request).await;
        (answer.status.as_u16(), if answer.status == 200 { answer.body } else { answer.code() })
    };
    let refused = |code: &str| (400, code.to_owned());
    // Its own, or through a proxy that says whose it was.
    assert_eq!(status(over(&travel, behind.proven())).await, (200, TRAVEL.to_owned()));
    let forwarded = forwarding(&behind.acme, "/agents/travel", behind.proven());
    assert_eq!(status(over(&proxy, forwarded)).await, (200, TRAVEL.to_owned()));
    // One of the two alone.
    assert_eq!(status(behind.proven()).await, refused("proof_not_accepted"));
    assert_eq!(status(over(&travel, plain())).await.0, 400);
    // The connection is the proxy's, and whom it had at its own other end nobody says.
    assert_eq!(status(over(&proxy, behind.proven())).await, refused("proof_not_accepted"));
    assert_eq!(behind.tool.handled.times(), 2);
}

#[tokio::test]
async fn mtls_8_what_a_proxy_forwards_is_verified() {
    let behind = behind(GuardBuilder::accept_connections);
    let proxy = behind.connection("/proxies/edge");
    let elsewhere = TestCertificates::new("spiffe://evil.example", NOW);
    let namesake = TestCertificates::new("spiffe://acme.example", NOW);
    for (authority, reason) in [(&elsewhere, "unknown_trust_domain"), (&namesake, "unknown_issuer")] {
        for request in [plain(), behind.proven()] {
            let answer =
                behind.tool.call(over(&proxy, forwarding(authority, "/agents/travel", request))).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (StatusCode::UNAUTHORIZED, "untrusted_credential")
            );
            assert_eq!(behind.tool.records.last()["decision"]["reasons"][0], reason);
        }
    }
    let mut request = plain();
    request.headers_mut().insert("client-cert", "travel".parse().unwrap());
    let answer = behind.tool.call(over(&proxy, request)).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "malformed_credential"));
    assert_eq!(behind.tool.handled.times(), 0);
}

#[tokio::test]
async fn aims_55_mtls_10_a_stream_through_a_proxy_ends_with_the_client_or_the_proxy() {
    let marks = Arc::new(MarkTable::with_capacity(8));
    let guards = marks.clone();
    let behind = behind(move |guard| guard.accept_connections().marks(guards));
    let proxy = behind.connection("/proxies/edge");
    let head = || over(&proxy, forwarding(&behind.acme, "/agents/travel", plain())).into_parts().0;
    let permit = behind.tool.guard.admit(&head()).await.unwrap();
    permit.still_valid().unwrap();
    marks.add(&MarkKey::Agent(&PROXY.parse().unwrap()), Mark::suspended()).unwrap();
    assert_eq!(permit.still_valid(), Err(Lapsed::Suspended));
    let refusal = behind.tool.guard.admit(&head()).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.rule()), ("suspended", "AIMS-55"));
}

#[tokio::test]
async fn mtls_10_a_stream_through_a_proxy_ends_with_the_clients_bundle() {
    // Client and proxy are of two trust domains.
    let bank = TestCertificates::new("spiffe://bank.example", NOW);
    let behind = behind(GuardBuilder::accept_connections);
    behind.bundles.insert(bank.trust());
    let proxy = behind.connection("/proxies/edge");
    let head = over(&proxy, forwarding(&bank, "/agents/booking/1", plain())).into_parts().0;
    let permit = behind.tool.guard.admit(&head).await.unwrap();
    assert_eq!(permit.caller().subject().as_str(), "spiffe://bank.example/agents/booking/1");
    permit.still_valid().unwrap();
    behind.bundles.remove(bank.issuer().origin());
    assert_eq!(permit.still_valid(), Err(Lapsed::Untrusted));
    behind.bundles.insert(bank.trust());
    permit.still_valid().unwrap();
    behind.tool.clock.advance(Duration::from_secs(3601));
    assert_eq!(permit.still_valid(), Err(Lapsed::Expired));
}

#[tokio::test]
async fn aims_55_a_stream_of_a_caller_with_a_proof_ends_with_whom_the_proxy_forwarded() {
    let marks = Arc::new(MarkTable::with_capacity(8));
    let guards = marks.clone();
    let behind = behind(move |guard| guard.marks(guards));
    let proxy = behind.connection("/proxies/edge");
    let head = over(&proxy, forwarding(&behind.acme, "/agents/other", behind.proven())).into_parts().0;
    let permit = behind.tool.guard.admit(&head).await.unwrap();
    assert_eq!(permit.caller().subject().as_str(), TRAVEL);
    permit.still_valid().unwrap();
    marks.add(&MarkKey::Agent(&"spiffe://acme.example/agents/other".parse().unwrap()), Mark::dead()).unwrap();
    assert_eq!(permit.still_valid(), Err(Lapsed::Dead));
}

#[tokio::test]
async fn mtls_8_arch_1_a_proxy_behind_a_proxy_is_not_the_caller() {
    let behind = Behind::with_bundles(|guard, bundles| {
        let svids = SvidVerifier::builder(bundles.clone(), backend::ring()).build();
        // The policy would admit the inner one: a proxy that is an agent, too.
        let ids = |id: &str| id.parse::<aims::id::WorkloadId>().unwrap();
        let proxies = aims::id::IdSet::new().id(ids(PROXY)).id(ids(TRAVEL));
        guard.accept_connections().forwarded_by(ForwardedVerifier::client_cert(proxies, svids))
    });
    let outer = behind.connection("/proxies/edge");
    let answer = behind.tool.call(over(&outer, forwarding(&behind.acme, "/agents/travel", plain()))).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "no_credential"));
    assert_eq!(behind.tool.records.last()["transport"]["auth"]["via"], PROXY);
    assert_eq!(behind.tool.handled.times(), 0);
}
