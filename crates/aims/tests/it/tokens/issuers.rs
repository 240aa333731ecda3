//! Callers that have nothing but a token, where each issuer speaks for its own agents alone.

use aims::oauth::{
    AccessTokenRequest, BindingPolicy, DpopVerifier, IssuerAgents, NewActor, ResourceServer, TokenBinding,
};
use aims::proof::ReplayMemory;
use aims::{Accept, Callers, backend};
use http::StatusCode;

use super::dpop::{Shows, TRAVEL, prover};
use super::world::*;

const PARTNERS: &str = "spiffe://partner.example/agents/x";
const ACME: &str = "https://as.acme.example";

/// The issuer of this world is the partner's, and speaks for these alone; acme's server speaks for its own.
fn world(theirs: &[&str]) -> World {
    let set = |patterns: &[&str]| {
        patterns.iter().fold(aims::id::IdSet::new(), |set, pattern| set.pattern(pattern.parse().unwrap()))
    };
    let agents = IssuerAgents::new()
        .issuer(&issuer(), set(theirs))
        .issuer(&ACME.parse().unwrap(), set(&["spiffe://acme.example/**"]));
    let pattern = |callers: Callers, text: &str| callers.pattern(text.parse().unwrap());
    let callers = ["spiffe://acme.example/agents/*", "spiffe://partner.example/agents/*"];
    Setup::new()
        .deciding(callers.into_iter().fold(Callers::new(), pattern))
        .resource(move |tokens| {
            let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build();
            ResourceServer::new(tokens.build(), BindingPolicy::bound()).with_dpop(dpop).with_clients(agents)
        })
        .guard(|guard| guard.accept(Accept::dpop()))
        .build()
}

#[tokio::test]
async fn aims_25_an_issuer_does_not_speak_for_the_agents_of_another_by_naming_it() {
    let thief = prover();
    let token = |client: &'static str| {
        AccessTokenRequest::new("user-1", client, tool())
            .scope("trips:book".parse().unwrap())
            .bound_to(TokenBinding::Key(thief.thumbprint()))
    };
    let named = |actor: &'static str| token(PARTNERS).acting(NewActor::new(actor).known_to(ACME));
    let narrow = world(&["spiffe://partner.example/**"]);
    for request in [token(TRAVEL), named(TRAVEL), named(PARTNERS)] {
        let forged = narrow.issue(&request);
        let request = Shows::new(&thief, &forged).request().await;
        narrow.assert_refused(request, 401, "invalid_token", "not_a_workload", "AIMS-25").await;
    }
    let own = narrow.issue(&token(PARTNERS));
    assert_eq!(narrow.call(Shows::new(&thief, &own).request().await).await.0, StatusCode::OK);
    // Where it may speak for them, too, it may name them as their own server does (EXC-6).
    let wide = world(&["spiffe://partner.example/**", TRAVEL]);
    let exchanged = wide.issue(&named(TRAVEL));
    assert_eq!(wide.call(Shows::new(&thief, &exchanged).request().await).await.0, StatusCode::OK);
    assert_eq!(wide.records.last()["agent"]["id"], TRAVEL);
    // The record says whose name it is.
    assert_eq!(wide.records.last()["authorization"]["actor_issuer"], ACME);
    let plain = wide.issue(&token(TRAVEL));
    assert_eq!(wide.call(Shows::new(&thief, &plain).request().await).await.0, StatusCode::OK);
    assert!(wide.records.last()["authorization"].get("actor_issuer").is_none());
}
