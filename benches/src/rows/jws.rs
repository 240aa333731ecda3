//! JWS and JWT: parse, every check, claims.

use aims_keys::backend;

use super::peers::{self, Jsonwebtoken};
use crate::fixtures::{Jwt, NOW, jwt_claims};
use crate::row::Row;

pub(super) fn verify_ring() -> Row {
    let jwt = Jwt::new(backend::ring());
    let (raw, (message, signature)) = (jwt.key.ring_public(), jwt.parts());
    verify(jwt)
        .raw(move || raw.verify(&message, &signature).expect("a good signature"))
        .goal(VERIFY)
        .goal_allocs(2.0)
}

pub(super) fn verify_aws_lc() -> Row {
    let jwt = Jwt::new(backend::aws_lc());
    let (raw, (message, signature)) = (jwt.key.aws_lc_public(), jwt.parts());
    verify(jwt)
        .raw(move || raw.verify_sig(&message, &signature).expect("a good signature"))
        .goal(VERIFY)
        .goal_allocs(2.0)
}

fn verify(jwt: Jwt) -> Row {
    let (message, signature) = jwt.parts();
    let aws_lc = aws_lc_rs::signature::UnparsedPublicKey::new(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED,
        jwt.key.point,
    );
    let aws_lc_peer = Jsonwebtoken::AwsLc.verify(&jwt);
    let rust_crypto_peer = Jsonwebtoken::RustCrypto.verify(&jwt);
    let josekit_peer = (peers::josekit_verify(&jwt), peers::josekit_verify_raw(&jwt));
    Row::new(move || {
        std::hint::black_box(jwt.verifier.verify(&jwt.token, *NOW).expect("a good token"));
    })
    .peer("jsonwebtoken/aws-lc", aws_lc_peer)
    // As it does: the key is parsed each time.
    .peer_raw(move || aws_lc.verify(&message, &signature).expect("a good signature"))
    .peer("jsonwebtoken/rustcrypto", rust_crypto_peer)
    .peer("josekit/openssl", josekit_peer.0)
    .peer_raw(josekit_peer.1)
}

pub(super) fn sign_ring() -> Row {
    let jwt = Jwt::new(backend::ring());
    let (raw, (message, _)) = (jwt.key.ring(), jwt.parts());
    let random = ring::rand::SystemRandom::new();
    sign(jwt).goal(SIGN).raw(move || {
        std::hint::black_box(raw.sign(&random, &message).expect("a signature"));
    })
}

pub(super) fn sign_aws_lc() -> Row {
    let jwt = Jwt::new(backend::aws_lc());
    let (raw, (message, _)) = (jwt.key.aws_lc(), jwt.parts());
    let random = aws_lc_rs::rand::SystemRandom::new();
    sign(jwt).goal(SIGN).raw(move || {
        std::hint::black_box(raw.sign(&random, &message).expect("a signature"));
    })
}

/// From values to a token.
fn sign(jwt: Jwt) -> Row {
    let aws_lc_peer = Jsonwebtoken::AwsLc.sign(&jwt);
    let aws_lc = (jwt.key.aws_lc(), aws_lc_rs::rand::SystemRandom::new(), jwt.parts().0);
    let rust_crypto_peer = Jsonwebtoken::RustCrypto.sign(&jwt);
    let josekit_peer = (peers::josekit_sign(&jwt), peers::josekit_sign_raw(&jwt));
    Row::new(move || {
        let unsigned = jwt.header.unsigned(jwt_claims(&jwt.padding));
        std::hint::black_box(unsigned.sign(&*jwt.key.ours).expect("a signature"));
    })
    .peer("jsonwebtoken/aws-lc", aws_lc_peer)
    .peer_raw(move || {
        std::hint::black_box(aws_lc.0.sign(&aws_lc.1, &aws_lc.2).expect("a signature"));
    })
    .peer("jsonwebtoken/rustcrypto", rust_crypto_peer)
    .peer("josekit/openssl", josekit_peer.0)
    .peer_raw(josekit_peer.1)
}

const VERIFY: f64 = 1_500.0;

const SIGN: f64 = 1_500.0;
