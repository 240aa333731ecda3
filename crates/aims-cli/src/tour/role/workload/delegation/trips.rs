//! The tool: it books trips for users whose agents call it, and calls a service of its own to do so.

use std::sync::Arc;

use aims::oauth::{PresentedToken, Resource, TokenNeed, TokenTypeUrn, TypedToken};
use aims::{Connection, Connector, Guard, Permit, SigningAgent, TokenAgent};
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
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
    let (issuer, tokens) = tokens(workload, message)?;
    let office = Arc::new(Office {
        tokens: TokenAgent::new(tokens),
        signing: signing(workload),
        client: Client::builder(TokioExecutor::new()).build(workload.connector(&message.text("expect")?)?),
        place: format!("{inner}/v1/issue"),
        need: TokenNeed::of(inner.parse::<Resource>()?).from(issuer),
    });
    let app = Router::new()
        .route("/v1/search", get(search))
        .route("/v1/book", post(book))
        .route("/v1/tickets/{how}", post(tickets))
        .with_state(Arc::clone(&office))
        .layer(Extension(guard.clone()))
        .layer(guard.layer())
        .layer(from_fn_with_state(office, exchanging));
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
    need: TokenNeed,
}

/// Before the guard, which lets no handler have the token of a request: leaves a handle in its place, by which tokens come that were exchanged for it. Whether it is one that
/// counts, the guard says.
async fn exchanging(State(office): State<Arc<Office>>, mut request: Request, next: Next) -> Response {
    let lines = request.headers().get_all(AUTHORIZATION).iter().map(http::HeaderValue::as_bytes);
    if let Ok(Some(presented)) = PresentedToken::read(lines) {
        let token = TypedToken::new(presented.token().clone().into(), TokenTypeUrn::AccessToken);
        request.extensions_mut().insert(office.need.clone().in_exchange_for(token));
    }
    next.run(request).await
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
    Extension(need): Extension<TokenNeed>,
    fields: HeaderMap,
) -> Response {
    match office.ticket(&how, &permit, need, fields).await {
        Ok(answer) => done(&permit, json!({ "office": answer })),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

impl Office {
    async fn ticket(
        &self,
        how: &str,
        permit: &Permit,
        need: TokenNeed,
        mut fields: HeaderMap,
    ) -> Outcome<Value> {
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
        let scope = if how == "widen" { BOOK_AND_PAY } else { BOOK };
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
