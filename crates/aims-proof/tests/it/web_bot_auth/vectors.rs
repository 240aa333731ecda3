//! Published messages. All are signed with the test keys of RFC 9421, which nobody may use (HS-WBA-11): they are verified with the same
//! policy and without the profile, and the profile refuses them.

use std::time::Duration;

use aims_credential::Fetched;
use aims_httpsig::{Component, Context, Policy, RawMessage, SignatureFields, Tag};
use aims_jose::base64;
use aims_keys::{Algorithm, AlgorithmSet, PublicKey, PublicNumbers, UnixTime, backend};
use aims_proof::web_bot_auth::{
    BotError, BotSigner, BotVerifier, DIRECTORY_TAG, Directories, DirectoryKey, KeyDirectory, KeySource,
    PublishedDirectory, SignatureAgent, TAG,
};
use aims_testkit::{assert_refused, vectors};
use serde_json::Value;

use super::support::{Web, ready};

const CHECKED_AT: UnixTime = UnixTime::from_secs(1_735_690_000);

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn message(value: &Value) -> RawMessage {
    let message = match value["status"].as_u64() {
        Some(status) => RawMessage::response(status.try_into().unwrap()),
        None => RawMessage::request(text(&value["method"]), text(&value["request_target"]))
            .with_scheme(text(&value["scheme"]))
            .with_authority(text(&value["authority"])),
    };
    let fields = value["headers"].as_array().unwrap().iter();
    fields.fold(message, |message, field| message.with_header(text(&field[0]), text(&field[1])))
}

fn key(jwk: &Value, algorithm: Algorithm) -> PublicKey {
    let bytes = |member: &str| aims_jose::base64url::decode(text(&jwk[member])).unwrap();
    let word = |member: &str| <[u8; 32]>::try_from(bytes(member)).unwrap();
    let numbers = match text(&jwk["kty"]) {
        "RSA" => PublicNumbers::Rsa { n: bytes("n"), e: bytes("e") },
        "EC" => PublicNumbers::P256 { x: word("x"), y: word("y") },
        _ => PublicNumbers::Ed25519 { x: word("x") },
    };
    PublicKey::load(numbers, algorithm, backend::ring()).unwrap()
}

fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "rsa-pss-sha512" => Some(Algorithm::Ps512),
        "rsa-v1_5-sha256" => Some(Algorithm::Rs256),
        "ecdsa-p256-sha256" => Some(Algorithm::Es256),
        "ed25519" => Some(Algorithm::Ed25519),
        _ => None,
    }
}

#[test]
fn hs_wba_03_published_values_of_signature_agent_are_read() {
    let Some(file) = vectors::json("httpsig/signature-agent.json") else { return };
    let all = file["vectors"].as_array().unwrap();
    assert_eq!(all.len(), 3);
    for vector in all {
        let agents = SignatureAgent::parse(text(&vector["header"])).unwrap();
        let read: Vec<_> = agents
            .iter()
            .map(|(label, source)| {
                serde_json::json!({ "label": label, "uri": source.as_str(), "type": source.discovery().name() })
            })
            .collect();
        assert_eq!(read, *vector["entries"].as_array().unwrap(), "{}", vector["name"]);
    }
}

#[test]
fn hs_wba_01_hs_wba_11_published_messages_verify_and_are_refused_for_their_keys() {
    let Some(file) = vectors::json("httpsig/web-bot-auth.json") else { return };
    let all = file["vectors"].as_array().unwrap();
    assert_eq!(all.len(), 9);
    let algorithms = AlgorithmSet::of(&[Algorithm::Ed25519, Algorithm::Ps512]);
    for vector in all {
        let name = text(&vector["name"]);
        let request = message(&vector["request"]);
        let response = (vector["target"] == "response").then(|| message(&vector["response"]));
        let (context, tag, covered) = match &response {
            None => (Context::request(&request), TAG, vec![Component::authority()]),
            Some(response) => {
                let covered = vec![
                    Component::authority().of_request().unwrap(),
                    Component::field("content-digest").unwrap(),
                ];
                (Context::response(response).to(&request), DIRECTORY_TAG, covered)
            }
        };
        // What the profile asks for, but the end within a day.
        let policy = Policy::new(Tag::Is(tag.into()), covered, algorithms)
            .requiring("expires")
            .requiring("keyid")
            .max_age(Duration::MAX);
        let fields = SignatureFields::of(&context).unwrap();
        let candidate = fields.select(&policy, CHECKED_AT).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(candidate.label(), text(&vector["label"]), "{name}");
        assert_eq!(candidate.base().unwrap(), text(&vector["signature_base"]), "{name}");
        let key = key(&vector["public_jwk"], algorithm(text(&vector["alg"])).unwrap());
        let keyid = aims_jose::Thumbprint::of(&key).to_string();
        assert_eq!(candidate.key_id(), Some(&*keyid), "{name}: HS-WBA-02");
        let verified = candidate.verify(&key).unwrap_or_else(|error| panic!("{name}: {error}"));

        if response.is_some() {
            let body = base64::decode(text(&vector["response"]["body_b64"])).unwrap();
            verified.with_content(&body, backend::ring()).map(drop).unwrap();
            refuse_directory(&vector["response"], &body);
        } else {
            refuse_request(name, &context);
        }
    }
}

/// By the profile: those that are good for a century are so for that reason, too.
fn refuse_request(name: &str, context: &Context<'_>) {
    let web = Web::default();
    let site =
        BotVerifier::builder(["example.com"], web.directories()).accepting_bare_signature_agent().build();
    let outcome = ready(site.verify(context, CHECKED_AT));
    let refused = if name.contains("v2") {
        assert_refused!(outcome, "lifetime_too_long", "HS-WBA-01", "{name}")
    } else {
        assert_refused!(outcome, "test_key", "HS-WBA-11", "{name}")
    };
    assert!(!matches!(refused, BotError::Signature(_)));
    assert_eq!(web.count(), 0, "nothing is fetched for them");
}

fn refuse_directory(response: &Value, body: &[u8]) {
    let source = KeySource::directory("https://signature-agent.test").unwrap();
    let headers = response["headers"].as_array().unwrap();
    let media_type = headers.iter().find(|field| field[0] == "Content-Type").map(|field| text(&field[1]));
    let fetched = Fetched::new(source.url().clone(), media_type, body.to_vec());
    let fetched = headers
        .iter()
        .fold(fetched, |fetched, field| fetched.with_field(text(&field[0]), text(&field[1]).as_bytes()));
    let directory = KeyDirectory::of(&source, &fetched, CHECKED_AT, backend::ring()).unwrap();
    assert!(directory.keys().is_empty());
    assert_eq!(directory.skipped()[0].reason.code(), "test_key");
    assert_eq!(directory.possessions()[0].as_ref().unwrap_err().code(), "directory_signature_key");
}

#[test]
fn hs_wba_11_no_key_of_rfc_9421_is_one_of_a_bot() {
    let Some(file) = vectors::json("httpsig/rfc9421-keys.json") else { return };
    let mut count = 0;
    for (name, entry) in file["keys"].as_object().unwrap() {
        // The shared secret is none, whatever is done with it.
        let Some(algorithm) = algorithm(text(&entry["http_sig_alg"])) else { continue };
        count += 1;
        // RSA keys are for one algorithm or the other; they are the same keys.
        let algorithm = if algorithm == Algorithm::Rs256 { Algorithm::Ps512 } else { algorithm };
        let public = key(&entry["public_jwk"], algorithm);
        let source = || KeySource::directory("https://bot.example").unwrap();
        assert_refused!(BotSigner::new(source(), &public), "test_key", "HS-WBA-11", "{name}");
        let keys = vec![DirectoryKey::new(public.clone())];
        assert_refused!(PublishedDirectory::new(source(), keys, backend::ring()), "test_key", "HS-WBA-11");
        let directories = Directories::builder(Web::default(), backend::ring()).build();
        let site = BotVerifier::builder(["shop.example"], directories).own_key(public);
        assert_refused!(site, "test_key", "HS-WBA-11", "{name}");
    }
    assert_eq!(count, 4);
}
