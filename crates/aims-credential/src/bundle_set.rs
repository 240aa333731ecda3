//! Trust bundles in memory.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aims_id::Origin;

use crate::{BundleSource, TrustBundle};

/// The bundles of any number of origins, in memory; clones share them.
///
/// ```
/// # use aims_credential::{BundleSet, BundleSource, TrustBundle};
/// # use aims_jose::JwkSet;
/// let bundles = BundleSet::new();
/// bundles.insert(TrustBundle::new("spiffe://acme.example".parse()?, JwkSet::new(vec![]).unwrap()));
/// assert!(bundles.bundle("spiffe://acme.example").is_some());
/// assert!(bundles.bundle("wimse://acme.example").is_none());
/// # Ok::<(), aims_id::ParseIdError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct BundleSet(Arc<RwLock<HashMap<Origin, Arc<TrustBundle>>>>);

impl BundleSet {
    /// An empty set: nothing is trusted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts a bundle from now on, in place of the one its origin had.
    pub fn insert(&self, bundle: TrustBundle) {
        let origin = bundle.origin().clone();
        // A thread that panicked while it held the lock left whole entries behind: inserting one is a single step.
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(origin, Arc::new(bundle));
    }

    /// Trusts these bundles from now on, and no others: nobody sees a part of the old ones with a part of the new ones.
    pub fn replace(&self, bundles: impl IntoIterator<Item = Arc<TrustBundle>>) {
        let bundles = bundles.into_iter().map(|bundle| (bundle.origin().clone(), bundle)).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = bundles;
    }

    /// Trusts nothing of this origin any more; says whether it was trusted.
    pub fn remove(&self, origin: &Origin) -> bool {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(origin.as_str()).is_some()
    }
}

impl BundleSource for BundleSet {
    fn bundle(&self, origin: &str) -> Option<Arc<TrustBundle>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(origin).cloned()
    }
}

impl From<TrustBundle> for BundleSet {
    fn from(bundle: TrustBundle) -> Self {
        Self::from_iter([bundle])
    }
}

impl FromIterator<TrustBundle> for BundleSet {
    fn from_iter<I: IntoIterator<Item = TrustBundle>>(bundles: I) -> Self {
        let set = Self::new();
        for bundle in bundles {
            set.insert(bundle);
        }
        set
    }
}
