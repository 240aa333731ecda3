//! A JWT-SVID as client assertion (OSC-1, OSC-2).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{JwtSvid, JwtSvidVerifier, ReplayError, ReplayStore, VerifiedJwtSvid};
use aims_id::{SpiffeId, WorkloadId};
use aims_jose::{Thumbprint, base64url};
use aims_keys::{Backend, UnixTime};

use super::SpiffeClientError;

/// Whether a JWT-SVID can be shown again.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SvidReplay {
    /// As often as its holder wants, until it expires: a workload keeps its SVID for that long (JS-9, SPC-7).
    #[default]
    AllowWithinLifetime,
    /// Once.
    Reject,
}

/// A JWT-SVID that is well-formed, and not verified.
pub(in crate::client_auth) struct PresentedJwtSvid<'r> {
    token: &'r str,
    held: JwtSvid,
}

impl<'r> PresentedJwtSvid<'r> {
    pub(in crate::client_auth) fn read(token: &'r str) -> Result<Self, SpiffeClientError> {
        let held = JwtSvid::from_issuer(token).map_err(SpiffeClientError::JwtSvid)?;
        Ok(Self { token, held })
    }

    /// `sub`: who the workload says that it is.
    pub(in crate::client_auth) fn subject(&self) -> &SpiffeId {
        self.held.subject()
    }
}

/// Shows what it says, not the token.
impl fmt::Debug for PresentedJwtSvid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PresentedJwtSvid").field(&self.held).finish()
    }
}

/// Verifies the JWT-SVIDs that are for one server alone.
#[derive(Clone, Debug)]
pub(in crate::client_auth) struct SvidAssertionVerifier {
    pub(in crate::client_auth) svids: JwtSvidVerifier,
    pub(in crate::client_auth) replays: SvidReplay,
    pub(in crate::client_auth) replay: Arc<dyn ReplayStore>,
    pub(in crate::client_auth) backend: Backend,
}

impl SvidAssertionVerifier {
    /// Checks the SVID. Whose it is, `admit` says, before it is remembered.
    pub(in crate::client_auth) fn verify<T>(
        &self,
        presented: &PresentedJwtSvid<'_>,
        admit: impl FnOnce(&WorkloadId) -> Result<T, SpiffeClientError>,
        now: UnixTime,
    ) -> Result<(VerifiedJwtSvid, T), SpiffeClientError> {
        let svid = self.svids.verify(presented.token, now).map_err(SpiffeClientError::JwtSvid)?;
        let admitted = admit(svid.subject().as_workload_id())?;
        if self.replays == SvidReplay::Reject {
            self.remember(presented.token, &svid, now)?;
        }
        Ok((svid, admitted))
    }

    fn remember(&self, token: &str, svid: &VerifiedJwtSvid, now: UnixTime) -> Result<(), SpiffeClientError> {
        // JO-ALG-06: what was signed, for there are several signatures over one text. `jti` need not be there.
        let signed = token.rsplit_once('.').map(|(signed, _)| signed).unwrap_or_default();
        let hash = |text: &str| base64url::encode(self.backend.sha256(text.as_bytes()));
        let sender: Result<Thumbprint, _> = hash(svid.subject().as_str()).parse();
        // INVARIANT: a SHA-256 is as long as a thumbprint.
        let sender = sender.map_err(|_| SpiffeClientError::Replay(ReplayError::Unavailable))?;
        let until = svid.not_after() + MAX_LEEWAY;
        let id = format!("jwt_svid {}", hash(signed));
        self.replay.remember(&sender, &id, until, now).map_err(SpiffeClientError::Replay)
    }
}

/// JO-CLM-03: nobody accepts it after that.
const MAX_LEEWAY: Duration = Duration::from_secs(60);
