//! The tool: it books trips for users whose agents call it, and calls a service of its own to do so.

use std::sync::Arc;

use aims::oauth::{Resource, TokenNeed};
use aims::{Connection, Connector, Guard, Permit, SigningAgent, TokenAgent};
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tower::Layer;

use super::super::patterns;
use super::tickets::parties;
use super::{Message, Outcome, Workload, guard, send, signing, tokens};

/// Serves agents.
pub(in super::super) async fn serve(workload: &Workload, message: &Message) -> Outcome<Value> {
    let (listener, url) = workload.listen(patterns(message, "peers")?).await?;
    let guard = guard(workload, message, &url)?;
    let inner = message.text("inner")?;
    let (_, tokens) = tokens(workload, message)?;
    let office = Arc::new(Office {
        tokens: TokenAgent::new(tokens),
        signing: signing(workload),
        client: Client::builder(TokioExecutor::new()).build(workload.connector(&message.text("expect")?)?),
        place: format!("{inner}/v1/issue"),
        resource: inner.parse()?,
    });
    let app = Router::new()
        .route("/v1/search", get(search))
        .route("/v1/book", post(book))
        .route("/v1/tickets/{how}", post(tickets))
        .with_state(office)
        .layer(Extension(guard.clone()))
        .layer(guard.layer());
    let app = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(json!({ "url": url }))
}

/// The ticket office behind the tool, and the way to it.
struct Office {
    tokens: TokenAgent,
    signing: SigningAgent,
    client: Client<Connector, Body>,
    place: String,
    /// What its tokens are for.
    resource: Resource,
}

async fn search(Extension(permit): Extension<Permit>, Extension(guard): Extension<Guard>) -> Response {
    let needed = match permit.authorization().zip(READ.parse().ok()) {
        Some((authorization, needed)) => authorization.require_scope(&needed),
        None => return StatusCode::FORBIDDEN.into_response(),
    };
    match needed {
        Ok(()) => done(&permit, json!({ "found": ["TP 531", "LH 1172"] })),
        Err(shortfall) => guard.step_up(shortfall).to_response().into_response(),
    }
}

/// What costs more than this, the user agrees to once more.
async fn book(
    Extension(permit): Extension<Permit>,
    Extension(guard): Extension<Guard>,
    order: Bytes,
) -> Response {
    let order: Value = serde_json::from_slice(&order).unwrap_or_default();
    let Some(price) = order.get("price").and_then(Value::as_u64) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let needed = if price > LIMIT { BOOK_AND_PAY } else { BOOK };
    let needed = match permit.authorization().zip(needed.parse().ok()) {
        Some((authorization, needed)) => authorization.require_scope(&needed),
        None => return StatusCode::FORBIDDEN.into_response(),
    };
    match needed {
        Ok(()) => done(&permit, json!({ "booked": "TP 531", "price": price })),
        Err(shortfall) => guard.step_up(shortfall).to_response().into_response(),
    }
}

/// Gets a ticket of the office: in one of several ways, of which one is right.
async fn tickets(
    State(office): State<Arc<Office>>,
    Path(how): Path<String>,
    Extension(permit): Extension<Permit>,
    fields: HeaderMap,
) -> Response {
    match office.ticket(&how, &permit, fields).await {
        Ok(answer) => done(&permit, json!({ "office": answer })),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

impl Office {
    async fn ticket(&self, how: &str, permit: &Permit, mut fields: HeaderMap) -> Outcome<Value> {
        let mut request = Request::post(&self.place).body(Body::empty())?;
        let trace = permit.trace().child().to_string();
        let signed = self.signing.layer().layer(self.client.clone());
        if how == "forward" {
            // Whatever the agent sent, as far as a handler gets it. The signature is the tool's own.
            for of_this_hop in [CONTENT_LENGTH, HOST, TRANSFER_ENCODING] {
                fields.remove(of_this_hop);
            }
            *request.headers_mut() = fields;
            request.headers_mut().insert("traceparent", trace.parse()?);
            return send(signed, request).await;
        }
        // What the handler has of the agent's token is good for this alone.
        let caller = permit.authorization().ok_or("a caller without a token")?;
        let scope = if how == "widen" { BOOK_AND_PAY } else { BOOK };
        let need = TokenNeed::of(self.resource.clone()).on_behalf_of(caller);
        request.headers_mut().insert("traceparent", trace.parse()?);
        request.extensions_mut().insert(need.scope(scope.parse()?));
        send(self.tokens.layer().layer(signed), request).await
    }
}

/// An answer that says who called, and for whom.
fn done(permit: &Permit, mut answer: Value) -> Response {
    let Some(authorization) = permit.authorization() else { return StatusCode::FORBIDDEN.into_response() };
    let (caller, user) = parties(authorization);
    if let Some(members) = answer.as_object_mut() {
        members.insert("caller".into(), json!(caller));
        members.insert("for".into(), json!(user));
    }
    Json(answer).into_response()
}

const READ: &str = "trips:read";
const BOOK: &str = "trips:book";
const BOOK_AND_PAY: &str = "trips:book trips:pay";

/// In euros.
const LIMIT: u64 = 500;
