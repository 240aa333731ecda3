//! Secrets that a client shares with the server, for tests with older peers (RFC 6749 §2.3.1). No deployment of agents needs them (SEC-6).

use std::fmt;

use aims_jose::base64;
use aims_keys::backend;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::ClientAuthError;
use crate::form;

/// The secret of a client, as the server keeps it: its SHA-256.
#[derive(Clone)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// Of this text: long, and random.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(backend::ring().sha256(secret.as_bytes()))
    }

    /// In a time that says nothing of either (WIR-5).
    fn is(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

/// Shows nothing of it.
impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretDigest").finish_non_exhaustive()
    }
}

/// A secret as it was sent, and whose it is said to be.
pub(super) struct PresentedSecret {
    pub(super) client_id: String,
    secret: SecretDigest,
    pub(super) is_basic: bool,
}

impl PresentedSecret {
    /// `client_secret_post`.
    pub(super) fn post(client_id: Option<&str>, secret: &str) -> Result<Self, ClientAuthError> {
        let client_id = client_id.ok_or(ClientAuthError::NoClient)?.to_owned();
        Ok(Self { client_id, secret: SecretDigest::new(secret), is_basic: false })
    }

    /// `client_secret_basic`: both parts are encoded as in a form before they are joined (WIR-5).
    pub(super) fn basic(line: &[u8], client_id: Option<&str>) -> Result<Self, ClientAuthError> {
        Self::read_basic(line, client_id).ok_or(ClientAuthError::Secret { is_basic: true })
    }

    fn read_basic(line: &[u8], client_id: Option<&str>) -> Option<Self> {
        let (_, credentials) = str::from_utf8(line).ok()?.split_once(' ')?;
        let joined = Zeroizing::new(base64::decode(credentials.trim_matches(' ')).ok()?);
        let at = joined.iter().position(|byte| *byte == b':')?;
        let (id, secret) = joined.split_at_checked(at)?;
        let (id, secret) = (form::decode(id).ok()?, form::decode(secret.get(1..)?).ok()?);
        if id.is_empty() || secret.is_empty() || client_id.is_some_and(|client_id| client_id != id.as_str()) {
            return None;
        }
        Some(Self { client_id: id.to_string(), secret: SecretDigest::new(&secret), is_basic: true })
    }

    /// A client that is not known is compared, too (CJA-6).
    pub(super) fn check(&self, registered: Option<&SecretDigest>) -> bool {
        let nobody = SecretDigest([0; 32]);
        self.secret.is(registered.unwrap_or(&nobody)) && registered.is_some()
    }
}

impl fmt::Debug for PresentedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedSecret").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
