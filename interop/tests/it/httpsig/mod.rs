//! HTTP message signatures (RFC 9421) by others: what we sign they verify, what they sign we verify, and neither verifies what was changed on the way.
//!
//! Where another implementation is not as the RFC, a test says so and how, so that a version that mends it is noticed.

mod case;
mod cases;
mod keys;
mod node;
mod python;
mod wimsey;

use aims_testkit::assert_refused;

use self::case::{Case, Signature};
use self::keys::Keys;

/// Another implementation.
trait Other {
    fn sign(&self, case: &Case, keys: &Keys) -> Result<Signature, String>;

    /// Verifies one signature, covered as the case says, with content where it has some.
    fn verify(&self, case: &Case, keys: &Keys, signature: &Signature) -> Result<(), String>;
}

/// Both sign, and both verify what the other signed.
fn both_ways(other: &impl Other, case: &Case, keys: &Keys) {
    let what = format!("{}, {}", case.name, keys.name);
    let (ours, theirs) = (case.sign(keys), other.sign(case, keys));
    let theirs = theirs.unwrap_or_else(|error| panic!("{what}: they do not sign: {error}"));
    other.verify(case, keys, &ours).unwrap_or_else(|error| panic!("{what}: they refuse ours: {error}"));
    case.verify(keys, &theirs).unwrap_or_else(|error| panic!("{what}: we refuse theirs: {error:?}"));

    for changed in case.changed() {
        assert!(other.verify(&changed, keys, &ours).is_err(), "{what}: they verify what was changed");
        assert_refused!(changed.verify(keys, &theirs), "bad_signature", "HS-BASE-06", "{what}");
    }
}
