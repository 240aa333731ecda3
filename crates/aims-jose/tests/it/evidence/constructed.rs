//! Evidence has no public fields: it cannot be written down.

use aims_jose::{Claims, Header, VerifiedJws, VerifiedJwt};
use aims_keys::PublicKey;

fn jws(header: Header, key: PublicKey) -> VerifiedJws {
    VerifiedJws { header, key, payload: Vec::new() }
}

fn jwt(header: Header, key: PublicKey, claims: Claims) -> VerifiedJwt {
    VerifiedJwt { header, key, claims }
}

fn main() {}
