//! JWT-SVIDs, with ES256 keys on *ring*.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{BundleSet, JwtSvidIssuer, JwtSvidVerifier, TrustBundle};
use aims_jose::JwkSet;
use aims_keys::{Signer, backend};

use super::peers::Jsonwebtoken;
use crate::fixtures::{NOW, P256, signed_parts};
use crate::row::Row;

pub(super) fn verify() -> Row {
    let key = P256::generate(backend::ring());
    let domain = "acme.example".parse().expect("a trust domain");
    let signer = Arc::clone(&key.ours) as Arc<dyn Signer>;
    // Longer than any run: `spiffe` asks the system what time it is.
    let issuer = JwtSvidIssuer::new(domain, signer, KEY_ID).expect("an issuer");
    let issuer = issuer.with_max_lifetime(HOURS).with_lifetime(HOURS);
    let subject = "spiffe://acme.example/agents/travel".parse().expect("an identifier");
    let token = issuer.issue(&subject, AUDIENCE, *NOW).expect("a token");
    let jwks = JwkSet::new(vec![key.jwk(KEY_ID)]).expect("a set");
    let origin = "spiffe://acme.example".parse().expect("an origin");
    let bundle = TrustBundle::new(origin, JwkSet::default()).with_jwt_keys(jwks);
    let spiffe = Jsonwebtoken::AwsLc.spiffe_verify(&token, &bundle, AUDIENCE);
    let aws_lc = aws_lc_rs::signature::UnparsedPublicKey::new(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED,
        key.point,
    );
    let (their_message, their_signature) = signed_parts(&token);
    let verifier = JwtSvidVerifier::builder(BundleSet::from(bundle), AUDIENCE).build();
    let (public, (message, signature)) = (key.ring_public(), signed_parts(&token));
    Row::new(move || {
        std::hint::black_box(verifier.verify(&token, *NOW).expect("a good token"));
    })
    .raw(move || public.verify(&message, &signature).expect("a good signature"))
    .peer("spiffe/aws-lc", spiffe)
    .peer_raw(move || aws_lc.verify(&their_message, &their_signature).expect("a good signature"))
}

const HOURS: Duration = Duration::from_hours(4);

const AUDIENCE: &str = "https://tools.example";

const KEY_ID: &str = "jwt-key-1";
