//! Trust bundles in memory.

use std::collections::HashMap;
use std::sync::Arc;

use aims_id::Origin;
use arc_swap::ArcSwap;

use crate::{BundleSource, TrustBundle};

/// The bundles of any number of origins, in memory; clones share them.
///
/// Reading takes no lock. A change copies the table of pointers and swaps it: to load many bundles, [`replace`](Self::replace)
/// them at once.
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
pub struct BundleSet(Arc<ArcSwap<Bundles>>);

type Bundles = HashMap<Origin, Arc<TrustBundle>>;

impl BundleSet {
    /// An empty set: nothing is trusted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts a bundle from now on, in place of the one its origin had, and of the revocation lists in that.
    pub fn insert(&self, bundle: TrustBundle) {
        let bundle = Arc::new(bundle);
        self.0.rcu(|bundles| {
            let mut bundles = Bundles::clone(bundles);
            bundles.insert(bundle.origin().clone(), Arc::clone(&bundle));
            bundles
        });
    }

    /// Trusts a newer edition of a bundle from now on, which keeps the revocation lists of the one that its origin had: bundle documents
    /// hold none. Lists that are [set](Self::set_revocation_lists) meanwhile are not lost.
    #[cfg(feature = "x509")]
    pub fn update(&self, bundle: &TrustBundle) {
        self.0.rcu(|bundles| {
            let lists = bundles
                .get(bundle.origin().as_str())
                .map_or_else(Vec::new, |old| old.revocation_lists().to_vec());
            let mut bundles = Bundles::clone(bundles);
            bundles.insert(bundle.origin().clone(), Arc::new(bundle.clone().with_revocation_lists(lists)));
            bundles
        });
    }

    /// Trusts these bundles from now on, and no others: nobody sees a part of the old ones with a part of the new ones.
    /// With the old ones go their revocation lists.
    pub fn replace(&self, bundles: impl IntoIterator<Item = Arc<TrustBundle>>) {
        self.0.store(Arc::new(table(bundles)));
    }

    /// Gives the bundle of this origin these revocation lists, in place of those it had; says whether there is such a bundle.
    ///
    /// They count at once, for connections that stand, too: whoever verified with the old bundle verifies anew.
    #[cfg(feature = "x509")]
    #[expect(clippy::must_use_candidate, reason = "lists of a domain that is not trusted revoke nothing")]
    pub fn set_revocation_lists(&self, origin: &Origin, lists: &[crate::x509::RevocationList]) -> bool {
        let before = self.0.rcu(|bundles| {
            let mut bundles = Bundles::clone(bundles);
            if let Some(bundle) = bundles.get_mut(origin.as_str()) {
                *bundle = Arc::new(TrustBundle::clone(bundle).with_revocation_lists(lists.to_vec()));
            }
            bundles
        });
        before.contains_key(origin.as_str())
    }

    /// Trusts nothing of this origin any more; says whether it was trusted.
    #[expect(clippy::must_use_candidate, reason = "most callers only want it gone")]
    pub fn remove(&self, origin: &Origin) -> bool {
        let before = self.0.rcu(|bundles| {
            let mut bundles = Bundles::clone(bundles);
            bundles.remove(origin.as_str());
            bundles
        });
        before.contains_key(origin.as_str())
    }
}

fn table(bundles: impl IntoIterator<Item = Arc<TrustBundle>>) -> Bundles {
    bundles.into_iter().map(|bundle| (bundle.origin().clone(), bundle)).collect()
}

impl BundleSource for BundleSet {
    fn bundle(&self, origin: &str) -> Option<Arc<TrustBundle>> {
        self.0.load().get(origin).cloned()
    }
}

impl From<TrustBundle> for BundleSet {
    fn from(bundle: TrustBundle) -> Self {
        Self::from_iter([bundle])
    }
}

impl FromIterator<TrustBundle> for BundleSet {
    fn from_iter<I: IntoIterator<Item = TrustBundle>>(bundles: I) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(table(bundles.into_iter().map(Arc::new)))))
    }
}
