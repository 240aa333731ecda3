//! The nonces that servers gave.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aims_credential::HttpsUrl;

/// The nonces that servers gave last, one for each origin (DPO-12): what the next `DPoP` proof for that origin holds.
///
/// Of more origins than it has room for, those that said nothing for the longest time are forgotten: their next answer says it again.
///
/// ```
/// use aims_oauth::NonceJar;
///
/// let nonces = NonceJar::with_capacity(100);
/// let url = "https://tools.example/v1/trips".parse()?;
/// assert!(nonces.learn(&url, [b"n-1".as_slice()]));
/// assert_eq!(nonces.nonce(&url).as_deref(), Some("n-1"));
/// // Of several lines none counts (DPO-9).
/// assert!(!nonces.learn(&url, [b"n-2".as_slice(), b"n-3"]));
/// # Ok::<(), aims_credential::HttpsUrlError>(())
/// ```
#[derive(Debug)]
pub struct NonceJar {
    capacity: usize,
    /// By the authority of the URL; the last one was learned last.
    known: Mutex<VecDeque<(Box<str>, Box<str>)>>,
}

impl NonceJar {
    /// For so many origins.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { capacity, known: Mutex::default() }
    }

    /// The nonce for requests to this URL.
    #[must_use]
    pub fn nonce(&self, url: &HttpsUrl) -> Option<Box<str>> {
        let known = self.lock();
        known.iter().find(|(origin, _)| **origin == *url.authority()).map(|(_, nonce)| nonce.clone())
    }

    /// Learns from the lines of the field `DPoP-Nonce` of an answer of this URL. Says whether there was one: several, and what is malformed, say nothing.
    pub fn learn(&self, url: &HttpsUrl, lines: impl IntoIterator<Item = impl AsRef<[u8]>>) -> bool {
        let mut lines = lines.into_iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return false };
        let Some(nonce) = str::from_utf8(line.as_ref()).ok().filter(|text| is_nonce(text)) else {
            return false;
        };
        if self.capacity == 0 {
            return true;
        }
        let mut known = self.lock();
        known.retain(|(origin, _)| **origin != *url.authority());
        if known.len() >= self.capacity {
            known.pop_front();
        }
        known.push_back((url.authority().into(), nonce.into()));
        true
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Box<str>, Box<str>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RFC 9449 §8.1: `NQCHAR`; and no longer than anybody's proof should be.
pub(super) fn is_nonce(text: &str) -> bool {
    let is = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.len() <= MAX_NONCE && text.bytes().all(is)
}

const MAX_NONCE: usize = 1024;
