//! What a client knows of the ID Token that is to come.

use std::time::Duration;

use super::VerifiedIdToken;
use crate::{AccessToken, AuthRequestId, AuthorizationCode, RefreshToken};

/// What an ID Token has to say beyond being for this client: that it answers this request, and came with this access token.
///
/// ```
/// use std::time::Duration;
/// use aims_oauth::ExpectedIdToken;
///
/// # let access_token = "a".parse()?;
/// let expected = ExpectedIdToken::with_nonce("n-0S6_WzA2Mj").access_token(&access_token).max_age(Duration::from_secs(600));
/// # let _ = expected;
/// # Ok::<(), aims_oauth::SecretError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ExpectedIdToken<'a> {
    pub(super) occasion: Occasion<'a>,
    pub(super) access_token: Option<&'a AccessToken>,
    pub(super) code: Option<&'a AuthorizationCode>,
    pub(super) refresh_token: Option<&'a RefreshToken>,
    pub(super) must_have_hashes: bool,
    pub(super) acr_values: &'a [&'a str],
    pub(super) max_age: Option<Duration>,
    pub(super) auth_req_id: Option<&'a AuthRequestId>,
}

/// Why there is a token, which decides what its nonce and its age may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Occasion<'a> {
    /// It answers a request, with this nonce if it had one.
    Answer { nonce: Option<&'a str> },
    /// It is shown as a hint whom to ask, and may have expired so long ago.
    Hint { expired: Duration },
    /// A refresh token was redeemed.
    Refresh { first: &'a VerifiedIdToken },
    /// It is shown in place of the user.
    Shown,
}

impl<'a> ExpectedIdToken<'a> {
    /// It answers a request that had this nonce (IDT-4).
    #[must_use]
    pub fn with_nonce(nonce: &'a str) -> Self {
        Self::on(Occasion::Answer { nonce: Some(nonce) })
    }

    /// It answers a request that had no nonce: PKCE ties the answer to the request, or the user is asked elsewhere.
    #[must_use]
    pub fn without_nonce() -> Self {
        Self::on(Occasion::Answer { nonce: None })
    }

    /// It came for a refresh token: about the same user as the first one (IDT-4).
    #[must_use]
    pub fn refreshed(first: &'a VerifiedIdToken) -> Self {
        Self::on(Occasion::Refresh { first })
    }

    /// The client shows it to the server that issued it, to act for its user there (JAG-2). Which nonce it has is that client's affair.
    #[must_use]
    pub fn shown() -> Self {
        Self::on(Occasion::Shown)
    }

    /// As [`shown`](Self::shown), as a hint whom to ask: it counts for that alone, until so long after it has expired (HIL-15). At most 30 days.
    #[must_use]
    pub fn hint(expired: Duration) -> Self {
        Self::on(Occasion::Hint { expired: expired.min(MAX_HINT_AGE) })
    }

    /// It came with this access token: its `at_hash`, where there is one, is of it (IDT-5).
    #[must_use]
    pub fn access_token(mut self, token: &'a AccessToken) -> Self {
        self.access_token = Some(token);
        self
    }

    /// It came for this code: its `c_hash`, where there is one, is of it (IDT-5).
    #[must_use]
    pub fn code(mut self, code: &'a AuthorizationCode) -> Self {
        self.code = Some(code);
        self
    }

    /// It came with this refresh token, if there was one: its hash of one, where there is one, is of it (HIL-12).
    #[must_use]
    pub fn refresh_token(mut self, token: Option<&'a RefreshToken>) -> Self {
        self.refresh_token = token;
        self
    }

    /// The hashes of the tokens, and of the code, that are given here must be there: so where all of it came through the user's browser.
    #[must_use]
    pub fn with_hashes(mut self) -> Self {
        self.must_have_hashes = true;
        self
    }

    /// The user must have been authenticated in one of these ways (CHA-4). Default: in any.
    #[must_use]
    pub fn acr_values(mut self, values: &'a [&'a str]) -> Self {
        self.acr_values = values;
        self
    }

    /// The user must have been authenticated not longer ago than this (CHA-4). Default: no limit.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// It must say that it answers this request, which the user was asked about elsewhere (HIL-12).
    #[must_use]
    pub fn auth_req_id(mut self, id: &'a AuthRequestId) -> Self {
        self.auth_req_id = Some(id);
        self
    }

    fn on(occasion: Occasion<'a>) -> Self {
        Self {
            occasion,
            access_token: None,
            code: None,
            refresh_token: None,
            must_have_hashes: false,
            acr_values: &[],
            max_age: None,
            auth_req_id: None,
        }
    }
}

const MAX_HINT_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
