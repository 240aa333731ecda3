//! Access tokens: issued, verified, and asked again whether they still count.

use aims_keys::backend;
use ring::rand::SystemRandom;

use super::huskarl::{self, Huskarl};
use crate::fixtures::{NOW, Tokens, token_request};
use crate::row::Row;
use crate::rows::peers::Jsonwebtoken;

pub(in crate::rows) fn verify_ring() -> Row {
    let tokens = Tokens::new(backend::ring(), None);
    let (raw, (message, signature)) = (tokens.server.ring_public(), tokens.parts());
    let text = tokens.token.expose().to_owned();
    verify(&tokens).raw(move || {
        raw.verify(&message, &signature).expect("a good signature");
        std::hint::black_box(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()));
    })
}

pub(in crate::rows) fn verify_aws_lc() -> Row {
    let tokens = Tokens::new(backend::aws_lc(), None);
    let (raw, (message, signature)) = (tokens.server.aws_lc_public(), tokens.parts());
    let text = tokens.token.expose().to_owned();
    verify(&tokens).raw(move || {
        raw.verify_sig(&message, &signature).expect("a good signature");
        std::hint::black_box(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()));
    })
}

/// A token that nobody has seen before, over its signature and the hash that names it (decision 12).
fn verify(tokens: &Tokens) -> Row {
    let (verifier, token) = (tokens.verifier(), tokens.token.clone());
    let (message, signature) = tokens.parts();
    let aws_lc = aws_lc_rs::signature::UnparsedPublicKey::new(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED,
        tokens.server.point,
    );
    let huskarl_raw = huskarl::raw(&tokens.server.jwk(Tokens::KEY_ID), vec![tokens.parts()]);
    Row::new(move || {
        std::hint::black_box(verifier.verify(&token, *NOW).expect("a good token"));
    })
    // That of a JWS.
    .goal(1_500.0)
    // Its claims, what is known of it, its scope, its agent.
    .goal_allocs(4.0)
    .peer("jsonwebtoken/aws-lc", Jsonwebtoken::AwsLc.verify_access_token(tokens))
    // As it does: the key is parsed each time.
    .peer_raw(move || aws_lc.verify(&message, &signature).expect("a good signature"))
    .peer("jsonwebtoken/rustcrypto", Jsonwebtoken::RustCrypto.verify_access_token(tokens))
    .peer("huskarl/rustcrypto", Huskarl::new(tokens).bearer(tokens))
    .peer_raw(huskarl_raw)
}

/// One that was verified before and is remembered by whoever asks: nothing here remembers tokens.
pub(in crate::rows) fn again() -> Row {
    let tokens = Tokens::new(backend::ring(), None);
    let verifier = tokens.verifier();
    let seen = verifier.verify(&tokens.token, *NOW).expect("a good token");
    Row::short(move || verifier.verify_again(&seen, *NOW).expect("a good token"))
}

/// Over its signature and the 128 random bits of its name (decision 12).
pub(in crate::rows) fn issue() -> Row {
    let tokens = Tokens::new(backend::ring(), None);
    let (raw, random, message) = (tokens.server.ring(), SystemRandom::new(), tokens.parts().0);
    let (issuer, request) = (tokens.issuer(), token_request());
    Row::new(move || {
        std::hint::black_box(issuer.issue(&request, *NOW).expect("a token"));
    })
    .raw(move || {
        std::hint::black_box(raw.sign(&random, &message).expect("a signature"));
        std::hint::black_box(ring::rand::generate::<[u8; 16]>(&random).expect("random bytes").expose());
    })
    // That of a JWS.
    .goal(1_500.0)
}
