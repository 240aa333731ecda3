//! Content digests (HS-DIG), by the vectors.

use aims_httpsig::Digests;
use aims_keys::backend;
use aims_testkit::vectors;

use crate::support::{decode, text};

#[test]
fn hs_dig_01_every_digest_of_the_vectors_is_judged_as_it_must_be() {
    let Some(file) = vectors::json("httpsig/content-digest.json") else { return };
    let all = file["vectors"].as_array().unwrap();
    assert_eq!(all.len(), 18);
    for vector in all {
        let lines: Vec<_> = vector["content_digest"].as_array().unwrap().iter().map(text).collect();
        let body = decode(&vector["body_b64"]);
        let verified = Digests::parse(lines.join(", ").as_bytes())
            .and_then(|digests| digests.verify(&body, backend::ring()));
        assert_eq!(verified.is_ok(), vector["expect"] == "valid", "{}: {verified:?}", vector["name"]);
    }
}
