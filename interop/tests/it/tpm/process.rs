//! A TPM of our own: swtpm, a folder, free ports, and an end together with the test.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A software TPM with the certificates of a manufacturer that nobody knows, until it is dropped.
pub(super) struct Tpm {
    folder: PathBuf,
    port: u16,
    process: Child,
}

/// Whether the programs are there; says so where they are not (TPM-9).
pub(super) fn is_there() -> bool {
    let runs = |program: &str| {
        let mut command = Command::new(program);
        // One of them takes its version for a failure.
        let help = command.arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
        help.is_ok_and(|status| status.success())
    };
    let is_there = ["swtpm", "swtpm_setup", "tpm2_activatecredential"].into_iter().all(runs);
    if !is_there {
        assert!(std::env::var_os("CI").is_none(), "no swtpm: apt-get install swtpm swtpm-tools tpm2-tools");
        // Not by `eprintln!`, which tests that pass keep to themselves.
        let _ =
            writeln!(std::io::stderr(), "SKIPPED, no swtpm: apt-get install swtpm swtpm-tools tpm2-tools");
    }
    is_there
}

impl Tpm {
    /// Makes one for the test of this name.
    pub(super) fn start(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        for part in ["state", "ca"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        manufacture(&folder);
        // The port for control is the next one (TPM-6): both were free a moment ago, and may be somebody else's now.
        for _ in 0..10 {
            let first = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = first.local_addr().unwrap().port();
            let Some(next) = port.checked_add(1) else { continue };
            if TcpListener::bind(("127.0.0.1", next)).is_err() {
                continue;
            }
            drop(first);
            let pid = folder.join("pid");
            let mut process = Command::new("swtpm")
                .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
                .arg("--tpmstate")
                .arg(format!("dir={}", folder.join("state").display()))
                .args(["--server", &format!("type=tcp,port={port},bindaddr=127.0.0.1")])
                .args(["--ctrl", &format!("type=tcp,port={next},bindaddr=127.0.0.1")])
                .arg("--pid")
                .arg(format!("file={}", pid.display()))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("swtpm");
            for _ in 0..100 {
                if pid.exists() {
                    return Self { folder, port, process };
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        panic!("swtpm does not start");
    }

    /// Runs a program of tpm2-tools in the folder; what it says on standard error, if it fails.
    pub(super) fn run(&self, line: &str) -> Result<(), String> {
        let mut words = line.split_ascii_whitespace();
        let output = Command::new(words.next().unwrap())
            .args(words)
            .current_dir(&self.folder)
            .env("TPM2TOOLS_TCTI", format!("swtpm:host=127.0.0.1,port={}", self.port))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// What a file of the folder holds.
    pub(super) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.join(name), bytes).unwrap();
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Gives it endorsement keys and their certificates.
fn manufacture(folder: &Path) {
    let at = |name: &str| folder.join(name).display().to_string();
    let write = |name: &str, text: String| fs::write(folder.join(name), text).unwrap();
    write("options", "--platform-model interop\n".to_owned());
    write(
        "localca.conf",
        format!(
            "statedir = {}\nsigningkey = {}\nissuercert = {}\ncertserial = {}\n",
            at("ca"),
            at("ca/signkey.pem"),
            at("ca/issuercert.pem"),
            at("ca/certserial")
        ),
    );
    write(
        "setup.conf",
        format!(
            "create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = {}\n\
             create_certs_tool_options = {}\nactive_pcr_banks = sha256\n",
            at("localca.conf"),
            at("options")
        ),
    );
    let output = Command::new("swtpm_setup")
        .args(["--tpm2", "--create-ek-cert", "--lock-nvram", "--pcr-banks", "sha256", "--overwrite"])
        .args(["--tpm-state", &format!("dir://{}", at("state")), "--config", &at("setup.conf")])
        .output()
        .unwrap();
    assert!(output.status.success(), "swtpm_setup: {}", String::from_utf8_lossy(&output.stdout));
}
