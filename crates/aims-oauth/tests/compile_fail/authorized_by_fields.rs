//! Nor is it put together.

use aims_oauth::{AccessToken, Authorized, Shown, VerifiedAccessToken};

fn made(token: VerifiedAccessToken, inbound: AccessToken) -> Authorized {
    Authorized { token, shown: Shown::Bearer, inbound }
}

fn main() {
    let _ = made;
}
