//! The client that keeps tokens.

mod asked;
mod cut_off;
mod discovered;
mod domains;
mod kept;
mod users;

use std::time::Duration;

use aims_oauth::{HeldToken, TokenNeed};

use crate::world::*;

fn need() -> TokenNeed {
    TokenNeed::of(tool()).from(issuer()).scope("trips:read".parse().unwrap())
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn same(one: &HeldToken, other: &HeldToken) -> bool {
    one.fingerprint() == other.fingerprint()
}
