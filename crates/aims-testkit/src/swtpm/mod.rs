//! A TPM 2.0 in software, for tests of what talks to one.

mod directory;
mod endorsement;
mod process;
mod wire;

use core::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

pub use self::endorsement::SoftTpmCa;

use self::directory::Directory;

/// A software TPM (`swtpm`) of its own: its state in a directory that goes with it, on a pair of ports that nobody else has.
///
/// It is ready when [`start`](Self::start) returns, and killed when it is dropped. It serves one connection at a time, and the
/// next waits for the end of the one before (TPM-5); the TSS library makes a connection for each command.
///
/// Like the rest of this crate it panics where a test would `unwrap`.
///
/// ```
/// use aims_testkit::SoftTpm;
///
/// // Without `swtpm` on this machine it says so on standard error; with `CI` set that is a panic.
/// let Some(tpm) = SoftTpm::start() else { return };
/// assert!(tpm.tcti().starts_with("swtpm:host=127.0.0.1,port="));
/// ```
pub struct SoftTpm {
    /// Dropped first: what is killed writes no more into the directory.
    process: Process,
    state: Directory,
    port: u16,
}

/// Killed and waited for when it is dropped: by its handle, never by a name.
struct Process(Option<Child>);

impl SoftTpm {
    /// Starts a TPM that has just left the factory, without an endorsement certificate; `None` where [`missing`](Self::missing)
    /// names something.
    ///
    /// # Panics
    ///
    /// When it does not start, and when it is missing while the environment variable `CI` is set: CI must not skip (TPM-9).
    #[must_use]
    pub fn start() -> Option<Self> {
        is_there(&["swtpm"]).then(|| Self::launch(Directory::new()))
    }

    /// Starts a TPM with endorsement keys (ECC P-384, RSA-2048) and their certificates, and says who issued them.
    ///
    /// All of one test program come from one factory: they have the same endorsement keys. Making the first takes a second.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start), of which it also needs `swtpm_setup`.
    #[must_use]
    pub fn with_endorsement() -> Option<(Self, SoftTpmCa)> {
        is_there(&["swtpm", "swtpm_setup", "swtpm_localca"]).then(|| {
            let factory = endorsement::factory();
            let state = Directory::new();
            factory.copy_state(&state);
            (Self::launch(state), factory.ca())
        })
    }

    /// The first of the programs that a software TPM needs and this machine lacks.
    #[must_use]
    pub fn missing() -> Option<&'static str> {
        ["swtpm", "swtpm_setup", "swtpm_localca"].into_iter().find(|program| process::find(program).is_none())
    }

    /// A command for a tool that talks to it, `tpm2_pcrread` for instance: it inherits no file of this process, as it would that of a
    /// connection to the TPM, which would then wait for the tool to end.
    #[must_use]
    pub fn command(program: impl AsRef<Path>) -> Command {
        process::command(program.as_ref())
    }

    /// Where it listens, as TSS libraries write it: `swtpm:host=127.0.0.1,port=N`.
    #[must_use]
    pub fn tcti(&self) -> String {
        format!("swtpm:host=127.0.0.1,port={}", self.port)
    }

    /// The TCP port of TPM commands; the control channel is at the next.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Takes its power away for a moment: loaded keys and sessions are gone, what is persistent stays.
    ///
    /// # Panics
    ///
    /// When it does not obey.
    pub fn power_cycle(&self) {
        wire::init(self.port);
    }

    /// Kills it; [`restart`](Self::restart) brings it back.
    pub fn kill(&mut self) {
        self.process.end();
    }

    /// Starts it again, killed or not, with the state and on the ports it had.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart(&mut self) {
        self.process.end();
        self.process = process::spawn_again(self.state.path(), self.port);
    }

    /// Stops it in the middle of whatever it does: connections stay, and nothing answers, until [`resume`](Self::resume).
    ///
    /// # Panics
    ///
    /// When it was killed.
    pub fn pause(&self) {
        self.process.signal("STOP");
    }

    /// Ends a [`pause`](Self::pause).
    ///
    /// # Panics
    ///
    /// When it was killed.
    pub fn resume(&self) {
        self.process.signal("CONT");
    }

    /// Extends a PCR of the SHA-256 bank, as firmware does that measures something. It waits until nobody else is connected.
    ///
    /// # Panics
    ///
    /// When the TPM refuses.
    pub fn extend_pcr(&self, index: u8, digest: &[u8; 32]) {
        wire::extend_pcr(self.port, index, digest);
    }

    fn launch(state: Directory) -> Self {
        let (process, port) = process::spawn(state.path());
        Self { process, state, port }
    }
}

/// Whether these programs are there.
fn is_there(programs: &[&str]) -> bool {
    let missing: Vec<&str> =
        programs.iter().copied().filter(|program| process::find(program).is_none()).collect();
    all_there(&missing, std::env::var_os("CI").is_some())
}

/// Whether nothing is missing; says what is skipped otherwise, once, and does not let CI skip it.
fn all_there(missing: &[&str], ci: bool) -> bool {
    static TOLD: OnceLock<()> = OnceLock::new();
    let names = missing.join(", ");
    assert!(missing.is_empty() || !ci, "CI has no {names}: apt-get install swtpm swtpm-tools");
    if !missing.is_empty() {
        TOLD.get_or_init(|| eprintln!("SKIPPED: no {names} (apt-get install swtpm swtpm-tools)"));
    }
    missing.is_empty()
}

impl fmt::Debug for SoftTpm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state: PathBuf = self.state.path().to_owned();
        f.debug_struct("SoftTpm").field("port", &self.port).field("state", &state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TPM-9.
    #[test]
    fn tpm_9_what_is_there_is_used_and_what_is_missing_is_skipped() {
        assert!(all_there(&[], false) && all_there(&[], true));
        assert!(!all_there(&["swtpm"], false));
    }

    /// TPM-9.
    #[test]
    #[should_panic = "CI has no swtpm, swtpm_setup: apt-get install"]
    fn tpm_9_ci_skips_nothing() {
        all_there(&["swtpm", "swtpm_setup"], true);
    }
}
