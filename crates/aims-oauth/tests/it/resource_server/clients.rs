//! Which workload a client is, by the names that its issuer has for it.

use std::sync::Arc;

use aims_id::WorkloadId;
use aims_keys::AsyncSigner;
use aims_oauth::{
    AccessTokenRequest, BindingPolicy, ClientIdentities, IssuerAgents, NamedClients, NewActor, Possession,
    ResourceServer, TokenBinding,
};
use aims_testkit::{TestAuthority, assert_refused};

use super::{authorize, presented, server_of, signed};
use crate::world::*;

/// Believes one issuer about its own agents alone.
#[derive(Debug)]
struct OwnAgents;

impl ClientIdentities for OwnAgents {
    fn is(&self, issuer: &str, _: &str, workload: &WorkloadId) -> bool {
        issuer == ISSUER && workload.origin_str() == "spiffe://acme.example"
    }
}

#[test]
fn aims_25_the_issuer_says_which_workload_a_token_was_given_to() {
    let server = Server::new();
    let rs = server_of(&server, BindingPolicy::bound());
    let agent_of = |rs: &ResourceServer, request: &AccessTokenRequest<'_>| {
        let presented = presented("Bearer", &server.issue(request));
        rs.agent(&rs.verify(&presented, NOW).unwrap()).map(|agent| agent.to_string())
    };
    let helper = "spiffe://acme.example/agents/helper";
    assert_eq!(agent_of(&rs, &request()).as_deref(), Some(AGENT));
    assert_eq!(agent_of(&rs, &request().acting(NewActor::new(helper))).as_deref(), Some(helper));
    // Clients that are no workloads, and actors: the client behind one is not it.
    assert_eq!(agent_of(&rs, &AccessTokenRequest::new(USER, "https://app.example/client", tool())), None);
    assert_eq!(agent_of(&rs, &request().acting(NewActor::new("a-script"))), None);
    let mapped = server_of(&server, BindingPolicy::bound()).with_clients(Arc::new(OwnAgents));
    assert_eq!(agent_of(&mapped, &request()).as_deref(), Some(AGENT));
    let foreign = NewActor::new(helper).known_to("https://as.other.example");
    assert_eq!(agent_of(&mapped, &request().acting(foreign)), None);
    assert_eq!(agent_of(&mapped, &request().acting(NewActor::new("spiffe://bank.example/agents/a"))), None);
}

#[test]
fn aims_25_an_issuer_speaks_for_its_own_agents_alone() {
    let server = Server::new();
    let pattern = |text: &str| aims_id::IdSet::new().pattern(text.parse().unwrap());
    let other = "https://as.other.example";
    let agents = IssuerAgents::new()
        .issuer(&issuer(), pattern("spiffe://acme.example/**"))
        .issuer(&issuer(), pattern("spiffe://acme.example/agents/*"))
        .issuer(&other.parse().unwrap(), pattern("spiffe://other.example/**"));
    let rs = server_of(&server, BindingPolicy::bound()).with_clients(agents);
    let agent_of = |request: &AccessTokenRequest<'_>| {
        let presented = presented("Bearer", &server.issue(request));
        rs.agent(&rs.verify(&presented, NOW).unwrap()).map(|agent| agent.to_string())
    };
    let new = |client| AccessTokenRequest::new(USER, client, tool());
    assert_eq!(agent_of(&request()).as_deref(), Some(AGENT));
    for client in ["spiffe://acme.example/tools/search", "spiffe://other.example/agents/a", "client-7"] {
        assert_eq!(agent_of(&new(client)), None, "{client}");
    }
    // Nor for those of another, by naming it as the one who knows them: whoever signs says what it likes.
    let foreign = "spiffe://other.example/agents/a";
    assert_eq!(agent_of(&request().acting(NewActor::new(foreign))), None);
    assert_eq!(agent_of(&request().acting(NewActor::new(foreign).known_to(other))), None);
    assert_eq!(agent_of(&request().acting(NewActor::new(AGENT).known_to(other))), None);
    assert_eq!(agent_of(&request().acting(NewActor::new(AGENT).known_to(ISSUER))).as_deref(), Some(AGENT));
}

#[test]
fn aims_25_exc_6_an_actor_of_another_issuer_counts_where_both_may_speak_for_it() {
    let server = Server::new();
    let (other, foreign) = ("https://as.other.example", "spiffe://other.example/agents/a");
    let set = |patterns: &[&str]| {
        patterns.iter().fold(aims_id::IdSet::new(), |set, pattern| set.pattern(pattern.parse().unwrap()))
    };
    let own = "spiffe://acme.example/agents/*";
    let agents = |theirs: &[&str]| {
        IssuerAgents::new()
            .issuer(&issuer(), set(&[own, "spiffe://other.example/agents/*"]))
            .issuer(&other.parse().unwrap(), set(theirs))
    };
    let agent_of = |clients: Arc<dyn ClientIdentities>, request: &AccessTokenRequest<'_>| {
        let rs = server_of(&server, BindingPolicy::bound()).with_clients(clients);
        let presented = presented("Bearer", &server.issue(request));
        rs.agent(&rs.verify(&presented, NOW).unwrap()).map(|agent| agent.to_string())
    };
    // As an exchange with the actor token of another issuer leaves it.
    let known = request().acting(NewActor::new(foreign).known_to(other));
    let both = agents(&["spiffe://other.example/**"]);
    assert_eq!(agent_of(Arc::new(both), &known).as_deref(), Some(foreign));
    assert_eq!(agent_of(Arc::new(agents(&["spiffe://third.example/**"])), &known), None);
    // Nor does a resource server that asks nobody who calls.
    let rs = server_of(&server, BindingPolicy::bound().dangerous_or_bearer());
    let token = server.issue(&known);
    let shown = presented("Bearer", &token);
    let judge = |clients: IssuerAgents| {
        let rs = rs.clone().with_clients(clients);
        rs.authorize(&shown, &rs.verify(&shown, NOW).unwrap(), Possession::Nothing)
    };
    let authorized = judge(agents(&["spiffe://other.example/**"])).unwrap();
    assert_eq!((&*authorized.actor(), &*authorized.actor_issuer()), (foreign, other));
    let silent = IssuerAgents::new()
        .issuer(&issuer(), set(&[own]))
        .issuer(&other.parse().unwrap(), set(&["spiffe://other.example/**"]));
    assert_refused!(judge(silent), "other_client", "AIMS-25");
    // By another name over there.
    let named = NamedClients::new().client(&other.parse().unwrap(), "a-7", foreign.parse().unwrap());
    let known = request().acting(NewActor::new("a-7").known_to(other));
    assert_eq!(agent_of(Arc::new(named.clone()), &known), None);
    let ours = named.clone().client(&issuer(), "agent-of-other", AGENT.parse().unwrap());
    assert_eq!(agent_of(Arc::new(ours), &known), None);
    let ours = named.client(&issuer(), "agent-of-other", foreign.parse().unwrap());
    assert_eq!(agent_of(Arc::new(ours), &known).as_deref(), Some(foreign));
    // Who believes one issuer, or all about everything, asks nobody else.
    let plain = request().acting(NewActor::new(foreign).known_to(other));
    assert_eq!(agent_of(Arc::new(aims_oauth::SameIdentity), &plain).as_deref(), Some(foreign));
}

#[tokio::test(flavor = "current_thread")]
async fn aims_25_a_workload_that_proves_who_it_is_has_no_token_of_an_issuer_that_may_not_speak_for_it() {
    let (server, acme) = (Server::new(), TestAuthority::new("spiffe://acme.example"));
    let agent = acme.agent("/agents/travel", NOW);
    let holder = agent.holder();
    let key = aims_jose::Thumbprint::of(AsyncSigner::public_key(holder.signer(NOW).unwrap()));
    let other = "https://as.other.example";
    let token = server
        .issue(&request().acting(NewActor::new(AGENT).known_to(other)).bound_to(TokenBinding::Key(key)));
    let caller = signed(&acme, &agent, Some(&format!("Bearer {}", token.expose()))).await;
    let all = || aims_id::IdSet::new().pattern("spiffe://acme.example/**".parse().unwrap());
    let theirs = IssuerAgents::new().issuer(&other.parse().unwrap(), all());
    let narrow = server_of(&server, BindingPolicy::bound()).with_clients(theirs.clone());
    assert_refused!(
        authorize(&narrow, "Bearer", &token, Possession::Workload(&caller)),
        "other_client",
        "AIMS-25"
    );
    let wide = server_of(&server, BindingPolicy::bound()).with_clients(theirs.issuer(&issuer(), all()));
    assert!(authorize(&wide, "Bearer", &token, Possession::Workload(&caller)).is_ok());
}

#[tokio::test(flavor = "current_thread")]
async fn aims_25_clients_may_have_other_names() {
    let (server, acme) = (Server::new(), TestAuthority::new("spiffe://acme.example"));
    let agent = acme.agent("/agents/travel", NOW);
    let holder = agent.holder();
    let key = aims_jose::Thumbprint::of(AsyncSigner::public_key(holder.signer(NOW).unwrap()));
    let token = server
        .issue(&AccessTokenRequest::new(USER, "travel-client", tool()).bound_to(TokenBinding::Key(key)));
    let caller = signed(&acme, &agent, Some(&format!("Bearer {}", token.expose()))).await;
    let plain = server_of(&server, BindingPolicy::bound());
    assert_refused!(
        authorize(&plain, "Bearer", &token, Possession::Workload(&caller)),
        "other_client",
        "AIMS-25"
    );
    let mapped = |name: &str, workload: &str| {
        let clients = NamedClients::new().client(&issuer(), name, workload.parse().unwrap());
        server_of(&server, BindingPolicy::bound()).with_clients(clients)
    };
    let named = mapped("travel-client", AGENT);
    assert!(authorize(&named, "Bearer", &token, Possession::Workload(&caller)).is_ok());
    // Of another name, and another workload.
    for other in [mapped(AGENT, AGENT), mapped("travel-client", "spiffe://acme.example/agents/helper")] {
        assert_refused!(
            authorize(&other, "Bearer", &token, Possession::Workload(&caller)),
            "other_client",
            "AIMS-25"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn aims_25_an_actor_that_another_issuer_knows_is_none_of_this_ones_agents() {
    let (server, acme) = (Server::new(), TestAuthority::new("spiffe://acme.example"));
    let agent = acme.agent("/agents/travel", NOW);
    let holder = agent.holder();
    let key = aims_jose::Thumbprint::of(AsyncSigner::public_key(holder.signer(NOW).unwrap()));
    let own = aims_id::IdSet::new().pattern("spiffe://acme.example/**".parse().unwrap());
    let agents = IssuerAgents::new().issuer(&issuer(), own);
    let rs = server_of(&server, BindingPolicy::bound()).with_clients(agents);
    let judge = async |actor: NewActor<'_>| {
        let token = server.issue(&request().bound_to(TokenBinding::Key(key)).acting(actor));
        let caller = signed(&acme, &agent, Some(&format!("Bearer {}", token.expose()))).await;
        authorize(&rs, "Bearer", &token, Possession::Workload(&caller))
    };
    judge(NewActor::new(AGENT)).await.unwrap();
    let foreign = NewActor::new(AGENT).known_to("https://as.other.example");
    assert_refused!(judge(foreign).await, "other_client", "AIMS-25");
}
