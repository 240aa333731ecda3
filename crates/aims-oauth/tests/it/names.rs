//! Scopes, issuers, resources, and tokens as texts.

use aims_oauth::{AccessToken, AuthorizationCode, ErrorCode, Issuer, RefreshToken, Resource, Scope};
use aims_testkit::{assert_refused, vectors};
use proptest::prelude::*;

#[test]
fn wir_7_a_scope_is_a_set_of_tokens_between_single_spaces() {
    let scope = |text: &str| text.parse::<Scope>();
    for (text, code) in [
        ("", "scope_empty"),
        (" ", "scope_empty_token"),
        (" a", "scope_empty_token"),
        ("a ", "scope_empty_token"),
        ("a  b", "scope_empty_token"),
        ("a\tb", "scope_character"),
        ("a\"b", "scope_character"),
        ("a\\b", "scope_character"),
        ("é", "scope_character"),
        ("a\u{7f}", "scope_character"),
    ] {
        assert_refused!(scope(text), code, "WIR-7", "{text:?}");
    }
    assert_refused!(scope(&"a".repeat(16 * 1024 + 1)), "scope_too_long", "WIR-9");
    assert_refused!(Scope::of(["a b"]), "scope_character", "WIR-7");
    assert_refused!(Scope::of([""]), "scope_empty_token", "WIR-7");

    let (all, some) = (scope("b a c").unwrap(), scope("c a").unwrap());
    assert!(some.is_subset_of(&all) && !all.is_subset_of(&some) && Scope::none().is_subset_of(&some));
    assert_eq!(scope("a b").unwrap(), scope("b a").unwrap());
    assert_ne!(scope("a b").unwrap(), scope("a B").unwrap());
    assert!(all.contains("c") && !all.contains("C") && !Scope::none().contains(""));
    assert_eq!((all.and(&some).as_str(), all.without(&some).as_str()), ("a c", "b"));
    assert_eq!(some.or(&scope("d a").unwrap()).unwrap().as_str(), "c a d");
    assert_eq!((Scope::none().iter().count(), Scope::none().is_empty()), (0, true));
}

proptest! {
    #[test]
    fn wir_7_sets_of_scopes_are_sets(one in "[a-d]( [a-d]){0,5}", other in "[a-d]( [a-d]){0,5}") {
        let (one, other): (Scope, Scope) = (one.parse().unwrap(), other.parse().unwrap());
        let (both, rest, any) = (one.and(&other), one.without(&other), one.or(&other).unwrap());
        prop_assert!(both.is_subset_of(&one) && both.is_subset_of(&other) && one.is_subset_of(&any));
        prop_assert!(rest.iter().all(|token| !other.contains(token)));
        prop_assert_eq!(both.or(&rest).unwrap(), one.clone());
        prop_assert_eq!(any.without(&other), rest);
    }
}

#[test]
fn met_4_an_issuer_is_an_https_url_and_nothing_more() {
    for text in
        ["https://as.example", "https://as.example/", "https://as.example:8443/a/b", "https://[::1]/t"]
    {
        assert_eq!(text.parse::<Issuer>().unwrap().as_str(), text);
    }
    assert_refused!("https://as.example?a=1".parse::<Issuer>(), "issuer_query", "MET-4");
    for text in [
        "http://as.example",
        "http://127.0.0.1:8080",
        "https://u@as.example",
        "https://as.example/#f",
        "https://AS.example",
        "HTTPS://as.example",
        "https://as.example/a/../b",
        "as.example",
        "",
    ] {
        assert_refused!(text.parse::<Issuer>(), "issuer_url", "MET-4", "{text}");
    }
}

#[test]
fn rsi_1_a_resource_is_an_absolute_uri_without_fragment() {
    for (text, code) in [
        ("api.example", "resource_not_absolute"),
        ("/a", "resource_not_absolute"),
        ("", "resource_not_absolute"),
        ("1a:b", "resource_not_absolute"),
        ("a b:c", "resource_not_absolute"),
        ("https:", "resource_not_absolute"),
        ("https://a.example#", "resource_fragment"),
        ("https://a.example/ ", "resource_character"),
        ("https://a.example/é", "resource_character"),
        ("https://a.example/%4", "resource_character"),
        ("https://a.example/\"", "resource_character"),
    ] {
        assert_refused!(text.parse::<Resource>(), code, "RSI-1", "{text}");
    }
    let long = format!("urn:{}", "a".repeat(2045));
    assert_refused!(long.parse::<Resource>(), "resource_too_long", "WIR-9");
    let Some(file) = vectors::json("oauth/generated/http-cases.json") else { return };
    let cases = file["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == "resource-indicator");
    let mut count = 0;
    for case in cases {
        let text = case["resource"].as_str().unwrap();
        assert_eq!(text.parse::<Resource>().is_ok(), case["valid"].as_bool().unwrap(), "{text}");
        count += 1;
    }
    assert_eq!(count, 7);
}

#[test]
fn azr_8_azr_9_tokens_show_their_fingerprint_alone() {
    let token: AccessToken = "secret-access-token".parse().unwrap();
    let (refresh, code): (RefreshToken, AuthorizationCode) =
        ("secret-refresh".parse().unwrap(), "secret-code".parse().unwrap());
    for shown in [format!("{token:?}"), format!("{refresh:#?}"), format!("{code:?}")] {
        assert!(!shown.contains("secret"), "{shown}");
    }
    assert!(format!("{token:?}").contains(&token.fingerprint().to_string()));
    assert_eq!(token.fingerprint().to_string().len(), 16);
    assert_eq!(token.expose(), "secret-access-token");
    assert!(token.is_same(&token.clone()) && !token.is_same(&"secret-access-tokem".parse().unwrap()));
    for (text, code, rule) in [
        ("", "token_empty", "ACT-4"),
        ("a b", "token_character", "ACT-4"),
        ("a=b", "token_character", "ACT-4"),
        ("=", "token_character", "ACT-4"),
        ("a\n", "token_character", "ACT-4"),
        (&*"a".repeat(16 * 1024 + 1), "token_too_long", "WIR-9"),
    ] {
        assert_refused!(text.parse::<AccessToken>(), code, rule);
    }
    assert!("a-._~+/9==".parse::<AccessToken>().is_ok());
    assert_refused!("a\u{e9}".parse::<AuthorizationCode>(), "token_character", "ACT-4");
}

#[test]
fn every_error_code_is_read_as_it_is_written() {
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::from_text(code.as_str()), Some(*code));
        assert!((400..=503).contains(&code.status()), "{code}");
    }
    assert_eq!(ErrorCode::from_text("INVALID_GRANT"), None);
    assert_eq!(ErrorCode::InvalidClient.status(), 401);
}
