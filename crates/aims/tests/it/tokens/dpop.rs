//! Callers that have an access token and the key that it is bound to, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use aims::credential::{Mark, MarkKey, MarkTable, Marks, MarksUnavailable};
use aims::id::WorkloadId;
use aims::keys::{Algorithm, SoftwareKey};
use aims::oauth::{
    AccessTokenRequest, BindingPolicy, ClientIdentities, DpopNonces, DpopProver, DpopVerifier, NamedClients,
    NewActor, ResourceServer, SealedNonces, Shown, TokenBinding,
};
use aims::proof::{Method, ReplayMemory};
use aims::{Accept, Guard, backend};
use aims_testkit::assert_refused;
use axum::body::Body;
use http::{Request, StatusCode};

use super::passed_on::{assert_without, careless};
use super::world::*;
use crate::support::NOW;

pub(super) const TRAVEL: &str = "spiffe://acme.example/agents/travel";
const HELPER: &str = "spiffe://acme.example/agents/helper";

pub(super) fn prover() -> DpopProver {
    let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    DpopProver::new(Arc::new(key)).unwrap()
}

fn nonces() -> SealedNonces {
    SealedNonces::new([7; 32].into(), backend::ring())
}

fn setup(nonces: Option<SealedNonces>) -> Setup {
    Setup::new()
        .resource(move |tokens| {
            let memory = ReplayMemory::with_capacity(100);
            let dpop = DpopVerifier::builder(memory, backend::ring());
            let dpop = match nonces {
                Some(nonces) => dpop.require_nonces(nonces),
                None => dpop,
            };
            ResourceServer::new(tokens.build(), BindingPolicy::bound()).with_dpop(dpop.build())
        })
        .guard(|guard| guard.accept(Accept::signature().or(Accept::dpop())))
}

pub(super) fn token_for<'a>(client: &'a str, prover: &DpopProver) -> AccessTokenRequest<'a> {
    AccessTokenRequest::new("user-1", client, tool())
        .scope("trips:book".parse().unwrap())
        .bound_to(TokenBinding::Key(prover.thumbprint()))
}

/// How a request is made, and what may be wrong with it.
pub(super) struct Shows<'a> {
    prover: &'a DpopProver,
    token: &'a str,
    method: &'a str,
    htu: &'a str,
    nonce: Option<&'a str>,
    at: u64,
}

impl<'a> Shows<'a> {
    pub(super) fn new(prover: &'a DpopProver, token: &'a str) -> Self {
        Self { prover, token, method: "POST", htu: URI, nonce: None, at: NOW.as_secs() }
    }

    pub(super) async fn proof(&self) -> String {
        let (target, token) = (self.htu.parse().unwrap(), self.token.parse().unwrap());
        let proof = self.prover.proof(self.method, &target).with_token(&token);
        let proof = match self.nonce {
            Some(nonce) => proof.with_nonce(nonce),
            None => proof,
        };
        proof.sign(aims::keys::UnixTime::from_secs(self.at)).await.unwrap()
    }

    pub(super) async fn request(&self) -> Request<Body> {
        request(&format!("DPoP {}", self.token), &[&self.proof().await])
    }
}

fn request(authorization: &str, proofs: &[&str]) -> Request<Body> {
    let mut request = Request::post("/v1/book?q=1").header("host", "tools.example");
    request = request.header("authorization", authorization);
    for proof in proofs {
        request = request.header("dpop", *proof);
    }
    request.body(Body::from("anything")).unwrap()
}

#[tokio::test]
async fn dpo_9_aims_25_an_agent_is_known_by_its_token_where_that_is_asked_for() {
    let world = setup(None).build();
    let prover = prover();
    let token = world.issue(&token_for(TRAVEL, &prover).transaction("txn-1"));
    let shows = Shows::new(&prover, &token);
    let (status, headers, body) = world.call(shows.request().await).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "spiffe://acme.example/agents/travel for user-1"));
    assert!(!headers.contains_key("dpop-nonce"));
    let record = world.records.last();
    assert_eq!(
        (&record["agent"]["id"], &record["agent"]["auth"]["method"]),
        (&TRAVEL.into(), &"dpop".into())
    );
    assert_eq!(record["agent"]["auth"]["layer"], "application");
    assert_eq!(record["agent"]["auth"]["key"], prover.thumbprint().to_string());
    assert_eq!(record["authorization"]["shown_by"], "dpop");
    assert!(!world.records.text().contains(&token));

    let (head, _) = shows.request().await.into_parts();
    let permit = world.guard.admit(&head).await.unwrap();
    let caller = permit.caller();
    assert_eq!((caller.subject().as_str(), caller.method()), (TRAVEL, Method::Dpop));
    assert!(caller.authenticated().is_none() && caller.signature().is_none() && caller.wit().is_none());
    assert_eq!(caller.not_after(), permit.authorization().unwrap().not_after());
    assert_eq!((permit.authorization().unwrap().shown_by(), permit.dpop_nonce()), (Shown::Dpop, None));
    // Who acts is the outermost actor, and the policy decides on that one.
    let acted = world.issue(&token_for(TRAVEL, &prover).acting(NewActor::new(HELPER)));
    let (status, _, body) = world.call(Shows::new(&prover, &acted).request().await).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "spiffe://acme.example/agents/helper for user-1"));
    assert_eq!(world.records.last()["agent"]["id"], HELPER);
    let unlisted = world.issue(&token_for("spiffe://acme.example/batch/night", &prover));
    let unlisted = Shows::new(&prover, &unlisted).request().await;
    world.assert_refused(unlisted, 403, "forbidden", "caller_not_listed", "callers").await;
}

#[tokio::test]
async fn dpo_4_dpo_6_dpo_7_sec_4_a_copied_request_or_token_is_of_no_use() {
    let world = setup(None).build();
    let (prover, thief) = (prover(), self::prover());
    let token = world.issue(&token_for(TRAVEL, &prover));
    let authorization = format!("DPoP {token}");
    let good = Shows::new(&prover, &token);
    let proof = good.proof().await;
    let first = request(&authorization, &[&proof]);
    assert_eq!(world.call(first).await.0, StatusCode::OK);
    let refused = async |request: Request<Body>, public: &str, code: &str, rule: &str| {
        let wanted = world.assert_refused(request, 401, public, code, rule).await;
        assert!(
            wanted.iter().any(|line| line.starts_with(&format!("DPoP error=\"{public}\""))),
            "{wanted:?}"
        );
        assert!(wanted.iter().all(|line| line.contains("resource_metadata=")), "{wanted:?}");
        assert!(world.records.last().get("agent").is_none(), "nobody is known");
    };
    refused(request(&authorization, &[&proof]), "invalid_dpop_proof", "replay", "DPO-7").await;
    let of = async |change: &dyn Fn(&mut Shows<'_>)| {
        let mut shows = Shows::new(&prover, &token);
        change(&mut shows);
        shows.request().await
    };
    let wrong = "invalid_dpop_proof";
    refused(of(&|shows| shows.method = "GET").await, wrong, "method_mismatch", "DPO-4").await;
    for htu in
        ["https://tools.example/v1/read", "https://evil.example/v1/book", "http://tools.example/v1/book"]
    {
        refused(of(&|shows| shows.htu = htu).await, wrong, "target_mismatch", "DPO-4").await;
    }
    refused(of(&|shows| shows.at -= 61).await, wrong, "too_old", "DPO-5").await;
    refused(of(&|shows| shows.at += 6).await, wrong, "not_yet_valid", "DPO-5").await;
    // With the thief's own key, or about the thief's own token; without a proof, with two, with what is none.
    let by_thief = Shows::new(&thief, &token).request().await;
    refused(by_thief, wrong, "other_key", "DPO-6").await;
    let other = world.issue(&token_for(TRAVEL, &prover));
    let of_other = Shows::new(&prover, &other).proof().await;
    refused(request(&authorization, &[&of_other]), wrong, "token_mismatch", "DPO-6").await;
    refused(request(&authorization, &[]), wrong, "no_proof", "DPO-9").await;
    refused(
        request(&authorization, &[&good.proof().await, &good.proof().await]),
        wrong,
        "several_proofs",
        "DPO-1",
    )
    .await;
    refused(request(&authorization, &["no proof"]), wrong, "malformed", "DPO-1").await;
    // As a bearer token: the proof proves nothing then.
    let bearer = request(&format!("Bearer {token}"), &[&good.proof().await]);
    refused(bearer, "invalid_token", "binding_not_shown", "SEC-4").await;
    let both = {
        let mut both = good.request().await;
        both.headers_mut().append("authorization", format!("Bearer {token}").parse().unwrap());
        both
    };
    world.assert_refused(both, 400, "invalid_request", "several_tokens", "DPO-9").await;
    // Tokens that are bound to nothing, to a certificate, or for another resource; by nobody that is believed.
    let resource = |name: &str| AccessTokenRequest::new("user-1", TRAVEL, name.parse().unwrap());
    let key = || TokenBinding::Key(prover.thumbprint());
    for (token, code, rule) in [
        (resource("https://tools.example"), "wrong_scheme", "DPO-9"),
        (
            resource("https://tools.example").bound_to(TokenBinding::Certificate([7; 32])),
            "wrong_scheme",
            "DPO-9",
        ),
        (resource("https://other.example").bound_to(key()), "audience_mismatch", "ACT-4"),
    ] {
        let token = world.issue(&token);
        refused(Shows::new(&prover, &token).request().await, "invalid_token", code, rule).await;
    }
    let elsewhere = setup(None).build();
    let foreign = elsewhere.issue(&token_for(TRAVEL, &prover));
    refused(Shows::new(&prover, &foreign).request().await, "invalid_token", "bad_signature", "ACT-4").await;
    // What a request says of where it went is not asked.
    let mut elsewhere = of(&|shows| shows.htu = "https://evil.example/v1/book").await;
    for (field, value) in [
        ("host", "evil.example"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
    ] {
        elsewhere.headers_mut().insert(field, value.parse().unwrap());
    }
    refused(elsewhere, wrong, "target_mismatch", "DPO-4").await;
    let mut absolute = of(&|shows| shows.htu = "https://evil.example/v1/book").await;
    *absolute.uri_mut() = "https://evil.example/v1/book".parse().unwrap();
    refused(absolute, wrong, "target_mismatch", "DPO-4").await;
}

#[tokio::test]
async fn dpo_5_dpo_8_dpo_9_dpo_12_nonces_are_asked_for_and_change_in_time() {
    let world = setup(Some(nonces())).build();
    let prover = prover();
    let token = world.issue(&token_for(TRAVEL, &prover));
    let call = async |nonce: Option<&str>| {
        let shows = Shows { nonce, ..Shows::new(&prover, &token) };
        let shows = Shows { at: world.clock.now().as_secs(), ..shows };
        world.call(shows.request().await).await
    };
    let (status, headers, body) = call(None).await;
    assert_eq!((status, body.contains("use_dpop_nonce")), (StatusCode::UNAUTHORIZED, true), "{body}");
    let lines: Vec<_> =
        headers.get_all("www-authenticate").iter().map(|line| line.to_str().unwrap()).collect();
    assert!(lines.iter().any(|line| line.starts_with("DPoP error=\"use_dpop_nonce\"")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("Bearer resource_metadata=")), "{lines:?}");
    let given: Vec<_> = headers.get_all("dpop-nonce").iter().collect();
    assert_eq!((given.len(), &headers["cache-control"]), (1, &"no-store".parse().unwrap()));
    let nonce = given[0].to_str().unwrap().to_owned();
    let (status, headers, _) = call(Some(&nonce)).await;
    assert_eq!((status, headers.contains_key("dpop-nonce")), (StatusCode::OK, false));
    // Another in time, with a good answer, and the old one counts for a while yet.
    world.clock.set(NOW + Duration::from_secs(200));
    let (status, headers, _) = call(Some(&nonce)).await;
    assert_eq!((status, headers["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"));
    let next = headers["dpop-nonce"].to_str().unwrap().to_owned();
    assert_eq!(next, nonces().current(NOW + Duration::from_secs(200)));
    assert_eq!(call(Some(&next)).await.0, StatusCode::OK);
    let shows = Shows { nonce: Some(&nonce), at: NOW.as_secs() + 200, ..Shows::new(&prover, &token) };
    let permit = world.guard.admit(&shows.request().await.into_parts().0).await.unwrap();
    assert_eq!(permit.dpop_nonce(), Some(&*next));
    // Of nobody, too old, and of another proof that is wrong besides: the next one is told again.
    world.clock.set(NOW + Duration::from_secs(301));
    for wrong in [Some("of-nobody"), Some(&*nonce), None] {
        let (status, headers, body) = call(wrong).await;
        assert_eq!((status, body.contains("use_dpop_nonce")), (StatusCode::UNAUTHORIZED, true), "{body}");
        assert!(headers.contains_key("dpop-nonce"));
    }
    let (_, headers, body) = world.call(request(&format!("DPoP {token}"), &["not.a.proof"])).await;
    assert!(body.contains("invalid_dpop_proof") && headers.contains_key("dpop-nonce"), "{body}");
}

#[tokio::test]
async fn crd_14_dpop_is_taken_where_it_was_asked_for_and_nowhere_else() {
    let world = setup(None).build();
    let prover = prover();
    let token = world.issue(&token_for(TRAVEL, &prover));
    let shows = Shows::new(&prover, &token);
    let (head, _) = shows.request().await.into_parts();
    let signed = world.guard.accepting(Accept::signature()).unwrap();
    assert_refused!(signed.admit(&head).await, "proof_not_accepted", "CRD-14");
    // Not looked at, and so not used up.
    world.guard.admit(&head).await.unwrap();

    // A signature beside it is not made good by the token, nor the token by a signature.
    let agent = world.travel();
    let thief = world.authority.agent("/agents/thief", NOW);
    let authorization = format!("DPoP {token}");
    let with_proof = async |agent| {
        let mut request = world.request(agent, Some(&authorization)).await;
        request.headers_mut().insert("dpop", shows.proof().await.parse().unwrap());
        request
    };
    let (status, _, body) = world.call(with_proof(&agent).await).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "spiffe://acme.example/agents/travel for user-1"));
    let record = world.records.last();
    let kinds = (&record["agent"]["auth"]["method"], &record["authorization"]["shown_by"]);
    assert_eq!(kinds, (&"signature".into(), &"dpop".into()));
    world.assert_refused(with_proof(&thief).await, 401, "invalid_token", "other_client", "AIMS-25").await;
    let mut broken = with_proof(&agent).await;
    broken.headers_mut().insert("signature", "sig1=:AAAA:".parse().unwrap());
    let (status, _, body) = world.call(broken).await;
    assert!(status == StatusCode::BAD_REQUEST && body.contains("signature_invalid"), "{body}");
    let missing = world.request(&agent, Some(&authorization)).await;
    world.assert_refused(missing, 401, "invalid_dpop_proof", "no_proof", "DPO-9").await;
}

/// Believes its issuer about its own agents, and knows one more by another name.
#[derive(Debug)]
struct OwnAgents;

impl ClientIdentities for OwnAgents {
    fn is(&self, issuer: &str, name: &str, workload: &WorkloadId) -> bool {
        self.workload(issuer, name).as_ref() == Some(workload)
    }

    fn workload(&self, issuer: &str, name: &str) -> Option<WorkloadId> {
        let name = if name == "client-7" { HELPER } else { name };
        let workload: WorkloadId = name.parse().ok()?;
        (issuer == "https://as.example" && workload.path().starts_with("/agents/")).then_some(workload)
    }
}

#[tokio::test]
async fn aims_25_act_2_a_caller_is_a_workload_that_its_issuer_may_speak_for() {
    let prover = prover();
    let call = async |world: &World, request: &AccessTokenRequest<'_>| {
        let token = world.issue(request);
        world.call(Shows::new(&prover, &token).request().await).await.0.as_u16()
    };
    let world = setup(None).build();
    for client in ["https://app.example/client.json", "client-7", "user-1"] {
        let token = world.issue(&token_for(client, &prover));
        let request = Shows::new(&prover, &token).request().await;
        world.assert_refused(request, 401, "invalid_token", "not_a_workload", "AIMS-25").await;
    }
    // The client behind an actor is not the actor.
    let scripted = token_for(TRAVEL, &prover).acting(NewActor::new("a-script"));
    assert_eq!(call(&world, &scripted).await, 401);
    let world = setup(None)
        .resource(|tokens| {
            let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build();
            ResourceServer::new(tokens.build(), BindingPolicy::bound())
                .with_dpop(dpop)
                .with_clients(OwnAgents)
        })
        .build();
    assert_eq!(call(&world, &token_for(TRAVEL, &prover)).await, 200);
    assert_eq!(call(&world, &token_for("client-7", &prover)).await, 200);
    assert_eq!(world.records.last()["agent"]["id"], HELPER);
    assert_eq!(call(&world, &token_for("spiffe://acme.example/batch/night", &prover)).await, 401);
    let foreign = NewActor::new(HELPER).known_to("https://as.other.example");
    assert_eq!(call(&world, &token_for(TRAVEL, &prover).acting(foreign)).await, 401);
}

#[tokio::test]
async fn aims_25_a_client_that_is_not_named_does_not_come_in() {
    let prover = prover();
    let clients = NamedClients::new().client(&issuer(), "client-7", HELPER.parse().unwrap());
    let world = setup(None)
        .resource(|tokens| {
            let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build();
            ResourceServer::new(tokens.build(), BindingPolicy::bound()).with_dpop(dpop).with_clients(clients)
        })
        .build();
    let token = world.issue(&token_for("client-7", &prover));
    assert_eq!(world.call(Shows::new(&prover, &token).request().await).await.0, StatusCode::OK);
    assert_eq!(world.records.last()["agent"]["id"], HELPER);
    // The workload itself, by its own name, is not among them either.
    for client in ["client-8", TRAVEL, HELPER] {
        let token = world.issue(&token_for(client, &prover));
        let request = Shows::new(&prover, &token).request().await;
        world.assert_refused(request, 401, "invalid_token", "not_a_workload", "AIMS-25").await;
    }
}

#[tokio::test]
async fn azr_10_aims_55_a_caller_by_token_ends_with_it() {
    let world = setup(None).build();
    let prover = prover();
    let token = world.issue(&token_for(TRAVEL, &prover).acting(NewActor::new(HELPER)));
    let head = async || Shows::new(&prover, &token).request().await.into_parts().0;
    let permit = world.guard.admit(&head().await).await.unwrap();
    permit.still_valid().unwrap();
    for agent in [TRAVEL, HELPER] {
        let agent = agent.parse().unwrap();
        world.marks.add(&MarkKey::Agent(&agent), Mark::suspended()).unwrap();
        assert_refused!(permit.still_valid(), "suspended", "AIMS-55");
        assert_refused!(world.guard.admit(&head().await).await, "suspended", "AIMS-55");
        world.marks.clear(&MarkKey::Agent(&agent));
    }
    permit.still_valid().unwrap();
    world.clock.set(NOW + Duration::from_secs(331));
    assert_refused!(permit.still_valid(), "expired", "AIMS-8");
}

#[tokio::test]
async fn wpt_12_wpt_15_what_dpop_does_not_bind_does_not_come_with_it() {
    let world = setup(None)
        .guard(|guard| guard.accept(Accept::signature().or(Accept::dpop())).context_field("X-Context-Token"))
        .build();
    let prover = prover();
    let token = world.issue(&token_for(TRAVEL, &prover));
    let shows = Shows::new(&prover, &token);
    for field in ["txn-token", "x-context-token"] {
        let mut request = shows.request().await;
        request.headers_mut().insert(field, "stolen".parse().unwrap());
        world.assert_refused(request, 400, "context_not_covered", "context_not_covered", "WPT-15").await;
    }
    // A credential that nothing proves is not left out of account either.
    let mut request = shows.request().await;
    request.headers_mut().insert("workload-identity-token", world.travel().wit().parse().unwrap());
    let (status, _, _) = world.call(request).await;
    assert!(status.is_client_error());
    assert_eq!(world.call(shows.request().await).await.0, StatusCode::OK);
}

#[tokio::test]
async fn azr_10_aims_55_the_marks_of_the_guard_count_for_tokens_and_for_whom_they_name() {
    let marks = Arc::new(MarkTable::with_capacity(10));
    let own = Arc::clone(&marks);
    let world = setup(None)
        .resource(|tokens| {
            let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build();
            ResourceServer::new(tokens.build(), BindingPolicy::bound())
                .with_dpop(dpop)
                .with_clients(OwnAgents)
        })
        .guard(move |guard| guard.accept(Accept::signature().or(Accept::dpop())).marks(own))
        .build();
    let prover = prover();
    let token = world.issue(&token_for("client-7", &prover));
    let head = async || Shows::new(&prover, &token).request().await.into_parts().0;
    let permit = world.guard.admit(&head().await).await.unwrap();
    let agent = HELPER.parse().unwrap();
    for mark in [
        MarkKey::Agent(&agent),
        MarkKey::Client { issuer: "https://as.example", client: "client-7" },
        MarkKey::Subject { issuer: "https://as.example", subject: "user-1" },
    ] {
        marks.add(&mark, Mark::suspended()).unwrap();
        assert_refused!(permit.still_valid(), "suspended", "AIMS-55");
        assert_refused!(world.guard.admit(&head().await).await, "suspended", "AIMS-55");
        marks.clear(&mark);
        permit.still_valid().unwrap();
    }
}

/// Marks that are lost.
#[derive(Debug)]
struct Lost;

impl Marks for Lost {
    fn mark(&self, _: &MarkKey<'_>) -> Result<Option<Mark>, MarksUnavailable> {
        Err(MarksUnavailable::new())
    }
}

#[tokio::test]
async fn aims_55_without_its_marks_a_guard_takes_no_token() {
    for of_verifier in [true, false] {
        let world = setup(None)
            .resource(move |tokens| {
                let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build();
                let tokens = if of_verifier { tokens.marks(Lost) } else { tokens };
                ResourceServer::new(tokens.build(), BindingPolicy::bound()).with_dpop(dpop)
            })
            .guard(move |guard| {
                let guard = guard.accept(Accept::dpop());
                if of_verifier { guard } else { guard.marks(Lost) }
            })
            .build();
        let prover = prover();
        let token = world.issue(&token_for(TRAVEL, &prover));
        let (status, headers, body) = world.call(Shows::new(&prover, &token).request().await).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
        assert!(!headers.contains_key("www-authenticate"), "whoever asks is not at fault");
    }
}

#[tokio::test]
async fn aims_43_mcp_3_nothing_of_a_token_or_its_proof_is_passed_on() {
    let world = setup(Some(nonces())).build();
    let prover = prover();
    let token = world.issue(&token_for(TRAVEL, &prover));
    let nonce = nonces().current(NOW);
    let shows = Shows { nonce: Some(&nonce), ..Shows::new(&prover, &token) };
    let proof = shows.proof().await;
    let (app, seen) = careless(&world.guard);
    let request = request(&format!("DPoP {token}"), &[&proof]);
    let response = tower::ServiceExt::oneshot(app, request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let seen = seen.lock().unwrap().clone();
    assert!(seen.contains("anything") && seen.contains(TRAVEL), "{seen}");
    assert_without(&seen, &token);
    assert_without(&seen, &proof);
    let said: &Guard = &world.guard;
    assert_without(&format!("{said:?} {}", world.records.text()), &token);
}
