//! Tokens of other implementations.

use aims_credential::JwtSvid;
use aims_testkit::vectors;

use crate::support::at;

#[test]
fn js_5_js_7_the_example_of_the_oauth_draft() {
    let Some(vector) = vectors::json("spiffe/oauth-jwt-svid-example.json") else { return };
    // Its signature is not genuine, so it is read as its holder reads it.
    let svid = JwtSvid::from_issuer(vector["token"].as_str().unwrap()).unwrap();
    assert_eq!(svid.subject().as_str(), "spiffe://example.org/my-oauth-client");
    assert_eq!(svid.not_after(), at(1_747_124_543));
}
