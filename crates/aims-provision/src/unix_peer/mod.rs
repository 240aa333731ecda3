//! The process at the other end of a Unix socket, looked at without being taken in by a change of process (Linux).

mod error;
mod names;
mod proc;
mod program;

pub use self::error::PeerError;
pub use self::program::{ProgramHashes, ProgramLimits};

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use aims_attest::{Evidence, UnixProcess};
use aims_keys::UnixTime;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt};

use self::proc::{ProcDir, Program};

/// The process that made a connection, held on to from the moment it was accepted.
///
/// Its number alone says nothing: a process can end and another get its number between two looks. So the kernel is asked for a handle of the
/// process itself, its directory in `/proc` is opened once, and everything is read there; that it is still the same one, started when it was and
/// run by whom it was, is checked after reading, and again before anything is given to it (ATT-42).
///
/// What remains: the socket can be handed to another process, or be inherited by one; the facts are those of the process that connected. A program that
/// is replaced (`exec`) is noticed when its facts are read anew. See [`aims_attest::UnixVerifier`] for what all this proves.
///
/// ```
/// use std::os::unix::net::UnixStream;
/// use aims_keys::UnixTime;
/// use aims_provision::{PeerProcess, ProgramHashes};
///
/// let (ours, _theirs) = UnixStream::pair()?;
/// let peer = PeerProcess::of(&ours)?;
/// let process = peer.facts(&ProgramHashes::new())?;
/// assert_eq!(process.pid, std::process::id());
/// peer.check()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PeerProcess {
    pid: u32,
    uid: u32,
    gid: u32,
    start_time: u64,
    dir: ProcDir,
    /// The handle of the process, where the kernel gives one (Linux 6.5).
    handle: Option<OwnedFd>,
}

impl PeerProcess {
    /// Takes hold of the process at the other end of a socket that was just accepted.
    ///
    /// Users and groups are numbers of this process's own name space; one that has none here is 65534 (ATT-45). On kernels before 6.5 a process that
    /// ended before this is called, and whose number was given to another meanwhile, is not noticed.
    ///
    /// # Errors
    ///
    /// [`PeerError`] when it is not a Unix socket, the process is in a name space that this one cannot see, or it is gone.
    pub fn of(socket: &impl AsFd) -> Result<Self, PeerError> {
        let socket = socket.as_fd();
        let credentials =
            getsockopt(&socket, sockopt::PeerCredentials).map_err(|_| PeerError::NotAUnixSocket)?;
        let pid =
            u32::try_from(credentials.pid()).ok().filter(|pid| *pid != 0).ok_or(PeerError::OtherNamespace)?;
        // Of the process that connected, whatever became of it.
        let handle = match getsockopt(&socket, sockopt::PeerPidfd) {
            Ok(handle) => Some(handle),
            // A kernel that does not know of handles. Any other error is about the process: it has ended, and its number may be another's.
            Err(Errno::ENOPROTOOPT) => None,
            Err(errno) => return Err(proc::not_opened(errno)),
        };
        let dir = ProcDir::open(pid)?;
        let start_time = dir.start_time()?;
        let peer = Self { pid, uid: credentials.uid(), gid: credentials.gid(), start_time, dir, handle };
        // The directory is that of the process that connected only if that one is alive still.
        peer.check()?;
        Ok(peer)
    }

    /// Whether it is still the same process, alive, and run by the same user and group. Reads from `/proc`, and does not block.
    ///
    /// # Errors
    ///
    /// [`PeerError::Gone`], [`PeerError::Changed`].
    pub fn check(&self) -> Result<(), PeerError> {
        if let Some(handle) = &self.handle {
            // A handle becomes readable when its process has ended.
            let mut handles = [PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
            match poll(&mut handles, PollTimeout::ZERO) {
                Ok(0) => {}
                _ => return Err(PeerError::Gone),
            }
        }
        let owner = self.dir.owner()?;
        if self.dir.start_time()? != self.start_time || (owner.uid, owner.gid) != (self.uid, self.gid) {
            return Err(PeerError::Changed);
        }
        Ok(())
    }

    /// Reads what there is to know about it. It blocks: a program that is not known to `hashes` is hashed.
    ///
    /// Path and hash are left out where this process may not look (another user's process, without privileges), the hash also of programs
    /// that are too large. Groups are those it is in now.
    ///
    /// # Errors
    ///
    /// [`PeerError`] when it is not the same process any more, or replaced its program meanwhile.
    pub fn facts(&self, hashes: &ProgramHashes) -> Result<UnixProcess, PeerError> {
        let before = self.dir.program()?;
        let owner = self.dir.owner()?;
        let digest = match &before {
            Some(program) => hashes.digest(program, self.uid)?,
            None => None,
        };
        let after = self.dir.program()?;
        // ATT-43: the same file, under the same name.
        let what = |program: &Option<Program>| program.as_ref().map(|one| (one.link.clone(), one.id.file()));
        if what(&before) != what(&after) {
            return Err(PeerError::Changed);
        }
        // Of it another edition: somebody wrote to it, or only linked it or took it away, as installers do. Looked at again it is one or the other.
        if before.as_ref().map(|program| program.id) != after.as_ref().map(|program| program.id) {
            return Err(PeerError::Busy);
        }
        self.check()?;
        let mut process = UnixProcess::default();
        (process.pid, process.start_time, process.uid, process.gid) =
            (self.pid, self.start_time, self.uid, self.gid);
        process.groups = owner.groups;
        process.user = names::of("/etc/passwd", self.uid)?;
        process.group = names::of("/etc/group", self.gid)?;
        process.path = before.and_then(|program| program.link.into_string().ok());
        process.sha256 = digest;
        Ok(process)
    }

    /// The same as evidence, for a [`UnixVerifier`](aims_attest::UnixVerifier).
    ///
    /// # Errors
    ///
    /// As [`facts`](Self::facts).
    pub fn collect(&self, hashes: &ProgramHashes, now: UnixTime) -> Result<Evidence, PeerError> {
        self.facts(hashes)?.to_evidence(now).map_err(|_| PeerError::TooLarge)
    }

    /// The user it was run by when it connected.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }
}

impl fmt::Debug for PeerProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerProcess").field("pid", &self.pid).field("uid", &self.uid).finish_non_exhaustive()
    }
}

const _: fn(Arc<PeerProcess>) = |peer| {
    fn is_shared<T: Send + Sync>(_: T) {}
    is_shared(peer);
};
