//! Signed messages: no field makes a verifier panic, what was signed verifies, and nothing else does.

use aims_httpsig::{
    AcceptSignature, Component, Context, Digests, NewSignature, Policy, RawMessage, SignatureFields, Tag,
};
use aims_keys::{Algorithm, AlgorithmSet, Signer, SoftwareKey, backend};

use super::world::NOW;

/// Up to four parts, with a zero byte between them: `Signature-Input`, `Signature`, a field, a target.
pub(super) fn run(input: &[u8]) {
    let mut parts = input.split(|byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (signature_input, signature, field, target) = (part(), part(), part(), part());
    let _ = AcceptSignature::parse(signature_input);
    if let Ok(digests) = Digests::parse(field) {
        assert!(digests.verify(b"something else", backend::ring()).is_err());
    }
    let target = str::from_utf8(target).unwrap_or("/");
    let message = RawMessage::request("POST", target)
        .with_scheme("https")
        .with_authority("a.example")
        .with_header("x", field);
    let policy = Policy::new(Tag::Any, [], AlgorithmSet::STANDARD).dangerous_allowing_no_coverage();
    let received =
        message.clone().with_header("signature-input", signature_input).with_header("signature", signature);
    let context = Context::request(&received);
    let key = SoftwareKey::generate(Algorithm::Ed25519, backend::ring()).expect("a key");
    let fields = SignatureFields::of(&context).expect("both fields are there");
    if let Ok(candidates) = fields.candidates(&policy, NOW) {
        for candidate in candidates.into_iter().flatten() {
            if let Ok(base) = candidate.base() {
                assert!(base.is_ascii() && base.lines().count() == candidate.components().len() + 1);
            }
            assert!(candidate.verify(Signer::public_key(&key)).is_err(), "signed by nobody");
        }
    }

    let covered = [Component::path(), Component::query(), Component::field("x").expect("a name")];
    let unsigned = NewSignature::covering(covered.clone()).created(NOW).prepare(&Context::request(&message));
    let Ok(unsigned) = unsigned else { return };
    let signed = unsigned.sign(&key).expect("a signature");
    let message = message
        .with_header("signature-input", signed.signature_input())
        .with_header("signature", signed.signature());
    let context = Context::request(&message);
    let fields = SignatureFields::of(&context).expect("both fields are there");
    let candidate = fields.select(&policy, NOW).expect("a signature");
    let verified = candidate.verify(Signer::public_key(&key)).expect("what was signed verifies");
    assert_eq!(verified.covered().count(), covered.len());
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "s=(\"@method\" \"x\";bs \"@query-param\";name=\"a\");created=1790000000;nonce=\"n\"\0s=:AAAA:\0value\0/p?a=1&b=%41",
        "s=(\"content-digest\";sf), t=()\0s=:AA==:, t=:AA==:\0sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:\0*",
        "s=(\"@target-uri\" \"@authority\")\0s=::\0a\r\n b\0https://u@b.example:443",
    ])
}
