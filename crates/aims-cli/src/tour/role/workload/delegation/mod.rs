//! Workloads that act for users, and those that they call.

mod deputy;
mod stolen;
mod tickets;
mod trips;

use std::sync::Arc;

use aims::credential::PeerMap;
use aims::credential::x509::CertificateDer;
use aims::oauth::{
    AccessTokenVerifier, BindingPolicy, ClientCredential, ClientError, Issuer, ResourceServer,
    SenderConstraint, Shown, TokenClient, TrustedIssuer,
};
use aims::workload_api::fetch::{GuardedFetch, WebTrust};
use aims::{
    Accept, Agent as Prover, AgentError, AttachError, Audiences, Callers, Guard, SigningAgent, SystemClock,
    backend,
};
use axum::body::{Body, Bytes};
use http::Request;
use http_body_util::BodyExt;
use rustls::crypto::ring::default_provider;
use serde_json::{Value, json};
use tower::{Service, ServiceExt};

pub(super) use self::deputy::Deputy;
pub(super) use self::tickets::serve as serve_tickets;
pub(super) use self::trips::serve as serve_trips;
use super::{Message, Outcome, Workload};

/// The authorization server that a workload was told of, and a way to it: it is verified as the workload that it is.
fn authority(workload: &Workload, message: &Message) -> Outcome<(Issuer, GuardedFetch)> {
    let issuer: Issuer = message.text("issuer")?.parse()?;
    let own = workload.bundle()?;
    let anchors = own.x509_authorities().iter().map(|root| CertificateDer::from(root.der().to_vec()));
    let fetch = GuardedFetch::builder(WebTrust::anchors(anchors)?, Arc::new(default_provider()))
        .allow_private_host("127.0.0.1")
        .allow_port(issuer.as_url().port())
        .build()?;
    let client = workload.caller().tls_client(&message.text("authority")?)?;
    Ok((issuer, fetch.for_workload(&client)))
}

/// Asks that authorization server for tokens: as the workload that it is, and bound to its key.
fn tokens(workload: &Workload, message: &Message) -> Outcome<(Issuer, TokenClient)> {
    let (issuer, fetch) = authority(workload, message)?;
    let credential = ClientCredential::wit_svid(workload.subject()?.parse()?, workload.0.wit());
    let tokens = TokenClient::builder(fetch, SystemClock::default(), backend::ring())
        .server(issuer.clone(), credential, SenderConstraint::signature(workload.0.wit()))
        .build();
    Ok((issuer, tokens))
}

/// Takes requests that are signed, with a token of that authorization server for `url` that is bound to the same key. Records go to standard error.
fn guard(workload: &Workload, message: &Message, url: &str) -> Outcome<Guard> {
    let (issuer, fetch) = authority(workload, message)?;
    let trusted = TrustedIssuer::following(issuer, fetch, backend::ring());
    let tokens = AccessTokenVerifier::builder(url.parse()?, trusted, backend::ring()).build();
    let resource = ResourceServer::new(tokens, BindingPolicy::only(&[Shown::Signature]));
    let callers = Callers::new().pattern(message.text("callers")?.parse()?);
    let guard = Guard::builder(Audiences::http(url)?, workload.0.bundles(), callers)
        .accept(Accept::signature())
        .access_tokens(resource)
        .build()?;
    Ok(guard)
}

fn signing(workload: &Workload) -> SigningAgent {
    Prover::new(workload.0.wit()).signing(workload.0.bundles(), PeerMap::new())
}

/// Sends a request by `http`, and says what came of it: an answer, what the tool wants beyond it, or why nothing was sent.
async fn send<S, R, E>(http: S, request: Request<Body>) -> Outcome<Value>
where
    S: Service<Request<Body>, Response = http::Response<R>, Error = AgentError<E>>,
    R: http_body::Body<Data = Bytes>,
    R::Error: std::error::Error + Send + Sync + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    match http.oneshot(request).await {
        Ok(response) => answer(response).await,
        Err(AgentError::StepUp { wanted, .. }) => Ok(step_up(&wanted)),
        Err(AgentError::Attach(AttachError::Token(error) | AttachError::StepUp { error, .. })) => {
            Ok(refused(&error))
        }
        Err(error) => Err(error.into()),
    }
}

/// An answer.
async fn answer<R>(response: http::Response<R>) -> Outcome<Value>
where
    R: http_body::Body<Data = Bytes>,
    R::Error: std::error::Error + Send + Sync + 'static,
{
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok(json!({ "status": status, "body": serde_json::from_slice::<Value>(&body).unwrap_or_default() }))
}

fn step_up(wanted: &aims::oauth::StepUp) -> Value {
    match wanted {
        aims::oauth::StepUp::Scope(scope) => json!({ "step_up": scope.as_str() }),
        other => json!({ "step_up": format!("{other:?}") }),
    }
}

/// Why there is no token: in the words of the server, where it is that which says no.
fn refused(error: &ClientError) -> Value {
    let by_server = error.error_code();
    json!({
        "refused": by_server.map_or(error.code(), |code| code.as_str()),
        "rule": error.rule(),
        "by": if by_server.is_some() { "authority" } else { "client" },
    })
}
