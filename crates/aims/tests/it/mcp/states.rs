//! States that a server has its client keep.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims::Permit;
use aims::keys::{SealingKey, backend};
use aims::mcp::{McpCalls, RequestStates};
use aims::oauth::{AccessTokenRequest, NewActor};
use aims_testkit::assert_refused;
use axum::{Extension, Router};
use http::StatusCode;
use tower::ServiceExt;

use super::world::*;
use crate::support::NOW;

type Came = (Permit, McpCalls);

/// What a handler gets for this content, by this token.
async fn came(world: &World, token: &AccessTokenRequest<'_>, content: &str) -> Came {
    let kept: Arc<Mutex<Option<Came>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let handler = move |Extension(permit): Extension<Permit>, Extension(calls): Extension<McpCalls>| async move {
        *keep.lock().unwrap() = Some((permit, calls));
    };
    let app = Router::new().fallback(handler).layer(world.guard.mcp(scopes()).unwrap());
    let response = app.oneshot(bearer(&world.issue(token), content.to_owned())).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let came = kept.lock().unwrap().take();
    came.unwrap()
}

fn states() -> RequestStates {
    RequestStates::new(SealingKey::generate(backend::ring()).unwrap())
}

fn with(arguments: &str, more: &str) -> String {
    message("tools/call", &format!(r#"{{"name":"book","arguments":{arguments}{more}}}"#))
}

const HELPER: &str = "spiffe://acme.example/agents/helper";

const SCOPE: &str = "trips trips:read trips:book";

#[tokio::test]
async fn mcp_43_a_state_counts_for_the_same_call_of_the_same_caller_for_a_while() {
    let (world, states) = (World::new(), states());
    let token = request(TRAVEL, SCOPE);
    let (permit, calls) = came(&world, &token, &with(r#"{"to":"oslo","days":3}"#, "")).await;
    let call = calls.iter().next().unwrap();
    let state = states.seal(&permit, call, b"approval 7", NOW).unwrap();
    assert!(!state.contains("approval"));

    // The request comes again, written differently, with another token, and what belongs to the try.
    let again = with(
        " { \"days\" : 3.0 , \"t\\u006f\":\"osl\\u006f\"}",
        r#","inputResponses":{"a":{"action":"accept"}},"requestState":"x","_meta":{"p":1}"#,
    );
    let (permit, calls) = came(&world, &token, &again).await;
    let call = calls.iter().next().unwrap();
    let later = NOW + Duration::from_secs(599);
    assert_eq!(states.open(&permit, call, &state, later).unwrap().as_slice(), b"approval 7");
    let late = NOW + Duration::from_secs(600);
    assert_refused!(states.open(&permit, call, &state, late), "request_state_expired", "MCP-43");

    // Another call, or other arguments.
    for other in [
        with(r#"{"to":"oslo","days":4}"#, ""),
        with(r#"{"to":"oslo","days":"3"}"#, ""),
        with(r#"{"to":"oslo","days":3,"more":null}"#, ""),
        with(r#"{"to":"oslo"}"#, ""),
        with(r#"{"to":["oslo"],"days":3}"#, ""),
        with(r#"{"to":"oslo","days":3,"_meta":{}}"#, ""),
        with(r#"{"to":"oslo","days":3}"#, r#","task":{}"#),
        message("tools/call", r#"{"name":"search","arguments":{"to":"oslo","days":3}}"#),
        message("prompts/get", r#"{"name":"itinerary","arguments":{"to":"oslo","days":3}}"#),
        message("ping", r#"{"name":"book","arguments":{"to":"oslo","days":3}}"#),
    ] {
        let (permit, calls) = came(&world, &token, &other).await;
        let opened = states.open(&permit, calls.iter().next().unwrap(), &state, NOW);
        assert_refused!(opened, "request_state_other_call", "MCP-43", "{other}");
    }
    // Another user, client or actor.
    let book = with(r#"{"to":"oslo","days":3}"#, "");
    let of = |subject: &'static str, client: &'static str| {
        AccessTokenRequest::new(subject, client, endpoint()).scope(SCOPE.parse().unwrap())
    };
    for other in
        [of("user-2", TRAVEL), of("user-1", HELPER), request(TRAVEL, SCOPE).acting(NewActor::new(HELPER))]
    {
        let (permit, calls) = came(&world, &other, &book).await;
        let opened = states.open(&permit, calls.iter().next().unwrap(), &state, NOW);
        assert_refused!(opened, "request_state_other_caller", "MCP-43");
    }
}

#[tokio::test]
async fn mcp_43_a_state_that_somebody_changed_or_made_does_not_open() {
    let (world, states) = (World::new(), states());
    let (permit, calls) = came(&world, &request(TRAVEL, SCOPE), &tool("book")).await;
    let call = calls.iter().next().unwrap();
    let state = states.seal(&permit, call, b"", NOW).unwrap();
    assert!(states.open(&permit, call, &state, NOW).unwrap().is_empty());
    let text = state.as_bytes();
    for at in 0..text.len() {
        let mut changed = text.to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(states.open(&permit, call, &changed, NOW).is_err(), "{at}");
    }
    let half = state.get(..state.len() / 2).unwrap();
    for wrong in ["", "!", half, &format!("{state}A"), "AAAA"] {
        assert_refused!(states.open(&permit, call, wrong, NOW), "sealed", "MCP-43", "{wrong}");
    }
    assert_refused!(self::states().open(&permit, call, &state, NOW), "sealed", "MCP-43");
    let long = "A".repeat(64 * 1024);
    assert_refused!(states.open(&permit, call, &long, NOW), "request_state_too_long", "MCP-43");
    let long = vec![0; RequestStates::MAX_LEN + 1];
    assert_refused!(states.seal(&permit, call, &long, NOW), "request_state_too_long", "MCP-43");
    let longest = states.seal(&permit, call, &long[1..], NOW).unwrap();
    assert_eq!(states.open(&permit, call, &longest, NOW).unwrap().len(), RequestStates::MAX_LEN);
    // No longer than an hour.
    let lasting = RequestStates::new(SealingKey::generate(backend::ring()).unwrap());
    let lasting = lasting.with_lifetime(Duration::from_secs(86_400));
    let state = lasting.seal(&permit, call, b"", NOW).unwrap();
    let late = NOW + Duration::from_secs(3600);
    assert_refused!(lasting.open(&permit, call, &state, late), "request_state_expired", "MCP-43");
}

#[tokio::test]
async fn mcp_43_numbers_that_readers_read_differently_are_in_no_state() {
    let world = World::new();
    let token = request(TRAVEL, SCOPE);
    let hash = async |number: &str| {
        let (_, calls) = came(&world, &token, &with(&format!(r#"{{"a":{number}}}"#), "")).await;
        calls.iter().next().unwrap().hash().copied()
    };
    assert_eq!(hash("9007199254740993").await, None);
    assert_eq!(hash("0.10000000000000000001").await, None);
    assert_ne!(hash("1").await, hash("true").await);
    assert_ne!(hash("[[],1]").await, hash("[[1]]").await);
    assert_eq!(hash("1").await, hash("1.0").await);
    assert!(hash("100").await.is_some() && hash("100").await == hash("1e2").await);
    let (permit, calls) = came(&world, &token, &with(r#"{"a":9007199254740993}"#, "")).await;
    let sealed = states().seal(&permit, calls.iter().next().unwrap(), b"", NOW);
    assert_refused!(sealed, "json_number_precision", "MCP-43");
}
