//! A tool whose callers are known by their connections, by proofs of their own, or by both.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aims::id::WorkloadId;
use aims::{Accept, Audiences, Callers, Connection, ForwardedVerifier, Guard, HardwareKeys, Permit};
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http_body::Frame;
use serde_json::{Value, json};

use super::{Message, Outcome, Workload, patterns};

/// Serves callers of every trust domain that is trusted, and believes one proxy, where there is one. Records go to standard error.
pub(super) async fn serve(workload: &Workload, message: &Message) -> Outcome<Value> {
    let everybody = patterns(message, "peers")?;
    let (listener, url) = workload.listen(everybody).await?;
    let callers = message.get("callers")?.as_array().ok_or("`callers` is not a list")?;
    let callers = callers.into_iter().try_fold(Callers::new(), |callers, pattern| {
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(
            callers.pattern(pattern.as_str().ok_or("a pattern is not a string")?.parse()?),
        )
    })?;
    let mut guard =
        Guard::builder(Audiences::http(&url)?, workload.0.bundles(), callers).accept_connections();
    if let Ok(proxy) = message.text("proxy") {
        let proxy: WorkloadId = proxy.parse()?;
        guard = guard.forwarded_by(ForwardedVerifier::xfcc(proxy, workload.caller().svids()));
    }
    let layer = guard.build()?.layer();
    let app = Router::new().route("/v1/search", get(search)).route("/v1/watch", get(watch)).layer(layer);
    let app = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(json!({ "url": url }))
}

/// Serves whoever signs, with a key in hardware if need be, under its outside name, and signs its answers.
pub(super) async fn serve_signed(workload: &Workload, message: &Message) -> Outcome<Value> {
    let (listener, url) = workload.listen(patterns(message, "peers")?).await?;
    let callers = Callers::new().pattern(message.text("callers")?.parse()?);
    let (audiences, bundles) = (Audiences::http(&message.text("name")?)?, workload.0.bundles());
    let guard = match message.text("keys") {
        Ok(_) => Guard::builder(audiences, bundles, HardwareKeys::and(callers)),
        Err(_) => Guard::builder(audiences, bundles, callers),
    };
    let guard = guard.accept(Accept::signature()).sign_responses(workload.0.wit()).build()?;
    let app = Router::new().route("/v1/book", post(book)).layer(guard.layer());
    let app = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(json!({ "url": url }))
}

/// The content is what was signed.
async fn book(Extension(permit): Extension<Permit>, content: Bytes) -> Json<Value> {
    Json(json!({ "caller": permit.caller().subject().as_str(), "booked": String::from_utf8_lossy(&content) }))
}

async fn search(Extension(permit): Extension<Permit>) -> Json<Value> {
    Json(json!({ "caller": permit.caller().subject().as_str(), "found": ["TP 531", "LH 1172"] }))
}

/// A price now and then, without end. The handler asks nobody whether its caller still counts: the connection does.
async fn watch() -> Body {
    Body::new(Prices(tokio::time::interval(Duration::from_millis(20))))
}

struct Prices(tokio::time::Interval);

impl http_body::Body for Prices {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_tick(cx).map(|_| Some(Ok(Frame::data(Bytes::from_static(b"219 EUR\n")))))
    }
}
