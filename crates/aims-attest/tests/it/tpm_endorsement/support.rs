//! The golden set that a software TPM made, and what else the tests of TPMs share.

use aims_testkit::vectors;

/// A file of the golden set; without vectors there is none, and what needs it is skipped.
pub(crate) fn golden(name: &str) -> Option<Vec<u8>> {
    vectors::path(&format!("attestation/tpm/swtpm/{name}")).map(|path| std::fs::read(path).unwrap())
}

/// A time at which everything counts.
#[cfg(feature = "tpm")]
pub(crate) const NOW: aims_keys::UnixTime = aims_keys::UnixTime::from_secs(1_796_000_000);
