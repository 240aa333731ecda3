//! Claims are out of reach before the signature was checked.

use aims_jose::UnverifiedJws;

fn payload(jws: &UnverifiedJws<'_>) -> usize {
    jws.payload().len() + jws.claims().len() + jws.decoded.len()
}

fn main() {}
