//! Content digests (HS-DIG), by the vectors.

use aims_httpsig::{Component, Context, Digests, NewSignature, Policy, RawMessage, SignatureFields, Tag};
use aims_keys::backend::HashAlgorithm;
use aims_keys::{Algorithm, AlgorithmSet, SoftwareKey, UnixTime, backend};
use aims_testkit::{assert_refused, vectors};

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

#[test]
fn hs_dig_01_digests_are_made_by_either_algorithm_and_read_again() {
    let content = b"the content";
    for (algorithm, start, len) in [
        (HashAlgorithm::Sha256, "sha-256=:", 54),
        (HashAlgorithm::Sha384, "sha-256=:", 54),
        (HashAlgorithm::Sha512, "sha-512=:", 98),
    ] {
        let field = Digests::field_by(algorithm, content, backend::ring());
        assert!(field.starts_with(start) && field.ends_with(':') && field.len() == len, "{field}");
        let digests = Digests::parse(field.as_bytes()).unwrap();
        digests.verify(content, backend::ring()).unwrap();
        assert_refused!(digests.verify(b"other", backend::ring()), "digest_mismatch", "HS-DIG-03");
    }
}

#[test]
fn hs_dig_02_who_wants_digests_gets_them_by_an_algorithm_that_counts() {
    use HashAlgorithm::{Sha256, Sha512};

    for (field, wanted) in [
        ("", None),
        ("sha-256=1", Some(Sha256)),
        ("sha-512=10, sha-256=9", Some(Sha512)),
        ("sha-512=5, sha-256=5", Some(Sha256)),
        ("sha-512=0, sha-256=0", None),
        ("md5=10, sha=10", None),
        ("md5=10, sha-512=1;q=7", Some(Sha512)),
    ] {
        assert_eq!(Digests::wanted(field.as_bytes()), Ok(wanted), "{field}");
    }
    for (field, code) in [
        ("sha-256", "digest_form"),
        ("sha-256=11", "digest_form"),
        ("sha-256=-1", "digest_form"),
        ("sha-256=1.5", "digest_form"),
        ("sha-512=1, x=(1)", "digest_form"),
        ("sha-256=", "digest_malformed"),
    ] {
        assert_refused!(Digests::wanted(field.as_bytes()), code, "HS-DIG-01", "{field}");
    }
}

/// What a signature says of a representation it does not say of content, and the other way round.
#[test]
fn hs_dig_04_a_representation_is_not_content() {
    let key = SoftwareKey::generate(Algorithm::Ed25519, backend::ring()).unwrap();
    let now = UnixTime::from_secs(1_790_000_000);
    let (whole, part) = (b"all of it".as_slice(), b"of".as_slice());
    let message = RawMessage::response(206)
        .with_header("content-digest", Digests::field(part, backend::ring()))
        .with_header("repr-digest", Digests::field(whole, backend::ring()));
    let signed = |covered: &[&'static str]| {
        let covered: Vec<_> = covered.iter().map(|name| Component::field(*name).unwrap()).collect();
        let new = NewSignature::covering(covered.clone()).created(now).tag("x");
        let fields = new.prepare(&Context::response(&message)).unwrap().sign(&key).unwrap();
        let message = message
            .clone()
            .with_header("signature-input", fields.signature_input())
            .with_header("signature", fields.signature());
        (message, Policy::new(Tag::Is("x".into()), covered, AlgorithmSet::STANDARD))
    };
    let (message, policy) = signed(&["repr-digest", "content-digest"]);
    let fields = SignatureFields::of(&Context::response(&message)).unwrap();
    let verify = || fields.select(&policy, now).unwrap().verify(key.public_key()).unwrap();
    assert_eq!(verify().with_representation(whole, backend::ring()).unwrap().representation(), whole);
    assert_eq!(verify().with_content(part, backend::ring()).unwrap().content(), part);
    assert_refused!(verify().with_representation(part, backend::ring()), "digest_mismatch", "HS-DIG-03");
    assert_refused!(verify().with_content(whole, backend::ring()), "digest_mismatch", "HS-DIG-03");

    let (message, policy) = signed(&["content-digest"]);
    let fields = SignatureFields::of(&Context::response(&message)).unwrap();
    let verified = fields.select(&policy, now).unwrap().verify(key.public_key()).unwrap();
    assert_refused!(verified.with_representation(whole, backend::ring()), "digest_not_covered", "HS-DIG-04");
}
