//! One value for a challenge, its audience, and a key.

use aims_jose::{Thumbprint, base64url};
use aims_keys::Backend;
use subtle::ConstantTimeEq;

/// What binds a challenge, its audience and a key to each other (ATT-21), 32 bytes:
///
/// ```text
/// SHA-256("aims-attest-v1" || 0x00 || len16(audience) || audience || nonce || SHA-256(thumbprint))
/// ```
///
/// - `len16(audience)`: the length of the audience in bytes, as two bytes, the higher first;
/// - `nonce`: the 32 bytes of the challenge, not their base64url;
/// - `thumbprint`: the JWK thumbprint of the key (RFC 7638, with SHA-256), its 32 bytes and not their base64url. They are hashed once
///   more: that is what the rule says, and a thumbprint shown elsewhere is then never a part of what is hashed here.
///
/// Every field has a length of its own or one that is written before it, so no two inputs run into one. Evidence that can carry the
/// value is signed by who vouches for the key, such as a TPM; for other evidence the key itself signs it (ATT-22). The
/// value is no secret; equality takes constant time all the same.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialOrd)]
pub struct KeyBinding([u8; 32]);

impl KeyBinding {
    /// Of a challenge, for whom it is to be answered, and the key that the answer is about.
    ///
    /// ```
    /// use aims_attest::KeyBinding;
    /// use aims_jose::Thumbprint;
    /// use aims_keys::backend;
    ///
    /// let key: Thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I".parse().unwrap();
    /// let binding = KeyBinding::of("spiffe://acme.example", &[7; 32], &key, backend::ring());
    /// assert_ne!(binding, KeyBinding::of("spiffe://bank.example", &[7; 32], &key, backend::ring()));
    /// ```
    #[must_use]
    pub fn of(audience: &str, nonce: &[u8; 32], key: &Thumbprint, backend: Backend) -> Self {
        let audience = audience.as_bytes();
        // Issuers have audiences of 2048 bytes at most; of a longer one, too, all else has a fixed length.
        let len = u16::try_from(audience.len()).unwrap_or(u16::MAX);
        let key = backend.sha256(key.as_bytes());
        let parts = [CONTEXT, &[0], &len.to_be_bytes(), audience, nonce, &key];
        Self(backend.sha256(&parts.concat()))
    }

    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// In base64url, 43 characters, as proofs carry it.
    #[must_use]
    pub fn to_text(&self) -> String {
        base64url::encode(self.0)
    }

    /// Whether `text` is this value in base64url, compared in constant time.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut claimed = [0; 32];
        base64url::decoded_len(text.len()) == Some(32)
            && base64url::decode_into(text, &mut claimed).is_ok()
            && self.0.ct_eq(&claimed).into()
    }
}

/// Takes as long for any two.
impl PartialEq for KeyBinding {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

const CONTEXT: &[u8] = b"aims-attest-v1";
