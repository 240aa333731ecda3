//! A token of its own for each test.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aims_keys::backend;
use aims_keys::store::{Pin, Pkcs11Store, Pkcs11StoreBuilder, StoreError, TokenName};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

pub(super) const PIN: &str = "271828";
pub(super) const SO_PIN: &str = "31415926";
pub(super) const LABEL: &str = "agents";

const MARK: &str = "AIMS_KEYS_TEST_TOKENS";
const MODULES: [&str; 5] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

/// Where the tokens of this test are.
pub(super) struct World {
    pub(super) dir: PathBuf,
    pub(super) module: PathBuf,
}

/// Runs the body of `test` in a child process that has a token named [`LABEL`].
pub(super) fn on_a_token<T: Fn()>(_test: T, body: impl FnOnce(&World)) {
    let Some(module) = MODULES.iter().map(PathBuf::from).find(|path| path.exists()) else {
        assert!(env::var_os("CI").is_none(), "CI has no SoftHSM: apt-get install softhsm2");
        eprintln!("SKIPPED: no SoftHSM: apt-get install softhsm2");
        return;
    };
    if let Some(dir) = env::var_os(MARK) {
        return body(&World { dir: dir.into(), module });
    }
    // `it::pkcs11::keys::the_test`, of which the test program wants what follows its own name.
    let name = std::any::type_name::<T>().split_once("::").unwrap().1;
    let dir = env::temp_dir().join(format!("aims-keys-{}-{}", std::process::id(), name.replace(':', "_")));
    fs::create_dir_all(dir.join("tokens")).unwrap();
    let conf = dir.join("softhsm2.conf");
    let text =
        format!("directories.tokendir = {}\nobjectstore.backend = file\n", dir.join("tokens").display());
    fs::write(&conf, text).unwrap();
    let run = |command: &mut Command| {
        let output =
            command.env("SOFTHSM2_CONF", &conf).env(MARK, &dir).stdin(Stdio::null()).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), format!("{out}\n{err}"))
    };
    let made = run(&mut init_token(LABEL));
    let outcome = if made.0 {
        run(Command::new(env::current_exe().unwrap()).args([name, "--exact", "--nocapture"]))
    } else {
        made
    };
    fs::remove_dir_all(&dir).unwrap();
    assert!(outcome.0, "{}", outcome.1);
    assert!(outcome.1.contains("1 passed"), "the child ran no test: {}", outcome.1);
}

fn init_token(label: &str) -> Command {
    let mut command = Command::new("softhsm2-util");
    command.args(["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", SO_PIN]);
    command
}

/// Another token beside the first; by another process, as everything with `softhsm2-util`.
pub(super) fn add_token(label: &str) {
    assert!(init_token(label).output().unwrap().status.success());
}

/// Wipes a token, also by another process.
pub(super) fn set_up_anew(label: &str) {
    let mut command = Command::new("softhsm2-util");
    command.args(["--init-token", "--token", label, "--label", label, "--pin", PIN, "--so-pin", SO_PIN]);
    assert!(command.output().unwrap().status.success());
}

impl World {
    pub(super) fn builder(&self) -> Pkcs11StoreBuilder {
        let token = TokenName::Label(LABEL.to_owned());
        Pkcs11Store::builder(&self.module, token, backend::ring())
    }

    pub(super) fn store(&self) -> Pkcs11Store {
        self.store_with(PIN).unwrap()
    }

    pub(super) fn store_with(&self, pin: &str) -> Result<Pkcs11Store, StoreError> {
        self.builder().pin(pin_of(pin)).open()
    }

    /// The folders of the tokens.
    pub(super) fn token_dirs(&self) -> Vec<PathBuf> {
        fs::read_dir(self.dir.join("tokens")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// A session beside those of the store, as another part of the process or another tool would have it.
    pub(super) fn session(&self) -> Session {
        let module = raw_module(&self.module);
        let slot = module.get_slots_with_initialized_token().unwrap().remove(0);
        let session = module.open_rw_session(slot).unwrap();
        // Already, if the store is there.
        let _ = session.login(UserType::User, Some(&AuthPin::from(PIN)));
        session
    }
}

pub(super) fn raw_module(path: &Path) -> Pkcs11 {
    let module = Pkcs11::new(path).unwrap();
    let _ = module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    module
}

pub(super) fn pin_of(pin: &str) -> Pin {
    Pin::new(pin.to_owned()).unwrap()
}
