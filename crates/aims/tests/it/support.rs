//! A tool behind a guard, its records, and ways to call it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aims::{Audiences, BundleSet, Callers, Guard, GuardBuilder, JsonLines, Permit};
use aims_jose::base64url;
use aims_keys::UnixTime;
use aims_testkit::{TestAgent, TestAuthority, TestClock};
use axum::body::Body;
use axum::{Extension, Router};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

pub(crate) const SEARCH: &str = "https://tools.example/v1/search";

/// A tool that admits `/agents/travel` and whatever is below `/agents/booking`, of two trust domains.
pub(crate) struct Tool {
    pub(crate) authority: TestAuthority,
    pub(crate) trust: BundleSet,
    pub(crate) clock: TestClock,
    pub(crate) records: Records,
    pub(crate) guard: Guard,
    pub(crate) handled: Handled,
    app: Router,
}

impl Tool {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(configure: impl FnOnce(GuardBuilder) -> GuardBuilder) -> Self {
        let authority = TestAuthority::new("spiffe://acme.example");
        let trust = BundleSet::from(authority.trust());
        let clock = TestClock::at(NOW);
        let records = Records::default();
        let builder =
            Guard::builder(Audiences::http("https://tools.example").unwrap(), trust.clone(), callers());
        let guard = configure(builder.clock(clock.reader()).recorder(JsonLines::new(records.clone())))
            .build()
            .unwrap();
        let handled = Handled::default();
        let seen = handled.clone();
        let search = move |Extension(permit): Extension<Permit>, headers: HeaderMap| async move {
            seen.0.fetch_add(1, Ordering::SeqCst);
            *seen.1.lock().unwrap() = headers;
            permit.caller().subject().to_string()
        };
        let app = Router::new().fallback(search).layer(guard.layer());
        Self { authority, trust, clock, records, guard, handled, app }
    }

    pub(crate) fn travel(&self) -> TestAgent {
        self.authority.agent("/agents/travel", NOW)
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, body }
    }
}

pub(crate) fn callers() -> Callers {
    Callers::new()
        .id("spiffe://acme.example/agents/travel".parse().unwrap())
        .pattern("spiffe://acme.example/agents/booking/*".parse().unwrap())
        .pattern("spiffe://bank.example/agents/booking/*".parse().unwrap())
}

/// How often the handler ran, and with which fields last.
#[derive(Clone, Default)]
pub(crate) struct Handled(Arc<AtomicUsize>, Arc<Mutex<HeaderMap>>);

impl Handled {
    pub(crate) fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn fields(&self) -> HeaderMap {
        self.1.lock().unwrap().clone()
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// `code` of the problem document.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem["status"], self.status.as_u16());
        problem["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn challenge(&self) -> Option<&str> {
        self.headers.get("www-authenticate").map(|value| value.to_str().unwrap())
    }
}

/// The lines that a recorder wrote.
#[derive(Clone, Default)]
pub(crate) struct Records(Arc<Mutex<Vec<u8>>>);

impl Records {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn all(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn last(&self) -> Value {
        self.all().pop().expect("a record")
    }
}

impl Write for Records {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A search by this agent, with its own credential and a fresh proof.
pub(crate) fn search(agent: &TestAgent) -> Request<Body> {
    agent.request(Method::POST, SEARCH, NOW).body(Body::empty()).unwrap()
}

/// A search with whatever these fields say.
pub(crate) fn search_with(fields: &[(&str, &str)]) -> Request<Body> {
    let builder = Request::builder().method(Method::POST).uri(SEARCH);
    fields
        .iter()
        .fold(builder, |builder, (name, value)| builder.header(*name, *value))
        .body(Body::empty())
        .unwrap()
}

/// The token with another header, and its signature kept.
pub(crate) fn with_header(token: &str, header: &str) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", base64url::encode(header))
}

/// The head of a request, which a guard looks at.
pub(crate) fn head(request: &Request<Body>) -> http::request::Parts {
    let mut copy = Request::builder().method(request.method()).uri(request.uri()).body(()).unwrap();
    *copy.headers_mut() = request.headers().clone();
    copy.into_parts().0
}
