//! System packages that the full run wants beside Rust.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::process;
use crate::stages::{Done, Stop};

/// Why something was skipped that needs [`openssl`].
pub(crate) const NO_OPENSSL: &str = "no OpenSSL: apt-get install libssl-dev openssl pkg-config";

/// Why `aims-tpm` was left out, which needs [`tss`].
pub(crate) const NO_TSS: &str = "no libtss2: apt-get install libtss2-dev pkg-config";

/// What must be there, how it is seen, and the Debian packages that bring it.
/// A C compiler is not among them: without its linker this program would not be here.
const NEEDS: [Need; 8] = [
    Need { what: "git", packages: &["git"], there: git },
    Need {
        what: "OpenSSL (for JWE, interop/ and benches/)",
        packages: &["libssl-dev", "openssl", "pkg-config"],
        there: openssl,
    },
    Need { what: "nginx (for interop/)", packages: &["nginx"], there: nginx },
    Need { what: "SoftHSM (for tokens)", packages: &["softhsm2"], there: softhsm },
    Need { what: "Python (for interop/)", packages: &["python3", "python3-venv"], there: python },
    Need { what: "Node (for interop/)", packages: &["nodejs", "npm"], there: node },
    Need { what: "libtss2 (for aims-tpm)", packages: &["libtss2-dev", "pkg-config"], there: tss },
    Need {
        what: "a software TPM (for the tests of aims-tpm, and interop/)",
        packages: &["swtpm", "swtpm-tools", "tpm2-tools"],
        there: software_tpm,
    },
];

struct Need {
    what: &'static str,
    packages: &'static [&'static str],
    there: fn() -> bool,
}

/// Installs what is missing where that is allowed (root, `apt-get`), and otherwise names it.
pub(crate) fn stage() -> Result<Done, Stop> {
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !(need.there)()).collect();
    if missing.is_empty() {
        return Ok(Done::Ok);
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages).copied().collect();
    if !may_install() {
        let what: Vec<&str> = missing.iter().map(|need| need.what).collect();
        return Err(Stop::Skipped(format!(
            "missing {}: apt-get install {}",
            what.join(", "),
            packages.join(" ")
        )));
    }
    // The package lists of a fresh machine are often empty or old.
    if install(&packages).is_err() {
        process::run(process::program("apt-get").args(["update", "-q"]))?;
        install(&packages)?;
    }
    match missing.iter().find(|need| !(need.there)()) {
        None => Ok(Done::Ok),
        Some(need) => Err(Stop::Failed(format!("{} is still missing", need.what))),
    }
}

/// Whether the headers and the program of OpenSSL are there, which JWE needs and the oracles in `interop/` and `benches/`, and nothing else.
pub(crate) fn openssl() -> bool {
    process::succeeds(process::program("pkg-config").args(["--exists", "openssl"]))
        && process::succeeds(process::program("openssl").arg("version"))
}

/// Whether the libraries of the TPM Software Stack are there, which `aims-tpm` needs and nothing else.
pub(crate) fn tss() -> bool {
    let libraries =
        ["tss2-sys", "tss2-esys", "tss2-tctildr", "tss2-mu"].map(|name| format!("{name} >= 2.4.6"));
    process::succeeds(process::program("pkg-config").arg("--exists").args(libraries))
}

pub(crate) fn software_tpm() -> bool {
    ["swtpm", "swtpm_setup", "tpm2_activatecredential", "tpm2_checkquote"]
        .iter()
        // `swtpm_setup --version` fails.
        .all(|name| process::succeeds(process::program(name).arg("--help")))
}

fn softhsm() -> bool {
    process::succeeds(process::program("softhsm2-util").arg("--version"))
}

fn git() -> bool {
    process::succeeds(process::program("git").arg("--version"))
}

/// Debian puts it where the path of an ordinary user does not lead.
fn nginx() -> bool {
    ["nginx", "/usr/sbin/nginx"].iter().any(|name| process::succeeds(process::program(name).arg("-v")))
}

fn python() -> bool {
    process::succeeds(process::program("python3").args(["-c", "import ensurepip, venv"]))
}

fn node() -> bool {
    ["node", "npm"].iter().all(|name| process::succeeds(process::program(name).arg("--version")))
}

fn may_install() -> bool {
    let root = process::output(process::program("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    root && Path::new("/usr/bin/apt-get").exists()
}

fn install(packages: &[&str]) -> Result<(), String> {
    let _no_services = NoServices::new();
    let mut command = process::program("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-q", "-y", "--no-install-recommends"]);
    process::run(command.args(packages))
}

/// Keeps packages from starting services: nginx is wanted as a program, not at port 80. Where the machine has such a policy of its own,
/// that one stays.
struct NoServices {
    is_ours: bool,
}

impl NoServices {
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    fn new() -> Self {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(Self::POLICY);
        let is_ours = file.is_ok();
        // 101: the action is forbidden.
        let _ = file.and_then(|mut file| file.write_all(b"#!/bin/sh\nexit 101\n"));
        Self { is_ours }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = fs::remove_file(Self::POLICY);
        }
    }
}
