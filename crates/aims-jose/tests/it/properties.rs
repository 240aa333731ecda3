//! What holds for every token (JO-VER-02, JO-B64-03, JO-ATK-23).

use std::sync::LazyLock;

use aims_jose::{
    Claims, Jwk, JwkSet, JwtVerifier, Limits, NewClaims, NewHeader, PrivateJwk, Thumbprint, UnverifiedJws,
    json,
};
use aims_keys::{AlgorithmSet, UnixTime, backend};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::*;

static VERIFIER: LazyLock<JwtVerifier> = LazyLock::new(|| builder().build());

#[test]
fn jo_b64_03_jo_atk_23_any_other_character_anywhere_is_refused() {
    // Every byte of a token, with every one-bit change and some characters that matter.
    let good = token();
    VERIFIER.verify(&good, NOW).unwrap();
    for at in 0..good.len() {
        let bits = (0..7).map(|bit| good.as_bytes()[at] ^ (1 << bit));
        for byte in bits.chain(*b"A_-.= \n") {
            if byte == good.as_bytes()[at] {
                continue;
            }
            let mut bytes = good.clone().into_bytes();
            bytes[at] = byte;
            let tampered = String::from_utf8(bytes).unwrap();
            assert!(VERIFIER.verify(&tampered, NOW).is_err(), "{at}: {tampered}");
        }
        let mut shorter = good.clone();
        shorter.remove(at);
        assert!(VERIFIER.verify(&shorter, NOW).is_err(), "{at}: {shorter}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn jo_sign_02_jo_b64_03_what_is_signed_verifies_and_nothing_else(
        payload in proptest::collection::vec(any::<u8>(), 0..200),
        typ in "[a-z0-9][a-z0-9+.-]{0,60}",
        kid in "[^\\p{Cc}]{1,60}",
        which in 0..5_usize,
        at in any::<Index>(),
        bit in 0..7_u8,
    ) {
        let key = KEYS.all()[which];
        let token = NewHeader::with_key_id(&typ, &public(key), &kid).unwrap().unsigned(&payload).sign(key).unwrap();
        let jws = UnverifiedJws::parse(&token, &Limits::new()).unwrap();
        prop_assert_eq!(jws.header().typ(), Some(&*typ));
        prop_assert_eq!(jws.header().key_id(), Some(&*kid));
        prop_assert!(!jws.header().has_other_members());
        let verified = jws.verify(&public(key), every_algorithm()).unwrap();
        prop_assert_eq!(verified.payload(), &*payload);

        let mut bytes = token.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let tampered = String::from_utf8(bytes).unwrap();
        let verified = UnverifiedJws::parse(&tampered, &Limits::new()).and_then(|jws| jws.verify(&public(key), every_algorithm()));
        prop_assert!(verified.is_err());
    }

    #[test]
    fn jo_sign_03_claims_come_out_as_they_went_in(
        issuer in ".{1,40}",
        subject in ".{1,40}",
        audiences in proptest::collection::vec(".{1,20}", 0..4),
        id in ".{1,60}",
        dates in proptest::array::uniform3(0..=253_402_300_799_u64),
        own in ".{0,40}",
    ) {
        let [exp, nbf, iat] = dates.map(UnixTime::from_secs);
        let mut claims = NewClaims::new();
        claims.issuer(&issuer).subject(&subject).expires(exp).not_before(nbf).issued_at(iat).token_id(&id);
        for audience in &audiences {
            claims.audience(audience);
        }
        claims.extensions().str("own", &own);
        let read = Claims::read(claims.finish().unwrap().into_bytes(), &json::Limits::new()).unwrap();
        prop_assert!(read.issuer().as_deref() == Some(&*issuer));
        prop_assert!(read.subject().as_deref() == Some(&*subject));
        prop_assert!(read.token_id().as_deref() == Some(&*id));
        prop_assert_eq!((read.expires(), read.not_before(), read.issued_at()), (Some(exp), Some(nbf), Some(iat)));
        prop_assert!(read.get("own").unwrap().is_str(&own));
        let read: Vec<_> = match read.audience() {
            None => Vec::new(),
            Some(value) => value.as_array().map_or_else(|| vec![value], Iterator::collect),
        };
        prop_assert!(read.iter().map(|value| value.as_str().unwrap()).eq(audiences.iter().map(String::as_str)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn jo_ver_02_no_text_panics(text in prop_oneof![".{0,80}", "[A-Za-z0-9_.-]{0,80}", r#"[{}\[\]",:a-z0-9\\]{0,60}"#]) {
        let limits = Limits::new();
        prop_assert!(VERIFIER.verify(&text, NOW).is_err());
        let _ = aims_jose::UntrustedToken::peek(&text, &limits);
        let _ = Jwk::parse(&text, backend::ring());
        let _ = JwkSet::parse(&text, backend::ring());
        let _ = PrivateJwk::parse(&text);
        let _ = text.parse::<Thumbprint>();
        let _ = Claims::read(text.into_bytes(), &json::Limits::new());
    }

    #[test]
    fn jo_ver_02_no_header_and_no_claims_panic_behind_a_good_signature(
        header in r#"\{("(alg|kid|typ|crit|cty|x)":("ES256"|"a"|1|\[\]|null|\{\}),?){0,4}\}"#,
        claims in r#"\{("(iss|sub|aud|exp|nbf|iat|jti)":("a"|1|-1|1e3|\["a"\]|\[\]|null|\{\}),?){0,5}\}"#,
    ) {
        let token = sign(&KEYS.ed25519, &header, &claims);
        if let Ok(jws) = UnverifiedJws::parse(&token, &Limits::new()) {
            let _ = jws.verify(&public(&KEYS.ed25519), AlgorithmSet::STANDARD);
        }
        prop_assert!(VERIFIER.verify(&token, NOW).is_err());
        let _ = Claims::read(claims.into_bytes(), &json::Limits::new());
    }
}
