//! Access tokens: what a caller may do, beside who it is.

use aims_keys::UnixTime;
use aims_oauth::{Authorized as TokenAuthorized, Possession, PresentedToken, ResourceError};
use aims_proof::Authenticated;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::panics::{caught, caught_future};
use super::{Inner, Refusal};

impl Inner {
    /// Has the keys fetched that the access token needs, if its issuer is followed. That they cannot be had is said when the token is verified.
    pub(super) async fn prepare_tokens(&self, head: &Parts) {
        let (Some(resource), (_, Ok(now))) = (&self.tokens, self.time()) else { return };
        let lines = head.headers.get_all(AUTHORIZATION).iter().map(http::HeaderValue::as_bytes);
        if let Ok(Some(presented)) = PresentedToken::read(lines) {
            // What fetches is what the service brought.
            let _ = caught_future(resource.prepare(&presented, now)).await;
        }
    }

    /// What the access token of a request is good for, where this guard wants one: the token, and that it is the caller's own (ACT-4, AIMS-25).
    pub(super) fn authorization(
        &self,
        head: &Parts,
        caller: &Authenticated,
        now: UnixTime,
    ) -> Result<Option<TokenAuthorized>, Refusal> {
        let Some(resource) = &self.tokens else { return Ok(None) };
        let judge = || -> Result<TokenAuthorized, ResourceError> {
            let lines = head.headers.get_all(AUTHORIZATION).iter().map(http::HeaderValue::as_bytes);
            let presented = PresentedToken::read(lines)?.ok_or(ResourceError::Missing)?;
            let token = resource.verify(&presented, now)?;
            resource.authorize(&presented, &token, Possession::Workload(caller))
        };
        // Marks and the names of clients are what the service brought.
        match caught(judge) {
            Some(Ok(authorized)) => Ok(Some(authorized)),
            Some(Err(error)) => Err(Refusal::unauthorized(resource, &error)),
            None => Err(Refusal::unavailable("verifier_failed", "ARCH-3")),
        }
    }
}
