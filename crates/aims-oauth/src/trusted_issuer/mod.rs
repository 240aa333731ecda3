//! Whose tokens are believed, and which keys they are verified with.

mod published;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aims_credential::{Fetch, HttpsUrl};
use aims_jose::{Header, JwkSet, JwsError};
use aims_keys::{Algorithm, AlgorithmSet, Backend, PublicKey, UnixTime};

pub use self::published::IssuerKeysError;
use self::published::{Location, Published};
use crate::Issuer;

/// An authorization server whose tokens are believed: its identifier, its keys as they are now, and its algorithms.
///
/// Its keys are given to it, and replaced when they change, or [followed](Self::following): then they are asked for when a token needs them, as
/// [`Refreshed`](aims_credential::Refreshed) says, of which there are at most 64 in 256 KiB (ACT-6). Clones share them.
#[derive(Clone)]
pub struct TrustedIssuer {
    issuer: Issuer,
    keys: Keys,
    algorithms: AlgorithmSet,
}

#[derive(Clone)]
enum Keys {
    Given(Arc<RwLock<Arc<JwkSet>>>),
    Published(Arc<Published>),
}

impl TrustedIssuer {
    /// The algorithms that are accepted where nothing else is said (ACT-1).
    pub const ALGORITHMS: AlgorithmSet = AlgorithmSet::STANDARD.with(Algorithm::Rs256);

    /// This issuer, with these keys.
    #[must_use]
    pub fn new(issuer: Issuer, keys: JwkSet) -> Self {
        Self::with(issuer, Keys::Given(Arc::new(RwLock::new(Arc::new(keys)))))
    }

    /// This issuer, with the keys that its metadata leads to (MET-1, MET-2). Nothing is fetched before a token needs it.
    ///
    /// `fetch` guards the network: `GuardedFetch` of `aims-workload-api` is meant for that.
    #[must_use]
    pub fn following(issuer: Issuer, fetch: impl Fetch + 'static, backend: Backend) -> Self {
        let published = Published::new(Location::Metadata(issuer.clone()), Box::new(fetch), backend);
        Self::with(issuer, Keys::Published(Arc::new(published)))
    }

    /// This issuer, which has no metadata, with the keys at this URL.
    #[must_use]
    pub fn following_keys(
        issuer: Issuer,
        keys: HttpsUrl,
        fetch: impl Fetch + 'static,
        backend: Backend,
    ) -> Self {
        let published = Published::new(Location::Url(keys), Box::new(fetch), backend);
        Self::with(issuer, Keys::Published(Arc::new(published)))
    }

    fn with(issuer: Issuer, keys: Keys) -> Self {
        Self { issuer, keys, algorithms: Self::ALGORITHMS }
    }

    /// Takes these algorithms alone. Default: ES256, ES384, Ed25519, PS256 and RS256 (ACT-1).
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// Its identifier.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The keys that count at time `now`, of those that are here already.
    ///
    /// # Errors
    ///
    /// [`IssuerKeysError`]: of an issuer that is followed, none are here.
    pub fn keys(&self, now: UnixTime) -> Result<Arc<JwkSet>, IssuerKeysError> {
        match &self.keys {
            Keys::Given(keys) => Ok(Arc::clone(&keys.read().unwrap_or_else(PoisonError::into_inner))),
            Keys::Published(published) => published.held(now),
        }
    }

    /// Has the keys fetched that a token needs whose header names this one, where they are followed and not here. What comes may not have it: then the token is
    /// refused where it is verified.
    ///
    /// # Errors
    ///
    /// [`IssuerKeysError`]: nobody knows the keys of this issuer now.
    pub async fn prepare(&self, key_id: Option<&str>, now: UnixTime) -> Result<(), IssuerKeysError> {
        match &self.keys {
            Keys::Given(_) => Ok(()),
            Keys::Published(published) => published.prepare(key_id, now).await,
        }
    }

    /// Takes these keys from now on: tokens by any other are refused, those that were verified before among them. Says whether it did: an issuer that is followed
    /// says itself which its keys are.
    pub fn replace_keys(&self, keys: JwkSet) -> bool {
        let Keys::Given(given) = &self.keys else { return false };
        *given.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        true
    }

    /// The key that a header names, if its algorithm is accepted.
    pub(crate) fn key_for<E: From<JwsError> + From<IssuerKeysError>>(
        &self,
        header: &Header,
        now: UnixTime,
    ) -> Result<PublicKey, E> {
        if !self.algorithms.contains(header.algorithm()) {
            return Err(JwsError::AlgorithmNotAllowed(header.algorithm()).into());
        }
        Ok(self.keys(now)?.find_for(header)?.public_key().clone())
    }

    pub(crate) fn is_followed(&self) -> bool {
        matches!(self.keys, Keys::Published(_))
    }

    pub(crate) fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }
}

/// Shows no key.
impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TrustedIssuer");
        shown.field("issuer", &self.issuer).field("algorithms", &self.algorithms);
        match &self.keys {
            Keys::Given(keys) => {
                shown.field("keys", &keys.read().unwrap_or_else(PoisonError::into_inner).len())
            }
            Keys::Published(published) => shown.field("published", published),
        }
        .finish()
    }
}
