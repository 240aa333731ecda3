//! Opaque tokens: asked about, remembered for a while, and worth what a JWT would be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Mark, MarkKey, MarkTable};
use aims_keys::{UnixTime, backend};
use aims_oauth::{
    AccessToken, BindingPolicy, IntrospectError, Introspection, IntrospectionAnswer, PresentedToken,
    ResourceError, ResourceServer, TrustedIssuer, VerifiedAccessToken,
};
use aims_testkit::{TestIntrospection, assert_refused};

use crate::world::*;

const OPAQUE: &str = "an-opaque-token";

/// A resource server that asks, who is asked, and who cuts off.
struct Asking {
    server: Server,
    asked: TestIntrospection,
    marks: Arc<MarkTable>,
    rs: ResourceServer,
}

impl Asking {
    fn new() -> Self {
        Self::with(|asked| Introspection::new(issuer(), asked))
    }

    fn with(introspection: impl FnOnce(TestIntrospection) -> Introspection) -> Self {
        let (server, asked) = (Server::new(), TestIntrospection::new());
        let marks = Arc::new(MarkTable::with_capacity(10));
        let tokens = server.verifier().marks(Arc::clone(&marks)).build();
        let rs = ResourceServer::new(tokens, BindingPolicy::bound());
        let rs = rs.with_introspection(introspection(asked.clone()));
        asked.say_as(OPAQUE, &server.issue(&request()));
        Self { server, asked, marks, rs }
    }

    async fn verify(&self, token: &str, now: UnixTime) -> Result<VerifiedAccessToken, ResourceError> {
        self.rs.verify_any(&presented(token), now).await
    }
}

fn presented(token: &str) -> PresentedToken {
    PresentedToken::read([format!("Bearer {token}")]).unwrap().unwrap()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test]
async fn int_4_an_answer_counts_for_a_while_and_a_refusal_for_once() {
    let asking = Asking::new();
    let verified = asking.verify(OPAQUE, NOW).await.unwrap();
    assert_eq!((&*verified.subject(), &*verified.client_id()), (USER, AGENT));
    for later in [0, 1, 29] {
        asking.verify(OPAQUE, NOW + secs(later)).await.unwrap();
    }
    assert_eq!(asking.asked.asked(), 1);
    asking.verify(OPAQUE, NOW + secs(30)).await.unwrap();
    assert_eq!(asking.asked.asked(), 2);
    // Of a clock that was set back nothing is known.
    asking.verify(OPAQUE, NOW).await.unwrap();
    assert_eq!(asking.asked.asked(), 3);

    // Revoked at its issuer: in 30 s at the latest nobody takes it any more, and it is asked for each time.
    asking.asked.revoke(OPAQUE);
    asking.verify(OPAQUE, NOW + secs(29)).await.unwrap();
    for asked in 4..7 {
        assert_refused!(asking.verify(OPAQUE, NOW + secs(30)).await, "inactive", "INT-1");
        assert_eq!(asking.asked.asked(), asked);
    }
    // Nor is it remembered that nobody said anything.
    for (error, code, rule) in [
        (IntrospectError::Refused, "introspection_refused", "INT-1"),
        (IntrospectError::Unavailable, "introspection_unavailable", "INT-1"),
    ] {
        asking.asked.fail(Some(error));
        let refused = asking.verify(OPAQUE, NOW).await.unwrap_err();
        assert_eq!(
            (refused.status(), refused.error_code().unwrap().as_str()),
            (503, "temporarily_unavailable")
        );
        assert!(asking.rs.challenges(&refused, None).is_empty(), "whoever asks is not at fault");
        assert_refused!(Err::<(), _>(refused), code, rule);
    }
    asking.asked.fail(None);
    asking.asked.say_as(OPAQUE, &asking.server.issue(&request()));
    asking.verify(OPAQUE, NOW).await.unwrap();
}

#[tokio::test]
async fn int_4_an_answer_counts_no_longer_than_its_token() {
    let asking = Asking::new();
    let answer = |exp: u64| {
        let said = format!(
            r#"{{"active":true,"sub":"{USER}","client_id":"{AGENT}","aud":"{}","exp":{exp}}}"#,
            tool().as_str()
        );
        IntrospectionAnswer::Json(said.into_bytes())
    };
    asking.asked.say("short", answer(NOW.as_secs() + 5));
    asking.verify("short", NOW).await.unwrap();
    // With the leeway of the verifier, which is that of every other token.
    asking.asked.say("shorter", answer(NOW.as_secs() - 20));
    asking.verify("shorter", NOW).await.unwrap();
    assert_eq!(asking.asked.asked(), 2);
    assert_refused!(asking.verify("shorter", NOW + secs(10)).await, "expired", "ACT-4");
    assert_eq!(asking.asked.asked(), 2);
}

#[tokio::test]
async fn azr_10_aims_55_what_is_cut_off_ends_what_is_remembered() {
    let asking = Asking::new();
    let verified = asking.verify(OPAQUE, NOW).await.unwrap();
    let agent = AGENT.parse().unwrap();
    for mark in [
        MarkKey::Token(verified.lineage_id()),
        MarkKey::Subject { issuer: ISSUER, subject: USER },
        MarkKey::Client { issuer: ISSUER, client: AGENT },
        MarkKey::Agent(&agent),
    ] {
        asking.verify(OPAQUE, NOW).await.unwrap();
        let asked = asking.asked.asked();
        asking.marks.add(&mark, Mark::dead()).unwrap();
        assert_refused!(asking.verify(OPAQUE, NOW).await, "revoked", "AIMS-55");
        assert_eq!(asking.asked.asked(), asked, "nobody has to say it again");
        // It was dropped: without the mark its issuer is asked anew.
        asking.marks.clear(&mark);
        asking.verify(OPAQUE, NOW).await.unwrap();
        assert_eq!(asking.asked.asked(), asked + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn int_4_a_token_is_asked_about_once_however_many_wait() {
    let asking = Arc::new(Asking::new());
    for (token, is_good) in [(OPAQUE, true), ("not-known", false)] {
        let before = asking.asked.asked();
        asking.asked.hold();
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let asking = Arc::clone(&asking);
                tokio::spawn(async move { asking.verify(token, NOW).await.is_ok() })
            })
            .collect();
        // Whoever comes later finds what is remembered, or asks about what is not.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(asking.asked.asked(), before + 1);
        asking.asked.release();
        for one in waiting {
            assert_eq!(one.await.unwrap(), is_good);
        }
        assert_eq!(asking.asked.asked(), before + 1);
    }
}

#[tokio::test]
async fn int_4_who_hangs_up_leaves_nobody_waiting() {
    let asking = Arc::new(Asking::new());
    asking.asked.hold();
    let begin = || {
        let asking = Arc::clone(&asking);
        tokio::spawn(async move { asking.verify(OPAQUE, NOW).await.is_ok() })
    };
    let (first, second, third) = (begin(), begin(), begin());
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    asking.asked.release();
    assert!(second.await.unwrap() && third.await.unwrap());
    assert_eq!(asking.asked.asked(), 2);
}

#[tokio::test]
async fn int_4_sec_10_questions_at_a_time_are_bounded_and_so_is_what_is_remembered() {
    let asking = Arc::new(Asking::with(|asked| Introspection::with_limits(issuer(), asked, 2, 10)));
    asking.asked.hold();
    let begin = |token: &'static str| {
        let asking = Arc::clone(&asking);
        tokio::spawn(async move { asking.verify(token, NOW).await.map(drop) })
    };
    let (first, second, again) = (begin("first"), begin("second"), begin("first"));
    tokio::task::yield_now().await;
    let refused = asking.verify("third", NOW).await.unwrap_err();
    assert_eq!(refused.status(), 503);
    assert_refused!(Err::<(), _>(refused), "introspection_busy", "INT-4");
    asking.asked.release();
    for one in [first, second, again] {
        assert_refused!(one.await.unwrap(), "inactive", "INT-1");
    }
    assert_refused!(asking.verify("third", NOW).await, "inactive", "INT-1");

    let jwt = asking.server.issue(&request());
    for number in 0..500 {
        asking.asked.say_as(&format!("token-{number}"), &jwt);
        asking.verify(&format!("token-{number}"), NOW).await.unwrap();
    }
    let before = asking.asked.asked();
    for number in 0..500 {
        asking.verify(&format!("token-{number}"), NOW).await.unwrap();
    }
    assert!(asking.asked.asked() - before >= 480, "more are remembered than there is room for");
}

#[tokio::test]
async fn azr_8_aims_47_what_asks_shows_no_token() {
    let asking = Asking::new();
    let verified = asking.verify(OPAQUE, NOW).await.unwrap();
    let answer = IntrospectionAnswer::Json(b"user-1".to_vec());
    let shown = format!("{:?} {verified:?} {answer:?} {:?}", asking.rs, asking.asked);
    assert!(!shown.contains(OPAQUE), "{shown}");
    assert!(!format!("{answer:?} {:?}", IntrospectionAnswer::Jwt("user-1".into())).contains("user-1"));
}

#[tokio::test]
async fn int_3_typ_2_which_token_is_asked_about() {
    let asking = Asking::new();
    let jwt = asking.server.issue(&request());
    assert!(!asking.rs.is_opaque(&presented(jwt.expose())) && asking.rs.is_opaque(&presented(OPAQUE)));
    asking.verify(jwt.expose(), NOW).await.unwrap();
    // What is a JWT is one, good or bad: nobody is asked to think again.
    let other = asking.server.sign("jwt", "{}");
    assert_refused!(asking.verify(other.expose(), NOW).await, "wrong_type", "ACT-1");
    let foreign = Server::new().issue(&request());
    assert_refused!(asking.verify(foreign.expose(), NOW).await, "bad_signature", "ACT-4");
    assert_eq!(asking.asked.asked(), 0);
    // Without somebody to ask.
    let alone = ResourceServer::new(asking.server.verifier().build(), BindingPolicy::bound());
    assert!(!alone.is_opaque(&presented(OPAQUE)));
    assert_refused!(alone.verify_any(&presented(OPAQUE), NOW).await, "malformed", "JO-B64-01");
    // Of somebody who is not believed.
    let other = "https://as.other.example".parse().unwrap();
    let strange = Asking::with(|asked| Introspection::new(other, asked));
    assert_refused!(strange.verify(OPAQUE, NOW).await, "issuer_mismatch", "ACT-4");
    // A signed answer.
    let said = format!(
        r#"{{"active":true,"sub":"{USER}","client_id":"{AGENT}","aud":"{0}","exp":1790000300}}"#,
        tool().as_str()
    );
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":"{}","iat":1790000000,"token_introspection":{said}}}"#,
        tool().as_str()
    );
    let signed = asking.server.sign("token-introspection+jwt", &claims);
    asking.asked.say("signed", IntrospectionAnswer::Jwt(signed.expose().to_owned()));
    assert_eq!(&*asking.verify("signed", NOW).await.unwrap().subject(), USER);
    let forged = Server::new().sign("token-introspection+jwt", &claims);
    asking.asked.say("forged", IntrospectionAnswer::Jwt(forged.expose().to_owned()));
    assert_refused!(asking.verify("forged", NOW).await, "bad_signature", "ACT-4");
    asking.asked.say("none", IntrospectionAnswer::Json(b"<html>".to_vec()));
    assert!(asking.verify("none", NOW).await.is_err());
    let long = format!("{{\"active\":true,\"a\":\"{}\"}}", "a".repeat(20_000));
    asking.asked.say("long", IntrospectionAnswer::Json(long.into_bytes()));
    assert!(asking.verify("long", NOW).await.is_err());
}

/// Why, by code and rule; `None` where it is not.
type Refused = Option<(&'static str, &'static str)>;

/// All that is read of a token.
fn facts(token: &VerifiedAccessToken) -> String {
    let actors: Vec<_> = token.actors().iter().map(|actor| format!("{actor:?}")).collect();
    format!(
        "{:?}",
        (
            (
                token.issuer(),
                token.subject(),
                token.client_id(),
                token.agent(),
                token.is_autonomous(),
                actors
            ),
            (token.resource(), token.scope(), token.binding(), token.token_id(), token.issued_at()),
            (token.not_after(), token.auth_time(), token.acr(), token.transaction(), token.details()),
            (token.lineage(), token.lineage_id(), token.may_act()),
        )
    )
}

#[tokio::test]
async fn aims_28_azr_7_both_forms_of_a_token_mean_the_same() {
    let asking = Asking::new();
    let quoted = |text: &str| format!("{text:?}");
    let usual: BTreeMap<&str, String> = [
        ("iss", quoted(ISSUER)),
        ("sub", quoted(USER)),
        ("client_id", quoted(AGENT)),
        ("aud", quoted(tool().as_str())),
        ("exp", "1790000300".to_owned()),
        ("iat", "1790000000".to_owned()),
        ("jti", quoted("at-1")),
    ]
    .into();
    let jkt = r#"{"jkt":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    // One member in place of the usual one, and why it is refused, if it is.
    let table: [(&str, &str, Refused); 34] = [
        ("sub", r#""user-1""#, None),
        ("sub", "\"spiffe://acme.example/agents/travel\"", None),
        ("scope", r#""trips:book trips:read""#, None),
        ("cnf", jkt, None),
        ("act", r#"{"sub":"spiffe://acme.example/agents/b","act":{"sub":"a"}}"#, None),
        ("may_act", r#"{"sub":"spiffe://acme.example/agents/b"}"#, None),
        ("authorization_details", r#"[{"type":"booking"}]"#, None),
        ("acr", r#""phr""#, None),
        ("auth_time", "1789999000", None),
        ("txn", r#""txn-1""#, None),
        ("unknown", "[1,2]", None),
        ("aud", r#"["https://other.example","https://tools.example/v1"]"#, None),
        ("exp", "1789999971", None),
        ("exp", "1789999970", Some(("expired", "ACT-4"))),
        ("exp", "\"1790000300\"", Some(("malformed", "ACT-4"))),
        ("exp", "", Some(("malformed", "ACT-4"))),
        ("iat", "1790000031", Some(("not_yet_valid", "ACT-4"))),
        ("nbf", "1790000031", Some(("not_yet_valid", "ACT-4"))),
        ("aud", r#""https://other.example""#, Some(("audience_mismatch", "ACT-4"))),
        ("aud", r#""https://tools.example/v1/""#, Some(("audience_mismatch", "ACT-4"))),
        ("aud", "", Some(("malformed", "ACT-4"))),
        ("iss", r#""https://as.other.example""#, Some(("issuer_mismatch", "ACT-4"))),
        ("sub", "", Some(("malformed", "ACT-4"))),
        ("sub", "7", Some(("malformed", "ACT-4"))),
        ("client_id", "", Some(("malformed", "ACT-4"))),
        ("jti", "7", Some(("malformed", "ACT-4"))),
        ("scope", r#""a  b""#, Some(("scope_empty_token", "WIR-7"))),
        ("scope", "[]", Some(("scope_type", "WIR-7"))),
        ("act", r#""b""#, Some(("bad_actor", "EXC-4"))),
        ("may_act", "7", Some(("bad_actor", "EXC-4"))),
        ("cnf", r#"{"kid":"k"}"#, Some(("bad_confirmation", "JO-KEY-10"))),
        ("cnf", "{}", Some(("malformed", "JO-KEY-10"))),
        ("events", "{}", Some(("events_claim", "SSF-14"))),
        ("authorization_details", "[{}]", Some(("details_type", "RAR-1"))),
    ];
    for (name, value, expected) in table {
        let mut members = usual.clone();
        members.insert(name, value.to_owned());
        let members: Vec<_> = members
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        let members = members.join(",");
        let jwt = asking.server.sign("at+jwt", &format!("{{{members}}}"));
        asking.asked.say(OPAQUE, IntrospectionAnswer::Json(format!("{{\"active\":true,{members}}}").into()));
        // A fresh one each time: nothing is remembered of the last.
        let fresh = asking.rs.clone().with_introspection(Introspection::new(issuer(), asking.asked.clone()));
        let both = [
            fresh.verify_any(&presented(jwt.expose()), NOW).await,
            fresh.verify_any(&presented(OPAQUE), NOW).await,
        ];
        if let Some((code, rule)) = expected {
            for one in both {
                assert_refused!(one, code, rule, "{name}: {value}");
            }
        } else {
            let [said, asked] = both.map(|one| facts(&one.unwrap()));
            assert_eq!(said, asked, "{name}: {value}");
        }
    }
}

#[test]
fn azr_7_an_issuer_of_opaque_tokens_alone_needs_no_keys() {
    let none = aims_jose::JwkSet::new(Vec::new()).unwrap();
    let tokens =
        aims_oauth::AccessTokenVerifier::builder(tool(), TrustedIssuer::new(issuer(), none), backend::ring());
    let opaque: AccessToken = OPAQUE.parse().unwrap();
    let said = format!(
        r#"{{"active":true,"sub":"{USER}","client_id":"{AGENT}","aud":"{}","exp":1790000300}}"#,
        tool().as_str()
    );
    assert!(tokens.build().introspected(&opaque, &issuer(), said.as_bytes(), NOW).is_ok());
}
