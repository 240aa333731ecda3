//! How recipients are named.

use aims_proof::{Audiences, Target, http_audience};
use aims_testkit::assert_refused;

#[test]
fn wpt_7_an_http_recipient_is_one_origin_in_its_one_spelling() {
    for base in [
        "https://tools.example",
        "http://localhost:8080",
        "https://tools.example:8443",
        "https://tools.example:80",
        "http://tools.example:443",
        "https://10.0.0.1",
        "https://[2001:db8::1]",
        "https://[::1]:8443",
        "https://a_b.example~x",
        "https://tools.example:65535",
    ] {
        let own = Audiences::http(base).expect(base);
        assert!(own.accept(&format!("{base}/x"), Target::HttpPath("/x")), "{base}");
        assert!(Audiences::exact("a").unwrap().and_http(base).is_ok());
    }
    for (base, code) in [
        ("", "empty_audience"),
        ("tools.example", "audience_not_http"),
        ("HTTPS://tools.example", "audience_not_http"),
        ("ftp://tools.example", "audience_not_http"),
        ("spiffe://tools.example", "audience_not_http"),
        ("https:/tools.example", "audience_not_http"),
        ("https://tools.example/", "audience_with_path"),
        ("https://tools.example/v1", "audience_with_path"),
        ("https://tools.example?x", "audience_with_path"),
        ("https://tools.example#x", "audience_with_path"),
        ("https://tools.example:443", "default_port"),
        ("http://tools.example:80", "default_port"),
        ("https://[::1]:443", "default_port"),
        ("https://", "bad_authority"),
        ("https://Tools.example", "bad_authority"),
        ("https://tools.example.", "bad_authority"),
        ("https://tools.example:", "bad_authority"),
        ("https://tools.example:0443", "bad_authority"),
        ("https://tools.example:65536", "bad_authority"),
        ("https://tools.example:+80", "bad_authority"),
        ("https://tools.example:80:80", "bad_authority"),
        ("https://:8443", "bad_authority"),
        ("https://user@tools.example", "bad_authority"),
        ("https://tools .example", "bad_authority"),
        ("https://t\u{f6}ols.example", "bad_authority"),
        ("https://tools%2eexample", "bad_authority"),
        ("https://[::1", "bad_authority"),
        ("https://::1]", "bad_authority"),
        ("https://[2001:DB8::1]", "bad_authority"),
        ("https://[2001:db8:0::1]", "bad_authority"),
        ("https://[tools.example]", "bad_authority"),
        ("https://[::1]x", "bad_authority"),
        ("https://[]", "bad_authority"),
    ] {
        assert_refused!(Audiences::http(base), code, "WPT-7", "{base}");
        assert_refused!(Audiences::exact("a").unwrap().and_http(base), code, "WPT-7", "{base}");
    }
    assert_refused!(Audiences::exact(""), "empty_audience", "WPT-7");
    assert_refused!(Audiences::http("https://a.example").unwrap().and_exact(""), "empty_audience", "WPT-7");
}

#[test]
fn wpt_6_the_path_is_compared_byte_for_byte() {
    let own = Audiences::http("https://tools.example").unwrap();
    for path in ["/", "/v1/search", "//", "/a%2Fb", "/a%2fb", "/.", "/a/../b", "/\u{e9}", "/a;b=c"] {
        assert!(own.accept(&format!("https://tools.example{path}"), Target::HttpPath(path)), "{path}");
    }
    for (aud, path) in [
        ("https://tools.example/a%2Fb", "/a%2fb"),
        ("https://tools.example/a%2Fb", "/a/b"),
        ("https://tools.example", "/"),
        ("https://tools.example/", ""),
        ("https://tools.example//", "/"),
        ("https://tools.example/*", "*"),
        ("https://tools.example*", "*"),
        ("/v1", "/v1"),
        ("", ""),
        // What is no path is no part of an audience.
        ("https://tools.example.evil.example/", ".evil.example/"),
        ("https://tools.example:8443/", ":8443/"),
        ("https://tools.example@evil.example/", "@evil.example/"),
        ("https://tools.example/a?b", "/a?b"),
        ("https://tools.example/a?", "/a?"),
        ("https://tools.example/a#b", "/a#b"),
        ("https://tools.example?b", "?b"),
    ] {
        assert!(!own.accept(aud, Target::HttpPath(path)), "{aud} for {path}");
    }
}

#[test]
fn wpt_6_the_asterisk_is_for_the_service_and_a_tunnel_for_somebody_else() {
    let own = Audiences::http("https://tools.example").unwrap();
    // `OPTIONS *`, and `CONNECT`, whose target is a host.
    assert!(own.accept("https://tools.example", Target::HttpPath("*")));
    assert!(!own.accept("https://tools.example", Target::HttpPath("")));
}

#[test]
fn wpt_6_without_a_path_only_exact_names_count() {
    let own = Audiences::http("https://tools.example").unwrap().and_exact("urn:example:orders").unwrap();
    assert!(own.accept("urn:example:orders", Target::Exact));
    assert!(own.accept("urn:example:orders", Target::HttpPath("/any")));
    assert!(!own.accept("https://tools.example", Target::Exact));
    assert!(!own.accept("https://tools.example/", Target::Exact));
    assert!(!own.accept("urn:example:orders/", Target::Exact));
    assert!(!own.accept("", Target::Exact));
}

#[test]
fn wpt_6_the_audience_of_a_uri_is_all_before_query_and_fragment() {
    for (uri, audience) in [
        ("https://tools.example/v1?x=1", "https://tools.example/v1"),
        ("https://tools.example/v1#x?y", "https://tools.example/v1"),
        ("https://tools.example/v1?x#y", "https://tools.example/v1"),
        ("https://tools.example/", "https://tools.example/"),
        ("", ""),
    ] {
        assert_eq!(http_audience(uri), audience);
    }
}

#[test]
fn hs_val_12_the_scheme_is_that_of_the_names() {
    let secure = Audiences::http("https://tools.example").unwrap();
    assert_eq!(secure.scheme(), "https");
    assert_eq!(secure.and_http("http://localhost:8080").unwrap().scheme(), "https");
    assert_eq!(Audiences::http("http://localhost:8080").unwrap().scheme(), "http");
    assert_eq!(Audiences::exact("urn:example:topic").unwrap().scheme(), "https");
}
