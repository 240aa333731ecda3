//! How a TPM is used.

use core::fmt;
use core::time::Duration;

use zeroize::Zeroizing;

use crate::error::TpmError;
use crate::tcti::Tcti;

/// How a TPM is used: where it is, and how long anybody waits for it.
///
/// ```
/// use core::time::Duration;
/// use aims_tpm::{Tcti, TpmSettings};
///
/// let settings = TpmSettings::new(Tcti::default()).timeout(Duration::from_secs(5)).queue(16);
/// # let _ = settings;
/// ```
#[derive(Debug)]
#[must_use = "settings do nothing until they are given to `Tpm::connect`"]
pub struct TpmSettings {
    pub(crate) tcti: Tcti,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) queue: usize,
    pub(crate) exclusive: bool,
    pub(crate) owner_auth: Option<AuthValue>,
    pub(crate) endorsement_auth: Option<AuthValue>,
}

impl TpmSettings {
    /// Starts from the only thing that must be said; everything else has a default.
    pub fn new(tcti: Tcti) -> Self {
        Self {
            tcti,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            queue: 64,
            exclusive: false,
            owner_auth: None,
            endorsement_auth: None,
        }
    }

    /// How long a caller waits for an answer, waiting in the queue included, and how long the device may take for one call before
    /// another connection is tried. Default: 10 s; 10 ms to 10 minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.clamp(SHORTEST, LONGEST);
        self
    }

    /// How long the first connection may take. Default: 10 s; 10 ms to 10 minutes.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.clamp(SHORTEST, LONGEST);
        self
    }

    /// How many calls may wait, beside the one that is being served. Default: 64; 1 to 4096.
    pub fn queue(mut self, len: usize) -> Self {
        self.queue = len.clamp(1, 4096);
        self
    }

    /// Nobody else uses this TPM: what is loaded in it when this program connects is what it left behind itself when it ended, and is flushed. Without a resource manager nobody else
    /// does that, and three objects fill a TPM. Default: what others loaded stays, and a TPM that is full refuses ([`TpmError::SlotsFull`]). Where there is a resource manager,
    /// it says nothing.
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// The authorization value of the owner hierarchy, below which keys are made. Default: empty, as it is on most machines.
    ///
    /// It is proven to whatever answers as the TPM, and who only listens learns nothing of it. Who answers in the place of the TPM can try passwords against the proof: choose one
    /// that cannot be guessed.
    pub fn owner_auth(mut self, auth: AuthValue) -> Self {
        self.owner_auth = Some(auth);
        self
    }

    /// The authorization value of the endorsement hierarchy. Default: empty, as it is on most machines.
    pub fn endorsement_auth(mut self, auth: AuthValue) -> Self {
        self.endorsement_auth = Some(auth);
        self
    }
}

/// An authorization value, the password of an object in a TPM: 1 to 32 bytes. It is overwritten when it is dropped, and never
/// shown.
///
/// It never travels in clear between this process and the TPM: sessions prove it and encrypt what carries it.
pub struct AuthValue(Zeroizing<Vec<u8>>);

impl AuthValue {
    /// Takes a value as it is.
    ///
    /// # Errors
    ///
    /// [`TpmError::WeakAuth`] when it is empty, longer than 32 bytes, or ends in a zero byte: a TPM drops those, and would take
    /// a shorter value too.
    pub fn new(value: impl Into<Zeroizing<Vec<u8>>>) -> Result<Self, TpmError> {
        let value = value.into();
        if value.len() > MAX_AUTH || value.last().is_none_or(|last| *last == 0) {
            return Err(TpmError::WeakAuth);
        }
        Ok(Self(value))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Shows nothing.
impl fmt::Debug for AuthValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthValue(..)")
    }
}

const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(600);
const MAX_AUTH: usize = 32;
