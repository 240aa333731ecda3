//! Names of keys.

use core::fmt;
use core::str::FromStr;

/// The name of a key in its store: 1 to 128 characters of `A-Z a-z 0-9 . _ -`, the first of which is no dot.
///
/// It can be a file name, and no more than a file name: no separator, no `..`, nothing hidden.
///
/// ```
/// use aims_keys::store::KeyId;
///
/// let id: KeyId = "agent-7.2026-11".parse()?;
/// assert_eq!(id.as_str(), "agent-7.2026-11");
/// assert!("../agent".parse::<KeyId>().is_err());
/// # Ok::<(), aims_keys::store::BadKeyId>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId(String);

impl KeyId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = BadKeyId;

    fn from_str(name: &str) -> Result<Self, BadKeyId> {
        let named = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        if !(1..=MAX_LEN).contains(&name.len()) || name.starts_with('.') || !name.bytes().all(named) {
            return Err(BadKeyId);
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not the name of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the name of a key is 1 to 128 characters of A-Z a-z 0-9 . _ - and does not begin with a dot")]
#[non_exhaustive]
pub struct BadKeyId;

impl BadKeyId {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "bad_key_id"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "TPM-40"
    }
}

const MAX_LEN: usize = 128;
