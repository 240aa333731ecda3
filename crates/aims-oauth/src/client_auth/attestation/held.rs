//! An attestation in the hands of the client.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "wit-svid")]
use aims_credential::Wit;
use aims_jose::{Jwk, Limits, UnverifiedJws};
use aims_keys::{PublicKey, UnixTime};

use super::{AttestationError, NewAttestationPop, PresentedAttestation};

/// An attestation as an instance of a client keeps it: the token, and the key that it is bound to. Cloning is cheap.
///
/// The instance got it from its attester over a channel that it trusts, and has no reason to verify it. It goes into the field
/// [`ATTESTATION_FIELD`](super::ATTESTATION_FIELD) of each request, beside a [fresh proof](Self::pop); or beside a `DPoP` proof by the same key, with the
/// challenge as its nonce, where the server takes that for both (ABC-3).
#[derive(Clone)]
pub struct ClientAttestation(Arc<Held>);

struct Held {
    token: Box<str>,
    client_id: Box<str>,
    key: PublicKey,
    expires: UnixTime,
}

impl ClientAttestation {
    /// Reads a token that the attester handed over for this key. The signature is not checked.
    ///
    /// # Errors
    ///
    /// [`AttestationError`] when it is not an attestation; [`AttestationError::KeyMismatch`] when it is not for this key.
    pub fn from_attester(token: &str, key: &PublicKey) -> Result<Self, AttestationError> {
        let read = PresentedAttestation::of(UnverifiedJws::parse(token, &Limits::new())?, None)?;
        let jwk =
            read.claims.get("cnf").and_then(|cnf| cnf.get("jwk")).ok_or(AttestationError::Confirmation)?;
        let bound =
            Jwk::from_value(jwk, Some(key.algorithm()), key.backend()).map_err(AttestationError::Key)?;
        if bound.public_key() != key {
            return Err(AttestationError::KeyMismatch);
        }
        let client_id = read.client_id().into();
        Ok(Self(Arc::new(Held { token: token.into(), client_id, key: key.clone(), expires: read.expires })))
    }

    /// A WIT-SVID, which stands for an attestation where the server knows the workload as a client (OSC-5).
    #[cfg(feature = "wit-svid")]
    #[must_use]
    pub fn from_wit(wit: &Wit) -> Self {
        Self(Arc::new(Held {
            token: wit.token().into(),
            client_id: wit.subject().as_str().into(),
            key: wit.confirmation_key().clone(),
            expires: wit.not_after(),
        }))
    }

    /// The token, as it goes into the field.
    ///
    /// It is not a secret, and not harmless either: keep it out of logs.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.0.token
    }

    /// The client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// The key that it is bound to.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.0.key
    }

    /// `exp`: neither the token nor its key is used from then on.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.expires
    }

    /// A proof for one server: its issuer identifier, or its resource identifier. Each request needs one of its own (ABC-2).
    pub fn pop<'a>(&'a self, audience: &'a str) -> NewAttestationPop<'a> {
        NewAttestationPop::new(self, audience)
    }
}

/// Shows the client and the expiry, not the token.
impl fmt::Debug for ClientAttestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAttestation")
            .field("client_id", &self.client_id())
            .field("not_after", &self.not_after())
            .finish_non_exhaustive()
    }
}
