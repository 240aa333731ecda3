//! What the tests share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use aims_testkit::SoftTpm;
use aims_tpm::{Tpm, TpmSettings};

pub(crate) fn settings(tpm: &SoftTpm) -> TpmSettings {
    TpmSettings::new(tpm.tcti().parse().unwrap())
}

pub(crate) fn connect(tpm: &SoftTpm) -> Tpm {
    Tpm::connect(settings(tpm)).unwrap()
}

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
