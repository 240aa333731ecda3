//! Metadata of clients, as they register them, get them back, and publish them: what is read is written so that it reads the same.

use aims_keys::backend;
use aims_oauth::{
    ClientIdUrl, ClientInformation, ClientKeySource, ClientMetadata, ClientMetadataError, RedirectUri,
    SpiffeClientId,
};

pub(super) fn run(input: &[u8]) {
    match ClientMetadata::parse_registration(input, backend::ring()) {
        Ok(client) => check(&client),
        Err(error) => refused(&error),
    }
    match ClientInformation::parse(input, backend::ring()) {
        Ok(client) => {
            let written = client.to_json();
            if written.len() <= ClientMetadata::MAX_LEN {
                let again =
                    ClientInformation::parse(written.as_bytes(), backend::ring()).expect("our own spelling");
                assert_eq!(again.to_json(), written);
            }
        }
        Err(error) => refused(&error),
    }
    let url: ClientIdUrl = URL.parse().expect("an identifier");
    match ClientMetadata::parse_document(input, &url, backend::ring()) {
        Ok(client) => {
            assert!(input.len() <= ClientMetadata::MAX_DOCUMENT_LEN);
            assert!(!client.auth_method().is_shared_secret(), "a secret that everybody reads");
            let has_keys = matches!(client.keys(), Some(ClientKeySource::Set(keys)) if !keys.is_empty());
            assert!(client.is_confidential() || !has_keys || says_none(input));
            check(&client);
            if let Ok(document) = client.to_document(&url) {
                let again = ClientMetadata::parse_document(document.as_bytes(), &url, backend::ring());
                assert_eq!(again.expect("our own spelling").to_json(), client.to_json());
            }
        }
        Err(error) => refused(&error),
    }
    if let Ok(text) = str::from_utf8(input) {
        names(text);
    }
}

fn check(client: &ClientMetadata) {
    let written = client.to_json();
    assert!(client.redirect_uris().iter().all(|uri| client.redirects_to(uri)));
    // What is said for the client can make it longer than what is read.
    if written.len() > ClientMetadata::MAX_LEN {
        return;
    }
    let again = ClientMetadata::parse_registration(written.as_bytes(), backend::ring());
    assert_eq!(again.expect("our own spelling").to_json(), written);
}

fn refused(error: &ClientMetadataError) {
    assert!(!error.code().is_empty() && !error.rule().is_empty() && error.error_code().status() == 400);
}

/// The only way in which a client with keys comes without them.
fn says_none(input: &[u8]) -> bool {
    let document: serde_json::Value = serde_json::from_slice(input).expect("strict is a subset of lenient");
    document["token_endpoint_auth_method"] == "none"
}

fn names(text: &str) {
    if let Ok(uri) = text.parse::<RedirectUri>() {
        assert!(uri.as_str() == text && uri.matches(&uri));
        assert!(text.starts_with("https://") || uri.is_loopback());
        let registered: RedirectUri = "https://agent.example/cb".parse().expect("a URI");
        assert_eq!(uri.matches(&registered), text == registered.as_str());
    }
    if let Ok(url) = text.parse::<ClientIdUrl>() {
        assert!(url.as_str() == text && url.as_url().path().starts_with('/'));
    }
    if let Ok(pattern) = text.parse::<SpiffeClientId>() {
        assert!(pattern.as_str() == text && text.matches('*').count() <= 1);
        let stranger = "spiffe://another.example/agents/travel".parse().expect("an identifier");
        assert!(!pattern.matches(&stranger) || pattern.trust_domain() == "another.example");
    }
}

const URL: &str = "https://agents.acme.example/travel.json";

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let key = r#"{"kty":"EC","crv":"P-256","alg":"ES256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    super::texts(&[
        r#"{"redirect_uris":["https://agent.example/cb","http://127.0.0.1/cb"],"client_name":"Travel","scope":"a b",
        "token_endpoint_auth_method":"none","grant_types":["authorization_code","implicit"],"response_types":["code"],
        "client_uri":"https://agent.example","contacts":["a@b.example"],"application_type":"native","dpop_bound_access_tokens":true}"#,
        &format!(
            r#"{{"client_id":"{URL}","grant_types":["client_credentials"],"jwks":{{"keys":[{key}]}},"token_endpoint_auth_signing_alg":"ES256"}}"#
        ),
        &format!(
            r#"{{"client_id":"{URL}","token_endpoint_auth_method":"spiffe_jwt","spiffe_id":"spiffe://acme.example/agents/*",
            "grant_types":["urn:openid:params:grant-type:ciba"],"backchannel_token_delivery_mode":"ping",
            "backchannel_client_notification_endpoint":"https://agent.example/n","tls_client_auth_san_ip":"192.0.2.1"}}"#
        ),
        r#"{"client_id":"c","client_id_issued_at":1,"client_secret":"s","client_secret_expires_at":0,"grant_types":[],
        "registration_client_uri":"https://as.example/c","registration_access_token":"t","jwks_uri":"https://agent.example/jwks"}"#,
        "http://127.0.0.1:8080/cb",
        "https://agent.example/cb",
        "https://agents.acme.example/travel.json?x",
        "spiffe://acme.example/agents/*",
    ])
}
