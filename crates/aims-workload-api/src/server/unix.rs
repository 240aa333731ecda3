//! Callers on the same machine, by what its kernel says.

use std::sync::Arc;

use aims_attest::{Appraisal, Asked, Reason, UnixVerifier, Verifier};
use aims_keys::{Backend, UnixTime};
use aims_provision::{PeerError, PeerProcess, ProgramHashes};

use super::attest::{Attested, Attestor, NotAttested, Socket};

/// Knows callers over Unix sockets by their process: the user and groups that run it, its program and the hash of that.
///
/// What the process is, is asked of the kernel when it connects, read anew for each message, and checked once more before the message leaves
/// ([`PeerProcess`]). Callers over TCP are nobody. The account of a caller is its user.
#[derive(Clone, Debug)]
pub struct UnixAttestor {
    verifier: UnixVerifier,
    hashes: Arc<ProgramHashes>,
}

impl UnixAttestor {
    /// With the defaults of [`UnixVerifier`] and [`ProgramHashes`].
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { verifier: UnixVerifier::new(backend), hashes: Arc::default() }
    }

    /// Appraises with this verifier.
    #[must_use]
    pub fn with_verifier(mut self, verifier: UnixVerifier) -> Self {
        self.verifier = verifier;
        self
    }

    /// Hashes programs within the limits of these.
    #[must_use]
    pub fn with_hashes(mut self, hashes: ProgramHashes) -> Self {
        self.hashes = Arc::new(hashes);
        self
    }
}

impl Attestor for UnixAttestor {
    fn accept(&self, socket: &Socket<'_>) -> Result<Arc<dyn Attested>, NotAttested> {
        let Socket::Unix(socket) = socket else { return Err(NotAttested::new(Reason::UnsupportedType)) };
        let process = PeerProcess::of(socket).map_err(not_attested)?;
        Ok(Arc::new(UnixCaller { process, attestor: self.clone() }))
    }
}

/// One process.
#[derive(Debug)]
struct UnixCaller {
    process: PeerProcess,
    attestor: UnixAttestor,
}

impl Attested for UnixCaller {
    fn appraise(&self, now: UnixTime) -> Result<Vec<Appraisal>, NotAttested> {
        let evidence = self.process.collect(&self.attestor.hashes, now).map_err(not_attested)?;
        Ok(vec![self.attestor.verifier.appraise(&evidence, &Asked::at(now))])
    }

    fn check(&self) -> Result<(), NotAttested> {
        self.process.check().map_err(not_attested)
    }

    fn account(&self) -> String {
        format!("unix:{}", self.process.uid())
    }
}

fn not_attested(error: PeerError) -> NotAttested {
    if error.may_pass() { NotAttested::unavailable() } else { NotAttested::new(error.reason()) }
}
