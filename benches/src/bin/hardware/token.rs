//! A token in software for this run, where `SoftHSM` is there.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use aims_keys::store::{Pin, Pkcs11Store, TokenName};
use aims_keys::{Protection, backend};

/// Runs `work` with the module of the token, or without one. The module reads the environment when it is loaded, so this is done in a program that was started with it: this one, again.
pub(crate) fn with_token(work: impl FnOnce(Option<&Path>)) -> ExitCode {
    let module = MODULES.iter().map(PathBuf::from).find(|path| path.exists());
    if std::env::var_os(MARK).is_some() {
        work(module.as_deref());
        return ExitCode::SUCCESS;
    }
    let dir = std::env::temp_dir().join(format!("aims-bench-token-{}", std::process::id()));
    let conf = dir.join("softhsm2.conf");
    if module.is_none() || !init(&dir, &conf) {
        let _ = std::fs::remove_dir_all(&dir);
        eprintln!("SKIPPED: the key in a token: no SoftHSM (apt-get install softhsm2)");
        work(None);
        return ExitCode::SUCCESS;
    }
    let again = std::env::current_exe().expect("this program");
    let status = Command::new(again).env("SOFTHSM2_CONF", &conf).env(MARK, "1").status();
    let _ = std::fs::remove_dir_all(&dir);
    if status.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

pub(crate) fn store(module: &Path) -> Pkcs11Store {
    Pkcs11Store::builder(module, TokenName::Label(LABEL.to_owned()), backend::ring())
        .pin(Pin::new(PIN.to_owned()).expect("a PIN"))
        .protection(Protection::Software)
        .open()
        .expect("a token")
}

fn init(dir: &Path, conf: &Path) -> bool {
    let tokens = dir.join("tokens");
    std::fs::create_dir_all(&tokens).expect("a directory for the token");
    let text = format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display());
    std::fs::write(conf, text).expect("a configuration");
    let status = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "31415926"])
        .env("SOFTHSM2_CONF", conf)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

const LABEL: &str = "bench";
const PIN: &str = "271828";

const MARK: &str = "AIMS_BENCH_TOKEN";

const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];
