//! Issuing a grant for another domain.

use std::fmt;
use std::sync::Arc;

use aims_credential::LineageId;
use aims_jose::{ClaimsError, JwsError, NewClaims, NewHeader, base64url};
use aims_keys::{SignError, Signer, UnixTime};

use super::GrantRequest;
use crate::{Issuer, SecurityToken};

/// Issues the grants of an authorization server.
pub struct GrantIssuer {
    issuer: Issuer,
    signer: Arc<dyn Signer>,
    key_id: String,
}

/// A grant that was issued.
#[derive(Debug)]
pub struct IssuedGrant {
    grant: SecurityToken,
    id: String,
    expires: UnixTime,
    crossed: Option<LineageId>,
}

impl GrantIssuer {
    /// Issues as `issuer`, and signs with a key that is published as `key_id`.
    ///
    /// # Errors
    ///
    /// [`GrantIssueError::KeyId`].
    pub fn new(issuer: Issuer, signer: Arc<dyn Signer>, key_id: &str) -> Result<Self, GrantIssueError> {
        NewHeader::with_key_id("JWT", signer.public_key(), key_id).map_err(|_| GrantIssueError::KeyId)?;
        Ok(Self { issuer, signer, key_id: key_id.to_owned() })
    }

    /// Issues a grant.
    ///
    /// # Errors
    ///
    /// [`GrantIssueError`] names the first check that failed.
    pub fn issue(&self, request: &GrantRequest<'_>, now: UnixTime) -> Result<IssuedGrant, GrantIssueError> {
        if *request.audience() == self.issuer {
            return Err(GrantIssueError::Audience);
        }
        if request.names_of().is_some_and(|issuer| *issuer != self.issuer) {
            return Err(GrantIssueError::ForeignParent);
        }
        let expires = request.expires(now);
        if expires <= now {
            return Err(GrantIssueError::Lifetime);
        }
        let key = self.signer.public_key();
        let mut id = [0; 16];
        key.backend().fill_random(&mut id).map_err(|_| GrantIssueError::Sign(SignError::Backend))?;
        let id = base64url::encode(id);
        let crossed = request.crossed(key.backend());
        let mut claims = NewClaims::new();
        claims.issuer(self.issuer.as_str()).subject(request.subject());
        claims.audience(request.audience().as_str()).issued_at(now).expires(expires).token_id(&id);
        request.write(claims.extensions(), crossed);
        let claims = claims.finish().map_err(GrantIssueError::Claims)?;
        let header = NewHeader::with_key_id(request.profile().typ(), key, &self.key_id)
            .map_err(|_: JwsError| GrantIssueError::KeyId)?;
        let grant = header.unsigned(claims).sign(&*self.signer).map_err(GrantIssueError::Sign)?;
        let grant = grant.parse().map_err(|_| GrantIssueError::TooLong)?;
        Ok(IssuedGrant { grant, id, expires, crossed })
    }
}

impl IssuedGrant {
    /// The grant, for the client.
    #[must_use]
    pub fn grant(&self) -> &SecurityToken {
        &self.grant
    }

    /// `jti`.
    #[must_use]
    pub fn token_id(&self) -> &str {
        &self.id
    }

    /// `exp`.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.expires
    }

    /// What the other domain marks when that ends which the grant comes from, by the name that it has there: to be remembered, and told by a signal.
    #[must_use]
    pub fn crossed(&self) -> Option<&LineageId> {
        self.crossed.as_ref()
    }
}

impl fmt::Debug for GrantIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantIssuer")
            .field("issuer", &self.issuer)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Why a grant was not issued, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantIssueError {
    /// It is for the issuer itself.
    #[error("a grant is for another server")]
    Audience,
    /// Subject, client or another claim is one that no verifier reads.
    #[error("the claims cannot be written")]
    Claims(#[source] ClaimsError),
    /// It would come from a token of another issuer, whose names are not names here.
    #[error("the token that it comes from is of another issuer")]
    ForeignParent,
    /// The identifier of the issuer's key is malformed.
    #[error("the key identifier is malformed")]
    KeyId,
    /// What it comes from has ended.
    #[error("the grant would have ended already")]
    Lifetime,
    /// The issuer's key did not sign.
    #[error("the grant could not be signed")]
    Sign(#[source] SignError),
    /// It would be longer than verifiers take.
    #[error("the grant would be too long")]
    TooLong,
}

impl GrantIssueError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Audience => "own_audience",
            Self::Claims(_) => "bad_claims",
            Self::ForeignParent => "foreign_parent",
            Self::KeyId => "malformed_key_id",
            Self::Lifetime => "bad_lifetime",
            Self::Sign(error) => error.code(),
            Self::TooLong => "token_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Audience => "XD-3",
            Self::Claims(error) => error.rule(),
            Self::ForeignParent => "EXC-4",
            Self::KeyId => "JO-HDR-05",
            Self::Lifetime => "XD-7",
            Self::Sign(error) => error.rule(),
            Self::TooLong => "WIR-9",
        }
    }
}
