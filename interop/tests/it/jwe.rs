//! Encrypted tokens both ways: jose for Node, which has primitives of its own beside ours, and josekit's own reading and writing
//! of them, of which we use the primitives alone.

use std::process::Command;
use std::sync::LazyLock;

use aims_jose::jwe::{Decrypter, DecryptionKey, EncryptionKey, KeyManagement, encrypt};
use aims_jose::{Jwk, JwkSet, JwtVerifier, NewClaims, NewHeader};
use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
use josekit::jwe::{self, ECDH_ES_A256KW, JweDecrypter, JweEncrypter, JweHeader, RSA_OAEP_256};
use josekit::jwk::Jwk as OtherJwk;
use josekit::jwk::alg::ec::EcCurve;
use serde_json::{Value, json};

use crate::peer::{Peer, installed, or_skip, script};

const VERSION: &str = "5.10.0";

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

/// A recipient's key, for us and for others.
struct Recipient {
    algorithm: KeyManagement,
    decrypter: Decrypter,
    public: EncryptionKey,
    private: OtherJwk,
}

static RECIPIENTS: LazyLock<[Recipient; 3]> = LazyLock::new(|| {
    let recipient = |key: Result<OtherJwk, _>, algorithm: KeyManagement| {
        let mut private = key.unwrap();
        private.set_algorithm(algorithm.name());
        private.set_key_id("enc");
        let key = DecryptionKey::parse(&private.to_string()).unwrap();
        let public = key.encryption_key().clone();
        Recipient { algorithm, decrypter: Decrypter::new(vec![key]).unwrap(), public, private }
    };
    [
        recipient(OtherJwk::generate_ec_key(EcCurve::P256), KeyManagement::EcdhEsA256Kw),
        recipient(OtherJwk::generate_ec_key(EcCurve::P384), KeyManagement::EcdhEsA256Kw),
        recipient(OtherJwk::generate_rsa_key(2048), KeyManagement::RsaOaep256),
    ]
});

/// A signed token, and who verifies it.
static SIGNED: LazyLock<(String, JwtVerifier)> = LazyLock::new(|| {
    let signer = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let jwk = Jwk::new(signer.public_key().clone()).with_key_id("sig").unwrap();
    let mut claims = NewClaims::new();
    claims.issuer("https://as.example").audience("https://rp.example").subject("alice").expires(NOW);
    let token =
        NewHeader::for_jwk("JWT", &jwk).unwrap().unsigned(claims.finish().unwrap()).sign(&signer).unwrap();
    let keys = JwkSet::new(vec![jwk]).unwrap();
    (token, JwtVerifier::builder(keys, "JWT", "https://as.example").audience("https://rp.example").build())
});

impl Recipient {
    fn header(&self) -> Value {
        json!({"alg": self.algorithm.name(), "enc": "A256GCM", "cty": "JWT", "kid": "enc"})
    }

    /// Decrypts and verifies what somebody else encrypted.
    #[track_caller]
    fn takes(&self, token: &str) {
        let (signed, verifier) = &*SIGNED;
        let nested = self.decrypter.decrypt(token).unwrap();
        assert_eq!(nested.unverified(), signed);
        verifier.verify(nested.unverified(), NOW).unwrap();
    }
}

fn node() -> Option<&'static Peer> {
    static NODE: LazyLock<Option<Peer>> = LazyLock::new(|| {
        let mut command = Command::new("node");
        command.arg(script("node/jose.mjs")).arg(installed("node")?);
        Peer::start(&mut command, VERSION)
    });
    or_skip(NODE.as_ref(), "jose for Node")
}

#[test]
fn node_decrypts_what_we_encrypt() {
    let Some(node) = node() else { return };
    for recipient in &*RECIPIENTS {
        let token = encrypt(&SIGNED.0, &recipient.public).unwrap();
        let question = json!({
            "task": "decrypt",
            "token": token,
            "algorithm": recipient.algorithm.name(),
            "key": serde_json::from_str::<Value>(&recipient.private.to_string()).unwrap(),
        });
        let mut answer = node.ask(&question).unwrap();
        assert_eq!(answer["content"], SIGNED.0);
        answer["header"].as_object_mut().unwrap().remove("epk");
        assert_eq!(answer["header"], recipient.header());

        let mut tampered = question;
        let flipped = if token.ends_with('A') { "Q" } else { "A" };
        tampered["token"] = format!("{}{flipped}", &token[..token.len() - 1]).into();
        assert!(node.ask(&tampered).is_err());
    }
}

#[test]
fn we_decrypt_what_node_encrypts() {
    let Some(node) = node() else { return };
    for recipient in &*RECIPIENTS {
        // They get the public key as we write it.
        let mut question = json!({
            "task": "encrypt",
            "content": SIGNED.0,
            "header": recipient.header(),
            "key": serde_json::from_str::<Value>(&recipient.public.to_json()).unwrap(),
        });
        let ask = |question: &Value| node.ask(question).unwrap().as_str().unwrap().to_owned();
        recipient.takes(&ask(&question));
        if recipient.algorithm == KeyManagement::EcdhEsA256Kw {
            question["parties"] = json!(["Alice", "Bob"]);
            recipient.takes(&ask(&question));
        }
        // What we have no code for, they have.
        for (name, value, code) in [
            ("enc", "A128GCM", "content_encryption"),
            ("enc", "A256CBC-HS512", "iv_length"),
            ("cty", "json", "not_nested"),
        ] {
            let mut other = question.clone();
            other["header"][name] = value.into();
            assert_eq!(recipient.decrypter.decrypt(&ask(&other)).unwrap_err().code(), code);
        }
    }
}

#[test]
fn josekit_decrypts_what_we_encrypt() {
    for recipient in &*RECIPIENTS {
        let opener: Box<dyn JweDecrypter> = match recipient.algorithm {
            KeyManagement::EcdhEsA256Kw => {
                Box::new(ECDH_ES_A256KW.decrypter_from_jwk(&recipient.private).unwrap())
            }
            _ => Box::new(RSA_OAEP_256.decrypter_from_jwk(&recipient.private).unwrap()),
        };
        let token = encrypt(&SIGNED.0, &recipient.public).unwrap();
        let (content, header) = jwe::deserialize_compact(&token, &*opener).unwrap();
        assert_eq!(content, SIGNED.0.as_bytes());
        assert_eq!(header.content_type(), Some("JWT"));
    }
}

#[test]
fn we_decrypt_what_josekit_encrypts() {
    for recipient in &*RECIPIENTS {
        let public = OtherJwk::from_bytes(recipient.public.to_json()).unwrap();
        let sealer: Box<dyn JweEncrypter> = match recipient.algorithm {
            KeyManagement::EcdhEsA256Kw => Box::new(ECDH_ES_A256KW.encrypter_from_jwk(&public).unwrap()),
            _ => Box::new(RSA_OAEP_256.encrypter_from_jwk(&public).unwrap()),
        };
        let mut header = JweHeader::new();
        header.set_content_encryption("A256GCM");
        header.set_content_type("JWT");
        header.set_key_id("enc");
        recipient.takes(&jwe::serialize_compact(SIGNED.0.as_bytes(), &header, &*sealer).unwrap());
    }
}
