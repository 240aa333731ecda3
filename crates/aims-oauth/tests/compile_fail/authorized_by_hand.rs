//! What a request may do comes out of a verified token, never out of an answer in some window.

use aims_oauth::{AccessToken, AccessTokenVerifier, Authorized, VerifiedAccessToken};

struct LocalYes;

fn clicked(_: LocalYes) -> Authorized {
    Authorized::default()
}

fn converted(yes: LocalYes) -> Authorized {
    yes.into()
}

fn made_by_new(token: VerifiedAccessToken, inbound: AccessToken) -> Authorized {
    Authorized::new(token, aims_oauth::Shown::Bearer, inbound)
}

fn verified_by_hand() -> VerifiedAccessToken {
    VerifiedAccessToken::default()
}

fn main() {
    let _ = (clicked, converted, made_by_new, verified_by_hand, AccessTokenVerifier::builder);
}
