//! Which requests reach a server, and what the others are told.

use std::sync::Arc;

use aims::keys::{Algorithm, SoftwareKey};
use aims::mcp::{McpCalls, McpScopes};
use aims::oauth::{
    AccessTokenRequest, AccessTokenVerifier, BindingPolicy, DpopProver, ResourceMetadata, ResourceServer,
    TokenNeed, TrustedIssuer,
};
use aims::{Accept, Audiences, BundleSet, Callers, Decide, Decision, Guard, Permit, Question, backend};
use aims_testkit::assert_refused;
use axum::body::Body;
use axum::{Extension, Router};
use http::{Method, Request, StatusCode};
use tower::ServiceExt;

use super::world::*;
use crate::support::NOW;

#[tokio::test]
async fn mcp_1_metadata_are_at_the_endpoint_at_the_root_and_in_challenges() {
    let world = World::new();
    for place in [format!("{PLACE}/mcp"), PLACE.to_owned()] {
        let (status, _, body) = world.call(Request::get(&place).body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{place}");
        let metadata = ResourceMetadata::parse(body.as_bytes(), &endpoint()).unwrap();
        assert_eq!(metadata.authorization_servers(), ["https://as.example".parse().unwrap()]);
        assert_eq!(metadata.scopes().unwrap(), &scopes().supported().unwrap());
    }
    let (status, headers, _) = world.call(Request::delete(PLACE).body(Body::empty()).unwrap()).await;
    assert_eq!((status, &headers["allow"]), (StatusCode::METHOD_NOT_ALLOWED, &"GET, HEAD".parse().unwrap()));
    let plain = post().body(Body::from(tool("search"))).unwrap();
    let wanted = world.assert_refused(plain, 401, "no_token", "no_token", "CHA-1").await;
    let place = format!("resource_metadata=\"https://tools.example{PLACE}/mcp\"");
    assert!(wanted.iter().all(|challenge| challenge.contains(&place)), "{wanted:?}");
    // It is one document, whatever a route takes.
    let bearer_alone = world.guard.accepting(Accept::dangerous_bearer()).unwrap().mcp(scopes()).unwrap();
    let app = Router::new().fallback(|| async {}).layer(bearer_alone);
    for place in [format!("{PLACE}/mcp"), PLACE.to_owned()] {
        let asked = app.clone().oneshot(Request::get(&place).body(Body::empty()).unwrap()).await.unwrap();
        let body = axum::body::to_bytes(asked.into_body(), 1 << 16).await.unwrap();
        let metadata = ResourceMetadata::parse(&body, &endpoint()).unwrap();
        assert!(metadata.dpop_algorithms().is_some(), "{place}");
    }
    // A guard without the layer serves nothing at the root for a resource that is elsewhere.
    let app = Router::new().fallback(|| async {}).layer(world.guard.layer());
    let asked = app.oneshot(Request::get(PLACE).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn mcp_2_tokens_come_in_authorization_alone_and_for_this_server() {
    let world = World::new();
    let token = world.token("trips trips:read trips:book");
    let (status, _, body) = world.call(bearer(&token, tool("search"))).await;
    assert_eq!((status, body.starts_with(&format!("{TRAVEL} tools/call search"))), (StatusCode::OK, true));

    // In the query, whatever else there is.
    let escaped = "%61ccess_token";
    for query in
        [format!("access_token={token}"), format!("a=b&ACCESS_TOKEN={token}"), format!("{escaped}=x")]
    {
        for authorization in [None, Some(format!("Bearer {token}"))] {
            let mut request = post().uri(format!("/mcp?{query}"));
            if let Some(authorization) = authorization {
                request = request.header("authorization", authorization);
            }
            let request = request.body(Body::from(tool("search"))).unwrap();
            world.assert_refused(request, 400, "invalid_request", "token_in_query", "MCP-2").await;
        }
    }
    let malformed = post().uri("/mcp?%zz&access_token=x").body(Body::empty()).unwrap();
    world.assert_refused(malformed, 400, "invalid_request", "token_in_query", "MCP-2").await;
    let other = post().uri("/mcp?v=1").header("authorization", format!("Bearer {token}"));
    assert_eq!(world.call(other.body(Body::from(tool("search"))).unwrap()).await.0, StatusCode::OK);
    assert!(!world.records.text().contains(&token));

    // In the content it is none.
    let inside = format!(r#"{{"access_token":"{token}","jsonrpc":"2.0","id":1,"method":"ping"}}"#);
    let inside = post().body(Body::from(inside)).unwrap();
    world.assert_refused(inside, 401, "no_token", "no_token", "CHA-1").await;
    // For another server; expired.
    let elsewhere = AccessTokenRequest::new("user-1", TRAVEL, "https://other.example/mcp".parse().unwrap());
    let elsewhere = bearer(&world.issue(&elsewhere), tool("search"));
    world.assert_refused(elsewhere, 401, "invalid_token", "audience_mismatch", "ACT-4").await;
    world.clock.advance(std::time::Duration::from_secs(48 * 3600));
    world.assert_refused(bearer(&token, tool("search")), 401, "invalid_token", "expired", "ACT-4").await;
}

#[tokio::test]
async fn mcp_2_a_session_is_worth_nothing_without_a_token() {
    let world = World::new();
    let token = world.token("trips trips:read");
    let session = |authorization: Option<&str>, method: Method, content: String| {
        let mut request = post().method(method).header("mcp-session-id", "7b8a3c2e");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        request.body(Body::from(content)).unwrap()
    };
    let begun = session(Some(&format!("Bearer {token}")), Method::POST, message("initialize", "{}"));
    assert_eq!(world.call(begun).await.0, StatusCode::OK);
    for (method, content) in
        [(Method::POST, tool("search")), (Method::GET, String::new()), (Method::DELETE, String::new())]
    {
        let without = session(None, method, content);
        world.assert_refused(without, 401, "no_token", "no_token", "CHA-1").await;
    }
    // And each request has the rights of its own token, whatever the session had.
    let weaker = world.token("trips");
    let weaker = session(Some(&format!("Bearer {weaker}")), Method::POST, tool("search"));
    world.assert_refused(weaker, 403, "insufficient_scope", "insufficient_scope", "CHA-3").await;
    // What has no content needs a token all the same, and what every request needs.
    let listen = session(Some(&format!("Bearer {token}")), Method::GET, String::new());
    assert_eq!(world.call(listen).await.0, StatusCode::OK);
    let empty = bearer(&world.token("other"), Body::empty());
    let (mut head, body) = empty.into_parts();
    head.method = Method::GET;
    let empty = Request::from_parts(head, body);
    world.assert_refused(empty, 403, "insufficient_scope", "insufficient_scope", "CHA-3").await;
}

#[tokio::test]
async fn mcp_4_all_scopes_of_an_operation_are_named_at_once() {
    let world = World::new();
    let place = format!("resource_metadata=\"https://tools.example{PLACE}/mcp\"");
    let refused = async |granted: &str, content: String| {
        let request = bearer(&world.token(granted), content);
        let wanted =
            world.assert_refused(request, 403, "insufficient_scope", "insufficient_scope", "CHA-3").await;
        assert!(wanted[0].starts_with("Bearer error=\"insufficient_scope\""), "{wanted:?}");
        assert!(wanted.iter().all(|challenge| challenge.contains(&place)), "{wanted:?}");
        wanted[0].split("scope=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    assert_eq!(refused("x", tool("book")).await, "trips trips:read trips:book");
    assert_eq!(refused("trips trips:read", tool("book")).await, "trips trips:read trips:book");
    assert_eq!(refused("trips:read trips:book", tool("book")).await, "trips trips:read trips:book");
    assert_eq!(refused("trips", tool("search")).await, "trips trips:read");
    assert_eq!(refused("trips", message("prompts/get", r#"{"name":"itinerary"}"#)).await, "trips trips:read");
    let read = message("resources/read", r#"{"uri":"trips://7"}"#);
    assert_eq!(refused("trips", read.clone()).await, "trips trips:read");
    assert_eq!(
        refused("trips", message("resources/subscribe", r#"{"uri":"trips://7"}"#)).await,
        "trips trips:read"
    );
    assert_eq!(refused("trips", message("completion/complete", "{}")).await, "trips trips:read");
    assert_eq!(refused("x", message("tools/list", "{}")).await, "trips");
    // Of a batch, what all of it needs.
    let batch = format!("[{},{}]", message("ping", "{}"), tool("book"));
    assert_eq!(refused("trips trips:read", batch.clone()).await, "trips trips:read trips:book");
    for (granted, content) in [
        ("trips trips:read trips:book", tool("book")),
        ("trips trips:read", read),
        ("trips", message("tools/list", "{}")),
        ("trips", r#"{"jsonrpc":"2.0","id":7,"result":{"action":"accept"}}"#.to_owned()),
        ("trips", r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned()),
        ("trips trips:book trips:read", batch),
    ] {
        assert_eq!(world.call(bearer(&world.token(granted), content)).await.0, StatusCode::OK, "{granted}");
    }
    assert_eq!(world.records.last()["action"]["operation"], "ping, tools/call book");
}

#[tokio::test]
async fn mcp_4_a_broad_scope_implies_the_narrow_ones() {
    let world = World::new();
    for granted in ["trips trips:admin", "trips:admin trips", "trips trips:write trips:read"] {
        assert_eq!(
            world.call(bearer(&world.token(granted), tool("book"))).await.0,
            StatusCode::OK,
            "{granted}"
        );
    }
    // Not the other way, and none implies what it was not told to.
    for granted in
        ["trips:admin", "trips trips:write", "trips trips:book", "trips trips:admi trips:administrator"]
    {
        let request = bearer(&world.token(granted), tool("book"));
        world.assert_refused(request, 403, "insufficient_scope", "insufficient_scope", "CHA-3").await;
    }
    // A circle is an equality, and ends.
    let circle = McpScopes::builder()
        .implies("a", "b".parse().unwrap())
        .implies("b", "c".parse().unwrap())
        .implies("c", "a".parse().unwrap())
        .build()
        .unwrap();
    assert!(circle.covers(&"c".parse().unwrap(), &"a b".parse().unwrap()));
    assert!(!circle.covers(&"d".parse().unwrap(), &"a".parse().unwrap()));
}

#[tokio::test]
async fn mcp_4_what_is_not_listed_nobody_may_call() {
    let world = World::new();
    let token = world.token("trips trips:read trips:book trips:admin");
    for content in [
        tool("cancel"),
        tool("Book"),
        tool("book "),
        message("tools/execute", "{}"),
        message("prompts/get", r#"{"name":"book"}"#),
        message("resources/read", r#"{"uri":"trips://70"}"#),
        message("resources/unsubscribe", r#"{"uri":"trips://%37"}"#),
        format!("[{},{}]", tool("search"), tool("cancel")),
    ] {
        let refused =
            world.assert_refused(bearer(&token, content), 403, "forbidden", "mcp_not_listed", "MCP-4");
        assert!(refused.await.is_empty(), "no token helps");
        let operation = world.records.last()["action"]["operation"].clone();
        assert!(operation.is_string(), "it is on record what was tried");
    }
    let open = McpScopes::builder()
        .other_tools("any".parse().unwrap())
        .tool("book", "trips:book".parse().unwrap())
        .method("tools/call", "tools".parse().unwrap())
        .other_prompts("any".parse().unwrap())
        .other_resources("any".parse().unwrap())
        .build()
        .unwrap();
    let app = Router::new().fallback(|| async {}).layer(world.guard.mcp(open).unwrap());
    for (granted, content, status) in [
        ("any tools", tool("cancel"), 200),
        ("any", tool("cancel"), 403),
        ("any tools", tool("book"), 403),
        ("tools trips:book", tool("book"), 200),
        ("any", message("prompts/get", r#"{"name":"book"}"#), 200),
        ("any", message("resources/read", r#"{"uri":"a:b"}"#), 200),
    ] {
        let request = bearer(&world.token(granted), content);
        assert_eq!(app.clone().oneshot(request).await.unwrap().status().as_u16(), status, "{granted}");
    }
    let twice = McpScopes::builder().tool("a", "b".parse().unwrap()).tool("a", "c".parse().unwrap());
    assert_refused!(twice.build(), "mcp_listed_twice", "MCP-4");
    let twice = McpScopes::builder().mirrored("a", "Zone", &["zone"]).mirrored("a", "zone", &["place"]);
    assert_refused!(twice.build(), "mcp_listed_twice", "MCP-4");
}

#[tokio::test]
async fn mcp_4_whoever_has_no_token_learns_what_the_operation_needs() {
    let world = World::new();
    let scope = async |fields: &[(&str, &str)]| {
        let request = fields.iter().fold(post(), |request, (name, value)| request.header(*name, *value));
        let request = request.body(Body::from(tool("search"))).unwrap();
        let wanted = world.assert_refused(request, 401, "no_token", "no_token", "CHA-1").await;
        assert!(wanted.iter().all(|challenge| !challenge.contains("error=")), "{wanted:?}");
        wanted[0].split("scope=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    assert_eq!(scope(&[]).await, "trips");
    let booking = [("mcp-method", "tools/call"), ("mcp-name", "book")];
    assert_eq!(scope(&booking).await, "trips trips:read trips:book");
    assert_eq!(scope(&[("mcp-method", "tools/call")]).await, "trips");
    assert_eq!(scope(&[("mcp-method", "tools/call"), ("mcp-name", "cancel")]).await, "trips");
    // A token that does not count any more is answered in the same way. What the fields say never admits anything: see `beside`.
    let bad = post().header("authorization", "Bearer a.b.c").body(Body::from(tool("book"))).unwrap();
    let (status, headers, _) = world.call(bad).await;
    let wanted = headers["www-authenticate"].to_str().unwrap().to_owned();
    assert!(status == StatusCode::UNAUTHORIZED && wanted.contains("scope=\"trips\""), "{wanted}");
}

#[test]
fn mcp_5_offline_access_is_no_scope_of_a_resource() {
    let offline = || "trips offline_access".parse().unwrap();
    for table in [
        McpScopes::builder().every_request(offline()),
        McpScopes::builder().tool("book", offline()),
        McpScopes::builder().other_tools(offline()),
        McpScopes::builder().method("ping", offline()),
        McpScopes::builder().implies("trips:admin", offline()),
        McpScopes::builder().implies("offline_access", "trips".parse().unwrap()),
    ] {
        assert_refused!(table.build(), "offline_access", "MCP-5");
    }
    // Nor in the metadata.
    let guard = |scopes: &str| {
        let keys = aims::jose::JwkSet::new(Vec::new()).unwrap();
        let trusted = TrustedIssuer::new("https://as.example".parse().unwrap(), keys);
        let tokens = AccessTokenVerifier::builder(endpoint(), trusted, backend::ring()).build();
        let about = ResourceMetadata::builder(endpoint()).scopes(scopes.parse().unwrap()).build().unwrap();
        let resource = ResourceServer::new(tokens, BindingPolicy::bound()).with_metadata(about);
        let audiences = Audiences::http("https://tools.example").unwrap();
        let guard = Guard::builder(audiences, BundleSet::new(), Callers::new());
        guard.access_tokens(resource).build().unwrap()
    };
    assert!(guard("trips").mcp(scopes()).is_ok());
    assert_refused!(guard("offline_access trips").mcp(scopes()), "offline_access", "MCP-5");
}

#[test]
fn mcp_1_mcp_2_a_guard_that_clients_cannot_find_is_none() {
    let audiences = || Audiences::http("https://tools.example").unwrap();
    let plain = Guard::builder(audiences(), BundleSet::new(), Callers::new()).build().unwrap();
    assert_refused!(plain.mcp(scopes()), "no_access_tokens", "MCP-2");
    for name in ["https://tools.example/mcp?v=1", "urn:tools:mcp"] {
        let keys = aims::jose::JwkSet::new(Vec::new()).unwrap();
        let trusted = TrustedIssuer::new("https://as.example".parse().unwrap(), keys);
        let tokens = AccessTokenVerifier::builder(name.parse().unwrap(), trusted, backend::ring()).build();
        let resource = ResourceServer::new(tokens, BindingPolicy::bound());
        let guard = Guard::builder(audiences(), BundleSet::new(), Callers::new());
        let guard = guard.access_tokens(resource).build().unwrap();
        assert_refused!(guard.mcp(scopes()), "resource_not_canonical", "MCP-1");
    }
}

#[tokio::test]
async fn mcp_2_sec_4_bearer_tokens_are_taken_where_both_sides_of_that_were_asked_for() {
    let dpop = |guard: aims::GuardBuilder| guard.accept(Accept::dpop());
    let only = World::with(everybody(), BindingPolicy::bound().dangerous_or_bearer(), dpop);
    let refused = bearer(&only.token("trips"), message("ping", "{}"));
    let wanted = only.assert_refused(refused, 401, "invalid_token", "binding_not_shown", "SEC-4").await;
    assert!(matches!(&wanted[..], [only] if only.starts_with("DPoP ")), "{wanted:?}");

    let world = World::new();
    let token = world.token("trips");
    assert_eq!(world.call(bearer(&token, message("ping", "{}"))).await.0, StatusCode::OK);
    // It is known to be less than a proof.
    let auth = world.records.last()["agent"]["auth"].clone();
    assert_eq!(
        (&auth["method"], &auth["layer"], &auth["key"]),
        (&"bearer".into(), &"transport".into(), &().into())
    );
    assert_eq!(world.records.last()["authorization"]["shown_by"], "bearer");
    // A token that is bound to a key is not one that whoever has it can use.
    let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let prover = DpopProver::new(Arc::new(key)).unwrap();
    let bound = world.bound("trips", &prover);
    let refused = bearer(&bound, message("ping", "{}"));
    world.assert_refused(refused, 401, "invalid_token", "binding_not_shown", "SEC-4").await;
    // One that is bound to nothing is not shown by DPoP.
    let proof = proof(&prover, &token, NOW).await;
    let confused = post().header("authorization", format!("DPoP {token}")).header("dpop", proof);
    let confused = confused.body(Body::from(message("ping", "{}"))).unwrap();
    let (status, ..) = world.call(confused).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    // Whom the policy does not list, whoever it is that names no workload.
    let stranger =
        bearer(&world.issue(&request("spiffe://acme.example/batch/night", "trips")), message("ping", "{}"));
    world.assert_refused(stranger, 403, "forbidden", "caller_not_listed", "callers").await;
    let nobody = bearer(&world.issue(&request("app-7", "trips")), message("ping", "{}"));
    world.assert_refused(nobody, 401, "invalid_token", "not_a_workload", "AIMS-25").await;
    // What no token binds is refused beside one.
    let with_context = post().header("authorization", format!("Bearer {token}")).header("txn-token", "a.b.c");
    let with_context = with_context.body(Body::from(message("ping", "{}"))).unwrap();
    world.assert_refused(with_context, 400, "context_not_covered", "context_not_covered", "WPT-15").await;
}

async fn proof(prover: &DpopProver, token: &str, at: aims::keys::UnixTime) -> String {
    let (target, token) = ("https://tools.example/mcp".parse().unwrap(), token.parse().unwrap());
    prover.proof("POST", &target).with_token(&token).sign(at).await.unwrap()
}

#[tokio::test]
async fn mcp_33_each_post_has_a_proof_of_its_own() {
    let world = World::with(everybody(), BindingPolicy::bound(), |guard| guard.accept(Accept::dpop()));
    let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let prover = DpopProver::new(Arc::new(key)).unwrap();
    let token = world.bound("trips trips:read", &prover);
    let send = |proof: &str, content: String| {
        let request = post().header("authorization", format!("DPoP {token}")).header("dpop", proof);
        request.body(Body::from(content)).unwrap()
    };
    let first = proof(&prover, &token, NOW).await;
    assert_eq!(world.call(send(&first, tool("search"))).await.0, StatusCode::OK);
    assert_eq!(world.records.last()["agent"]["auth"]["method"], "dpop");
    let again = send(&first, tool("search"));
    world.assert_refused(again, 401, "invalid_dpop_proof", "replay", "DPO-7").await;
    let fresh = proof(&prover, &token, NOW).await;
    assert_eq!(world.call(send(&fresh, message("ping", "{}"))).await.0, StatusCode::OK);
}

#[tokio::test]
async fn mcp_2_content_of_nobody_is_not_read() {
    let world = World::with(everybody(), BindingPolicy::bound().dangerous_or_bearer(), |guard| {
        guard.accept(Accept::dangerous_bearer()).max_content(200)
    });
    // A body that never comes.
    let never = || Body::from_stream(tokio_stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let nobody = post().body(never()).unwrap();
    world.assert_refused(nobody, 401, "no_token", "no_token", "CHA-1").await;
    world.assert_refused(bearer("a.b.c", never()), 401, "invalid_token", "malformed", "JO-B64-02").await;
    // More than is held.
    let token = world.token("trips");
    let long = message("ping", &format!(r#"{{"a":"{}"}}"#, "x".repeat(300)));
    let long = bearer(&token, long);
    world.assert_refused(long, 413, "content_too_large", "content_too_large", "MCP-2").await;
    let broken = Body::from_stream(tokio_stream::once(Err::<Vec<u8>, _>(std::io::Error::other("gone"))));
    world.assert_refused(bearer(&token, broken), 400, "content_broken", "content_broken", "HSIG-9").await;
}

#[tokio::test]
async fn mcp_2_aims_55_content_that_is_long_in_coming_outlives_no_token() {
    let world = World::new();
    let token = world.token("trips");
    let clock = Arc::clone(&world.clock);
    let content = message("ping", "{}");
    let slow = async_stream(move || {
        clock.advance(std::time::Duration::from_secs(48 * 3600));
        content.clone().into_bytes()
    });
    let (status, _, body) = world.call(bearer(&token, slow)).await;
    assert_eq!((status, world.handled()), (StatusCode::UNAUTHORIZED, 0), "{body}");
}

fn async_stream(piece: impl FnMut() -> Vec<u8> + Send + 'static) -> Body {
    let mut piece = Some(piece);
    Body::from_stream(tokio_stream::iter(std::iter::from_fn(move || {
        piece.take().map(|mut piece| Ok::<_, std::io::Error>(piece()))
    })))
}

/// Books for nobody.
#[derive(Debug)]
struct NoBooking;

impl Decide for NoBooking {
    fn decide(&self, question: &Question<'_>) -> Decision {
        let calls = question.extensions.get::<McpCalls>().unwrap();
        if calls.iter().any(|call| call.tool() == Some("book")) {
            Decision::Deny { policy: "no-booking".into(), reason: "no_booking".into() }
        } else {
            Decision::Permit { policy: "no-booking".into() }
        }
    }
}

#[tokio::test]
async fn mcp_4_aims_41_the_policy_sees_what_is_called() {
    let world = World::with(NoBooking, BindingPolicy::bound().dangerous_or_bearer(), |guard| {
        guard.accept(Accept::dangerous_bearer())
    });
    let token = world.token("trips trips:read trips:book");
    assert_eq!(world.call(bearer(&token, tool("search"))).await.0, StatusCode::OK);
    world.assert_refused(bearer(&token, tool("book")), 403, "forbidden", "no_booking", "no-booking").await;
    assert_eq!(world.records.last()["action"]["operation"], "tools/call book");
}

#[tokio::test]
async fn mcp_3_aims_43_a_tool_has_no_token_and_exchanges_it_unseen() {
    let world = World::new();
    let token = world.token("trips trips:read");
    let seen = Arc::new(std::sync::Mutex::new(String::new()));
    let kept = Arc::clone(&seen);
    let handler = move |Extension(permit): Extension<Permit>, request: Request<Body>| async move {
        let authorization = permit.authorization().unwrap();
        // What it calls in turn gets a token of its own: the handle has none that shows.
        let need = TokenNeed::of("https://inner.example".parse().unwrap()).on_behalf_of(authorization);
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        *kept.lock().unwrap() = format!("{head:?} {:?} {body:?} {permit:?} {need:?}", head.extensions);
    };
    let app = Router::new().fallback(handler).layer(world.guard.mcp(scopes()).unwrap());
    assert_eq!(app.oneshot(bearer(&token, tool("search"))).await.unwrap().status(), StatusCode::OK);
    let seen = seen.lock().unwrap().clone();
    let signature = token.rsplit('.').next().unwrap();
    assert!(seen.contains("search") && seen.contains("inner.example"), "{seen}");
    assert!(!seen.contains(&token) && !seen.contains(signature), "{seen}");
}
