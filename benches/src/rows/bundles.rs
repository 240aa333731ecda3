//! Trust bundles: what it takes to find the one of a trust domain.

use std::sync::Arc;

use aims_credential::{BundleSet, BundleSource, TrustBundle};
use aims_jose::JwkSet;

use crate::row::Row;

pub(super) fn among_1() -> Row {
    look_up(1)
}

pub(super) fn among_1_000() -> Row {
    look_up(1_000)
}

pub(super) fn among_100_000() -> Row {
    look_up(100_000)
}

fn look_up(domains: usize) -> Row {
    let name = |n: usize| format!("spiffe://domain-{n}.example");
    let bundles = BundleSet::new();
    bundles.replace((0..domains).map(|n| {
        let origin = name(n).parse().expect("an origin");
        Arc::new(TrustBundle::new(origin, JwkSet::default()))
    }));
    // Many of them in turn, so that not all that is touched is in the cache.
    let asked: Vec<String> = (0..1024).map(|n| name(n * 97 % domains)).collect();
    let mut next = 0;
    Row::short(move || {
        next = (next + 1) % asked.len();
        bundles.bundle(&asked[next]).expect("it is trusted")
    })
}
