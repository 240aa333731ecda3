//! Keys, and tokens of any content with a good signature.

use std::sync::LazyLock;

use aims_jose::{Jwk, JwkSet, JwtVerifier, JwtVerifierBuilder, PrivateJwk, base64url};
use aims_keys::{Algorithm, AlgorithmSet, PublicKey, SignInput, Signer, SoftwareKey, UnixTime, backend};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

pub(crate) const ISSUER: &str = "https://as.example";

pub(crate) const AUDIENCE: &str = "https://api.example";

/// RFC 7515 appendix A.3.
pub(crate) const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;

/// RFC 8037 appendix A.1.
pub(crate) const ED: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// RFC 7515 appendix A.2.
pub(crate) const RSA: &str = r#"{
    "kty":"RSA",
    "n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    "e":"AQAB",
    "d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
    "p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
    "q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
    "dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
    "dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
    "qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"
}"#;

/// What the issuer signs with; each `kid` is the name of the algorithm in lower case.
pub(crate) struct Keys {
    pub(crate) es256: SoftwareKey,
    pub(crate) es384: SoftwareKey,
    pub(crate) ed25519: SoftwareKey,
    pub(crate) ps256: SoftwareKey,
    pub(crate) rs256: SoftwareKey,
}

pub(crate) static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    es256: load(EC, Algorithm::Es256),
    es384: SoftwareKey::generate(Algorithm::Es384, backend::ring()).unwrap(),
    ed25519: load(ED, Algorithm::Ed25519),
    ps256: load(RSA, Algorithm::Ps256),
    rs256: load(RSA, Algorithm::Rs256),
});

impl Keys {
    pub(crate) fn all(&self) -> [&SoftwareKey; 5] {
        [&self.es256, &self.es384, &self.ed25519, &self.ps256, &self.rs256]
    }
}

pub(crate) fn load(jwk: &str, algorithm: Algorithm) -> SoftwareKey {
    PrivateJwk::parse_as(jwk, algorithm).unwrap().load(backend::ring()).unwrap()
}

/// A key that no issuer here knows.
pub(crate) fn stranger(algorithm: Algorithm) -> SoftwareKey {
    SoftwareKey::generate(algorithm, backend::ring()).unwrap()
}

pub(crate) fn public(key: &SoftwareKey) -> PublicKey {
    Signer::public_key(key).clone()
}

pub(crate) fn kid(key: &SoftwareKey) -> String {
    Signer::algorithm(key).name().to_lowercase()
}

pub(crate) fn jwk(key: &SoftwareKey) -> Jwk {
    Jwk::new(public(key)).with_key_id(&kid(key)).unwrap()
}

pub(crate) fn key_set() -> JwkSet {
    JwkSet::new(KEYS.all().into_iter().map(jwk).collect()).unwrap()
}

/// RS256 included, which is not in the standard set.
pub(crate) fn every_algorithm() -> AlgorithmSet {
    AlgorithmSet::STANDARD.with(Algorithm::Rs256)
}

pub(crate) fn builder() -> JwtVerifierBuilder {
    JwtVerifier::builder(key_set(), "at+jwt", ISSUER).audience(AUDIENCE).algorithms(every_algorithm())
}

/// A header that the verifier of [`builder`] accepts.
pub(crate) fn header(key: &SoftwareKey) -> String {
    format!(r#"{{"alg":"{}","kid":"{}","typ":"at+jwt"}}"#, Signer::algorithm(key), kid(key))
}

/// Claims that the verifier of [`builder`] accepts; `more` begins with a comma, or is empty.
pub(crate) fn claims(more: &str) -> String {
    format!(
        r#"{{"iss":"{ISSUER}","sub":"agent","aud":"{AUDIENCE}","exp":1790000300,"iat":1790000000{more}}}"#
    )
}

/// A token with any header and payload, and a good signature: what an attacker inside the issuer could make, and what
/// makes sure that nothing but the check under test refuses it.
pub(crate) fn sign(key: &SoftwareKey, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    sign_encoded(key, &base64url::encode(header), &base64url::encode(payload))
}

pub(crate) fn sign_encoded(key: &SoftwareKey, header: &str, payload: &str) -> String {
    let input = format!("{header}.{payload}");
    let signature = Signer::sign(key, SignInput::Message(input.as_bytes())).unwrap();
    format!("{input}.{}", base64url::encode(signature))
}

/// A good token by the ES256 key.
pub(crate) fn token() -> String {
    sign(&KEYS.es256, header(&KEYS.es256), claims(""))
}

/// `token` with another signature.
pub(crate) fn with_signature(token: &str, signature: impl AsRef<[u8]>) -> String {
    let (input, _) = token.rsplit_once('.').unwrap();
    format!("{input}.{}", base64url::encode(signature))
}

pub(crate) fn signature(token: &str) -> Vec<u8> {
    base64url::decode(token.rsplit_once('.').unwrap().1).unwrap()
}

/// A JSON object with members replaced, added, or (`null`) removed.
pub(crate) fn edit(object: &str, changes: &[(&str, serde_json::Value)]) -> String {
    let mut members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(object).unwrap();
    for (name, value) in changes {
        if value.is_null() {
            members.remove(*name);
        } else {
            members.insert((*name).to_owned(), value.clone());
        }
    }
    serde_json::Value::Object(members).to_string()
}

/// The sum of two numbers, big-endian.
pub(crate) fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut sum = Vec::new();
    let mut carry = 0;
    for at in 0..a.len().max(b.len()) {
        let digit = |number: &[u8]| number.len().checked_sub(at + 1).map_or(0, |i| u16::from(number[i]));
        carry += digit(a) + digit(b);
        sum.push((carry & 0xff) as u8);
        carry >>= 8;
    }
    if carry > 0 {
        sum.push(1);
    }
    sum.reverse();
    sum
}

/// The difference of two numbers of one length, big-endian; the first must be the larger.
pub(crate) fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut difference = vec![0; a.len()];
    let mut borrow = false;
    for at in (0..a.len()).rev() {
        let (digit, first) = a[at].overflowing_sub(b[at]);
        let (digit, second) = digit.overflowing_sub(u8::from(borrow));
        difference[at] = digit;
        borrow = first || second;
    }
    difference
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}
