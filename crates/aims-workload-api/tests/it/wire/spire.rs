//! Our client at what SPIRE's agent answers (WA-1, WA-4 to WA-9, WA-12).

use std::time::Duration;

use aims_credential::x509::{Role, SvidVerifier};
use aims_credential::{BundleSet, BundleSource, Credential, CredentialSource, HolderError, JwtSvidVerifier};
use aims_keys::{Algorithm, backend};
use aims_provision::RotationState;
use aims_testkit::assert_refused;
use aims_workload_api::{SourceStatus, WorkloadSource};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD as BASE64, Engine as _};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose as Extended, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose as Usage,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use tokio::time::timeout;

use super::grpc::{Agent, Answer};
use super::protobuf::{bytes, entry, lengths, unknown};
use crate::support::*;

const X509: &str = "/SpiffeWorkloadAPI/FetchX509SVID";
const X509_BUNDLES: &str = "/SpiffeWorkloadAPI/FetchX509Bundles";
const JWT: &str = "/SpiffeWorkloadAPI/FetchJWTSVID";
const JWT_BUNDLES: &str = "/SpiffeWorkloadAPI/FetchJWTBundles";
const VALIDATE: &str = "/SpiffeWorkloadAPI/ValidateJWTSVID";
const WIT: &str = "/SpiffeWorkloadAPI/FetchWITSVID";
const WIT_BUNDLES: &str = "/SpiffeWorkloadAPI/FetchWITBundles";

const TWO: &str = "spiffe://acme.example/agents/two";
const BANK: &str = "spiffe://bank.example";

/// A server of SPIRE, as far as its certificates go (credtemplate/builder.go).
struct Spire {
    root: CertifiedIssuer<'static, KeyPair>,
    /// With an upstream authority it signs by an intermediate one, and chains have two certificates.
    below: CertifiedIssuer<'static, KeyPair>,
}

impl Spire {
    fn new(trust_domain: &str) -> Self {
        let root = CertifiedIssuer::self_signed(ca(trust_domain, "1"), KeyPair::generate().unwrap()).unwrap();
        let mut params = ca(trust_domain, "2");
        params.use_authority_key_identifier_extension = true;
        let below = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &root).unwrap();
        Self { root, below }
    }

    /// A chain, one certificate after the other, and its key as PKCS#8.
    fn svid(&self, id: &str, key: &KeyPair) -> (Vec<u8>, Vec<u8>) {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(vec![0x2a; 16]));
        params.distinguished_name = DistinguishedName::default();
        params.distinguished_name.push(DnType::CountryName, "US");
        params.distinguished_name.push(DnType::OrganizationName, "SPIRE");
        // x500UniqueIdentifier, by which databases tell workloads apart.
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 45]), "5e3ba2e0e4a9d0a8");
        params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![Usage::DigitalSignature, Usage::KeyEncipherment, Usage::KeyAgreement];
        params.extended_key_usages = vec![Extended::ServerAuth, Extended::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(key, &self.below).unwrap();
        ([leaf.der().as_ref(), self.below.der().as_ref()].concat(), key.serialize_der())
    }

    fn bundle(&self) -> Vec<u8> {
        self.root.der().to_vec()
    }

    /// A revocation list, which SPIRE does not send and the API has a field for.
    fn list(&self) -> Vec<u8> {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: vec![0x2a; 16].into(),
                revocation_time: date_time_ymd(2026, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.below).unwrap().der().to_vec()
    }
}

fn ca(trust_domain: &str, serial: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::default();
    params.distinguished_name.push(DnType::CountryName, "US");
    params.distinguished_name.push(DnType::OrganizationName, "SPIFFE");
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), serial);
    params.subject_alt_names = vec![SanType::URI(trust_domain.try_into().unwrap())];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![Usage::KeyCertSign, Usage::CrlSign];
    params
}

/// `X509SVID { spiffe_id=1; x509_svid=2; x509_svid_key=3; bundle=4; hint=5 }`, without what is empty, as Go writes it.
fn x509_svid(id: &str, (chain, key): &(Vec<u8>, Vec<u8>), bundle: &[u8], hint: &str) -> Vec<u8> {
    let hint = if hint.is_empty() { Vec::new() } else { bytes(5, hint) };
    [bytes(1, id), bytes(2, chain), bytes(3, key), bytes(4, bundle), hint].concat()
}

fn elliptic() -> KeyPair {
    KeyPair::generate().unwrap()
}

#[tokio::test]
async fn wa_1_wa_8_certificates_as_spire_sends_them_are_read_and_verify() {
    let (acme, bank) = (Spire::new(ORIGIN), Spire::new(BANK));
    let (one, two) = (acme.svid(AGENT, &elliptic()), acme.svid(TWO, &elliptic()));
    let roots = [acme.bundle(), Spire::new(ORIGIN).bundle()].concat();
    let message = [
        bytes(1, x509_svid(AGENT, &one, &roots, "internal")),
        bytes(1, x509_svid(TWO, &two, &roots, "")),
        entry(3, BANK, bank.bundle()),
    ];
    let agent = Agent::new(&[(X509, Answer::Stream(message.concat()))]);
    let context = agent.api().fetch_x509().await.unwrap();
    let read: Vec<_> = context
        .identities
        .iter()
        .map(|identity| (identity.holder.subject().as_str(), identity.hint.as_deref()))
        .collect();
    assert_eq!(read, [(AGENT, Some("internal")), (TWO, None)]);
    let authorities = |origin: &str| {
        let bundle = context.bundles.iter().find(|bundle| bundle.origin().as_str() == origin).unwrap();
        bundle.x509_authorities().iter().flat_map(|authority| authority.der().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(context.bundles.len(), 2);
    assert!(authorities(ORIGIN) == roots && authorities(BANK) == bank.bundle());

    let bundles: BundleSet = context.bundles.clone().into_iter().collect();
    let verifier = SvidVerifier::builder(bundles, backend::ring()).build();
    for (identity, (chain, _)) in context.identities.iter().zip([&one, &two]) {
        let Credential::Svid(svid) = identity.holder.credential() else { panic!("no certificate") };
        assert_eq!(svid.chain().iter().map(|der| der.len()).sum::<usize>(), chain.len());
        for role in [Role::Client, Role::Server] {
            verifier.verify(&svid.chain()[0], &svid.chain()[1..], role, now()).unwrap();
        }
    }

    // What was asked, and how: an empty message with the header, to the letter (WE-2).
    let seen = &agent.seen()[0];
    assert!(seen.message.is_empty());
    assert_eq!(seen.headers.get_all("workload.spiffe.io").iter().collect::<Vec<_>>(), ["true"]);
    assert!(seen.headers["content-type"].to_str().unwrap().starts_with("application/grpc"));
    assert_eq!(seen.headers["te"], "trailers");
}

/// A key of RSA, of a published example, as PKCS#8, and its modulus; where the vectors are.
fn rsa() -> Option<(Vec<u8>, Vec<u8>)> {
    let key = aims_testkit::vectors::json("jose/rfc/cookbook/jwk-3_4.rsa_private_key.json")?;
    let number = |name: &str| BASE64.decode(key[name].as_str().unwrap()).unwrap();
    // RFC 8017 A.1.2: version, modulus, exponents, primes, and what follows from them; around it RFC 5208.
    let numbers = ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(|name| unsigned(&number(name)));
    let private = der(0x30, &[unsigned(&[0]), numbers.concat()].concat());
    let algorithm = der(0x30, &[&RSA_ENCRYPTION[..], &[0x05, 0x00]].concat());
    let pkcs8 = der(0x30, &[unsigned(&[0]), algorithm, der(0x04, &private)].concat());
    Some((pkcs8, number("n")))
}

fn rsa_pair(pkcs8: &[u8]) -> KeyPair {
    KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.into(), &rcgen::PKCS_RSA_SHA256).unwrap()
}

async fn verified(message: Vec<u8>) {
    let agent = Agent::new(&[(X509, Answer::Stream(message))]);
    let context = agent.api().fetch_x509().await.unwrap();
    let Credential::Svid(svid) = context.identities[0].holder.credential() else { panic!("no certificate") };
    let bundles: BundleSet = context.bundles.clone().into_iter().collect();
    let verifier = SvidVerifier::builder(bundles, backend::ring()).build();
    verifier.verify(&svid.chain()[0], &svid.chain()[1..], Role::Client, now()).unwrap();
}

#[tokio::test]
async fn wa_1_a_key_of_rsa_as_spire_makes_them_if_it_is_told_to() {
    // `workload_x509_svid_key_type = "rsa-2048"`
    let Some((pkcs8, _)) = rsa() else { return };
    let acme = Spire::new(ORIGIN);
    let svid = acme.svid(AGENT, &rsa_pair(&pkcs8));
    assert_eq!(svid.1, pkcs8);
    verified(bytes(1, x509_svid(AGENT, &svid, &acme.bundle(), ""))).await;
}

#[tokio::test]
async fn wa_1_an_authority_that_a_company_has_had_for_long_is_the_root() {
    // An upstream authority: a root of RSA that says nothing of SPIFFE.
    let Some((pkcs8, _)) = rsa() else { return };
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::default();
    params.distinguished_name.push(DnType::CommonName, "Acme Root CA 2019");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![Usage::KeyCertSign, Usage::CrlSign];
    let root = CertifiedIssuer::self_signed(params, rsa_pair(&pkcs8)).unwrap();
    let mut params = ca(ORIGIN, "2");
    params.use_authority_key_identifier_extension = true;
    let below = CertifiedIssuer::signed_by(params, elliptic(), &root).unwrap();
    let acme = Spire { root, below };
    let svid = acme.svid(AGENT, &elliptic());
    verified(bytes(1, x509_svid(AGENT, &svid, &acme.bundle(), ""))).await;
}

const RSA_ENCRYPTION: [u8; 11] = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    let len: &[u8] = match len {
        [0, short] if short < 0x80 => &[short],
        [0, short] => &[0x81, short],
        [high, low] => &[0x82, high, low],
    };
    [&[tag], len, content].concat()
}

fn unsigned(number: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if number[0] < 0x80 { &[] } else { &[0] };
    der(0x02, &[sign, number].concat())
}

#[tokio::test]
async fn wa_1_a_chain_and_a_key_that_others_have_made() {
    // From the tests of rust-spiffe, valid until 2100. They have only one certificate, and an authority that is not in the vectors.
    let folder = "spiffe/rust-spiffe/spiffe";
    let Some(chain) = aims_testkit::vectors::path(&format!("{folder}/svid/x509/1-svid-chain.der")) else {
        return;
    };
    let read = |name: &str| {
        std::fs::read(aims_testkit::vectors::path(&format!("{folder}/{name}")).unwrap()).unwrap()
    };
    let svid = (std::fs::read(chain).unwrap(), read("svid/x509/1-key.der"));
    let bundle = read("bundle/x509/bundle.der");
    let id = "spiffe://example.org/service";
    let agent = Agent::new(&[(X509, Answer::Stream(bytes(1, x509_svid(id, &svid, &bundle, ""))))]);
    let context = agent.api().fetch_x509().await.unwrap();
    let identity = &context.identities[0].holder;
    assert_eq!(identity.subject().as_str(), id);
    assert_eq!(identity.signer(now()).unwrap().public_key().algorithm(), Algorithm::Es256);
    assert_eq!(context.bundles[0].origin().as_str(), "spiffe://example.org");
}

#[tokio::test]
async fn wa_5_fields_of_a_later_revision_and_other_encoders_change_nothing() {
    let (acme, bank) = (Spire::new(ORIGIN), Spire::new(BANK));
    let (chain, key) = acme.svid(AGENT, &elliptic());
    let svid = [
        // In no order, and one that is there twice: the last one counts.
        bytes(5, "internal"),
        unknown(),
        bytes(4, acme.bundle()),
        bytes(1, "spiffe://acme.example/agents/nobody"),
        bytes(3, key),
        bytes(2, chain),
        bytes(1, AGENT),
        unknown(),
    ];
    // Entries whose value comes before the key, of a key that is there twice, and with something else in them.
    let first = bytes(3, [bytes(1, BANK), bytes(2, "nonsense")].concat());
    let last = bytes(3, [bytes(2, bank.bundle()), unknown(), bytes(1, BANK)].concat());
    let message = [unknown(), first, bytes(1, svid.concat()), bytes(2, acme.list()), last, unknown()];
    let agent = Agent::new(&[(X509, Answer::Stream(message.concat()))]);
    let context = agent.api().fetch_x509().await.unwrap();
    let identity = &context.identities[0];
    assert_eq!((identity.holder.subject().as_str(), identity.hint.as_deref()), (AGENT, Some("internal")));
    assert_eq!(context.bundles.len(), 2);
    assert!(context.bundles.iter().all(|bundle| bundle.revocation_lists().len() == 1));
    // The list revokes just this certificate.
    let Credential::Svid(svid) = identity.holder.credential() else { panic!("no certificate") };
    let bundles: BundleSet = context.bundles.clone().into_iter().collect();
    let verifier = SvidVerifier::builder(bundles, backend::ring()).build();
    let outcome = verifier.verify(&svid.chain()[0], &svid.chain()[1..], Role::Client, now());
    assert_refused!(outcome, "revoked", "X5V-3");

    let message = [unknown(), bytes(1, acme.list()), entry(2, ORIGIN, acme.bundle()), entry(2, BANK, "")];
    agent.set(X509_BUNDLES, Answer::Stream(message.concat()));
    let mut bundles = agent.api().fetch_x509_bundles().await.unwrap();
    bundles.sort_by_key(|bundle| bundle.origin().to_string());
    let read: Vec<_> =
        bundles.iter().map(|bundle| (bundle.origin().as_str(), bundle.x509_authorities().len())).collect();
    // A value that is missing is empty: it trusts nobody.
    assert_eq!(read, [(ORIGIN, 1), (BANK, 0)]);
    assert_eq!(bundles[0].revocation_lists().len(), 1);
}

/// A token as SPIRE signs them, and the JWK Set that goes with it: indented, without `use` (bundleutil.StandardJWKS). One key is of a
/// kind that nobody has yet.
fn jwt(audience: &str) -> (String, String) {
    let (rng, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &rng).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &rng).unwrap();
    let now = now().as_secs();
    let claims = format!(r#"{{"aud":["{audience}"],"exp":{},"iat":{now},"sub":"{AGENT}"}}"#, now + 300);
    let header = BASE64.encode(r#"{"alg":"ES256","kid":"yJTFB3rmnZ8JdfDrNQZDMjCDfmTBqTkT","typ":"JWT"}"#);
    let input = format!("{header}.{}", BASE64.encode(claims));
    let signature = key.sign(&rng, input.as_bytes()).unwrap();
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    let jwks = format!(
        "{{\n    \"keys\": [\n        {{\n            \"kty\": \"EC\",\n            \"kid\": \"yJTFB3rmnZ8JdfDrNQZDMjCDfmTBqTkT\",\n            \
         \"crv\": \"P-256\",\n            \"x\": \"{}\",\n            \"y\": \"{}\"\n        }}\n    ]\n}}",
        BASE64.encode(x),
        BASE64.encode(y)
    );
    (format!("{input}.{}", BASE64.encode(signature)), jwks)
}

#[tokio::test]
async fn wa_1_wa_7_tokens_and_their_keys_as_spire_sends_them_are_read_and_verify() {
    let (token, jwks) = jwt("https://tools.example");
    // `JWTSVID { spiffe_id=1; svid=2; hint=3 }`
    let svid = [bytes(1, AGENT), bytes(2, &token), unknown(), bytes(3, "internal")];
    // A trust domain without such keys: SPIRE writes an empty set.
    let none = "{\n    \"keys\": []\n}";
    let agent = Agent::new(&[
        (JWT, Answer::Unary([unknown(), bytes(1, svid.concat())].concat())),
        (JWT_BUNDLES, Answer::Stream([entry(1, ORIGIN, jwks), entry(1, BANK, none), unknown()].concat())),
    ]);
    let (id, api) = (AGENT.parse().unwrap(), agent.api());
    let audiences = ["https://tools.example", "https://other.example"];
    let identities = api.fetch_jwt(&audiences, Some(&id)).await.unwrap();
    assert_eq!((identities[0].svid.token(), identities[0].hint.as_deref()), (&*token, Some("internal")));
    let asked = lengths(&agent.seen()[0].message);
    let wanted = audiences.map(|audience| (1, audience.as_bytes().to_vec()));
    assert_eq!(asked, [&wanted[..], &[(2, AGENT.as_bytes().to_vec())]].concat());

    let mut bundles = api.fetch_jwt_bundles().await.unwrap();
    bundles.sort_by_key(|bundle| bundle.origin().to_string());
    assert_eq!((bundles[0].jwt_keys().len(), bundles[1].jwt_keys().len()), (1, 0));
    let set: BundleSet = bundles.into_iter().collect();
    let verifier = JwtSvidVerifier::builder(set, "https://tools.example").build();
    assert_eq!(verifier.verify(&token, now()).unwrap().subject(), &id);
}

#[tokio::test]
async fn wa_1_tokens_signed_with_rsa_verify_by_keys_that_do_not_say_for_which_algorithm_they_are() {
    // `jwt_key_type = "rsa-2048"`
    let Some((pkcs8, modulus)) = rsa() else { return };
    let (now, audience) = (now().as_secs(), "https://tools.example");
    let claims = format!(r#"{{"aud":["{audience}"],"exp":{},"iat":{now},"sub":"{AGENT}"}}"#, now + 300);
    let header = BASE64.encode(r#"{"alg":"RS256","kid":"rsa","typ":"JWT"}"#);
    let input = format!("{header}.{}", BASE64.encode(claims));
    let key = ring::signature::RsaKeyPair::from_pkcs8(&pkcs8).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
    let token = format!("{input}.{}", BASE64.encode(signature));
    let modulus = BASE64.encode(modulus);
    let jwks = format!(r#"{{"keys": [{{"kty": "RSA", "kid": "rsa", "n": "{modulus}", "e": "AQAB"}}]}}"#);
    let agent = Agent::new(&[
        (JWT, Answer::Unary(bytes(1, [bytes(1, AGENT), bytes(2, &token)].concat()))),
        (JWT_BUNDLES, Answer::Stream(entry(1, ORIGIN, jwks))),
    ]);
    let fetched = agent.api().fetch_jwt(&[audience], None).await.unwrap();
    let set: BundleSet = agent.api().fetch_jwt_bundles().await.unwrap().into_iter().collect();
    let verifier = JwtSvidVerifier::builder(set, audience).accept_rs256().build();
    let svid = verifier.verify(fetched[0].svid.token(), self::now()).unwrap();
    assert_eq!(svid.subject().as_str(), AGENT);
}

#[tokio::test]
async fn wa_13_the_word_of_spire_on_a_token_is_read() {
    let (token, _) = jwt("https://tools.example");
    // `google.protobuf.Struct { map<string, Value> fields=1 }`, `Value { number=2 string=3 list=6 }`, `ListValue { values=1 }`
    let list = bytes(6, bytes(1, bytes(3, "https://tools.example")));
    let number = [&[0x11][..], &1_790_000_300_f64.to_le_bytes()].concat();
    let claims =
        [entry(1, "aud", list), entry(1, "exp", number), entry(1, "sub", bytes(3, AGENT)), unknown()];
    let answer = [bytes(1, AGENT), bytes(2, claims.concat()), unknown()].concat();
    let agent = Agent::new(&[(VALIDATE, Answer::Unary(answer))]);
    let api = agent.api();
    assert_eq!(api.validate_jwt("https://tools.example", &token).await.unwrap().as_str(), AGENT);
    let asked = lengths(&agent.seen()[0].message);
    assert_eq!(asked, [(1, b"https://tools.example".to_vec()), (2, token.clone().into_bytes())]);
    // Without the claims, or without whom they are about, it says nothing (WA-6).
    for part in [bytes(1, AGENT), bytes(2, entry(1, "sub", bytes(3, AGENT)))] {
        agent.set(VALIDATE, Answer::Unary(part));
        assert_refused!(api.validate_jwt("https://tools.example", &token).await, "field_missing", "WA-6");
    }
}

#[tokio::test]
async fn wa_1_wits_and_their_keys_of_another_encoder_are_read_and_verify() {
    // No server but ours has them so far; the shape is that of the specification.
    let served = Served::new(vec![entry_of(AGENT)]);
    let issued = served.api().fetch_wit().await.unwrap();
    let Credential::Wit(wit) = issued[0].holder.credential() else { panic!("no WIT") };
    let (token, key) = wit_of_ours(&served).await;
    assert_ne!(token, wit.token(), "a fresh one each time");
    let svid = [bytes(4, "internal"), bytes(3, key), unknown(), bytes(2, &token), bytes(1, AGENT)];
    let jwks = served.server.authority().trust_bundle().wit_keys_to_json().unwrap();
    let agent = Agent::new(&[
        (WIT, Answer::Stream([unknown(), bytes(1, svid.concat())].concat())),
        (WIT_BUNDLES, Answer::Stream([entry(1, ORIGIN, jwks), unknown()].concat())),
    ]);
    let wits = agent.api().fetch_wit().await.unwrap();
    assert_eq!(wits[0].hint.as_deref(), Some("internal"));
    let bundles: BundleSet = agent.api().fetch_wit_bundles().await.unwrap().into_iter().collect();
    let verifier = aims_credential::WitVerifier::builder(bundles, backend::ring()).build();
    assert_eq!(verifier.verify(&token, now()).unwrap().subject().as_str(), AGENT);
    assert!(agent.seen().iter().all(|seen| seen.message.is_empty()));
}

fn entry_of(id: &str) -> aims_provision::EntryBuilder {
    crate::support::entry(id, &["unix:uid:1"])
}

/// A WIT and its key, by bytes.
async fn wit_of_ours(served: &Served) -> (String, String) {
    let mut client = super::grpc::Raw::connect(&served.path).await;
    let message = client.call("FetchWITSVID", &[]).await.next().await.unwrap();
    let svid = lengths(&lengths(&message)[0].1);
    let text = |index: usize| String::from_utf8(svid[index].1.clone()).unwrap();
    (text(1), text(2))
}

#[tokio::test]
async fn wa_1_wa_3_wa_9_we_2_what_spire_refuses_has_its_meaning_here() {
    // handler.go unless said otherwise.
    let cases = [
        (3, "security header missing from request", "invalid_argument", "WE-2"), // middleware.go
        (3, "audience must be specified", "invalid_argument", "WE-2"),
        (7, "no identity issued", "permission_denied", "WA-9"),
        (14, "workload attestation failed", "unavailable", "WA-3"),
        (14, "could not serialize response: bundle not available", "unavailable", "WA-3"),
        (14, "rate limit exceeded for /SpiffeWorkloadAPI/FetchX509SVID", "unavailable", "WA-3"), // ratelimit.go
        (14, "could not fetch JWT-SVID: 100% of them", "unavailable", "WA-3"),
        // An error that has no status, such as when the agent's cache ends.
        (2, "context canceled", "unavailable", "WA-3"),
        (1, "context canceled", "unavailable", "WA-3"),
        (4, "context deadline exceeded", "timed_out", "WA-4"),
        (13, "unable to build key store", "workload_api_failed", "WA-3"),
        (12, "fetching WIT-SVIDs is not implemented", "unimplemented", "WA-1"),
        // With the Workload API switched off, and of methods that an agent of today does not know.
        (12, "unknown service SpiffeWorkloadAPI", "unimplemented", "WA-1"),
        // A code that nobody has given a meaning yet.
        (99, "what will be", "unavailable", "WA-3"),
    ];
    let agent = Agent::new(&[]);
    let api = agent.api();
    for (status, text, code, rule) in cases {
        for method in [X509, X509_BUNDLES, JWT, JWT_BUNDLES, VALIDATE, WIT, WIT_BUNDLES] {
            agent.set(method, Answer::Refusal(status, text));
        }
        assert_refused!(api.fetch_x509().await, code, rule);
        assert_refused!(api.fetch_x509_bundles().await, code, rule);
        assert_refused!(api.fetch_jwt(&["a"], None).await, code, rule);
        assert_refused!(api.fetch_jwt_bundles().await, code, rule);
        assert_refused!(api.validate_jwt("a", "x").await, code, rule);
        assert_refused!(api.fetch_wit().await, code, rule);
        assert_refused!(api.fetch_wit_bundles().await, code, rule);
    }
}

async fn until(source: &mut WorkloadSource, what: impl Fn(&SourceStatus) -> bool) {
    let wait = async {
        while !what(&source.status()) {
            source.changed().await;
        }
    };
    timeout(LONG, wait).await.expect("the status does not come");
}

#[tokio::test]
async fn wa_3_wa_4_wa_9_a_source_follows_an_agent_of_spire() {
    let acme = Spire::new(ORIGIN);
    let message = |hint: &str| {
        let svid = acme.svid(AGENT, &elliptic());
        bytes(1, x509_svid(AGENT, &svid, &acme.bundle(), hint))
    };
    let (_, jwks) = jwt("a");
    let agent = Agent::new(&[
        (X509, Answer::Stream(message(""))),
        (JWT_BUNDLES, Answer::Stream(entry(1, ORIGIN, jwks))),
        (WIT, Answer::Refusal(12, "fetching WIT-SVIDs is not implemented")),
        (WIT_BUNDLES, Answer::Refusal(12, "fetching WIT bundles is not implemented")),
    ]);
    // With WITs it is not ready, and says why; it follows the rest all the same.
    let started = WorkloadSource::builder(agent.api()).with_wit().ready_within(LONG).start();
    assert_refused!(timeout(Duration::from_secs(5), started).await.unwrap(), "unimplemented", "WA-1");
    let mut source = WorkloadSource::builder(agent.api()).start().await.unwrap();
    let chain = |source: &WorkloadSource| match source.x509().holder().unwrap().credential() {
        Credential::Svid(svid) => svid.chain()[0].to_vec(),
        _ => panic!("no certificate"),
    };

    // A rotation, on the stream that is open.
    let first = chain(&source);
    agent.send(X509, &message("internal")).await;
    until(&mut source, |status| status.streams["x509"].updates == 2).await;
    let second = chain(&source);
    assert_ne!(second, first);

    // The agent cannot look at the workload for a while: what there is stays.
    agent.set(X509, Answer::Refusal(14, "workload attestation failed"));
    agent.end(X509, 14, "workload attestation failed").await;
    until(&mut source, |status| status.streams["x509"].last_error.is_some()).await;
    assert_eq!(chain(&source), second);
    agent.set(X509, Answer::Stream(message("")));
    until(&mut source, |status| status.streams["x509"].updates == 3).await;

    // The entry is deleted, and there is nothing; it comes back.
    agent.set(X509, Answer::Refusal(7, "no identity issued"));
    agent.end(X509, 7, "no identity issued").await;
    until(&mut source, |status| status.streams["x509"].state == RotationState::Withdrawn).await;
    assert_eq!(source.x509().holder().unwrap_err(), HolderError::None);
    let bundle = source.bundles().bundle(ORIGIN).unwrap();
    assert_eq!((bundle.x509_authorities().len(), bundle.jwt_keys().len()), (0, 1));
    agent.set(X509, Answer::Stream(message("")));
    until(&mut source, |status| status.streams["x509"].state == RotationState::Valid).await;
    source.x509().holder().unwrap();
}
