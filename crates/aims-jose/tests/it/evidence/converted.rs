//! What was only looked at does not become evidence.

use std::str::FromStr;

use aims_jose::{PeekedJws, UntrustedToken, UnverifiedJws, VerifiedJws, VerifiedJwt};

fn from_unverified(jws: UnverifiedJws<'_>) -> VerifiedJws {
    jws.into()
}

fn from_peeked(jws: PeekedJws<'_>) -> VerifiedJws {
    jws.into()
}

fn from_untrusted(token: UntrustedToken) -> VerifiedJwt {
    token.into()
}

fn from_text(token: &str) -> VerifiedJwt {
    VerifiedJwt::from_str(token).unwrap()
}

fn main() {}
