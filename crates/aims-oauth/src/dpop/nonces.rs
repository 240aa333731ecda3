//! Nonces of a server: what a proof has to hold, so that it was not made long ago (RFC 9449 §8).

use std::fmt;
use std::time::Duration;

use aims_jose::base64url;
use aims_keys::{Backend, KeyError, UnixTime};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Gives nonces out, and knows them again.
pub trait DpopNonces: fmt::Debug + Send + Sync {
    /// The one to be used now.
    fn current(&self, now: UnixTime) -> String;

    /// Whether this is one that was given out not long ago.
    fn accepts(&self, nonce: &str, now: UnixTime) -> bool;

    /// The one to be used after `used`, which was accepted: `None`, where that will do for a while yet. As it is: the current one, if it is another.
    fn next(&self, used: &str, now: UnixTime) -> Option<String> {
        Some(self.current(now)).filter(|current| current != used)
    }
}

impl<N: DpopNonces + ?Sized> DpopNonces for std::sync::Arc<N> {
    fn current(&self, now: UnixTime) -> String {
        (**self).current(now)
    }

    fn accepts(&self, nonce: &str, now: UnixTime) -> bool {
        (**self).accepts(nonce, now)
    }

    fn next(&self, used: &str, now: UnixTime) -> Option<String> {
        (**self).next(used, now)
    }
}

/// Nonces that nobody has to remember: the time, sealed with a secret. Servers that share the secret know each other's.
///
/// ```
/// use std::time::Duration;
/// use aims_keys::{UnixTime, backend};
/// use aims_oauth::{DpopNonces, SealedNonces};
///
/// let nonces = SealedNonces::generate(backend::ring())?.with_lifetime(Duration::from_secs(300));
/// let now = UnixTime::from_secs(1_790_000_000);
/// let nonce = nonces.current(now);
/// assert!(nonces.accepts(&nonce, now + Duration::from_secs(299)));
/// assert!(!nonces.accepts(&nonce, now + Duration::from_secs(301)));
/// # Ok::<(), aims_keys::KeyError>(())
/// ```
pub struct SealedNonces {
    secret: Zeroizing<[u8; 32]>,
    backend: Backend,
    lifetime: Duration,
}

impl SealedNonces {
    /// With a fresh secret: nonces from before are not known.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`].
    pub fn generate(backend: Backend) -> Result<Self, KeyError> {
        let mut secret = Zeroizing::new([0; 32]);
        backend.fill_random(&mut *secret)?;
        Ok(Self::new(secret, backend))
    }

    /// With a secret that several servers share.
    #[must_use]
    pub fn new(secret: Zeroizing<[u8; 32]>, backend: Backend) -> Self {
        Self { secret, backend, lifetime: DEFAULT_LIFETIME }
    }

    /// How long a nonce counts. Default: 5 min.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// When it was given out, if it is ours.
    fn given(&self, nonce: &str) -> Option<UnixTime> {
        // No nonce of ours is longer.
        if nonce.len() > 32 {
            return None;
        }
        let bytes = base64url::decode(nonce).ok()?;
        let (time, seal) = bytes.split_first_chunk::<8>()?;
        let is_ours: bool = self.seal(*time).as_slice().ct_eq(seal).into();
        is_ours.then(|| UnixTime::from_secs(u64::from_be_bytes(*time)))
    }

    fn seal(&self, time: [u8; 8]) -> [u8; 16] {
        let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            self.backend.hmac_sha256(&*self.secret, &[PURPOSE, &time].concat());
        first
    }
}

impl DpopNonces for SealedNonces {
    fn current(&self, now: UnixTime) -> String {
        let time = now.as_secs().to_be_bytes();
        base64url::encode([time.as_slice(), &self.seal(time)].concat())
    }

    fn accepts(&self, nonce: &str, now: UnixTime) -> bool {
        self.given(nonce).is_some_and(|given| given <= now && now.since(given) < self.lifetime)
    }

    /// From half of its life on: so that clients do not change with every answer, and have a good one all the same.
    fn next(&self, used: &str, now: UnixTime) -> Option<String> {
        let is_young = |given: UnixTime| given <= now && now.since(given) < self.lifetime / 2;
        (!self.given(used).is_some_and(is_young)).then(|| self.current(now))
    }
}

/// Shows no secret.
impl fmt::Debug for SealedNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedNonces").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// The secret seals nothing else by accident.
const PURPOSE: &[u8] = b"aims dpop nonce 1";
