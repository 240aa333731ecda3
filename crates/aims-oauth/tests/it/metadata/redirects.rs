//! Redirect URIs, identifiers of clients that are URLs, patterns of SPIFFE IDs.

use aims_oauth::{ClientIdUrl, RedirectUri};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::{cases, text};

fn matches(requested: &str, registered: &str) -> bool {
    let read = |uri: &str| uri.parse::<RedirectUri>();
    read(requested).and_then(|requested| Ok(requested.matches(&read(registered)?))).unwrap_or(false)
}

#[test]
fn aut_2_sec_1_a_redirect_uri_is_the_registered_text() {
    for (requested, registered, expected) in [
        ("https://c.example/cb?a=1", "https://c.example/cb?a=1", true),
        ("https://c.example/cb", "https://c.example:443/cb", false),
        ("https://127.0.0.1:1/cb", "https://127.0.0.1/cb", false),
        ("http://localhost:1/cb", "http://localhost/cb", true),
        ("http://localhost:1/cb", "http://127.0.0.1/cb", false),
        ("http://[::1]:1/cb", "http://127.0.0.1/cb", false),
        ("http://127.0.0.1:1/cb?x", "http://127.0.0.1/cb", false),
        ("http://127.0.0.1:1/cb", "https://127.0.0.1/cb", false),
        ("http://127.0.0.1:1", "http://127.0.0.1", true),
        ("http://127.0.0.1:1/", "http://127.0.0.1", false),
    ] {
        assert_eq!(matches(requested, registered), expected, "{requested} {registered}");
    }
    let Some(cases) = cases("redirect-uri") else { return };
    for case in &cases {
        let (requested, registered) = (text(case, "requested"), text(case, "registered"));
        assert_eq!(matches(requested, registered), case["match"].as_bool().unwrap(), "{case}");
    }
    assert_eq!(cases.len(), 11);
}

#[test]
fn aut_2_http_is_for_the_machine_of_the_user() {
    for uri in [
        "http://c.example/cb",
        "http://localhost.evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://128.0.0.1/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://[::2]/cb",
        "http://0.0.0.0/cb",
        "http://evil.example:80/127.0.0.1",
    ] {
        assert_refused!(uri.parse::<RedirectUri>(), "redirect_uri_not_loopback", "AUT-2", "{uri}");
    }
    let long = format!("http://127.0.0.1/{}", "a".repeat(2048));
    for uri in [
        "com.example.app:/cb",
        "javascript:alert(1)//",
        "data:text/html,x",
        "urn:ietf:wg:oauth:2.0:oob",
        "https://c.example/cb#",
        "https://c.example/cb#f",
        "http://127.0.0.1/cb#f",
        "https://u@c.example/cb",
        "http://127.0.0.1@evil.example/cb",
        "http://127.1/cb",
        "http://0x7f.0.0.1/cb",
        "http://LOCALHOST/cb",
        "HTTP://127.0.0.1/cb",
        "https://c.example/a/../cb",
        "https://c.example/cb\n",
        "https://*.example/cb",
        "http://127.0.0.1\\@evil.example/cb",
        "//c.example/cb",
        "",
        &long,
    ] {
        assert_refused!(uri.parse::<RedirectUri>(), "redirect_uri_url", "AUT-2", "{uri}");
    }
    let local: RedirectUri = "http://127.0.0.7:9/cb".parse().unwrap();
    assert!(
        local.is_loopback() && local.host() == "127.0.0.7" && local.to_string() == "http://127.0.0.7:9/cb"
    );
    assert!(!"https://localhost/cb".parse::<RedirectUri>().unwrap().is_loopback());
}

#[test]
fn cmd_1_the_identifier_of_a_client_can_be_a_url_with_a_path() {
    for (url, code) in [
        ("https://c.example", "client_id_no_path"),
        ("https://c.example?x=1", "client_id_no_path"),
        ("https://c.example/%2e%2E/a", "client_id_url"),
        ("https://c.example/a/%2e", "client_id_url"),
        ("https://C.example/a", "client_id_url"),
        ("c-7", "client_id_url"),
    ] {
        assert_refused!(url.parse::<ClientIdUrl>(), code, "CMD-1", "{url}");
    }
    let Some(cases) = cases("client-id-metadata-url") else { return };
    for case in &cases {
        let url = text(case, "url");
        let read = url.parse::<ClientIdUrl>();
        assert_eq!(read.is_ok(), case["valid"].as_bool().unwrap(), "{url}");
        if let Ok(read) = read {
            assert_eq!((read.as_str(), read.as_url().as_str()), (url, url));
        }
    }
    assert_eq!(cases.len(), 10);
}

proptest! {
    #[test]
    fn aut_2_only_a_local_port_is_free(
        registered in "https?://(127\\.0\\.0\\.1|localhost|c\\.example)(:[1-9][0-9]{0,3})?(/[a-c]{0,3})?",
        requested in "https?://(127\\.0\\.0\\.1|localhost|c\\.example)(:[1-9][0-9]{0,3})?(/[a-c]{0,3})?",
    ) {
        let without_port = |uri: &str| {
            let (scheme, rest) = uri.split_once("://").unwrap();
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            format!("{scheme}://{}{path}", authority.split(':').next().unwrap())
        };
        let is_local = |uri: &str| uri.starts_with("http://") && !uri.contains("c.example");
        let expected = if is_local(&registered) {
            without_port(&registered) == without_port(&requested)
        } else {
            registered == requested && !registered.starts_with("http://")
        };
        prop_assert_eq!(matches(&requested, &registered), expected);
    }
}
