//! Making proofs.

use std::sync::Arc;

use aims_credential::Holder;
use aims_jose::base64url;
use aims_keys::{
    Algorithm, AsyncSigner, BoxFuture, Protection, PublicKey, SignError, SignInput, Signature, Signer,
};
use aims_proof::{MakeWptError, NewWpt, Target, WptRequest};
use aims_testkit::assert_refused;
use serde_json::Value;

use crate::support::{CONTEXT, NOW, TXN, World, hash, new_key, ready, secs, verifier};

const AUDIENCE: &str = "https://tools.example/v1/search";

fn part(token: &str, index: usize) -> String {
    String::from_utf8(base64url::decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

fn claims(token: &str) -> Value {
    serde_json::from_str(&part(token, 1)).unwrap()
}

#[test]
fn wpt_3_wpt_5_wpt_6_wpt_10_what_a_proof_says() {
    let world = World::new();
    for algorithm in [Algorithm::Es256, Algorithm::Ed25519, Algorithm::EdDsa, Algorithm::Es384] {
        let agent = world.agent_with(algorithm, secs(3600));
        let new = NewWpt::new(AUDIENCE)
            .txn_token(TXN)
            .context("X-Context", " opaque context value ")
            .context("b-second", "second");
        let token = ready(new.sign(&agent.holder, NOW)).unwrap();
        assert_eq!(part(&token, 0), format!(r#"{{"alg":"{algorithm}","typ":"wpt+jwt"}}"#));
        let id = claims(&token)["jti"].as_str().unwrap().to_owned();
        // 128 random bits.
        assert_eq!(base64url::decode(&id).unwrap().len(), 16);
        let expected = format!(
            r#"{{"aud":"{AUDIENCE}","exp":1790000060,"jti":"{id}","wth":"{}","tth":"{}","oth":{{"x-context":"{}","b-second":"{}"}}}}"#,
            hash(agent.wit.token()),
            hash(TXN),
            hash(CONTEXT),
            hash("second"),
        );
        assert_eq!(part(&token, 1), expected);
    }
}

#[test]
fn wpt_6_wpt_12_wpt_13_what_is_made_is_accepted() {
    let world = World::new();
    let agent = world.agent();
    let wit = world.wits.verify(agent.wit.token(), NOW).unwrap();
    let verifier = verifier().0.build();
    let token = ready(NewWpt::new(AUDIENCE).sign(&agent.holder, NOW)).unwrap();
    let proof = verifier.verify(&wit, &WptRequest::new(&token, Target::HttpPath("/v1/search")), NOW).unwrap();
    assert_eq!(proof.txn_token(), None);

    let new = NewWpt::new(AUDIENCE).txn_token(TXN).context("X-Context", CONTEXT);
    let token = ready(new.sign(&agent.holder, NOW)).unwrap();
    let fields = [("x-context", CONTEXT)];
    let request =
        WptRequest::new(&token, Target::HttpPath("/v1/search")).txn_token(Some(TXN)).context(&fields);
    let proof = verifier.verify(&wit, &request, NOW).unwrap();
    assert_eq!((proof.txn_token(), proof.context("x-context")), (Some(TXN), Some(CONTEXT)));
}

#[test]
fn wpt_11_no_two_proofs_have_one_identifier() {
    let world = World::new();
    let agent = world.agent();
    let new = NewWpt::new(AUDIENCE);
    let ids: std::collections::HashSet<_> =
        (0..100).map(|_| claims(&ready(new.sign(&agent.holder, NOW)).unwrap())["jti"].to_string()).collect();
    assert_eq!(ids.len(), 100);
}

#[test]
fn crd_9_crd_12_ws_15_a_proof_is_short_and_ends_with_its_credential() {
    let world = World::new();
    let agent = world.agent_with(Algorithm::Es256, secs(600));
    let expires = |lifetime: Option<u64>, now| {
        let new = NewWpt::new(AUDIENCE);
        let new = lifetime.map_or(new.clone(), |lifetime| new.lifetime(secs(lifetime)));
        ready(new.sign(&agent.holder, now)).map(|token| claims(&token)["exp"].as_u64().unwrap())
    };
    let now = NOW.as_secs();
    assert_eq!(expires(None, NOW), Ok(now + 60));
    assert_eq!(expires(Some(5), NOW), Ok(now + 5));
    assert_eq!(expires(Some(300), NOW), Ok(now + 300));
    assert_eq!(expires(Some(301), NOW), Ok(now + 300));
    // Never beyond the credential, and with an expired one never.
    assert_eq!(expires(Some(300), NOW + secs(500)), Ok(now + 600));
    assert_eq!(expires(None, NOW + secs(599)), Ok(now + 600));
    assert_refused!(expires(None, NOW + secs(600)), "expired", "CRD-9");
    let prepared = NewWpt::new(AUDIENCE).prepare(&agent.wit, NOW + secs(600));
    assert_refused!(prepared, "expired", "CRD-9");
    NewWpt::new(AUDIENCE).prepare(&agent.wit, NOW + secs(599)).unwrap();

    assert_refused!(expires(Some(0), NOW), "bad_lifetime", "CRD-12");
    let fraction = NewWpt::new(AUDIENCE).lifetime(std::time::Duration::from_millis(999));
    assert_refused!(fraction.prepare(&agent.wit, NOW), "bad_lifetime", "CRD-12");
}

#[test]
fn wpt_6_wpt_14_what_cannot_be_said_is_refused() {
    let world = World::new();
    let agent = world.agent();
    assert_refused!(NewWpt::new("").prepare(&agent.wit, NOW), "empty_audience", "WPT-6");
    let twice = NewWpt::new(AUDIENCE).context("X-Context", "a").context("x-context", "a");
    assert_refused!(twice.prepare(&agent.wit, NOW), "duplicate_context", "WPT-14");
}

#[test]
fn wpt_4_a_proof_is_made_in_two_steps_where_the_key_is_elsewhere() {
    let world = World::new();
    let agent = world.agent();
    let unsigned = NewWpt::new(AUDIENCE).prepare(&agent.wit, NOW).unwrap();
    let signature = Signer::sign(&*agent.key, SignInput::Message(unsigned.signing_input())).unwrap();
    let token = unsigned.attach(signature.as_bytes()).unwrap();
    let wit = world.wits.verify(agent.wit.token(), NOW).unwrap();
    let request = WptRequest::new(&token, Target::HttpPath("/v1/search"));
    verifier().0.build().verify(&wit, &request, NOW).unwrap();

    // What another key signed is not attached.
    let unsigned = NewWpt::new(AUDIENCE).prepare(&agent.wit, NOW).unwrap();
    let foreign =
        Signer::sign(&new_key(Algorithm::Es256), SignInput::Message(unsigned.signing_input())).unwrap();
    assert_refused!(unsigned.attach(foreign.as_bytes()), "bad_signature", "JO-SIGN-02");
}

/// A device that is gone.
#[derive(Debug)]
struct Gone(PublicKey);

impl AsyncSigner for Gone {
    fn public_key(&self) -> &PublicKey {
        &self.0
    }

    fn protection(&self) -> Protection {
        Protection::Tpm
    }

    fn sign<'a>(&'a self, _: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(std::future::ready(Err(SignError::DeviceGone)))
    }
}

#[test]
fn tpm_44_a_key_that_does_not_sign_makes_no_proof() {
    let world = World::new();
    let agent = world.agent();
    let signer = Arc::new(Gone(Signer::public_key(&*agent.key).clone()));
    let holder = Holder::new(agent.wit.clone(), signer).unwrap();
    let refused = ready(NewWpt::new(AUDIENCE).sign(&holder, NOW));
    assert_refused!(refused, "device_gone", "TPM-44");
    assert_refused!(Err::<(), _>(MakeWptError::NoWit), "no_wit", "WPT-10");
}

#[test]
fn wpt_18_debug_names_what_is_covered_and_shows_no_token() {
    let shown = format!("{:?}", NewWpt::new(AUDIENCE).txn_token(TXN).context("X-Context-Token", CONTEXT));
    assert!(shown.contains(AUDIENCE) && shown.contains("X-Context-Token"), "{shown}");
    assert!(!shown.contains(TXN) && !shown.contains(CONTEXT), "{shown}");
}
