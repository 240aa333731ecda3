//! The factory of software TPMs: endorsement keys, and the authority that certifies them.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::directory::Directory;
use super::process;

/// Who certified the endorsement keys of a [`SoftTpm`](super::SoftTpm): certificates as DER.
#[derive(Clone, Debug)]
pub struct SoftTpmCa {
    root: Vec<u8>,
    issuer: Vec<u8>,
}

impl SoftTpmCa {
    /// The self-signed root.
    #[must_use]
    pub fn root(&self) -> &[u8] {
        &self.root
    }

    /// The authority below it, which signed the endorsement certificates.
    #[must_use]
    pub fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// Both, the issuer first: what stands between an endorsement certificate and its root, and the root.
    #[must_use]
    pub fn chain(&self) -> Vec<Vec<u8>> {
        vec![self.issuer.clone(), self.root.clone()]
    }
}

/// What a TPM looks like when it leaves the factory. Kept in memory, for nobody drops what is static.
pub(super) struct Factory {
    state: Vec<(OsString, Vec<u8>)>,
    ca: SoftTpmCa,
}

/// The one of this program: made when it is first asked for.
pub(super) fn factory() -> &'static Factory {
    static FACTORY: OnceLock<Factory> = OnceLock::new();
    FACTORY.get_or_init(Factory::build)
}

impl Factory {
    #[expect(clippy::expect_used, reason = "a test helper: without a factory the test must fail")]
    fn build() -> Self {
        let dir = Directory::new();
        let [state, ca] = ["state", "ca"].map(|name| dir.path().join(name));
        for path in [&state, &ca] {
            fs::create_dir(path).expect("a directory for swtpm_setup");
        }
        let log = dir.path().join("setup.log");
        let status = process::command(&process::find("swtpm_setup").expect("swtpm_setup"))
            .args(["--tpm2", "--tpm-state"])
            .arg(format!("dir://{}", state.display()))
            .arg("--config")
            .arg(configuration(dir.path(), &ca))
            .args(["--create-ek-cert", "--lock-nvram", "--pcr-banks", "sha256", "--overwrite", "--logfile"])
            .arg(&log)
            .current_dir(dir.path())
            .env("XDG_CONFIG_HOME", dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let made = status.is_ok_and(|status| status.success());
        assert!(made, "swtpm_setup failed: {}", fs::read_to_string(&log).unwrap_or_default());
        let root = certificate(&ca.join("swtpm-localca-rootca-cert.pem"));
        let issuer = certificate(&ca.join("issuercert.pem"));
        Self { state: files(&state), ca: SoftTpmCa { root, issuer } }
    }

    #[expect(clippy::panic, reason = "a test helper: without its state the test must fail")]
    pub(super) fn copy_state(&self, to: &Directory) {
        for (name, bytes) in &self.state {
            let path = to.path().join(name);
            if let Err(e) = fs::write(&path, bytes) {
                panic!("{}: {e}", path.display());
            }
        }
    }

    pub(super) fn ca(&self) -> SoftTpmCa {
        self.ca.clone()
    }
}

/// Writes the configuration of `swtpm_setup` and of its authority, all of it below `dir` (TPM-10).
#[expect(
    clippy::expect_used,
    reason = "a test helper: a factory that cannot be configured must fail the test"
)]
fn configuration(dir: &Path, ca: &Path) -> std::path::PathBuf {
    let (ca, localca) = (ca.display(), dir.join("localca.conf"));
    let options = dir.join("localca.options");
    let setup = dir.join("setup.conf");
    let text = format!(
        "statedir = {ca}\nsigningkey = {ca}/signkey.pem\nissuercert = {ca}/issuercert.pem\ncertserial = {ca}/certserial\n"
    );
    fs::write(&localca, text).expect("localca.conf");
    fs::write(&options, "--platform-manufacturer AIMS\n--platform-model swtpm\n--platform-version 1\n")
        .expect("localca.options");
    let text = format!(
        "create_certs_tool = {}\ncreate_certs_tool_config = {}\ncreate_certs_tool_options = {}\nactive_pcr_banks = sha256\n",
        process::find("swtpm_localca").expect("swtpm_localca").display(),
        localca.display(),
        options.display()
    );
    fs::write(&setup, text).expect("setup.conf");
    setup
}

#[expect(clippy::panic, reason = "a test helper: without its certificates the test must fail")]
fn certificate(path: &Path) -> Vec<u8> {
    match CertificateDer::from_pem_file(path) {
        Ok(der) => der.as_ref().to_vec(),
        Err(e) => panic!("{}: {e}", path.display()),
    }
}

/// The plain files in a directory, without the lock of whoever used it.
#[expect(clippy::expect_used, reason = "a test helper: without its state the test must fail")]
fn files(dir: &Path) -> Vec<(OsString, Vec<u8>)> {
    let entries = fs::read_dir(dir).expect("the state of a TPM").filter_map(Result::ok);
    let files = entries.filter(|entry| entry.file_name() != ".lock" && entry.path().is_file());
    files.map(|entry| (entry.file_name(), fs::read(entry.path()).expect("the state of a TPM"))).collect()
}
