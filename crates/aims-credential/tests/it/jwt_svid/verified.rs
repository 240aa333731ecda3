//! What a verified, and a held, JWT-SVID says, and what ends it.

use std::sync::Arc;

use aims_credential::{JwtSvid, Mark, MarkKey, MarkTable};
use aims_keys::Algorithm;
use aims_testkit::assert_refused;
use serde_json::json;

use super::support::{AUDIENCE, Domain, EXP};
use crate::support::{IAT, KEY_ID, LEEWAY, ORIGIN, SUBJECT, at, id, now};

const TOKEN_ID: &str = "AAECAwQFBgcICQoLDA0ODw";

#[test]
fn js_6_js_12_what_a_verified_jwt_svid_says() {
    let domain = Domain::new();
    let token = domain.forge().claim("acme.example/team", json!("blue")).token();
    let svid = domain.verifier().verify(&token, now()).unwrap();
    assert_eq!(svid.subject().as_str(), SUBJECT);
    assert_eq!(svid.audience(), AUDIENCE);
    assert_eq!((svid.begun(), svid.not_after()), (at(IAT), at(EXP)));
    assert_eq!(svid.token_id(), Some(TOKEN_ID));
    assert_eq!((svid.algorithm(), svid.key_id()), (Algorithm::Es256, Some(KEY_ID)));
    assert!(svid.claims().get("acme.example/team").unwrap().is_str("blue"));
    let keys: Vec<_> = svid.mark_keys().collect();
    let subject = id(SUBJECT);
    assert_eq!(keys, [MarkKey::Agent(&subject), MarkKey::Credential { origin: ORIGIN, id: TOKEN_ID }]);
    let shown = format!("{svid:?}");
    assert!(shown.contains(SUBJECT) && !shown.contains(TOKEN_ID) && !shown.contains("blue"), "{shown}");
}

#[test]
fn aims_55_it_is_cut_off_by_its_subject_its_name_and_its_time() {
    let domain = Domain::new();
    let token = domain.forge().token();
    let svid = domain.verifier().verify(&token, now()).unwrap();
    let live = MarkTable::with_capacity(0);
    svid.still_valid(at(EXP + LEEWAY - 1), &live).unwrap();
    assert_eq!(svid.still_valid(at(EXP + LEEWAY), &live).unwrap_err().code(), "expired");

    let subject = id(SUBJECT);
    for (key, mark, code) in [
        (MarkKey::Agent(&subject), Mark::dead(), "revoked"),
        (MarkKey::Agent(&subject), Mark::not_before(at(IAT)), "superseded"),
        (MarkKey::Credential { origin: ORIGIN, id: TOKEN_ID }, Mark::suspended(), "suspended"),
    ] {
        let marks = Arc::new(MarkTable::with_capacity(1));
        marks.add(&key, mark).unwrap();
        let verifier = domain.builder().marks(marks.clone()).build();
        let refused = verifier.verify(&token, now()).unwrap_err();
        assert_eq!(refused.code(), code, "{key:?}");
        let lapsed = svid.still_valid(now(), &*marks).unwrap_err();
        assert_eq!((lapsed.code(), lapsed.rule()), (refused.code(), refused.rule()));
    }
}

#[test]
fn ssf_110_without_a_beginning_every_cut_ends_it() {
    let domain = Domain::new();
    let verified = |forge: crate::support::Forge| domain.verifier().verify(&forge.token(), now()).unwrap();
    assert_eq!(verified(domain.forge().without("iat")).begun(), at(0));
    assert_eq!(verified(domain.forge().without("iat").claim("nbf", json!(IAT - 5))).begun(), at(IAT - 5));
}

#[test]
fn js_10_a_held_jwt_svid() {
    let domain = Domain::new();
    let token = domain.forge().token();
    let held = JwtSvid::from_issuer(&token).unwrap();
    assert_eq!((held.token(), held.subject().as_str(), held.not_after()), (&*token, SUBJECT, at(EXP)));
    assert_eq!(held.authorization(), format!("Bearer {token}"));
    domain.verifier().verify_authorization(&held.authorization(), now()).unwrap();
    let shown = format!("{held:?}");
    assert!(shown.contains(SUBJECT) && !shown.contains("eyJ"), "{shown}");

    for (forge, code, rule) in [
        (domain.forge().without("aud"), "audience_missing", "JS-7"),
        (domain.forge().claim("cnf", json!({})), "bad_confirmation", "JO-KEY-10"),
        (domain.forge().claim("events", json!({})), "events_claim", "SSF-14"),
        (domain.forge().claim("azp", json!("app")), "foreign_claim", "JS-13"),
        (domain.forge().without("exp"), "malformed", "JS-8"),
        (domain.forge().claim("sub", json!(ORIGIN)), "bad_subject", "JS-6"),
        (domain.forge().header("typ", json!("wit+jwt")), "wrong_type", "JS-5"),
        (domain.forge().header("cty", json!("x")), "header_member", "JS-2"),
    ] {
        assert_refused!(JwtSvid::from_issuer(&forge.token()), code, rule);
    }
    assert_refused!(JwtSvid::from_issuer(&"a".repeat(16 * 1024 + 1)), "malformed", "JO-B64-01");
}
