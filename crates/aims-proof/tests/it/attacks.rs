//! One thing is wrong with an accepted request; and the request is refused for it.

use std::sync::Arc;

use aims_credential::{Wit, WitRequest};
use aims_keys::{Algorithm, Signer, backend};
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use crate::support::{CONTEXT, NOW, Parts, Received, TXN, World, hash, new_key, secs, sign, verifier};

enum Change {
    /// Made by the sender.
    Sent(fn(&mut Parts, &World)),
    /// Made on the way.
    OnTheWay(fn(&mut Received)),
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
        let mut parts = Parts::new(&agent);
        let (builder, _) = verifier();
        parts.send().verify(&world, &builder.build()).expect("the request is accepted before it is changed");

        let mut received = match change {
            Sent(change) => {
                change(&mut parts, &world);
                parts.send()
            }
            OnTheWay(_) => parts.send(),
        };
        if let OnTheWay(change) = change {
            change(&mut received);
        }
        let (builder, memory) = verifier();
        assert_refused!(received.verify(&world, &builder.build()), *code, *rule, "{name}");
        // WPT-11: what is refused takes no room, and burns no identifier.
        assert!(memory.is_empty(), "{name}: a refused proof was remembered");
    }
}

fn claim(parts: &mut Parts, name: &str, value: Value) {
    parts.claims[name] = value;
}

fn authorization(received: &mut Received, change: impl Fn(&str) -> String) {
    let value = received.field("authorization");
    *value = change(value.strip_prefix("WPT ").unwrap());
}

#[test]
fn fields_of_the_proof() {
    refuse_all(&[
        attack("no Authorization", OnTheWay(|r| r.drop_field("authorization")), "no_proof", "WPT-1"),
        attack("Bearer", OnTheWay(|r| authorization(r, |t| format!("Bearer {t}"))), "no_proof", "WPT-1"),
        attack("DPoP", OnTheWay(|r| authorization(r, |t| format!("DPoP {t}"))), "no_proof", "WPT-1"),
        attack("no scheme", OnTheWay(|r| authorization(r, str::to_owned)), "no_proof", "WPT-1"),
        attack("longer scheme", OnTheWay(|r| authorization(r, |t| format!("WPT2 {t}"))), "no_proof", "WPT-1"),
        attack("space before", OnTheWay(|r| authorization(r, |t| format!(" WPT {t}"))), "no_proof", "WPT-1"),
        attack("empty", OnTheWay(|r| authorization(r, |_| String::new())), "no_proof", "WPT-1"),
        attack(
            "Bearer joined in front",
            OnTheWay(|r| authorization(r, |t| format!("Bearer abc, WPT {t}"))),
            "no_proof",
            "WPT-1",
        ),
        // WPT-17: a bearer token beside the proof authenticates nobody, and is not let in either.
        attack(
            "Bearer in a second line",
            OnTheWay(|r| r.add("authorization", "Bearer abc")),
            "malformed",
            "WPT-1",
        ),
        attack(
            "Bearer in a first line",
            OnTheWay(|r| r.fields.insert(0, ("Authorization".into(), "Bearer abc".into()))),
            "malformed",
            "WPT-1",
        ),
        attack(
            "the proof in two lines",
            OnTheWay(|r| {
                let again = r.field("authorization").clone();
                r.add("authorization", &again);
            }),
            "malformed",
            "WPT-1",
        ),
        attack(
            "two lines without a proof",
            OnTheWay(|r| {
                authorization(r, |_| "Bearer abc".into());
                r.add("authorization", "Bearer abc");
            }),
            "no_proof",
            "WPT-1",
        ),
        attack("scheme alone", OnTheWay(|r| authorization(r, |_| "WPT".into())), "malformed", "WPT-2"),
        attack("nothing behind", OnTheWay(|r| authorization(r, |_| "WPT  ".into())), "malformed", "WPT-2"),
        attack("tab", OnTheWay(|r| authorization(r, |t| format!("WPT\t{t}"))), "malformed", "WPT-2"),
        attack(
            "space and tab",
            OnTheWay(|r| authorization(r, |t| format!("WPT \t{t}"))),
            "malformed",
            "WPT-2",
        ),
        attack("comma", OnTheWay(|r| authorization(r, |t| format!("WPT,{t}"))), "malformed", "WPT-2"),
        attack("space behind", OnTheWay(|r| authorization(r, |t| format!("WPT {t} "))), "malformed", "WPT-2"),
        attack(
            "two tokens",
            OnTheWay(|r| authorization(r, |t| format!("WPT {t} {t}"))),
            "malformed",
            "WPT-2",
        ),
        attack(
            "Bearer joined behind",
            OnTheWay(|r| authorization(r, |t| format!("WPT {t}, Bearer abc"))),
            "malformed",
            "WPT-2",
        ),
        attack(
            "parameter",
            OnTheWay(|r| authorization(r, |t| format!("WPT token=\"{t}\""))),
            "malformed",
            "WPT-2",
        ),
        attack(
            "not ASCII",
            OnTheWay(|r| authorization(r, |t| format!("WPT {t}\u{e9}"))),
            "malformed",
            "WPT-1",
        ),
    ]);
}

#[test]
fn form_of_the_proof() {
    refuse_all(&[
        attack("padded", OnTheWay(|r| authorization(r, |t| format!("WPT {t}=="))), "malformed", "WPT-2"),
        attack(
            "truncated",
            OnTheWay(|r| assert!(r.field("authorization").pop().is_some())),
            "malformed",
            "WPT-2",
        ),
        attack(
            "two parts",
            OnTheWay(|r| authorization(r, |t| format!("WPT {}", t.rsplit_once('.').unwrap().0))),
            "malformed",
            "WPT-2",
        ),
        attack(
            "four parts",
            OnTheWay(|r| authorization(r, |t| format!("WPT {t}.AAAA"))),
            "malformed",
            "WPT-2",
        ),
        attack(
            "no signature",
            OnTheWay(|r| authorization(r, |t| format!("WPT {}.", t.rsplit_once('.').unwrap().0))),
            "malformed",
            "WPT-2",
        ),
        attack(
            "not base64url",
            OnTheWay(|r| authorization(r, |t| format!("WPT {}", t.replace('.', "+.")))),
            "malformed",
            "WPT-2",
        ),
        attack(
            "a second spelling of the signature (JO-ATK-23)",
            OnTheWay(|r| {
                let value = r.field("authorization");
                // The last of 86 characters carries two bits that must be zero.
                let last = value.pop().unwrap();
                let other = match last {
                    'A' => 'B',
                    'Q' => 'R',
                    'g' => 'h',
                    'w' => 'x',
                    other => panic!("not the last character of 64 bytes: {other}"),
                };
                value.push(other);
            }),
            "malformed",
            "WPT-2",
        ),
        attack(
            "header of no JSON",
            OnTheWay(|r| authorization(r, |t| format!("WPT AAAA.{}", t.split_once('.').unwrap().1))),
            "malformed",
            "WPT-2",
        ),
        attack("too long", Sent(|p, _| claim(p, "padding", "x".repeat(8192).into())), "malformed", "WPT-2"),
        attack("critical header", Sent(|p, _| p.header["crit"] = json!(["exp"])), "malformed", "JO-HDR-03"),
        attack("unencoded payload", Sent(|p, _| p.header["b64"] = json!(false)), "malformed", "JO-HDR-03"),
    ]);
}

#[test]
fn algorithm_type_and_signature() {
    refuse_all(&[
        attack("none", Sent(|p, _| p.header["alg"] = json!("none")), "alg_mismatch", "WPT-3"),
        attack("HS256", Sent(|p, _| p.header["alg"] = json!("HS256")), "alg_mismatch", "WPT-3"),
        attack("another algorithm", Sent(|p, _| p.header["alg"] = json!("ES384")), "alg_mismatch", "WPT-3"),
        attack("lower case", Sent(|p, _| p.header["alg"] = json!("es256")), "alg_mismatch", "WPT-3"),
        attack(
            "no algorithm",
            Sent(|p, _| drop(p.header.as_object_mut().unwrap().remove("alg"))),
            "alg_mismatch",
            "WPT-3",
        ),
        attack(
            "another key",
            Sent(|p, _| p.key = Arc::new(new_key(Algorithm::Es256))),
            "bad_signature",
            "WPT-4",
        ),
        attack(
            "own key in the header",
            Sent(|p, _| {
                p.key = Arc::new(new_key(Algorithm::Es256));
                let own = aims_jose::Jwk::new(Signer::public_key(&*p.key).clone());
                p.header["jwk"] = serde_json::from_str(&own.to_json()).unwrap();
            }),
            "bad_signature",
            "WPT-4",
        ),
        attack(
            "signature of another proof",
            OnTheWay(|r| {
                authorization(r, |t| {
                    let (input, signature) = t.rsplit_once('.').unwrap();
                    let mut bytes = aims_jose::base64url::decode(signature).unwrap();
                    bytes[40] ^= 1;
                    format!("WPT {input}.{}", aims_jose::base64url::encode(bytes))
                });
            }),
            "bad_signature",
            "WPT-4",
        ),
        attack(
            "short signature",
            OnTheWay(|r| {
                let short = r.field("authorization").len() - 2;
                r.field("authorization").truncate(short);
                // 84 characters are 63 bytes.
            }),
            "bad_signature",
            "WPT-4",
        ),
        attack("WIT as type", Sent(|p, _| p.header["typ"] = json!("wit+jwt")), "wrong_type", "WPT-5"),
        attack("JWT as type", Sent(|p, _| p.header["typ"] = json!("JWT")), "wrong_type", "WPT-5"),
        attack(
            "media type",
            Sent(|p, _| p.header["typ"] = json!("application/wpt+jwt")),
            "wrong_type",
            "WPT-5",
        ),
        attack("upper case", Sent(|p, _| p.header["typ"] = json!("WPT+JWT")), "wrong_type", "WPT-5"),
        attack("legacy type", Sent(|p, _| p.header["typ"] = json!("wimse-proof+jwt")), "wrong_type", "WPT-5"),
        attack(
            "no type",
            Sent(|p, _| drop(p.header.as_object_mut().unwrap().remove("typ"))),
            "wrong_type",
            "WPT-5",
        ),
        // JO-ATK-22, WS-13, CRD-10: a WIT is no proof, and no bearer token.
        attack(
            "the WIT in place of the proof",
            OnTheWay(|r| {
                let wit = r.field("workload-identity-token").clone();
                authorization(r, |_| format!("WPT {wit}"));
            }),
            "wrong_type",
            "WPT-5",
        ),
        attack(
            "the WIT as bearer token",
            OnTheWay(|r| {
                let wit = r.field("workload-identity-token").clone();
                authorization(r, |_| format!("Bearer {wit}"));
            }),
            "no_proof",
            "WPT-1",
        ),
        attack(
            "the WIT without a proof (WIT-14, WS-13)",
            OnTheWay(|r| r.drop_field("authorization")),
            "no_proof",
            "WPT-1",
        ),
        attack(
            "the proof in place of the WIT",
            OnTheWay(|r| {
                let proof = r.field("authorization").strip_prefix("WPT ").unwrap().to_owned();
                *r.field("workload-identity-token") = proof;
            }),
            "wrong_type",
            "WIT-2",
        ),
    ]);
}

#[test]
fn audience() {
    const OTHERS: [&str; 15] = [
        "https://other.example/v1/search",
        "http://tools.example/v1/search",
        "https://tools.example:8443/v1/search",
        "https://tools.example:443/v1/search",
        "https://Tools.example/v1/search",
        "https://tools.example/V1/search",
        "https://tools.example/v1/search/",
        "https://tools.example/v1/%73earch",
        "https://tools.example/v1/x/../search",
        "https://tools.example/v1/search?lang=en",
        "https://tools.example/v1/search?",
        "https://tools.example/v1/search#top",
        "https://tools.example/v1",
        "https://tools.example",
        "",
    ];
    let world = World::new();
    let mut parts = Parts::new(&world.agent());
    for aud in OTHERS {
        claim(&mut parts, "aud", json!(aud));
        assert_refused!(
            parts.send().verify(&world, &verifier().0.build()),
            "audience_mismatch",
            "WPT-6",
            "{aud}"
        );
    }
    refuse_all(&[
        attack(
            "array",
            Sent(|p, _| claim(p, "aud", json!(["https://tools.example/v1/search"]))),
            "malformed",
            "WPT-6",
        ),
        attack("null", Sent(|p, _| claim(p, "aud", Value::Null)), "malformed", "WPT-6"),
        attack("missing", Sent(|p, _| p.remove("aud")), "malformed", "WPT-6"),
        attack(
            "request to another path",
            OnTheWay(|r| r.path = "/v1/book".into()),
            "audience_mismatch",
            "WPT-6",
        ),
        attack(
            "a path that is part of a host",
            Sent(|p, _| {
                claim(p, "aud", json!("https://tools.example.evil.example/v1/search"));
                p.path = ".evil.example/v1/search".into();
            }),
            "audience_mismatch",
            "WPT-6",
        ),
        attack(
            "a query in what should be the path",
            Sent(|p, _| {
                claim(p, "aud", json!("https://tools.example/v1/search?lang=en"));
                p.path = "/v1/search?lang=en".into();
            }),
            "audience_mismatch",
            "WPT-6",
        ),
    ]);
}

#[test]
fn wpt_7_names_of_the_host_in_the_request_decide_nothing() {
    let world = World::new();
    let mut parts = Parts::new(&world.agent());
    claim(&mut parts, "aud", json!("https://evil.example/v1/search"));
    let mut received = parts.send();
    for name in ["host", ":authority", "x-forwarded-host", "forwarded", "x-original-url"] {
        received.add(name, "evil.example");
    }
    assert_refused!(received.verify(&world, &verifier().0.build()), "audience_mismatch", "WPT-6");
}

#[test]
fn times() {
    // WPT-8, WPT-9, WS-15, CRD-12: a leeway of 30 s, a lifetime of 300 s.
    refuse_all(&[
        attack("expired", Sent(|p, _| claim(p, "exp", json!(NOW.as_secs() - 30))), "expired", "WPT-8"),
        attack("long expired", Sent(|p, _| claim(p, "exp", json!(0))), "expired", "WPT-8"),
        attack("verified late", OnTheWay(|r| r.now = NOW + secs(90)), "expired", "WPT-8"),
        attack("string", Sent(|p, _| claim(p, "exp", json!("1790000060"))), "malformed", "WPT-8"),
        attack("null", Sent(|p, _| claim(p, "exp", Value::Null)), "malformed", "WPT-8"),
        attack("negative", Sent(|p, _| claim(p, "exp", json!(-1))), "malformed", "WPT-8"),
        attack(
            "after the year 9999",
            Sent(|p, _| claim(p, "exp", json!(253_402_300_800_u64))),
            "malformed",
            "WPT-8",
        ),
        attack("missing", Sent(|p, _| p.remove("exp")), "malformed", "WPT-8"),
        attack(
            "far ahead",
            Sent(|p, _| claim(p, "exp", json!(NOW.as_secs() + 331))),
            "lifetime_too_long",
            "WPT-9",
        ),
        attack(
            "years ahead",
            Sent(|p, _| claim(p, "exp", json!(253_402_300_799_u64))),
            "lifetime_too_long",
            "WPT-9",
        ),
        attack(
            "not yet",
            Sent(|p, _| claim(p, "nbf", json!(NOW.as_secs() + 31))),
            "not_yet_valid",
            "JO-CLM-03",
        ),
        attack("nbf as string", Sent(|p, _| claim(p, "nbf", json!("1790000000"))), "malformed", "JO-CLM-02"),
        attack("nbf null", Sent(|p, _| claim(p, "nbf", Value::Null)), "malformed", "JO-CLM-02"),
    ]);
}

#[test]
fn binding_to_the_wit() {
    refuse_all(&[
        attack("missing", Sent(|p, _| p.remove("wth")), "malformed", "WPT-10"),
        attack("number", Sent(|p, _| claim(p, "wth", json!(1))), "malformed", "WPT-10"),
        attack("null", Sent(|p, _| claim(p, "wth", Value::Null)), "malformed", "WPT-10"),
        attack("empty", Sent(|p, _| claim(p, "wth", json!(""))), "wit_binding_mismatch", "WPT-10"),
        attack(
            "of something else",
            Sent(|p, _| claim(p, "wth", json!(hash("x")))),
            "wit_binding_mismatch",
            "WPT-10",
        ),
        attack(
            "cut",
            Sent(|p, _| {
                let hash = hash(&p.wit);
                claim(p, "wth", json!(hash.split_at(42).0));
            }),
            "wit_binding_mismatch",
            "WPT-10",
        ),
        attack(
            "padded",
            Sent(|p, _| {
                let hash = hash(&p.wit);
                claim(p, "wth", json!(format!("{hash}=")));
            }),
            "wit_binding_mismatch",
            "WPT-10",
        ),
        attack(
            "another WIT of the same key",
            Sent(|p, w| p.wit = w.agent_for(p.key.clone(), secs(1800)).wit.token().to_owned()),
            "wit_binding_mismatch",
            "WPT-10",
        ),
        attack(
            "the WIT of another workload",
            Sent(|p, w| {
                p.wit = w.agent().wit.token().to_owned();
                p.rebind();
            }),
            "bad_signature",
            "WPT-4",
        ),
    ]);
}

#[test]
fn credentials() {
    refuse_all(&[
        attack("no WIT", OnTheWay(|r| r.drop_field("workload-identity-token")), "no_credential", "WIT-1"),
        attack(
            "two WIT lines",
            OnTheWay(|r| {
                let again = r.field("workload-identity-token").clone();
                r.add("Workload-Identity-Token", &again);
            }),
            "malformed",
            "WIT-1",
        ),
        attack(
            "two WITs in a line",
            OnTheWay(|r| {
                let again = r.field("workload-identity-token").clone();
                *r.field("workload-identity-token") = format!("{again}, {again}");
            }),
            "malformed",
            "WIT-1",
        ),
        attack(
            "WIT behind a space",
            OnTheWay(|r| r.field("workload-identity-token").insert(0, ' ')),
            "malformed",
            "WIT-2",
        ),
        attack(
            "WIT not ASCII",
            OnTheWay(|r| r.field("workload-identity-token").push('\u{e9}')),
            "malformed",
            "WIT-1",
        ),
        attack(
            "expired WIT (WPT-20)",
            Sent(|p, w| {
                p.wit = w.agent_for(p.key.clone(), secs(60)).wit.token().to_owned();
                p.rebind();
                p.now = NOW + secs(90);
                claim(p, "exp", json!(p.now.as_secs() + 60));
            }),
            "expired",
            "WIT-8",
        ),
        attack(
            "WIT of a foreign trust domain",
            Sent(|p, _| {
                p.wit = World::at("spiffe://evil.example")
                    .agent_for(p.key.clone(), secs(60))
                    .wit
                    .token()
                    .to_owned();
                p.rebind();
            }),
            "unknown_trust_domain",
            "WIT-5",
        ),
        attack(
            "WIT of the same domain under the other scheme",
            Sent(|p, _| {
                p.wit = World::at("wimse://acme.example")
                    .agent_for(p.key.clone(), secs(60))
                    .wit
                    .token()
                    .to_owned();
                p.rebind();
            }),
            "unknown_trust_domain",
            "WIT-5",
        ),
        attack(
            "WIT of an impostor",
            Sent(|p, _| {
                p.wit = World::new().agent_for(p.key.clone(), secs(60)).wit.token().to_owned();
                p.rebind();
            }),
            "bad_signature",
            "WIT-7",
        ),
        attack(
            "WIT re-signed by the workload",
            Sent(|p, _| {
                let parts: Vec<_> = p.wit.split('.').collect();
                let text =
                    |part: &str| String::from_utf8(aims_jose::base64url::decode(part).unwrap()).unwrap();
                p.wit = sign(&text(parts[0]), &text(parts[1]), &p.key);
                p.rebind();
            }),
            "bad_signature",
            "WIT-7",
        ),
    ]);
}

#[test]
fn identifier_of_the_proof() {
    refuse_all(&[
        attack("missing", Sent(|p, _| p.remove("jti")), "malformed", "WPT-11"),
        attack("empty", Sent(|p, _| claim(p, "jti", json!(""))), "malformed", "WPT-11"),
        attack(
            "257 bytes (JO-CLM-07)",
            Sent(|p, _| claim(p, "jti", "x".repeat(257).into())),
            "malformed",
            "WPT-11",
        ),
        attack("number", Sent(|p, _| claim(p, "jti", json!(7))), "malformed", "WPT-11"),
        attack("null", Sent(|p, _| claim(p, "jti", Value::Null)), "malformed", "WPT-11"),
    ]);
}

#[test]
fn transaction_token() {
    refuse_all(&[
        attack("tth missing", Sent(|p, _| p.remove("tth")), "txn_binding_mismatch", "WPT-12"),
        attack(
            "tth without a token",
            OnTheWay(|r| r.drop_field("txn-token")),
            "txn_binding_mismatch",
            "WPT-12",
        ),
        attack(
            "tth of another token",
            Sent(|p, _| claim(p, "tth", json!(hash("x")))),
            "txn_binding_mismatch",
            "WPT-12",
        ),
        attack("tth empty", Sent(|p, _| claim(p, "tth", json!(""))), "txn_binding_mismatch", "WPT-12"),
        attack("tth null", Sent(|p, _| claim(p, "tth", Value::Null)), "malformed", "WPT-12"),
        attack("tth number", Sent(|p, _| claim(p, "tth", json!(1))), "malformed", "WPT-12"),
        attack(
            "another token",
            OnTheWay(|r| *r.field("txn-token") = "x.y.z".into()),
            "txn_binding_mismatch",
            "WPT-12",
        ),
        attack(
            "an empty token",
            OnTheWay(|r| r.field("txn-token").clear()),
            "txn_binding_mismatch",
            "WPT-12",
        ),
        attack(
            "a token joined behind",
            OnTheWay(|r| r.field("txn-token").push_str(", x.y.z")),
            "txn_binding_mismatch",
            "WPT-12",
        ),
        attack("two token lines", OnTheWay(|r| r.add("Txn-Token", TXN)), "malformed", "WPT-1"),
    ]);
}

#[test]
fn context_tokens() {
    refuse_all(&[
        attack("oth missing", Sent(|p, _| p.remove("oth")), "other_binding_mismatch", "WPT-13"),
        attack(
            "wrong hash",
            Sent(|p, _| p.claims["oth"]["x-context"] = json!(hash("x"))),
            "other_binding_mismatch",
            "WPT-14",
        ),
        attack(
            "another value",
            OnTheWay(|r| *r.field("x-context") = "x".into()),
            "other_binding_mismatch",
            "WPT-14",
        ),
        attack("token missing", OnTheWay(|r| r.drop_field("x-context")), "other_binding_mismatch", "WPT-14"),
        attack(
            "key in upper case",
            Sent(|p, _| claim(p, "oth", json!({ "X-Context": hash(CONTEXT) }))),
            "other_binding_mismatch",
            "WPT-14",
        ),
        attack(
            "key in both cases",
            Sent(|p, _| p.claims["oth"]["X-Context"] = json!(hash(CONTEXT))),
            "other_binding_mismatch",
            "WPT-14",
        ),
        attack(
            "an entry for a field that is not relied on",
            Sent(|p, _| p.claims["oth"]["accept"] = json!(hash("application/json"))),
            "other_binding_mismatch",
            "WPT-14",
        ),
        attack(
            "an entry for a field that is not there",
            Sent(|p, _| p.claims["oth"]["x-other"] = json!(hash("x"))),
            "other_binding_mismatch",
            "WPT-14",
        ),
        attack("empty object", Sent(|p, _| claim(p, "oth", json!({}))), "malformed", "WPT-14"),
        attack("null", Sent(|p, _| claim(p, "oth", Value::Null)), "malformed", "WPT-14"),
        attack("string", Sent(|p, _| claim(p, "oth", json!(hash(CONTEXT)))), "malformed", "WPT-14"),
        attack("array", Sent(|p, _| claim(p, "oth", json!([hash(CONTEXT)]))), "malformed", "WPT-14"),
        attack(
            "hash not a string",
            Sent(|p, _| p.claims["oth"]["x-context"] = json!(1)),
            "malformed",
            "WPT-14",
        ),
        attack(
            "second hash not a string",
            Sent(|p, _| p.claims["oth"]["x-zzz"] = Value::Null),
            "malformed",
            "WPT-14",
        ),
        attack(
            "one entry twice",
            Sent(|p, _| {
                let entry = format!("\"x-context\":\"{}\"", hash(CONTEXT));
                p.payload = Some(p.claims.to_string().replace(&entry, &format!("{entry},{entry}")));
            }),
            "malformed",
            "JO-JSON-02",
        ),
        attack("two lines", OnTheWay(|r| r.add("X-Context", CONTEXT)), "malformed", "WPT-1"),
        attack("not ASCII", OnTheWay(|r| r.field("x-context").push('\u{e9}')), "malformed", "WPT-1"),
    ]);
}

#[test]
fn claims_as_a_whole() {
    refuse_all(&[
        attack("empty payload", Sent(|p, _| p.payload = Some(String::new())), "malformed", "JO-B64-04"),
        attack("not an object", Sent(|p, _| p.payload = Some("[]".into())), "malformed", "JO-JSON-01"),
        attack(
            "a claim twice",
            Sent(|p, _| {
                let claims = p.claims.to_string();
                p.payload = Some(claims.replacen('{', "{\"aud\":\"https://other.example/\",", 1));
            }),
            "malformed",
            "JO-JSON-02",
        ),
        attack(
            "a claim twice, once escaped",
            Sent(|p, _| {
                let claims = p.claims.to_string();
                p.payload = Some(claims.replacen('{', "{\"\\u0061ud\":\"https://other.example/\",", 1));
            }),
            "malformed",
            "JO-JSON-02",
        ),
        attack(
            "something behind",
            Sent(|p, _| p.payload = Some(format!("{}x", p.claims))),
            "malformed",
            "JO-JSON-01",
        ),
        attack(
            "too deep",
            Sent(|p, _| {
                let deep = format!("{}1{}", "[".repeat(8), "]".repeat(8));
                p.payload = Some(p.claims.to_string().replacen('{', &format!("{{\"deep\":{deep},"), 1));
            }),
            "malformed",
            "JO-JSON-03",
        ),
    ]);
}

#[test]
fn wpt_3_the_two_names_of_ed25519_are_two_names() {
    let world = World::new();
    for (bound, other) in [(Algorithm::EdDsa, "Ed25519"), (Algorithm::Ed25519, "EdDSA")] {
        let agent = world.agent_with(bound, secs(3600));
        let mut parts = Parts::new(&agent);
        parts.send().verify(&world, &verifier().0.build()).expect("under the name of the WIT");
        parts.header["alg"] = json!(other);
        assert_refused!(
            parts.send().verify(&world, &verifier().0.build()),
            "alg_mismatch",
            "WPT-3",
            "{bound}"
        );
    }
}

#[test]
fn wpt_20_a_wit_that_was_verified_is_not_verified_for_ever() {
    let world = World::new();
    let agent = world.agent_with(Algorithm::Es256, secs(60));
    let wit = world.wits.verify(agent.wit.token(), NOW).unwrap();
    let mut parts = Parts::plain(&agent);
    claim(&mut parts, "exp", json!(NOW.as_secs() + 300));
    let token = parts.token();
    let request = aims_proof::WptRequest::new(&token, aims_proof::Target::HttpPath("/v1/search"));
    let verifier = verifier().0.build();
    assert_refused!(verifier.verify(&wit, &request, NOW + secs(90)), "expired", "WPT-20");
    verifier.verify(&wit, &request, NOW + secs(89)).unwrap();
}

#[test]
fn wit_14_ws_13_crd_10_the_token_of_an_agent_cannot_be_used_by_who_saw_it() {
    // The attacker has the WIT, a proof that went elsewhere, and a key of its own with a WIT of its own.
    let world = World::new();
    let (victim, attacker) = (world.agent(), world.agent());
    let mut parts = Parts::plain(&attacker);
    parts.wit = victim.wit.token().to_owned();
    parts.rebind();
    assert_refused!(parts.send().verify(&world, &verifier().0.build()), "bad_signature", "WPT-4");

    let mut seen = Parts::plain(&victim);
    claim(&mut seen, "aud", json!("https://evil.example/v1/search"));
    assert_refused!(seen.send().verify(&world, &verifier().0.build()), "audience_mismatch", "WPT-6");

    // A WIT for the victim's key under another subject does not carry the victim's proof either.
    let subject = "spiffe://acme.example/agents/other".parse().unwrap();
    let request = WitRequest::new(&subject, Signer::public_key(&*victim.key));
    let other = Wit::from_issuer(&world.issuer.sign(&request, NOW).unwrap(), backend::ring()).unwrap();
    let mut moved = Parts::plain(&victim).send();
    *moved.field("workload-identity-token") = other.token().to_owned();
    assert_refused!(moved.verify(&world, &verifier().0.build()), "wit_binding_mismatch", "WPT-10");
}
