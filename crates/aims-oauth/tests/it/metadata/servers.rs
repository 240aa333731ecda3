//! Authorization servers.

use aims_keys::{Algorithm, AlgorithmSet};
use aims_oauth::{
    ClientAuthMethod, DeliveryMode, Endpoint, GrantType, Issuer, Listed, Scope, ServerMetadata,
    ServerMetadataError, Signed,
};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::{cases, padded, text};
use crate::world::{issuer, tool};

fn parse(members: &str) -> Result<ServerMetadata, ServerMetadataError> {
    let document = format!(r#"{{"issuer":"https://as.example"{members}}}"#);
    ServerMetadata::parse(document.as_bytes(), &issuer())
}

fn urls(issuer: &str) -> Vec<String> {
    ServerMetadata::urls(&issuer.parse().unwrap()).iter().map(ToString::to_string).collect()
}

#[test]
fn met_1_the_well_known_path_stands_before_that_of_the_issuer() {
    for (issuer, url) in [
        ("https://as.example", "https://as.example/.well-known/oauth-authorization-server"),
        ("https://as.example/", "https://as.example/.well-known/oauth-authorization-server"),
        ("https://as.example/a/b/", "https://as.example/.well-known/oauth-authorization-server/a/b"),
        ("https://[::1]:8443/a", "https://[::1]:8443/.well-known/oauth-authorization-server/a"),
    ] {
        assert_eq!(urls(issuer).first().unwrap(), url);
    }
    // As long as an issuer can be: no URL is left, and nothing panics.
    let long = format!("https://as.example/{}", "a".repeat(2048 - 19));
    assert!(urls(&long).is_empty());
    let Some(cases) = cases("as-metadata-url") else { return };
    for case in &cases {
        assert_eq!(urls(text(case, "issuer")).first().unwrap(), text(case, "url"));
    }
    assert_eq!(cases.len(), 4);
}

#[test]
fn mcp_8_both_kinds_of_metadata_are_looked_for_in_order() {
    assert_eq!(urls("https://as.example/t/"), urls("https://as.example/t"));
    assert_eq!(
        urls("https://as.example/t"),
        [
            "https://as.example/.well-known/oauth-authorization-server/t",
            "https://as.example/.well-known/openid-configuration/t",
            "https://as.example/t/.well-known/openid-configuration",
        ]
    );
    let Some(cases) = cases("mcp-discovery-order") else { return };
    for case in &cases {
        let expected: Vec<&str> =
            case["urls"].as_array().unwrap().iter().map(|url| url.as_str().unwrap()).collect();
        assert_eq!(urls(text(case, "issuer")), expected);
    }
    assert_eq!(cases.len(), 2);
}

#[test]
fn met_2_the_document_is_of_the_issuer_that_was_asked_for() {
    for stated in [
        "https://as.example/",
        "https://as.example:443",
        "https://AS.example",
        "https://as.example/t",
        "https://evil.example",
        "http://as.example",
        "",
    ] {
        let document = format!(r#"{{"issuer":"{stated}"}}"#);
        let refused = ServerMetadata::parse(document.as_bytes(), &issuer());
        assert_refused!(refused, "issuer_mismatch", "MET-2", "{stated}");
    }
    assert_refused!(ServerMetadata::parse(b"{}", &issuer()), "no_issuer", "MET-2");
    let list = ServerMetadata::parse(br#"{"issuer":["https://as.example"]}"#, &issuer());
    assert_refused!(list, "metadata_member", "MET-3");
    // An escape is another spelling of the same code point.
    let escaped = ServerMetadata::parse(br#"{"issuer":"https://as.ex\u0061mple"}"#, &issuer());
    assert_eq!(escaped.unwrap().issuer(), &issuer());
}

#[test]
fn met_3_a_member_of_another_type_refuses_the_document() {
    let lists = Listed::ALL.iter().map(|list| list.as_str());
    let algorithms = Signed::ALL.iter().map(|signed| signed.as_str());
    let others = [
        "scopes_supported",
        "grant_types_supported",
        "token_endpoint_auth_methods_supported",
        "revocation_endpoint_auth_methods_supported",
        "introspection_endpoint_auth_methods_supported",
        "backchannel_token_delivery_modes_supported",
        "protected_resources",
    ];
    for name in lists.chain(algorithms).chain(others) {
        for value in [r#""code""#, "null", "{}", "1", "[1]", "[null]", r#"["S256",["S256"]]"#] {
            assert_refused!(
                parse(&format!(r#","{name}":{value}"#)),
                "metadata_member",
                "MET-3",
                "{name} {value}"
            );
        }
    }
    let flags = [
        "tls_client_certificate_bound_access_tokens",
        "require_pushed_authorization_requests",
        "authorization_response_iss_parameter_supported",
        "client_id_metadata_document_supported",
        "backchannel_user_code_parameter_supported",
    ];
    for name in flags {
        for value in [r#""true""#, "1", "null", "[]"] {
            assert_refused!(
                parse(&format!(r#","{name}":{value}"#)),
                "metadata_member",
                "MET-3",
                "{name} {value}"
            );
        }
    }
    for name in Endpoint::ALL.iter().map(|endpoint| endpoint.as_str()).chain(["jwks_uri"]) {
        for value in ["null", "1", "[]"] {
            assert_refused!(
                parse(&format!(r#","{name}":{value}"#)),
                "metadata_member",
                "MET-3",
                "{name} {value}"
            );
        }
    }
    assert_refused!(parse(r#","mtls_endpoint_aliases":[]"#), "metadata_member", "MET-3");
    assert_refused!(parse(r#","mtls_endpoint_aliases":{"token_endpoint":1}"#), "metadata_member", "MET-3");
    assert_refused!(parse(r#","protected_resources":["tools"]"#), "metadata_member", "MET-3");
    assert_refused!(parse(r#","scopes_supported":["a b"]"#), "metadata_member", "MET-3");
    // What nobody reads may be anything.
    parse(r#","service_documentation":1,"signed_metadata":[],"mtls_endpoint_aliases":{"x":1}"#).unwrap();
}

#[test]
fn met_3_an_empty_list_is_nothing_and_an_absent_one_its_default() {
    let (absent, empty) = (
        parse("").unwrap(),
        parse(
            r#","grant_types_supported":[],"token_endpoint_auth_methods_supported":[],"response_types_supported":[],
            "revocation_endpoint_auth_methods_supported":[],"response_modes_supported":[],"scopes_supported":[],
            "dpop_signing_alg_values_supported":[],"protected_resources":[],"code_challenge_methods_supported":[]"#,
        )
        .unwrap(),
    );
    let asks: [(&str, Ask); 7] = [
        ("code grant", |server| server.supports_grant(GrantType::AuthorizationCode)),
        ("secret", |server| {
            server.supports_auth_method(ClientAuthMethod::ClientSecretBasic, Endpoint::Token)
        }),
        ("secret, pushed", |server| {
            server.supports_auth_method(ClientAuthMethod::ClientSecretBasic, Endpoint::PushedAuthorization)
        }),
        ("secret, revocation", |server| {
            server.supports_auth_method(ClientAuthMethod::ClientSecretBasic, Endpoint::Revocation)
        }),
        ("code", |server| server.supports_response_type("code")),
        ("query", |server| server.supports_response_mode("query")),
        ("fragment", |server| server.supports_response_mode("fragment")),
    ];
    for (name, ask) in asks {
        assert!(ask(&absent) && !ask(&empty), "{name}");
    }
    assert_eq!((absent.scopes(), empty.scopes()), (None, Some(&Scope::none())));
    assert_eq!(absent.protected_resources(), None);
    assert_eq!(empty.protected_resources(), Some(&[][..]));
    assert_eq!(absent.algorithms(Signed::DpopProof), None);
    assert_eq!(empty.algorithms(Signed::DpopProof), Some(AlgorithmSet::EMPTY));
    assert_eq!(absent.list(Listed::CodeChallengeMethods), None);
    assert_eq!(empty.list(Listed::CodeChallengeMethods), Some(&[][..]));
    for server in [&absent, &empty] {
        assert!(!server.supports_grant(GrantType::ClientCredentials) && !server.supports_s256());
        assert!(!server.supports_auth_method(ClientAuthMethod::PrivateKeyJwt, Endpoint::Token));
        assert!(!server.supports_auth_method(ClientAuthMethod::ClientSecretBasic, Endpoint::Introspection));
        assert!(!server.supports_auth_method(ClientAuthMethod::ClientSecretBasic, Endpoint::Authorization));
        assert!(!server.supports_response_type("token") && !server.supports_response_mode("form_post"));
        // What is read is written with what it meant.
        assert_eq!(&ServerMetadata::parse(server.to_json().as_bytes(), &issuer()).unwrap(), server);
    }
}

#[test]
fn met_4_every_url_is_https_and_nothing_more() {
    let names = Endpoint::ALL.iter().map(|endpoint| endpoint.as_str()).chain(["jwks_uri"]);
    for name in names {
        for url in [
            "http://as.example/x",
            "http://127.0.0.1/x",
            "https://as.example/x#f",
            "https://u:p@as.example/x",
            "https://as.example/a/../x",
            "javascript:alert(1)",
            "/token",
            "",
        ] {
            assert_refused!(parse(&format!(r#","{name}":"{url}""#)), "metadata_url", "MET-4", "{name} {url}");
        }
        // At another host than the issuer's, and with a query: both may be.
        parse(&format!(r#","{name}":"https://other.example/x?y=1""#)).unwrap();
    }
    let alias = parse(r#","mtls_endpoint_aliases":{"token_endpoint":"http://as.example"}"#);
    assert_refused!(alias, "metadata_url", "MET-4");
}

#[test]
fn mtl_3_clients_with_certificates_go_to_the_aliases() {
    let server = parse(
        r#","token_endpoint":"https://as.example/token","revocation_endpoint":"https://as.example/revoke",
        "mtls_endpoint_aliases":{"token_endpoint":"https://mtls.as.example/token"}"#,
    )
    .unwrap();
    let of = |endpoint| server.mtls_endpoint(endpoint).map(ToString::to_string);
    assert_eq!(of(Endpoint::Token).unwrap(), "https://mtls.as.example/token");
    assert_eq!(of(Endpoint::Revocation).unwrap(), "https://as.example/revoke");
    assert_eq!(of(Endpoint::Introspection), None);
    assert_eq!(server.endpoint(Endpoint::Token).unwrap().as_str(), "https://as.example/token");
}

#[test]
fn names_that_are_not_known_are_read_over() {
    let server = parse(
        r#","grant_types_supported":["implicit","password","urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "token_endpoint_auth_methods_supported":["magic","spiffe_jwt","spiffe_x509","spiffe_wit"],
        "token_endpoint_auth_signing_alg_values_supported":["none","HS256","ES256","EdDSA"],
        "code_challenge_methods_supported":["plain","s256"],
        "backchannel_token_delivery_modes_supported":["poll","telepathy"]"#,
    )
    .unwrap();
    assert!(server.supports_grant(GrantType::JwtBearer));
    assert!(!server.supports_grant(GrantType::AuthorizationCode) && !server.supports_s256());
    let algorithms = AlgorithmSet::of(&[Algorithm::Es256, Algorithm::EdDsa]);
    assert_eq!(server.algorithms(Signed::ClientAssertion), Some(algorithms));
    assert_eq!(server.delivery_modes(), [DeliveryMode::Poll]);
}

/// A question with a default.
type Ask = fn(&ServerMetadata) -> bool;

/// OSC-6: what is advertised is what was asked for, at each endpoint that authenticates clients.
#[test]
fn osc_6_spiffe_methods_are_advertised() {
    let methods = [ClientAuthMethod::SpiffeJwt, ClientAuthMethod::SpiffeX509, ClientAuthMethod::SpiffeWit];
    let server = ServerMetadata::builder(issuer())
        .auth_methods(&methods)
        .revocation_auth_methods(&methods)
        .introspection_auth_methods(&methods)
        .build()
        .unwrap();
    let json = server.to_json();
    for member in ["token", "revocation", "introspection"] {
        let member = format!(
            r#""{member}_endpoint_auth_methods_supported":["spiffe_jwt","spiffe_x509","spiffe_wit"]"#
        );
        assert!(json.contains(&member), "{json}");
    }
    let at = [
        Endpoint::Token,
        Endpoint::Revocation,
        Endpoint::Introspection,
        Endpoint::BackchannelAuthentication,
        Endpoint::PushedAuthorization,
    ];
    for at in at {
        assert!(methods.iter().all(|method| server.supports_auth_method(*method, at)), "{at}");
        assert!(!server.supports_auth_method(ClientAuthMethod::ClientSecretBasic, at), "{at}");
    }
}

#[test]
fn hil_2_what_the_backchannel_can_do_is_said() {
    let server = parse(
        r#","backchannel_authentication_endpoint":"https://as.example/ciba",
        "backchannel_token_delivery_modes_supported":["poll","ping","push"],
        "backchannel_authentication_request_signing_alg_values_supported":["ES256"],
        "backchannel_user_code_parameter_supported":true"#,
    )
    .unwrap();
    assert_eq!(server.endpoint(Endpoint::BackchannelAuthentication).unwrap().path(), "/ciba");
    assert_eq!(server.delivery_modes(), [DeliveryMode::Poll, DeliveryMode::Ping, DeliveryMode::Push]);
    assert_eq!(server.algorithms(Signed::BackchannelRequest), Some(AlgorithmSet::of(&[Algorithm::Es256])));
    assert!(server.takes_user_codes());
    let without = parse("").unwrap();
    assert!(!without.requires_pushed_requests() && !without.sends_issuer());
    assert!(!without.takes_client_documents() && !without.binds_to_certificates());
    assert!(!without.takes_user_codes() && without.delivery_modes().is_empty());
}

#[test]
fn sec_15_a_member_that_is_there_twice_refuses_the_document() {
    for members in [
        r#","issuer":"https://as.example""#,
        r#","jwks_uri":"https://as.example/a","jwks_uri":"https://as.example/b""#,
        r#","jwks_uri":"https://as.example/a","jwks\u005furi":"https://as.example/b""#,
        r#","x":{"y":{"z":1,"z":1}}"#,
    ] {
        assert_refused!(parse(members), "json_duplicate_name", "JO-JSON-02", "{members}");
    }
}

#[test]
fn wir_9_the_document_is_bounded() {
    let long = |len: usize| format!(r#","x":[{}"",1]"#, "\"\",".repeat(len / 3));
    assert!(parse(&long(200 * 1024)).is_ok());
    let filled = |len: usize| padded(r#"{"issuer":"https://as.example"}"#, len);
    let read = |text: &str| ServerMetadata::parse(text.as_bytes(), &issuer());
    read(&filled(256 * 1024)).unwrap();
    assert_refused!(read(&filled(256 * 1024 + 1)), "metadata_too_long", "WIR-9");
    let deep = |depth: usize| format!(r#","x":{}{}"#, "[".repeat(depth), "]".repeat(depth));
    parse(&deep(31)).unwrap();
    assert_refused!(parse(&deep(32)), "json_depth_limit", "JO-JSON-03");
    for text in [&b"\xff"[..], b"", b"[]", b"{", br#"{"issuer":"https://as.example"}x"#] {
        assert!(ServerMetadata::parse(text, &issuer()).is_err());
    }
    // More than anybody would read is not published either.
    let huge = ServerMetadata::builder(issuer()).list(Listed::AcrValues, vec!["a".repeat(8000); 40]);
    assert_refused!(huge.build(), "metadata_too_long", "WIR-9");
}

/// Everything that can be said.
fn full() -> ServerMetadata {
    let url = |path: &str| format!("https://as.example/{path}").parse().unwrap();
    let mut builder = ServerMetadata::builder(issuer())
        .jwks_uri(url("jwks"))
        .scopes("a b".parse().unwrap())
        .grants(GrantType::ALL)
        .auth_methods(ClientAuthMethod::ALL)
        .revocation_auth_methods(&[ClientAuthMethod::SpiffeJwt])
        .introspection_auth_methods(&[ClientAuthMethod::Tls])
        .delivery_modes(DeliveryMode::ALL)
        .protected_resources([tool()])
        .require_pushed_requests()
        .sends_issuer()
        .takes_client_documents()
        .binds_to_certificates()
        .takes_user_codes();
    for endpoint in Endpoint::ALL {
        builder = builder.endpoint(*endpoint, url(endpoint.as_str()));
        builder = builder.mtls_endpoint(*endpoint, url("mtls"));
    }
    for signed in Signed::ALL {
        builder = builder.algorithms(*signed, AlgorithmSet::STANDARD);
    }
    for list in Listed::ALL {
        builder = builder.list(*list, [list.as_str(), "S256", "\"\\\u{1}é"]);
    }
    builder.build().unwrap()
}

#[test]
fn abc_7_met_3_rar_5_xd_20_what_is_built_is_read_as_it_was() {
    let server = full();
    assert_eq!(ServerMetadata::parse(server.to_json().as_bytes(), &issuer()).unwrap(), server);
    assert!(server.requires_pushed_requests() && server.sends_issuer() && server.takes_client_documents());
    assert!(server.binds_to_certificates() && server.takes_user_codes() && server.supports_s256());
    assert_eq!(server.protected_resources(), Some(&[tool()][..]));
    assert_eq!(server.jwks_uri().unwrap().path(), "/jwks");
    assert!(GrantType::ALL.iter().all(|grant| server.supports_grant(*grant)));

    // Empty ones are left out.
    let json = ServerMetadata::builder(issuer())
        .scopes(Scope::none())
        .grants(&[])
        .auth_methods(&[])
        .delivery_modes(&[])
        .protected_resources([])
        .algorithms(Signed::IdToken, AlgorithmSet::EMPTY)
        .list(Listed::AcrValues, Vec::<String>::new())
        .build()
        .unwrap()
        .to_json();
    assert_eq!(json, r#"{"issuer":"https://as.example"}"#);
}

#[test]
fn every_name_is_read_as_it_is_written() {
    for grant in GrantType::ALL {
        assert_eq!(GrantType::from_text(grant.as_str()), Some(*grant));
    }
    for method in ClientAuthMethod::ALL {
        assert_eq!(ClientAuthMethod::from_text(&method.to_string()), Some(*method));
        let kinds = [method.is_shared_secret(), method.needs_keys(), method.is_spiffe()];
        assert!(kinds.iter().filter(|is| **is).count() <= 1, "{method}");
        assert!(method.is_authentication() || kinds == [false; 3], "{method}");
    }
    assert_eq!(ClientAuthMethod::from_text("None"), None);
}

proptest! {
    #[test]
    fn met_1_urls_stay_at_the_host_of_the_issuer(path in "(/[a-z0-9%A-F]{0,6}){0,4}", host in "[a-z]{1,8}(:8443)?") {
        let Ok(issuer) = format!("https://{host}{path}").parse::<Issuer>() else { return Ok(()) };
        let urls = ServerMetadata::urls(&issuer);
        prop_assert!((2..=3).contains(&urls.len()));
        prop_assert!(urls.iter().all(|url| url.authority() == issuer.as_url().authority()));
        prop_assert!(urls.iter().all(|url| url.path().contains("/.well-known/")));
    }

    #[test]
    fn sec_15_nothing_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ServerMetadata::parse(&text, &issuer());
    }

    #[test]
    fn met_3_a_document_that_is_changed_is_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = full().to_json().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        match ServerMetadata::parse(&text, &issuer()) {
            Ok(read) => prop_assert_eq!(ServerMetadata::parse(read.to_json().as_bytes(), &issuer()).unwrap(), read),
            Err(refused) => prop_assert!(!refused.code().is_empty() && !refused.rule().is_empty()),
        }
    }
}
