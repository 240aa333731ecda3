//! Starting, watching and ending `swtpm`.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Process;

/// How often another pair of ports is tried (TPM-6).
const TRIES: usize = 10;

/// Ports that Linux does not give out by itself: 15000 to 31999.
const LOWEST: u16 = 15_000;
const BELOW: u16 = 17_000;

/// On a loaded machine a start takes fifty milliseconds.
const START: Duration = Duration::from_secs(10);

/// Where a program is, by the `PATH` of this process.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|dir| dir.join(program))
        .find(|path| path.is_absolute() && path.is_file())
}

/// Starts a program that gets none of this process's files, unless there is no `bash` to see to that.
///
/// The TSS libraries open their connections so that programs inherit them (without `O_CLOEXEC`): a software TPM started meanwhile for
/// another test would hold the connection open, and the TPM at its other end would wait for that to end.
#[must_use]
pub(super) fn command(program: &Path) -> Command {
    const WITHOUT_FILES: &str = r#"for fd in /proc/self/fd/* /dev/fd/*; do fd=${fd##*/}
case $fd in 0|1|2|*[!0-9]*) ;; *) eval "exec $fd>&-" ;; esac; done; exec "$@""#;
    match find("bash") {
        None => Command::new(program),
        Some(bash) => {
            let mut command = Command::new(bash);
            command.args(["-c", WITHOUT_FILES, "bash"]).arg(program);
            command
        }
    }
}

/// Starts it on a free pair of ports.
#[expect(clippy::panic, reason = "a test helper: a TPM that does not start must fail the test")]
pub(super) fn spawn(state: &Path) -> (Process, u16) {
    for _ in 0..TRIES {
        // Others may take a port between our look and the start: then it ends at once.
        if let Some(port) = free_pair()
            && let Some(process) = start(state, port)
        {
            return (process, port);
        }
    }
    panic!("swtpm did not start in {TRIES} tries: {}", log(state));
}

/// Starts it on the ports it had, which the system may hold for a moment.
#[expect(clippy::panic, reason = "a test helper: a TPM that does not start must fail the test")]
pub(super) fn spawn_again(state: &Path, port: u16) -> Process {
    for _ in 0..TRIES {
        if let Some(process) = start(state, port) {
            return process;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("swtpm did not start again in {TRIES} tries: {}", log(state));
}

fn log(state: &Path) -> String {
    fs::read_to_string(state.join("log")).unwrap_or_default()
}

/// A port that is free and whose successor is: one of those that the system gives out, or below them, for connections that ended hold these for
/// a minute, and a TPM has one for each command.
fn free_pair() -> Option<u16> {
    pair_at(0).or_else(|| pair_at(LOWEST + random() % BELOW))
}

fn pair_at(port: u16) -> Option<u16> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    let port = first.local_addr().ok()?.port();
    TcpListener::bind((Ipv4Addr::LOCALHOST, port.checked_add(1)?)).ok()?;
    Some(port)
}

fn random() -> u16 {
    let [low, high, ..] = RandomState::new().hash_one(0).to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// `None` when it ends early. That it is ready is seen by its pid file: to connect would take the one place it has (TPM-5).
fn start(state: &Path, port: u16) -> Option<Process> {
    let pid = state.join("pid");
    let _ = fs::remove_file(&pid);
    let control = port.checked_add(1)?;
    let child = command(&find("swtpm")?)
        .args(["socket", "--tpm2", "--tpmstate"])
        .arg(format!("dir={}", state.display()))
        .arg("--server")
        .arg(format!("type=tcp,port={port},bindaddr=127.0.0.1"))
        .arg("--ctrl")
        .arg(format!("type=tcp,port={control},bindaddr=127.0.0.1"))
        .args(["--flags", "not-need-init,startup-clear"])
        .arg("--pid")
        .arg(format!("file={}", pid.display()))
        .arg("--log")
        .arg(format!("file={},level=1,truncate", state.join("log").display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut process = Process(Some(child));
    let begun = Instant::now();
    while begun.elapsed() < START {
        if process.has_ended() {
            return None;
        }
        if fs::read_to_string(&pid).is_ok_and(|text| !text.trim().is_empty()) {
            return Some(process);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

impl Process {
    fn has_ended(&mut self) -> bool {
        self.0.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    pub(super) fn end(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// By the shell's own `kill`, for std sends no signal but one.
    #[expect(clippy::expect_used, reason = "a test helper: a TPM that is not there must fail the test")]
    pub(super) fn signal(&self, name: &str) {
        let id = self.0.as_ref().expect("the software TPM was killed").id();
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot send {name} to the software TPM");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
