//! The authorization server of the story: what gives agents their tokens, and asks users.
//!
//! It is the testkit's, with the code of the real one behind each of its endpoints, until the embedded one exists. What it has not is pages: whoever started it does
//! what the browsers of users do, over its standard input.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use aims::oauth::{AuthRequestId, Parameters};
use aims::{Connection, SystemClock};
use aims_testkit::{TestAnswer, TestAuthorizationServer};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::workload::{Workload, patterns};
use super::{Control, Message, Outcome, say};

/// Serves, and does what users do, until the input ends.
pub(super) async fn run(mut control: Control) -> Outcome<()> {
    let config = control.config().await?;
    let workload = Workload::start().await?;
    // By its certificate, as everybody; who may get tokens is another question.
    let (listener, url) = workload.listen(patterns(&config, "peers")?).await?;
    let authority = Authority::default();
    let app = Router::new().fallback(answer).with_state(authority.clone());
    let app = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    say(&json!({ "subject": workload.subject()?, "url": url }))?;
    while let Some(message) = control.next().await? {
        let answer = match &*message.text("do")? {
            "open" => authority.open(&workload, &url, &message)?,
            "approve" => authority.approve(&message)?,
            "decide" => authority.decide(&message)?,
            "secrets" => json!({ "secrets": *authority.secrets() }),
            other => return Err(format!("`{other}` is not a command").into()),
        };
        say(&answer)?;
    }
    Ok(())
}

#[derive(Clone, Default)]
struct Authority(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Not before it is known who serves what, and where.
    server: OnceLock<TestAuthorizationServer>,
    /// All that it gave out, and that nobody may see but those it was for.
    secrets: Mutex<Vec<String>>,
    /// What a user was asked last.
    asked: Mutex<Option<AuthRequestId>>,
}

impl Authority {
    /// Begins to give tokens: to agents, for these resources, one of which is served by a workload that may exchange what it gets.
    fn open(&self, workload: &Workload, url: &str, message: &Message) -> Outcome<Value> {
        let redirect = message.text("redirect")?;
        let (tool, front, inner) = (message.text("tool")?, message.text("front")?, message.text("inner")?);
        let server = TestAuthorizationServer::builder(url, SystemClock::default())
            .workloads(&message.text("agents")?, workload.bundle()?, &[&redirect])
            .workloads(&tool, workload.bundle()?, &[])
            .serves(&front)
            .resource(&front, "trips:read trips:book trips:pay")
            .resource(&inner, "trips:book trips:pay")
            .poll_interval(Duration::from_secs(1))
            .name_actors()
            .build();
        self.0.server.set(server).map_err(|_| "it is open")?;
        Ok(json!({}))
    }

    fn server(&self) -> Outcome<&TestAuthorizationServer> {
        Ok(self.0.server.get().ok_or("it is not open")?)
    }

    /// A user's browser was sent here, and the user agrees: where it is sent then.
    fn approve(&self, message: &Message) -> Outcome<Value> {
        let back = self.server()?.approve(&message.text("url")?, &message.text("user")?);
        let (_, query) = back.split_once('?').ok_or("no query")?;
        let code = Parameters::parse(query.as_bytes())?.require("code")?.to_owned();
        self.secrets().push(code);
        Ok(json!({ "back": back }))
    }

    /// A user who was asked elsewhere agrees, or not.
    fn decide(&self, message: &Message) -> Outcome<Value> {
        let agrees = message.get("agrees")?.as_bool().ok_or("`agrees` is neither yes nor no")?;
        let asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.server()?.decide(&asked.ok_or("nobody was asked")?, agrees);
        Ok(json!({}))
    }

    /// Remembers what an answer gives out.
    fn note(&self, answer: &TestAnswer) {
        let Ok(body) = serde_json::from_slice::<Value>(answer.body()) else { return };
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let given = ["access_token", "refresh_token", "id_token", "auth_req_id"].map(text);
        self.secrets().extend(given.into_iter().flatten());
        if let Some(Ok(id)) = text("auth_req_id").map(|id| id.parse()) {
            *self.0.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
        }
    }

    fn secrets(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(authority): State<Authority>, request: Request) -> Response {
    let Some(server) = authority.0.server.get() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LONGEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let fields: Vec<_> = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let answer = server.answer(head.method.as_str(), head.uri.path(), &fields, &body);
    authority.note(&answer);
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.content_type() {
        response = response.header(CONTENT_TYPE, kind);
    }
    for (name, value) in answer.fields() {
        response = response.header(*name, value);
    }
    let response = response.body(Body::from(answer.body().to_vec()));
    response.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Of a request's content.
const LONGEST: usize = 64 * 1024;
