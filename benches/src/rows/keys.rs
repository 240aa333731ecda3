//! The backends themselves: what `aims-keys` adds to a call of theirs.

use aims_keys::{SignInput, Signer, SoftwareKey, backend};
use aws_lc_rs::signature::ParsedPublicKey;

use crate::fixtures::{Ed25519, P256};
use crate::row::Row;

pub(super) fn sign_es256_ring() -> Row {
    let key = P256::generate(backend::ring());
    let (raw, random) = (key.ring(), ring::rand::SystemRandom::new());
    let ours = key.ours;
    Row::new(move || sign(&ours)).raw(move || {
        std::hint::black_box(raw.sign(&random, MESSAGE).expect("a signature"));
    })
}

pub(super) fn sign_es256_aws_lc() -> Row {
    let key = P256::generate(backend::aws_lc());
    let (raw, random) = (key.aws_lc(), aws_lc_rs::rand::SystemRandom::new());
    let ours = key.ours;
    Row::new(move || sign(&ours)).raw(move || {
        std::hint::black_box(raw.sign(&random, MESSAGE).expect("a signature"));
    })
}

pub(super) fn sign_ed25519_ring() -> Row {
    let key = Ed25519::generate(backend::ring());
    let raw = key.ring();
    Row::new(move || sign(&key.ours)).raw(move || {
        std::hint::black_box(raw.sign(MESSAGE));
    })
}

pub(super) fn sign_ed25519_aws_lc() -> Row {
    let key = Ed25519::generate(backend::aws_lc());
    let raw = key.aws_lc();
    Row::new(move || sign(&key.ours)).raw(move || {
        std::hint::black_box(raw.sign(MESSAGE));
    })
}

pub(super) fn verify_es256_ring() -> Row {
    let key = P256::generate(backend::ring());
    verify_ring(&key.ours, key.ring_public())
}

pub(super) fn verify_ed25519_ring() -> Row {
    let key = Ed25519::generate(backend::ring());
    verify_ring(&key.ours, key.ring_public())
}

pub(super) fn verify_es256_aws_lc() -> Row {
    let key = P256::generate(backend::aws_lc());
    verify_aws_lc(&key.ours, key.aws_lc_public())
}

pub(super) fn verify_ed25519_aws_lc() -> Row {
    let key = Ed25519::generate(backend::aws_lc());
    verify_aws_lc(&key.ours, key.aws_lc_public())
}

fn verify_ring<B: AsRef<[u8]> + 'static>(
    key: &SoftwareKey,
    raw: ring::signature::UnparsedPublicKey<B>,
) -> Row {
    let signature = Signer::sign(key, SignInput::Message(MESSAGE)).expect("a signature").as_bytes().to_vec();
    verify(key, signature.clone()).raw(move || raw.verify(MESSAGE, &signature).expect("a good signature"))
}

fn verify_aws_lc(key: &SoftwareKey, raw: ParsedPublicKey) -> Row {
    let signature = Signer::sign(key, SignInput::Message(MESSAGE)).expect("a signature").as_bytes().to_vec();
    verify(key, signature.clone()).raw(move || raw.verify_sig(MESSAGE, &signature).expect("a good signature"))
}

fn verify(key: &SoftwareKey, signature: Vec<u8>) -> Row {
    let ours = Signer::public_key(key).clone();
    Row::new(move || ours.verify(MESSAGE, &signature).expect("a good signature"))
}

fn sign(key: &SoftwareKey) {
    std::hint::black_box(Signer::sign(key, SignInput::Message(MESSAGE)).expect("a signature"));
}

/// As long as the signing input of a JWS of 600 bytes.
const MESSAGE: &[u8] = &[b'x'; 513];
