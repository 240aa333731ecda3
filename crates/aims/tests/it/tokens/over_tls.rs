//! Access tokens of callers that come over mutual TLS, on real sockets.

use std::sync::Arc;

use aims::credential::{Credential, Mark, MarkKey};
use aims::keys::{Algorithm, SoftwareKey};
use aims::oauth::{
    AccessTokenRequest, BindingPolicy, DpopProver, DpopVerifier, ResourceMetadata, ResourceServer, Shown,
    TokenBinding,
};
use aims::proof::ReplayMemory;
use aims::{Accept, Acceptor, BundleSet, Connection, Connector, GuardBuilder, Listener, backend};
use aims_testkit::TestCertificates;
use axum::body::Body;
use http::{Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::net::TcpListener;

use super::world::*;
use crate::support::NOW;

const TRAVEL: &str = "spiffe://acme.example/agents/travel";

/// The tool of a [`World`] behind mutual TLS, and the certificates of whoever connects to it.
struct Served {
    world: World,
    acme: TestCertificates,
    bundles: BundleSet,
    base: Uri,
}

/// One end of connections: a workload with one certificate.
struct End {
    client: Client<Connector, Body>,
    /// `x5t#S256` of it.
    certificate: [u8; 32],
}

impl Served {
    async fn new(policy: BindingPolicy, guard: impl FnOnce(GuardBuilder) -> GuardBuilder + 'static) -> Self {
        let world = Setup::new()
            .resource(move |tokens| {
                let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build();
                ResourceServer::new(tokens.build(), policy).with_dpop(dpop)
            })
            .guard(guard)
            .build();
        let acme = TestCertificates::new("spiffe://acme.example", NOW);
        let bundles = BundleSet::from(acme.trust());
        let own = acme.current("/tools/search", NOW);
        let tls = acme.mutual_tls(own, &bundles, "spiffe://acme.example/**", &world.clock);
        let acceptor = Acceptor::new(tls.server().unwrap()).with_clock(world.clock.reader());
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}/v1/book", tcp.local_addr().unwrap()).parse().unwrap();
        let app = world.app.clone().into_make_service_with_connect_info::<Connection>();
        tokio::spawn(async move { axum::serve(Listener::new(tcp, acceptor), app).await });
        Self { world, acme, bundles, base }
    }

    fn end(&self, path: &str) -> End {
        let own = self.acme.current(path, NOW);
        let holder = aims::CredentialSource::holder(&own).unwrap();
        let Credential::Svid(svid) = holder.credential() else { panic!("no certificate") };
        let certificate = backend::ring().sha256(svid.chain().first().unwrap());
        let tls = self.acme.mutual_tls(own, &self.bundles, "spiffe://acme.example/**", &self.world.clock);
        let connector = Connector::new(tls.client().unwrap()).with_clock(self.world.clock.reader());
        End { client: Client::builder(TokioExecutor::new()).build(connector), certificate }
    }

    async fn call(
        &self,
        end: &End,
        authorization: Option<&str>,
        proof: Option<&str>,
    ) -> (StatusCode, String) {
        let mut request = Request::post(self.base.clone());
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        let response = end.client.request(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        (head.status, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
    }

    async fn assert_refused(
        &self,
        end: &End,
        authorization: &str,
        proof: Option<&str>,
        code: &str,
        rule: &str,
    ) {
        let (status, body) = self.call(end, Some(authorization), proof).await;
        let record = self.world.records.last();
        let reasons = (&record["decision"]["reasons"][0], &record["decision"]["policy_id"][0]);
        assert_eq!(reasons, (&code.into(), &rule.into()), "{body}");
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert!(problem["code"] == "invalid_token" || problem["code"] == "invalid_dpop_proof", "{body}");
    }
}

fn token_for(client: &str, binding: TokenBinding) -> AccessTokenRequest<'_> {
    AccessTokenRequest::new("user-1", client, tool()).scope("trips:book".parse().unwrap()).bound_to(binding)
}

#[tokio::test]
async fn mtl_2_aims_25_sec_4_a_token_of_a_certificate_is_used_over_its_connection() {
    let served = Served::new(BindingPolicy::bound(), GuardBuilder::accept_connections).await;
    let (agent, again, thief) =
        (served.end("/agents/travel"), served.end("/agents/travel"), served.end("/agents/thief"));
    let of = |client: &str, end: &End| {
        let token = served.world.issue(&token_for(client, TokenBinding::Certificate(end.certificate)));
        format!("Bearer {token}")
    };
    let token = of(TRAVEL, &agent);
    let (status, body) = served.call(&agent, Some(&token), None).await;
    assert_eq!((status, body), (StatusCode::OK, format!("{TRAVEL} for user-1")));
    let record = served.world.records.last();
    let kinds = (&record["agent"]["auth"]["method"], &record["authorization"]["shown_by"]);
    assert_eq!(kinds, (&"mtls".into(), &"certificate".into()));
    assert!(!served.world.records.text().contains(token.trim_start_matches("Bearer ")));

    // Another agent, with its own good certificate; the same agent with another certificate (MTL-4).
    served.assert_refused(&thief, &token, None, "other_client", "AIMS-25").await;
    served.assert_refused(&again, &token, None, "other_certificate", "MTL-2").await;
    // In the thief's name, bound to the agent's certificate; in the agent's, bound to the thief's.
    let named = of("spiffe://acme.example/agents/thief", &agent);
    served.assert_refused(&thief, &named, None, "other_certificate", "MTL-2").await;
    served.assert_refused(&agent, &of(TRAVEL, &thief), None, "other_certificate", "MTL-2").await;
    // For another tool, bound to nothing, or to a key that nothing shows here.
    let bound = TokenBinding::Certificate(agent.certificate);
    let elsewhere = AccessTokenRequest::new("user-1", TRAVEL, "https://other.example".parse().unwrap());
    let loose = AccessTokenRequest::new("user-1", TRAVEL, tool());
    let key = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse().unwrap();
    for (token, code, rule) in [
        (elsewhere.bound_to(bound), "audience_mismatch", "ACT-4"),
        (loose, "bearer_not_accepted", "SEC-4"),
        (token_for(TRAVEL, TokenBinding::Key(key)), "binding_not_shown", "SEC-4"),
    ] {
        let token = format!("Bearer {}", served.world.issue(&token));
        served.assert_refused(&agent, &token, None, code, rule).await;
    }
    // Without a token, whoever it is learns what is wanted.
    let (status, _) = served.call(&agent, None, None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(served.world.records.last()["decision"]["policy_id"][0], "CHA-1");
    // What is said of it: certificates are taken here.
    let place = Uri::builder().scheme("https").authority(served.base.authority().unwrap().clone());
    let place = place.path_and_query("/.well-known/oauth-protected-resource").build().unwrap();
    let response = agent.client.get(place).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert!(ResourceMetadata::parse(&response, &tool()).unwrap().binds_to_certificates());
    // What is cut off is cut off over the connection that stands, too.
    let subject = MarkKey::Subject { issuer: "https://as.example", subject: "user-1" };
    served.world.marks.add(&subject, Mark::dead()).unwrap();
    served.assert_refused(&agent, &token, None, "revoked", "AIMS-55").await;
}

#[tokio::test]
async fn cha_1_aims_55_whose_certificate_does_not_count_any_more_learns_what_is_wanted() {
    let served = Served::new(BindingPolicy::bound(), GuardBuilder::accept_connections).await;
    let agent = served.end("/agents/travel");
    served.world.marks.add(&MarkKey::Agent(&TRAVEL.parse().unwrap()), Mark::suspended()).unwrap();
    let request = Request::post(served.base.clone()).body(Body::empty()).unwrap();
    let response = agent.client.request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(served.world.records.last()["decision"]["policy_id"][0], "AIMS-55");
    let lines = response.headers().get_all("www-authenticate").iter();
    let schemes: Vec<_> = lines.map(|line| line.to_str().unwrap().split(' ').next().unwrap()).collect();
    assert_eq!(schemes, ["Bearer", "DPoP"]);
}

#[tokio::test]
async fn aims_25_sec_4_a_caller_over_mutual_tls_that_signs_as_well_shows_more() {
    // A connection is asked for; the signature, and the token of its key, come besides.
    let served = Served::new(BindingPolicy::bound(), |guard| guard.accept(Accept::connection())).await;
    let end = served.end("/agents/travel");
    let agent = served.world.travel();
    let token = served.world.issue(&for_user(&agent));
    let request = served.world.request(&agent, Some(&format!("Bearer {token}"))).await;
    let (head, _) = request.into_parts();
    let mut request = Request::post(served.base.clone()).body(Body::empty()).unwrap();
    *request.headers_mut() = head.headers;
    let response = end.client.request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let record = served.world.records.last();
    let kinds = (&record["agent"]["auth"]["method"], &record["authorization"]["shown_by"]);
    assert_eq!(kinds, (&"signature".into(), &"signature".into()));
}

#[tokio::test]
async fn dpo_6_aims_25_a_caller_over_mutual_tls_shows_its_token_by_dpop() {
    let served = Served::new(BindingPolicy::bound(), GuardBuilder::accept_connections).await;
    let (agent, thief) = (served.end("/agents/travel"), served.end("/agents/thief"));
    let new = || {
        let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
        DpopProver::new(Arc::new(key)).unwrap()
    };
    let (prover, other) = (new(), new());
    let token = served.world.issue(&token_for(TRAVEL, TokenBinding::Key(prover.thumbprint())));
    let line = format!("DPoP {token}");
    let prove = async |prover: &DpopProver, htu: &str| {
        let (target, token) = (htu.parse().unwrap(), token.parse().unwrap());
        prover.proof("POST", &target).with_token(&token).sign(NOW).await.unwrap()
    };
    let proof = prove(&prover, URI).await;
    let (status, body) = served.call(&agent, Some(&line), Some(&proof)).await;
    assert_eq!((status, body), (StatusCode::OK, format!("{TRAVEL} for user-1")));
    let record = served.world.records.last();
    let kinds = (&record["agent"]["auth"]["method"], &record["authorization"]["shown_by"]);
    assert_eq!(kinds, (&"mtls".into(), &"dpop".into()));
    served.assert_refused(&agent, &line, Some(&proof), "replay", "DPO-7").await;
    // Whoever has token, key and proof is still not the agent, by its own connection.
    served.assert_refused(&thief, &line, Some(&prove(&prover, URI).await), "other_client", "AIMS-25").await;
    served.assert_refused(&agent, &line, Some(&prove(&other, URI).await), "other_key", "DPO-6").await;
    served.assert_refused(&agent, &line, None, "no_proof", "DPO-9").await;
    // By the name that the service has, not by the one that the connection went to.
    let dialled = served.base.to_string();
    served
        .assert_refused(&agent, &line, Some(&prove(&prover, &dialled).await), "target_mismatch", "DPO-4")
        .await;
}

#[tokio::test]
async fn arch_1_dpo_9_behind_a_connection_of_another_a_token_speaks_for_its_agent_alone() {
    let accept = |guard: GuardBuilder| guard.accept(Accept::dpop().with_connection());
    let served = Served::new(BindingPolicy::only(&[Shown::Dpop]), accept).await;
    let proxy = served.end("/proxies/edge");
    let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let prover = DpopProver::new(Arc::new(key)).unwrap();
    let token = served.world.issue(&token_for(TRAVEL, TokenBinding::Key(prover.thumbprint())));
    let target = URI.parse().unwrap();
    let proof = prover.proof("POST", &target).with_token(&token.parse().unwrap()).sign(NOW).await.unwrap();
    let (status, body) = served.call(&proxy, Some(&format!("DPoP {token}")), Some(&proof)).await;
    assert_eq!((status, body), (StatusCode::OK, format!("{TRAVEL} for user-1")));
    let record = served.world.records.last();
    assert_eq!(
        (&record["agent"]["id"], &record["agent"]["auth"]["method"]),
        (&TRAVEL.into(), &"dpop".into())
    );
    assert_eq!(record["transport"]["id"], "spiffe://acme.example/proxies/edge");
    // Without such a connection, the same request is not taken.
    let request =
        Request::post("/v1/book").header("authorization", format!("DPoP {token}")).header("dpop", proof);
    let request = request.body(Body::empty()).unwrap();
    served.world.assert_refused(request, 400, "proof_not_accepted", "proof_not_accepted", "CRD-14").await;
}
