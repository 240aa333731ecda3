//! Where a workload gets its JWT-SVIDs.

use std::fmt;

use aims_keys::BoxFuture;

use super::JwtSvid;

/// What gives a workload JWT-SVIDs of its own, one for each audience: a Workload API, most often.
pub trait JwtSvidSource: fmt::Debug + Send + Sync {
    /// One for this audience alone.
    ///
    /// # Errors
    ///
    /// The future yields [`JwtSvidUnavailable`].
    fn jwt_svid<'a>(&'a self, audience: &'a str) -> BoxFuture<'a, Result<JwtSvid, JwtSvidUnavailable>>;
}

impl<S: JwtSvidSource + ?Sized> JwtSvidSource for std::sync::Arc<S> {
    fn jwt_svid<'a>(&'a self, audience: &'a str) -> BoxFuture<'a, Result<JwtSvid, JwtSvidUnavailable>> {
        (**self).jwt_svid(audience)
    }
}

/// There is no JWT-SVID: `code` says why, in the words of whoever was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no JWT-SVID: {code}")]
pub struct JwtSvidUnavailable {
    code: &'static str,
}

impl JwtSvidUnavailable {
    /// For this reason.
    #[must_use]
    pub fn new(code: &'static str) -> Self {
        Self { code }
    }

    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "OSC-1"
    }
}
