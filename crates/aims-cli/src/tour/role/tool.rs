//! A tool on axum. All of its protection is the [`Guard`] and the [`Permit`] that a handler asks for.

use std::net::Ipv4Addr;

use aims::workload_api::{Endpoint, WorkloadApi, WorkloadSource};
use aims::{Audiences, Callers, Guard, HardwareKeys, Permit, backend};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Control, Outcome, say};

/// Serves until the input ends. Records go where they go by default: standard error.
pub(super) async fn run(mut control: Control) -> Outcome<()> {
    let config = control.config().await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);

    // Whom to trust it learns where everybody learns who they are; and goes on learning it.
    let api = WorkloadApi::new(&Endpoint::from_env()?, backend::ring());
    let source = WorkloadSource::builder(api).with_wit().start().await?;
    let callers = Callers::new().pattern(config.text("callers")?.parse()?);
    let guard = match config.text("keys") {
        // Of these, those alone whose keys hardware holds, by the word of their issuer.
        Ok(_) => {
            Guard::builder(Audiences::http(&url)?, source.bundles(), HardwareKeys::and(callers)).build()?
        }
        Err(_) => Guard::builder(Audiences::http(&url)?, source.bundles(), callers).build()?,
    };
    let app =
        Router::new().route("/v1/search", get(search)).route("/v1/book", get(book)).layer(guard.layer());

    say(&json!({ "url": url }))?;
    tokio::select! {
        served = axum::serve(listener, app).into_future() => Ok(served?),
        ended = control.closed() => ended,
    }
}

async fn search(Extension(permit): Extension<Permit>) -> Json<Value> {
    Json(json!({ "caller": permit.caller().subject().as_str(), "found": ["TP 531", "LH 1172"] }))
}

async fn book(Extension(permit): Extension<Permit>) -> Json<Value> {
    Json(json!({ "caller": permit.caller().subject().as_str(), "booked": "TP 531" }))
}
