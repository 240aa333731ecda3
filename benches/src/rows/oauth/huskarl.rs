//! huskarl, whose keys are on `RustCrypto`: the same checks, but that it is given no memory of proofs.

use std::sync::Arc;
use std::time::Duration;

use aims_jose::Jwk;
use http::{HeaderMap, Method, Uri};
use huskarl_crypto_native::asymmetric::signer::{GenerateAlgorithm, PrivateKey};
use huskarl_resource_server::DefaultJwsVerifierPlatform;
use huskarl_resource_server::core::EndpointUrl;
use huskarl_resource_server::core::crypto::signer::AsymmetricJwsSignerSelector;
use huskarl_resource_server::core::crypto::verifier::{JwsVerifier, JwsVerifierPlatform, KeyMatch};
use huskarl_resource_server::core::dpop::{ResourceDPoP, ResourceServerDPoP};
use huskarl_resource_server::core::jwk::PublicJwk;
use huskarl_resource_server::core::platform::MaybeSendBoxFuture;
use huskarl_resource_server::core::secrets::SecretString;
use huskarl_resource_server::validator::dpop_proof::DPoPProofValidator;
use huskarl_resource_server::validator::rfc9068::Rfc9068Validator;

use crate::fixtures::Tokens;
use crate::rows::wimse::now_or_never;

type Verifier = Result<Arc<dyn JwsVerifier>, huskarl_resource_server::core::Error>;

/// Its resource server.
pub(super) struct Huskarl(Arc<Rfc9068Validator>);

impl Huskarl {
    /// It trusts the same server.
    pub(super) fn new(tokens: &Tokens) -> Self {
        let verifier = verifier(&tokens.server.jwk(Tokens::KEY_ID));
        let factory = move |_: Option<&EndpointUrl>, _: Arc<dyn JwsVerifierPlatform>| {
            let verifier = Arc::clone(&verifier);
            Box::pin(async move { Ok(verifier) }) as MaybeSendBoxFuture<'static, Verifier>
        };
        let validator = Rfc9068Validator::builder()
            .issuer(Tokens::ISSUER)
            .audience(Tokens::RESOURCE)
            // The fixtures are of when the program began, and it reads the clock.
            .clock_leeway(LEEWAY)
            .max_dpop_proof_age(LEEWAY)
            .jws_verifier_factory(factory)
            .build();
        Self(Arc::new(now_or_never(validator).expect("a validator")))
    }

    /// A request with this token alone.
    pub(super) fn bearer(&self, tokens: &Tokens) -> impl FnMut() + use<> {
        self.requests(vec![fields("Bearer", tokens)], Tokens::RESOURCE)
    }

    /// Requests with this token, and one of these proofs after the other.
    pub(super) fn dpop(&self, tokens: &Tokens, proofs: &[String], uri: &str) -> impl FnMut() + use<> {
        let with = |proof: &String| {
            let mut fields = fields("DPoP", tokens);
            fields.insert("dpop", proof.parse().expect("a value"));
            fields
        };
        self.requests(proofs.iter().map(with).collect(), uri)
    }

    fn requests(&self, fields: Vec<HeaderMap>, uri: &str) -> impl FnMut() + use<> {
        let (validator, uri) = (Arc::clone(&self.0), uri.parse::<Uri>().expect("a URI"));
        let mut next = 0;
        move || {
            let result = now_or_never(validator.validate_request(&fields[next], &Method::POST, &uri, None));
            std::hint::black_box(result.outcome.expect("a good token").expect("a token"));
            next = (next + 1) % fields.len();
        }
    }
}

fn fields(scheme: &str, tokens: &Tokens) -> HeaderMap {
    let mut fields = HeaderMap::new();
    let token = format!("{scheme} {}", tokens.token.expose());
    fields.insert("authorization", token.parse().expect("a value"));
    fields
}

/// One proof after the other, without what they are for: that it leaves to whoever has the token.
pub(super) fn proofs(proofs: &[String]) -> impl FnMut() + use<> {
    let validator = DPoPProofValidator::builder()
        .jws_verifier_platform(DefaultJwsVerifierPlatform::default().into())
        .clock_leeway(LEEWAY)
        .max_proof_age(LEEWAY)
        .build();
    let (proofs, mut next) = (proofs.to_vec(), 0);
    move || {
        std::hint::black_box(now_or_never(validator.validate(&proofs[next])).expect("a good proof"));
        next = (next + 1) % proofs.len();
    }
}

/// The signatures in them alone, with a key that was loaded before.
pub(super) fn raw(jwk: &Jwk, signed: Vec<(Vec<u8>, Vec<u8>)>) -> impl FnMut() + use<> {
    let (verifier, mut next) = (verifier(jwk), 0);
    move || {
        let ((message, signature), key) = (&signed[next], KeyMatch::builder().alg("ES256").build());
        now_or_never(verifier.verify(message, signature, &key)).expect("a good signature");
        next = (next + 1) % signed.len();
    }
}

/// A proof that its client makes for a request with this token, and the signature in it.
pub(super) fn make(token: &str, uri: &str, message: &[u8]) -> (impl FnMut() + use<>, impl FnMut() + use<>) {
    let key = PrivateKey::generate(GenerateAlgorithm::Es256, None).expect("a key");
    let signer = now_or_never(key.select_asymmetric_signer());
    let thumbprint = signer.public_key_jwk().thumbprint();
    let prover = ResourceDPoP::builder().signer(key).build();
    let (token, uri) = (SecretString::new(token), uri.parse::<Uri>().expect("a URI"));
    let make = move || {
        let proof = now_or_never(prover.proof(&Method::POST, &uri, &token, &thumbprint));
        std::hint::black_box(proof.expect("a proof"));
    };
    let message = message.to_owned();
    let raw = move || {
        std::hint::black_box(now_or_never(signer.sign(&message)).expect("a signature"));
    };
    (make, raw)
}

fn verifier(jwk: &Jwk) -> Arc<dyn JwsVerifier> {
    let jwk: PublicJwk = serde_json::from_str(&jwk.to_json()).expect("a JWK");
    let platform: Arc<dyn JwsVerifierPlatform> = DefaultJwsVerifierPlatform::default().into();
    now_or_never(platform.create_verifier_from_jwk(jwk)).expect("a key")
}

const LEEWAY: Duration = Duration::from_hours(1);
