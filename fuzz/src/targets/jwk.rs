//! Keys and sets of keys: what is accepted is written back as the same key.

use aims_jose::{Jwk, JwkSet};
use aims_keys::backend;

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };

    match Jwk::parse(text, backend::ring()) {
        Ok(key) => {
            let again = Jwk::parse(&key.to_json(), backend::ring()).expect("what is written is read");
            assert_eq!(key, again);
            assert_eq!(key.thumbprint(), again.thumbprint());
            assert!(key.public_key().verify(b"", &[0; 64]).is_err(), "zeros are nobody's signature");
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    if let Ok(set) = JwkSet::parse(text, backend::ring()) {
        let again = JwkSet::parse(&set.to_json(), backend::ring()).expect("what is written is read");
        assert_eq!(set.len(), again.len());
        assert!(again.skipped().is_empty());
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        r#"{"kty":"OKP","crv":"Ed25519","alg":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        r#"{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","key_ops":["verify"],"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kty":"oct"}]}"#,
    ])
}
