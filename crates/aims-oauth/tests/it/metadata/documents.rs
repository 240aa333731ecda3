//! Clients that are known by the URL of their metadata.

use aims_keys::backend;
use aims_oauth::{
    ClientAuthMethod, ClientIdUrl, ClientMetadata, ClientMetadataError, ErrorCode, GrantType,
    ResourceMetadata, ServerMetadata,
};
use aims_testkit::assert_refused;

use super::padded;

const URL: &str = "https://agents.acme.example/travel.json";

fn url() -> ClientIdUrl {
    URL.parse().unwrap()
}

fn read(text: &str) -> Result<ClientMetadata, ClientMetadataError> {
    ClientMetadata::parse_document(text.as_bytes(), &url(), backend::ring())
}

/// Of these members, which follow an identifier and a grant that needs nothing else.
fn parse(members: &str) -> Result<ClientMetadata, ClientMetadataError> {
    read(&format!(r#"{{"client_id":"{URL}","grant_types":["client_credentials"]{members}}}"#))
}

#[test]
fn cmd_1_the_document_is_of_the_url_it_was_found_at() {
    for id in [
        "https://agents.acme.example/travel.json?",
        "https://agents.acme.example/travel.json/",
        "https://AGENTS.acme.example/travel.json",
        "https://agents.acme.example:443/travel.json",
        "https://agents.acme.example/%74ravel.json",
        "https://evil.example/travel.json",
        "",
    ] {
        let refused = read(&format!(r#"{{"client_id":"{id}","grant_types":["client_credentials"]}}"#));
        assert_refused!(refused, "client_id_mismatch", "CMD-1", "{id}");
    }
    for text in ["{}", r#"{"client_id":1}"#, r#"{"client_id":null}"#] {
        assert_refused!(read(text), "client_id", "DCR-1", "{text}");
    }
    assert!(parse("").is_ok());
}

#[test]
fn cmd_2_a_document_holds_no_secrets() {
    for method in ["client_secret_basic", "client_secret_post", "client_secret_jwt"] {
        let refused = parse(&format!(r#","token_endpoint_auth_method":"{method}""#));
        assert_refused!(refused, "secret_in_document", "CMD-2", "{method}");
    }
    for member in [
        r#","client_secret":"s""#,
        r#","client_secret":"""#,
        r#","client_secret":null"#,
        r#","client_secret_expires_at":0"#,
        r#","client\u005fsecret":"s""#,
    ] {
        assert_refused!(parse(member), "secret_in_document", "CMD-2", "{member}");
    }
    for (key, code) in [
        (r#"{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"AA","d":"AA"}"#, "private_key"),
        (r#"{"kty":"RSA","n":"AQAB","e":"AQAB","p":"AQ"}"#, "private_key"),
        (r#"{"kty":"oct","k":"AAAA"}"#, "symmetric_key"),
    ] {
        let refused = parse(&format!(r#","jwks":{{"keys":[{key}]}}"#));
        assert_refused!(refused, code, "CMD-2", "{key}");
    }
}

#[test]
fn cmd_3_a_document_has_5_kib_at_most() {
    let text = format!(r#"{{"client_id":"{URL}","grant_types":[]}}"#);
    read(&padded(&text, 5120)).unwrap();
    let refused = assert_refused!(read(&padded(&text, 5121)), "document_too_long", "CMD-3");
    assert_eq!(refused.error_code(), ErrorCode::InvalidClientMetadata);
    // Too long is said before anything is read.
    assert_refused!(read(&"[".repeat(5121)), "document_too_long", "CMD-3");

    let named = |len: usize| {
        let client = ClientMetadata::builder(ClientAuthMethod::None).grants(&[GrantType::ClientCredentials]);
        client.name(&"a".repeat(len)).build().unwrap().to_document(&url())
    };
    let rest = named(0).unwrap().len();
    assert_eq!(named(5120 - rest).unwrap().len(), 5120);
    assert_refused!(named(5121 - rest), "document_too_long", "CMD-3");
}

#[test]
fn cmd_4_a_document_with_keys_makes_the_client_confidential() {
    let method = |members: &str| {
        let client = parse(members).unwrap();
        (client.auth_method(), client.is_confidential())
    };
    let keys = r#","jwks_uri":"https://agents.acme.example/jwks""#;
    assert_eq!(method(""), (ClientAuthMethod::None, false));
    assert_eq!(method(keys), (ClientAuthMethod::PrivateKeyJwt, true));
    let said = format!(r#"{keys},"token_endpoint_auth_method":"private_key_jwt""#);
    assert_eq!(method(&said), (ClientAuthMethod::PrivateKeyJwt, true));
    let without = parse(r#","token_endpoint_auth_method":"private_key_jwt""#);
    assert_refused!(without, "no_keys_of_client", "CMD-4");
    // Keys for nothing that is known here are no way to come without any.
    let unusable = parse(r#","jwks":{"keys":[{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}]}"#);
    assert_refused!(unusable, "no_keys_of_client", "CMD-4");
}

#[test]
fn sec_17_what_is_fetched_is_asked_for_within_bounds() {
    let (client, url) = (url(), URL.parse().unwrap());
    let document = client.request();
    let (server, resource) = (ServerMetadata::request(&url), ResourceMetadata::request(&url));
    assert_eq!([document.redirects(), server.redirects(), resource.redirects()], [0; 3]);
    assert_eq!([document.longest(), server.longest(), resource.longest()], [5120, 256 * 1024, 256 * 1024]);
    for request in [&server, &resource] {
        assert!(request.takes(Some("application/json")) && !request.takes(Some("text/html")));
        assert!(!request.takes(None));
    }
    assert!(document.takes(Some("application/agent+json")));
    assert!([document, server, resource].iter().all(|request| request.url() == &url));
}

/// OSC-3 needs it.
#[test]
fn osc_7_a_document_can_name_workloads() {
    let client = parse(
        r#","token_endpoint_auth_method":"spiffe_jwt","spiffe_id":"spiffe://acme.example/agents/travel""#,
    )
    .unwrap();
    assert!(client.is_confidential());
    assert!(client.spiffe_id().unwrap().matches(&"spiffe://acme.example/agents/travel".parse().unwrap()));
}

#[test]
fn mcp_16_clients_of_mcp_have_a_name_and_redirect_uris() {
    let check = |members: &str| parse(members).unwrap().check_for_mcp();
    let uris = r#","redirect_uris":["http://127.0.0.1/cb"]"#;
    assert_refused!(check(uris), "metadata_member_missing", "MCP-16");
    assert_refused!(check(r#","client_name":"Travel""#), "metadata_member_missing", "MCP-16");
    check(&format!(r#"{uris},"client_name":"Travel""#)).unwrap();
}

#[test]
fn cmd_1_what_is_published_is_read_as_it_was() {
    let client = ClientMetadata::builder(ClientAuthMethod::SpiffeWit)
        .spiffe_id("spiffe://acme.example/agents/*".parse().unwrap())
        .redirect_uris(["http://127.0.0.1/cb".parse().unwrap()])
        .name("Travel")
        .build()
        .unwrap();
    let read = read(&client.to_document(&url()).unwrap()).unwrap();
    assert_eq!(read.to_json(), client.to_json());
    read.check_for_mcp().unwrap();
    let secret = ClientMetadata::builder(ClientAuthMethod::ClientSecretPost).grants(&[GrantType::JwtBearer]);
    assert_refused!(secret.build().unwrap().to_document(&url()), "secret_in_document", "CMD-2");
}

#[test]
fn sec_15_a_document_says_things_once() {
    let twice = parse(&format!(r#","client_id":"{URL}""#));
    assert_refused!(twice, "json_duplicate_name", "JO-JSON-02");
}
