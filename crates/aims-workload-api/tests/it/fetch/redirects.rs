//! Where redirects may lead.

use std::time::Duration;

use aims_credential::{Fetch, FetchError, FetchRequest, Fetched, HttpsUrl};
use aims_testkit::assert_refused;
use aims_workload_api::fetch::GuardedFetch;

use super::support::{Server, WebAuthority, get, guarded, ok, redirect, reply};

async fn follow(fetch: &GuardedFetch, url: &HttpsUrl) -> Result<Fetched, FetchError> {
    fetch.fetch(FetchRequest::new(url).follow(3).timeout(Duration::from_secs(5))).await
}

#[tokio::test]
async fn fed_7_three_redirects_are_followed_and_no_fourth() {
    let authority = WebAuthority::new();
    let server = Server::start(authority.server(&["a.test"]), |path| match path {
        "/3" => redirect("/2"),
        "/2" => reply("308 Permanent Redirect", "location: 1\r\n", ""),
        "/1" => reply("307 Temporary Redirect", "location: ?0\r\n", ""),
        "/1?0" => ok("{}"),
        _ => redirect("/3"),
    })
    .await;
    let fetch = guarded(authority.trust(), &[&server]).build().unwrap();
    let fetched = follow(&fetch, &server.url("a.test", "/3")).await.unwrap();
    assert_eq!(fetched.url(), &server.url("a.test", "/1?0"));
    assert_refused!(follow(&fetch, &server.url("a.test", "/4")).await, "too_many_redirects", "FED-7");
}

#[tokio::test]
async fn fed_7_loops_end_and_no_redirect_is_followed_unless_asked_for() {
    let authority = WebAuthority::new();
    let server = Server::start(authority.server(&["a.test"]), |_| redirect("/")).await;
    let fetch = guarded(authority.trust(), &[&server]).build().unwrap();
    assert_refused!(follow(&fetch, &server.url("a.test", "/")).await, "too_many_redirects", "FED-7");
    assert_eq!(server.heads().len(), 4);
    assert_refused!(get(&fetch, &server.url("a.test", "/")).await, "too_many_redirects", "FED-7");
    assert_eq!(server.heads().len(), 5);
}

#[tokio::test]
async fn fed_7_fed_2_fed_14_a_redirect_leads_nowhere_that_would_not_have_been_asked() {
    let authority = WebAuthority::new();
    let other = Server::start(authority.server(&["private.test", "127.0.0.1"]), |_| ok("{}")).await;
    let port = other.port();
    for (location, code, rule) in [
        (format!("http://a.test:{port}/"), "url_scheme", "FED-2"),
        ("file:///etc/passwd".to_owned(), "url_scheme", "FED-2"),
        (format!("https://user:password@a.test:{port}/"), "url_userinfo", "FED-2"),
        (format!("https://private.test:{port}/"), "address_not_allowed", "FED-14"),
        (format!("https://127.0.0.1:{port}/"), "address_not_allowed", "FED-14"),
        (format!("//127.0.0.1:{port}/"), "address_not_allowed", "FED-14"),
        ("https://169.254.169.254/latest".to_owned(), "address_not_allowed", "FED-14"),
        ("https://[::1]/".to_owned(), "address_not_allowed", "FED-14"),
        ("https://a.test:22/".to_owned(), "port_not_allowed", "FED-14"),
        ("https://unknown.test/".to_owned(), "unknown_host", "FED-14"),
        ("/../x".to_owned(), "url_path", "FED-14"),
        (format!("/{}", "a".repeat(3000)), "url_too_long", "FED-14"),
    ] {
        let to = location.clone();
        let server = Server::start(authority.server(&["a.test"]), move |_| redirect(&to)).await;
        let fetch = guarded(authority.trust(), &[&server, &other]).build().unwrap();
        assert_refused!(follow(&fetch, &server.url("a.test", "/")).await, code, rule, "{location}");
    }
    assert!(other.heads().is_empty());
}

#[tokio::test]
async fn fed_7_fed_3_the_rules_of_tls_are_the_same_after_a_redirect() {
    let (authority, foreign) = (WebAuthority::new(), WebAuthority::new());
    let other = Server::start(foreign.server(&["b.test"]), |_| ok("{}")).await;
    let to = other.url("b.test", "/").to_string();
    let server = Server::start(authority.server(&["a.test"]), move |_| redirect(&to)).await;
    let fetch = guarded(authority.trust(), &[&server, &other]).build().unwrap();
    assert_refused!(follow(&fetch, &server.url("a.test", "/")).await, "unknown_issuer", "FED-3");
}

#[tokio::test]
async fn a_redirect_without_a_place_is_malformed() {
    let authority = WebAuthority::new();
    let server = Server::start(authority.server(&["a.test"]), |_| reply("302 Found", "", "")).await;
    let fetch = guarded(authority.trust(), &[&server]).build().unwrap();
    assert_refused!(follow(&fetch, &server.url("a.test", "/")).await, "malformed_answer", "FED-14");
}
