//! Grants of other domains.

use std::sync::Arc;
use std::time::Duration;

use aims_jose::{JwkSet, NewHeader, base64url};
use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AuthorizationDetails, CommonMembers, DpopProver, DpopRequest, DpopTarget, DpopVerifier, ErrorCode, Grant,
    GrantError, GrantIssuer, GrantProfile, GrantRequest, GrantReuse, GrantVerifier, GrantVerifierBuilder,
    Issuer, NewActor, SecurityToken, TokenRequest, TrustedIssuer, VerifiedDpopProof, VerifiedGrant,
};
use aims_proof::ReplayMemory;
use aims_testkit::{assert_refused, vectors};

use crate::world::*;

const CLIENT: &str = "agent-at-b";

fn here() -> Issuer {
    "https://as.b.example".parse().unwrap()
}

fn memory() -> ReplayMemory {
    ReplayMemory::with_capacity(100)
}

fn builder(server: &Server) -> GrantVerifierBuilder {
    let all = [GrantProfile::Chaining, GrantProfile::IdJag, GrantProfile::TransactionChain];
    GrantVerifier::builder(here(), memory(), backend::ring()).trust(server.trusted(), &all)
}

fn issuer_of(server: &Server) -> GrantIssuer {
    GrantIssuer::new(issuer(), server.key.clone(), "as-1").unwrap()
}

fn issue(server: &Server, request: &GrantRequest<'_>) -> SecurityToken {
    issuer_of(server).issue(request, NOW).unwrap().grant().clone()
}

pub(crate) async fn proof_of(prover: &DpopProver) -> VerifiedDpopProof {
    let target: DpopTarget = "https://as.b.example/token".parse().unwrap();
    let proof = prover.proof("POST", &target).sign(NOW).await.unwrap();
    let verifier = DpopVerifier::builder(memory(), backend::ring()).build();
    verifier.verify([proof], &DpopRequest::new("POST", &target), NOW).unwrap()
}

pub(crate) fn prover() -> DpopProver {
    DpopProver::new(Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap())).unwrap()
}

/// A grant with these claims in place of the usual, or besides.
fn with(server: &Server, typ: &str, of: &[(&str, &str)]) -> SecurityToken {
    let usual = [
        ("iss", r#""https://as.example""#),
        ("sub", r#""user-1""#),
        ("aud", r#""https://as.b.example""#),
        ("iat", "1790000000"),
        ("exp", "1790000060"),
        ("jti", r#""g-1""#),
        ("client_id", r#""agent-at-b""#),
    ];
    let other = |name: &str| of.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let members = usual.iter().map(|(name, value)| (*name, other(name).unwrap_or(value)));
    let more = of.iter().copied().filter(|(name, _)| !usual.iter().any(|(known, _)| known == name));
    let all = members.chain(more).filter(|(_, value)| !value.is_empty());
    let claims = all.map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(",");
    server.sign(typ, &format!("{{{claims}}}")).into()
}

fn judge(verifier: &GrantVerifier, grant: &SecurityToken) -> Result<VerifiedGrant, GrantError> {
    verifier.verify(grant, CLIENT, None, NOW)
}

#[tokio::test(flavor = "current_thread")]
async fn jag_20_jag_21_jag_23_every_case_of_the_vectors_is_judged_as_it_says() {
    let Some(file) = vectors::json("oauth/generated/id-jag-cases.json") else { return };
    let mut verifier =
        GrantVerifier::builder(file["issuer"].as_str().unwrap().parse().unwrap(), memory(), backend::ring());
    for (issuer, keys) in file["trusted"].as_object().unwrap() {
        let keys = JwkSet::parse(&keys.to_string(), backend::ring()).unwrap();
        verifier = verifier.trust(TrustedIssuer::new(issuer.parse().unwrap(), keys), &[GrantProfile::IdJag]);
    }
    let (verifier, client) = (verifier.build(), file["client_id"].as_str().unwrap());
    let now = UnixTime::from_secs(file["now"].as_u64().unwrap());
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 24);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        // The key of the proof is not published with the cases: those that need it are the next test's.
        if case["dpop_jkt"].is_string() {
            continue;
        }
        let judged =
            verifier.verify(&case["assertion"].as_str().unwrap().parse().unwrap(), client, None, now);
        if case["expect"] == "accept" {
            let grant = judged.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!((grant.profile(), &*grant.subject()), (GrantProfile::IdJag, "u-77"));
            continue;
        }
        let (code, rule) = REFUSED.iter().find(|(known, _)| *known == name).expect(name).1;
        assert_eq!(judged.as_ref().unwrap_err().error_code(), ErrorCode::InvalidGrant, "{name}");
        assert_refused!(judged, code, rule, "{name}");
    }
}

fn nine_actors() -> String {
    (0..8).fold(r#"{"sub":"a"}"#.to_owned(), |act, _| format!(r#"{{"sub":"a","act":{act}}}"#))
}

/// Why each of the cases is refused.
const REFUSED: [(&str, (&str, &str)); 20] = [
    ("aud-two-elements", ("malformed", "JAG-20")),
    ("aud-other", ("audience_mismatch", "XD-11")),
    ("aud-token-endpoint", ("audience_mismatch", "XD-11")),
    ("client-mismatch", ("other_client", "JAG-21")),
    // As a grant of another kind, for which this issuer is not trusted.
    ("typ-absent", ("unknown_issuer", "JBG-2")),
    ("typ-jwt", ("unknown_issuer", "JBG-2")),
    ("access-token-as-grant", ("wrong_type", "JBG-5")),
    ("untrusted-idp", ("unknown_issuer", "JBG-2")),
    ("wrong-key", ("bad_signature", "JBG-4")),
    ("expired", ("expired", "JBG-4")),
    ("life-too-long", ("lifetime_too_long", "XD-15")),
    ("cnf-without-proof", ("other_key", "JAG-23")),
    ("self-issued", ("self_issued", "JAG-5")),
    ("missing-iss", ("malformed", "JBG-1")),
    ("missing-sub", ("malformed", "JBG-1")),
    ("missing-aud", ("malformed", "JBG-1")),
    ("missing-client_id", ("malformed", "JBG-1")),
    ("missing-jti", ("malformed", "JBG-1")),
    ("missing-iat", ("malformed", "JBG-1")),
    ("missing-exp", ("malformed", "JBG-1")),
];

#[test]
fn jbg_1_xd_8_the_grant_of_the_draft_verifies() {
    let Some(file) = vectors::json("oauth/identity-chaining-grant.json") else { return };
    let keys = format!(r#"{{"keys":[{}]}}"#, file["jwk"]);
    let keys = JwkSet::parse_as(&keys, Algorithm::Es256, backend::ring()).unwrap();
    let payload = &file["payload"];
    let issuer = TrustedIssuer::new(payload["iss"].as_str().unwrap().parse().unwrap(), keys);
    let verifier =
        GrantVerifier::builder(payload["aud"].as_str().unwrap().parse().unwrap(), memory(), backend::ring())
            .trust(issuer, &[GrantProfile::Chaining])
            .build();
    let grant: SecurityToken = file["jwt_authorization_grant"].as_str().unwrap().parse().unwrap();
    let now = UnixTime::from_secs(payload["iat"].as_u64().unwrap());
    let read = verifier.verify(&grant, "any", None, now).unwrap();
    assert_eq!((&*read.subject(), read.token_id(), read.scope()), ("johndoe@a.example", None, None));
    // It has no `jti`, and counts once all the same.
    assert_refused!(verifier.verify(&grant, "any", None, now), "replay", "XD-15");
}

#[test]
fn xd_3_xd_7_xd_8_xd_43_jag_9_what_is_issued_is_verified_there() {
    let server = Server::new();
    let verifier = builder(&server).build();
    let resource: aims_oauth::Resource = "https://api.b.example".parse().unwrap();
    let details = AuthorizationDetails::parse(r#"[{"type":"booking"}]"#).unwrap();
    let request = GrantRequest::id_jag(USER, here(), CLIENT)
        .scope("chat.read".parse().unwrap())
        .resource(resource.clone())
        .details(details)
        .acting(NewActor::new(AGENT))
        .transaction("txn-1")
        .tenant("t-1");
    let issued = issuer_of(&server).issue(&request, NOW).unwrap();
    assert_eq!(issued.not_after(), NOW + Duration::from_secs(300));
    let grant = judge(&verifier, issued.grant()).unwrap();
    assert_eq!((grant.profile(), grant.issuer(), &*grant.subject()), (GrantProfile::IdJag, &issuer(), USER));
    assert_eq!(
        (grant.token_id().as_deref(), grant.not_after()),
        (Some(issued.token_id()), issued.not_after())
    );
    assert_eq!((grant.scope().unwrap().as_str(), grant.resources()), ("chat.read", &[resource][..]));
    assert_eq!((grant.details().unwrap().len(), grant.key()), (1, None));
    assert_eq!(grant.actors().current().unwrap().subject(), AGENT);
    assert_eq!((grant.transaction().as_deref(), grant.tenant().as_deref()), (Some("txn-1"), Some("t-1")));
    assert!(grant.claims().get("client_id").is_some() && !format!("{grant:?}").contains("chat.read"));

    let chaining =
        judge(&verifier, &issue(&server, &GrantRequest::chaining(USER, here()).for_client(CLIENT))).unwrap();
    assert_eq!((chaining.profile(), chaining.scope()), (GrantProfile::Chaining, None));
    assert_eq!(chaining.not_after(), NOW + Duration::from_secs(60));
    assert_eq!(chaining.claims().as_object().iter().count(), 7, "no more than is asked for");
    let chain =
        judge(&verifier, &issue(&server, &GrantRequest::transaction_chain(USER, here(), "txn-2"))).unwrap();
    assert_eq!(
        (chain.profile(), chain.transaction().as_deref()),
        (GrantProfile::TransactionChain, Some("txn-2"))
    );

    let end = NOW + Duration::from_secs(10);
    assert_refused!(
        issuer_of(&server).issue(&GrantRequest::chaining(USER, issuer()), NOW),
        "own_audience",
        "XD-3"
    );
    let short = issuer_of(&server).issue(&GrantRequest::chaining(USER, here()).not_after(end), NOW).unwrap();
    assert_eq!(short.not_after(), end);
    assert_refused!(
        issuer_of(&server).issue(&GrantRequest::chaining(USER, here()).not_after(NOW), NOW),
        "bad_lifetime",
        "XD-7"
    );
    assert_refused!(
        issuer_of(&server).issue(&GrantRequest::chaining("", here()), NOW),
        "bad_claims",
        "JO-CLM-06"
    );
    assert_refused!(GrantIssuer::new(issuer(), server.key.clone(), ""), "malformed_key_id", "JO-HDR-05");
}

#[test]
fn xd_15_jag_25_a_grant_counts_as_often_as_its_kind_says() {
    let server = Server::new();
    let verifier = builder(&server).build();
    let chaining = issue(&server, &GrantRequest::chaining(USER, here()));
    judge(&verifier, &chaining).unwrap();
    assert_refused!(judge(&verifier, &chaining), "replay", "XD-15");
    let jag = issue(&server, &GrantRequest::id_jag(USER, here(), CLIENT));
    judge(&verifier, &jag).unwrap();
    judge(&verifier, &jag).unwrap();
    assert_refused!(verifier.verify(&jag, "another", None, NOW), "other_client", "JAG-21");
    let once = builder(&server).reuse(GrantProfile::IdJag, GrantReuse::Once).build();
    judge(&once, &jag).unwrap();
    assert_refused!(judge(&once, &jag), "replay", "XD-15");
    // What names no client is nobody's to use again.
    let kept = builder(&server).reuse(GrantProfile::Chaining, GrantReuse::ByItsClient).build();
    let unnamed = issue(&server, &GrantRequest::chaining(USER, here()));
    judge(&kept, &unnamed).unwrap();
    assert_refused!(kept.verify(&unnamed, "another", None, NOW), "replay", "XD-15");
    let named = issue(&server, &GrantRequest::chaining(USER, here()).for_client(CLIENT));
    judge(&kept, &named).unwrap();
    judge(&kept, &named).unwrap();
    // What is refused is not used up.
    let fresh = issue(&server, &GrantRequest::chaining(USER, here()).for_client(CLIENT));
    assert_refused!(verifier.verify(&fresh, "another", None, NOW), "other_client", "JAG-21");
    judge(&verifier, &fresh).unwrap();
    // One of many threads is the first; and where nothing can be remembered, nothing counts.
    let many = issue(&server, &GrantRequest::chaining(USER, here()));
    let accepted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| usize::from(judge(&verifier, &many).is_ok()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1);
    let full = GrantVerifier::builder(here(), ReplayMemory::with_capacity(0), backend::ring())
        .trust(server.trusted(), &[GrantProfile::Chaining])
        .build();
    let refused = judge(&full, &many).unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::TemporarilyUnavailable);
    assert_refused!(Err::<(), _>(refused), "replay_store_full", "XD-15");
}

#[test]
fn xd_15_jo_alg_06_a_grant_is_known_again_by_what_was_signed() {
    let server = Server::new();
    let verifier = builder(&server).build();
    let grant = with(&server, "jwt", &[("jti", "")]);
    let other = other_signature(&grant);
    let first = judge(&verifier, &grant).unwrap();
    assert_refused!(judge(&verifier, &other), "replay", "XD-15");
    // And it is cut off whichever signature it has.
    let again = judge(&builder(&server).build(), &other).unwrap();
    assert_eq!(first.lineage_id(), again.lineage_id());
}

/// The same with n - s in place of s, which verifies as well.
fn other_signature(grant: &SecurityToken) -> SecurityToken {
    let order = [0xffff_ffff_0000_0000_ffff_ffff_ffff_ffff_u128, 0xbce6_faad_a717_9e84_f3b9_cac2_fc63_2551];
    let (signed, signature) = grant.expose().rsplit_once('.').unwrap();
    let mut signature = base64url::decode(signature).unwrap();
    let half = |at: usize| u128::from_be_bytes(signature[at..at + 16].try_into().unwrap());
    let (high, low) = (half(32), half(48));
    let (low, borrows) = order[1].overflowing_sub(low);
    let high = order[0] - high - u128::from(borrows);
    signature[32..48].copy_from_slice(&high.to_be_bytes());
    signature[48..].copy_from_slice(&low.to_be_bytes());
    format!("{signed}.{}", base64url::encode(&signature)).parse().unwrap()
}

#[test]
fn jag_26_jbg_2_jbg_3_jbg_4_jbg_5_xd_13_xd_18_each_check_has_its_reason() {
    let (server, stranger) = (Server::new(), Server::new());
    let verifier = builder(&server).build();
    for (typ, of, code, rule) in [
        ("jwt", ("sub", ""), "malformed", "JBG-1"),
        ("jwt", ("exp", ""), "malformed", "JBG-1"),
        ("jwt", ("aud", ""), "malformed", "JBG-1"),
        ("jwt", ("aud", r#"["https://as.b.example","https://as.c.example"]"#), "malformed", "JAG-20"),
        ("jwt", ("aud", r#""https://as.c.example""#), "audience_mismatch", "XD-11"),
        ("jwt", ("aud", r#""https://as.b.example/""#), "audience_mismatch", "XD-11"),
        ("jwt", ("iss", r#""https://as.b.example""#), "self_issued", "JAG-5"),
        ("jwt", ("iss", r#""https://as.other.example""#), "unknown_issuer", "JBG-2"),
        ("jwt", ("iat", "1790000031"), "not_yet_valid", "JBG-4"),
        ("jwt", ("nbf", "1790000031"), "not_yet_valid", "JBG-4"),
        ("jwt", ("exp", "1789999970"), "expired", "JBG-4"),
        ("jwt", ("exp", "1790000331"), "lifetime_too_long", "XD-15"),
        ("jwt", ("client_id", r#""another""#), "other_client", "JAG-21"),
        ("jwt", ("client_id", "1"), "malformed", "JBG-1"),
        ("jwt", ("act", "{}"), "bad_actor", "EXC-4"),
        ("jwt", ("act", &nine_actors()), "too_many_actors", "WIR-9"),
        // Who acts here, no other domain says.
        ("jwt", ("act", r#"{"sub":"payments-bot","iss":"https://as.b.example"}"#), "bad_actor", "EXC-4"),
        ("jwt", ("aims_lineage", "[]"), "malformed_lineage", "WIR-9"),
        ("jwt", ("aims_lineage", r#""a""#), "malformed_lineage", "WIR-9"),
        ("jwt", ("auth_time", r#""1""#), "malformed", "JBG-1"),
        ("jwt", ("acr", "1"), "malformed", "JBG-1"),
        ("jwt", ("cnf", r#"{"kid":"k"}"#), "bad_confirmation", "JO-KEY-10"),
        ("jwt", ("scope", r#""""#), "scope_empty", "WIR-7"),
        ("jwt", ("scope", "[]"), "malformed", "JBG-1"),
        ("jwt", ("resource", "1"), "malformed", "JBG-1"),
        ("jwt", ("resource", "[]"), "malformed", "JBG-1"),
        ("jwt", ("resource", "[1]"), "malformed", "JBG-1"),
        ("jwt", ("resource", r#""a""#), "resource_not_absolute", "RSI-1"),
        ("jwt", ("authorization_details", "{}"), "details_not_an_array", "RAR-1"),
        ("jwt", ("txn", "1"), "malformed", "JBG-1"),
        // What is no grant, though it has the same type.
        ("jwt", ("sub", r#""https://as.example""#), "issuer_is_subject", "JBG-5"),
        ("jwt", ("events", "{}"), "events_claim", "SSF-14"),
        ("oauth-id-jag+jwt", ("events", "null"), "events_claim", "SSF-14"),
        ("txn-chain+jwt", ("events", "{}"), "events_claim", "SSF-14"),
        ("jwt", ("nonce", r#""n""#), "foreign_claim", "IDT-6"),
        ("jwt", ("azp", r#""agent-at-b""#), "foreign_claim", "IDT-6"),
        ("jwt", ("at_hash", r#""a""#), "foreign_claim", "IDT-6"),
        ("jwt", ("c_hash", r#""c""#), "foreign_claim", "IDT-6"),
        ("oauth-id-jag+jwt", ("client_id", ""), "malformed", "JBG-1"),
        ("oauth-id-jag+jwt", ("jti", ""), "malformed", "JBG-1"),
        ("oauth-id-jag+jwt", ("iat", ""), "malformed", "JBG-1"),
        ("txn-chain+jwt", ("txn", ""), "malformed", "JBG-1"),
        ("at+jwt", ("more", "1"), "wrong_type", "JBG-5"),
        ("client-authentication+jwt", ("more", "1"), "wrong_type", "JBG-5"),
        ("txntoken+jwt", ("more", "1"), "wrong_type", "JBG-5"),
    ] {
        assert_refused!(judge(&verifier, &with(&server, typ, &[of])), code, rule, "{typ} {of:?}");
    }
    assert_refused!(judge(&verifier, &with(&stranger, "jwt", &[])), "bad_signature", "JBG-4");
    assert!(
        judge(
            &verifier,
            &with(&server, "jwt", &[("resource", r#"["urn:a","urn:b"]"#), ("iat", ""), ("client_id", "")])
        )
        .is_ok()
    );
    // An issuer that is trusted for one kind is not for another.
    let only = GrantVerifier::builder(here(), memory(), backend::ring())
        .trust(server.trusted(), &[GrantProfile::IdJag])
        .build();
    assert!(judge(&only, &with(&server, "OAuth-ID-JAG+jwt", &[])).is_ok());
    for typ in ["jwt", "txn-chain+jwt"] {
        assert_refused!(
            judge(&only, &with(&server, typ, &[("txn", r#""t""#)])),
            "unknown_issuer",
            "JBG-2",
            "{typ}"
        );
    }
    // Its key by its name, and an algorithm that is its own.
    let unnamed =
        NewHeader::new("jwt", server.key.public_key()).unwrap().unsigned("{}").sign(&*server.key).unwrap();
    assert!(judge(&verifier, &unnamed.parse().unwrap()).is_err());
    let narrow = server.trusted().with_algorithms(aims_keys::AlgorithmSet::of(&[Algorithm::Ps256]));
    let narrow = GrantVerifier::builder(here(), memory(), backend::ring())
        .trust(narrow, &[GrantProfile::Chaining])
        .build();
    assert_refused!(judge(&narrow, &with(&server, "jwt", &[])), "unsupported_alg", "ACT-1");
}

#[tokio::test(flavor = "current_thread")]
async fn jag_10_jag_23_xd_17_a_grant_of_a_key_is_shown_with_the_key() {
    let server = Server::new();
    let verifier = builder(&server).build();
    let (own, other) = (prover(), prover());
    let grant = issue(&server, &GrantRequest::id_jag(USER, here(), CLIENT).bound_to(own.thumbprint()));
    let proof = proof_of(&own).await;
    let bound = verifier.verify(&grant, CLIENT, Some(&proof), NOW).unwrap();
    assert_eq!(bound.key(), Some(&own.thumbprint()));
    assert_refused!(judge(&verifier, &grant), "other_key", "JAG-23");
    let wrong = proof_of(&other).await;
    assert_refused!(verifier.verify(&grant, CLIENT, Some(&wrong), NOW), "other_key", "JAG-23");
    // A server that acts for its client names the client's key.
    let named = with(&server, "jwt", &[("requested_cnf", &format!(r#"{{"jkt":"{}"}}"#, own.thumbprint()))]);
    assert_refused!(judge(&verifier, &named), "other_key", "JAG-23");
    assert!(verifier.verify(&named, CLIENT, Some(&proof), NOW).is_ok());
    // A proof beside a grant that is bound to nothing may bind the token.
    let free = issue(&server, &GrantRequest::id_jag(USER, here(), CLIENT));
    assert!(verifier.verify(&free, CLIENT, Some(&proof), NOW).unwrap().key().is_none());
}

#[test]
fn jag_22_xd_10_what_is_granted_is_a_ceiling() {
    let server = Server::new();
    let verifier = builder(&server).build();
    let resource: aims_oauth::Resource = "https://api.b.example".parse().unwrap();
    let details = AuthorizationDetails::parse(r#"[{"type":"booking","actions":["read","book"]}]"#).unwrap();
    let granted = GrantRequest::id_jag(USER, here(), CLIENT)
        .scope("chat.read chat.list".parse().unwrap())
        .resource(resource.clone())
        .details(details.clone());
    let grant = judge(&verifier, &issue(&server, &granted)).unwrap();
    let ask = || TokenRequest::new(Grant::JwtBearer("a.b.c".parse().unwrap()));
    let ceiling = |request: &TokenRequest| grant.redeem(request, &CommonMembers);
    let all = ceiling(&ask()).unwrap();
    assert_eq!(
        (all.scope().unwrap().as_str(), all.resources(), all.details().unwrap().as_json()),
        ("chat.read chat.list", &[resource.clone()][..], details.as_json())
    );
    let less = AuthorizationDetails::parse(r#"[{"type":"booking","actions":["read"]}]"#).unwrap();
    let some =
        ceiling(&ask().scope("chat.read".parse().unwrap()).resource(resource.clone()).details(less.clone()))
            .unwrap();
    assert_eq!(
        (some.scope().unwrap().as_str(), some.details().unwrap().as_json()),
        ("chat.read", less.as_json())
    );
    for (request, code, error) in [
        (ask().scope("chat.read chat.write".parse().unwrap()), "scope_widened", ErrorCode::InvalidScope),
        (
            ask().resource("https://api.c.example".parse().unwrap()),
            "resource_widened",
            ErrorCode::InvalidTarget,
        ),
        (
            ask().details(
                AuthorizationDetails::parse(r#"[{"type":"booking","actions":["cancel"]}]"#).unwrap(),
            ),
            "details_widened",
            ErrorCode::InvalidAuthorizationDetails,
        ),
    ] {
        let refused = ceiling(&request).unwrap_err();
        assert_eq!(refused.error_code(), error);
        assert_refused!(Err::<(), _>(refused), code, "JAG-22");
    }
    // Of what the grant says nothing, local policy decides; but not of details.
    let silent = judge(&verifier, &issue(&server, &GrantRequest::id_jag(USER, here(), CLIENT))).unwrap();
    let asked = silent.redeem(&ask().scope("x".parse().unwrap()).resource(resource), &CommonMembers).unwrap();
    assert_eq!((asked.scope(), asked.resources().len(), asked.details().is_none()), (None, 1, true));
    assert!(silent.redeem(&ask().details(less), &CommonMembers).is_err());
}

#[test]
fn aims_49_xd_6_a_grant_tells_the_other_domain_no_more_than_it_was_told_to() {
    let server = Server::new();
    let verifier = builder(&server).build();
    let names = |request: &GrantRequest<'_>| {
        let grant = judge(&verifier, &issue(&server, request)).unwrap();
        let mut names: Vec<_> =
            grant.claims().as_object().iter().map(|(name, _)| name.as_str().into_owned()).collect();
        names.sort_unstable();
        names
    };
    let usual = ["aud", "client_id", "exp", "iat", "iss", "jti", "sub"];
    assert_eq!(names(&GrantRequest::chaining(USER, here()).for_client(CLIENT)), usual);
    assert_eq!(names(&GrantRequest::id_jag(USER, here(), CLIENT)), usual);
    let more = GrantRequest::id_jag(USER, here(), CLIENT).scope("chat.read".parse().unwrap());
    assert_eq!(names(&more), ["aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"]);
}
