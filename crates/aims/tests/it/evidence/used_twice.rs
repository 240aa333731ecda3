//! What a recorder is given makes one permit, once.

use aims::{Authorized, Permit};

fn twice(authorized: Authorized) -> (Permit, Permit) {
    (authorized.recorded(), authorized.recorded())
}

fn copied(authorized: &Authorized) -> Authorized {
    authorized.clone()
}

fn main() {}
