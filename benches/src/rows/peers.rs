//! JWS by other libraries: the token of [`Jwt`], and JWT-SVIDs, verified with the same checks.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use aims_credential::TrustBundle;
use josekit::jws::{ES256, JwsHeader, JwsSigner, JwsVerifier};
use josekit::jwt::{JwtPayload, JwtPayloadValidator};
use jsonwebtoken::crypto::{CryptoProvider, KeyUtils, aws_lc, rust_crypto};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use spiffe::{JwtBundle, JwtBundleSet, JwtSvid};

use crate::fixtures::{Jwt, NOW, P256, Tokens, jwt_claims};

/// The backend of jsonwebtoken, which is one for the process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Jsonwebtoken {
    AwsLc,
    RustCrypto,
}

#[derive(Deserialize, Serialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: u64,
    iat: u64,
    jti: String,
    client_id: String,
    scope: String,
    pad: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is read, and nothing is done with it")]
struct AccessTokenClaims {
    iss: String,
    sub: String,
    aud: String,
    exp: u64,
    iat: u64,
    jti: String,
    client_id: String,
    scope: String,
}

impl Jsonwebtoken {
    pub(super) fn verify(self, jwt: &Jwt) -> impl FnMut() + 'static {
        self.decode::<Claims>(&jwt.key, &jwt.token, Jwt::ISSUER, Jwt::AUDIENCE)
    }

    /// It looks at no `typ`, and at none of the claims that RFC 9068 adds but for their types.
    pub(super) fn verify_access_token(self, tokens: &Tokens) -> impl FnMut() + 'static {
        self.decode::<AccessTokenClaims>(
            &tokens.server,
            tokens.token.expose(),
            Tokens::ISSUER,
            Tokens::RESOURCE,
        )
    }

    fn decode<C: for<'de> Deserialize<'de> + 'static>(
        self,
        key: &P256,
        token: &str,
        issuer: &str,
        audience: &str,
    ) -> impl FnMut() + 'static {
        let (key, token) = (DecodingKey::from_ec_der(&key.point), token.to_owned());
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        move || {
            self.choose();
            std::hint::black_box(jsonwebtoken::decode::<C>(&token, &key, &validation).expect("a good token"));
        }
    }

    pub(super) fn sign(self, jwt: &Jwt) -> impl FnMut() + 'static {
        let key = EncodingKey::from_ec_der(&jwt.key.pkcs8);
        let claims: Claims = serde_json::from_str(&jwt_claims(&jwt.padding)).expect("the claims");
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(Jwt::TYPE.to_owned());
        header.kid = Some(Jwt::KEY_ID.to_owned());
        move || {
            self.choose();
            std::hint::black_box(jsonwebtoken::encode(&header, &claims, &key).expect("a token"));
        }
    }

    /// A JWT-SVID by `spiffe`, which verifies with this crate. Its bundle holds JWKs, and each token makes a key of one.
    pub(super) fn spiffe_verify(
        self,
        token: &str,
        bundle: &TrustBundle,
        audience: &'static str,
    ) -> impl FnMut() + 'static {
        let trust_domain = bundle.origin().trust_domain().try_into().expect("a trust domain");
        let document = bundle.to_spiffe_json().expect("a document");
        let theirs = JwtBundle::from_jwt_authorities(trust_domain, document.as_bytes()).expect("a bundle");
        let mut bundles = JwtBundleSet::new();
        bundles.add_bundle(theirs);
        let token = token.to_owned();
        move || {
            self.choose();
            let svid = JwtSvid::parse_and_validate(&token, &bundles, &[audience]).expect("a good token");
            std::hint::black_box(svid);
        }
    }

    fn choose(self) {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| PROVIDER.install_default().expect("nobody else installs one"));
        USE_AWS_LC.store(self == Self::AwsLc, Ordering::Relaxed);
    }
}

/// Both backends, chosen by [`USE_AWS_LC`].
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| (provider().signer_factory)(algorithm, key),
    verifier_factory: |algorithm, key| (provider().verifier_factory)(algorithm, key),
    key_utils: KeyUtils::new_unimplemented(),
};

static USE_AWS_LC: AtomicBool = AtomicBool::new(false);

fn provider() -> &'static CryptoProvider {
    if USE_AWS_LC.load(Ordering::Relaxed) {
        &aws_lc::DEFAULT_PROVIDER
    } else {
        &rust_crypto::DEFAULT_PROVIDER
    }
}

pub(super) fn josekit_verify(jwt: &Jwt) -> impl FnMut() + 'static {
    let (verifier, token) = (josekit_verifier(jwt), jwt.token.clone());
    let now = UNIX_EPOCH + Duration::from_secs(NOW.as_secs());
    let mut validator = JwtPayloadValidator::new();
    validator.set_base_time(now);
    validator.set_max_issued_time(now);
    validator.set_issuer(Jwt::ISSUER);
    validator.set_audience(Jwt::AUDIENCE);
    move || {
        let (payload, header) = josekit::jwt::decode_with_verifier(&token, &*verifier).expect("a good token");
        validator.validate(&payload).expect("good claims");
        std::hint::black_box((payload, header));
    }
}

/// The call of OpenSSL in [`josekit_verify`].
pub(super) fn josekit_verify_raw(jwt: &Jwt) -> impl FnMut() + 'static {
    let (verifier, (message, signature)) = (josekit_verifier(jwt), jwt.parts());
    move || verifier.verify(&message, &signature).expect("a good signature")
}

pub(super) fn josekit_sign(jwt: &Jwt) -> impl FnMut() + 'static {
    let signer = josekit_signer(jwt);
    let claims: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&jwt_claims(&jwt.padding)).expect("the claims");
    let payload = JwtPayload::from_map(claims).expect("the claims");
    let mut header = JwsHeader::new();
    header.set_token_type(Jwt::TYPE);
    header.set_key_id(Jwt::KEY_ID);
    move || {
        let token = josekit::jwt::encode_with_signer(&payload, &header, &*signer).expect("a token");
        std::hint::black_box(token);
    }
}

/// The call of OpenSSL in [`josekit_sign`].
pub(super) fn josekit_sign_raw(jwt: &Jwt) -> impl FnMut() + 'static {
    let (signer, (message, _)) = (josekit_signer(jwt), jwt.parts());
    move || {
        std::hint::black_box(signer.sign(&message).expect("a signature"));
    }
}

fn josekit_verifier(jwt: &Jwt) -> Box<dyn JwsVerifier> {
    let jwk = josekit::jwk::Jwk::from_bytes(jwt.key.jwk(Jwt::KEY_ID).to_json()).expect("a JWK");
    Box::new(ES256.verifier_from_jwk(&jwk).expect("a key"))
}

fn josekit_signer(jwt: &Jwt) -> Box<dyn JwsSigner> {
    Box::new(ES256.signer_from_der(&jwt.key.pkcs8).expect("a key"))
}
