//! URLs and redirects: what is read is one host in one spelling, and a redirect leads nowhere else than such a URL does.

use aims_credential::HttpsUrl;

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    match text.parse::<HttpsUrl>() {
        Ok(url) => check(&url, text),
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    let base: HttpsUrl = "https://acme.example:8443/a/b?c".parse().expect("a URL");
    match base.redirected(text) {
        Ok(url) => {
            check(&url, url.as_str());
            let is_elsewhere = text.starts_with("//") || text.starts_with("https://");
            assert!(is_elsewhere || url.authority() == base.authority(), "a path led to another host");
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

fn check(url: &HttpsUrl, text: &str) {
    assert_eq!(url.as_str(), text, "a second spelling");
    assert!(url.as_str().len() <= HttpsUrl::MAX_LEN && url.as_str().is_ascii());
    assert_eq!(format!("https://{}{}", url.authority(), url.path_and_query()), text, "parts are missing");
    assert!(url.authority().starts_with(url.host()) && !url.host().is_empty());
    assert!(!url.authority().contains('@') && !text.contains(['#', '\\', ' ']));
    assert!(url.target().starts_with('/') && url.port() != 0);
    assert!(!url.path().split('/').any(|segment| matches!(segment, "." | "..")));
    if let Some(address) = url.address() {
        let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
        assert_eq!(url.host(), host, "a second spelling of an address");
    }
    let origin: HttpsUrl = url.origin().parse().expect("an origin is a URL");
    assert_eq!((origin.host(), origin.port(), origin.path_and_query()), (url.host(), url.port(), ""));
    assert_eq!(origin.origin(), url.origin());
    let again: HttpsUrl = text.parse().expect("what was read is read again");
    assert_eq!(&again, url);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "https://acme.example/bundle.json",
        "https://acme.example:8443/a%20b/c?d=e/../f",
        "https://192.0.2.1",
        "https://[2001:db8::1]:443/",
        "https://[::ffff:127.0.0.1]/",
        "https://user@acme.example/",
        "//evil.example/x",
        "/a/b?c",
        "../x",
        "?x",
        "x/y:z",
        "http://0x7f.1/",
    ])
}
