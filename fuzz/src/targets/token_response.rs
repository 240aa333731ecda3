//! What endpoints answer: tokens, errors, and what stands for a request that was pushed. What is read is written so that it reads the same.

use aims_oauth::{ErrorResponse, IdToken, MessageError, PushedResponse, RefreshToken, TokenResponse};

pub(super) fn run(input: &[u8]) {
    match TokenResponse::parse(input) {
        Ok(response) => check(&response),
        Err(error) => refused(&error),
    }
    match ErrorResponse::parse(input) {
        Ok(response) => {
            let (error, description) = (response.error(), response.description());
            // RFC 6749 §5.2: nothing of it can end a quoted string, or a line of a log.
            let is_text =
                |text: &str| text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\');
            assert!(!error.is_empty() && error.len() <= 512 && is_text(error));
            assert!(description.is_none_or(|text| text.as_str().len() <= 512 && is_text(text.as_str())));
            assert!(response.error_code().is_none_or(|code| code.as_str() == error));
            assert!((400..600).contains(&response.status()));
            let again = ErrorResponse::parse(response.to_json().as_bytes()).expect("our own spelling");
            assert_eq!((again.error(), again.description()), (error, description));
        }
        Err(error) => refused(&error),
    }
    match PushedResponse::parse(input) {
        Ok(response) => {
            let uri = response.request_uri().expose();
            assert!(
                uri.len() <= 2048 && uri.contains(':') && uri.bytes().all(|byte| byte.is_ascii_graphic())
            );
            let again = PushedResponse::parse(response.to_json().as_bytes()).expect("our own spelling");
            assert_eq!((again.request_uri().expose(), again.lifetime()), (uri, response.lifetime()));
        }
        Err(error) => refused(&error),
    }
}

fn check(response: &TokenResponse) {
    let secrets = [
        Some(response.token().expose()),
        response.refresh_token().map(RefreshToken::expose),
        response.id_token().map(IdToken::expose),
    ];
    for secret in secrets.into_iter().flatten() {
        let is_sound = secret.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        assert!(!secret.is_empty() && secret.len() <= 16 * 1024 && is_sound, "no field can hold it");
    }
    assert!(response.granted_scope().is_none_or(|scope| !scope.is_empty()), "an empty scope is none");
    assert!(
        !format!("{response:?}").contains(&format!("\"{}\"", response.token().expose())),
        "a secret is shown"
    );
    let written = response.to_json().expect("what was read can be written");
    let again = TokenResponse::parse(written.as_bytes()).expect("our own spelling");
    assert_eq!(again.to_json().expect("once more").as_str(), written.as_str(), "a second spelling");
}

fn refused(error: &MessageError) {
    assert!(!error.code().is_empty() && !error.rule().is_empty());
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"dpop","expires_in":300,"refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA","scope":"a b","id_token":"h.p.s",
        "authorization_details":[{"type":"booking","actions":["read"],"limit":{"amount":1e1,"in":["EU\u0052"]}}]}"#,
        r#"{"access_token":"a.b.c","issued_token_type":"urn:ietf:params:oauth:token-type:id-jag","token_type":"N_A","expires_in":60,"scope":""}"#,
        r#"{"access_token":"a","token_type":"mac","expires_in":"300"}"#,
        r#"{"error":"invalid_grant","error_description":"it was \"used\" before","error_uri":"https://as.example/e"}"#,
        r#"{"error":"slow_down","interval":10}"#,
        r#"{"request_uri":"urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c","expires_in":60}"#,
        r#"{"request_uri":"6esc","expires_in":60}"#,
    ])
}
