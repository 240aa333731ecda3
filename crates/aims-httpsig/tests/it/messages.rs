//! Every signed message of RFC 9421, verified as its examples say.

use std::time::Duration;

use aims_httpsig::{
    Context, Policy, RawMessage, SharedSecret, SignatureFields, Tag, VerifyError, VerifyingKey,
};
use aims_keys::{Algorithm, AlgorithmSet, PublicKey, PublicNumbers, UnixTime, backend};
use aims_testkit::vectors;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::support::{message, text};

enum Key {
    Public(PublicKey),
    Shared(SharedSecret),
}

impl Key {
    fn of(keys: &Value, name: &str) -> Self {
        let entry = &keys[name];
        let jwk = &entry["public_jwk"];
        let bytes = |member: &str| URL_SAFE_NO_PAD.decode(text(&jwk[member])).unwrap();
        let word = |member: &str| <[u8; 32]>::try_from(bytes(member)).unwrap();
        let (numbers, algorithm) = match text(&entry["http_sig_alg"]) {
            "hmac-sha256" => {
                return Self::Shared(SharedSecret::new(Zeroizing::new(bytes("k")), backend::ring()).unwrap());
            }
            "rsa-pss-sha512" => (PublicNumbers::Rsa { n: bytes("n"), e: bytes("e") }, Algorithm::Ps512),
            "rsa-v1_5-sha256" => (PublicNumbers::Rsa { n: bytes("n"), e: bytes("e") }, Algorithm::Rs256),
            "ecdsa-p256-sha256" => (PublicNumbers::P256 { x: word("x"), y: word("y") }, Algorithm::Es256),
            "ed25519" => (PublicNumbers::Ed25519 { x: word("x") }, Algorithm::Ed25519),
            other => panic!("{other}"),
        };
        Self::Public(PublicKey::load(numbers, algorithm, backend::ring()).unwrap())
    }

    fn verifying(&self) -> VerifyingKey<'_> {
        match self {
            Self::Public(key) => key.into(),
            Self::Shared(secret) => secret.into(),
        }
    }
}

/// In 2021, whatever is covered.
fn policy(keyid: &str) -> Policy {
    let all: Vec<_> = Algorithm::ALL.into();
    Policy::new(Tag::Any, [], AlgorithmSet::of(&all))
        .with_key_id(keyid)
        .max_age(Duration::from_secs(3600))
        .allowing_shared_secrets()
        .dangerous_allowing_no_coverage()
}

#[test]
fn hs_base_02_hs_ver_01_every_message_of_the_rfc_verifies_or_does_not() {
    let (Some(file), Some(keys)) =
        (vectors::json("httpsig/rfc9421-messages.json"), vectors::json("httpsig/rfc9421-keys.json"))
    else {
        return;
    };
    let all = file["vectors"].as_array().unwrap();
    assert_eq!(all.len(), 20);
    for vector in all {
        let name = text(&vector["name"]);
        let (request, response): (Option<RawMessage>, Option<RawMessage>) =
            (message(&vector["request"]), message(&vector["response"]));
        let context = if text(&vector["target"]) == "request" {
            Context::request(request.as_ref().unwrap())
        } else {
            let context = Context::response(response.as_ref().unwrap());
            request.iter().fold(context, |context, request| context.to(request))
        };
        let keyid = text(&vector["keyid"]);
        let fields = SignatureFields::of(&context).unwrap();
        let candidate = fields.select(&policy(keyid), UnixTime::from_secs(1_618_884_500)).unwrap();
        assert_eq!(candidate.label(), text(&vector["label"]), "{name}");
        let key = Key::of(&keys["keys"], keyid);
        let verified = candidate.verify(key.verifying());
        if vector["expect"] == "valid" {
            let verified = verified.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(verified.parameters().key_id(), Some(keyid));
        } else {
            assert_eq!(verified.unwrap_err(), VerifyError::BadSignature, "{name}");
        }
    }
}
