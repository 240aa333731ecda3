//! Nor is it put together.

use aims_oauth::{Authorized, Shown, VerifiedAccessToken};

fn made(token: VerifiedAccessToken) -> Authorized {
    Authorized { token, shown: Shown::Bearer }
}

fn main() {
    let _ = made;
}
