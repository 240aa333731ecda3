//! A proxy that ends TLS, and says in `X-Forwarded-Client-Cert` whom it had at the other end.

use std::fmt::Write;
use std::sync::Arc;

use aims::credential::x509::to_pem;
use aims::proof::XFCC_FIELD;
use aims::{Connection, Connector};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::{HeaderValue, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::{Message, Outcome, Workload, patterns};

/// Forwards to one tool what its clients send.
pub(super) async fn serve(workload: &Workload, message: &Message) -> Outcome<Value> {
    let (listener, url) = workload.listen(patterns(message, "peers")?).await?;
    let client = Client::builder(TokioExecutor::new()).build(workload.connector(&message.text("expect")?)?);
    let upstream = Upstream { client, base: message.text("to")?.parse()?, own: message.text("as")? };
    let app = Router::new().fallback(forward).with_state(Arc::new(upstream));
    let app = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(json!({ "url": url }))
}

struct Upstream {
    client: Client<Connector, Body>,
    base: Uri,
    own: String,
}

async fn forward(
    State(upstream): State<Arc<Upstream>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    mut request: Request,
) -> Response {
    let Some(target) = target(&upstream.base, request.uri()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Ok(value) = HeaderValue::try_from(element(&upstream.own, &connection)) else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    *request.uri_mut() = target;
    request.headers_mut().remove(HOST);
    // Set, whatever the client wrote there.
    request.headers_mut().insert(XFCC_FIELD, value);
    match upstream.client.request(request).await {
        Ok(response) => response.into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

fn target(base: &Uri, asked: &Uri) -> Option<Uri> {
    let builder = Uri::builder().scheme(base.scheme()?.clone()).authority(base.authority()?.clone());
    builder.path_and_query(asked.path_and_query()?.clone()).build().ok()
}

/// As Envoy writes it, with the details `cert` and `uri`.
fn element(own: &str, connection: &Connection) -> String {
    let client = connection.peer();
    let pem = to_pem(client.svid().chain().first());
    let mut escaped = String::with_capacity(2 * pem.len());
    for byte in pem.bytes() {
        if byte.is_ascii_alphanumeric() {
            escaped.push(byte.into());
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    format!("By={own};Cert=\"{escaped}\";URI={}", client.subject())
}
