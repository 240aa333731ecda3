//! What the tests share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use aims_keys::store::{GenerateKeys, KeyId};
use aims_keys::{Algorithm, AsyncSigner, SignInput, Signer};
use aims_testkit::SoftTpm;
use aims_tpm::{PcrBank, PcrSelection, Tpm, TpmKeyStore, TpmSettings, TpmSigner};

pub(crate) fn settings(tpm: &SoftTpm) -> TpmSettings {
    TpmSettings::new(tpm.tcti().parse().unwrap())
}

pub(crate) fn connect(tpm: &SoftTpm) -> Tpm {
    Tpm::connect(settings(tpm)).unwrap()
}

pub(crate) fn id(name: &str) -> KeyId {
    name.parse().unwrap()
}

pub(crate) fn pcrs(indices: &[u8]) -> PcrSelection {
    PcrSelection::new(PcrBank::Sha256, indices).unwrap()
}

/// A new ES256 key in a store.
pub(crate) fn key(store: &TpmKeyStore, name: &str) -> TpmSigner {
    store.generate(&id(name), Algorithm::Es256).unwrap();
    store.signer(&id(name)).unwrap()
}

/// Signs and verifies, in the calling thread.
#[track_caller]
pub(crate) fn signs(key: &TpmSigner) {
    let signature = Signer::sign(key, SignInput::Message(b"message")).unwrap();
    key.public_key().verify(b"message", signature.as_bytes()).unwrap();
}

/// Lets a future run, and sleeps until it wakes this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = std::pin::pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park_timeout(Duration::from_secs(60));
    }
}

/// Whether the future of a signature is there when it is asked for the first time, with the future.
pub(crate) fn begin(key: &TpmSigner) -> (Begun<'_>, bool) {
    let mut future = AsyncSigner::sign(key, SignInput::Message(b"message"));
    let ready = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
    (future, ready)
}

pub(crate) type Begun<'a> = aims_keys::BoxFuture<'a, Result<aims_keys::Signature, aims_keys::SignError>>;

/// A directory for a test, which goes with it.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("aims-tpm-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Where a store goes: it makes the directory itself.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("keys")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
