//! Metadata of authorization servers and of resources: what is read is of whom it was asked for, and is written so that it reads the same.

use aims_oauth::{Issuer, Resource, ResourceMetadata, ServerMetadata};

pub(super) fn run(input: &[u8]) {
    let issuer: Issuer = ISSUER.parse().expect("an issuer");
    match ServerMetadata::parse(input, &issuer) {
        Ok(server) => {
            assert_eq!(server.issuer(), &issuer);
            let again =
                ServerMetadata::parse(server.to_json().as_bytes(), &issuer).expect("our own spelling");
            assert_eq!(again, server);
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    let tool: Resource = TOOL.parse().expect("a resource");
    match ResourceMetadata::parse(input, &tool) {
        Ok(resource) => check(&resource, &tool),
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    match ResourceMetadata::parse_above(input, &tool) {
        Ok(resource) => {
            assert!(TOOL.starts_with(resource.resource().as_str().trim_end_matches('/')), "not above");
            check(&resource, &resource.resource().clone());
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(issuer) = text.parse::<Issuer>() {
        for url in ServerMetadata::urls(&issuer) {
            assert_eq!(url.authority(), issuer.as_url().authority(), "another host");
        }
    }
    if let Ok(resource) = text.parse::<Resource>()
        && let Ok(urls) = ResourceMetadata::urls(&resource)
    {
        let origin = |url: &str| url.split(['/', '?']).nth(2).map(str::to_owned);
        assert!(urls.iter().all(|url| origin(url.as_str()) == origin(resource.as_str())), "another host");
    }
}

fn check(metadata: &ResourceMetadata, resource: &Resource) {
    assert_eq!(metadata.resource(), resource);
    let again = ResourceMetadata::parse(metadata.to_json().as_bytes(), resource).expect("our own spelling");
    assert_eq!(&again, metadata);
}

const ISSUER: &str = "https://as.example/t";

const TOOL: &str = "https://tools.example/mcp/v1";

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        r#"{"issuer":"https://as.example/t","token_endpoint":"https://as.example/token","jwks_uri":"https://as.example/jwks",
        "grant_types_supported":["authorization_code","implicit"],"token_endpoint_auth_methods_supported":["spiffe_jwt","none"],
        "scopes_supported":["a","b"],"code_challenge_methods_supported":["S256"],"mtls_endpoint_aliases":{"token_endpoint":"https://m.example"},
        "dpop_signing_alg_values_supported":["ES256","HS256"],"require_pushed_authorization_requests":true,
        "backchannel_token_delivery_modes_supported":["poll"],"protected_resources":["https://tools.example"],"acr_values_supported":[]}"#,
        r#"{"resource":"https://tools.example/mcp/v1","authorization_servers":["https://as.example/t"],"scopes_supported":["a"],
        "bearer_methods_supported":["header"],"dpop_bound_access_tokens_required":true,"resource_name":"\"x\"",
        "resource_documentation":"https://tools.example/docs","signed_metadata":"x","dpop_signing_alg_values_supported":["EdDSA"]}"#,
        r#"{"resource":"https://tools.example/mcp"}"#,
        r#"{"resource":"https://tools.example/","jwks_uri":"http://tools.example"}"#,
        "https://as.example:8443/a/b/",
        "https://tools.example/?a=1",
    ])
}
