//! What an agent attaches, and when it attaches nothing.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use aims::{Agent, AgentError, AttachError, CredentialSource, CurrentCredential, Holder};
use aims_credential::HolderError;
use aims_keys::{
    Algorithm, AsyncSigner, BoxFuture, Protection, PublicKey, SignError, SignInput, Signature, SoftwareKey,
    backend,
};
use aims_testkit::{TestAgent, TestClock, assert_refused};
use axum::body::Body;
use http::{HeaderMap, Method, Request, Response};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{NOW, SEARCH, Tool, head};

fn agent(test: &TestAgent) -> Agent {
    Agent::new(CurrentCredential::new(test.holder())).with_clock(TestClock::at(NOW).reader())
}

#[tokio::test]
async fn aims_8_a_clock_before_1970_attaches_nothing() {
    let tool = Tool::new();
    let agent = Agent::new(CurrentCredential::new(tool.travel().holder()))
        .with_clock(|| UNIX_EPOCH - Duration::from_nanos(1));
    let mut fields = HeaderMap::new();
    let attached = agent.attach(&SEARCH.parse().unwrap(), &mut fields).await;
    assert_refused!(attached, "clock_before_epoch", "AIMS-8");
    assert!(fields.is_empty());
}

/// What a tool answers to fields that an agent attached for a target.
async fn answer(tool: &Tool, fields: &HeaderMap, path: &str) -> Result<(), &'static str> {
    let mut request = Request::builder().method(Method::POST).uri(path).body(Body::empty()).unwrap();
    *request.headers_mut() = fields.clone();
    tool.guard.admit(&head(&request)).await.map(drop).map_err(|refusal| refusal.public_code())
}

#[tokio::test]
async fn wpt_6_proofs_are_for_the_target_in_the_spelling_of_its_service() {
    let tool = Tool::new();
    let agent = agent(&tool.travel());
    for target in [
        "https://tools.example/v1/search",
        "https://tools.example/v1/search?lang=en",
        "https://Tools.EXAMPLE/v1/search",
        "https://tools.example:443/v1/search",
        "HTTPS://tools.example/v1/search",
    ] {
        let mut fields = HeaderMap::new();
        agent.attach(&target.parse().unwrap(), &mut fields).await.unwrap();
        assert_eq!(answer(&tool, &fields, "/v1/search?lang=en").await, Ok(()), "{target}");
        assert!(fields["authorization"].is_sensitive() && fields["workload-identity-token"].is_sensitive());
    }
    for target in [
        "http://tools.example/v1/search",
        "https://tools.example:8443/v1/search",
        "https://tools.example:80/v1/search",
        "https://tools.example/V1/search",
        "https://tools.example/v1/search/",
        "https://tools.example/v1/%73earch",
    ] {
        let mut fields = HeaderMap::new();
        agent.attach(&target.parse().unwrap(), &mut fields).await.unwrap();
        assert_eq!(answer(&tool, &fields, "/v1/search").await, Err("audience_mismatch"), "{target}");
    }
    // `OPTIONS *` is for the service as a whole, and `CONNECT` for another host.
    let mut fields = HeaderMap::new();
    agent.attach_for("https://tools.example", &mut fields).await.unwrap();
    assert_eq!(answer(&tool, &fields, "evil.example:443").await, Err("audience_mismatch"));
    assert_eq!(answer(&tool, &fields, "*").await, Ok(()));
    // The root has a path on the wire.
    let mut fields = HeaderMap::new();
    agent.attach(&"https://tools.example".parse().unwrap(), &mut fields).await.unwrap();
    assert_eq!(answer(&tool, &fields, "/").await, Ok(()));
}

#[tokio::test]
async fn wpt_6_targets_that_name_no_service_are_refused() {
    let tool = Tool::new();
    let agent = agent(&tool.travel());
    let mut fields = HeaderMap::new();
    for target in ["/v1/search", "*", "tools.example:443"] {
        let refused = agent.attach(&target.parse().unwrap(), &mut fields).await;
        assert_refused!(refused, "relative_target", "WPT-6", "{target}");
    }
    for target in
        ["https://user@tools.example/", "https://user:secret@tools.example/", "https://@tools.example/"]
    {
        let refused = agent.attach(&target.parse().unwrap(), &mut fields).await;
        assert_refused!(refused, "userinfo_in_target", "WPT-6", "{target}");
    }
    // Ports that are none: which one a client would take is its own affair.
    for target in ["https://tools.example:99999/v1/search", "https://tools.example:65979/v1/search"] {
        let refused = agent.attach(&target.parse().unwrap(), &mut fields).await;
        assert_refused!(refused, "relative_target", "WPT-6", "{target}");
    }
    assert_refused!(agent.attach_for("", &mut fields).await, "empty_audience", "WPT-6");
    assert!(fields.is_empty());

    for base in ["tools.example", "/", "https://tools.example/v1", "https://tools.example/?q", "not a uri"] {
        assert_refused!(agent.layer_for(base), "relative_target", "WPT-6", "{base}");
    }
    assert_refused!(agent.layer_for("https://user@tools.example"), "userinfo_in_target", "WPT-6");
}

#[tokio::test]
async fn wpt_1_a_request_carries_one_authorization() {
    let tool = Tool::new();
    let agent = agent(&tool.travel());
    for name in ["authorization", "workload-identity-token"] {
        let mut fields = HeaderMap::new();
        fields.insert(name, "Bearer another".parse().unwrap());
        let before = fields.clone();
        let refused = agent.attach(&SEARCH.parse().unwrap(), &mut fields).await;
        assert_refused!(refused, "authorization_occupied", "WPT-1");
        assert_eq!(fields, before);
    }
}

#[tokio::test]
async fn crd_9_wpt_20_a_key_is_not_used_beyond_its_credential() {
    let tool = Tool::new();
    let travel = tool.travel();
    let clock = TestClock::at(NOW + Duration::from_secs(3599));
    let source = CurrentCredential::new(travel.holder());
    let agent = Agent::new(source.clone()).with_clock(clock.reader());
    let mut fields = HeaderMap::new();
    agent.attach(&SEARCH.parse().unwrap(), &mut fields).await.unwrap();

    clock.advance(Duration::from_secs(1));
    let mut fields = HeaderMap::new();
    assert_refused!(agent.attach(&SEARCH.parse().unwrap(), &mut fields).await, "expired", "CRD-9");
    source.withdraw();
    let withdrawn = agent.attach(&SEARCH.parse().unwrap(), &mut fields).await;
    assert_eq!(withdrawn, Err(AttachError::Holder(HolderError::None)));
    assert_refused!(withdrawn, "no_credential", "AIMS-18");
    assert!(fields.is_empty());
}

/// Renews the credential while it signs.
#[derive(Debug)]
struct Rotating {
    key: SoftwareKey,
    next: Mutex<Option<(CurrentCredential, Holder)>>,
}

impl AsyncSigner for Rotating {
    fn public_key(&self) -> &PublicKey {
        AsyncSigner::public_key(&self.key)
    }

    fn protection(&self) -> Protection {
        Protection::Software
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(async move {
            if let Some((source, holder)) = self.next.lock().unwrap().take() {
                source.replace(holder).unwrap();
            }
            tokio::task::yield_now().await;
            AsyncSigner::sign(&self.key, input).await
        })
    }
}

#[tokio::test]
async fn aims_5_a_rotation_in_the_middle_of_a_request_does_not_mix_two_pairs() {
    let tool = Tool::new();
    let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let key = Arc::new(Rotating { key, next: Mutex::default() });
    let old = tool.authority.agent_with_key("/agents/travel", key.clone(), NOW);
    let new = tool.travel();
    let source = CurrentCredential::new(old.holder());
    *key.next.lock().unwrap() = Some((source.clone(), new.holder()));

    let agent = Agent::new(source.clone()).with_clock(TestClock::at(NOW).reader());
    let mut fields = HeaderMap::new();
    agent.attach(&SEARCH.parse().unwrap(), &mut fields).await.unwrap();
    assert_eq!(fields["workload-identity-token"], old.wit());
    assert_eq!(answer(&tool, &fields, "/v1/search").await, Ok(()));

    assert_eq!(source.holder().unwrap().not_after(), new.holder().not_after());
    let mut fields = HeaderMap::new();
    agent.attach(&SEARCH.parse().unwrap(), &mut fields).await.unwrap();
    assert_eq!(fields["workload-identity-token"], new.wit());
    assert_eq!(answer(&tool, &fields, "/v1/search").await, Ok(()));
}

#[tokio::test]
async fn wpt_12_wpt_13_tokens_beside_the_proof_are_covered() {
    let tool = Tool::with(|guard| guard.context_field("x-context"));
    let agent = agent(&tool.travel()).with_context_fields(["X-Context", "x-context", "x-absent"]);
    let mut fields = HeaderMap::new();
    fields.insert("txn-token", "the.transaction.token".parse().unwrap());
    fields.insert("x-context", "user=alice".parse().unwrap());
    agent.attach(&SEARCH.parse().unwrap(), &mut fields).await.unwrap();
    assert_eq!(answer(&tool, &fields, "/v1/search").await, Ok(()));
    fields.insert("x-context", "user=mallory".parse().unwrap());
    assert_eq!(answer(&tool, &fields, "/v1/search").await, Err("invalid_proof"));

    for name in ["txn-token", "x-context"] {
        let mut fields = HeaderMap::new();
        fields.append(name, "one".parse().unwrap());
        fields.append(name, "two".parse().unwrap());
        assert_refused!(agent.attach(&SEARCH.parse().unwrap(), &mut fields).await, "malformed", "WPT-12");
        let mut fields = HeaderMap::new();
        fields.append(name, http::HeaderValue::from_bytes(b"\xff").unwrap());
        assert_refused!(agent.attach(&SEARCH.parse().unwrap(), &mut fields).await, "malformed", "WPT-12");
    }
}

#[tokio::test]
async fn aims_20_the_layer_makes_any_client_an_agent() {
    let tool = Arc::new(Tool::new());
    let agent = agent(&tool.travel());
    let server = tool.clone();
    let client = service_fn(move |request: Request<Body>| {
        let tool = server.clone();
        async move { Ok::<_, std::io::Error>(Response::new(tool.call(request).await)) }
    });

    let call = |target: &str| Request::builder().uri(target).body(Body::empty()).unwrap();
    let response = agent.layer().layer(client.clone()).oneshot(call(SEARCH)).await.unwrap();
    assert_eq!(response.body().status, 200);
    let refused = agent.layer().layer(client.clone()).oneshot(call("/v1/search")).await;
    assert!(matches!(refused, Err(AgentError::Attach(AttachError::RelativeTarget))));

    for base in ["https://tools.example", "https://tools.example/", "https://TOOLS.example:443"] {
        let service = agent.layer_for(base).unwrap().layer(client.clone());
        for target in ["/v1/search", SEARCH] {
            assert_eq!(
                service.clone().oneshot(call(target)).await.unwrap().body().status,
                200,
                "{base} {target}"
            );
        }
        // The proof would be good at the configured service, and whoever got it could go there with it.
        for target in ["https://evil.example/v1/search", "http://tools.example/v1/search"] {
            let refused = service.clone().oneshot(call(target)).await;
            let Err(AgentError::Attach(refused)) = refused else { panic!("{base} {target}") };
            assert_refused!(Err::<(), _>(refused), "foreign_target", "WPT-6");
        }
    }
}
