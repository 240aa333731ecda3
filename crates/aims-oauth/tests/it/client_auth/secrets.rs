//! Secrets, where somebody asked for them.

use aims_jose::base64;
use aims_oauth::{
    AuthenticatedClient, ClientAuthError, ClientProof, ErrorCode, RegisteredClient, RegisteredMethod,
    SecretDigest,
};
use aims_testkit::assert_refused;

use super::support::*;
use crate::world::*;

fn registry() -> Registry {
    let secret = |secret| RegisteredMethod::Secret(SecretDigest::new(secret));
    Registry::default()
        .client(RegisteredClient::new("app-1", secret("s3cret")))
        .client(RegisteredClient::new("a:b c", secret("p:+%/ü d")))
        .client(RegisteredClient::public("app-2"))
}

fn by(
    parameters: &[(&str, &str)],
    authorization: Option<&str>,
) -> Result<AuthenticatedClient, ClientAuthError> {
    let fields = authorization.map(|value| ("Authorization", value));
    judge_with(&authenticator().build(), &registry(), parameters, fields.as_slice(), NOW)
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", base64::encode(credentials.as_bytes()))
}

#[test]
fn wir_4_wir_5_both_parts_are_encoded_before_they_are_joined() {
    let plain = by(&[], Some(&basic("app-1:s3cret"))).unwrap();
    assert_eq!((plain.client_id(), plain.proof()), ("app-1", ClientProof::SecretBasic));
    assert!(!plain.proof().shows_possession());
    let encoded = by(&[("client_id", "a:b c")], Some(&basic("a%3Ab+c:p%3A%2B%25%2F%C3%BC+d"))).unwrap();
    assert_eq!(encoded.client_id(), "a:b c");
    let posted = by(&[("client_id", "app-1"), ("client_secret", "s3cret")], None).unwrap();
    assert_eq!((posted.client_id(), posted.proof().as_str()), ("app-1", "client_secret_post"));
    for wrong in [
        &*basic("app-1:S3cret"),
        &basic("app-1:s3cre"),
        &basic("app-1:s3cret "),
        &basic("app-1:"),
        &basic(":s3cret"),
        &basic("app-1"),
        &basic("app-1:%zz"),
        &basic("app-1%:s3cret"),
        "Basic YXBwLTE6czNjcmV0=",
        "Basic !",
        "Basic",
        // Nobody, and one without a secret.
        &basic("app-3:s3cret"),
        &basic("app-2:"),
        &basic("app-2:x"),
    ] {
        let refused = by(&[], Some(wrong)).unwrap_err();
        assert_eq!((refused.error_code(), refused.scheme()), (ErrorCode::InvalidClient, Some("Basic")));
        assert_refused!(Err::<(), _>(refused), "client_secret", "SEC-6", "{wrong}");
    }
    let other = by(&[("client_id", "other")], Some(&basic("app-1:s3cret")));
    assert_refused!(other, "client_secret", "SEC-6");
    for (id, secret) in [("app-1", "x"), ("app-2", "x"), ("app-3", "s3cret")] {
        let refused = by(&[("client_id", id), ("client_secret", secret)], None).unwrap_err();
        assert_eq!((refused.error_code(), refused.scheme()), (ErrorCode::InvalidClient, None));
        assert_refused!(Err::<(), _>(refused), "client_secret", "SEC-6", "{id}");
    }
    assert_refused!(by(&[("client_secret", "s3cret")], None), "no_client", "CJA-6");
    assert!(!format!("{:?}", registry().find(aims_oauth::ClientLookup::Id("app-1"))).contains("[1"));
}
