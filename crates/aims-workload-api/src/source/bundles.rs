//! Bundles from several streams, one for each trust domain.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use aims_credential::{BundleSet, BundleSource, Freshness, TrustBundle};
use aims_id::Origin;

/// The kinds of bundle that the Workload API gives out apart (WA-7).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Kind {
    Jwt,
    Wit,
    X509,
}

/// What each stream said last; put together, it is what is trusted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bundles {
    set: BundleSet,
    by_kind: Arc<Mutex<HashMap<Kind, HashMap<Origin, TrustBundle>>>>,
}

impl Bundles {
    pub(super) fn set(&self) -> BundleSet {
        self.set.clone()
    }

    /// All there is of this kind now: what is not among these counts no more (WA-5).
    pub(super) fn replace(&self, kind: Kind, bundles: Vec<TrustBundle>) {
        let bundles = bundles.into_iter().map(|bundle| (bundle.origin().clone(), bundle)).collect();
        let mut by_kind = self.by_kind.lock().unwrap_or_else(PoisonError::into_inner);
        by_kind.insert(kind, bundles);
        let origins: HashSet<&Origin> = by_kind.values().flat_map(HashMap::keys).collect();
        let all = origins.into_iter().map(|origin| self.together(origin, &by_kind));
        self.set.replace(all.collect::<Vec<_>>());
    }

    /// One bundle with the keys of each kind; the very one from before, if it says the same: what was verified with it need not be again.
    fn together(
        &self,
        origin: &Origin,
        by_kind: &HashMap<Kind, HashMap<Origin, TrustBundle>>,
    ) -> Arc<TrustBundle> {
        let of = |kind| by_kind.get(&kind).and_then(|bundles| bundles.get(origin));
        let keys = of(Kind::Wit).map(|bundle| bundle.keys().clone()).unwrap_or_default();
        let mut together = TrustBundle::new(origin.clone(), keys);
        if let Some(jwt) = of(Kind::Jwt) {
            together = together.with_jwt_keys(jwt.jwt_keys().clone());
        }
        if let Some(x509) = of(Kind::X509) {
            together = together
                .with_x509_authorities(x509.x509_authorities().to_vec())
                .with_revocation_lists(x509.revocation_lists().to_vec());
        }
        match self.set.bundle(origin.as_str()) {
            Some(before) if is_same(&before, &together) => before,
            _ => Arc::new(together),
        }
    }
}

fn is_same(before: &TrustBundle, after: &TrustBundle) -> bool {
    let lists = |bundle: &TrustBundle| bundle.revocation_lists().len();
    let pairs = before.revocation_lists().iter().zip(after.revocation_lists());
    Freshness::of(before, after) == Freshness::Same
        && lists(before) == lists(after)
        && pairs.map(|(one, other)| (one.der(), other.der())).all(|(one, other)| one == other)
}
