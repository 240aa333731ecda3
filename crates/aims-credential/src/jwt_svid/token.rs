//! A JWT-SVID in the hands of the workload it is about.

use std::fmt;
use std::sync::Arc;

use aims_id::SpiffeId;
use aims_jose::UnverifiedJws;
use aims_keys::UnixTime;

use super::JwtSvidError;
use super::claims::{JwtSvidClaims, check_header};
use crate::token::{MAX_TOKEN_LEN, limits};

/// A JWT-SVID as the workload keeps it: the token, and what it says. Cloning is cheap.
///
/// Whoever has the token is taken for the workload, by each audience of it: it goes to one of them, over TLS, and nowhere
/// else. The workload got it from its issuer over a channel it trusts and has no reason to verify it; who receives it uses a
/// [`JwtSvidVerifier`](super::JwtSvidVerifier), and there is no way from this to a
/// [`VerifiedJwtSvid`](super::VerifiedJwtSvid).
#[derive(Clone)]
pub struct JwtSvid(Arc<Held>);

struct Held {
    token: Box<str>,
    subject: SpiffeId,
    expires: UnixTime,
}

impl JwtSvid {
    /// Reads a token that its issuer handed over. The signature is not checked.
    ///
    /// # Errors
    ///
    /// [`JwtSvidError`] when it is not a JWT-SVID, or says not whom it is for.
    pub fn from_issuer(token: &str) -> Result<Self, JwtSvidError> {
        let jws = UnverifiedJws::parse(token, &limits(MAX_TOKEN_LEN))?;
        check_header(jws.header())?;
        let claims = JwtSvidClaims::read(jws.peek().into_untrusted_payload().0)?;
        if claims.all.audience().is_none() {
            return Err(JwtSvidError::AudienceMissing);
        }
        claims.refuse_other_kinds()?;
        Ok(Self(Arc::new(Held { token: token.into(), subject: claims.subject, expires: claims.expires })))
    }

    /// The token: a secret until it has expired.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.0.token
    }

    /// The value of the HTTP field or gRPC metadata `authorization` that presents it (JS-10); a secret, too.
    #[must_use]
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.token())
    }

    /// The workload.
    #[must_use]
    pub fn subject(&self) -> &SpiffeId {
        &self.0.subject
    }

    /// `exp`: the token is not used from then on.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.expires
    }
}

/// Shows the subject and the expiry, not the token.
impl fmt::Debug for JwtSvid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtSvid")
            .field("subject", self.subject())
            .field("not_after", &self.not_after())
            .finish_non_exhaustive()
    }
}
