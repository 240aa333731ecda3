//! What a guard admits, and what each attack is told.

use std::sync::Arc;
use std::time::Duration;

use aims::{Audiences, BundleSet, Guard, Refusal};
use aims_credential::{Mark, MarkKey, MarkTable, Marks, MarksUnavailable, WitRequest};
use aims_keys::{AsyncSigner, Signer, SoftwareKey, backend};
use aims_proof::{NewWpt, ReplayMemory};
use aims_testkit::{TestAuthority, assert_refused};
use axum::body::Body;
use http::{Method, Request};

use crate::support::{NOW, SEARCH, Tool, callers, head, search, search_with, with_header};

/// What a refused request is told, and what is recorded of it.
struct Refused {
    status: u16,
    public: &'static str,
    code: &'static str,
    rule: &'static str,
}

/// 401, with the challenge: the scheme was used.
const fn unauthenticated(public: &'static str, code: &'static str, rule: &'static str) -> Refused {
    Refused { status: 401, public, code, rule }
}

/// Sends an attack, and holds answer and record to what is expected.
async fn assert_attack(tool: &Tool, attack: Request<Body>, expected: &Refused) {
    let Refused { status, public, code, rule } = *expected;
    let handled = tool.handled.times();
    let refusal: Refusal = assert_refused!(tool.guard.admit(&head(&attack)).await, code, rule);
    assert_eq!((refusal.status().as_u16(), refusal.public_code()), (status, public), "{code}");

    let answer = tool.call(attack).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, public), "{code}");
    assert_eq!(answer.challenge(), (status == 401).then_some("WPT"), "{code}");
    assert_eq!(tool.handled.times(), handled, "{code}: the handler ran");

    let record = tool.records.last();
    let mut decision = serde_json::json!({ "effect": "deny", "policy_id": [rule], "reasons": [code] });
    if let Some(detail) = refusal.detail() {
        decision["detail"] = detail.into();
    }
    assert_eq!(record["decision"], decision);
    assert_eq!((&record["kind"], &record["agent"]), (&"authn".into(), &serde_json::Value::Null), "{code}");
    assert_eq!(record["resource"]["id"], "/v1/search");
}

#[tokio::test]
async fn aims_1_aims_6_aims_20_a_caller_with_credential_and_proof_is_admitted() {
    let tool = Tool::new();
    let answer = tool.call(search(&tool.travel())).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "spiffe://acme.example/agents/travel"));

    let flights = tool.authority.agent("/agents/booking/flights", NOW);
    assert_eq!(tool.call(search(&flights)).await.status, 200);
    assert_eq!(tool.handled.times(), 2);
}

#[tokio::test]
async fn wpt_11_aims_22_a_request_sent_again_is_refused() {
    let tool = Tool::new();
    let travel = tool.travel();
    let proof = travel.wpt(SEARCH, NOW);
    let request = || {
        search_with(&[("workload-identity-token", travel.wit()), ("authorization", &format!("WPT {proof}"))])
    };
    assert_eq!(tool.call(request()).await.status, 200);
    assert_attack(&tool, request(), &unauthenticated("replay", "replay", "WPT-11")).await;
    tool.clock.advance(Duration::from_secs(60));
    assert_attack(&tool, request(), &unauthenticated("replay", "replay", "WPT-11")).await;
}

#[tokio::test]
async fn each_attack_is_refused_for_its_reason() {
    let tool = Tool::new();
    let travel = tool.travel();
    let proof = travel.wpt(SEARCH, NOW);
    let with = |wit: &str, proof: &str| {
        search_with(&[("workload-identity-token", wit), ("authorization", &format!("WPT {proof}"))])
    };

    // For another service, another path, and with a query in the audience.
    for target in
        ["https://other.example/v1/search", "https://tools.example/v1/book", "http://tools.example/v1/search"]
    {
        let attack = with(travel.wit(), &travel.wpt(target, NOW));
        assert_attack(&tool, attack, &unauthenticated("audience_mismatch", "audience_mismatch", "WPT-6"))
            .await;
    }
    let query = travel.sign(&NewWpt::new("https://tools.example/v1/search?q"), NOW);
    assert_attack(
        &tool,
        with(travel.wit(), &query),
        &unauthenticated("audience_mismatch", "audience_mismatch", "WPT-6"),
    )
    .await;

    // A stolen credential without its key.
    let thief = tool.authority.agent("/agents/thief", NOW);
    let attack = with(travel.wit(), &thief.wpt(SEARCH, NOW));
    assert_attack(&tool, attack, &unauthenticated("invalid_proof", "bad_signature", "WPT-4")).await;

    // Another credential of the same key.
    let key = Arc::new(SoftwareKey::generate(aims_keys::Algorithm::Es256, backend::ring()).unwrap());
    let [one, two] = [(); 2].map(|()| tool.authority.agent_with_key("/agents/travel", key.clone(), NOW));
    let attack = with(two.wit(), &one.wpt(SEARCH, NOW));
    assert_attack(&tool, attack, &unauthenticated("invalid_proof", "wit_binding_mismatch", "WPT-10")).await;

    // `alg` none, on either token.
    let none = with_header(&proof, r#"{"alg":"none","typ":"wpt+jwt"}"#);
    assert_attack(
        &tool,
        with(travel.wit(), &none),
        &unauthenticated("malformed_proof", "alg_mismatch", "WPT-3"),
    )
    .await;
    let none = with_header(travel.wit(), r#"{"alg":"none","typ":"wit+jwt"}"#);
    assert_attack(
        &tool,
        with(&none, &proof),
        &unauthenticated("untrusted_credential", "unsupported_alg", "WIT-3"),
    )
    .await;

    // Each token in the place of the other.
    assert_attack(
        &tool,
        with(travel.wit(), travel.wit()),
        &unauthenticated("malformed_proof", "wrong_type", "WPT-5"),
    )
    .await;
    assert_attack(
        &tool,
        with(&proof, &proof),
        &unauthenticated("malformed_credential", "wrong_type", "WIT-2"),
    )
    .await;

    // What must stand once stands twice, or is no token at all.
    let mut twice = with(travel.wit(), &proof);
    twice.headers_mut().append("workload-identity-token", travel.wit().parse().unwrap());
    assert_attack(&tool, twice, &unauthenticated("malformed_credential", "malformed", "WIT-1")).await;
    let mut twice = with(travel.wit(), &proof);
    twice.headers_mut().append("authorization", "Bearer t".parse().unwrap());
    assert_attack(&tool, twice, &unauthenticated("malformed_proof", "malformed", "WPT-1")).await;
    assert_attack(
        &tool,
        with(travel.wit(), "a.b"),
        &unauthenticated("malformed_proof", "malformed", "WPT-2"),
    )
    .await;

    // No credential; no proof, which is the only one that is not told how to authenticate.
    let attack = search_with(&[("authorization", &format!("WPT {proof}"))]);
    assert_attack(&tool, attack, &unauthenticated("no_credential", "no_credential", "WIT-1")).await;
    for fields in
        [vec![], vec![("workload-identity-token", travel.wit())], vec![("authorization", "Bearer t")]]
    {
        let expected = Refused { status: 400, public: "no_proof", code: "no_proof", rule: "WPT-1" };
        assert_attack(&tool, search_with(&fields), &expected).await;
    }
    assert_eq!(tool.handled.times(), 0);
    // None of the refused requests used the proof up.
    assert_eq!(tool.call(with(travel.wit(), &proof)).await.status, 200);
}

#[tokio::test]
async fn wit_7_wpt_4_a_change_of_any_byte_is_refused() {
    let tool = Tool::new();
    let travel = tool.travel();
    let proof = travel.wpt(SEARCH, NOW);
    let with = |wit: &str, proof: &str| {
        search_with(&[("workload-identity-token", wit), ("authorization", &format!("WPT {proof}"))])
    };
    let changed = |token: &str, at: usize| {
        let mut bytes = token.as_bytes().to_vec();
        bytes[at] = match bytes[at] {
            // One bit of what it stands for.
            b'A' => b'B',
            digit if digit.is_ascii_digit() => digit ^ 1,
            _ => b'A',
        };
        String::from_utf8(bytes).unwrap()
    };
    for at in 0..proof.len() {
        let attack = with(travel.wit(), &changed(&proof, at));
        assert_eq!(tool.call(attack).await.status, 401, "proof, byte {at}");
    }
    for at in 0..travel.wit().len() {
        let attack = with(&changed(travel.wit(), at), &proof);
        assert_eq!(tool.call(attack).await.status, 401, "credential, byte {at}");
    }
    assert_eq!(tool.call(with(travel.wit(), &proof)).await.status, 200);
    assert_eq!(tool.handled.times(), 1);
}

#[tokio::test]
async fn wpt_17_crd_10_aims_12_nothing_that_can_be_copied_authenticates() {
    let tool = Tool::new();
    let travel = tool.travel();
    for authorization in [
        "Bearer opaque".to_owned(),
        "Basic dXNlcjpwYXNz".to_owned(),
        "ApiKey 0123456789abcdef".to_owned(),
        format!("Bearer {}", travel.wit()),
        format!("Bearer {}", travel.wpt(SEARCH, NOW)),
        format!("DPoP {}", travel.wpt(SEARCH, NOW)),
    ] {
        let attack = search_with(&[
            ("workload-identity-token", travel.wit()),
            ("authorization", &authorization),
            ("x-api-key", "0123456789abcdef"),
            ("x-forwarded-client-cert", "URI=spiffe://acme.example/agents/travel"),
        ]);
        let expected = Refused { status: 400, public: "no_proof", code: "no_proof", rule: "WPT-1" };
        assert_attack(&tool, attack, &expected).await;
    }
}

#[tokio::test]
async fn aims_8_what_has_expired_is_refused() {
    let tool = Tool::new();
    // Expired by as much as clocks may disagree.
    let ended = NOW - Duration::from_secs(30);
    let hour_ago = tool.authority.agent("/agents/travel", ended - Duration::from_secs(3600));
    let last =
        hour_ago.request(Method::POST, SEARCH, ended - Duration::from_secs(1)).body(Body::empty()).unwrap();
    assert_attack(&tool, last, &unauthenticated("credential_expired", "expired", "WIT-8")).await;

    let travel = tool.travel();
    let late =
        travel.request(Method::POST, SEARCH, NOW - Duration::from_secs(90)).body(Body::empty()).unwrap();
    assert_attack(&tool, late, &unauthenticated("proof_expired", "expired", "WPT-8")).await;

    let long =
        travel.sign(&NewWpt::new(SEARCH).lifetime(Duration::from_secs(300)), NOW + Duration::from_secs(31));
    let early =
        search_with(&[("workload-identity-token", travel.wit()), ("authorization", &format!("WPT {long}"))]);
    assert_attack(&tool, early, &unauthenticated("malformed_proof", "lifetime_too_long", "WPT-9")).await;

    let tomorrow = tool.authority.agent("/agents/travel", NOW + Duration::from_secs(31));
    assert_attack(
        &tool,
        search(&tomorrow),
        &unauthenticated("credential_not_yet_valid", "not_yet_valid", "WIT-9"),
    )
    .await;
}

#[tokio::test]
async fn arch_9_an_identifier_means_what_its_own_trust_domain_says() {
    let tool = Tool::new();
    // Same path, other origin: another trust domain, or the same name under another scheme.
    for origin in ["spiffe://evil.example", "wimse://acme.example", "spiffe://acme.example.evil.example"] {
        let impostor = TestAuthority::new(origin).agent("/agents/travel", NOW);
        let expected = unauthenticated("untrusted_credential", "unknown_trust_domain", "WIT-5");
        assert_attack(&tool, search(&impostor), &expected).await;
    }
    // The right name, by an issuer that nobody trusts.
    let impostor = TestAuthority::new("spiffe://acme.example").agent("/agents/travel", NOW);
    assert_attack(
        &tool,
        search(&impostor),
        &unauthenticated("untrusted_credential", "bad_signature", "WIT-7"),
    )
    .await;
}

#[tokio::test]
async fn arch_9_a_trusted_domain_is_not_thereby_an_admitted_one() {
    let partner = TestAuthority::new("spiffe://partner.example");
    let own = TestAuthority::new("wimse://acme.example");
    let trust: BundleSet = [partner.trust(), own.trust()].into_iter().collect();
    let guard = Guard::builder(Audiences::http("https://tools.example").unwrap(), trust, callers())
        .clock(aims_testkit::TestClock::at(NOW).reader())
        .build()
        .unwrap();
    for authority in [partner, own] {
        let request = search(&authority.agent("/agents/travel", NOW));
        assert_refused!(guard.admit(&head(&request)).await, "caller_not_listed", "WID-6");
    }
}

#[tokio::test]
async fn wid_6_a_caller_that_is_not_listed_is_forbidden() {
    let tool = Tool::new();
    for path in [
        "/agents/other",
        "/agents/travel/sub",
        "/agents",
        "/agents/booking",
        "/agents/booking/a/b",
        "/agents/Travel",
    ] {
        let other = tool.authority.agent(path, NOW);
        let answer = tool.call(search(&other)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str(), answer.challenge()),
            (403, "forbidden", None),
            "{path}"
        );
        let record = tool.records.last();
        assert_eq!(record["kind"], "decision");
        assert_eq!(record["agent"]["id"], format!("spiffe://acme.example{path}"));
        assert_eq!(
            record["decision"],
            serde_json::json!({
                "effect": "deny", "policy_id": ["callers"], "reasons": ["caller_not_listed"]
            })
        );
        assert_refused!(tool.guard.admit(&head(&search(&other))).await, "caller_not_listed", "WID-6");
    }
    assert_eq!(tool.handled.times(), 0);
}

#[tokio::test]
async fn wpt_7_host_fields_decide_nothing() {
    let tool = Tool::new();
    let travel = tool.travel();
    for name in ["host", "x-forwarded-host", "forwarded"] {
        let value = "other.example";
        let foreign = travel.request(Method::POST, "https://other.example/v1/search", NOW);
        let attack = foreign.header(name, value).body(Body::empty()).unwrap();
        assert_attack(&tool, attack, &unauthenticated("audience_mismatch", "audience_mismatch", "WPT-6"))
            .await;
        // And they do not shut out whoever is addressed rightly, behind a proxy that rewrites them.
        let own = travel.request(Method::POST, SEARCH, NOW).header(name, value).body(Body::empty()).unwrap();
        assert_eq!(tool.call(own).await.status, 200);
    }
}

#[tokio::test]
async fn wpt_12_a_transaction_token_is_covered_or_the_request_refused() {
    let tool = Tool::new();
    let travel = tool.travel();
    let fields = |proof: &str| {
        search_with(&[
            ("workload-identity-token", travel.wit()),
            ("authorization", &format!("WPT {proof}")),
            ("txn-token", "the.transaction.token"),
        ])
    };
    let expected = unauthenticated("invalid_proof", "txn_binding_mismatch", "WPT-12");
    assert_attack(&tool, fields(&travel.wpt(SEARCH, NOW)), &expected).await;
    assert_attack(&tool, fields(&travel.sign(&NewWpt::new(SEARCH).txn_token("other"), NOW)), &expected).await;

    let covered = travel.sign(&NewWpt::new(SEARCH).txn_token("the.transaction.token"), NOW);
    assert_eq!(tool.call(fields(&covered)).await.status, 200);
    assert_eq!(tool.handled.fields()["txn-token"], "the.transaction.token");
}

#[tokio::test]
async fn wpt_13_wpt_14_wpt_15_only_covered_context_counts() {
    let tool = Tool::with(|guard| guard.context_field("X-Context"));
    let travel = tool.travel();
    let fields = |proof: &str, context: &str| {
        search_with(&[
            ("workload-identity-token", travel.wit()),
            ("authorization", &format!("WPT {proof}")),
            ("x-context", context),
        ])
    };
    let uncovered = fields(&travel.wpt(SEARCH, NOW), "user=alice");
    assert_attack(&tool, uncovered, &unauthenticated("invalid_proof", "other_binding_mismatch", "WPT-13"))
        .await;
    let covered = travel.sign(&NewWpt::new(SEARCH).context("x-context", "user=alice"), NOW);
    let swapped = fields(&covered, "user=mallory");
    assert_attack(&tool, swapped, &unauthenticated("invalid_proof", "other_binding_mismatch", "WPT-14"))
        .await;
    let unknown = travel.sign(&NewWpt::new(SEARCH).context("x-unknown", "1"), NOW);
    assert_attack(
        &tool,
        fields(&unknown, ""),
        &unauthenticated("invalid_proof", "other_binding_mismatch", "WPT-14"),
    )
    .await;

    let permit = tool.guard.admit(&head(&fields(&covered, "user=alice"))).await.unwrap();
    let proof = permit.caller().wpt().unwrap();
    assert_eq!(proof.context("x-context"), Some("user=alice"));
    assert_eq!(proof.context("x-other"), None);
}

#[tokio::test]
async fn wpt_18_aims_43_handlers_see_neither_credential_nor_proof() {
    let tool = Tool::new();
    let travel = tool.travel();
    let mut request = search(&travel);
    request.headers_mut().insert("workload-proof-token", "stray".parse().unwrap());
    request.headers_mut().insert("x-other", "kept".parse().unwrap());
    assert_eq!(tool.call(request).await.status, 200);
    let fields = tool.handled.fields();
    assert_eq!(fields.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["x-other"]);
}

#[tokio::test]
async fn aims_22_a_guard_that_cannot_tell_is_unavailable() {
    let unavailable = |code, rule| Refused { status: 503, public: "unavailable", code, rule };

    let full = Tool::with(|guard| guard.replay(ReplayMemory::with_capacity(0)));
    assert_attack(&full, search(&full.travel()), &unavailable("replay_store_full", "WPT-11")).await;

    let loading = Tool::with(|guard| guard.marks(MarkTable::loading(8)));
    assert_attack(&loading, search(&loading.travel()), &unavailable("marks_unavailable", "AIMS-55")).await;
}

#[derive(Debug)]
struct NoMarks;

impl Marks for NoMarks {
    fn mark(&self, _: &MarkKey<'_>) -> Result<Option<Mark>, MarksUnavailable> {
        Err(MarksUnavailable::new())
    }
}

#[tokio::test]
async fn aims_55_a_mark_cuts_off_at_once_a_cached_credential_too() {
    let marks = Arc::new(MarkTable::with_capacity(8));
    let shared = marks.clone();
    let tool = Tool::with(|guard| guard.marks(shared));
    let travel = tool.travel();
    assert_eq!(tool.call(search(&travel)).await.status, 200);
    marks.add(&MarkKey::Agent(travel.id()), Mark::dead()).unwrap();
    assert_attack(&tool, search(&travel), &unauthenticated("untrusted_credential", "revoked", "AIMS-55"))
        .await;

    let tool = Tool::with(|guard| guard.marks(NoMarks));
    let refusal = tool.guard.admit(&head(&search(&tool.travel()))).await;
    assert_refused!(refusal, "marks_unavailable", "AIMS-55");
}

#[tokio::test]
async fn wpt_9_wit_13_limits_can_be_narrowed_and_not_widened() {
    let hour = Duration::from_secs(3600);
    let narrow = Tool::with(|guard| {
        guard
            .leeway(Duration::ZERO)
            .max_proof_lifetime(Duration::from_secs(10))
            .max_credential_lifetime(hour / 2)
    });
    let expected = unauthenticated("untrusted_credential", "lifetime_too_long", "WIT-13");
    assert_attack(&narrow, search(&narrow.travel()), &expected).await;
    let key = SoftwareKey::generate(aims_keys::Algorithm::Es256, backend::ring()).unwrap();
    let (id, public) = (narrow.travel().id().clone(), Signer::public_key(&key).clone());
    let request = WitRequest::new(&id, &public).lifetime(hour / 2);
    let short = narrow.authority.agent_from(&request, Arc::new(key) as Arc<dyn AsyncSigner>, NOW);
    let expected = unauthenticated("malformed_proof", "lifetime_too_long", "WPT-9");
    assert_attack(&narrow, search(&short), &expected).await;

    // Asked for an hour of leeway and of lifetime, a guard gives two minutes, and five.
    let wide =
        Tool::with(|guard| guard.leeway(hour).max_proof_lifetime(hour).max_credential_lifetime(hour * 99));
    let travel = wide.travel();
    let late = travel
        .request(Method::POST, SEARCH, NOW - Duration::from_secs(60 + 120))
        .body(Body::empty())
        .unwrap();
    assert_attack(&wide, late, &unauthenticated("proof_expired", "expired", "WPT-8")).await;
    let long =
        travel.sign(&NewWpt::new(SEARCH).lifetime(Duration::from_secs(300)), NOW + Duration::from_secs(121));
    let early =
        search_with(&[("workload-identity-token", travel.wit()), ("authorization", &format!("WPT {long}"))]);
    assert_attack(&wide, early, &unauthenticated("malformed_proof", "lifetime_too_long", "WPT-9")).await;
}

#[cfg(feature = "legacy-wpt-01")]
#[tokio::test]
async fn wpt_1_an_older_revision_counts_only_where_it_was_asked_for() {
    use aims::WptProfile;

    let legacy = |tool: &Tool| {
        let travel = tool.travel();
        search_with(&[
            ("workload-identity-token", travel.wit()),
            ("workload-proof-token", &travel.wpt(SEARCH, NOW)),
        ])
    };
    let tool = Tool::new();
    assert_refused!(tool.guard.admit(&head(&legacy(&tool))).await, "no_proof", "WPT-1");

    let tool = Tool::with(|guard| guard.profile(WptProfile::Wpt01));
    assert_eq!(tool.call(legacy(&tool)).await.status, 200);
    assert!(tool.handled.fields().is_empty());
    // Nor does it take the current one; refusals are 400 and carry no challenge.
    let answer = tool.call(search(&tool.travel())).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str(), answer.challenge()), (400, "no_proof", None));
}

#[tokio::test]
async fn wpt_1_grpc_callers_are_told_in_their_own_way() {
    let tool = Tool::new();
    let full = Tool::with(|guard| guard.replay(ReplayMemory::with_capacity(0)));
    let grpc = |mut request: Request<Body>, content_type: &str| {
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        request
    };
    let other = tool.authority.agent("/agents/other", NOW);
    for (tool, request, status, grpc_status, message) in [
        (&tool, search_with(&[]), 400, "16", "no_proof"),
        (&tool, search_with(&[("authorization", "WPT x")]), 401, "16", "no_credential"),
        (&tool, search(&other), 403, "7", "forbidden"),
        (&full, search(&full.travel()), 503, "14", "unavailable"),
    ] {
        let answer = tool.call(grpc(request, "application/grpc+proto")).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, ""));
        assert_eq!(
            (&answer.headers["grpc-status"], &answer.headers["grpc-message"]),
            (&grpc_status.parse().unwrap(), &message.parse().unwrap())
        );
        assert_eq!(answer.headers["content-type"], "application/grpc");
        assert_eq!(answer.challenge(), (status == 401).then_some("WPT"));
    }
    for other in ["application/grpc-web", "application/grpcx", "text/plain"] {
        assert_eq!(tool.call(grpc(search_with(&[]), other)).await.code(), "no_proof", "{other}");
    }
}
