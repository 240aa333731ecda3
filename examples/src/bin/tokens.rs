//! A tool that wants access tokens, and two agents that have one: `tokens`.
//!
//! A user lets an agent book flights. The authorization server says so in a token that is bound to the agent's own key, and the tool takes it from that agent alone:
//! one signs its request with its credential, another has nothing but the key of its token, and shows that by `DPoP`. All of it runs in one program, without a socket.

use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use aims::credential::{PeerMap, WitIssuer};
use aims::jose::{Jwk, JwkSet, Thumbprint};
use aims::keys::{Algorithm, SoftwareKey, UnixTime};
use aims::oauth::{
    AccessToken, AccessTokenIssuer, AccessTokenRequest, AccessTokenVerifier, BindingPolicy, DpopProver,
    DpopVerifier, Resource, ResourceMetadata, ResourceServer, SealedNonces, TokenBinding, TrustedIssuer,
};
use aims::proof::ReplayMemory;
use aims::{
    Accept, Agent, Audiences, BundleSet, Callers, CurrentCredential, Guard, Holder, Permit, SigningAgent,
    TrustBundle, Wit, backend,
};
use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use http::{Request, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

const TRIPS: &str = "https://tools.example/v1/trips";

/// What the agent may do, its token says; for more, it is told what to ask for. The token itself is not here.
async fn book(Extension(permit): Extension<Permit>, Extension(guard): Extension<Guard>) -> Response {
    let (Some(authorization), Ok(needed)) = (permit.authorization(), "trips:book".parse()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if let Err(shortfall) = authorization.require_scope(&needed) {
        return guard.step_up(shortfall).to_response().into_response();
    }
    let user = authorization.on_behalf_of().unwrap_or("itself".into());
    let shown = authorization.shown_by().name();
    format!("booked by {} for {user}, shown by {shown}", permit.caller().subject()).into_response()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let now = UnixTime::try_from(SystemTime::now())?;
    let (workloads, server) = (Workloads::new()?, new_key()?);
    let mut app = tool(&workloads.trust, &server)?;
    let server = AccessTokenIssuer::new("https://as.example".parse()?, server, "as-1")?;

    // Whoever comes without a token learns where the tool says what it takes.
    let refused = app.call(Request::post("/v1/trips").body(Body::empty())?).await?;
    println!("{}", status_and(&refused, "www-authenticate"));
    let resource: Resource = "https://tools.example".parse()?;
    let place = ResourceMetadata::url(&resource)?;
    let metadata = app.call(Request::get(place.as_str()).body(Body::empty())?).await?.into_body();
    let metadata = ResourceMetadata::parse(&to_bytes(metadata, ResourceMetadata::MAX_LEN).await?, &resource)?;
    for issuer in metadata.authorization_servers() {
        println!("tokens are issued by {issuer}");
    }

    // There the agent gets one, which is bound to the key of its credential.
    let issue = |agent: &str, key, scope: &str| -> Result<AccessToken, Box<dyn Error>> {
        let request = AccessTokenRequest::new("user-1", agent, resource.clone()).scope(scope.parse()?);
        Ok(server.issue(&request.bound_to(TokenBinding::Key(key)), now)?.into_token())
    };
    let (travel, key) = workloads.agent("spiffe://acme.example/agents/travel", now)?;
    let token = issue("spiffe://acme.example/agents/travel", key, "trips:book")?;
    let book = || Request::post(TRIPS).header("authorization", format!("Bearer {}", token.expose()));
    let answer = travel.layer().layer(app.clone()).call(book().body(Body::empty())?).await?;
    println!("{} {}", answer.status().as_u16(), text(Body::new(answer.into_body())).await?);

    // Another agent that got hold of it has a good credential of its own, and no use for the token.
    let (thief, _) = workloads.agent("spiffe://acme.example/agents/thief", now)?;
    let answer = thief.layer().layer(app.clone()).call(book().body(Body::empty())?).await?;
    println!("{} {}", answer.status().as_u16(), text(Body::new(answer.into_body())).await?);

    // An agent without a credential that the tool knows: its issuer says who it is, and a proof that the token is its own.
    let prover = DpopProver::new(new_key()?)?;
    let token = issue("spiffe://acme.example/agents/helper", prover.thumbprint(), "trips:read")?;
    let (target, mut nonce) = (TRIPS.parse()?, None::<String>);
    for _ in 0..2 {
        let mut proof = prover.proof("POST", &target).with_token(&token);
        if let Some(nonce) = &nonce {
            proof = proof.with_nonce(nonce);
        }
        let request = Request::post("/v1/trips").header("dpop", proof.sign(now).await?);
        let request = request.header("authorization", format!("DPoP {}", token.expose()));
        let answer = app.call(request.body(Body::empty())?).await?;
        // The first time the tool says which nonce it wants; the second, what else the token would have to be good for.
        println!("{}", status_and(&answer, "www-authenticate"));
        nonce = answer.headers().get("dpop-nonce").and_then(|nonce| nonce.to_str().ok()).map(str::to_owned);
    }
    Ok(())
}

/// The tool. Most issuers publish their keys: `TrustedIssuer::following` has them fetched, where this one is told of them.
fn tool(trust: &BundleSet, server: &SoftwareKey) -> Result<Router, Box<dyn Error>> {
    let resource: Resource = "https://tools.example".parse()?;
    let keys = JwkSet::new(vec![Jwk::new(server.public_key().clone()).with_key_id("as-1")?])?;
    let issuer = TrustedIssuer::new("https://as.example".parse()?, keys);
    let tokens = AccessTokenVerifier::builder(resource.clone(), issuer, backend::ring()).build();
    let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100_000), backend::ring())
        .require_nonces(SealedNonces::generate(backend::ring())?)
        .build();
    let about = ResourceMetadata::builder(resource).scopes("trips:book trips:read".parse()?).build()?;
    let server = ResourceServer::new(tokens, BindingPolicy::bound()).with_dpop(dpop).with_metadata(about);

    let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse()?);
    let guard = Guard::builder(Audiences::http("https://tools.example")?, trust.clone(), callers)
        .access_tokens(server)
        .accept(Accept::signature().or(Accept::dpop()))
        .build()?;
    let routes = Router::new().route("/v1/trips", post(book)).layer(Extension(guard.clone()));
    Ok(routes.layer(guard.layer()))
}

/// The issuer of credentials in one trust domain. Where there is a Workload API, `WorkloadSource` brings what agents need.
struct Workloads {
    issuer: WitIssuer,
    trust: BundleSet,
}

impl Workloads {
    fn new() -> Result<Self, Box<dyn Error>> {
        let key = new_key()?;
        let keys = JwkSet::new(vec![Jwk::new(key.public_key().clone()).with_key_id("2026-11")?])?;
        let trust = BundleSet::from(TrustBundle::new("spiffe://acme.example".parse()?, keys));
        Ok(Self { issuer: WitIssuer::new("spiffe://acme.example".parse()?, key, "2026-11")?, trust })
    }

    /// An agent, and the name of its key.
    fn agent(&self, id: &str, now: UnixTime) -> Result<(SigningAgent, Thumbprint), Box<dyn Error>> {
        let key = new_key()?;
        let thumbprint = Thumbprint::of(key.public_key());
        let wit =
            Wit::from_issuer(&self.issuer.issue(&id.parse()?, key.public_key(), now)?, backend::ring())?;
        let agent = Agent::new(CurrentCredential::new(Holder::new(wit, key)?));
        Ok((agent.signing(self.trust.clone(), PeerMap::new()), thumbprint))
    }
}

fn new_key() -> Result<Arc<SoftwareKey>, Box<dyn Error>> {
    Ok(Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?))
}

fn status_and(answer: &Response, field: &str) -> String {
    let lines = answer.headers().get_all(field).iter().filter_map(|line| line.to_str().ok());
    format!("{} {}", answer.status().as_u16(), lines.collect::<Vec<_>>().join("\n    "))
}

async fn text(body: Body) -> Result<String, Box<dyn Error>> {
    Ok(String::from_utf8(to_bytes(body, 65_536).await?.to_vec())?)
}
