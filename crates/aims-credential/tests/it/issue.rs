//! What an issuer writes, and what it does not.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Attested, ClaimValue, IssueError, WitIssuer, WitRequest};
use aims_jose::json::{Limits, Object};
use aims_keys::{
    Algorithm, AlgorithmSet, AsyncSigner, BoxFuture, Protection, PublicKey, SignError, SignInput, Signature,
    Signer, SoftwareKey, backend,
};
use aims_testkit::assert_refused;
use serde_json::json;

use crate::support::{
    EXP, IAT, ISSUER, KEY_ID, ORIGIN, SUBJECT, World, at, claims_of, header_of, id, jwk_json, key, now,
    public, ready, rsa_key,
};

#[test]
fn wit_2_crd_13_aims_7_aims_8_what_a_token_says() {
    let world = World::new();
    let issuer = world.issuer().with_issuer(ISSUER);
    let token = issuer.issue(&id(SUBJECT), public(&world.workload_key), at(IAT)).unwrap();
    assert_eq!(header_of(&token), json!({"alg": "ES256", "kid": KEY_ID, "typ": "wit+jwt"}));
    let claims = claims_of(&token);
    let jti = claims["jti"].as_str().unwrap();
    assert_eq!(jti.len(), 22, "128 bits");
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER, "sub": SUBJECT, "iat": IAT, "exp": EXP, "jti": jti,
            "cnf": {"jwk": jwk_json(&world.workload_key)},
        })
    );
    assert_eq!(claims["cnf"]["jwk"]["alg"], "ES256");
    world.verifier().verify(&token, now()).unwrap();
}

#[test]
fn att_115_what_a_token_says_of_evidence_and_what_no_verifier_reads() {
    let world = World::new();
    let issue = |attested: &Attested| {
        let subject = id(SUBJECT);
        let request = WitRequest::new(&subject, public(&world.workload_key)).attested(attested);
        world.issuer().sign(&request, at(IAT)).unwrap()
    };
    let attested = Attested::new(4, at(IAT))
        .with_key_in_hardware()
        .with_types(["tpm2-quote", "unix-peer"])
        .with_result_digest([7; 32]);
    let token = issue(&attested);
    assert_eq!(
        claims_of(&token)["attest"],
        json!({
            "level": 4, "key": "hardware", "types": ["tpm2-quote", "unix-peer"], "iat": IAT,
            "result_digest": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
        })
    );
    let verify = |token: &str| world.verifier().verify(token, now()).unwrap().attested();
    assert_eq!(verify(&token), Some(attested));
    let plain = Attested::new(9, at(IAT));
    assert_eq!((plain.level(), plain.is_key_in_hardware()), (5, false));
    assert_eq!(verify(&issue(&plain)), Some(plain));
    assert_eq!(verify(&world.token()), None);

    for claim in [
        json!("hardware"),
        json!({"level": 6, "key": "hardware", "types": [], "iat": IAT}),
        json!({"level": -1, "key": "hardware", "types": [], "iat": IAT}),
        json!({"level": 4, "key": "Hardware", "types": [], "iat": IAT}),
        json!({"level": 4, "key": true, "types": [], "iat": IAT}),
        json!({"level": 4, "types": [], "iat": IAT}),
        json!({"key": "hardware", "types": [], "iat": IAT}),
        json!({"level": 4, "key": "hardware", "iat": IAT}),
        json!({"level": 4, "key": "hardware", "types": [1], "iat": IAT}),
        json!({"level": 4, "key": "hardware", "types": vec!["a"; 17], "iat": IAT}),
        json!({"level": 4, "key": "hardware", "types": []}),
        json!({"level": 4, "key": "hardware", "types": [], "iat": IAT, "result_digest": "AA"}),
    ] {
        assert_eq!(verify(&world.forge().claim("attest", claim.clone()).token()), None, "{claim}");
    }
    // Whoever issues says it by its own method alone.
    let subject = id(SUBJECT);
    let request = WitRequest::new(&subject, public(&world.workload_key)).claim("attest", "hardware");
    assert!(world.issuer().sign(&request, at(IAT)).is_err());
}

#[test]
fn crd_6_every_token_has_an_identifier_of_its_own() {
    let world = World::new();
    let issued: HashSet<String> =
        (0..50).map(|_| claims_of(&world.token())["jti"].as_str().unwrap().to_owned()).collect();
    assert_eq!(issued.len(), 50);
}

#[test]
fn wid_15_wid_19_wit_4_subjects_of_others() {
    let world = World::new();
    let issue = |subject: &str| world.issuer().issue(&id(subject), public(&world.workload_key), now());
    for foreign in ["spiffe://bank.example/teller", "wimse://acme.example/agents/travel"] {
        assert_refused!(issue(foreign), "foreign_subject", "WID-15", "{foreign}");
    }
    assert_refused!(issue(ORIGIN), "bad_subject", "WIT-4");
}

#[test]
fn crd_9_the_issuers_own_key_is_nobody_elses() {
    let world = World::new();
    assert_refused!(
        world.issuer().issue(&id(SUBJECT), public(&world.issuer_key), now()),
        "issuers_key",
        "CRD-9"
    );
    // Under the other name of its algorithm, too.
    let world = World::of(Algorithm::Ed25519, Algorithm::Es256);
    let renamed =
        PublicKey::load(public(&world.issuer_key).numbers().clone(), Algorithm::EdDsa, backend::ring())
            .unwrap();
    assert_refused!(world.issuer().issue(&id(SUBJECT), &renamed, now()), "issuers_key", "CRD-9");
}

#[test]
fn wit_11_the_algorithms_of_workload_keys() {
    let world = World::of(Algorithm::Es256, Algorithm::EdDsa);
    let issue = |algorithms: &[Algorithm]| {
        world.issuer().with_algorithms(AlgorithmSet::of(algorithms)).issue(
            &id(SUBJECT),
            public(&world.workload_key),
            now(),
        )
    };
    issue(&[Algorithm::EdDsa, Algorithm::Es256]).unwrap();
    let refused =
        assert_refused!(issue(&[Algorithm::Ed25519, Algorithm::Es256]), "unsupported_alg", "WIT-11");
    assert_eq!(refused, IssueError::Algorithm(Algorithm::EdDsa));
    // A bundle with the same list would refuse what the issuer's own key signs.
    let refused = assert_refused!(issue(&[Algorithm::EdDsa]), "unsupported_alg", "WIT-3");
    assert_eq!(refused, IssueError::UnlistedIssuerAlgorithm(Algorithm::Es256));
}

#[test]
fn ws_1_the_identifier_of_the_issuers_key() {
    let world = World::new();
    for bad in ["", "a\nb", &"a".repeat(257)] {
        assert_refused!(
            WitIssuer::new(ORIGIN.parse().unwrap(), world.issuer_key.clone(), bad),
            "malformed_key_id",
            "WS-1"
        );
    }
}

#[test]
fn aims_7_crd_13_lifetimes() {
    let world = World::new();
    let day = Duration::from_secs(24 * 60 * 60);
    let lifetime = |issuer: &WitIssuer, asked: Option<Duration>| {
        let (subject, key) = (id(SUBJECT), public(&world.workload_key));
        let request = WitRequest::new(&subject, key);
        let request = match asked {
            Some(lifetime) => request.lifetime(lifetime),
            None => request,
        };
        let claims = claims_of(&issuer.sign(&request, at(IAT))?);
        Ok::<_, IssueError>(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap())
    };
    let issuer = world.issuer();
    assert_eq!(lifetime(&issuer, None).unwrap(), 3600);
    assert_eq!(lifetime(&issuer, Some(Duration::from_secs(1))).unwrap(), 1);
    assert_eq!(lifetime(&issuer, Some(day)).unwrap(), 86_400);
    for bad in [Duration::ZERO, Duration::from_millis(999), day + Duration::from_millis(1), Duration::MAX] {
        assert_refused!(lifetime(&issuer, Some(bad)), "bad_lifetime", "AIMS-7", "{bad:?}");
    }
    // The maximum holds for the default, whichever was set first, and is itself bounded.
    let minute = Duration::from_secs(60);
    assert_eq!(lifetime(&world.issuer().with_max_lifetime(minute), None).unwrap(), 60);
    assert_eq!(lifetime(&world.issuer().with_max_lifetime(minute).with_lifetime(day), None).unwrap(), 60);
    assert_eq!(lifetime(&world.issuer().with_lifetime(minute), None).unwrap(), 60);
    assert_eq!(
        lifetime(&world.issuer().with_max_lifetime(Duration::MAX).with_lifetime(Duration::MAX), None)
            .unwrap(),
        86_400
    );
    assert_refused!(
        lifetime(&world.issuer().with_max_lifetime(minute), Some(minute * 2)),
        "bad_lifetime",
        "AIMS-7"
    );
    assert_refused!(lifetime(&world.issuer().with_lifetime(Duration::ZERO), None), "bad_lifetime", "AIMS-7");
}

#[test]
fn aims_9_crd_6_claims_of_the_deployment() {
    let world = World::new();
    let posture = Object::parse(r#"{"level":2,"tags":["a"],"at":1.5,"none":null}"#, &Limits::new()).unwrap();
    let (subject, name) = (id(SUBJECT), String::from("blue"));
    let request = WitRequest::new(&subject, public(&world.workload_key))
        .claim("acme.example/team", "tra\"vel")
        .claim("acme.example/colour", &name)
        .claim("acme.example/level", u64::MAX)
        .claim("acme.example/trusted", false)
        .claim("acme.example/posture", posture.as_value());
    let token = world.issuer().sign(&request, at(IAT)).unwrap();
    let claims = claims_of(&token);
    assert_eq!(claims["acme.example/team"], "tra\"vel");
    assert_eq!(claims["acme.example/colour"], "blue");
    assert_eq!(claims["acme.example/level"], u64::MAX);
    assert_eq!(claims["acme.example/trusted"], false);
    assert_eq!(claims["acme.example/posture"], json!({"level": 2, "tags": ["a"], "at": 1.5, "none": null}));
    let wit = world.verifier().verify(&token, now()).unwrap();
    assert!(wit.claims().get("acme.example/team").unwrap().is_str("tra\"vel"));
    let shown = format!("{request:?}{:?}", ClaimValue::from("blue"));
    assert!(shown.contains(SUBJECT) && !shown.contains("blue"), "{shown}");
    assert_eq!(format!("{:?}", ClaimValue::from("blue")), "ClaimValue(..)");
}

#[test]
fn crd_6_jo_sign_03_no_claim_takes_the_place_of_another() {
    let world = World::new();
    let (subject, key) = (id(SUBJECT), public(&world.workload_key));
    let sign = |names: &[&'static str]| {
        let mut request = WitRequest::new(&subject, key);
        for name in names {
            request = request.claim(name, "x");
        }
        world.issuer().sign(&request, now())
    };
    for registered in ["aud", "cnf", "exp", "iat", "iss", "jti", "nbf", "sub"] {
        assert_refused!(sign(&[registered]), "bad_claims", "JO-SIGN-03", "{registered}");
    }
    assert_refused!(sign(&["a", "b", "a"]), "bad_claims", "JO-SIGN-03");
    // A span of another document is no value: here, one and a claim behind it.
    for inserted in [r#"1,"aud":"a""#, r#"1,"nbf":12"#] {
        let document = Object::parse(format!(r#"{{"x":{inserted}}}"#), &Limits::new()).unwrap();
        let other = format!(r#"{{"x":"{}"}}"#, "x".repeat(inserted.len() - 2));
        let other = Object::parse(other, &Limits::new()).unwrap();
        let value = document.at(other.get("x").unwrap().span()).unwrap();
        assert_eq!(value.raw(), inserted);
        let signed = world.issuer().sign(&WitRequest::new(&subject, key).claim("x", value), now());
        assert_refused!(signed, "bad_claims", "JO-SIGN-03", "{inserted}");
    }
    sign(&["a", "b", "Sub"]).unwrap();
}

#[test]
fn wit_1_jo_json_03_nothing_is_issued_that_is_not_accepted() {
    let world = World::new();
    let (subject, key) = (id(SUBJECT), public(&world.workload_key));
    let verifier = world.verifier();
    let fill = |issuer: &WitIssuer, bytes: usize| {
        let text = "x".repeat(bytes);
        issuer.sign(&WitRequest::new(&subject, key).claim("x", &text), at(IAT))
    };
    let issuer = world.issuer();
    let most = (0..8192).rev().find_map(|bytes| fill(&issuer, bytes).ok()).unwrap();
    assert!((8189..=8192).contains(&most.len()), "{}", most.len());
    verifier.verify(&most, now()).unwrap();
    assert_refused!(fill(&issuer, 8000), "token_too_long", "WIT-1");
    fill(&issuer.clone().with_max_token_len(usize::MAX), 8000).unwrap();
    assert_refused!(fill(&issuer.with_max_token_len(usize::MAX), 16_000), "token_too_long", "WIT-1");

    let len = fill(&world.issuer(), 1).unwrap().len();
    fill(&world.issuer().with_max_token_len(len), 1).unwrap();
    assert_refused!(fill(&world.issuer().with_max_token_len(len - 1), 1), "token_too_long", "WIT-1");

    let nested = |levels: usize| {
        let value =
            Object::parse(format!("{}1{}", "{\"x\":".repeat(levels), "}".repeat(levels)), &Limits::new())
                .unwrap();
        world.issuer().sign(&WitRequest::new(&subject, key).claim("x", value.as_value()), at(IAT))
    };
    verifier.verify(&nested(7).unwrap(), now()).unwrap();
    assert_refused!(nested(8), "bad_claims", "JO-JSON-03");
    let names: Vec<String> = (0..300).map(|i| format!("n{i}")).collect();
    let many = names.iter().fold(WitRequest::new(&subject, key), |request, name| request.claim(name, true));
    assert_refused!(world.issuer().sign(&many, at(IAT)), "bad_claims", "JO-JSON-03");
    // The end of the year 9999.
    let last = 253_402_300_799;
    world.issuer().issue(&subject, key, at(last - 3600)).unwrap();
    assert_refused!(world.issuer().issue(&subject, key, at(last - 3599)), "bad_claims", "JO-CLM-02");
}

#[test]
fn crd_9_the_issuers_own_key_under_another_algorithm() {
    let Some(issuer_key) = rsa_key(Algorithm::Ps256) else { return };
    let world = World { issuer_key, workload_key: key(Algorithm::Es256) };
    let issuer = world.issuer().with_algorithms(AlgorithmSet::STANDARD.with(Algorithm::Rs256));
    let numbers = public(&world.issuer_key).numbers().clone();
    let other = PublicKey::load(numbers, Algorithm::Rs256, backend::ring()).unwrap();
    assert_refused!(issuer.issue(&id(SUBJECT), &other, now()), "issuers_key", "CRD-9");
    issuer.issue(&id(SUBJECT), public(&world.workload_key), now()).unwrap();
}

#[test]
fn wit_1_an_rsa_signature_counts_for_the_length() {
    let Some(issuer_key) = rsa_key(Algorithm::Ps256) else { return };
    let world = World { issuer_key, workload_key: key(Algorithm::Es256) };
    let (subject, key) = (id(SUBJECT), public(&world.workload_key));
    let fill = |bytes: usize| {
        let text = "x".repeat(bytes);
        world.issuer().sign(&WitRequest::new(&subject, key).claim("x", &text), at(IAT))
    };
    let most = (5000..6000).rev().find_map(|bytes| fill(bytes).ok()).unwrap();
    assert!((8189..=8192).contains(&most.len()), "{}", most.len());
    world.verifier().verify(&most, now()).unwrap();
}

#[test]
fn aims_4_aims_8_a_renewal_keeps_the_identifier() {
    let world = World::new();
    let held = world.verifier().verify(&world.token(), now()).unwrap();
    let fresh = key(Algorithm::Es256);
    let token = world.issuer().renew(&held, public(&fresh), at(EXP - 1)).unwrap();
    let renewed = world.verifier().verify(&token, at(EXP)).unwrap();
    assert_eq!(renewed.subject(), held.subject());
    assert_eq!(renewed.confirmation_key(), public(&fresh));
    assert_eq!(renewed.not_after(), at(EXP - 1 + 3600));
    assert_ne!(renewed.token_id(), held.token_id());

    assert_refused!(world.issuer().renew(&held, public(&fresh), at(EXP)), "expired", "AIMS-8");
    let bank =
        WitIssuer::new("spiffe://bank.example".parse().unwrap(), world.issuer_key.clone(), KEY_ID).unwrap();
    assert_refused!(bank.renew(&held, public(&fresh), now()), "foreign_subject", "WID-15");
}

#[test]
fn jo_sign_02_signed_elsewhere() {
    let world = World::new();
    let issuer =
        WitIssuer::external(ORIGIN.parse().unwrap(), public(&world.issuer_key).clone(), KEY_ID).unwrap();
    let (subject, key) = (id(SUBJECT), public(&world.workload_key));
    let prepare = || issuer.clone().prepare(&WitRequest::new(&subject, key), at(IAT)).unwrap();

    let unsigned = prepare();
    let signature = Signer::sign(&*world.issuer_key, SignInput::Message(unsigned.signing_input())).unwrap();
    let token = unsigned.attach(signature.as_bytes()).unwrap();
    world.verifier().verify(&token, now()).unwrap();

    let signed_by = |key: &SoftwareKey| {
        let unsigned = prepare();
        let signature = Signer::sign(key, SignInput::Message(unsigned.signing_input())).unwrap();
        unsigned.attach(signature.as_bytes())
    };
    assert_refused!(signed_by(&world.workload_key), "bad_signature", "JO-SIGN-02");
    assert_refused!(prepare().attach(&[]), "bad_signature", "JO-SIGN-02");

    let token = prepare().sign(&*world.issuer_key).unwrap();
    world.verifier().verify(&token, now()).unwrap();
    assert_refused!(prepare().sign(&*world.workload_key), "wrong_use", "TPM-44");
    assert_refused!(ready(prepare().sign_async(&*world.workload_key)), "wrong_use", "TPM-44");
}

/// A key service that may be out of order.
#[derive(Debug)]
struct Service {
    key: Arc<SoftwareKey>,
    in_order: bool,
}

impl AsyncSigner for Service {
    fn public_key(&self) -> &PublicKey {
        public(&self.key)
    }

    fn protection(&self) -> Protection {
        Protection::CloudKms
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        if self.in_order {
            return AsyncSigner::sign(&*self.key, input);
        }
        Box::pin(std::future::ready(Err(SignError::DeviceGone)))
    }
}

#[test]
fn jo_sign_02_aims_4_signed_by_a_key_service() {
    let world = World::new();
    let issuer = |in_order| {
        let service = Arc::new(Service { key: world.issuer_key.clone(), in_order });
        WitIssuer::with_async_signer(ORIGIN.parse().unwrap(), service, KEY_ID).unwrap()
    };
    let key = public(&world.workload_key);
    let token = ready(issuer(true).issue_async(&id(SUBJECT), key, at(IAT))).unwrap();
    let held = world.verifier().verify(&token, now()).unwrap();
    let renewed = ready(issuer(true).renew_async(&held, key, now())).unwrap();
    assert_eq!(world.verifier().verify(&renewed, now()).unwrap().subject(), held.subject());
    assert_refused!(ready(issuer(true).renew_async(&held, key, at(EXP))), "expired", "AIMS-8");
    assert_refused!(ready(issuer(false).issue_async(&id(SUBJECT), key, now())), "device_gone", "TPM-44");
    assert!(format!("{:?}", issuer(true)).contains("Service"));
}
