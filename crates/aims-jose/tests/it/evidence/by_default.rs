//! Evidence does not come from nothing, and is not copied by accident.

use aims_jose::{PrivateJwk, VerifiedJws, VerifiedJwt};

fn jws() -> VerifiedJws {
    Default::default()
}

fn jwt() -> VerifiedJwt {
    Default::default()
}

fn key(key: &PrivateJwk) -> PrivateJwk {
    Clone::clone(key)
}

fn main() {}
