//! A resource server: whose token it is, and what it is good for.

mod challenges;
mod clients;
mod dpop;
mod metadata;
mod tokens;
mod workloads;

use aims_credential::{BundleSet, WitCache, WitVerifier};
use aims_httpsig::RawMessage;
use aims_keys::backend;
use aims_oauth::{
    AccessToken, Authorized, BindingPolicy, DpopVerifier, Possession, PresentedToken, ResourceError,
    ResourceServer,
};
use aims_proof::{
    Audiences, Authenticated, NewRequestSignature, ReplayMemory, SignatureVerifier, http_audience,
};
use aims_testkit::{TestAgent, TestAuthority};

use crate::world::*;

const URI: &str = "https://tools.example/v1/search";

fn server_of(server: &Server, policy: BindingPolicy) -> ResourceServer {
    let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build();
    ResourceServer::new(server.verifier().build(), policy).with_dpop(dpop)
}

fn presented(scheme: &str, token: &AccessToken) -> PresentedToken {
    PresentedToken::read([format!("{scheme} {}", token.expose())]).unwrap().unwrap()
}

fn authorize(
    server: &ResourceServer,
    scheme: &str,
    token: &AccessToken,
    possession: Possession<'_>,
) -> Result<Authorized, ResourceError> {
    let presented = presented(scheme, token);
    let verified = server.verify(&presented, NOW)?;
    server.authorize(&presented, &verified, possession)
}

/// An agent that signed a request which carries this in `Authorization`.
async fn signed(authority: &TestAuthority, agent: &TestAgent, authorization: Option<&str>) -> Authenticated {
    let wits = WitVerifier::builder(BundleSet::from(authority.trust()), backend::ring()).build();
    let wits = WitCache::new(wits, 10);
    let mut request =
        RawMessage::request("GET", "/v1/search").with_header("workload-identity-token", agent.wit());
    if let Some(authorization) = authorization {
        request = request.with_header("authorization", authorization);
    }
    let fields =
        NewRequestSignature::new(http_audience(URI)).sign(&agent.holder(), &request, NOW).await.unwrap();
    let request = request
        .with_header("signature-input", fields.fields().signature_input())
        .with_header("signature", fields.fields().signature());
    let audiences = Audiences::http("https://tools.example").unwrap();
    let verifier = SignatureVerifier::builder(audiences, ReplayMemory::with_capacity(10)).build();
    let signature = verifier.verify_request(&wits, &request, NOW).unwrap().with_content(b"", NOW).unwrap();
    Authenticated::by_signature(&signature)
}
