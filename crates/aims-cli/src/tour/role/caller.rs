//! Whoever calls over connections of its own.

use std::error::Error;
use std::sync::Arc;

use aims::credential::x509::SvidVerifier;
use aims::credential::{AccessHandle, PeerMap};
use aims::id::{IdSet, WorkloadId};
use aims::proof::{VerifiedResponse, XFCC_FIELD};
use aims::tls::{MutualTls, TlsClient};
use aims::{Agent, AgentError, BundleSet, Connector, CredentialSource, TraceParent, backend};
use axum::body::{Body, Bytes};
use http::header::HOST;
use http::{HeaderValue, Request, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};

use super::{Message, Outcome};

/// What it goes by, and whom it trusts.
pub(super) struct Caller {
    pub(super) x509: Arc<dyn CredentialSource>,
    pub(super) wit: Arc<dyn CredentialSource>,
    pub(super) bundles: BundleSet,
}

impl Caller {
    /// Calls over a new connection; with a proof of its own for `audience`, and a field that says whom a proxy has seen, where the
    /// message has these.
    pub(super) async fn call(&self, message: &Message) -> Outcome<Value> {
        let trace = TraceParent::begin().to_string();
        let mut request = get(&message.text("url")?)?;
        request.headers_mut().insert("traceparent", trace.parse()?);
        if let Ok(audience) = message.text("audience") {
            Agent::new(Arc::clone(&self.wit)).attach_for(&audience, request.headers_mut()).await?;
        }
        if let Ok(forged) = message.text("xfcc") {
            request.headers_mut().insert(XFCC_FIELD, forged.parse()?);
        }
        let client = client(self.connector(&message.text("expect")?)?);
        let Ok(response) = client.request(request).await else {
            // The reason is the server's to tell.
            return Ok(json!({ "traceparent": trace, "status": 0, "body": null }));
        };
        let status = response.status().as_u16();
        let body: Bytes = response.into_body().collect().await?.to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        Ok(json!({ "traceparent": trace, "status": status, "body": body }))
    }

    /// Books, signed, at whoever is at the other end of the connection; and takes no answer that the tool did not sign.
    pub(super) async fn book(&self, message: &Message) -> Outcome<Value> {
        let (url, via): (Uri, Uri) = (message.text("url")?.parse()?, message.text("via")?.parse()?);
        let peers = PeerMap::new();
        peers.insert(AccessHandle::DnsName(url.host().unwrap_or_default()), message.text("tool")?.parse()?);
        let agent = Agent::new(Arc::clone(&self.wit)).signing(self.bundles.clone(), peers);
        let trace = TraceParent::begin().to_string();
        let request = Request::post(url)
            .header("content-type", "application/json")
            .header("traceparent", &trace)
            .body(Body::from(r#"{"to": "LIS"}"#))?;

        // Below the signature, the way to the tool: its name stays, and the connection goes elsewhere, to a gateway for one.
        let client = client(self.connector(&message.text("expect")?)?);
        let wire = tower::service_fn(move |mut request: Request<Body>| {
            let (client, via) = (client.clone(), via.clone().into_parts());
            async move {
                let mut parts = request.uri().clone().into_parts();
                (parts.scheme, parts.authority) = (via.scheme, via.authority);
                *request.uri_mut() = Uri::from_parts(parts)?;
                request.headers_mut().insert(HOST, HeaderValue::from_static("tools.example"));
                Ok::<_, Box<dyn Error + Send + Sync>>(client.request(request).await?)
            }
        });
        match agent.demand_signed_responses().layer().layer(wire).oneshot(request).await {
            Ok(response) => {
                let signer =
                    response.extensions().get::<VerifiedResponse>().map(|by| by.wit().subject().to_string());
                let status = response.status().as_u16();
                let body: Value = serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?;
                Ok(json!({ "traceparent": trace, "status": status, "body": body, "signer": signer }))
            }
            Err(AgentError::Response { error, .. }) => {
                Ok(json!({ "traceparent": trace, "code": error.code(), "rule": error.rule() }))
            }
            Err(error) => Err(error.to_string().into()),
        }
    }

    pub(super) fn svids(&self) -> SvidVerifier {
        SvidVerifier::builder(self.bundles.clone(), backend::ring()).build()
    }

    pub(super) fn mutual_tls(&self, peers: IdSet) -> MutualTls {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        MutualTls::new(Arc::clone(&self.x509), self.svids(), peers, provider)
    }

    /// Connects to whoever shows to be `expected`, and nobody else.
    pub(super) fn tls_client(&self, expected: &str) -> Outcome<TlsClient> {
        let expected: WorkloadId = expected.parse()?;
        Ok(self.mutual_tls(IdSet::from(expected)).client()?)
    }

    pub(super) fn connector(&self, expected: &str) -> Outcome<Connector> {
        Ok(Connector::new(self.tls_client(expected)?))
    }
}

pub(super) fn client(connector: Connector) -> Client<Connector, Body> {
    Client::builder(TokioExecutor::new()).build(connector)
}

pub(super) fn get(url: &str) -> Outcome<Request<Body>> {
    Ok(Request::get(url).body(Body::empty())?)
}
