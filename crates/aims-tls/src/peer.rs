//! Who is at the other end of a connection.

use aims_credential::x509::{Role, VerifiedSvid};
use aims_credential::{Lapsed, MarkKey, Marks};
use aims_id::WorkloadId;
use aims_keys::UnixTime;

/// A workload that showed in a TLS handshake that it holds the key of its certificate; only a finished handshake yields one.
///
/// It is the other end of the *connection*, which may be an intermediary (AIMS-21). It ends: ask
/// [`still_valid`](Self::still_valid) at every use, and during long streams.
#[derive(Clone, Debug)]
pub struct VerifiedPeer {
    svid: VerifiedSvid,
    role: Role,
}

impl VerifiedPeer {
    pub(crate) fn new(svid: VerifiedSvid, role: Role) -> Self {
        Self { svid, role }
    }

    /// The workload.
    #[must_use]
    pub fn subject(&self) -> &WorkloadId {
        self.svid.subject()
    }

    /// Its certificate.
    #[must_use]
    pub fn svid(&self) -> &VerifiedSvid {
        &self.svid
    }

    /// Which end of the connection it is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The last second at which its certificate and all above it are valid.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.svid.not_after()
    }

    /// The names under which it can be cut off.
    pub fn mark_keys(&self) -> impl Iterator<Item = MarkKey<'_>> {
        self.svid.mark_keys()
    }

    /// Whether it still counts at `now`.
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        self.svid.still_valid(now, marks)
    }
}
