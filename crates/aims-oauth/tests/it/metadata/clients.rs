//! Clients that register.

use aims_jose::{Jwk, JwkSet};
use aims_keys::{Algorithm, SoftwareKey, backend};
use aims_oauth::{
    ApplicationType, ClientAuthMethod, ClientInformation, ClientKeySource, ClientMetadata,
    ClientMetadataError, ClientPage, DeliveryMode, ErrorCode, GrantType, TlsClientName,
};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::padded;
use crate::world::NOW;

/// Of these members, which follow a grant that needs nothing else.
fn parse(members: &str) -> Result<ClientMetadata, ClientMetadataError> {
    read(&format!(r#"{{"grant_types":["client_credentials"]{members}}}"#))
}

fn read(text: &str) -> Result<ClientMetadata, ClientMetadataError> {
    ClientMetadata::parse_registration(text.as_bytes(), backend::ring())
}

fn jwk(algorithm: Algorithm) -> Jwk {
    let key = SoftwareKey::generate(algorithm, backend::ring()).unwrap();
    Jwk::new(key.public_key().clone()).with_key_id("c-1").unwrap()
}

fn keys() -> ClientKeySource {
    ClientKeySource::Set(JwkSet::new(vec![jwk(Algorithm::Es256)]).unwrap())
}

#[test]
fn dcr_1_a_registration_is_read_as_the_client_means_it() {
    let client = read(
        r#"{"redirect_uris":["https://agent.example/cb","http://127.0.0.1/cb"],"client_name":"Travel",
        "client_name#de":"Reise","token_endpoint_auth_method":"none","grant_types":
        ["authorization_code","implicit","refresh_token"],"response_types":["code","token"],"scope":"b a",
        "client_uri":"https://agent.example","logo_uri":"https://agent.example/logo.png",
        "tos_uri":"https://agent.example/tos","policy_uri":"https://agent.example/policy",
        "contacts":["mailto:ops@agent.example"],"software_id":"s","software_version":"1","software_statement":"x",
        "application_type":"native","dpop_bound_access_tokens":true,
        "tls_client_certificate_bound_access_tokens":false,"authorization_details_types":["booking"]}"#,
    )
    .unwrap();
    assert_eq!((client.auth_method(), client.is_confidential()), (ClientAuthMethod::None, false));
    assert!(
        client.allows_grant(GrantType::AuthorizationCode) && client.allows_grant(GrantType::RefreshToken)
    );
    assert!(!client.allows_grant(GrantType::ClientCredentials));
    assert!(client.allows_response_type("code") && !client.allows_response_type("id_token"));
    assert_eq!(client.scope().unwrap(), &"a b".parse().unwrap());
    assert!(client.redirects_to(&"http://127.0.0.1:5/cb".parse().unwrap()));
    assert!(!client.redirects_to(&"https://agent.example/cb2".parse().unwrap()));
    assert_eq!(client.redirect_uris().len(), 2);
    assert_eq!(client.application_type(), ApplicationType::Native);
    assert_eq!(client.name(), Some("Travel"));
    let pages = ClientPage::ALL.iter().map(|page| client.page(*page).unwrap().path()).collect::<Vec<_>>();
    assert_eq!(pages, ["", "/logo.png", "/policy", "/tos"]);
    assert_eq!((client.software_id(), client.software_version()), (Some("s"), Some("1")));
    assert_eq!(
        (client.contacts(), client.details_types().unwrap()),
        (&["mailto:ops@agent.example".to_owned()][..], &["booking".to_owned()][..])
    );
    assert!(client.binds_to_dpop() && !client.binds_to_certificates());
}

#[test]
fn dcr_1_what_is_not_said_has_its_default() {
    let client = read(r#"{"redirect_uris":["https://agent.example/cb"]}"#).unwrap();
    assert_eq!(client.auth_method(), ClientAuthMethod::ClientSecretBasic);
    assert!(client.is_confidential() && client.allows_grant(GrantType::AuthorizationCode));
    assert!(!client.allows_grant(GrantType::RefreshToken) && client.allows_response_type("code"));
    assert_eq!(client.application_type(), ApplicationType::Web);
    assert!(client.keys().is_none() && client.scope().is_none() && !client.binds_to_dpop());
    assert!(client.spiffe_id().is_none() && client.delivery_mode().is_none() && !client.has_user_code());
}

#[test]
fn dcr_1_a_member_of_another_type_refuses_the_registration() {
    let texts = [
        "client_name",
        "software_id",
        "software_version",
        "scope",
        "spiffe_id",
        "client_uri",
        "spiffe_bundle_endpoint",
        "jwks_uri",
        "token_endpoint_auth_method",
        "token_endpoint_auth_signing_alg",
        "application_type",
        "backchannel_token_delivery_mode",
        "backchannel_authentication_request_signing_alg",
        "tls_client_auth_san_dns",
    ];
    let lists = ["redirect_uris", "grant_types", "response_types", "contacts", "authorization_details_types"];
    let flags = [
        "dpop_bound_access_tokens",
        "tls_client_certificate_bound_access_tokens",
        "backchannel_user_code_parameter",
    ];
    let refuse = |name: &str, value: &str| {
        let refused = read(&format!(r#"{{"{name}":{value}}}"#)).unwrap_err();
        assert_eq!((refused.code(), refused.rule()), ("metadata_member", "DCR-1"), "{name} {value}");
        assert_eq!(refused.error_code(), ErrorCode::InvalidClientMetadata);
    };
    for (names, values) in [
        (&texts[..], &["1", "null", "[]", "{}", "true"][..]),
        (&lists, &["\"a\"", "null", "[1]", "{}", "true"]),
        (&flags, &["\"true\"", "null", "1"]),
    ] {
        for (name, value) in names.iter().flat_map(|name| values.iter().map(move |value| (name, value))) {
            refuse(name, value);
        }
    }
    for (name, value) in [
        ("token_endpoint_auth_method", "\"magic\""),
        ("token_endpoint_auth_signing_alg", "\"none\""),
        ("token_endpoint_auth_signing_alg", "\"HS256\""),
        ("backchannel_authentication_request_signing_alg", "\"HS256\""),
        ("application_type", "\"Native\""),
        ("backchannel_token_delivery_mode", "\"poll ping\""),
        ("backchannel_token_delivery_mode", "[\"poll\"]"),
        ("tls_client_auth_san_ip", "\"tools\""),
        ("tls_client_auth_san_uri", "\"\""),
    ] {
        refuse(name, value);
    }
    assert_refused!(parse(r#","jwks":[]"#), "metadata_member", "DCR-1");
}

#[test]
fn wir_10_urls_of_clients_are_https() {
    for name in ["client_uri", "logo_uri", "tos_uri", "policy_uri", "jwks_uri", "spiffe_bundle_endpoint"] {
        for url in ["http://agent.example", "javascript:alert(1)", "https://u:p@agent.example", ""] {
            assert_refused!(
                parse(&format!(r#","{name}":"{url}""#)),
                "metadata_url",
                "WIR-10",
                "{name} {url}"
            );
        }
    }
}

#[test]
fn aut_2_a_client_that_wants_codes_says_where_to() {
    for text in ["{}", r#"{"redirect_uris":[]}"#, r#"{"grant_types":["authorization_code"]}"#] {
        let refused = assert_refused!(read(text), "no_redirect_uri", "DCR-1", "{text}");
        assert_eq!(refused.error_code(), ErrorCode::InvalidRedirectUri);
    }
    for (uri, code) in [
        ("http://agent.example/cb", "redirect_uri_not_loopback"),
        ("https://agent.example/cb#f", "redirect_uri_url"),
        ("com.example:/cb", "redirect_uri_url"),
    ] {
        let text = format!(r#"{{"redirect_uris":["https://agent.example/cb","{uri}"]}}"#);
        let refused = assert_refused!(read(&text), code, "AUT-2", "{uri}");
        assert_eq!(refused.error_code(), ErrorCode::InvalidRedirectUri);
    }
    parse("").unwrap();
}

#[test]
fn wir_7_the_scope_of_a_client_is_a_scope() {
    for scope in ["", "a  b", "a\\\"b"] {
        let refused = parse(&format!(r#","scope":"{scope}""#)).unwrap_err();
        assert_eq!(refused.rule(), "WIR-7", "{scope}");
    }
}

#[test]
fn cmd_4_keys_are_public_and_said_once() {
    let es256 = jwk(Algorithm::Es256).to_json();
    let set = format!(r#"{{"keys":[{es256}]}}"#);
    let private = r#","token_endpoint_auth_method":"private_key_jwt""#;
    let client = parse(&format!(r#"{private},"jwks":{set}"#)).unwrap();
    assert!(matches!(client.keys(), Some(ClientKeySource::Set(keys)) if keys.len() == 1));
    assert!(client.is_confidential());
    let elsewhere = parse(&format!(r#"{private},"jwks_uri":"https://agent.example/jwks""#)).unwrap();
    assert!(matches!(elsewhere.keys(), Some(ClientKeySource::Url(url)) if url.path() == "/jwks"));

    let twice = format!(r#","jwks":{set},"jwks_uri":"https://agent.example/jwks""#);
    assert_refused!(parse(&twice), "keys_twice", "DCR-1");
    for members in ["", r#","jwks":{"keys":[]}"#, r#","jwks":{"keys":[{"kty":"new"}]}"#] {
        for method in ["private_key_jwt", "self_signed_tls_client_auth"] {
            let members = format!(r#","token_endpoint_auth_method":"{method}"{members}"#);
            assert_refused!(parse(&members), "no_keys_of_client", "CMD-4", "{members}");
        }
    }
    assert_refused!(parse(r#","jwks":{}"#), "no_keys", "JO-KEY-02");
    let duplicate = format!(r#","jwks":{{"keys":[{es256},{es256}]}}"#);
    assert_refused!(parse(&duplicate), "duplicate_key_id", "JO-KEY-01");
    let symmetric = parse(r#","jwks":{"keys":[{"kty":"oct","k":"AAAA"}]}"#);
    assert_refused!(symmetric, "symmetric_key", "CMD-2");
    let leaked = es256.replacen('{', r#"{"d":"AAAA","#, 1);
    assert_refused!(parse(&format!(r#","jwks":{{"keys":[{leaked}]}}"#)), "private_key", "CMD-2");
}

/// A key counts for the algorithm that it names, or that the client names for all.
#[test]
fn the_algorithm_of_a_client_binds_its_keys() {
    let named = jwk(Algorithm::Es256).to_json();
    let unnamed = named.replace(r#""alg":"ES256","#, "");
    assert_ne!(named, unnamed);
    let members = |key: &str, algorithm: &str| {
        format!(r#","token_endpoint_auth_method":"private_key_jwt","jwks":{{"keys":[{key}]}}{algorithm}"#)
    };
    let es256 = r#","token_endpoint_auth_signing_alg":"ES256""#;
    let client = parse(&members(&unnamed, es256)).unwrap();
    assert_eq!(client.auth_algorithm(), Some(Algorithm::Es256));
    parse(&members(&named, es256)).unwrap();
    assert_refused!(parse(&members(&unnamed, "")), "no_keys_of_client", "CMD-4");
    let other = r#","token_endpoint_auth_signing_alg":"ES384""#;
    assert_refused!(parse(&members(&named, other)), "no_keys_of_client", "CMD-4");
}

#[test]
fn mtl_1_a_certificate_is_known_by_exactly_one_name() {
    let tls = |members: &str| parse(&format!(r#","token_endpoint_auth_method":"tls_client_auth"{members}"#));
    assert_refused!(tls(""), "certificate_name", "MTL-1");
    let two = tls(r#","tls_client_auth_san_dns":"a.example","tls_client_auth_san_uri":"urn:a""#);
    assert_refused!(two, "certificate_name", "MTL-1");
    for (member, value, expected) in [
        ("subject_dn", "CN=a", TlsClientName::SubjectDn("CN=a".parse().unwrap())),
        ("san_dns", "a.example", TlsClientName::Dns("a.example".into())),
        ("san_email", "a@b.example", TlsClientName::Email("a@b.example".into())),
        ("san_ip", "192.0.2.1", TlsClientName::Ip("192.0.2.1".parse().unwrap())),
        ("san_uri", "spiffe://a.example/b", TlsClientName::Uri("spiffe://a.example/b".into())),
    ] {
        let client = tls(&format!(r#","tls_client_auth_{member}":"{value}""#)).unwrap();
        assert_eq!(client.certificate_name(), Some(&expected));
        assert_eq!(read(&client.to_json()).unwrap().certificate_name(), Some(&expected));
    }
}

#[test]
fn osc_7_a_client_with_an_svid_says_which() {
    for method in ["spiffe_jwt", "spiffe_x509", "spiffe_wit"] {
        let method = format!(r#","token_endpoint_auth_method":"{method}""#);
        assert_refused!(parse(&method), "metadata_member_missing", "OSC-7", "{method}");
        let client = parse(&format!(r#"{method},"spiffe_id":"spiffe://acme.example/agents/*""#)).unwrap();
        let id = client.spiffe_id().unwrap();
        assert!(id.matches(&"spiffe://acme.example/agents/travel".parse().unwrap()));
        assert!(client.is_confidential());
    }
    let endpoint = r#","spiffe_bundle_endpoint":"https://acme.example/bundle""#;
    assert_eq!(parse(endpoint).unwrap().spiffe_bundle_endpoint().unwrap().path(), "/bundle");
}

#[test]
fn osc_8_a_malformed_pattern_is_refused_at_registration() {
    for (pattern, code) in [
        ("spiffe://acme.example/agents*", "segment_char"),
        ("spiffe://acme.example/*/a", "segment_char"),
        ("*", "not_spiffe"),
        ("agents/*", "not_spiffe"),
    ] {
        let refused = parse(&format!(r#","spiffe_id":"{pattern}""#));
        assert_refused!(refused, code, "OSC-8", "{pattern}");
    }
    let client = parse(r#","spiffe_id":"spiffe://acme.example/agents/*""#).unwrap();
    assert_eq!(client.spiffe_id().unwrap().trust_domain(), "acme.example");
}

#[test]
fn hil_3_a_client_of_the_backchannel_says_how_answers_come() {
    let ciba =
        |members: &str| read(&format!(r#"{{"grant_types":["urn:openid:params:grant-type:ciba"]{members}}}"#));
    assert_refused!(ciba(""), "metadata_member_missing", "HIL-3");
    for mode in ["ping", "push"] {
        let mode = format!(r#","backchannel_token_delivery_mode":"{mode}""#);
        assert_refused!(ciba(&mode), "metadata_member_missing", "HIL-3", "{mode}");
        let http = format!(r#"{mode},"backchannel_client_notification_endpoint":"http://a.example""#);
        assert_refused!(ciba(&http), "metadata_url", "HIL-3", "{mode}");
        let sound = format!(
            r#"{mode},"backchannel_client_notification_endpoint":"https://a.example/n",
            "backchannel_authentication_request_signing_alg":"ES256","backchannel_user_code_parameter":true"#
        );
        let client = ciba(&sound).unwrap();
        assert_eq!(client.notification_endpoint().unwrap().path(), "/n");
        assert_eq!(client.backchannel_algorithm(), Some(Algorithm::Es256));
        assert!(client.has_user_code() && client.delivery_mode() != Some(DeliveryMode::Poll));
    }
    let poll = ciba(r#","backchannel_token_delivery_mode":"poll""#).unwrap();
    assert_eq!(poll.delivery_mode(), Some(DeliveryMode::Poll));
}

#[test]
fn sec_15_wir_9_registrations_are_bounded_and_say_things_once() {
    assert_refused!(parse(r#","scope":"a","scope":"b""#), "json_duplicate_name", "JO-JSON-02");
    let inner = r#","jwks":{"keys":[{"kty":"EC","kty":"RSA"}]}"#;
    assert_refused!(parse(inner), "json_duplicate_name", "JO-JSON-02");
    let filled = |len: usize| padded(r#"{"client_id":"c","grant_types":[]}"#, len);
    let answer = |text: &str| ClientInformation::parse(text.as_bytes(), backend::ring());
    read(&filled(64 * 1024)).unwrap();
    answer(&filled(64 * 1024)).unwrap();
    assert_refused!(read(&filled(64 * 1024 + 1)), "metadata_too_long", "WIR-9");
    assert_refused!(answer(&filled(64 * 1024 + 1)), "metadata_too_long", "WIR-9");
    let deep = format!(r#","x":{}{}"#, "[".repeat(32), "]".repeat(32));
    assert_refused!(parse(&deep), "json_depth_limit", "JO-JSON-03");
}

/// Everything that can be said.
fn full() -> ClientMetadata {
    let url = |path: &str| format!("https://agent.example/{path}").parse().unwrap();
    let builder = ClientMetadata::builder(ClientAuthMethod::PrivateKeyJwt)
        .auth_algorithm(Algorithm::Es256)
        .keys(keys())
        .certificate_name(TlsClientName::Dns("agent.example".into()))
        .spiffe_id("spiffe://acme.example/agents/*".parse().unwrap())
        .spiffe_bundle_endpoint(url("bundle"))
        .redirect_uris(["https://agent.example/cb".parse().unwrap(), "http://[::1]/cb".parse().unwrap()])
        .grants(GrantType::ALL)
        .response_types(["code"])
        .scope("a b".parse().unwrap())
        .details_types(["booking"])
        .bind_to_dpop()
        .bind_to_certificates()
        .application_type(ApplicationType::Native)
        .name("Travel \"agent\"")
        .contacts(["ops@agent.example"])
        .software("s", "1")
        .ping(url("notify"))
        .backchannel_algorithm(Algorithm::Es256)
        .with_user_code();
    let builder =
        ClientPage::ALL.iter().fold(builder, |builder, page| builder.page(*page, url(page.as_str())));
    builder.build().unwrap()
}

#[test]
fn dcr_1_what_is_built_is_read_as_it_was() {
    let client = full();
    let again = read(&client.to_json()).unwrap();
    assert_eq!(again.to_json(), client.to_json());
    assert!(again.binds_to_dpop() && again.binds_to_certificates() && again.has_user_code());
    assert_eq!(again.delivery_mode(), Some(DeliveryMode::Ping));
    for (builder, code) in [
        (ClientMetadata::builder(ClientAuthMethod::PrivateKeyJwt).grants(&[]), "no_keys_of_client"),
        (ClientMetadata::builder(ClientAuthMethod::None), "no_redirect_uri"),
        (ClientMetadata::builder(ClientAuthMethod::SpiffeWit), "metadata_member_missing"),
    ] {
        assert_eq!(builder.build().unwrap_err().code(), code);
    }
    let minimal = ClientMetadata::builder(ClientAuthMethod::None)
        .grants(&[GrantType::Ciba])
        .poll()
        .scope(aims_oauth::Scope::none())
        .response_types(Vec::<String>::new())
        .details_types(Vec::<String>::new())
        .build()
        .unwrap();
    assert_eq!(
        minimal.to_json(),
        r#"{"token_endpoint_auth_method":"none","grant_types":["urn:openid:params:grant-type:ciba"],"application_type":"web","backchannel_token_delivery_mode":"poll"}"#
    );
    let pushed = ClientMetadata::builder(ClientAuthMethod::None).grants(&[GrantType::Ciba]);
    let pushed = pushed.push("https://agent.example/n".parse().unwrap()).build().unwrap();
    assert_eq!(pushed.delivery_mode(), Some(DeliveryMode::Push));
}

#[test]
fn dcr_1_the_answer_says_what_the_client_now_is() {
    let parse = |members: &str| {
        let text = format!(r#"{{"client_id":"c-7","grant_types":["client_credentials"]{members}}}"#);
        ClientInformation::parse(text.as_bytes(), backend::ring())
    };
    let plain = parse("").unwrap();
    assert_eq!((plain.client_id(), plain.issued_at()), ("c-7", None));
    assert!(plain.secret().is_none() && plain.management().is_none());
    let secret = r#","client_id_issued_at":1790000000,"client_secret":"secret-text""#;
    let client = parse(&format!(r#"{secret},"client_secret_expires_at":1790000300"#)).unwrap();
    assert_eq!(client.issued_at(), Some(NOW));
    assert_eq!(client.secret().unwrap().expose(), "secret-text");
    assert_eq!(client.secret_expires().unwrap().as_secs(), 1_790_000_300);
    assert!(!format!("{client:?}").contains("secret-text"));
    let forever = parse(&format!(r#"{secret},"client_secret_expires_at":0"#)).unwrap();
    assert_eq!(forever.secret_expires(), None);
    for members in [
        secret.to_owned(),
        format!(r#"{secret},"client_secret_expires_at":-1"#),
        format!(r#"{secret},"client_secret_expires_at":1.5"#),
        format!(r#"{secret},"client_secret_expires_at":"0""#),
        r#","client_secret":"","client_secret_expires_at":0"#.to_owned(),
        r#","client_id_issued_at":"now""#.to_owned(),
    ] {
        assert_refused!(parse(&members), "metadata_member", "DCR-1", "{members}");
    }
    for id in ["\"\"", "1", "\"a\\n\"", "\"é\""] {
        let text = format!(r#"{{"client_id":{id},"grant_types":["client_credentials"]}}"#);
        let refused = ClientInformation::parse(text.as_bytes(), backend::ring());
        assert_refused!(refused, "client_id", "DCR-1", "{id}");
    }
    assert_refused!(ClientInformation::parse(b"{}", backend::ring()), "client_id", "DCR-1");
    for client in [&client, &forever, &plain] {
        let again = ClientInformation::parse(client.to_json().as_bytes(), backend::ring()).unwrap();
        assert_eq!(again.to_json(), client.to_json());
    }
}

#[test]
fn dcr_2_a_client_can_manage_its_registration() {
    let client = ClientInformation::new("c-7", full(), NOW).unwrap();
    let url = "https://as.example/register/c-7";
    let client = client.managed_at(url.parse().unwrap(), "manage-token".parse().unwrap());
    let read = ClientInformation::parse(client.to_json().as_bytes(), backend::ring()).unwrap();
    let (at, token) = read.management().unwrap();
    assert_eq!((at.as_str(), token.expose()), (url, "manage-token"));
    assert_eq!(read.issued_at(), Some(NOW));
    assert_eq!(read.metadata().to_json(), full_like(&read));
    assert!(!format!("{read:?}").contains("manage-token"));
    for (member, code) in [
        (
            r#""registration_client_uri":"https://as.example/r","registration_access_token":"a b""#,
            "metadata_member",
        ),
        (
            r#""registration_client_uri":"http://as.example/r","registration_access_token":"a""#,
            "metadata_url",
        ),
    ] {
        let text = format!(r#"{{"client_id":"c","grant_types":["client_credentials"],{member}}}"#);
        assert_eq!(ClientInformation::parse(text.as_bytes(), backend::ring()).unwrap_err().code(), code);
    }
    // Half of it is nothing.
    let half = r#"{"client_id":"c","grant_types":[],"registration_client_uri":"https://as.example/r"}"#;
    assert!(ClientInformation::parse(half.as_bytes(), backend::ring()).unwrap().management().is_none());
}

/// What is left of an answer without what the server added.
fn full_like(client: &ClientInformation) -> String {
    read(&client.to_json()).unwrap().to_json()
}

#[test]
fn cmd_4_no_identifier_that_is_made_up_looks_like_a_document() {
    let refused = ClientInformation::new("https://as.example/c-7", full(), NOW);
    assert_refused!(refused, "url_as_client_id", "CMD-4");
    for id in ["", "a\nb", "é", &"a".repeat(2049)] {
        assert_refused!(ClientInformation::new(id, full(), NOW), "client_id", "DCR-1", "{id}");
    }
}

proptest! {
    #[test]
    fn sec_15_nothing_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ClientMetadata::parse_registration(&text, backend::ring());
        let _ = ClientInformation::parse(&text, backend::ring());
    }

    #[test]
    fn dcr_1_a_registration_that_is_changed_is_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let client = ClientMetadata::builder(ClientAuthMethod::SpiffeJwt)
            .spiffe_id("spiffe://acme.example/agents/*".parse().unwrap())
            .redirect_uris(["http://127.0.0.1:80/cb".parse().unwrap()])
            .grants(&[GrantType::AuthorizationCode, GrantType::Ciba])
            .ping("https://agent.example/n".parse().unwrap())
            .scope("a b".parse().unwrap())
            .build()
            .unwrap();
        let mut text = client.to_json().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        match ClientMetadata::parse_registration(&text, backend::ring()) {
            Ok(client) => prop_assert_eq!(read(&client.to_json()).unwrap().to_json(), client.to_json()),
            Err(refused) => prop_assert!(!refused.code().is_empty() && !refused.rule().is_empty()),
        }
    }
}
