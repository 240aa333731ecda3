//! The parts that the larger lines are made of.

use std::hint::black_box;

use aims_jose::json::{Limits, Object};
use aims_jose::{Jwk, base64url};
use aims_keys::backend;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::fixtures::{P256, jwt_claims};
use crate::row::Row;

pub(super) fn base64url_decode() -> Row {
    let text = base64url::encode([0xA5; 384]);
    let same = text.clone();
    Row::short(move || base64url::decode(black_box(&text)).expect("base64url"))
        .short_peer("base64", move || URL_SAFE_NO_PAD.decode(black_box(&same)).expect("base64url"))
}

pub(super) fn base64url_encode() -> Row {
    Row::short(|| base64url::encode(black_box([0xA5; 384])))
        .short_peer("base64", || URL_SAFE_NO_PAD.encode(black_box([0xA5; 384])))
}

/// An object of claims, read member by member; the peer makes a tree of it, and lets duplicates pass.
pub(super) fn json_claims() -> Row {
    let text = jwt_claims("xxxxxxxxxxxxxxxxxxxxxxxx");
    let same = text.clone();
    Row::short(move || Object::parse(black_box(text.as_bytes()), &Limits::new()).expect("an object"))
        .short_peer("serde_json::Value", move || {
            serde_json::from_str::<serde_json::Value>(black_box(&same)).expect("an object")
        })
}

/// A P-256 key, with the check that its point is on the curve.
pub(super) fn jwk() -> Row {
    let text = P256::generate(backend::ring()).jwk("k").to_json();
    let same = text.clone();
    Row::short(move || Jwk::parse(black_box(&text), backend::ring()).expect("a key")).short_peer(
        "wimsey/rustcrypto",
        move || {
            let jwk: wimsey_jose::Jwk = serde_json::from_str(black_box(&same)).expect("a JWK");
            jwk.to_verifying_key().expect("a key")
        },
    )
}
