//! wimsey 0.9 (pure Rust): identifiers, WIT and WPT both ways, ES256 and EdDSA.

use std::sync::Arc;

use aims_credential::{BundleSet, TrustBundle, VerifiedWit, Wit, WitIssuer, WitVerifier};
use aims_id::WorkloadId;
use aims_jose::{Jwk, JwkSet};
use aims_keys::{
    Algorithm, PrivateKey, PrivateNumbers, PublicNumbers, SignInput, Signer, SoftwareKey, UnixTime, backend,
};
use aims_proof::{Audiences, NewWpt, ReplayMemory, Target, WptRequest, WptVerifier};
use wimsey_identifier::WorkloadIdentifier;
use wimsey_wit::{Confirmation, WitClaims};
use wimsey_wpt::{SigningKey, WptClaims};

const NOW: u64 = 1_790_000_000;
const AUDIENCE: &str = "https://tools.example/v1/search";
const SUBJECT: &str = "spiffe://acme.example/agents/travel";

/// Issuer and workload, each with either algorithm.
const PAIRS: [(Algorithm, Algorithm); 4] = [
    (Algorithm::Es256, Algorithm::Es256),
    (Algorithm::Es256, Algorithm::EdDsa),
    (Algorithm::EdDsa, Algorithm::Es256),
    (Algorithm::EdDsa, Algorithm::EdDsa),
];

/// One private key, for both implementations. Test values, good for nothing else.
pub(crate) struct Pair {
    pub(crate) ours: Arc<SoftwareKey>,
    pub(crate) theirs: SigningKey,
}

pub(crate) fn pair(algorithm: Algorithm, byte: u8) -> Pair {
    let secret = [byte; 32];
    let theirs = match algorithm {
        Algorithm::Es256 => SigningKey::from_p256_scalar(&secret).unwrap(),
        _ => SigningKey::from_ed25519_seed(&secret),
    };
    let public = theirs.verifying_key().to_raw_bytes();
    let public = match algorithm {
        // SEC 1, uncompressed.
        Algorithm::Es256 => {
            PublicNumbers::P256 { x: public[1..33].try_into().unwrap(), y: public[33..].try_into().unwrap() }
        }
        _ => PublicNumbers::Ed25519 { x: public.try_into().unwrap() },
    };
    let private = private_key(&public, secret);
    Pair { ours: Arc::new(private.load(algorithm, backend::ring()).unwrap()), theirs }
}

fn private_key(public: &PublicNumbers, secret: [u8; 32]) -> PrivateKey {
    let numbers = match public {
        PublicNumbers::P256 { x, y } => PrivateNumbers::P256 { d: secret.into(), x: *x, y: *y },
        PublicNumbers::Ed25519 { x } => PrivateNumbers::Ed25519 { seed: secret.into(), x: *x },
        other => panic!("no such key here: {other:?}"),
    };
    PrivateKey::from_numbers(numbers).unwrap()
}

fn verifier(issuer: &Pair) -> WitVerifier {
    let key = Jwk::new(issuer.ours.public_key().clone()).with_key_id("issuer-1").unwrap();
    let bundle = TrustBundle::new("spiffe://acme.example".parse().unwrap(), JwkSet::new(vec![key]).unwrap());
    WitVerifier::builder(BundleSet::from(bundle), backend::ring()).build()
}

fn our_wit(issuer: &Pair, workload: &Pair) -> String {
    let issuer =
        WitIssuer::new("spiffe://acme.example".parse().unwrap(), issuer.ours.clone(), "issuer-1").unwrap();
    let subject: WorkloadId = SUBJECT.parse().unwrap();
    issuer.issue(&subject, workload.ours.public_key(), UnixTime::from_secs(NOW)).unwrap()
}

fn their_wit(issuer: &Pair, workload: &Pair) -> String {
    let claims = WitClaims {
        iss: Some("https://issuer.example".to_owned()),
        sub: WorkloadIdentifier::parse(SUBJECT).unwrap(),
        iat: Some(NOW),
        exp: NOW + 3600,
        jti: Some("a1b2c3".to_owned()),
        cnf: Confirmation { jwk: wimsey_jose::Jwk::from_verifying_key(&workload.theirs.verifying_key()) },
    };
    wimsey_wit::issue(&claims, Some("issuer-1"), &issuer.theirs).unwrap()
}

#[test]
fn wimsey_verifies_our_wits_and_proofs() {
    for (issuing, proving) in PAIRS {
        let (issuer, workload) = (pair(issuing, 0x11), pair(proving, 0x21));
        let token = our_wit(&issuer, &workload);
        let theirs =
            wimsey_wit::verify(&token, &issuer.theirs.verifying_key(), &wimsey_wit::Validation::at(NOW))
                .unwrap();
        assert_eq!(theirs.claims.sub.as_str(), SUBJECT);
        assert_eq!(theirs.pop_key, workload.theirs.verifying_key(), "{issuing} {proving}");

        let wit = Wit::from_issuer(&token, backend::ring()).unwrap();
        let unsigned = NewWpt::new(AUDIENCE)
            .txn_token("eyJhbGciOiJub25lIn0.e30.c2ln")
            .context("X-Context-Token", " opaque ")
            .prepare(&wit, UnixTime::from_secs(NOW))
            .unwrap();
        let signature = workload.ours.sign(SignInput::Message(unsigned.signing_input())).unwrap();
        let proof = unsigned.attach(signature.as_bytes()).unwrap();

        let validation = wimsey_wpt::Validation::new(NOW, AUDIENCE, &token)
            .with_max_lifetime(300)
            .with_txn_token("eyJhbGciOiJub25lIn0.e30.c2ln")
            .with_other_token("X-Context-Token", " opaque ");
        let verified = wimsey_wpt::verify(&proof, &theirs.pop_key, &validation).unwrap();
        assert_eq!(verified.claims.aud, AUDIENCE);

        let elsewhere = wimsey_wpt::Validation::new(NOW, "https://tools.example/v1/book", &token);
        assert!(wimsey_wpt::verify(&proof, &theirs.pop_key, &elsewhere).is_err());
    }
}

#[test]
fn we_verify_wimseys_wits_and_proofs() {
    for (issuing, proving) in PAIRS {
        let (issuer, workload) = (pair(issuing, 0x11), pair(proving, 0x21));
        let token = their_wit(&issuer, &workload);
        let now = UnixTime::from_secs(NOW);
        let wit: VerifiedWit = verifier(&issuer).verify(&token, now).unwrap();
        assert_eq!(wit.subject().as_str(), SUBJECT);
        assert_eq!(wit.token_id(), Some("a1b2c3"));
        assert_eq!(wit.confirmation_key(), workload.ours.public_key(), "{issuing} {proving}");

        let txn_token = "eyJhbGciOiJub25lIn0.e30.c2ln";
        let (field, hash) = wimsey_wpt::other_token_entry("X-Context-Token", " opaque ");
        let claims = WptClaims {
            aud: AUDIENCE.to_owned(),
            exp: NOW + 60,
            jti: "0123456789abcdef".to_owned(),
            wth: wimsey_wpt::wit_thumbprint(&token),
            tth: Some(wimsey_wpt::txn_token_thumbprint(txn_token)),
            oth: Some([(field, hash)].into_iter().collect()),
        };
        let proof = wimsey_wpt::issue(&claims, &workload.theirs).unwrap();

        let audiences = Audiences::http("https://tools.example").unwrap();
        let verifier = WptVerifier::builder(audiences, ReplayMemory::with_capacity(16))
            .context_field("X-Context-Token")
            .build();
        let context = [("x-context-token", " opaque ")];
        let request = WptRequest::new(&proof, Target::HttpPath("/v1/search"))
            .txn_token(Some(txn_token))
            .context(&context);
        let proved = verifier.verify(&wit, &request, now).unwrap();
        assert_eq!(proved.context("x-context-token"), Some("opaque"));

        let again = verifier.verify(&wit, &request, now).unwrap_err();
        assert_eq!((again.code(), again.rule()), ("replay", "WPT-11"));
    }
}

#[test]
fn both_agree_on_identifiers_except_where_we_are_stricter() {
    let agreed = [
        ("spiffe://acme.example/agents/travel", true),
        ("wimse://acme.example/agents/travel", true),
        ("spiffe://ACME.example/a", false),
        ("spiffe://acme.example/a/../b", false),
        ("spiffe://acme.example/a//b", false),
        ("spiffe://acme.example/%61", false),
        ("spiffe://user@acme.example/a", false),
        ("spiffe://acme.example:443/a", false),
        ("wimse://acme.example/a?b", false),
        ("wimse://acme.example/", false),
        ("https://acme.example/a", false),
    ];
    for (text, accepted) in agreed {
        assert_eq!(text.parse::<WorkloadId>().is_ok(), accepted, "ours: {text}");
        assert_eq!(WorkloadIdentifier::parse(text).is_ok(), accepted, "theirs: {text}");
    }
    // WID-10: segments of unreserved characters only; they take any `pchar`.
    let stricter = "wimse://acme.example/a:b";
    let refused = stricter.parse::<WorkloadId>().unwrap_err();
    assert_eq!((refused.code(), refused.rule()), ("segment_char", "WID-10"));
    assert!(WorkloadIdentifier::parse(stricter).is_ok());
}
