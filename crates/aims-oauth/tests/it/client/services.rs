//! Agents and tools that are called, and call others.

use std::sync::Arc;

use aims_keys::{SoftwareKey, backend};
use aims_oauth::{
    AccessTokenVerifier, Authorized, BindingPolicy, ClientCredential, ClientKey, DpopProver, DpopVerifier,
    HeldToken, Parameters, Possession, PresentedToken, Resource, ResourceError, ResourceServer,
    SenderConstraint, TokenClient, TokenNeed, VerifiedAccessToken,
};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;

use super::support::*;
use crate::client_auth::support::key;
use crate::world::*;

const HELPER: &str = "https://helper.example";
const INNER: &str = "https://inner.example";

/// An agent that others call: a resource server and a client.
struct Helper {
    key: Arc<SoftwareKey>,
    world: World,
    server: ResourceServer,
}

impl Helper {
    fn new() -> Self {
        let key = Arc::new(key());
        let world = World::with(|server| {
            let server = server.client("helper", &*key, &[]).serves(HELPER);
            server.resource(HELPER, "trips:read trips:book").resource(INNER, "trips:read trips:book")
        });
        let tokens =
            AccessTokenVerifier::builder(resource(HELPER), world.server.trusted(), backend::ring()).build();
        let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(9), backend::ring()).build();
        let server = ResourceServer::new(tokens, BindingPolicy::bound()).with_dpop(dpop);
        Self { key, world, server }
    }

    /// What it gets tokens with, by its own name and key.
    fn tokens(&self, between: &Between) -> TokenClient {
        let credential = ClientCredential::key(ClientKey::new("helper", self.key.clone(), None).unwrap());
        TokenClient::builder(between.clone(), self.world.clock.reader(), backend::ring())
            .server(issuer(), credential, SenderConstraint::dpop(prover()))
            .build()
    }

    /// A request arrives with this token, and by whoever has this key.
    async fn called_with(&self, token: &HeldToken, prover: &DpopProver) -> Result<Authorized, ResourceError> {
        let target = HELPER.parse().unwrap();
        let proof = prover.proof("POST", &target).with_token(token.token()).sign(NOW).await.unwrap();
        self.called(&format!("DPoP {}", token.token().expose()), &proof)
    }

    fn called(&self, authorization: &str, proof: &str) -> Result<Authorized, ResourceError> {
        let presented = PresentedToken::read([authorization]).unwrap().unwrap();
        let token = self.server.verify(&presented, NOW)?;
        let target = HELPER.parse().unwrap();
        let proof = self.server.verify_dpop(&presented, &token, [proof], "POST", &target, NOW)?.unwrap();
        self.server.authorize(&presented, &token, Possession::Dpop(&proof))
    }

    fn read(&self, at: &str, token: &HeldToken) -> VerifiedAccessToken {
        self.verifier(at).verify(token.token(), NOW).unwrap()
    }

    fn verifier(&self, at: &str) -> AccessTokenVerifier {
        AccessTokenVerifier::builder(resource(at), self.world.server.trusted(), backend::ring()).build()
    }
}

fn resource(text: &str) -> Resource {
    text.parse().unwrap()
}

/// A token for this resource, in the right of the agent that calls.
async fn own(tokens: &TokenClient, at: &str) -> HeldToken {
    let need = TokenNeed::of(resource(at)).from(issuer()).scope("trips:read".parse().unwrap());
    tokens.token(&need).await.unwrap()
}

#[tokio::test]
async fn aims_32_an_agent_is_called_by_another_as_any_resource_is() {
    let helper = Helper::new();
    let (world, between) = (&helper.world, Between::of(&helper.world.server));
    let other = world.tokens(Between::of(&world.server));
    let inbound = own(&other, HELPER).await;
    let called = helper.called_with(&inbound, &world.prover).await.unwrap();
    assert_eq!((&*called.actor(), called.on_behalf_of()), (CLIENT, None));
    called.require_scope(&"trips:read".parse().unwrap()).unwrap();
    let more = called.require_scope(&"trips:book".parse().unwrap()).unwrap_err();
    assert_eq!(more.rule(), "CHA-3");

    // What is for a tool is not for the agent, and the other's token without the other's key is nothing.
    let of_tool = own(&other, TOOL).await;
    assert_refused!(helper.called_with(&of_tool, &world.prover).await, "audience_mismatch", "ACT-4");
    assert_refused!(helper.called_with(&inbound, &prover()).await, "other_key", "DPO-6");

    // The same agent is a client of tools, by its own name: what it was called with has no part in that.
    let outbound = own(&helper.tokens(&between), TOOL).await;
    let read = helper.read(TOOL, &outbound);
    assert_eq!((&*read.client_id(), &*read.subject()), ("helper", "helper"));
    let posted = between.posted();
    assert!(posted.len() == 1 && !posted[0].contains(inbound.token().expose()));
    assert_refused!(helper.called_with(&outbound, &world.prover).await, "audience_mismatch", "ACT-4");
}

#[tokio::test]
async fn aims_48_what_goes_on_is_derived_and_narrower_and_the_original_goes_to_its_issuer_alone() {
    let helper = Helper::new();
    let (world, between) = (&helper.world, Between::of(&helper.world.server));
    let agent = world.tokens(Between::of(&world.server));
    let need = TokenNeed::of(resource(HELPER)).from(issuer()).scope("trips:read trips:book".parse().unwrap());
    let inbound = agent.token(&need).await.unwrap();
    let called = helper.called_with(&inbound, &world.prover).await.unwrap();

    let tokens = helper.tokens(&between);
    let on = |scope: &str| TokenNeed::of(resource(INNER)).on_behalf_of(&called).scope(scope.parse().unwrap());
    let outbound = tokens.token(&on("trips:read")).await.unwrap();
    let (before, after) = (helper.read(HELPER, &inbound), helper.read(INNER, &outbound));
    assert_eq!((&*after.subject(), after.scope().as_str()), (&*before.subject(), "trips:read"));
    assert!(after.not_after() <= before.not_after() && after.scope().is_subset_of(before.scope()));
    assert_ne!(after.binding(), before.binding());
    // Each is good for its own resource alone.
    assert_refused!(helper.verifier(INNER).verify(inbound.token(), NOW), "audience_mismatch", "ACT-4");
    assert_refused!(helper.verifier(HELPER).verify(outbound.token(), NOW), "audience_mismatch", "ACT-4");

    // The original is in what was sent to its issuer, once, and in nothing that goes to the next service.
    let (posted, original) = (between.posted(), inbound.token().expose());
    let [form] = &*posted else { panic!("one request") };
    let form = Parameters::parse(form.as_bytes()).unwrap();
    assert_eq!(form.get("subject_token").unwrap(), Some(original));
    let fields = outbound.fields("POST", &https(INNER), None, NOW).await.unwrap();
    assert!(fields.iter().all(|(_, value)| !value.contains(original)));
    assert!(fields[0].1.contains(outbound.token().expose()));
    // No token goes on for what was not granted.
    let client = helper.tokens(&between);
    assert_eq!(client.token(&on("trips:pay")).await.unwrap_err().code(), "refused");
}
