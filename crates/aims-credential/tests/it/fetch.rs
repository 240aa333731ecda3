//! What a fetch is asked for, and what it yields.

use std::time::Duration;

use aims_credential::{FetchError, FetchRequest, Fetched, HttpsUrl, HttpsUrlError};
use aims_testkit::assert_refused;

fn url() -> HttpsUrl {
    "https://a.example/x".parse().unwrap()
}

#[test]
fn fed_14_requests_are_bounded_and_follow_no_redirect_unless_told_to() {
    let url = url();
    let request = FetchRequest::new(&url);
    assert_eq!((request.longest(), request.redirects()), (1024 * 1024, 0));
    assert_eq!((request.time(), request.url()), (Duration::from_secs(10), &url));
    assert!(request.takes(None) && request.takes(Some("text/html")) && request.media_types().is_empty());
    let request = request.follow(200).max_len(5).timeout(Duration::from_secs(1));
    assert_eq!((request.redirects(), request.longest(), request.time().as_secs()), (3, 5, 1));
}

#[test]
fn a_media_type_is_insisted_on_where_a_request_says_so() {
    let url = url();
    let request = FetchRequest::new(&url).accept(&["application/json"]);
    assert!(request.takes(Some("text/html")));
    let request = request.insist_on_media_type();
    assert!(request.takes(Some("application/json")));
    assert!(!request.takes(Some("text/html")) && !request.takes(None));
}

#[test]
fn fed_6_a_document_has_a_media_type_and_a_text() {
    let fetched = Fetched::new(url(), Some("Application/JSON; charset=utf-8"), b"{}".to_vec());
    assert_eq!(
        (fetched.media_type(), fetched.text(), fetched.body()),
        (Some("application/json"), Ok("{}"), &b"{}"[..])
    );
    assert_eq!(Fetched::new(url(), Some(" ;x"), vec![]).media_type(), None);
    assert_refused!(Fetched::new(url(), None, vec![0xff]).text(), "content_encoding", "FED-6");
    let shown = format!("{:?}", Fetched::new(url(), None, b"confidential".to_vec()));
    assert!(!shown.contains("confidential") && shown.contains("12"), "{shown}");
}

#[test]
fn fields_are_kept_where_a_request_asks_for_them() {
    let url = url();
    assert!(FetchRequest::new(&url).fields().is_empty());
    assert_eq!(FetchRequest::new(&url).keep(&["age", "signature"]).fields(), ["age", "signature"]);
    let fetched = Fetched::new(url, None, vec![]).with_field("Signature", b"a").with_field("signature", b"b");
    assert_eq!(fetched.lines("signature").collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!(fetched.lines("age").count(), 0);
}

#[test]
fn every_refusal_has_a_code_and_a_rule() {
    let errors = [
        (FetchError::Address([10, 0, 0, 1].into()), "address_not_allowed", "FED-14"),
        (FetchError::Redirect(HttpsUrlError::Userinfo), "url_userinfo", "FED-2"),
        (FetchError::Redirects, "too_many_redirects", "FED-7"),
        (FetchError::Server { code: "unexpected_peer", rule: "FED-4" }, "unexpected_peer", "FED-4"),
        (FetchError::Status(404), "http_status", "FED-6"),
        (FetchError::Tls, "tls_handshake", "FED-13"),
    ];
    for (error, code, rule) in errors {
        assert_eq!((error.code(), error.rule()), (code, rule));
        assert!(!error.to_string().is_empty());
    }
}
