//! Access tokens beside a message signature.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims::credential::{Fetch, FetchError, FetchRequest, Fetched, LineageId, Mark, MarkKey};
use aims::jose::JwkSet;
use aims::keys::BoxFuture;
use aims::oauth::{AccessTokenIssuer, AccessTokenRequest, NewActor, TokenBinding, TrustedIssuer};
use aims::{Decide, Decision, Question, backend};
use aims_testkit::assert_refused;
use axum::body::Body;
use http::{Request, StatusCode};

use super::world::*;
use crate::support::NOW;

#[tokio::test]
async fn aims_25_aims_47_arch_7_an_agent_acts_for_a_user_with_a_token_of_its_own() {
    let world = World::new();
    let agent = world.travel();
    let token = world.issue(&for_user(&agent).transaction("txn-1"));
    let (status, _, body) = world.call(world.request(&agent, Some(&format!("Bearer {token}"))).await).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "spiffe://acme.example/agents/travel for user-1"));
    let record = world.records.last();
    assert_eq!(record["agent"]["id"], "spiffe://acme.example/agents/travel");
    let TokenBinding::Key(key) = bound(&agent) else { panic!("no key") };
    assert_eq!(record["agent"]["auth"]["key"], key.to_string());
    assert!(record["agent"]["auth"]["credential"].is_string());
    let authorization = &record["authorization"];
    assert_eq!(
        (&authorization["on_behalf_of"], &authorization["issuer"]),
        (&"user-1".into(), &"https://as.example".into())
    );
    assert_eq!(
        (&authorization["shown_by"], &authorization["scope"]),
        (&"signature".into(), &"trips:book".into())
    );
    assert_eq!(authorization["txn"], "txn-1");
    assert!(!world.records.text().contains(&token), "a token is in a record");

    let own = AccessTokenRequest::new(agent.id().as_str(), agent.id().as_str(), tool());
    let own = world.issue(&own.scope("trips:book".parse().unwrap()).bound_to(bound(&agent)));
    let (status, _, body) = world.call(world.request(&agent, Some(&format!("Bearer {own}"))).await).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "spiffe://acme.example/agents/travel for itself"));
    assert!(world.records.last()["authorization"].get("on_behalf_of").is_none());
}

#[tokio::test]
async fn sec_4_aims_25_a_stolen_token_is_of_no_use() {
    let world = World::new();
    let (agent, thief) = (world.travel(), world.authority.agent("/agents/thief", NOW));
    let bearer = |token: &str| format!("Bearer {token}");
    let token = world.issue(&for_user(&agent));
    // By another agent, with its own good proof.
    let stolen = world.request(&thief, Some(&bearer(&token))).await;
    let wanted = world.assert_refused(stolen, 401, "invalid_token", "other_client", "AIMS-25").await;
    let metadata = "resource_metadata=\"https://tools.example/.well-known/oauth-protected-resource\"";
    assert_eq!(wanted, [format!("Bearer error=\"invalid_token\", {metadata}")]);
    // The agent's, after it got another key.
    let renewed = world.request(&world.travel(), Some(&bearer(&token))).await;
    world.assert_refused(renewed, 401, "invalid_token", "other_key", "DPO-6").await;
    // Bound to nothing; for another tool; of another issuer.
    let loose = world.issue(&AccessTokenRequest::new("user-1", agent.id().as_str(), tool()));
    let loose = world.request(&agent, Some(&bearer(&loose))).await;
    world.assert_refused(loose, 401, "invalid_token", "bearer_not_accepted", "SEC-4").await;
    let elsewhere =
        AccessTokenRequest::new("user-1", agent.id().as_str(), "https://other.example".parse().unwrap());
    let elsewhere = world.issue(&elsewhere.bound_to(bound(&agent)));
    let elsewhere = world.request(&agent, Some(&bearer(&elsewhere))).await;
    world.assert_refused(elsewhere, 401, "invalid_token", "audience_mismatch", "ACT-4").await;
    let stranger =
        AccessTokenIssuer::new("https://evil.example".parse().unwrap(), world.server.clone(), "as-1")
            .unwrap();
    let stranger = stranger.issue(&for_user(&agent), NOW).unwrap().into_token();
    let stranger = world.request(&agent, Some(&bearer(stranger.expose()))).await;
    world.assert_refused(stranger, 401, "invalid_token", "issuer_mismatch", "ACT-4").await;
    // Put in behind the signature, or in place of the one that was signed.
    let mut put_in = world.request(&agent, None).await;
    put_in.headers_mut().insert("authorization", bearer(&token).parse().unwrap());
    let (status, _, _) = world.call(put_in).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "what is there has to be covered");
    let mut swapped = world.request(&agent, Some(&bearer(&world.issue(&for_user(&agent))))).await;
    swapped.headers_mut().insert("authorization", bearer(&token).parse().unwrap());
    let (status, _, _) = world.call(swapped).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn cha_1_cha_3_a_caller_learns_what_is_missing() {
    let world = World::new();
    let agent = world.travel();
    let none = world.request(&agent, None).await;
    let wanted = world.assert_refused(none, 401, "no_token", "no_token", "CHA-1").await;
    assert_eq!(
        wanted,
        ["Bearer resource_metadata=\"https://tools.example/.well-known/oauth-protected-resource\""]
    );
    let basic = world.request(&agent, Some("Basic a")).await;
    world.assert_refused(basic, 400, "invalid_request", "unknown_scheme", "MCP-2").await;
    // The token counts, and is good for less: the handler says so.
    let less = AccessTokenRequest::new("user-1", agent.id().as_str(), tool());
    let less = world.issue(&less.scope("trips:read".parse().unwrap()).bound_to(bound(&agent)));
    let (status, headers, _) = world.call(world.request(&agent, Some(&format!("Bearer {less}"))).await).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let wanted = headers["www-authenticate"].to_str().unwrap();
    assert!(wanted.starts_with("Bearer error=\"insufficient_scope\", scope=\"trips:book\""), "{wanted}");
    // A Workload Proof Token has the place of an access token: there can be none beside it.
    let wpt = agent.request(http::Method::POST, URI, NOW).body(Body::empty()).unwrap();
    let (mut head, body) = wpt.into_parts();
    head.uri = "/v1/book".parse().unwrap();
    let wpt = Request::from_parts(head, body);
    let wanted = world.assert_refused(wpt, 400, "proof_not_accepted", "proof_not_accepted", "CRD-14").await;
    assert!(wanted.is_empty(), "{wanted:?}");
}

/// Admits agents for one user alone.
#[derive(Debug)]
struct OneUser;

impl Decide for OneUser {
    fn decide(&self, question: &Question<'_>) -> Decision {
        match question.authorization.and_then(aims::oauth::Authorized::on_behalf_of) {
            Some(user) if user == "user-1" => Decision::Permit { policy: "one user".into() },
            _ => Decision::Deny { policy: "one user".into(), reason: "other_user".into() },
        }
    }
}

#[tokio::test]
async fn aims_25_a_policy_knows_for_whom_an_agent_acts() {
    let world = Setup::new().deciding(OneUser).build();
    let agent = world.travel();
    let ask = async |subject: &str| {
        let token = AccessTokenRequest::new(subject, agent.id().as_str(), tool());
        let token = world.issue(&token.scope("trips:book".parse().unwrap()).bound_to(bound(&agent)));
        world.call(world.request(&agent, Some(&format!("Bearer {token}"))).await).await.0
    };
    assert_eq!(ask("user-1").await, StatusCode::OK);
    assert_eq!(ask("user-2").await, StatusCode::FORBIDDEN);
    let record = world.records.last();
    assert_eq!(
        (&record["decision"]["reasons"][0], &record["authorization"]["on_behalf_of"]),
        (&"other_user".into(), &"user-2".into())
    );
    assert_eq!(ask(agent.id().as_str()).await, StatusCode::FORBIDDEN);
    // Another agent acts for the subject of a token that was passed on.
    let helper = world.authority.agent("/agents/helper", NOW);
    let token = for_user(&agent).bound_to(bound(&helper)).acting(NewActor::new(helper.id().as_str()));
    let token = world.issue(&token);
    let (status, _, body) = world.call(world.request(&helper, Some(&format!("Bearer {token}"))).await).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "spiffe://acme.example/agents/helper for user-1"));
}

#[tokio::test]
async fn azr_10_aims_55_a_permit_ends_with_its_token() {
    let world = World::new();
    let agent = world.travel();
    let token = world.issue(&for_user(&agent));
    let permit = async || {
        let (head, _) = world.request(&agent, Some(&format!("Bearer {token}"))).await.into_parts();
        world.guard.admit(&head).await
    };
    let permitted = permit().await.unwrap();
    permitted.still_valid().unwrap();
    let id = permitted.authorization().unwrap().token().token_id().unwrap().into_owned();
    let id = LineageId::of("https://as.example", &id, backend::ring());
    world.marks.add(&MarkKey::Token(&id), Mark::dead()).unwrap();
    assert_refused!(permitted.still_valid(), "revoked", "AIMS-55");
    let refused = permit().await.unwrap_err();
    assert_eq!((refused.public_code(), refused.code()), ("invalid_token", "revoked"));
    world.marks.clear(&MarkKey::Token(&id));
    permitted.still_valid().unwrap();
    // The issuer took its key back.
    world.keys.replace_keys(JwkSet::new(Vec::new()).unwrap());
    assert_refused!(permitted.still_valid(), "untrusted", "CRD-1");
    world.keys.replace_keys(published(&world.server));
    world.clock.set(NOW + Duration::from_secs(331));
    assert_refused!(permitted.still_valid(), "expired", "AIMS-8");
}

/// What an authorization server publishes, while it is there.
#[derive(Clone, Debug)]
struct Web {
    keys: String,
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Up,
    Down,
    Panics,
}

impl Fetch for Web {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let state = *self.state.lock().unwrap();
        assert!(state != State::Panics, "as it was told");
        let url = request.url().clone();
        let body = match url.path() {
            _ if state == State::Down => Err(FetchError::Unreachable),
            "/jwks" => Ok(self.keys.clone()),
            _ => Ok(r#"{"issuer":"https://as.example","jwks_uri":"https://as.example/jwks"}"#.to_owned()),
        };
        Box::pin(std::future::ready(body.map(|body| Fetched::new(url, None, body.into_bytes()))))
    }
}

#[tokio::test]
async fn act_6_keys_of_the_issuer_are_fetched_when_a_token_needs_them() {
    let state = Arc::new(Mutex::new(State::Panics));
    let web_state = Arc::clone(&state);
    let world = Setup::new()
        .trusting(move |server| {
            let web = Web { keys: published(server).to_json(), state: web_state };
            TrustedIssuer::following(issuer(), web, backend::ring())
        })
        .build();
    let agent = world.travel();
    let line = format!("Bearer {}", world.issue(&for_user(&agent)));
    let request = async || world.request(&agent, Some(&line)).await;
    // Whoever has a token is not at fault, and is told so.
    let challenges = world.assert_refused(
        request().await,
        503,
        "temporarily_unavailable",
        "issuer_keys_not_fetched",
        "ACT-6",
    );
    assert!(challenges.await.is_empty());
    *state.lock().unwrap() = State::Down;
    let code = FetchError::Unreachable.code();
    world.assert_refused(request().await, 503, "temporarily_unavailable", code, "FED-14").await;
    *state.lock().unwrap() = State::Up;
    world.clock.set(NOW + Duration::from_secs(10));
    let (status, _, body) = world.call(request().await).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "spiffe://acme.example/agents/travel for user-1"));
}
