//! Every kind of token in the place of every other (JO-CLM-10).
//!
//! One key is trusted by everybody for everything, and every token is about whom, for whom, by whom and from when its verifier wants it: it is the verifier's
//! own good token, with the type of another kind and with what a token of that kind cannot be without. Nothing but the kind speaks against it.

mod verifiers;

use aims_jose::base64url;
use serde_json::{Map, Value, json};

use self::verifiers::{Reason, Verifier, World};
use crate::world::*;

/// A kind of token: its `typ`, of which there may be none, and what makes it that kind besides.
struct Kind {
    name: &'static str,
    typ: Option<&'static str>,
    essence: fn(&mut Map<String, Value>),
}

fn nothing(_: &mut Map<String, Value>) {}

/// About a user, and issued to one client (IDT-6).
fn of_id_tokens(claims: &mut Map<String, Value>) {
    claims.insert("iss".into(), json!(ISSUER));
    claims.insert("sub".into(), json!(USER));
    claims.insert("azp".into(), json!(verifiers::CLIENT));
    claims.insert("nonce".into(), json!(verifiers::NONCE));
}

/// The same of an issuer that calls its users as workloads are called.
fn of_id_tokens_about_workloads(claims: &mut Map<String, Value>) {
    of_id_tokens(claims);
    claims.insert("sub".into(), json!(AGENT));
}

/// About a workload, by another than itself (JS-6, JS-13).
fn of_svids(claims: &mut Map<String, Value>) {
    claims.insert("sub".into(), json!(AGENT));
    claims.insert("iss".into(), json!(ISSUER));
}

/// For a client, and good for a scope (XD-8).
fn of_grants(claims: &mut Map<String, Value>) {
    claims.insert("iss".into(), json!(ISSUER));
    claims.insert("client_id".into(), json!(verifiers::CLIENT));
    claims.insert("scope".into(), json!("a"));
}

/// By whom it is about (CJA-2).
fn of_assertions(claims: &mut Map<String, Value>) {
    let itself = claims.get("iss").or(claims.get("sub")).cloned().unwrap_or(json!(AGENT));
    claims.insert("iss".into(), itself.clone());
    claims.insert("sub".into(), itself);
}

/// Of what happened.
fn of_events(claims: &mut Map<String, Value>) {
    claims.insert("events".into(), json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
}

const KINDS: [Kind; 25] = [
    Kind { name: "access token", typ: Some("at+jwt"), essence: nothing },
    Kind { name: "introspection answer", typ: Some("token-introspection+jwt"), essence: nothing },
    Kind { name: "ID Token", typ: Some("JWT"), essence: of_id_tokens },
    Kind { name: "ID Token without type", typ: None, essence: of_id_tokens },
    Kind { name: "ID Token of a workload", typ: Some("JWT"), essence: of_id_tokens_about_workloads },
    Kind { name: "client assertion", typ: Some("client-authentication+jwt"), essence: nothing },
    Kind { name: "client assertion of old", typ: Some("JWT"), essence: of_assertions },
    Kind { name: "client assertion without type", typ: None, essence: of_assertions },
    Kind { name: "attestation", typ: Some("oauth-client-attestation+jwt"), essence: nothing },
    Kind { name: "attestation proof", typ: Some("oauth-client-attestation-pop+jwt"), essence: nothing },
    Kind { name: "DPoP proof", typ: Some("dpop+jwt"), essence: nothing },
    Kind { name: "ID-JAG", typ: Some("oauth-id-jag+jwt"), essence: nothing },
    Kind { name: "chaining grant", typ: Some("JWT"), essence: of_grants },
    Kind { name: "chaining grant without type", typ: None, essence: of_grants },
    Kind { name: "transaction chain", typ: Some("txn-chain+jwt"), essence: nothing },
    Kind { name: "request object", typ: Some("oauth-authz-req+jwt"), essence: nothing },
    Kind { name: "JWT-SVID", typ: Some("JWT"), essence: of_svids },
    Kind { name: "JWT-SVID without type", typ: None, essence: of_svids },
    Kind { name: "WIT", typ: Some("wit+jwt"), essence: nothing },
    Kind { name: "WPT", typ: Some("wpt+jwt"), essence: nothing },
    Kind { name: "transaction token", typ: Some("txntoken+jwt"), essence: nothing },
    Kind { name: "logout token", typ: Some("logout+jwt"), essence: of_events },
    Kind { name: "logout token without type", typ: None, essence: of_events },
    Kind { name: "security event", typ: Some("secevent+jwt"), essence: of_events },
    Kind { name: "something new", typ: Some("agent-x+jwt"), essence: nothing },
];

/// What speaks against those that have the same type as the verifier's own, or none: their claims.
const REASONS: [(&str, &str, &str, &str); 32] = [
    ("ID Token", "ID Token of a workload", "workload_subject", "IDT-6"),
    ("ID Token", "client assertion of old", "self_issued", "IDT-6"),
    ("ID Token", "client assertion without type", "self_issued", "IDT-6"),
    ("ID Token", "chaining grant", "foreign_claim", "IDT-6"),
    ("ID Token", "chaining grant without type", "foreign_claim", "IDT-6"),
    ("ID Token", "JWT-SVID", "workload_subject", "IDT-6"),
    ("ID Token", "JWT-SVID without type", "workload_subject", "IDT-6"),
    ("ID Token", "logout token without type", "events_claim", "SSF-14"),
    ("client assertion", "ID Token", "issuer_mismatch", "CJA-2"),
    ("client assertion", "ID Token without type", "issuer_mismatch", "CJA-2"),
    ("client assertion", "ID Token of a workload", "issuer_mismatch", "CJA-2"),
    ("client assertion", "chaining grant", "issuer_mismatch", "CJA-2"),
    ("client assertion", "chaining grant without type", "issuer_mismatch", "CJA-2"),
    ("client assertion", "JWT-SVID", "issuer_mismatch", "CJA-2"),
    ("client assertion", "JWT-SVID without type", "issuer_mismatch", "CJA-2"),
    ("client assertion", "logout token without type", "events_claim", "SSF-14"),
    ("chaining grant", "ID Token", "foreign_claim", "IDT-6"),
    ("chaining grant", "ID Token without type", "foreign_claim", "IDT-6"),
    ("chaining grant", "ID Token of a workload", "foreign_claim", "IDT-6"),
    ("chaining grant", "client assertion of old", "issuer_is_subject", "JBG-5"),
    ("chaining grant", "client assertion without type", "issuer_is_subject", "JBG-5"),
    ("chaining grant", "logout token without type", "events_claim", "SSF-14"),
    ("JWT-SVID", "ID Token", "bad_subject", "JS-6"),
    ("JWT-SVID", "ID Token without type", "bad_subject", "JS-6"),
    ("JWT-SVID", "ID Token of a workload", "foreign_claim", "JS-13"),
    ("JWT-SVID", "client assertion of old", "self_issued", "JS-13"),
    ("JWT-SVID", "client assertion without type", "self_issued", "JS-13"),
    ("JWT-SVID", "chaining grant", "foreign_claim", "JS-13"),
    ("JWT-SVID", "chaining grant without type", "foreign_claim", "JS-13"),
    ("JWT-SVID", "logout token without type", "events_claim", "SSF-14"),
    // At the field for attestations a type decides between two kinds.
    ("attestation", "WIT", "wit_profile", "OSC-5"),
    ("WIT-SVID", "attestation", "unknown_attester", "ABC-1"),
];

/// Which refusal is the right one.
fn reason(verifier: &Verifier, kind: &Kind) -> Reason {
    let is_it = |(at, of, _, _): &&(&str, &str, _, _)| *at == verifier.like && *of == kind.name;
    if let Some((_, _, code, rule)) = REASONS.iter().find(is_it) {
        return (code, rule);
    }
    // JBG-2: the issuer of a grant of one kind is not believed for the others.
    let is_grant =
        |typ: Option<&str>| matches!(typ, None | Some("JWT" | "oauth-id-jag+jwt" | "txn-chain+jwt"));
    if verifier.is_of_grants && is_grant(kind.typ) {
        ("unknown_issuer", "JBG-2")
    } else {
        verifier.wrong_type
    }
}

/// The verifier's own token as one of another kind.
fn disguised(verifier: &Verifier, kind: &Kind, world: &World) -> String {
    let (mut header, mut claims) = parts(&verifier.token);
    match kind.typ {
        Some(typ) => header.insert("typ".into(), json!(typ)),
        None => header.remove("typ"),
    };
    (kind.essence)(&mut claims);
    world.sign(&header, &claims)
}

fn parts(token: &str) -> (Map<String, Value>, Map<String, Value>) {
    let mut parts = token.split('.').map(|part| base64url::decode(part).unwrap());
    let mut next = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (next(), next())
}

#[tokio::test(flavor = "current_thread")]
async fn jo_clm_10_jo_atk_22_typ_2_sec_7_no_token_passes_for_another() {
    let world = World::new();
    let mut refusals = 0;
    for verifier in world.verifiers().await {
        let accepted = (verifier.judge)(&verifier.token);
        assert_eq!(accepted, Ok(()), "its own at {}", verifier.name);
        for kind in &KINDS {
            let judged = (verifier.judge)(&disguised(&verifier, kind, &world));
            if verifier.takes.contains(&kind.name) {
                assert_eq!(judged, Ok(()), "{} at {}", kind.name, verifier.name);
                continue;
            }
            assert_eq!(judged, Err(reason(&verifier, kind)), "{} at {}", kind.name, verifier.name);
            refusals += 1;
        }
    }
    assert!(refusals > 350, "{refusals}");
}

#[tokio::test(flavor = "current_thread")]
async fn jo_clm_10_typ_2_no_token_as_it_was_made_passes_for_another() {
    let world = World::new();
    let verifiers = world.verifiers().await;
    for verifier in &verifiers {
        let takes = |other: &&Verifier<'_>| other.takes.iter().any(|kind| verifier.takes.contains(kind));
        for other in verifiers.iter().filter(|other| !takes(other)) {
            let judged = (verifier.judge)(&other.token);
            assert!(judged.is_err(), "{} passes at {}", other.name, verifier.name);
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn ssf_14_wpt_16_a_token_with_events_is_none() {
    let world = World::new();
    for verifier in world.verifiers().await {
        let (header, mut claims) = parts(&verifier.token);
        of_events(&mut claims);
        let judged = (verifier.judge)(&world.sign(&header, &claims));
        // Proofs count for one request, by the key of who sends it: there it is a claim like any other.
        let is_proof = ["attestation proof", "DPoP proof", "WPT"].contains(&verifier.like);
        let expected = if is_proof { Ok(()) } else { Err(("events_claim", "SSF-14")) };
        assert_eq!(judged, expected, "{}", verifier.name);
    }
}

/// JBG-7: a grant about a workload by an issuer that is trusted for grants is one, also if it could be a JWT-SVID. Which issuers are, is configured for each kind.
#[tokio::test(flavor = "current_thread")]
async fn jbg_2_jbg_7_an_svid_is_a_grant_where_its_issuer_is_trusted_for_grants() {
    let world = World::new();
    let verifiers = world.verifiers().await;
    let find = |name: &str| verifiers.iter().find(|verifier| verifier.name == name).unwrap();
    let (grants, others) = (find("chaining grant"), find("ID-JAG"));
    let svid = KINDS.iter().find(|kind| kind.name == "JWT-SVID").unwrap();
    let token = disguised(grants, svid, &world);
    assert_eq!((grants.judge)(&token), Ok(()));
    assert_eq!((others.judge)(&token), Err(("unknown_issuer", "JBG-2")));
    // As our issuers make them, they do not even name one.
    assert_eq!((grants.judge)(&find("JWT-SVID").token), Err(("malformed", "JBG-1")));
}
