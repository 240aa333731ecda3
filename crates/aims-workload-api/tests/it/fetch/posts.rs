//! What is sent to endpoints, and what they answer.

use std::time::Duration;

use aims_credential::{FetchError, HttpsUrl, Post, PostRequest, Posted};
use aims_testkit::assert_refused;
use aims_workload_api::fetch::GuardedFetch;
use zeroize::Zeroizing;

use super::support::*;

async fn post(fetch: &GuardedFetch, url: &HttpsUrl) -> Result<Posted, FetchError> {
    let fields = [("dpop", Zeroizing::new("a-proof".to_owned()))];
    let request = PostRequest::form(url, "grant_type=client_credentials")
        .with_fields(&fields)
        .keep(&["dpop-nonce"])
        .max_len(64)
        .timeout(Duration::from_secs(5));
    fetch.post(request).await
}

#[tokio::test]
async fn wir_1_a_form_is_posted_with_its_fields_and_any_status_is_an_answer() {
    let authority = WebAuthority::new();
    let server = Server::start(authority.server(&["a.test"]), |_| {
        let fields = "content-type: application/json; charset=utf-8\r\ndpop-nonce: n-1\r\nx-other: 1\r\n";
        reply("400 Bad Request", fields, r#"{"error":"use_dpop_nonce"}"#)
    })
    .await;
    let fetch = guarded(authority.trust(), &[&server]).build().unwrap();
    let answer = post(&fetch, &server.url("a.test", "/token")).await.unwrap();
    assert_eq!((answer.status(), answer.media_type()), (400, Some("application/json")));
    assert_eq!(answer.body(), br#"{"error":"use_dpop_nonce"}"#);
    assert_eq!(answer.lines("dpop-nonce").collect::<Vec<_>>(), [b"n-1"]);
    assert_eq!(answer.lines("x-other").count(), 0);

    let [head] = &*server.heads() else { panic!("one request") };
    assert!(head.starts_with("POST /token HTTP/1.1\r\n"), "{head}");
    for line in ["content-type: application/x-www-form-urlencoded", "dpop: a-proof", "content-length: 29"] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
    }
    // Nothing of it in what a program prints.
    let shown = format!("{answer:?}");
    assert!(!shown.contains("use_dpop_nonce") && !shown.contains("n-1"), "{shown}");
}

#[tokio::test]
async fn sec_17_what_is_posted_is_led_nowhere_else() {
    let authority = WebAuthority::new();
    let other = Server::start(authority.server(&["b.test"]), |_| ok("{}")).await;
    let target = other.url("b.test", "/token");
    let location = target.as_str().to_owned();
    let server = Server::start(authority.server(&["a.test"]), move |path| match path {
        "/307" => reply("307 Temporary Redirect", &format!("location: {location}\r\n"), ""),
        _ => redirect(&location),
    })
    .await;
    let fetch = guarded(authority.trust(), &[&server, &other]).build().unwrap();
    for path in ["/302", "/307"] {
        assert_refused!(post(&fetch, &server.url("a.test", path)).await, "too_many_redirects", "FED-7");
    }
    assert!(other.heads().is_empty());
}

#[tokio::test]
async fn sec_17_endpoints_are_guarded_as_documents_are() {
    let authority = WebAuthority::new();
    let server = Server::start(authority.server(&["a.test", "private.test"]), |path| match path {
        "/long" => ok(&"x".repeat(65)),
        "/never" => Reply::Never,
        "/packed" => reply("200 OK", "content-encoding: gzip\r\n", "x"),
        _ => ok("{}"),
    })
    .await;
    let fetch = guarded(authority.trust(), &[&server]).build().unwrap();
    let refused = post(&fetch, &server.url("private.test", "/")).await;
    assert_refused!(refused, "address_not_allowed", "FED-14");
    assert_refused!(post(&fetch, &server.url("a.test", "/long")).await, "document_too_large", "FED-14");
    assert_refused!(post(&fetch, &server.url("a.test", "/packed")).await, "content_encoding", "FED-6");
    let url = server.url("a.test", "/never");
    let never = fetch.post(PostRequest::form(&url, "").timeout(Duration::from_millis(200))).await;
    assert_refused!(never, "timed_out", "FED-14");
    // A server of another authority is told nothing.
    let stranger = guarded(WebAuthority::new().trust(), &[&server]).build().unwrap();
    let heads = server.heads().len();
    assert!(post(&stranger, &server.url("a.test", "/")).await.is_err());
    assert_eq!(server.heads().len(), heads);
}
