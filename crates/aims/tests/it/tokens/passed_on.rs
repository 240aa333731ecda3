//! What a handler gets: nothing that it could pass on, or show, by accident.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use aims::jose::base64url;
use aims::{Guard, Permit};
use axum::body::Body;
use axum::{Extension, Router};
use http::Request;
use tower::ServiceExt;

use super::world::*;

/// Everything that a handler can get hold of, as text.
pub(super) type Seen = Arc<Mutex<String>>;

/// A tool that prints, serialises and forwards whatever it got.
pub(super) fn careless(guard: &Guard) -> (Router, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let handler = move |request: Request<Body>| async move {
        *kept.lock().unwrap() = everything(request).await;
    };
    (Router::new().fallback(handler).layer(Extension(guard.clone())).layer(guard.layer()), seen)
}

async fn everything(request: Request<Body>) -> String {
    let mut all = format!("{request:?} {:?}\n", request.extensions());
    for (name, value) in request.headers() {
        writeln!(all, "{name}: {}", String::from_utf8_lossy(value.as_bytes())).unwrap();
    }
    let permit = request.extensions().get::<Permit>().unwrap().clone();
    let guard = request.extensions().get::<Guard>().unwrap();
    writeln!(all, "{permit:?} {permit:#?} {guard:?} {:?} {:?}", permit.caller(), permit.trace()).unwrap();
    if let Some(signature) = permit.caller().signature() {
        for (component, value) in signature.covered() {
            writeln!(all, "{component} {value}").unwrap();
        }
        for name in ["authorization", "dpop", "workload-identity-token"] {
            let component = aims::httpsig::Component::field(name).unwrap();
            let binary = component.clone().binary().unwrap();
            writeln!(all, "{:?} {:?}", signature.value(&component), signature.value(&binary)).unwrap();
        }
        writeln!(all, "{signature:?} {signature:#?}").unwrap();
    }
    if let Some(authorization) = permit.authorization() {
        let token = authorization.token();
        writeln!(all, "{authorization:?} {authorization:#?} {token:#?} {:?}", token.claims()).unwrap();
        for (name, value) in token.claims() {
            writeln!(all, "{} {}", name.as_str(), value.raw()).unwrap();
        }
    }
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    all + &String::from_utf8_lossy(&body)
}

/// That a text has nothing of a secret: not whole, not in pieces, not in base64 and not in hex.
pub(super) fn assert_without(seen: &str, secret: &str) {
    let joined: String = seen.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
    assert!(!seen.contains(secret) && !joined.contains(secret), "{secret} is in {seen}");
    // Of a token, its signature is what nobody else can make: whatever piece of it.
    let proof = secret.rsplit('.').next().unwrap();
    for piece in proof.as_bytes().windows(16) {
        let piece = str::from_utf8(piece).unwrap();
        assert!(!joined.contains(piece), "{piece} of {secret} is in {seen}");
    }
    let mut hex = String::new();
    secret.bytes().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
    assert!(!seen.to_ascii_lowercase().contains(&hex), "{secret} is in {seen} in hex");
    // Wherever base64 may begin in what it encodes: the middle of the secret is in one of three spellings.
    for skipped in 0..3 {
        let middle = secret.get(skipped..).unwrap();
        let whole = middle.get(..middle.len() / 3 * 3).unwrap();
        let encoded = base64url::encode(whole);
        let standard = encoded.replace('-', "+").replace('_', "/");
        assert!(!joined.contains(&encoded) && !seen.contains(&standard), "{secret} is in {seen} in base64");
    }
}

#[tokio::test]
async fn aims_43_azr_4_mcp_3_sec_14_a_handler_has_no_token_to_pass_on() {
    let world = World::new();
    let agent = world.travel();
    let token = world.issue(&for_user(&agent));
    let (app, seen) = careless(&world.guard);
    for scheme in ["Bearer", "bearer", "BEARER  "] {
        let mut request = world.request(&agent, Some(&format!("{scheme} {token}"))).await;
        request.headers_mut().insert("dpop", "a.proof.that-nobody-asked-for".parse().unwrap());
        request.headers_mut().insert("accept", "text/plain".parse().unwrap());
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let seen = seen.lock().unwrap().clone();
        assert!(seen.contains("accept: text/plain") && seen.contains("user-1"), "{seen}");
        for secret in [token.as_str(), agent.wit(), "a.proof.that-nobody-asked-for"] {
            assert_without(&seen, secret);
        }
        assert_without(&world.records.text(), &token);
    }
    // The test sees what it looks for.
    let (half, other) = token.split_at(token.len() - 40);
    for shown in [token.clone(), base64url::encode(&token), format!("a: {half}\nb: {other}")] {
        let caught = std::panic::catch_unwind(|| assert_without(&shown, &token));
        assert!(caught.is_err(), "{shown}");
    }
}
