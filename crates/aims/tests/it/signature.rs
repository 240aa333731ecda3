//! Message signatures, at both ends: `Guard` and `SigningAgent`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aims::credential::{AccessHandle, Mark, MarkKey, MarkTable, PeerMap};
use aims::proof::VerifiedResponse;
use aims::{
    Accept, Agent, AgentError, Audiences, BundleSet, CurrentCredential, Guard, GuardBuilder, GuardLayer,
    JsonLines, Permit, SigningAgent,
};
use aims_testkit::{TestAgent, TestAuthority, TestClock, assert_refused};
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::{Layer, Service, ServiceExt};

use crate::support::{NOW, Records, callers};

const BOOK: &str = "https://tools.example/v1/book?seat=4A";

const CONTENT: &str = r#"{"to": "LIS"}"#;

/// A tool, and an agent that signs.
struct Exchange {
    authority: TestAuthority,
    clock: TestClock,
    records: Records,
    guard: Guard,
    handled: Arc<AtomicUsize>,
    app: Router,
}

impl Exchange {
    fn new() -> Self {
        Self::with(|builder, _| builder, Guard::layer)
    }

    fn signing() -> Self {
        Self::with(GuardBuilder::sign_responses, Guard::layer)
    }

    fn with(
        configure: impl FnOnce(GuardBuilder, CurrentCredential) -> GuardBuilder,
        layer: impl FnOnce(&Guard) -> GuardLayer,
    ) -> Self {
        let authority = TestAuthority::new("spiffe://acme.example");
        let (clock, records) = (TestClock::at(NOW), Records::default());
        let builder = Guard::builder(
            Audiences::http("https://tools.example").unwrap(),
            BundleSet::from(authority.trust()),
            callers(),
        );
        let server = CurrentCredential::new(authority.agent("/tools/booking", NOW).holder());
        let guard =
            configure(builder.clock(clock.reader()).recorder(JsonLines::new(records.clone())), server)
                .build()
                .unwrap();
        let handled = Arc::new(AtomicUsize::new(0));
        let app = Router::new().fallback(book).layer(Extension(Arc::clone(&handled))).layer(layer(&guard));
        Self { authority, clock, records, guard, handled, app }
    }

    fn travel(&self) -> TestAgent {
        self.authority.agent("/agents/travel", NOW)
    }

    fn agent(&self, agent: &TestAgent) -> SigningAgent {
        let peers = PeerMap::new();
        peers.insert(
            AccessHandle::DnsName("tools.example"),
            "spiffe://acme.example/tools/booking".parse().unwrap(),
        );
        Agent::new(CurrentCredential::new(agent.holder()))
            .with_clock(self.clock.reader())
            .with_context_fields(["X-Context"])
            .signing(BundleSet::from(self.authority.trust()), peers)
    }

    /// A signed request, as it arrives.
    async fn signed(&self) -> Request<Body> {
        self.signed_with(&self.agent(&self.travel()), request()).await
    }

    async fn signed_with(&self, agent: &SigningAgent, request: Request<Body>) -> Request<Body> {
        let (mut head, body) = request.into_parts();
        let content = body.collect().await.unwrap().to_bytes();
        agent.attach(&mut head, &content).await.unwrap();
        arrived(Request::from_parts(head, Body::from(content)))
    }

    async fn call(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        (head.status, head.headers, body)
    }

    /// The whole way, as an agent goes it.
    async fn ask(
        &self,
        agent: &SigningAgent,
        request: Request<Body>,
    ) -> Result<http::Response<aims::HeldBody<Body>>, AgentError<std::convert::Infallible>> {
        let app = self.app.clone();
        let wire = tower::service_fn(move |request| app.clone().oneshot(arrived(request)));
        agent.layer().layer(wire).oneshot(request).await
    }

    fn handled(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }

    async fn assert_refused(
        &self,
        request: Request<Body>,
        status: u16,
        public: &str,
        code: &str,
        rule: &str,
    ) {
        let before = self.handled();
        let (answered, headers, body) = self.call(request).await;
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((answered.as_u16(), problem["code"].as_str().unwrap()), (status, public), "{code}");
        assert!(headers.get("www-authenticate").is_none() || status == 401);
        let decision = &self.records.last()["decision"];
        assert_eq!((&decision["policy_id"][0], &decision["reasons"][0]), (&rule.into(), &code.into()));
        assert_eq!(self.handled(), before, "{code}: the handler ran");
    }
}

/// The handler says who called, and with what.
async fn book(
    Extension(permit): Extension<Permit>,
    Extension(handled): Extension<Arc<AtomicUsize>>,
    headers: HeaderMap,
    content: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let Ok(content) = content else { return StatusCode::IM_A_TEAPOT.into_response() };
    handled.fetch_add(1, Ordering::SeqCst);
    let is_signed = permit.caller().signature().is_some();
    assert!(!headers.contains_key("workload-identity-token"));
    assert!(!is_signed || !headers.contains_key("signature"));
    let who = permit.caller().subject().to_string();
    let method = permit.caller().method().name();
    format!("{who} by {method}: {}", String::from_utf8_lossy(&content)).into_response()
}

fn request() -> Request<Body> {
    Request::post(BOOK)
        .header("content-type", "application/json")
        .header("authorization", "Bearer an-access-token")
        .body(Body::from(CONTENT))
        .unwrap()
}

/// What a server makes of a request: its path, and where it was sent in `Host`.
fn arrived<B>(request: Request<B>) -> Request<B> {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().unwrap().to_string();
    head.uri = head.uri.path_and_query().unwrap().as_str().parse().unwrap();
    head.headers.insert("host", authority.parse().unwrap());
    Request::from_parts(head, body)
}

#[tokio::test]
async fn aims_20_hsig_1_a_signed_request_is_admitted_with_its_content() {
    let exchange = Exchange::new();
    let answer = exchange.ask(&exchange.agent(&exchange.travel()), request()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, format!("spiffe://acme.example/agents/travel by signature: {CONTENT}"));
    let record = exchange.records.last();
    assert_eq!(record["decision"]["effect"], "permit");
    assert_eq!(record["agent"]["id"], "spiffe://acme.example/agents/travel");

    // Through a proxy: another host, fields that were added, in another order.
    let (mut head, body) = exchange.signed().await.into_parts();
    let mut fields: Vec<_> = head.headers.drain().filter_map(|(name, value)| Some((name?, value))).collect();
    fields.reverse();
    head.headers.extend(fields);
    head.headers.insert("host", "10.0.0.7:8080".parse().unwrap());
    head.headers.insert("x-forwarded-for", "192.0.2.7".parse().unwrap());
    assert_eq!(exchange.call(Request::from_parts(head, body)).await.0, 200);
}

#[tokio::test]
async fn hsig_7_hsig_9_hsig_11_hs_wimse_11_what_is_altered_or_repeated_is_refused() {
    let exchange = Exchange::new();
    let invalid = |request, code: &'static str, rule: &'static str| {
        exchange.assert_refused(request, 400, "signature_invalid", code, rule)
    };
    let exchange = &exchange;
    let change = |change: fn(&mut http::request::Parts)| async move {
        let (mut head, body) = exchange.signed().await.into_parts();
        change(&mut head);
        Request::from_parts(head, body)
    };
    invalid(change(|head| head.method = http::Method::PUT).await, "bad_signature", "HSIG-7").await;
    invalid(change(|head| head.uri = "/v1/book?seat=4B".parse().unwrap()).await, "bad_signature", "HSIG-7")
        .await;
    invalid(
        change(|head| {
            head.headers.insert("authorization", "Bearer another".parse().unwrap());
        })
        .await,
        "bad_signature",
        "HSIG-7",
    )
    .await;
    invalid(change(|head| head.uri = "/v1/other".parse().unwrap()).await, "audience_mismatch", "HSIG-10")
        .await;
    invalid(
        change(|head| {
            head.headers.insert("x-context", "put in on the way".parse().unwrap());
            head.headers.append("txn-token", "put in on the way".parse().unwrap());
        })
        .await,
        "missing_coverage",
        "HSIG-5",
    )
    .await;
    let (head, _) = exchange.signed().await.into_parts();
    invalid(Request::from_parts(head, Body::from("other")), "digest_mismatch", "HSIG-9").await;
    let (head, _) = exchange.signed().await.into_parts();
    invalid(Request::from_parts(head, Body::empty()), "digest_mismatch", "HSIG-9").await;

    // What was refused burned nothing; what was admitted does not count again.
    let (head, body) = exchange.signed().await.into_parts();
    let content = body.collect().await.unwrap().to_bytes();
    let whole = |content: Bytes| Request::from_parts(head.clone(), Body::from(content));
    invalid(whole("other".into()), "digest_mismatch", "HSIG-9").await;
    assert_eq!(exchange.call(whole(content.clone())).await.0, 200);
    invalid(whole(content), "replay", "HSIG-11").await;
    assert_eq!(exchange.handled(), 1);

    // The type of the problem says no more than that.
    let (head, _) = exchange.signed().await.into_parts();
    let (_, _, body) = exchange.call(Request::from_parts(head, Body::from("other"))).await;
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#wimse-signature-invalid");
    assert!(problem.get("detail").is_none());
}

#[tokio::test]
async fn hs_dig_05_content_beyond_the_bound_is_refused_before_it_is_read() {
    let exchange = Exchange::with(|builder, _| builder.max_content(20), Guard::layer);
    assert_eq!(exchange.call(exchange.signed().await).await.0, 200);
    let (head, _) = exchange.signed().await.into_parts();
    // It says how long it is: nothing of it is polled.
    let long = Body::from("x".repeat(21));
    let refused = Request::from_parts(head, long);
    exchange.assert_refused(refused, 413, "content_too_large", "content_too_large", "HS-DIG-05").await;
    // It does not: it is read as far as the bound.
    let (head, _) = exchange.signed().await.into_parts();
    let polled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&polled);
    let endless = tokio_stream::StreamExt::map(tokio_stream::iter(0..1_000_000), move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from_static(b"0123456789"))
    });
    let refused = Request::from_parts(head, Body::from_stream(endless));
    exchange.assert_refused(refused, 413, "content_too_large", "content_too_large", "HS-DIG-05").await;
    assert_eq!(polled.load(Ordering::SeqCst), 3);
    // And one that breaks off is none.
    let (head, _) = exchange.signed().await.into_parts();
    let broken = tokio_stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))]);
    let refused = Request::from_parts(head, Body::from_stream(broken));
    exchange.assert_refused(refused, 400, "content_broken", "content_broken", "HSIG-9").await;
    // Of a caller who signs nothing the content is its own business.
    let wpt =
        exchange.travel().request(http::Method::POST, BOOK, NOW).body(Body::from("x".repeat(100))).unwrap();
    assert_eq!(exchange.call(wpt).await.0, 200);
}

#[tokio::test]
async fn crd_12_aims_55_what_ended_while_content_was_on_its_way_does_not_count() {
    let marks = Arc::new(MarkTable::with_capacity(8));
    let exchange = Exchange::with(|builder, _| builder.marks(Arc::clone(&marks)), Guard::layer);
    // The last piece comes so much later.
    let slow = |seconds: u64, then: fn(&MarkTable, &TestAgent)| {
        let (exchange, marks) = (&exchange, Arc::clone(&marks));
        async move {
            exchange.clock.set(NOW);
            let travel = exchange.travel();
            let (head, _) = exchange.signed_with(&exchange.agent(&travel), request()).await.into_parts();
            let clock = exchange.clock.clone();
            let pieces = tokio_stream::StreamExt::map(tokio_stream::iter(0..2), move |piece| {
                if piece == 1 {
                    clock.advance(std::time::Duration::from_secs(seconds));
                    then(&marks, &travel);
                }
                let (begin, end) = CONTENT.split_at(5);
                Ok::<_, std::io::Error>(Bytes::from_static([begin, end][piece].as_bytes()))
            });
            Request::from_parts(head, Body::from_stream(pieces))
        }
    };
    assert_eq!(exchange.call(slow(89, |_, _| {}).await).await.0, 200);
    let late = slow(90, |_, _| {}).await;
    exchange.assert_refused(late, 400, "signature_invalid", "expired", "HSIG-8").await;
    let cut_off = slow(1, |marks, travel| {
        marks.add(&MarkKey::Agent(travel.id()), Mark::dead()).unwrap();
    });
    exchange.assert_refused(cut_off.await, 400, "signature_invalid", "revoked", "AIMS-55").await;
    assert_eq!(exchange.handled(), 1);
}

#[tokio::test]
async fn hs_dig_04_a_handler_that_streams_gets_no_end_of_what_was_not_signed() {
    let exchange = Exchange::with(|builder, _| builder, |guard| guard.layer().stream_content(30));
    let pieces = |pieces: &[&'static str]| {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes())))
            .collect();
        Body::from_stream(tokio_stream::iter(pieces))
    };
    let call = |body: Body| async {
        let (head, _) = exchange.signed().await.into_parts();
        exchange.call(Request::from_parts(head, body)).await.0.as_u16()
    };
    assert_eq!(call(Body::from(CONTENT)).await, 200);
    assert_eq!(call(pieces(&[r#"{"to": "#, "", r#""LIS"}"#])).await, 200);
    // The handler of this test answers so when its content does not come to an end.
    for body in [
        pieces(&[r#"{"to": "#, r#""OPO"}"#]),
        pieces(&[r#"{"to": "#]),
        pieces(&[]),
        pieces(&["0123456789012345", "678901234567890"]),
    ] {
        assert_eq!(call(body).await, 418);
    }
    assert_eq!(exchange.handled(), 2);
}

#[tokio::test]
async fn hs_dig_05_a_handler_that_streams_is_not_asked_where_content_says_that_it_is_too_long() {
    let exchange = Exchange::with(|builder, _| builder, |guard| guard.layer().stream_content(30));
    let (head, _) = exchange.signed().await.into_parts();
    let refused = Request::from_parts(head.clone(), Body::from("x".repeat(31)));
    exchange.assert_refused(refused, 413, "content_too_large", "content_too_large", "HS-DIG-05").await;
    // Nothing was used up, and as much as is allowed goes on to the handler, who sees that it is something else.
    let allowed = Request::from_parts(head, Body::from("x".repeat(30)));
    assert_eq!(exchange.call(allowed).await.0, 418);
    // Of a caller who signs nothing the content is its own business.
    let wpt =
        exchange.travel().request(http::Method::POST, BOOK, NOW).body(Body::from("x".repeat(31))).unwrap();
    assert_eq!(exchange.call(wpt).await.0, 200);
}

#[tokio::test]
async fn hs_dig_04_a_streaming_body_holds_its_last_piece_back() {
    // By hand, to see the pieces.
    let exchange = Exchange::new();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let handler = tower::service_fn(move |request: Request<aims::GuardedBody<Body>>| {
        let kept = Arc::clone(&kept);
        async move {
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                let frame = frame.map(|frame| frame.into_data().unwrap()).map_err(|error| error.code());
                kept.lock().unwrap().push(frame);
            }
            Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
        }
    });
    let mut service = exchange.guard.layer().stream_content(100).layer(handler);
    let (head, _) = exchange.signed().await.into_parts();
    let pieces = [r#"{"to""#, r#": "OPO"}"#]
        .map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes())));
    let body = Body::from_stream(tokio_stream::iter(pieces));
    service.ready().await.unwrap().call(Request::from_parts(head, body)).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [Ok(Bytes::from_static(br#"{"to""#)), Err("digest_mismatch")]);
}

#[tokio::test]
async fn hsig_9_admitting_by_the_head_alone_is_for_requests_without_content() {
    let exchange = Exchange::new();
    let (head, body) = exchange.signed().await.into_parts();
    let content = body.collect().await.unwrap().to_bytes();
    assert_refused!(exchange.guard.admit(&head).await, "content_unread", "HSIG-9");
    assert_refused!(exchange.guard.admit_with_content(&head, b"x").await, "digest_mismatch", "HSIG-9");
    let permit = exchange.guard.admit_with_content(&head, &content).await.unwrap();
    assert!(permit.caller().signature().unwrap().covers_access_token("an-access-token"));
    permit.still_valid().unwrap();
    exchange.clock.set(NOW + std::time::Duration::from_secs(4000));
    assert!(permit.still_valid().is_err());
    exchange.clock.set(NOW);

    let agent = exchange.agent(&exchange.travel());
    let bare = Request::get(BOOK).body(Body::empty()).unwrap();
    let (head, _) = exchange.signed_with(&agent, bare).await.into_parts();
    assert_refused!(exchange.guard.admit_with_content(&head, b"x").await, "no_digest", "HSIG-9");
    // Content that was put behind it on the way, and says so in the head.
    for (name, value) in [("content-length", "5"), ("transfer-encoding", "chunked")] {
        let mut longer = head.clone();
        longer.headers.insert(name, value.parse().unwrap());
        assert_refused!(exchange.guard.admit(&longer).await, "content_unread", "HSIG-9");
    }
    let mut bare = head.clone();
    bare.headers.insert("content-length", "0".parse().unwrap());
    exchange.guard.admit(&bare).await.unwrap();
}

#[tokio::test]
async fn crd_14_whatever_a_request_shows_has_to_be_good() {
    let exchange = Exchange::new();
    let travel = exchange.travel();
    let agent = exchange.agent(&travel);
    let both = |proof: &str| {
        let mut request = request();
        request.headers_mut().insert("authorization", format!("WPT {proof}").parse().unwrap());
        request
    };
    let proof = {
        let request = travel.request(http::Method::POST, BOOK, NOW).body(()).unwrap();
        request.headers()["authorization"].to_str().unwrap().trim_start_matches("WPT ").to_owned()
    };
    let good = exchange.signed_with(&agent, both(&proof)).await;
    let (status, _, body) = exchange.call(good).await;
    assert_eq!(status, 200);
    assert!(body.contains("by signature"));
    // The proof, once more, under a signature that is fresh.
    let again = exchange.signed_with(&agent, both(&proof)).await;
    exchange.assert_refused(again, 401, "replay", "replay", "WPT-11").await;
    // A signature that does not verify, beside a proof that does.
    let mut broken = travel.request(http::Method::POST, BOOK, NOW).body(Body::empty()).unwrap();
    let (head, _) = exchange.signed().await.into_parts();
    for field in ["signature", "signature-input"] {
        broken.headers_mut().insert(field, head.headers[field].clone());
    }
    exchange.assert_refused(arrived(broken), 400, "signature_invalid", "field_absent", "HS-VAL-04").await;
    // One that lost its bytes on the way, beside such a proof.
    let mut half = travel.request(http::Method::POST, BOOK, NOW).body(Body::empty()).unwrap();
    half.headers_mut().insert("signature-input", head.headers["signature-input"].clone());
    exchange.assert_refused(arrived(half), 400, "signature_invalid", "missing_signature", "HS-FLD-02").await;
    // Somebody else's signature is no proof of a workload, and none that fails.
    let mut other = travel.request(http::Method::POST, BOOK, NOW).body(Body::empty()).unwrap();
    other.headers_mut().insert("signature-input", r#"x=("@method");created=1;tag="cdn""#.parse().unwrap());
    other.headers_mut().insert("signature", "x=:AAAA:".parse().unwrap());
    assert_eq!(exchange.call(arrived(other)).await.0, 200);
}

#[tokio::test]
async fn crd_14_a_route_says_which_proofs_it_takes() {
    let exchange = Exchange::with(
        |builder, _| builder.accept(Accept::wpt().or(Accept::signature())),
        |guard| guard.accepting(Accept::signature()).unwrap().layer(),
    );
    assert_eq!(exchange.call(exchange.signed().await).await.0, 200);
    let wpt = || exchange.travel().request(http::Method::POST, BOOK, NOW).body(Body::empty()).unwrap();
    exchange.assert_refused(arrived(wpt()), 400, "proof_not_accepted", "proof_not_accepted", "CRD-14").await;
    let only_wpt = exchange.guard.accepting(Accept::wpt()).unwrap();
    let (head, body) = exchange.signed().await.into_parts();
    let content = body.collect().await.unwrap().to_bytes();
    assert_refused!(only_wpt.admit_with_content(&head, &content).await, "proof_not_accepted", "CRD-14");
    // A proof that is not taken at one route is not used up there.
    let (proved, _) = arrived(wpt()).into_parts();
    let only_signed = exchange.guard.accepting(Accept::signature()).unwrap();
    assert_refused!(only_signed.admit(&proved).await, "proof_not_accepted", "CRD-14");
    only_wpt.admit(&proved).await.unwrap();
    // They share their memory: what was used at one route is used up at all.
    exchange.guard.admit_with_content(&head, &content).await.unwrap();
    let signed = exchange.guard.accepting(Accept::signature()).unwrap();
    assert_refused!(signed.admit_with_content(&head, &content).await, "replay", "HSIG-11");
}

#[tokio::test]
async fn hsig_20_hsig_21_hsig_24_a_signed_response_comes_from_the_server() {
    let exchange = Exchange::signing();
    let agent = exchange.agent(&exchange.travel());
    let answer = exchange.ask(&agent.clone().demand_signed_responses(), request()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let verified = answer.extensions().get::<VerifiedResponse>().unwrap();
    assert_eq!(verified.wit().subject().as_str(), "spiffe://acme.example/tools/booking");
    assert_eq!(answer.headers().get("content-digest").map(|digest| digest.len() > 40), Some(true));
    // Nobody demands it: none.
    let answer = exchange.ask(&agent, request()).await.unwrap();
    assert!(answer.extensions().get::<VerifiedResponse>().is_none());
    assert!(!answer.headers().contains_key("signature"));

    // Errors are signed, too: of the policy, and of the handler.
    let demanding = |path: &str| {
        let stranger = exchange.authority.agent(path, NOW);
        exchange.agent(&stranger).demand_signed_responses()
    };
    let denied = exchange.ask(&demanding("/agents/unknown"), request()).await.unwrap();
    assert_eq!(denied.status(), 403);
    assert!(denied.extensions().get::<VerifiedResponse>().is_some());

    // Of a server that signs everything.
    let exchange = Exchange::with(GuardBuilder::sign_all_responses, Guard::layer);
    let answer = exchange.ask(&exchange.agent(&exchange.travel()), request()).await.unwrap();
    assert!(answer.extensions().get::<VerifiedResponse>().is_some());
}

#[tokio::test]
async fn hsig_21_hsig_22_hsig_23_hs_wimse_07_what_cannot_be_signed_is_not_done_and_the_client_is_told() {
    // It signs nothing.
    let exchange = Exchange::new();
    let agent = exchange.agent(&exchange.travel()).demand_signed_responses();
    let refused = exchange.ask(&agent, request()).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the response is refused, with its status 501 and the hint wimse-signed-response-unsupported"
    );
    let AgentError::Response { error, status, hint } = refused else { panic!("{refused:?}") };
    assert_eq!(
        (error.code(), error.rule(), status),
        ("unsigned_response", "HSIG-23", StatusCode::NOT_IMPLEMENTED)
    );
    assert!(hint.unwrap().ends_with("#wimse-signed-response-unsupported"));
    assert_eq!(exchange.handled(), 0);
    let signed = exchange.signed_with(&agent, request()).await;
    exchange
        .assert_refused(signed, 501, "signed_response_unsupported", "signed_response_unsupported", "HSIG-21")
        .await;

    // Its credential is gone.
    let exchange = Exchange::with(
        |builder, source| {
            source.withdraw();
            builder.sign_responses(source)
        },
        Guard::layer,
    );
    let agent = exchange.agent(&exchange.travel()).demand_signed_responses();
    let refused = exchange.ask(&agent, request()).await.unwrap_err();
    let AgentError::Response { hint, .. } = refused else { panic!("{refused:?}") };
    assert!(hint.unwrap().ends_with("#wimse-signed-response-unavailable"));
    assert_eq!(exchange.handled(), 0);

    // The answer is longer than what is signed: it is an error then, though the handler ran.
    let exchange =
        Exchange::with(|builder, source| builder.sign_responses(source).max_content(30), Guard::layer);
    let agent = exchange.agent(&exchange.travel()).demand_signed_responses();
    let refused = exchange.ask(&agent, request()).await.unwrap_err();
    assert!(matches!(refused, AgentError::Response { hint: Some(_), .. }), "{refused:?}");
    assert_eq!(exchange.handled(), 1);
}

#[tokio::test]
async fn hsig_23_hsig_24_a_response_that_was_altered_on_the_way_is_refused() {
    type Change = fn(&mut http::response::Parts, &mut Bytes);
    let exchange = Exchange::signing();
    let agent = exchange.agent(&exchange.travel()).demand_signed_responses();
    let altered = |change: Change| {
        let (app, agent) = (exchange.app.clone(), agent.clone());
        let wire = tower::service_fn(move |request| {
            let app = app.clone();
            async move {
                let (mut head, body) = app.oneshot(arrived(request)).await?.into_parts();
                let mut content = body.collect().await.unwrap().to_bytes();
                change(&mut head, &mut content);
                Ok::<_, std::convert::Infallible>(http::Response::from_parts(head, Body::from(content)))
            }
        });
        async move {
            match agent.layer().layer(wire).oneshot(request()).await.unwrap_err() {
                AgentError::Response { error, .. } => (error.code(), error.rule()),
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(altered(|_, content| *content = "other".into()).await, ("digest_mismatch", "HSIG-9"));
    assert_eq!(altered(|head, _| head.status = StatusCode::CREATED).await, ("bad_signature", "HSIG-7"));
    let gateway = tower::service_fn(|_: Request<Body>| async {
        let response = http::Response::builder().status(502).body(Body::from("no"));
        Ok::<_, std::convert::Infallible>(response.unwrap())
    });
    let refused = agent.layer().layer(gateway).oneshot(request()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the response is refused, with its status 502");
    let stripped = altered(|head, _| {
        head.headers.remove("signature");
        head.headers.remove("signature-input");
    });
    assert_eq!(stripped.await, ("unsigned_response", "HSIG-23"));
    let retyped = altered(|head, _| {
        head.headers.insert("content-type", "text/html".parse().unwrap());
    });
    assert_eq!(retyped.await, ("bad_signature", "HSIG-7"));
    let retyped_twice = altered(|head, _| {
        head.headers.append("content-type", "text/html".parse().unwrap());
    });
    assert_eq!(retyped_twice.await, ("field_repeated", "HS-VAL-06"));

    // The answer to another request of the same agent.
    let first = exchange.signed_with(&agent, request()).await;
    let kept = exchange.app.clone().oneshot(first).await.unwrap();
    let (head, body) = kept.into_parts();
    let content = body.collect().await.unwrap().to_bytes();
    let wire = tower::service_fn(move |_: Request<Body>| {
        let response = http::Response::from_parts(head.clone(), Body::from(content.clone()));
        async move { Ok::<_, std::convert::Infallible>(response) }
    });
    let refused = agent.layer().layer(wire).oneshot(request()).await.unwrap_err();
    let AgentError::Response { error, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((error.code(), error.rule()), ("other_request", "HSIG-24"));
}

#[tokio::test]
async fn crd_8_hsig_24_another_workload_does_not_answer_for_the_tool() {
    let exchange = Exchange::signing();
    let travel = exchange.travel();
    let agent = |host: &str, id: &str| {
        let peers = PeerMap::new();
        peers.insert(AccessHandle::DnsName(host), id.parse().unwrap());
        Agent::new(CurrentCredential::new(travel.holder()))
            .with_clock(exchange.clock.reader())
            .signing(BundleSet::from(exchange.authority.trust()), peers)
            .demand_signed_responses()
    };
    let other = agent("tools.example", "spiffe://acme.example/tools/search");
    let refused = exchange.ask(&other, request()).await.unwrap_err();
    let AgentError::Response { error, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((error.code(), error.rule()), ("unexpected_peer", "CRD-5"));
    assert_eq!(exchange.handled(), 1);
}

#[tokio::test]
async fn wid_16_hsig_22_where_nobody_is_known_who_could_answer_nothing_is_sent() {
    let exchange = Exchange::signing();
    let peers = PeerMap::new();
    let agent = Agent::new(CurrentCredential::new(exchange.travel().holder()))
        .with_clock(exchange.clock.reader())
        .signing(BundleSet::from(exchange.authority.trust()), peers.clone());
    let demanding = agent.clone().demand_signed_responses();
    let refused = exchange.ask(&demanding, request()).await.unwrap_err();
    let AgentError::Attach(refused) = refused else { panic!("{refused:?}") };
    assert_refused!(Err::<(), _>(refused), "unmapped_peer", "WID-16");
    assert_eq!(exchange.handled(), 0);
    // Who takes what is not signed need not know.
    assert_eq!(exchange.ask(&agent, request()).await.unwrap().status(), 200);
    // Names have no case.
    peers.insert(
        AccessHandle::DnsName("Tools.Example"),
        "spiffe://acme.example/tools/booking".parse().unwrap(),
    );
    assert_eq!(exchange.ask(&demanding, request()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn hsig_23_an_agent_learns_that_its_signature_was_refused() {
    let exchange = Exchange::signing();
    let agent = exchange.agent(&exchange.travel()).demand_signed_responses();
    let app = exchange.app.clone();
    let gateway = tower::service_fn(move |request: Request<Body>| {
        let (head, _) = request.into_parts();
        app.clone().oneshot(arrived(Request::from_parts(head, Body::from("other"))))
    });
    let refused = agent.layer().layer(gateway).oneshot(request()).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the response is refused, with its status 400 and the hint wimse-signature-invalid"
    );
    assert_eq!(exchange.handled(), 0);
}

#[tokio::test]
async fn aims_55_hsig_24_a_tool_that_was_cut_off_does_not_answer_any_more() {
    let exchange = Exchange::signing();
    let marks = Arc::new(MarkTable::with_capacity(8));
    let agent = exchange.agent(&exchange.travel()).with_marks(Arc::clone(&marks)).demand_signed_responses();
    // Its credential is remembered by then.
    exchange.ask(&agent, request()).await.unwrap();
    let booking = "spiffe://acme.example/tools/booking".parse().unwrap();
    marks.add(&MarkKey::Agent(&booking), Mark::dead()).unwrap();
    let refused = exchange.ask(&agent, request()).await.unwrap_err();
    let AgentError::Response { error, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((error.code(), error.rule()), ("revoked", "AIMS-55"));
}

#[tokio::test]
async fn hsig_5_tokens_and_context_are_covered_by_the_agent_too() {
    let exchange = Exchange::new();
    let agent = exchange.agent(&exchange.travel());
    let with_fields = Request::get(BOOK)
        .header("txn-token", "a-token")
        .header("x-context", "a value")
        .body(Body::empty())
        .unwrap();
    let signed = exchange.signed_with(&agent, with_fields).await;
    let input = signed.headers()["signature-input"].to_str().unwrap();
    assert!(input.contains(r#""txn-token" "workload-identity-token" "x-context")"#), "{input}");
    assert!(!input.contains("content-digest"));
    for (name, code, rule) in [
        ("x-context", "malformed", "WPT-12"),
        ("txn-token", "field_repeated", "HS-VAL-06"),
        ("content-type", "field_repeated", "HS-VAL-06"),
        ("authorization", "field_repeated", "HS-VAL-06"),
    ] {
        let (mut head, ()) =
            Request::get(BOOK).header(name, "one").header(name, "two").body(()).unwrap().into_parts();
        assert_refused!(agent.attach(&mut head, b"").await, code, rule, "{name}");
    }
    // The field of the credential is the agent's to write.
    let (mut head, ()) =
        Request::get(BOOK).header("workload-identity-token", "x").body(()).unwrap().into_parts();
    assert_refused!(agent.attach(&mut head, b"").await, "authorization_occupied", "WPT-1");
    let (mut head, ()) = Request::get("/v1/book").body(()).unwrap().into_parts();
    assert_refused!(agent.attach(&mut head, b"").await, "relative_target", "WPT-6");
    // More than it holds.
    let small = agent.with_max_content(5);
    let refused = exchange.ask(&small, request()).await.unwrap_err();
    let AgentError::Attach(error) = refused else { panic!("{refused:?}") };
    assert_eq!((error.code(), error.rule()), ("content_too_large", "HS-DIG-05"));
}

#[tokio::test]
async fn hsig_26_what_a_client_would_like_decides_nothing() {
    let exchange = Exchange::signing();
    let agent = exchange.agent(&exchange.travel());
    let wishing = || {
        let mut request = request();
        let weak = r#"sig1=("@status");tag="wimse-workload-to-workload""#;
        request.headers_mut().insert("accept-signature", weak.parse().unwrap());
        request
    };
    let answer = exchange.ask(&agent, wishing()).await.unwrap();
    assert!(!answer.headers().contains_key("signature"));
    let answer = exchange.ask(&agent.demand_signed_responses(), wishing()).await.unwrap();
    let input = answer.headers()["signature-input"].to_str().unwrap();
    assert!(
        input.contains(r#"("@status" "@method";req "@path";req "@query";req "workload-identity-token""#),
        "{input}"
    );
}
