//! Signing what is said of a token (RFC 9701).

use std::fmt;
use std::sync::Arc;

use aims_jose::{ClaimsError, NewClaims, NewHeader};
use aims_keys::{SignError, Signer, UnixTime};

use super::IntrospectionAnswer;
use crate::access_token::{INTROSPECTION_TYPE, MAX_ANSWER};
use crate::{IntrospectionResponse, Issuer};

/// Signs what an authorization server says of tokens, for resource servers that ask for [`JWT`](IntrospectionAnswer::JWT) (INT-3).
///
/// ```
/// use std::sync::Arc;
///
/// use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
/// use aims_oauth::{IntrospectionAnswer, IntrospectionResponse, IntrospectionSigner};
///
/// let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
/// let signer = IntrospectionSigner::new("https://as.example".parse()?, key, "2026-11")?;
/// let now = UnixTime::from_secs(1_790_000_000);
/// let answer = signer.sign(&IntrospectionResponse::inactive(), "https://tools.example", now)?;
/// assert_eq!(answer.media_type(), IntrospectionAnswer::JWT);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct IntrospectionSigner {
    issuer: Issuer,
    signer: Arc<dyn Signer>,
    header: NewHeader,
}

impl IntrospectionSigner {
    /// Signs as `issuer`, with a key that is published as `key_id`.
    ///
    /// # Errors
    ///
    /// [`IntrospectionSignError::KeyId`].
    pub fn new(
        issuer: Issuer,
        signer: Arc<dyn Signer>,
        key_id: &str,
    ) -> Result<Self, IntrospectionSignError> {
        let header = NewHeader::with_key_id(INTROSPECTION_TYPE, signer.public_key(), key_id)
            .map_err(|_| IntrospectionSignError::KeyId)?;
        Ok(Self { issuer, signer, header })
    }

    /// Signs a response for `audience`: the resource server that authenticated, by the name of the resource or of the client that it is
    /// ([`asks_as`](crate::AccessTokenVerifierBuilder::asks_as)). The JWT has no `sub` and no `exp`: it is no token.
    ///
    /// # Errors
    ///
    /// [`IntrospectionSignError`] names the first check that failed.
    pub fn sign(
        &self,
        response: &IntrospectionResponse,
        audience: &str,
        now: UnixTime,
    ) -> Result<IntrospectionAnswer, IntrospectionSignError> {
        let mut claims = NewClaims::new();
        claims.issuer(self.issuer.as_str()).audience(audience).issued_at(now);
        claims.extensions().object("token_introspection", |said| response.write(said));
        let claims = claims.finish().map_err(IntrospectionSignError::Claims)?;
        let answer =
            self.header.unsigned(claims).sign(&*self.signer).map_err(IntrospectionSignError::Sign)?;
        if answer.len() > MAX_ANSWER {
            return Err(IntrospectionSignError::TooLong);
        }
        Ok(IntrospectionAnswer::Jwt(answer))
    }
}

impl fmt::Debug for IntrospectionSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionSigner")
            .field("issuer", &self.issuer)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// Why an answer was not signed, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IntrospectionSignError {
    /// The audience or a claim of the token is one that no verifier reads.
    #[error("the claims cannot be written")]
    Claims(#[source] ClaimsError),
    /// The identifier of the issuer's key is malformed.
    #[error("the key identifier is malformed")]
    KeyId,
    /// The issuer's key did not sign.
    #[error("the answer could not be signed")]
    Sign(#[source] SignError),
    /// It would be longer than resource servers take.
    #[error("the answer would be too long")]
    TooLong,
}

impl IntrospectionSignError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Claims(_) => "bad_claims",
            Self::KeyId => "malformed_key_id",
            Self::Sign(error) => error.code(),
            Self::TooLong => "token_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Claims(error) => error.rule(),
            Self::KeyId => "JO-HDR-05",
            Self::Sign(error) => error.rule(),
            Self::TooLong => "WIR-9",
        }
    }
}
