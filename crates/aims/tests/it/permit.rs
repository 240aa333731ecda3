//! No handler without a permit, and no permit without a record.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aims::{
    Authorized, Clock, Decide, Decision, GuardBuilder, JsonLines, Outcome, Permit, Question, Record,
    RecordError, Recorder,
};
use aims_credential::{Lapsed, Mark, MarkKey, MarkTable, Marks, MarksUnavailable, ReplayError, ReplayStore};
use aims_jose::Thumbprint;
use aims_keys::{BoxFuture, UnixTime};
use aims_testkit::{TestClock, assert_refused};
use axum::body::{Body, Bytes};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::support::{NOW, Tool, head, search};

/// Fails as it is told to.
#[derive(Debug)]
enum Broken {
    Fails,
    Panics,
    PanicsBefore,
    /// Gives each request the permit of the one before.
    MixesUp(Mutex<Option<Permit>>),
}

impl Recorder for Broken {
    fn permit<'a>(
        &'a self,
        _: &'a Record<'a>,
        authorized: Authorized,
    ) -> BoxFuture<'a, Result<Permit, RecordError>> {
        assert!(!matches!(self, Self::PanicsBefore), "the recorder panics before it makes a future");
        Box::pin(async move {
            match self {
                Self::MixesUp(before) => {
                    let permit = authorized.recorded();
                    Ok(before.lock().unwrap().replace(permit.clone()).unwrap_or(permit))
                }
                Self::Panics => panic!("the recorder panics"),
                _ => Err(RecordError::new()),
            }
        })
    }

    fn refuse<'a>(&'a self, _: &'a Record<'a>) -> BoxFuture<'a, Result<(), RecordError>> {
        assert!(!matches!(self, Self::PanicsBefore), "the recorder panics before it makes a future");
        Box::pin(async move {
            assert!(!matches!(self, Self::Panics), "the recorder panics");
            Err(RecordError::new())
        })
    }
}

#[tokio::test]
async fn arch_3_what_cannot_be_recorded_is_not_done() {
    for broken in [Broken::Fails, Broken::Panics, Broken::PanicsBefore] {
        let context = format!("{broken:?}");
        let tool = Tool::with(|guard| guard.recorder(broken));
        let answer = tool.call(search(&tool.travel())).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "unavailable"), "{context}");
        let refusal = tool.guard.admit(&head(&search(&tool.travel()))).await;
        assert_refused!(refusal, "record_not_written", "ARCH-3");

        // A refusal stays the refusal it was.
        let other = tool.authority.agent("/agents/other", NOW);
        assert_eq!(tool.call(search(&other)).await.status, 403, "{context}");
        let unknown = http::Request::post("https://tools.example/").body(Body::empty()).unwrap();
        assert_eq!(tool.call(unknown).await.status, 400, "{context}");
        assert_eq!(tool.handled.times(), 0, "{context}");
    }
}

#[tokio::test]
async fn arch_3_a_permit_of_another_request_admits_nothing() {
    let tool = Tool::with(|guard| guard.recorder(Broken::MixesUp(Mutex::default())));
    // The first one gets its own.
    assert_eq!(tool.call(search(&tool.travel())).await.status, 200);
    let flights = tool.authority.agent("/agents/booking/flights", NOW);
    assert_eq!(tool.call(search(&flights)).await.status, 503);
    // Not even one for the same caller.
    assert_eq!(tool.call(search(&flights)).await.status, 503);
    assert_eq!(tool.handled.times(), 1);
}

/// A disk that is full after so many bytes.
struct Full(usize, Arc<Mutex<Vec<u8>>>);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.0.min(bytes.len());
        if room == 0 {
            // There is room again for the next record.
            self.0 = 10_000;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0 -= room;
        self.1.lock().unwrap().write(&bytes[..room])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn arch_3_a_torn_line_swallows_no_other_record() {
    let written = Arc::default();
    let disk = Full(100, Arc::clone(&written));
    let tool = Tool::with(|guard| guard.recorder(JsonLines::new(disk)));
    assert_eq!(tool.call(search(&tool.travel())).await.status, 503);
    assert_eq!(tool.call(search(&tool.travel())).await.status, 200);

    let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    let [torn, whole] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert_eq!(torn.len(), 100);
    assert_eq!(serde_json::from_str::<serde_json::Value>(whole).unwrap()["decision"]["effect"], "permit");
}

/// Panics, or looks at what it is asked.
#[derive(Debug)]
struct Policy(fn(&Question<'_>) -> Decision);

impl Decide for Policy {
    fn decide(&self, question: &Question<'_>) -> Decision {
        (self.0)(question)
    }
}

fn guarded(tool: &Tool, policy: fn(&Question<'_>) -> Decision) -> aims::Guard {
    let audiences = aims::Audiences::http("https://tools.example").unwrap();
    aims::Guard::builder(audiences, aims::BundleSet::from(tool.authority.trust()), Policy(policy))
        .clock(tool.clock.reader())
        .recorder(JsonLines::new(tool.records.clone()))
        .build()
        .unwrap()
}

#[tokio::test]
async fn arch_3_a_policy_that_panics_refuses_and_is_recorded() {
    let tool = Tool::new();
    let guard = guarded(&tool, |_| panic!("the policy panics"));
    let refusal =
        assert_refused!(guard.admit(&head(&search(&tool.travel()))).await, "policy_failed", "ARCH-3");
    assert_eq!((refusal.status().as_u16(), refusal.public_code()), (503, "unavailable"));
    let record = tool.records.last();
    assert_eq!(record["agent"]["id"], "spiffe://acme.example/agents/travel");
    assert_eq!(record["decision"]["reasons"], serde_json::json!(["policy_failed"]));
}

#[tokio::test]
async fn aims_51_a_policy_sees_the_whole_question_and_its_answer_is_recorded() {
    let tool = Tool::new();
    let guard = guarded(&tool, |question| {
        assert_eq!(question.caller.subject().path(), "/agents/travel");
        assert_eq!((question.action, question.path, question.query), ("POST", "/v1/search", Some("lang=en")));
        assert_eq!(question.now, NOW);
        let reason = *question.extensions.get::<&'static str>().unwrap();
        assert!(!format!("{question:?}").contains("lang"), "{question:?}");
        Decision::Deny { policy: "office-hours".into(), reason: reason.into() }
    });
    let mut request = tool
        .travel()
        .request(http::Method::POST, "https://tools.example/v1/search?lang=en", NOW)
        .body(Body::empty())
        .unwrap();
    request.extensions_mut().insert("closed");
    let (parts, _) = request.into_parts();
    assert_refused!(guard.admit(&parts).await, "closed", "WID-6");
    let expected =
        serde_json::json!({ "effect": "deny", "policy_id": ["office-hours"], "reasons": ["closed"] });
    assert_eq!(tool.records.last()["decision"], expected);
}

#[tokio::test]
async fn aims_55_aims_8_a_stream_ends_with_its_caller() {
    let marks = Arc::new(MarkTable::with_capacity(8));
    let shared = marks.clone();
    let tool = Tool::with(|guard| guard.marks(shared));
    let travel = tool.travel();
    let permit = tool.guard.admit(&head(&search(&travel))).await.unwrap();
    assert_eq!(permit.still_valid(), Ok(()));

    marks.add(&MarkKey::Agent(travel.id()), Mark::suspended()).unwrap();
    assert_eq!(permit.still_valid(), Err(Lapsed::Suspended));
    assert_refused!(permit.clone().still_valid(), "suspended", "AIMS-55");
    marks.set(&MarkKey::Agent(travel.id()), Mark::default()).unwrap();
    assert_eq!(permit.still_valid(), Ok(()));

    // Past the proof's minute it goes on; past the credential's hour, and the leeway, it does not.
    tool.clock.advance(Duration::from_secs(3600 + 29));
    assert_eq!(permit.still_valid(), Ok(()));
    tool.clock.advance(Duration::from_secs(1));
    assert_refused!(permit.still_valid(), "expired", "AIMS-8");
}

#[tokio::test]
async fn aims_8_a_clock_that_falls_before_1970_ends_a_stream() {
    let behind = Arc::new(AtomicBool::new(false));
    let (seen, clock) = (behind.clone(), TestClock::at(NOW).reader());
    let tool = Tool::with(|guard| {
        let now =
            move || if seen.load(Ordering::SeqCst) { UNIX_EPOCH - Duration::from_nanos(1) } else { clock() };
        guard.clock(now)
    });
    let permit = tool.guard.admit(&head(&search(&tool.travel()))).await.unwrap();
    assert_eq!(permit.still_valid(), Ok(()));
    behind.store(true, Ordering::SeqCst);
    assert_refused!(permit.still_valid(), "marks_unavailable", "AIMS-55");
    let refusal = assert_refused!(
        tool.guard.admit(&head(&search(&tool.travel()))).await,
        "clock_before_epoch",
        "AIMS-8"
    );
    assert_eq!((refusal.status().as_u16(), refusal.public_code()), (503, "unavailable"));
}

/// A response that goes on for as long as its caller counts.
struct Ticks(Permit);

impl http_body::Body for Ticks {
    type Data = Bytes;
    type Error = Lapsed;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Lapsed>>> {
        let tick = http_body::Frame::data(Bytes::from_static(b"tick"));
        Poll::Ready(Some(self.0.still_valid().map(|()| tick)))
    }
}

#[tokio::test]
async fn crd_1_aims_8_a_permit_ends_with_the_authority_behind_its_token() {
    let tool = Tool::new();
    let permit = tool.guard.admit(&head(&search(&tool.travel()))).await.unwrap();
    // The same keys in a new bundle: nothing has ended.
    tool.trust.insert(tool.authority.trust());
    assert_eq!(permit.still_valid(), Ok(()));
    // Another key by the same name.
    tool.trust.insert(aims_testkit::TestAuthority::new("spiffe://acme.example").trust());
    assert_refused!(permit.still_valid(), "untrusted", "CRD-1");
    tool.trust.insert(tool.authority.trust());
    assert_eq!(permit.still_valid(), Ok(()));
    tool.trust.remove(&"spiffe://acme.example".parse().unwrap());
    assert_refused!(permit.still_valid(), "untrusted", "CRD-1");
}

#[tokio::test]
async fn aims_55_a_mark_ends_a_response_that_has_begun() {
    let marks = Arc::new(MarkTable::with_capacity(8));
    let shared = marks.clone();
    let tool = Tool::with(|guard| guard.marks(shared));
    let stream = |Extension(permit): Extension<Permit>| async move { Body::new(Ticks(permit)) };
    let app = Router::new().fallback(stream).layer(tool.guard.layer());

    let travel = tool.travel();
    let mut body = app.oneshot(search(&travel)).await.unwrap().into_body();
    for _ in 0..3 {
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "tick");
    }
    marks.add(&MarkKey::Agent(travel.id()), Mark::dead()).unwrap();
    body.frame().await.unwrap().unwrap_err();
}

/// Keeps the outcome of what it records.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<String>>);

impl Recorder for Kept {
    fn permit<'a>(
        &'a self,
        record: &'a Record<'a>,
        authorized: Authorized,
    ) -> BoxFuture<'a, Result<Permit, RecordError>> {
        Box::pin(async move {
            // A recorder that hands over to another task, and waits.
            tokio::task::yield_now().await;
            self.0.lock().unwrap().push(format!("{:?}", record.outcome));
            Ok(authorized.recorded())
        })
    }

    fn refuse<'a>(&'a self, record: &'a Record<'a>) -> BoxFuture<'a, Result<(), RecordError>> {
        Box::pin(async move {
            let Outcome::Decided(decision) = record.outcome else { panic!("{record:?}") };
            self.0.lock().unwrap().push(format!("{decision:?}"));
            Ok(())
        })
    }
}

#[tokio::test]
async fn arch_3_recorders_are_the_services_own() {
    let kept = Arc::new(Kept::default());
    let shared = kept.clone();
    let tool = Tool::with(|guard| guard.recorder(shared));
    assert_eq!(tool.call(search(&tool.travel())).await.status, 200);
    assert_eq!(tool.call(search(&tool.authority.agent("/agents/other", NOW))).await.status, 403);
    let kept = kept.0.lock().unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept[0].contains("Permit") && kept[1].contains("caller_not_listed"), "{kept:?}");
}

/// Marks, replay memory and clock that panic.
#[derive(Debug)]
struct Panicking;

impl Marks for Panicking {
    fn mark(&self, _: &MarkKey<'_>) -> Result<Option<Mark>, MarksUnavailable> {
        panic!("marks")
    }
}

impl ReplayStore for Panicking {
    fn remember(&self, _: &Thumbprint, _: &str, _: UnixTime, _: UnixTime) -> Result<(), ReplayError> {
        panic!("replay memory")
    }

    fn remember_from_anyone(
        &self,
        _: &Thumbprint,
        _: &str,
        _: UnixTime,
        _: UnixTime,
    ) -> Result<(), ReplayError> {
        panic!("replay memory")
    }
}

impl Clock for Panicking {
    fn now(&self) -> SystemTime {
        panic!("clock")
    }
}

#[tokio::test]
async fn arch_3_what_panics_during_verification_refuses_and_is_recorded() {
    type Break = fn(GuardBuilder) -> GuardBuilder;
    let cases: [(&str, Break, &str); 3] = [
        ("marks", |guard| guard.marks(Panicking), "verifier_failed"),
        ("replay memory", |guard| guard.replay(Panicking), "verifier_failed"),
        ("clock", |guard| guard.clock(Panicking), "clock_failed"),
    ];
    for (what, broken, code) in cases {
        let tool = Tool::with(broken);
        let answer = tool.call(search(&tool.travel())).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "unavailable"), "{what}");
        assert_eq!(tool.handled.times(), 0, "{what}");
        assert_eq!(tool.records.last()["decision"]["reasons"][0], code, "{what}");
        let refusal = tool.guard.admit(&head(&search(&tool.travel()))).await;
        assert_refused!(refusal, code, "ARCH-3", "{what}");
    }
}
