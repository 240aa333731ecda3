//! A service behind a tool: it is called by the tool, and says for whom.

use aims::oauth::Authorized;
use aims::{Connection, Permit};
use axum::routing::post;
use axum::{Extension, Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use super::super::patterns;
use super::{Message, Outcome, Workload, guard};

/// Serves tools.
pub(in super::super) async fn serve(workload: &Workload, message: &Message) -> Outcome<Value> {
    let (listener, url) = workload.listen(patterns(message, "peers")?).await?;
    let guard = guard(workload, message, &url)?;
    let app = Router::new().route("/v1/issue", post(issue)).layer(guard.layer());
    let app = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(json!({ "url": url }))
}

/// A ticket, and who had a hand in it: the one that acts now first.
async fn issue(Extension(permit): Extension<Permit>) -> Result<Json<Value>, StatusCode> {
    let authorization = permit.authorization().ok_or(StatusCode::FORBIDDEN)?;
    let actors: Vec<_> =
        authorization.token().actors().iter().map(|actor| actor.subject().into_owned()).collect();
    let (caller, user) = parties(authorization);
    Ok(Json(json!({ "caller": caller, "for": user, "actors": actors, "ticket": "220-1234567890" })))
}

/// Who acts, and for whom.
pub(super) fn parties(authorization: &Authorized) -> (String, Option<String>) {
    (authorization.actor().into_owned(), authorization.on_behalf_of().map(Into::into))
}
