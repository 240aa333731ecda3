//! The service for workloads that keep their own keys: what our client sends, and answers that do not count (ATT-21, ATT-22, WA-6, WA-8).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims_keys::{
    Algorithm, AsyncSigner, BoxFuture, Protection, PublicKey, SignError, SignInput, Signature, SoftwareKey,
    backend,
};
use aims_provision::{Authority, Grant, Phase, Provisioner};
use aims_testkit::assert_refused;
use aims_workload_api::{Attested, HeldKeySource, IssuedForKey, KeyHolderApi, KeyHolderError, KeyRequest};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD as BASE64, Engine as _};

use super::grpc::{Agent, Answer};
use super::protobuf::{bytes, lengths, unknown};
use crate::support::*;

const CHALLENGE: &str = "/aims.workload.v1.KeyHolder/Challenge";

const ISSUE: &str = "/aims.workload.v1.KeyHolder/Issue";

const OTHER: &str = "spiffe://acme.example/agents/other";

fn key() -> Arc<dyn AsyncSigner> {
    Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap())
}

/// `ChallengeResponse { nonce=1 }`
fn challenge(nonce: &str) -> Answer {
    Answer::Unary([unknown(), bytes(1, nonce), unknown()].concat())
}

fn api(agent: &Agent) -> KeyHolderApi {
    KeyHolderApi::new(&agent.endpoint(), ORIGIN, backend::ring())
}

/// Who may be issued anything, by an authority.
fn grants(authority: &Authority) -> Vec<Grant> {
    let all = entries(vec![entry(AGENT, &["unix:uid:1"]), entry(OTHER, &["unix:uid:1"])]);
    let appraisals = Says::new(&["unix:uid:1"]).appraise(now()).unwrap();
    assert_eq!(authority.origin(), all.origin());
    Provisioner::new().decide(&all, &appraisals, Phase::Initial, now()).unwrap()
}

#[tokio::test]
async fn att_21_att_22_wa_6_wa_8_an_answer_for_a_key_counts_as_a_whole_or_not_at_all() {
    let authority = authority();
    let grants = grants(&authority);
    let (own, foreign) = (key(), key());
    let wit = |grant: usize, key: &Arc<dyn AsyncSigner>| {
        authority.issue_wit(&grants[grant], key.public_key(), now()).unwrap()
    };
    let x509 = |grant: usize, key: &Arc<dyn AsyncSigner>| {
        let chain = authority.issue_x509(&grants[grant], key.public_key(), now()).unwrap();
        chain.iter().flat_map(|der| der.to_vec()).collect::<Vec<_>>()
    };
    // `IssueResponse { spiffe_id=1; wit=2; x509_svid=3; hint=4 }`
    let parts = |id: &str, wit: &str, x509: &[u8]| [bytes(1, id), bytes(2, wit), bytes(3, x509)].concat();
    let nonce = BASE64.encode([7; 32]);
    let agent = Agent::new(&[(CHALLENGE, challenge(&nonce))]);
    let ask = async |answer: Vec<u8>, asked: &KeyRequest| -> Result<IssuedForKey, KeyHolderError> {
        agent.set(ISSUE, Answer::Unary(answer));
        api(&agent).issue(&own, asked, now()).await
    };

    let sound = [unknown(), parts(AGENT, &wit(0, &own), &x509(0, &own)), bytes(4, "internal"), unknown()];
    let asked = KeyRequest::new().id(AGENT.parse().unwrap()).wit().join_token("a-token");
    let issued = ask(sound.concat(), &asked).await.unwrap();
    assert!(issued.wit.is_some() && issued.x509.is_some());
    assert_eq!(issued.hint.as_deref(), Some("internal"));
    // `IssueRequest { spiffe_id=1; jws=2; types=4; join_token=5 }`, and a proof over the nonce.
    let seen = agent.seen();
    assert!(seen.iter().all(|seen| seen.headers["workload.spiffe.io"] == "true"));
    assert!(seen[0].message.is_empty());
    let request = lengths(&seen[1].message);
    let [(1, id), (2, jws), (4, kind), (5, token)] = &request[..] else { panic!("{request:?}") };
    assert_eq!((&**id, &**kind, &**token), (AGENT.as_bytes(), &b"wit"[..], &b"a-token"[..]));
    let jws = std::str::from_utf8(jws).unwrap();
    let part = |at: usize| BASE64.decode(jws.split('.').nth(at).unwrap()).unwrap();
    let json = |at: usize| serde_json::from_slice::<serde_json::Value>(&part(at)).unwrap();
    assert_eq!(json(0)["typ"], "aims-key-proof+jwt");
    assert!(json(1).to_string().contains(&nonce) && !json(0).to_string().contains("\"d\""));

    let empty: &[u8] = &[];
    for (answer, code, rule) in [
        (parts("", &wit(0, &own), empty), "not_spiffe", "SPF-ID-1"),
        (parts(AGENT, "", empty), "empty_response", "WA-8"),
        (parts(OTHER, &wit(0, &own), empty), "another_subject", "WA-6"),
        (parts(AGENT, &wit(1, &own), empty), "another_subject", "WA-6"),
        (parts(AGENT, &wit(0, &own), &x509(1, &own)), "another_subject", "WA-6"),
        (parts(AGENT, &wit(0, &foreign), empty), "foreign_key", "AIMS-5"),
        (parts(AGENT, &wit(0, &own), &x509(0, &foreign)), "foreign_key", "AIMS-5"),
        (parts(AGENT, "x", empty), "malformed", "WIT-1"),
        (parts(AGENT, "", &x509(0, &own)[1..]), "malformed_certificates", "WA-6"),
        (bytes(1, [0xff, 0xfe]), "workload_api_failed", "WA-3"),
    ] {
        assert_refused!(ask(answer, &KeyRequest::new()).await, code, rule);
    }
    // Nobody is asked for the identity of somebody else.
    let asked = KeyRequest::new().id(AGENT.parse().unwrap());
    let answer = parts(OTHER, &wit(1, &own), empty);
    assert_refused!(ask(answer, &asked).await, "another_subject", "WA-6");

    let before = agent.seen().len();
    for nonce in ["", "x", &BASE64.encode([7; 31]), &BASE64.encode([7; 33]), &format!("{nonce}=")] {
        agent.set(CHALLENGE, challenge(nonce));
        assert_refused!(
            api(&agent).issue(&own, &KeyRequest::new(), now()).await,
            "malformed_challenge",
            "ATT-21"
        );
    }
    assert_eq!(agent.seen().len(), before + 5, "nothing is signed");
}

/// The requests so far: `None` for a challenge, and of an issuance the key that is proved, whether there is a join token, and whether a key before.
fn asked(agent: &Agent) -> Vec<Option<(serde_json::Value, bool, bool)>> {
    let read = |message: &[u8]| {
        let fields = lengths(message);
        let field = |number| fields.iter().find(|(at, _)| *at == number).map(|(_, value)| &value[..]);
        let header = std::str::from_utf8(field(2)?).unwrap().split('.').next().unwrap();
        let header: serde_json::Value = serde_json::from_slice(&BASE64.decode(header).unwrap()).unwrap();
        Some((header["jwk"].clone(), field(5).is_some(), field(6).is_some()))
    };
    agent.seen().iter().map(|seen| read(&seen.message)).collect()
}

/// The first requests of a source that is denied, as many as there are in two attempts.
async fn denied(join_token: Option<&str>, requests: usize) -> Vec<Option<(serde_json::Value, bool, bool)>> {
    let agent = Agent::new(&[
        (CHALLENGE, challenge(&BASE64.encode([7; 32]))),
        (ISSUE, Answer::Refusal(7, "no identity issued")),
    ]);
    let mut builder = HeldKeySource::builder(api(&agent), || Ok(key())).ready_within(LONG);
    if let Some(token) = join_token {
        builder = builder.join_token(token);
    }
    let source = tokio::spawn(builder.start());
    let wait = async {
        while agent.seen().len() < requests {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.expect("it is not asked again");
    // The third attempt is seconds away.
    tokio::time::sleep(Duration::from_millis(300)).await;
    source.abort();
    asked(&agent)
}

#[tokio::test]
async fn att_96_who_is_denied_with_a_token_again_shows_that_it_has_used_it_and_others_do_not() {
    let asked = denied(Some("a-token"), 7).await;
    let key = asked[1].as_ref().unwrap().0.clone();
    let issue = |token, previous| Some((key.clone(), token, previous));
    // The first time the token may just be wrong.
    let first = [None, issue(true, false)];
    let second = [None, issue(true, false), None, None, issue(false, true)];
    assert_eq!(asked, [&first[..], &second[..]].concat());

    let asked = denied(None, 4).await;
    let key = asked[1].as_ref().unwrap().0.clone();
    let issue = |token, previous| Some((key.clone(), token, previous));
    assert_eq!(asked, [None, issue(false, false), None, issue(false, false)]);
}

/// A key that fails once.
#[derive(Debug)]
struct Fails(SoftwareKey, Mutex<Option<SignError>>);

impl AsyncSigner for Fails {
    fn public_key(&self) -> &PublicKey {
        AsyncSigner::public_key(&self.0)
    }

    fn protection(&self) -> Protection {
        AsyncSigner::protection(&self.0)
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        let error = self.1.lock().unwrap().take();
        Box::pin(async move {
            match error {
                Some(error) => Err(error),
                None => AsyncSigner::sign(&self.0, input).await,
            }
        })
    }
}

#[tokio::test]
async fn att_96_a_key_is_kept_while_its_device_is_away_and_not_where_it_never_signs() {
    let served = Served::with(vec![entry(AGENT, &["unix:uid:1"])], |builder| builder.key_holders(ORIGIN));
    for (error, keys) in [
        (SignError::AuthFailed, 1),
        (SignError::AuthRequired, 1),
        (SignError::Busy { retry_after: None }, 1),
        (SignError::DeviceGone, 1),
        (SignError::LockedOut, 1),
        (SignError::NotFound, 2),
        (SignError::UnsupportedAlgorithm, 2),
    ] {
        let made = Arc::new(AtomicUsize::new(0));
        let (count, name) = (Arc::clone(&made), format!("{error:?}"));
        let new_key = move || {
            let fails = (count.fetch_add(1, Ordering::SeqCst) == 0).then(|| error.clone());
            let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
            Ok(Arc::new(Fails(key, Mutex::new(fails))) as Arc<dyn AsyncSigner>)
        };
        let api = KeyHolderApi::new(&served.endpoint(), ORIGIN, backend::ring());
        let source = HeldKeySource::builder(api, new_key).start().await.unwrap();
        assert_eq!((made.load(Ordering::SeqCst), source.status().updates), (keys, 1), "{name}");
    }
}
