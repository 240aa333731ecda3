//! A resource server: whose token it is, and what it is good for.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{BundleSet, Mark, MarkKey, MarkTable, WitCache, WitVerifier};
use aims_httpsig::RawMessage;
use aims_id::WorkloadId;
use aims_keys::{Algorithm, AlgorithmSet, AsyncSigner, SoftwareKey, backend};
use aims_oauth::{
    AccessToken, AccessTokenRequest, AuthorizationDetails, Authorized, BearerMethod, BindingPolicy,
    ClientIdentities, CommonMembers, DpopProver, DpopTarget, DpopVerifier, IssuerAgents, NamedClients,
    NewActor, Possession, PresentedToken, ResourceError, ResourceMetadata, ResourceServer, Shown,
    TokenBinding, TokenScheme, TrustedIssuer,
};
use aims_proof::{
    Audiences, Authenticated, NewRequestSignature, ReplayMemory, SignatureVerifier, http_audience,
};
use aims_testkit::{TestAgent, TestAuthority, assert_refused};
#[cfg(feature = "mtls")]
use aims_testkit::{TestCertificates, TestClock, handshake};

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

#[test]
fn mcp_2_dpo_9_wir_1_a_request_has_one_token() {
    let read = |lines: &[&str]| PresentedToken::read(lines);
    assert!(read(&[]).unwrap().is_none());
    for (line, scheme) in [
        ("Bearer a", TokenScheme::Bearer),
        ("bearer   a", TokenScheme::Bearer),
        ("DPOP a", TokenScheme::Dpop),
    ] {
        let token = read(&[line]).unwrap().unwrap();
        assert_eq!((token.scheme(), token.token().expose()), (scheme, "a"));
    }
    for (lines, code, rule) in [
        (&["Bearer a", "Bearer a"][..], "several_tokens", "DPO-9"),
        (&["Bearer a", "DPoP a"], "several_tokens", "DPO-9"),
        (&["Bearer"], "malformed_authorization", "MCP-2"),
        (&[""], "malformed_authorization", "MCP-2"),
        (&["Basic a"], "unknown_scheme", "MCP-2"),
        (&["WPT a"], "unknown_scheme", "MCP-2"),
        (&["Bearer "], "token_empty", "ACT-4"),
        (&["Bearer a b"], "token_character", "ACT-4"),
        (&["Bearer a, Bearer b"], "token_character", "ACT-4"),
    ] {
        assert_refused!(read(lines), code, rule, "{lines:?}");
    }
    assert!(PresentedToken::read([&b"Bearer \xff"[..]]).is_err());
}

#[tokio::test(flavor = "current_thread")]
async fn dpo_6_dpo_9_sec_4_a_token_that_is_bound_by_dpop_is_used_with_its_key() {
    let server = Server::new();
    let rs = server_of(&server, BindingPolicy::bound());
    let prover = |key| DpopProver::new(Arc::new(key)).unwrap();
    let new_key = || SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let (agent, thief) = (prover(new_key()), prover(new_key()));
    let target: DpopTarget = URI.parse().unwrap();
    let bound =
        |prover: &DpopProver| server.issue(&request().bound_to(TokenBinding::Key(prover.thumbprint())));
    let (token, other) = (bound(&agent), bound(&agent));
    let proof_of = async |prover: &DpopProver, token: &AccessToken| {
        let proof = prover.proof("GET", &target).with_token(token).sign(NOW).await.unwrap();
        let presented = presented("DPoP", token);
        let verified = rs.verify(&presented, NOW).unwrap();
        rs.verify_dpop(&presented, &verified, [proof], "GET", &target, NOW).map(Option::unwrap)
    };
    let good = proof_of(&agent, &token).await.unwrap();
    let authorized = authorize(&rs, "DPoP", &token, Possession::Dpop(&good)).unwrap();
    assert_eq!((authorized.shown_by(), authorized.shown_by().name()), (Shown::Dpop, "dpop"));
    assert_eq!((&*authorized.actor(), authorized.on_behalf_of().as_deref()), (AGENT, Some(USER)));

    assert_refused!(proof_of(&thief, &token).await, "other_key", "DPO-6");
    let of_thief = bound(&thief);
    let by_thief = proof_of(&thief, &of_thief).await.unwrap();
    assert_refused!(authorize(&rs, "DPoP", &token, Possession::Dpop(&by_thief)), "other_token", "DPO-6");
    let of_other = proof_of(&agent, &other).await.unwrap();
    assert_refused!(authorize(&rs, "DPoP", &token, Possession::Dpop(&of_other)), "other_token", "DPO-6");
    let (used, mine) = (presented("DPoP", &token), rs.verify(&presented("DPoP", &other), NOW).unwrap());
    assert_refused!(rs.authorize(&used, &mine, Possession::Dpop(&good)), "other_token", "DPO-6");
    assert_refused!(authorize(&rs, "DPoP", &token, Possession::Nothing), "binding_not_shown", "SEC-4");
    let refused = authorize(&rs, "Bearer", &token, Possession::Nothing).unwrap_err();
    assert_eq!(refused.status(), 401);
    assert_refused!(Err::<(), _>(refused), "binding_not_shown", "SEC-4");
    assert_refused!(authorize(&rs, "Bearer", &token, Possession::Dpop(&good)), "wrong_scheme", "DPO-9");
    // A proof beside a bearer token proves nothing.
    let verified = rs.verify(&presented("DPoP", &token), NOW).unwrap();
    let beside =
        rs.verify_dpop(&presented("Bearer", &token), &verified, ["not looked at"], "GET", &target, NOW);
    assert!(beside.unwrap().is_none());
    // The nonce and the reasons of a proof are those of `DpopVerifier`.
    let missing =
        rs.verify_dpop(&presented("DPoP", &token), &verified, [""; 0], "GET", &target, NOW).unwrap_err();
    assert_eq!((missing.status(), missing.error_code().unwrap().as_str()), (401, "invalid_dpop_proof"));
    let without = ResourceServer::new(server.verifier().build(), BindingPolicy::bound());
    let refused = without.verify_dpop(&presented("DPoP", &token), &verified, ["a"], "GET", &target, NOW);
    assert_refused!(refused, "binding_not_accepted", "SEC-4");
    assert!(without.dpop_nonce(NOW).is_none() && rs.dpop_nonce(NOW).is_none());
}

#[tokio::test(flavor = "current_thread")]
async fn dpo_7_dpo_6_keys_that_were_made_for_a_token_take_no_room_in_the_memory() {
    let server = Server::new();
    let memory = Arc::new(ReplayMemory::with_capacity(5));
    let dpop = DpopVerifier::builder(Arc::clone(&memory), backend::ring()).build();
    let rs = ResourceServer::new(server.verifier().build(), BindingPolicy::bound()).with_dpop(dpop);
    let new = || {
        let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
        DpopProver::new(Arc::new(key)).unwrap()
    };
    let (agent, target) = (new(), URI.parse::<DpopTarget>().unwrap());
    let token = server.issue(&request().bound_to(TokenBinding::Key(agent.thumbprint())));
    let presented = presented("DPoP", &token);
    let verified = rs.verify(&presented, NOW).unwrap();
    let show = async |prover: &DpopProver| {
        let proof = prover.proof("GET", &target).with_token(&token).sign(NOW).await.unwrap();
        rs.verify_dpop(&presented, &verified, [proof], "GET", &target, NOW)
    };
    for _ in 0..20 {
        assert_refused!(show(&new()).await, "other_key", "DPO-6");
    }
    assert!(show(&agent).await.unwrap().is_some());
    // Neither does a proof for a token that no proof shows.
    for binding in [None, Some(TokenBinding::Certificate([7; 32]))] {
        let token = binding.map_or_else(request, |binding| request().bound_to(binding));
        let presented = self::presented("DPoP", &server.issue(&token));
        let verified = rs.verify(&presented, NOW).unwrap();
        let refused = rs.verify_dpop(&presented, &verified, ["not looked at"], "GET", &target, NOW);
        assert_refused!(refused, "wrong_scheme", "DPO-9");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn aims_25_dpo_14_a_workload_may_have_another_key_for_its_tokens() {
    let (server, acme) = (Server::new(), TestAuthority::new("spiffe://acme.example"));
    let rs = server_of(&server, BindingPolicy::bound());
    let (agent, thief) = (acme.agent("/agents/travel", NOW), acme.agent("/agents/thief", NOW));
    let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let (prover, target) = (DpopProver::new(Arc::new(key)).unwrap(), URI.parse::<DpopTarget>().unwrap());
    let token = server.issue(&request().bound_to(TokenBinding::Key(prover.thumbprint())));
    let presented = presented("DPoP", &token);
    let verified = rs.verify(&presented, NOW).unwrap();
    let proof = prover.proof("GET", &target).with_token(&token).sign(NOW).await.unwrap();
    let proof = rs.verify_dpop(&presented, &verified, [proof], "GET", &target, NOW).unwrap().unwrap();
    let field = format!("DPoP {}", token.expose());
    let (agent, thief) =
        (signed(&acme, &agent, Some(&field)).await, signed(&acme, &thief, Some(&field)).await);
    let authorized = rs.authorize(&presented, &verified, Possession::WorkloadDpop(&agent, &proof)).unwrap();
    assert_eq!(authorized.shown_by(), Shown::Dpop);
    // Whoever else has got both.
    let refused = rs.authorize(&presented, &verified, Possession::WorkloadDpop(&thief, &proof));
    assert_refused!(refused, "other_client", "AIMS-25");
}

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
    // An actor is one of whoever knows it.
    let foreign = "spiffe://other.example/agents/a";
    assert_eq!(agent_of(&request().acting(NewActor::new(foreign))), None);
    let known = request().acting(NewActor::new(foreign).known_to(other));
    assert_eq!(agent_of(&known).as_deref(), Some(foreign));
    assert_eq!(agent_of(&request().acting(NewActor::new(AGENT).known_to(other))), None);
}

#[test]
fn azr_10_what_cuts_an_actor_off_ends_its_tokens() {
    let server = Server::new();
    let marks = Arc::new(MarkTable::with_capacity(10));
    let tokens = server.verifier().marks(Arc::clone(&marks)).build();
    let helper: WorkloadId = "spiffe://acme.example/agents/helper".parse().unwrap();
    let token = server.issue(&request().acting(NewActor::new(helper.as_str())));
    let verified = tokens.verify(&token, NOW).unwrap();
    marks.add(&MarkKey::Agent(&helper), Mark::suspended()).unwrap();
    assert_refused!(tokens.verify(&token, NOW), "suspended", "AIMS-55");
    assert_refused!(verified.still_valid(NOW, &*marks), "suspended", "AIMS-55");
    marks.clear(&MarkKey::Agent(&helper));
    assert!(tokens.verify_again(&verified, NOW).is_ok());
}

#[test]
fn prm_1_dpo_10_mtl_3_metadata_are_what_is_enforced() {
    let server = Server::new();
    let build = |policy| server_of(&server, policy);
    let about = || ResourceMetadata::builder(tool());
    let metadata = build(BindingPolicy::bound()).metadata().unwrap();
    assert_eq!((metadata.resource(), metadata.authorization_servers()), (&tool(), &[issuer()][..]));
    assert_eq!(metadata.supports_bearer_method(BearerMethod::Header), Some(true));
    assert_eq!(metadata.supports_bearer_method(BearerMethod::Query), Some(false));
    assert_eq!(metadata.dpop_algorithms(), Some(AlgorithmSet::STANDARD));
    assert!(!metadata.requires_dpop() && !metadata.binds_to_certificates());
    let over_tls = build(BindingPolicy::bound()).over_mutual_tls().metadata().unwrap();
    assert!(over_tls.binds_to_certificates());

    let dpop = build(BindingPolicy::only(&[Shown::Dpop]));
    let metadata = dpop.clone().over_mutual_tls().metadata().unwrap();
    assert!(metadata.requires_dpop() && !metadata.binds_to_certificates());
    assert_eq!(metadata.supports_bearer_method(BearerMethod::Header), None);
    let without = ResourceServer::new(server.verifier().build(), BindingPolicy::bound()).metadata().unwrap();
    assert_eq!(without.dpop_algorithms(), None);

    // What is said besides stands, and what is said less: other servers are believed, and not named.
    let other = "https://as.other.example".parse::<aims_oauth::Issuer>().unwrap();
    let trusted = TrustedIssuer::new(other.clone(), server.keys());
    let both = ResourceServer::new(server.verifier().trust(trusted).build(), BindingPolicy::bound());
    assert_eq!(both.metadata().unwrap().authorization_servers().len(), 2);
    let said = about().authorization_servers([issuer()]).scopes("trips:book".parse().unwrap()).name("Trips");
    let said = both.with_metadata(said.build().unwrap()).metadata().unwrap();
    assert_eq!((said.authorization_servers(), said.name()), (&[issuer()][..], Some("Trips")));
    assert_eq!(said.scopes().unwrap().as_str(), "trips:book");

    let es512 = AlgorithmSet::of(&[Algorithm::MlDsa44]);
    for (said, member) in [
        (ResourceMetadata::builder("https://tools.example".parse().unwrap()), "resource"),
        (about().authorization_servers([issuer(), other]), "authorization_servers"),
        (about().bearer_methods(&[BearerMethod::Header, BearerMethod::Query]), "bearer_methods_supported"),
        (about().dpop_algorithms(es512), "dpop_signing_alg_values_supported"),
        (about().require_dpop(), "dpop_bound_access_tokens_required"),
    ] {
        let refused = build(BindingPolicy::bound()).with_metadata(said.build().unwrap()).metadata();
        let refused = assert_refused!(refused, "metadata_not_enforced", "PRM-1", "{member}");
        assert!(refused.to_string().contains(member));
    }
    for (said, member) in [
        (about().bearer_methods(&[BearerMethod::Header]), "bearer_methods_supported"),
        (about().binds_to_certificates(), "tls_client_certificate_bound_access_tokens"),
    ] {
        let refused = dpop.clone().with_metadata(said.build().unwrap()).metadata();
        let refused = assert_refused!(refused, "metadata_not_enforced", "PRM-1", "{member}");
        assert!(refused.to_string().contains(member));
    }
}

#[test]
fn sec_4_a_token_that_is_bound_to_nothing_is_refused_unless_that_is_asked_for() {
    let server = Server::new();
    let token = server.issue(&request());
    let bound = server_of(&server, BindingPolicy::bound());
    assert_refused!(authorize(&bound, "Bearer", &token, Possession::Nothing), "bearer_not_accepted", "SEC-4");
    let any = server_of(&server, BindingPolicy::bound().dangerous_or_bearer());
    assert_eq!(authorize(&any, "Bearer", &token, Possession::Nothing).unwrap().shown_by(), Shown::Bearer);
    assert_refused!(authorize(&any, "DPoP", &token, Possession::Nothing), "wrong_scheme", "DPO-9");
    let only = BindingPolicy::only(&[Shown::Signature]);
    assert!(
        only.accepts(Shown::Signature)
            && !only.accepts(Shown::Bearer)
            && !only.accepts(Shown::Dpop)
            && !only.accepts(Shown::Certificate)
    );
}

#[tokio::test(flavor = "current_thread")]
async fn aims_25_sec_4_a_token_of_an_agent_is_used_by_that_agent_with_its_own_key() {
    let (server, acme) = (Server::new(), TestAuthority::new("spiffe://acme.example"));
    let rs = server_of(&server, BindingPolicy::bound());
    let (agent, other) = (acme.agent("/agents/travel", NOW), acme.agent("/agents/thief", NOW));
    let key_of = |agent: &TestAgent| {
        let holder = agent.holder();
        TokenBinding::Key(aims_jose::Thumbprint::of(AsyncSigner::public_key(holder.signer(NOW).unwrap())))
    };
    let token = server.issue(&request().bound_to(key_of(&agent)));
    let field = format!("Bearer {}", token.expose());
    let caller = signed(&acme, &agent, Some(&field)).await;
    let authorized = authorize(&rs, "Bearer", &token, Possession::Workload(&caller)).unwrap();
    assert_eq!((authorized.shown_by(), &*authorized.actor()), (Shown::Signature, AGENT));

    // Stolen, and used by another with a good proof of its own.
    let thief = signed(&acme, &other, Some(&field)).await;
    assert_refused!(
        authorize(&rs, "Bearer", &token, Possession::Workload(&thief)),
        "other_client",
        "AIMS-25"
    );
    // The thief's own name in a token that is bound to the agent's key, and the agent's name with another key.
    let named =
        server.issue(&AccessTokenRequest::new(USER, other.id().as_str(), tool()).bound_to(key_of(&agent)));
    let thief = signed(&acme, &other, Some(&format!("Bearer {}", named.expose()))).await;
    assert_refused!(authorize(&rs, "Bearer", &named, Possession::Workload(&thief)), "other_key", "DPO-6");
    // The agent signed, but not this token.
    for authorization in [None, Some("Bearer another"), Some("another")] {
        let caller = signed(&acme, &agent, authorization).await;
        let refused = authorize(&rs, "Bearer", &token, Possession::Workload(&caller));
        assert_refused!(refused, "token_not_covered", "SEC-4", "{authorization:?}");
    }
    // Who acts is the outermost actor, and not the client that asked for the token.
    let acted = server.issue(&request().bound_to(key_of(&other)).acting(NewActor::new(other.id().as_str())));
    let field = format!("Bearer {}", acted.expose());
    let caller = signed(&acme, &other, Some(&field)).await;
    let authorized = authorize(&rs, "Bearer", &acted, Possession::Workload(&caller)).unwrap();
    assert_eq!(&*authorized.actor(), other.id().as_str());
    let client = signed(&acme, &agent, Some(&field)).await;
    assert_refused!(
        authorize(&rs, "Bearer", &acted, Possession::Workload(&client)),
        "other_client",
        "AIMS-25"
    );
    // A token that is bound to nothing is not bound by the proof that comes with it; and it is still nobody else's.
    let loose = server.issue(&request());
    let caller = signed(&acme, &agent, Some(&format!("Bearer {}", loose.expose()))).await;
    assert_refused!(
        authorize(&rs, "Bearer", &loose, Possession::Workload(&caller)),
        "bearer_not_accepted",
        "SEC-4"
    );
    let any = server_of(&server, BindingPolicy::bound().dangerous_or_bearer());
    assert!(authorize(&any, "Bearer", &loose, Possession::Workload(&caller)).is_ok());
    let thief = signed(&acme, &other, Some(&format!("Bearer {}", loose.expose()))).await;
    assert_refused!(
        authorize(&any, "Bearer", &loose, Possession::Workload(&thief)),
        "other_client",
        "AIMS-25"
    );
    // Where signatures are not the way.
    let dpop = server_of(&server, BindingPolicy::only(&[Shown::Dpop]));
    let caller = signed(&acme, &agent, Some(&format!("Bearer {}", token.expose()))).await;
    assert_refused!(
        authorize(&dpop, "Bearer", &token, Possession::Workload(&caller)),
        "binding_not_accepted",
        "SEC-4"
    );
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

#[cfg(feature = "mtls")]
#[test]
fn mtl_2_mtl_5_a_token_of_a_certificate_is_used_over_its_connection() {
    let (server, acme) = (Server::new(), TestCertificates::new("spiffe://acme.example", NOW));
    let rs = server_of(&server, BindingPolicy::bound());
    let (bundles, clock) = (BundleSet::from(acme.trust()), TestClock::at(NOW));
    let tls = |path| acme.mutual_tls(acme.current(path, NOW), &bundles, "spiffe://acme.example/**", &clock);
    let peer = |path| {
        let (client, end) = (tls(path).client().unwrap(), tls("/tools/search").server().unwrap());
        let done = handshake(client.config(), end.config()).unwrap();
        end.peer(&done.server, NOW).unwrap()
    };
    let (agent, again) = (peer("/agents/travel"), peer("/agents/travel"));
    let hash = agent.svid().fingerprint();
    let token = server.issue(&request().bound_to(TokenBinding::Certificate(hash)));
    let caller = Authenticated::by_mtls(&agent);
    let authorized = authorize(&rs, "Bearer", &token, Possession::Workload(&caller)).unwrap();
    assert_eq!(authorized.shown_by(), Shown::Certificate);
    // The same workload with another certificate; another workload; nobody.
    let renewed = Authenticated::by_mtls(&again);
    assert_refused!(
        authorize(&rs, "Bearer", &token, Possession::Workload(&renewed)),
        "other_certificate",
        "MTL-2"
    );
    let other = Authenticated::by_mtls(&peer("/agents/thief"));
    assert_refused!(
        authorize(&rs, "Bearer", &token, Possession::Workload(&other)),
        "other_client",
        "AIMS-25"
    );
    assert_refused!(authorize(&rs, "Bearer", &token, Possession::Nothing), "binding_not_shown", "SEC-4");
    // A token of a key is not shown by a certificate.
    let of_key = server.issue(
        &request()
            .bound_to(TokenBinding::Key("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse().unwrap())),
    );
    assert_refused!(
        authorize(&rs, "Bearer", &of_key, Possession::Workload(&caller)),
        "binding_not_shown",
        "SEC-4"
    );
}

#[test]
fn cha_1_cha_3_cha_4_what_is_wanted_is_said() {
    let server = Server::new();
    let rs = server_of(&server, BindingPolicy::bound().dangerous_or_bearer());
    let lines = |error: &ResourceError, needed: Option<&str>| {
        let needed = needed.map(|scope| scope.parse().unwrap());
        rs.challenges(error, needed.as_ref()).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let metadata = "resource_metadata=\"https://tools.example/.well-known/oauth-protected-resource/v1\"";
    let algs = "algs=\"EdDSA Ed25519 ES256 ES384 PS256\"";
    assert_eq!(ResourceError::Missing.status(), 401);
    let wanted = lines(&ResourceError::Missing, Some("trips:book"));
    assert_eq!(wanted.len(), 2);
    assert_eq!(wanted[0], format!("Bearer scope=\"trips:book\", {metadata}"));
    assert!(
        wanted[1].starts_with("DPoP scope=\"trips:book\"") && wanted[1].contains("algs=\""),
        "{wanted:?} {algs}"
    );

    let token = server.issue(&request().authenticated(NOW - Duration::from_secs(100), Some("pwd")));
    let authorized = authorize(&rs, "Bearer", &token, Possession::Nothing).unwrap();
    authorized.require_scope(&"trips:read".parse().unwrap()).unwrap();
    let needed = "trips:read trips:cancel".parse().unwrap();
    let short: ResourceError = authorized.require_scope(&needed).unwrap_err().into();
    assert_eq!(short.status(), 403);
    assert_eq!(
        lines(&short, None)[0],
        format!("Bearer error=\"insufficient_scope\", scope=\"trips:read trips:cancel\", {metadata}")
    );
    assert_refused!(Err::<(), _>(short), "insufficient_scope", "CHA-3");

    authorized.require_authentication(&["phr", "pwd"], Some(Duration::from_secs(100)), NOW).unwrap();
    authorized.require_authentication(&[], None, NOW).unwrap();
    for (acr, age) in [(&["phr"][..], None), (&[], Some(99)), (&["pwd"], Some(99))] {
        let refused = authorized.require_authentication(acr, age.map(Duration::from_secs), NOW);
        assert_refused!(refused, "insufficient_user_authentication", "CHA-4", "{acr:?} {age:?}");
    }
    let short = authorized
        .require_authentication(&["phr", "mfa"], Some(Duration::from_secs(5)), NOW)
        .unwrap_err()
        .into();
    assert_eq!(
        lines(&short, None)[0],
        format!(
            "Bearer error=\"insufficient_user_authentication\", acr_values=\"phr mfa\", max_age=\"5\", {metadata}"
        )
    );
    assert_eq!(short.status(), 401);
    // Nobody knows when, or it lies ahead.
    let never = authorize(&rs, "Bearer", &server.issue(&request()), Possession::Nothing).unwrap();
    assert!(never.require_authentication(&[], Some(Duration::from_secs(99)), NOW).is_err());
    let ahead = server.issue(&request().authenticated(NOW + Duration::from_secs(31), None));
    let ahead = authorize(&rs, "Bearer", &ahead, Possession::Nothing).unwrap();
    assert!(ahead.require_authentication(&[], Some(Duration::from_secs(99)), NOW).is_err());

    let details = AuthorizationDetails::parse(r#"[{"type":"booking","actions":["book"]}]"#).unwrap();
    let short = authorized.require_details(&details, &CommonMembers).unwrap_err();
    assert_refused!(Err::<(), _>(short.clone()), "insufficient_scope", "RAR-4");
    assert!(
        lines(&short.into(), None)[0]
            .contains("authorization_details=\"W3sidHlwZSI6ImJvb2tpbmciLCJhY3Rpb25zIjpbImJvb2siXX1d\"")
    );
    let detailed =
        authorize(&rs, "Bearer", &server.issue(&request().details(details.clone())), Possession::Nothing)
            .unwrap();
    detailed.require_details(&details, &CommonMembers).unwrap();
    assert_eq!(detailed.not_after(), NOW + Duration::from_secs(300));
    // Where a token is malformed, and where it does not count.
    let malformed: ResourceError = PresentedToken::read(["Bearer"]).unwrap_err().into();
    assert_eq!((malformed.status(), malformed.error_code().unwrap().as_str()), (400, "invalid_request"));
    let wrong = rs.verify(&presented("Bearer", &"nope".parse().unwrap()), NOW).unwrap_err();
    assert_eq!((wrong.status(), wrong.error_code().unwrap().as_str()), (401, "invalid_token"));
    assert!(lines(&wrong, None)[0].starts_with("Bearer error=\"invalid_token\", resource_metadata"));
    // One that takes proofs alone says so.
    let strict = server_of(&server, BindingPolicy::only(&[Shown::Dpop]));
    let schemes: Vec<_> =
        strict.challenges(&ResourceError::Missing, None).iter().map(|one| one.scheme().to_owned()).collect();
    assert_eq!(schemes, ["DPoP"]);
}
