//! One thing is wrong with an accepted request; and the request is refused for it.

use std::sync::Arc;

use aims_credential::WitRequest;
use aims_httpsig::Digests;
use aims_httpsig::sf::BareItem;
use aims_keys::{Algorithm, Signer, UnixTime, backend};
use aims_testkit::assert_refused;

use super::{Draft, Request, int, text, verifier};
use crate::support::{NOW, World, new_key, secs};

enum Change {
    /// Made by the sender.
    Sent(fn(&mut Draft, &World)),
    /// Made on the way.
    OnTheWay(fn(&mut Request)),
}

use Change::{OnTheWay, Sent};

struct Attack {
    name: &'static str,
    change: Change,
    code: &'static str,
    rule: &'static str,
}

const fn attack(name: &'static str, change: Change, code: &'static str, rule: &'static str) -> Attack {
    Attack { name, change, code, rule }
}

fn refuse_all(attacks: &[Attack]) {
    let world = World::new();
    let agent = world.agent();
    for Attack { name, change, code, rule } in attacks {
        let mut draft = Draft::new(&agent);
        let (builder, _) = verifier();
        draft.send().verify(&world, &builder.build()).expect("the request is accepted before it is changed");

        if let Sent(change) = change {
            change(&mut draft, &world);
        }
        let mut request = draft.send();
        if let OnTheWay(change) = change {
            change(&mut request);
        }
        let (builder, memory) = verifier();
        assert_refused!(request.verify(&world, &builder.build()), *code, *rule, "{name}");
        // HSIG-11: what is refused takes no room, and burns no nonce.
        assert!(memory.is_empty(), "{name}: a refused nonce was remembered");
    }
}

/// A second signature under the tag of the profile.
fn second(request: &mut Request, label: &str) {
    let (input, signature) = (request.field("signature-input").clone(), request.field("signature").clone());
    request.add("signature-input", &input.replacen("sig1", label, 1));
    request.add("signature", &signature.replacen("sig1", label, 1));
}

#[test]
fn hsig_7_whatever_is_covered_cannot_be_altered() {
    refuse_all(&[
        attack("method", OnTheWay(|request| request.method = "PUT".into()), "bad_signature", "HSIG-7"),
        attack(
            "order of the query",
            OnTheWay(|request| request.target = "/v1/search?lang=de".into()),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "no query",
            OnTheWay(|request| request.target = "/v1/search".into()),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "content type",
            OnTheWay(|request| *request.field("content-type") = "text/plain".into()),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "another access token",
            OnTheWay(|request| *request.field("authorization") = "Bearer another".into()),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "another transaction token",
            OnTheWay(|request| *request.field("txn-token") = "another".into()),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "a field a second time",
            OnTheWay(|request| request.add("content-type", "text/plain")),
            "field_repeated",
            "HS-VAL-06",
        ),
        attack(
            "a second line of a list",
            OnTheWay(|request| request.add("content-digest", "x=:AA==:")),
            "bad_signature",
            "HSIG-7",
        ),
    ]);
}

#[test]
fn hsig_7_nor_can_the_signature() {
    refuse_all(&[
        attack(
            "digest with its content",
            OnTheWay(|request| {
                request.body = b"other".into();
                *request.field("content-digest") = Digests::field(b"other", backend::ring());
            }),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "parameter",
            OnTheWay(|request| {
                let field = request.field("signature-input");
                *field = field.replace(";tag=", ";wimse-sign-response;tag=");
            }),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "order of the components",
            OnTheWay(|request| {
                let field = request.field("signature-input");
                *field = field.replace(r#""@method" "@path""#, r#""@path" "@method""#);
            }),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "audience",
            OnTheWay(|request| {
                let field = request.field("signature-input");
                *field = field.replace("https://tools.example/v1/search", "tools-alias");
            }),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "signature",
            OnTheWay(|request| {
                let field = request.field("signature");
                field.replace_range(6..10, "AAAA");
            }),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "another key",
            Sent(|draft, _| draft.key = Arc::new(new_key(Algorithm::Es256))),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "key of another algorithm",
            Sent(|draft, _| draft.key = Arc::new(new_key(Algorithm::Ed25519))),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "the WIT of another workload",
            OnTheWay(|request| {
                *request.field("workload-identity-token") = World::new().agent().wit.token().into();
            }),
            "bad_signature",
            "WIT-7",
        ),
    ]);
}

#[test]
fn hsig_5_hs_wimse_01_what_has_to_be_covered_is_judged_by_what_arrived() {
    refuse_all(&[
        attack("method", Sent(|draft, _| draft.uncover("@method")), "missing_coverage", "HSIG-5"),
        attack("path", Sent(|draft, _| draft.uncover("@path")), "missing_coverage", "HSIG-5"),
        attack("query", Sent(|draft, _| draft.uncover("@query")), "missing_coverage", "HSIG-5"),
        attack("content type", Sent(|draft, _| draft.uncover("content-type")), "missing_coverage", "HSIG-5"),
        attack("digest", Sent(|draft, _| draft.uncover("content-digest")), "missing_coverage", "HSIG-5"),
        attack("access token", Sent(|draft, _| draft.uncover("authorization")), "missing_coverage", "HSIG-5"),
        attack(
            "transaction token",
            Sent(|draft, _| draft.uncover("txn-token")),
            "missing_coverage",
            "HSIG-5",
        ),
        attack(
            "WIT",
            Sent(|draft, _| draft.uncover("workload-identity-token")),
            "missing_coverage",
            "HSIG-5",
        ),
        attack(
            "a token that is put in on the way",
            Sent(|draft, _| {
                draft.uncover("txn-token");
                let token = draft.request.field("txn-token").clone();
                draft.request.drop_field("txn-token");
                draft.request.add("txn-token", &token);
            }),
            "missing_coverage",
            "HSIG-5",
        ),
        attack(
            "whole target in place of path and query",
            Sent(|draft, _| {
                draft.uncover("@path");
                draft.uncover("@query");
                draft.covered.push(r#""@target-uri""#.into());
                draft.covered.push(r#""@request-target""#.into());
            }),
            "missing_coverage",
            "HSIG-5",
        ),
        attack(
            "lines of a field, and not the field",
            Sent(|draft, _| {
                draft.uncover("content-type");
                draft.covered.push(r#""content-type";bs"#.into());
            }),
            "missing_coverage",
            "HSIG-5",
        ),
        attack(
            "a component that is gone",
            OnTheWay(|request| request.drop_field("content-type")),
            "field_absent",
            "HS-VAL-04",
        ),
        attack("nothing", Sent(|draft, _| draft.covered.clear()), "covers_nothing", "HSIG-5"),
    ]);
}

#[test]
fn hsig_9_hs_wimse_03_content_is_what_was_signed() {
    refuse_all(&[
        attack("swapped", OnTheWay(|request| request.body = b"other".into()), "digest_mismatch", "HSIG-9"),
        attack("longer", OnTheWay(|request| request.body.push(b' ')), "digest_mismatch", "HSIG-9"),
        attack("gone", OnTheWay(|request| request.body.clear()), "digest_mismatch", "HSIG-9"),
        attack(
            "without a digest",
            Sent(|draft, _| {
                draft.uncover("content-digest");
                draft.request.drop_field("content-digest");
            }),
            "no_digest",
            "HSIG-9",
        ),
        attack(
            "by a weak algorithm",
            Sent(|draft, _| *draft.request.field("content-digest") = "md5=:AAAAAAAAAAAAAAAAAAAAAA==:".into()),
            "digest_unsupported",
            "HSIG-9",
        ),
        attack(
            "a digest that is none",
            Sent(|draft, _| *draft.request.field("content-digest") = "sha-256=:AAAA:".into()),
            "digest_form",
            "HSIG-9",
        ),
    ]);
}

#[test]
fn hsig_2_hsig_12_hs_wimse_09_one_signature_is_the_workloads() {
    refuse_all(&[
        attack("none", OnTheWay(|request| request.drop_field("signature-input")), "no_proof", "HSIG-2"),
        // What it says it has is there, or the request is not the one that was sent.
        attack(
            "half of one",
            OnTheWay(|request| request.drop_field("signature")),
            "missing_signature",
            "HS-FLD-02",
        ),
        attack(
            "none at all",
            OnTheWay(|request| {
                request.drop_field("signature-input");
                request.drop_field("signature");
            }),
            "no_proof",
            "HSIG-2",
        ),
        attack("another tag", Sent(|draft, _| draft.set("tag", text("wimse"))), "no_proof", "HSIG-2"),
        attack("no tag", Sent(|draft, _| draft.unset("tag")), "no_proof", "HSIG-2"),
        attack(
            "two, on two lines",
            OnTheWay(|request| second(request, "sig2")),
            "ambiguous_signature",
            "HSIG-2",
        ),
        attack(
            "one label twice",
            OnTheWay(|request| second(request, "sig1")),
            "duplicate_label",
            "HS-FLD-02",
        ),
        attack(
            "a label without its signature",
            OnTheWay(|request| request.add("signature-input", r#"x=("@method");created=1"#)),
            "label_mismatch",
            "HS-FLD-02",
        ),
        attack(
            "malformed",
            OnTheWay(|request| request.field("signature-input").push_str(", x=(")),
            "malformed_signature_field",
            "HS-SF-01",
        ),
        attack(
            "too many",
            OnTheWay(|request| {
                for at in 2..10 {
                    second(request, &format!("sig{at}"));
                }
            }),
            "too_many_signatures",
            "HS-FLD-07",
        ),
    ]);
}

#[test]
fn hsig_3_hsig_4_hs_wimse_04_hs_wimse_05_parameters() {
    const REFUSED: [(&str, Option<BareItem<'static>>, &str, &str); 14] = [
        ("created", None, "missing_parameter", "HSIG-4"),
        ("expires", None, "missing_parameter", "HSIG-4"),
        ("nonce", None, "missing_parameter", "HSIG-4"),
        ("wimse-aud", None, "missing_parameter", "HSIG-4"),
        ("wimse-aud", Some(BareItem::Integer(1)), "malformed_parameter", "HSIG-4"),
        ("wimse-aud", Some(BareItem::Boolean(true)), "malformed_parameter", "HSIG-4"),
        ("wimse-sign-response", Some(BareItem::Integer(1)), "malformed_parameter", "HSIG-4"),
        ("wimse-req-nonce", Some(BareItem::Integer(1)), "forbidden_parameter", "HSIG-4"),
        ("keyid", Some(BareItem::String(std::borrow::Cow::Borrowed("k"))), "forbidden_parameter", "HSIG-3"),
        (
            "alg",
            Some(BareItem::String(std::borrow::Cow::Borrowed("ecdsa-p256-sha256"))),
            "forbidden_parameter",
            "HSIG-3",
        ),
        ("nonce", Some(BareItem::String(std::borrow::Cow::Borrowed(""))), "malformed_parameter", "HSIG-4"),
        ("created", Some(BareItem::Integer(-1)), "bad_times", "HSIG-8"),
        ("expires", Some(BareItem::Integer(999_999_999_999_999)), "lifetime_too_long", "HSIG-8"),
        ("created", Some(BareItem::Integer(999_999_999_999_999)), "bad_times", "HSIG-8"),
    ];
    let world = World::new();
    let agent = world.agent();
    for (name, value, code, rule) in REFUSED {
        let mut draft = Draft::new(&agent);
        match value {
            Some(value) => draft.set(name, value),
            None => draft.unset(name),
        }
        let (builder, memory) = verifier();
        assert_refused!(draft.send().verify(&world, &builder.build()), code, rule, "{name}");
        assert!(memory.is_empty());
    }
    refuse_all(&[
        attack(
            "long nonce",
            Sent(|draft, _| draft.set("nonce", text(&"n".repeat(257)))),
            "malformed_parameter",
            "HSIG-4",
        ),
        attack(
            "nonce of another type",
            OnTheWay(|request| {
                let field = request.field("signature-input");
                *field = field.replace(r#"nonce="q83vEjRWeJASNFZ4kBI0Vg""#, "nonce=7");
            }),
            "parameter_type",
            "HSIG-4",
        ),
        attack(
            "parameter twice",
            OnTheWay(|request| request.field("signature-input").push_str(";wimse-aud=\"tools-alias\"")),
            "parameter_duplicate",
            "HSIG-4",
        ),
    ]);
}

#[test]
fn hsig_8_hsig_10_hs_wimse_06_times_and_audience() {
    refuse_all(&[
        attack("later", OnTheWay(|request| request.now = NOW + secs(90)), "expired", "HSIG-8"),
        attack(
            "of the future",
            Sent(|draft, _| {
                draft.set("created", int(NOW.as_secs() + 31));
            }),
            "not_yet_valid",
            "HSIG-8",
        ),
        attack(
            "long",
            Sent(|draft, _| draft.set("expires", int(NOW.as_secs() + 301))),
            "lifetime_too_long",
            "HSIG-8",
        ),
        attack(
            "ends before it begins",
            Sent(|draft, _| draft.set("expires", int(NOW.as_secs() - 1))),
            "bad_times",
            "HSIG-8",
        ),
        attack(
            "another service",
            Sent(|draft, _| draft.set("wimse-aud", text("https://other.example/v1/search"))),
            "audience_mismatch",
            "HSIG-10",
        ),
        attack(
            "another path",
            Sent(|draft, _| draft.set("wimse-aud", text("https://tools.example/v1/book"))),
            "audience_mismatch",
            "HSIG-10",
        ),
        attack(
            "with its query",
            Sent(|draft, _| draft.set("wimse-aud", text("https://tools.example/v1/search?lang=en"))),
            "audience_mismatch",
            "HSIG-10",
        ),
        attack(
            "in another spelling",
            Sent(|draft, _| draft.set("wimse-aud", text("https://tools.example:443/v1/search"))),
            "audience_mismatch",
            "HSIG-10",
        ),
        attack(
            "the host of the request",
            Sent(|draft, _| {
                draft.request.authority = "other.example".into();
                draft.set("wimse-aud", text("https://other.example/v1/search"));
            }),
            "audience_mismatch",
            "HSIG-10",
        ),
    ]);
}

#[test]
fn hsig_1_wit_1_hs_wimse_08_the_credential_comes_first() {
    refuse_all(&[
        attack(
            "none",
            Sent(|draft, _| {
                draft.uncover("workload-identity-token");
                draft.request.drop_field("workload-identity-token");
            }),
            "no_credential",
            "WIT-1",
        ),
        attack(
            "two",
            OnTheWay(|request| {
                let token = request.field("workload-identity-token").clone();
                request.add("workload-identity-token", &token);
            }),
            "malformed",
            "WIT-1",
        ),
        attack(
            "not ASCII",
            OnTheWay(|request| *request.field("workload-identity-token") = "é".into()),
            "malformed",
            "WIT-1",
        ),
        attack(
            "of another trust domain, with a signature by its key",
            Sent(|draft, _| {
                let stranger = World::at("spiffe://stranger.example").agent();
                *draft.request.field("workload-identity-token") = stranger.wit.token().into();
                draft.key = stranger.key;
            }),
            "unknown_trust_domain",
            "WIT-5",
        ),
        attack(
            "a good one of another key",
            Sent(|draft, world| {
                *draft.request.field("workload-identity-token") = world.agent().wit.token().into();
            }),
            "bad_signature",
            "HSIG-7",
        ),
        attack(
            "expired",
            Sent(|draft, world| {
                let key = new_key(Algorithm::Es256);
                let subject = "spiffe://acme.example/agents/travel".parse().unwrap();
                let request = WitRequest::new(&subject, Signer::public_key(&key)).lifetime(secs(60));
                let token = world.issuer.sign(&request, UnixTime::from_secs(NOW.as_secs() - 600)).unwrap();
                *draft.request.field("workload-identity-token") = token;
                draft.key = Arc::new(key);
            }),
            "expired",
            "WIT-8",
        ),
    ]);
}
