//! URLs from which documents are fetched.

use aims_credential::HttpsUrl;
use aims_testkit::assert_refused;
use proptest::prelude::*;

fn url(text: &str) -> HttpsUrl {
    text.parse().unwrap()
}

#[test]
fn fed_2_urls_have_the_scheme_https_and_no_userinfo() {
    for text in
        ["http://a.example/", "HTTPS://a.example/", "https:/a.example", "ftp://a.example", "", "a.example"]
    {
        assert_refused!(text.parse::<HttpsUrl>(), "url_scheme", "FED-2", "{text}");
    }
    for text in [
        "https://u@a.example/",
        "https://u:p@a.example/",
        "https://@a.example",
        "https://a.example@b.example",
    ] {
        assert_refused!(text.parse::<HttpsUrl>(), "url_userinfo", "FED-2", "{text}");
    }
}

#[test]
fn an_origin_is_that_of_one_service() {
    for (text, origin) in [
        ("https://a.example", "https://a.example"),
        ("https://a.example/b?c", "https://a.example"),
        ("https://a.example?c", "https://a.example"),
        ("https://a.example:443/", "https://a.example"),
        ("https://a.example:8443/b:1", "https://a.example:8443"),
        ("https://192.0.2.1:444", "https://192.0.2.1:444"),
        ("https://[2001:db8::1]/", "https://[2001:db8::1]"),
        ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
    ] {
        assert_eq!(url(text).origin(), origin, "{text}");
        assert_eq!(url(origin).origin(), origin);
    }
}

#[test]
fn fed_14_a_host_has_one_spelling() {
    let hosts = [
        "",
        ".",
        "a..b",
        ".a",
        "a.",
        "A.example",
        "a.exaMple",
        "ä.example",
        "-a.example",
        "a-.example",
        "a b",
        "a%41",
        "127.1",
        "127.0.0.01",
        "0x7f.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "1.2.3.4.5",
        "a.0x1",
        "1.2.3.256",
        "[::1",
        "::1",
        "[::1]x",
        "[0:0::1]",
        "[::FFFF:1.2.3.4]",
        "[fe80::1%25eth0]",
        "[::7f00:0001]",
        "a.example\\",
        "a.example\\@b.example",
    ];
    for host in hosts {
        let text = format!("https://{host}/x");
        let refused = text.parse::<HttpsUrl>().unwrap_err();
        // A userinfo or an empty port is what some of them look like first.
        assert!(
            ["url_host", "url_path", "url_userinfo", "url_port"].contains(&refused.code()),
            "{text}: {refused}"
        );
    }
    let label = "a".repeat(64);
    assert_refused!(format!("https://{label}.example").parse::<HttpsUrl>(), "url_host", "FED-14");
    let name = vec!["a".repeat(63); 4].join(".");
    assert_refused!(format!("https://{name}/").parse::<HttpsUrl>(), "url_host", "FED-14");
}

#[test]
fn fed_14_ports_paths_and_lengths_are_checked() {
    for port in ["", "0", "65536", "0443", "+443", "4 3", "443:1"] {
        assert_refused!(
            format!("https://a.example:{port}/").parse::<HttpsUrl>(),
            "url_port",
            "FED-14",
            "{port}"
        );
    }
    for path in [
        "/ ",
        "/\u{e9}",
        "/a/../b",
        "/.",
        "/%2E%2e/x",
        "/.%2e",
        "/%",
        "/%4",
        "/%zz",
        "/a\\b",
        "/\r\n",
        "/\"",
        "?a b",
    ] {
        assert_refused!(
            format!("https://a.example{path}").parse::<HttpsUrl>(),
            "url_path",
            "FED-14",
            "{path}"
        );
    }
    assert_refused!("https://a.example/#x".parse::<HttpsUrl>(), "url_fragment", "FED-14");
    let long = format!("https://a.example/{}", "a".repeat(HttpsUrl::MAX_LEN));
    assert_refused!(long.parse::<HttpsUrl>(), "url_too_long", "FED-14");
    let fits = long.get(..HttpsUrl::MAX_LEN).unwrap();
    assert_eq!(url(fits).as_str(), fits);
}

#[test]
fn what_a_url_says() {
    let cases = [
        ("https://a.example", "a.example", 443, "/", None),
        ("https://a.example?x=/../", "a.example", 443, "/?x=/../", None),
        ("https://a_b.example:8443/x/y%20z?q=1?2", "a_b.example", 8443, "/x/y%20z?q=1?2", None),
        ("https://192.0.2.7:443/", "192.0.2.7", 443, "/", Some("192.0.2.7")),
        ("https://[2001:db8::1]:1/a..b", "[2001:db8::1]", 1, "/a..b", Some("2001:db8::1")),
        ("https://[::ffff:127.0.0.1]/", "[::ffff:127.0.0.1]", 443, "/", Some("::ffff:127.0.0.1")),
        ("https://xn--fiq228c.example/", "xn--fiq228c.example", 443, "/", None),
    ];
    for (text, host, port, target, address) in cases {
        let url = url(text);
        assert_eq!((url.host(), url.port(), &*url.target()), (host, port, target));
        assert_eq!(url.address().map(|address| address.to_string()).as_deref(), address);
        assert_eq!((url.to_string(), format!("{url:?}")), (text.to_owned(), format!("{text:?}")));
    }
}

#[test]
fn fed_7_a_redirect_leads_where_the_reference_says() {
    let base = url("https://a.example:8443/x/y?q=1");
    let cases = [
        ("https://b.example/z", "https://b.example/z"),
        ("//b.example/z", "https://b.example/z"),
        ("/z?r", "https://a.example:8443/z?r"),
        ("z", "https://a.example:8443/x/z"),
        ("z/w:1", "https://a.example:8443/x/z/w:1"),
        ("?r=2", "https://a.example:8443/x/y?r=2"),
    ];
    for (location, to) in cases {
        assert_eq!(base.redirected(location).unwrap().as_str(), to, "{location}");
    }
    assert_eq!(url("https://a.example").redirected("z").unwrap().as_str(), "https://a.example/z");
    assert_eq!(url("https://a.example").redirected("?z").unwrap().as_str(), "https://a.example?z");
}

#[test]
fn fed_7_fed_2_a_redirect_leads_to_no_url_that_would_be_refused() {
    let base = url("https://a.example/x/y");
    for location in
        ["http://a.example/", "javascript:alert(1)", "file:///etc/passwd", "data:x", "HTTPS://a.example"]
    {
        assert_refused!(base.redirected(location), "url_scheme", "FED-2", "{location}");
    }
    for location in ["https://u@b.example/", "//u:p@b.example/"] {
        assert_refused!(base.redirected(location), "url_userinfo", "FED-2", "{location}");
    }
    for location in ["../z", "./z", "/../z", "..", "", "/ z", "\\\\b.example", "/\\b.example"] {
        assert_refused!(base.redirected(location), "url_path", "FED-14", "{location}");
    }
    for location in ["//", "///b.example", "https://"] {
        assert_refused!(base.redirected(location), "url_host", "FED-14", "{location}");
    }
    assert_refused!(base.redirected("/z#a"), "url_fragment", "FED-14");
    assert_refused!(base.redirected(&"a".repeat(HttpsUrl::MAX_LEN + 1)), "url_too_long", "FED-14");
    assert_refused!(base.redirected(&"a".repeat(HttpsUrl::MAX_LEN - 5)), "url_too_long", "FED-14");
}

proptest! {
    /// What is read is printed as it was, and its parts are what `url` finds, too.
    #[test]
    fn a_url_is_the_same_to_another_reader(text in "https://[a-z0-9.\\[\\]:@-]{1,24}(/[ -~]{0,16})?") {
        if let Ok(ours) = text.parse::<HttpsUrl>() {
            prop_assert_eq!(ours.as_str(), &text);
            let theirs = url::Url::parse(&text).unwrap();
            prop_assert_eq!(Some(ours.host()), theirs.host_str());
            prop_assert_eq!(Some(ours.port()), theirs.port_or_known_default());
            prop_assert_eq!(ours.path().trim_end_matches('/'), theirs.path().trim_end_matches('/'));
            prop_assert_eq!(theirs.username(), "");
        }
    }

    #[test]
    fn a_redirect_is_the_same_to_another_reader(location in "[a-z/.:?@\\\\%A-Z0-9-]{0,24}") {
        let base = url("https://a.example/x/y");
        if let Ok(ours) = base.redirected(&location) {
            let theirs = url::Url::parse(base.as_str()).unwrap().join(&location).unwrap();
            prop_assert_eq!(Some(ours.host()), theirs.host_str(), "{}", ours);
            prop_assert_eq!(ours.path().trim_end_matches('/'), theirs.path().trim_end_matches('/'));
        }
    }
}
