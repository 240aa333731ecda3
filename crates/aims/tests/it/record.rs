//! The lines that a guard writes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aims::{Audiences, BundleSet, Decide, Decision, Guard, JsonLines, Question, RecordMemory};
use aims_proof::NewWpt;
use aims_testkit::{TestAuthority, assert_refused};
use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{NOW, Records, SEARCH, Tool, callers, head, search, search_with};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn aud_1_aud_3_aud_4_aud_5_aud_6_aud_7_aims_58_a_record_says_who_what_when_and_why() {
    let tool = Tool::new();
    let travel = tool.travel();
    let request = travel
        .request(Method::POST, "https://tools.example/v1/search?q=secret+plans", NOW)
        .header("traceparent", PARENT)
        .body(Body::empty())
        .unwrap();
    let permit = tool.guard.admit(&head(&request)).await.unwrap();
    let proof = permit.caller().wpt().unwrap();
    let record = tool.records.last();
    assert_eq!(
        record,
        json!({
            "v": 1,
            "kind": "decision",
            "time": 1_790_000_000_000_000_000_u64,
            "time_src": "system",
            "agent": {
                "id": "spiffe://acme.example/agents/travel",
                "auth": {
                    "method": "wpt",
                    "layer": "application",
                    "key": proof.wit().thumbprint().to_string(),
                    "credential": proof.wit().token_id().unwrap(),
                },
            },
            "resource": { "type": "http", "id": "/v1/search" },
            "action": { "name": "POST" },
            "decision": { "effect": "permit", "policy_id": ["callers"], "reasons": [] },
            "corr": {
                "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                "span_id": permit.trace().span_id(),
                "parent_span_id": "00f067aa0ba902b7",
            },
        })
    );
    // Members in the order of the digest, on one line (AUD-15).
    let line = tool.records.text();
    let names = ["v", "kind", "time", "agent", "resource", "action", "decision", "corr"];
    let places: Vec<_> = names.iter().map(|name| line.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{line}");
    assert_eq!(line.matches('\n').count(), 1);
}

#[tokio::test]
async fn aud_12_refusals_are_recorded_as_fully_as_permits() {
    let tool = Tool::new();
    tool.call(search(&tool.travel())).await;
    tool.call(search(&tool.authority.agent("/agents/other", NOW))).await;
    let members = |record: &Value| record.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let [permit, deny] = &tool.records.all()[..] else { panic!("two records") };
    assert_eq!(members(permit), members(deny));
    assert_eq!(members(&permit["agent"]["auth"]), members(&deny["agent"]["auth"]));
}

#[tokio::test]
async fn wpt_6_a_proof_for_another_audience_is_explained_to_the_operator_alone() {
    let tool = Tool::new();
    let travel = tool.travel();
    let request = |target: &str| {
        let proof = format!("WPT {}", travel.sign(&NewWpt::new(target), NOW));
        search_with(&[("workload-identity-token", travel.wit()), ("authorization", &proof)])
    };
    let target = "http://tools.example/v1/search?key=hunter2";
    let answer = tool.call(request(target)).await;
    assert_eq!(answer.code(), "audience_mismatch");
    assert!(!answer.body.contains("tools.example"), "{}", answer.body);
    let detail = "the proof is for another audience: it names \"http://tools.example/v1/search?..\", \
                  expected is \"https://tools.example/v1/search\"";
    assert_eq!(
        tool.records.last()["decision"],
        json!({"effect": "deny", "policy_id": ["WPT-6"], "reasons": ["audience_mismatch"], "detail": detail})
    );
    let refusal =
        assert_refused!(tool.guard.admit(&head(&request(target))).await, "audience_mismatch", "WPT-6");
    assert_eq!(refusal.detail(), Some(detail));
    assert!(!refusal.to_string().contains("tools.example"));

    // Other refusals are as plain as their code.
    let again = request(SEARCH);
    tool.guard.admit(&head(&again)).await.unwrap();
    let replay = assert_refused!(tool.guard.admit(&head(&again)).await, "replay", "WPT-11");
    assert_eq!((replay.detail(), tool.records.last()["decision"].get("detail")), (None, None));
}

#[tokio::test]
async fn aud_60_a_bad_traceparent_begins_a_new_trace() {
    let tool = Tool::new();
    let with = |values: &[&str]| {
        let request = tool.travel().request(Method::POST, SEARCH, NOW);
        let request = values.iter().fold(request, |request, value| request.header("traceparent", *value));
        head(&request.body(Body::empty()).unwrap())
    };
    let upper = PARENT.to_uppercase();
    for values in [&[][..], &["nonsense"], &[&upper], &[PARENT, PARENT], &["00-0-0-0", PARENT]] {
        let permit = tool.guard.admit(&with(values)).await.unwrap();
        let corr = &tool.records.last()["corr"];
        assert_ne!(corr["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736", "{values:?}");
        assert_eq!(corr["trace_id"], permit.trace().trace_id());
        assert_eq!(corr.get("parent_span_id"), None, "{values:?}");
    }
    tool.guard.admit(&with(&[PARENT])).await.unwrap();
    assert_eq!(tool.records.last()["corr"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

/// Denies with a reason as long as it can be.
#[derive(Debug)]
struct Verbose;

impl Decide for Verbose {
    fn decide(&self, _: &Question<'_>) -> Decision {
        Decision::Deny { policy: "\u{1}".repeat(50_000).into(), reason: "\u{1}é".repeat(50_000).into() }
    }
}

#[tokio::test]
async fn aud_16_no_record_is_longer_than_an_entry_may_be() {
    let authority = TestAuthority::new("spiffe://acme.example");
    let records = Records::default();
    let guard = Guard::builder(
        Audiences::http("https://tools.example").unwrap(),
        BundleSet::from(authority.trust()),
        Verbose,
    )
    .clock(|| UNIX_EPOCH + Duration::from_secs(NOW.as_secs()))
    .recorder(JsonLines::new(records.clone()))
    .build()
    .unwrap();

    let method = Method::from_bytes("M".repeat(60_000).as_bytes()).unwrap();
    let agent = authority.agent(&format!("/agents/{}", "a".repeat(2000)), NOW);
    let target = format!("https://tools.example/{}", "\"".repeat(4_000));
    let request = agent.request(method.clone(), &target, NOW).body(Body::empty()).unwrap();
    guard.admit(&head(&request)).await.unwrap_err();
    let target = format!("https://tools.example/{}", "\"".repeat(60_000));
    let request = Request::builder().method(method).uri(&target).body(Body::empty()).unwrap();
    assert_refused!(guard.admit(&head(&request)).await, "no_proof", "WPT-1");

    let text = records.text();
    assert_eq!(text.lines().count(), 2);
    for line in text.lines() {
        assert!(line.len() <= 65_535, "{}", line.len());
        let record: Value = serde_json::from_str(line).unwrap();
        let id = record["resource"]["id"].as_str().unwrap();
        assert!(id.starts_with(r#"/""""#) && id.len() < 2200, "{id}");
        // Two long paths with the same beginning are told apart.
        assert!(id.contains("... sha-256="), "{id}");
    }
}

#[tokio::test]
async fn aud_15_hostile_text_stays_within_its_string() {
    let tool = Tool::new();
    let path = r#"/v1/","effect":"permit","x":"{}é"#;
    let request = Request::builder().uri(format!("https://tools.example{path}")).body(Body::empty()).unwrap();
    tool.guard.admit(&head(&request)).await.unwrap_err();
    let record = tool.records.last();
    assert_eq!(record["resource"]["id"], path);
    assert_eq!(record["decision"]["effect"], "deny");

    // What ends a line or moves a cursor for some reader of the log is escaped: U+0085, U+2028, U+202E, U+009B, U+1F600.
    let before = tool.records.all().len();
    let path = "/a\u{85}b\u{2028}c\u{202e}d\u{9b}e\u{1f600}";
    let request = Request::builder().uri(format!("https://tools.example{path}")).body(Body::empty()).unwrap();
    tool.guard.admit(&head(&request)).await.unwrap_err();
    assert_eq!(tool.records.last()["resource"]["id"], path);
    assert_eq!(tool.records.all().len(), before + 1);
    assert!(tool.records.text().is_ascii());
}

#[tokio::test]
async fn aims_8_aud_6_a_clock_before_1970_records_nothing_and_admits_nobody() {
    let authority = TestAuthority::new("spiffe://acme.example");
    let records = Records::default();
    let trust = BundleSet::from(authority.trust());
    let guard = Guard::builder(Audiences::http("https://tools.example").unwrap(), trust, callers())
        .clock(|| SystemTime::UNIX_EPOCH - Duration::from_secs(1))
        .recorder(JsonLines::new(records.clone()))
        .build()
        .unwrap();
    let epoch = aims_keys::UnixTime::EPOCH;
    let request = authority.agent("/agents/travel", epoch).request(Method::GET, SEARCH, epoch);
    let refusal = guard.admit(&head(&request.body(Body::empty()).unwrap())).await;
    let refusal = assert_refused!(refusal, "clock_before_epoch", "AIMS-8");
    assert_eq!((refusal.status().as_u16(), refusal.public_code()), (503, "unavailable"));
    assert_eq!(records.text(), "");
}

#[tokio::test]
async fn aud_1_aud_5_records_are_kept_for_tests() {
    let records = RecordMemory::new();
    assert!(records.last().is_none() && records.all().is_empty());
    let tool = Tool::new();
    let own = Audiences::http("https://tools.example").unwrap();
    let guard = Guard::builder(own, BundleSet::from(tool.authority.trust()), callers());
    let guard = guard.clock(tool.clock.reader()).recorder(records.clone()).build().unwrap();

    let travel = tool.travel();
    let request = search(&travel);
    let permit = guard.admit(&head(&request)).await.unwrap();
    let record = records.last().unwrap();
    assert_eq!(record.outcome, Ok("callers".to_owned()));
    assert_eq!(record.agent.as_ref().unwrap().subject(), permit.caller().subject());
    assert_eq!((&*record.action, &*record.resource), ("POST", "/v1/search"));
    assert_eq!(record.time, UNIX_EPOCH + Duration::from_secs(NOW.as_secs()));
    assert_eq!((record.trace, record.parent), (*permit.trace(), None));

    guard.admit(&head(&request)).await.unwrap_err();
    let record = records.last().unwrap();
    let refusal = assert_refused!(record.outcome, "replay", "WPT-11");
    assert_eq!((refusal.detail(), record.agent.is_none()), (None, true));
    assert_eq!(refusal.to_string(), "the request was refused: replay");

    // A denial names the policy, and the caller.
    guard.admit(&head(&search(&tool.authority.agent("/agents/other", NOW)))).await.unwrap_err();
    let record = records.last().unwrap();
    assert_eq!(record.agent.unwrap().subject().path(), "/agents/other");
    assert_refused!(record.outcome, "caller_not_listed", "callers");

    let elsewhere = travel.request(Method::GET, "http://tools.example/v1/search", NOW).body(Body::empty());
    guard.admit(&head(&elsewhere.unwrap())).await.unwrap_err();
    let refusal = assert_refused!(records.last().unwrap().outcome, "audience_mismatch", "WPT-6");
    assert!(refusal.detail().unwrap().contains(SEARCH));

    let permitted: Vec<_> = records.all().iter().map(|record| record.outcome.is_ok()).collect();
    assert_eq!(permitted, [true, false, false, false]);
    assert_eq!(format!("{records:?}"), "RecordMemory { len: 4 }");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_records_that_are_kept_are_the_last_whichever_thread_wrote_them() {
    let tool = Tool::new();
    let records = RecordMemory::new();
    let own = Audiences::http("https://tools.example").unwrap();
    let guard = Guard::builder(own, BundleSet::from(tool.authority.trust()), callers());
    let guard = guard.recorder(records.clone()).build().unwrap();
    let ask = |path: String| {
        let guard = guard.clone();
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        tokio::spawn(async move { guard.admit(&head(&request)).await.unwrap_err() })
    };
    let asked: Vec<_> = (0..1100).map(|n| ask(format!("/{n}"))).collect();
    for task in asked {
        task.await.unwrap();
    }
    ask("/last".to_owned()).await.unwrap();
    assert_eq!(records.all().len(), 1000);
    assert_eq!(records.last().unwrap().resource, "/last");
}
