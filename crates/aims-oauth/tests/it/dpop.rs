//! `DPoP` proofs.

use std::sync::Arc;
use std::time::Duration;

use aims_jose::{JwkSet, NewHeader, Thumbprint};
use aims_keys::{Algorithm, SignInput, Signer, SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AccessToken, AccessTokenVerifier, DpopError, DpopNonces, DpopProver, DpopRequest, DpopTarget,
    DpopVerifier, ErrorCode, SealedNonces, TokenBinding, TrustedIssuer, VerifiedDpopProof,
};
use aims_proof::ReplayMemory;
use aims_testkit::{assert_refused, vectors};
use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::world::*;

fn key() -> SoftwareKey {
    SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap()
}

fn verifier() -> DpopVerifier {
    DpopVerifier::builder(ReplayMemory::with_capacity(1000), backend::ring()).build()
}

fn target() -> DpopTarget {
    "https://tools.example/v1/search".parse().unwrap()
}

fn token() -> AccessToken {
    "a-token".parse().unwrap()
}

/// Of the usual claims and these, signed by this key under its own header.
fn proof(key: &SoftwareKey, typ: &str, claims: &str) -> String {
    let header = NewHeader::with_embedded_key(typ, key.public_key()).unwrap();
    header.unsigned(claims).sign(key).unwrap()
}

fn claims(of: &[(&str, &str)]) -> String {
    let ath = r#""H2B246R7od7QgCX_4G5XryF8FPlAfzP7pQ-ZsccBk4c""#;
    let usual = [
        ("jti", r#""p-1""#),
        ("htm", r#""POST""#),
        ("htu", r#""https://tools.example/v1/search""#),
        ("iat", "1790000000"),
        ("ath", ath),
    ];
    let other = |name: &str| of.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let members = usual.iter().map(|(name, value)| (*name, other(name).unwrap_or(value)));
    let more = of.iter().copied().filter(|(name, _)| !usual.iter().any(|(known, _)| known == name));
    let all = members.chain(more).filter(|(_, value)| !value.is_empty());
    format!("{{{}}}", all.map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(","))
}

fn judge(verifier: &DpopVerifier, proof: &str, now: UnixTime) -> Result<VerifiedDpopProof, DpopError> {
    let (target, token) = (target(), token());
    verifier.verify([proof], &DpopRequest::new("POST", &target).with_token(&token), now)
}

#[test]
fn dpo_1_dpo_2_dpo_3_dpo_4_dpo_5_dpo_6_every_case_of_the_vectors_is_judged_as_it_says() {
    let Some(file) = vectors::json("oauth/generated/dpop-cases.json") else { return };
    let token: AccessToken = file["access_token"].as_str().unwrap().parse().unwrap();
    let keys = JwkSet::parse(&file["jwks"].to_string(), backend::ring()).unwrap();
    let issuer = TrustedIssuer::new("https://as.a.example".parse().unwrap(), keys);
    let tool = "https://api.a.example/tools".parse().unwrap();
    let now = UnixTime::from_secs(file["now"].as_u64().unwrap());
    let bound =
        AccessTokenVerifier::builder(tool, issuer, backend::ring()).build().verify(&token, now).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 24);
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let mut builder = DpopVerifier::builder(ReplayMemory::with_capacity(10), backend::ring());
        if let Some(nonce) = case["nonce"].as_str() {
            builder = builder.require_nonces(One(nonce.to_owned()));
        }
        let target = text("uri").parse().unwrap();
        let request = DpopRequest::new(text("method"), &target).with_token(&token);
        let judged = builder.build().verify([text("proof")], &request, now);
        let said = match &judged {
            Ok(proof) if bound.binding() == Some(&TokenBinding::Key(*proof.thumbprint())) => "accept",
            Ok(_) => ErrorCode::InvalidToken.as_str(),
            Err(error) => error.error_code().as_str(),
        };
        assert_eq!(said, text("expect"), "{}: {judged:?}", text("name"));
    }
}

/// One nonce, for ever.
#[derive(Debug)]
struct One(String);

impl DpopNonces for One {
    fn current(&self, _: UnixTime) -> String {
        self.0.clone()
    }

    fn accepts(&self, nonce: &str, _: UnixTime) -> bool {
        nonce == self.0
    }
}

#[test]
fn dpo_3_dpo_6_the_proofs_of_the_rfc_verify() {
    let Some(file) = vectors::json("oauth/dpop-rfc9449.json") else { return };
    let proofs = file["proofs"].as_array().unwrap();
    assert_eq!(proofs.len(), 3);
    for proof in proofs {
        let payload = &proof["payload"];
        let target = payload["htu"].as_str().unwrap().parse().unwrap();
        let now = UnixTime::from_secs(payload["iat"].as_u64().unwrap());
        let request = DpopRequest::new(payload["htm"].as_str().unwrap(), &target);
        let read = verifier().verify([proof["proof"].as_str().unwrap()], &request, now).unwrap();
        assert_eq!(read.thumbprint().to_string(), proof["jkt"].as_str().unwrap());
        assert_eq!(read.issued_at(), now);
    }
}

#[test]
fn dpo_1_dpo_9_there_is_one_proof_and_it_is_a_token() {
    let key = key();
    let good = proof(&key, "dpop+jwt", &claims(&[]));
    let (target, token) = (target(), token());
    let request = DpopRequest::new("POST", &target).with_token(&token);
    let lines = |lines: &[&[u8]]| verifier().verify(lines, &request, NOW);
    assert_eq!(lines(&[good.as_bytes()]).unwrap().thumbprint(), &Thumbprint::of(key.public_key()));
    assert_refused!(lines(&[]), "no_proof", "DPO-9");
    assert_refused!(lines(&[good.as_bytes(), good.as_bytes()]), "several_proofs", "DPO-1");
    assert_refused!(lines(&[format!("{good}, {good}").as_bytes()]), "malformed", "DPO-1");
    assert_refused!(lines(&[b""]), "malformed", "DPO-1");
    assert_refused!(lines(&[b"\xff"]), "malformed", "DPO-1");
    assert_refused!(lines(&[&vec![b'a'; 8193]]), "malformed", "DPO-1");
}

#[test]
fn dpo_2_dpo_4_dpo_5_dpo_6_each_claim_is_what_it_must_be() {
    let key = key();
    for (of, code, rule) in [
        ([("jti", "")], "malformed", "DPO-2"),
        ([("htm", "")], "malformed", "DPO-2"),
        ([("htu", "")], "malformed", "DPO-2"),
        ([("iat", "")], "malformed", "DPO-2"),
        ([("jti", "1")], "malformed", "DPO-2"),
        ([("jti", r#""""#)], "malformed", "WIR-9"),
        ([("htm", "1")], "malformed", "DPO-2"),
        ([("htu", "[]")], "malformed", "DPO-2"),
        ([("iat", r#""1790000000""#)], "malformed", "DPO-2"),
        ([("ath", "1")], "malformed", "DPO-2"),
        ([("nonce", "1")], "malformed", "DPO-2"),
        ([("jti", r#""a","jti":"b""#)], "malformed", "JO-JSON-02"),
        ([("htm", r#""GET""#)], "method_mismatch", "DPO-4"),
        ([("htm", r#""post""#)], "method_mismatch", "DPO-4"),
        ([("htu", r#""https://tools.example/v1/search/""#)], "target_mismatch", "DPO-4"),
        ([("htu", r#""https://tools.example:444/v1/search""#)], "target_mismatch", "DPO-4"),
        ([("htu", r#""https://tools.example.evil/v1/search""#)], "target_mismatch", "DPO-4"),
        ([("htu", r#""http://tools.example/v1/search""#)], "target_mismatch", "DPO-4"),
        ([("htu", r#""https://tools.example/v1/%2E%2E/search""#)], "target_mismatch", "DPO-4"),
        ([("htu", r#""/v1/search""#)], "target_scheme", "DPO-4"),
        ([("htu", r#""https://u@tools.example/v1/search""#)], "target_authority", "DPO-4"),
        ([("iat", "1789999939")], "too_old", "DPO-5"),
        ([("iat", "1790000006")], "not_yet_valid", "DPO-5"),
        ([("ath", "")], "token_mismatch", "DPO-6"),
        ([("ath", r#""ZPeeLBmPUyhXSVquEQ3GOnSIYzHsz3litl8o81nxG9s""#)], "token_mismatch", "DPO-6"),
        ([("ath", r#""""#)], "token_mismatch", "DPO-6"),
    ] {
        let proof = proof(&key, "dpop+jwt", &claims(&of));
        assert_refused!(judge(&verifier(), &proof, NOW), code, rule, "{of:?}");
    }
    for of in [
        ("htu", r#""HTTPS://TOOLS.example:443/v1/./x/../%73earch?q=1#f""#),
        ("iat", "1789999940"),
        ("iat", "1790000005"),
        ("nonce", r#""of nobody""#),
        ("more", "{}"),
    ] {
        let proof = proof(&key, "dpop+jwt", &claims(&[of]));
        assert!(judge(&verifier(), &proof, NOW).is_ok(), "{of:?}");
    }
    let typ = |typ: &str| judge(&verifier(), &proof(&key, typ, &claims(&[])), NOW);
    for other in ["jwt", "at+jwt", "wpt+jwt", "dpop"] {
        assert_refused!(typ(other), "wrong_type", "DPO-2", "{other}");
    }
    assert!(typ("DPoP+JWT").is_ok());
    assert_refused!(judge(&verifier(), &proof(&key, "dpop+jwt", ""), NOW), "malformed", "DPO-2");
}

#[test]
fn dpo_2_dpo_3_the_key_is_in_the_header_and_signs() {
    let (key, other) = (key(), key());
    let none =
        NewHeader::new("dpop+jwt", key.public_key()).unwrap().unsigned(claims(&[])).sign(&key).unwrap();
    assert_refused!(judge(&verifier(), &none, NOW), "no_key", "DPO-2");
    // The header of one, and the signature of another.
    let [one, another] = [&key, &other].map(|key| proof(key, "dpop+jwt", &claims(&[])));
    let (input, _) = one.rsplit_once('.').unwrap();
    let (_, signature) = another.rsplit_once('.').unwrap();
    assert_refused!(judge(&verifier(), &format!("{input}.{signature}"), NOW), "bad_signature", "DPO-3");
    let only = DpopVerifier::builder(ReplayMemory::with_capacity(10), backend::ring())
        .algorithms(aims_keys::AlgorithmSet::of(&[Algorithm::Ed25519]))
        .build();
    assert_refused!(judge(&only, &one, NOW), "unsupported_alg", "DPO-2");
    assert!(!only.algorithms().contains(Algorithm::Es256));
}

#[test]
fn dpo_7_a_proof_counts_once_for_its_key_and_its_target() {
    let (key, other) = (key(), key());
    let verifier = verifier();
    let one = proof(&key, "dpop+jwt", &claims(&[]));
    judge(&verifier, &one, NOW).unwrap();
    let again = judge(&verifier, &one, NOW).unwrap_err();
    assert_eq!(again.error_code(), ErrorCode::InvalidDpopProof);
    assert_refused!(Err::<(), _>(again), "replay", "DPO-7");
    // For as long as anybody would take it.
    assert_refused!(judge(&verifier, &one, NOW + Duration::from_secs(60)), "replay", "DPO-7");
    assert_refused!(judge(&verifier, &one, NOW + Duration::from_secs(61)), "too_old", "DPO-5");
    judge(&verifier, &proof(&other, "dpop+jwt", &claims(&[])), NOW).unwrap();
    judge(&verifier, &proof(&key, "dpop+jwt", &claims(&[("jti", r#""p-2""#)])), NOW).unwrap();
    // What is refused is not remembered.
    let wrong = proof(&key, "dpop+jwt", &claims(&[("jti", r#""p-3""#), ("ath", "")]));
    assert_refused!(judge(&verifier, &wrong, NOW), "token_mismatch", "DPO-6");
    judge(&verifier, &proof(&key, "dpop+jwt", &claims(&[("jti", r#""p-3""#)])), NOW).unwrap();
    let full = DpopVerifier::builder(ReplayMemory::with_capacity(0), backend::ring()).build();
    let refused = judge(&full, &one, NOW).unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::TemporarilyUnavailable);
    assert_refused!(Err::<(), _>(refused), "replay_store_full", "DPO-7");
    // One of many threads is the first.
    let verifier = Arc::new(self::verifier());
    let accepted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| usize::from(judge(&verifier, &one, NOW).is_ok()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1);
}

#[test]
fn dpo_5_dpo_8_a_server_that_wants_a_nonce_wants_its_own() {
    let key = key();
    let nonces = || SealedNonces::new(Zeroizing::new([7; 32]), backend::ring());
    let verifier = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring())
        .require_nonces(nonces())
        .build();
    let with = |nonce: &str, id: &str| {
        proof(&key, "dpop+jwt", &claims(&[("nonce", &format!("\"{nonce}\"")), ("jti", &format!("\"{id}\""))]))
    };
    let refused = judge(&verifier, &proof(&key, "dpop+jwt", &claims(&[])), NOW).unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::UseDpopNonce);
    assert_refused!(Err::<(), _>(refused), "nonce_wanted", "DPO-5");
    let current = verifier.nonce(NOW).unwrap();
    judge(&verifier, &with(&current, "a"), NOW).unwrap();
    // The same server elsewhere, a while ago.
    judge(&verifier, &with(&nonces().current(NOW - Duration::from_secs(299)), "b"), NOW).unwrap();
    let stranger = SealedNonces::generate(backend::ring()).unwrap().current(NOW);
    let cut = current.get(..current.len() - 1).unwrap();
    for wrong in [
        &*nonces().current(NOW - Duration::from_secs(300)),
        &*nonces().current(NOW + Duration::from_secs(1)),
        &*stranger,
        cut,
        "",
        "AAAA",
        &*"A".repeat(1000),
    ] {
        assert_refused!(judge(&verifier, &with(wrong, "c"), NOW), "nonce_wanted", "DPO-5", "{wrong}");
    }
    assert!(self::verifier().nonce(NOW).is_none());
    // A client is given another in time, and not with every answer.
    for (age, is_given) in [(0, false), (149, false), (150, true), (299, true)] {
        let used = nonces().current(NOW - Duration::from_secs(age));
        let next = nonces().next(&used, NOW);
        assert_eq!(next, is_given.then(|| nonces().current(NOW)), "{age}");
        let with = with(&used, &format!("next-{age}"));
        let proof = judge(&verifier, &with, NOW).unwrap();
        assert_eq!(verifier.next_nonce(&proof, NOW).is_some(), is_given, "{age}");
    }
    assert!(nonces().next("of nobody", NOW).is_some());
    assert_eq!(One("a".into()).next("a", NOW), None);
    assert_eq!(One("a".into()).next("b", NOW).as_deref(), Some("a"));
    assert!(!format!("{:?}", nonces()).contains('7'));
}

#[tokio::test(flavor = "current_thread")]
async fn dpo_12_dpo_14_what_is_made_is_verified_and_is_new_each_time() {
    let key = Arc::new(key());
    let prover = DpopProver::new(key.clone()).unwrap();
    let (target, token) = (target(), token());
    let nonces = SealedNonces::new(Zeroizing::new([7; 32]), backend::ring());
    let nonce = nonces.current(NOW);
    let verifier = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring())
        .require_nonces(nonces)
        .build();
    let wanted = prover.proof("POST", &target).with_token(&token).with_nonce(&nonce);
    for _ in 0..3 {
        let made = wanted.sign(NOW).await.unwrap();
        assert_eq!(judge(&verifier, &made, NOW).unwrap().thumbprint(), &prover.thumbprint());
    }
    // In two steps; and without a token where there is none.
    let unsigned = wanted.prepare(NOW).unwrap();
    let signature = key.sign(SignInput::Message(unsigned.signing_input())).unwrap();
    judge(&verifier, &unsigned.attach(signature.as_bytes()).unwrap(), NOW).unwrap();
    assert_refused!(wanted.prepare(NOW).unwrap().attach(signature.as_bytes()), "bad_signature", "JO-B64-03");
    let bare = prover.proof("POST", &target).sign(NOW).await.unwrap();
    assert!(self::verifier().verify([&bare], &DpopRequest::new("POST", &target), NOW).is_ok());
    assert_refused!(judge(&self::verifier(), &bare, NOW), "token_mismatch", "DPO-6");
    assert!(!format!("{prover:?}").contains("signer"));
}

#[test]
fn dpo_4_targets_are_compared_by_what_they_mean() {
    let normal = |text: &str| text.parse::<DpopTarget>().map(|target| target.as_str().to_owned());
    for (text, expected) in [
        ("https://a.example", "https://a.example/"),
        ("https://a.example?x=1", "https://a.example/"),
        ("https://a.example/#f", "https://a.example/"),
        ("HTTP://A.Example:80/", "http://a.example/"),
        ("http://a.example:443/", "http://a.example:443/"),
        ("https://a.example:/x", "https://a.example/x"),
        ("https://[2001:DB8::1]:443/", "https://[2001:db8::1]/"),
        ("https://a.example/a/./b/../c/..", "https://a.example/a/"),
        ("https://a.example/../../x", "https://a.example/x"),
        ("https://a.example/a/.", "https://a.example/a/"),
        ("https://a.example//x/", "https://a.example//x/"),
        ("https://a.example/%7e%2f%C3%bc%2e", "https://a.example/~%2F%C3%BC."),
        ("https://a.example/%2e%2E/b", "https://a.example/b"),
    ] {
        assert_eq!(normal(text).as_deref(), Ok(expected), "{text}");
        assert!(expected.parse::<DpopTarget>().unwrap().is(text));
        assert_eq!(normal(expected).as_deref(), Ok(expected), "{text}");
    }
    for (text, code) in [
        ("ftp://a.example/", "target_scheme"),
        ("a.example/", "target_scheme"),
        ("", "target_scheme"),
        ("https:///x", "target_authority"),
        ("https://u:p@a.example/", "target_authority"),
        ("https://a.example:x/", "target_authority"),
        ("https://[::1/", "target_authority"),
        ("https://a b/", "target_authority"),
        ("https://a.example/%", "target_path"),
        ("https://a.example/%zz", "target_path"),
        ("https://a.example/ü", "target_path"),
        ("https://a.example/a b", "target_path"),
    ] {
        assert_refused!(normal(text), code, "DPO-4", "{text}");
    }
    assert_refused!(normal(&format!("https://a.example/{}", "x".repeat(8192))), "target_too_long", "WIR-9");
}

proptest! {
    #[test]
    fn dpo_4_normal_forms_are_normal(path in "(/[a-z.%~]{0,3}){0,6}") {
        let text = format!("https://a.example{path}");
        if let Ok(target) = text.parse::<DpopTarget>() {
            prop_assert_eq!(target.as_str().parse::<DpopTarget>().unwrap(), target.clone());
            prop_assert!(!target.as_str().split('/').any(|segment| segment == "." || segment == ".."));
        }
    }

    #[test]
    fn dpo_3_a_changed_proof_is_refused(at in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_.-]") {
        let proof = proof(&key(), "dpop+jwt", &claims(&[]));
        let at = at.index(proof.len());
        let changed = [proof.get(..at).unwrap(), &letter, proof.get(at + 1..).unwrap()].concat();
        if changed != proof {
            prop_assert!(judge(&verifier(), &changed, NOW).is_err());
        }
    }
}
