//! Attacks on the code flow, between our client and their server: what each of them stops.

use aims_keys::{SealingKey, backend};
use aims_oauth::{
    AuthorizationCode, AuthorizationRequest, CodeGrant, CodeVerifier, DpopProver, Endpoint, ErrorCode,
    ErrorResponse, ExpectedIdToken, Grant, IdTokenVerifier, NewParameters, OAuthClient, Parameters,
    PendingAuthorization, PushedResponse, SenderConstraint, TokenNeed, TokenRequest,
};
use aims_testkit::assert_refused;

use super::{AGENT, REDIRECT, TOOL, USER, World, redirect, resource};
use crate::support::key;

/// A code that was asked for by hand, with everything that our client does not let go of.
struct Loose {
    code: AuthorizationCode,
    verifier: CodeVerifier,
}

impl Loose {
    async fn new(world: &World) -> Self {
        let verifier = CodeVerifier::generate(backend::ring()).unwrap();
        let request = request(&verifier, REDIRECT).bound_to(world.prover.thumbprint());
        let answer = push(world, &request).await.unwrap();
        let mut query = NewParameters::new();
        query.add("client_id", AGENT).add("request_uri", answer.request_uri().expose());
        let client = world.client().await;
        let endpoint = client.server().endpoint(Endpoint::Authorization).unwrap();
        let back = world.servers.browse(&format!("{endpoint}?{}", query.as_str()), USER, "yes");
        Self { code: back.require("code").unwrap().parse().unwrap(), verifier }
    }

    fn grant(&self) -> CodeGrant {
        CodeGrant::new(self.code.clone(), self.verifier.clone())
    }
}

fn request(verifier: &CodeVerifier, redirect: &str) -> AuthorizationRequest {
    let challenge = verifier.challenge(backend::ring());
    AuthorizationRequest::new(AGENT, redirect, challenge)
        .state("a-state")
        .scope("trips:read".parse().unwrap())
        .resource(resource(TOOL))
}

async fn push(world: &World, request: &AuthorizationRequest) -> Result<PushedResponse, Option<ErrorCode>> {
    let mut form = NewParameters::new();
    request.write(&mut form);
    let answer = world.post(Endpoint::PushedAuthorization, form).await;
    match answer.status() {
        201 => Ok(PushedResponse::parse(answer.body()).unwrap()),
        _ => Err(ErrorResponse::parse(answer.body()).unwrap().error_code()),
    }
}

/// Whether the server gives a token for it, to this client.
async fn redeemed(world: &World, client: &OAuthClient, grant: CodeGrant) -> Result<(), Option<ErrorCode>> {
    let request = TokenRequest::new(Grant::AuthorizationCode(grant)).resource(resource(TOOL));
    let outcome = world.tokens.run(client.token(request).unwrap()).await;
    outcome.map(drop).map_err(|refused| refused.error_code())
}

/// An answer to this request, made of what came in answer to others.
fn answering(pending: &PendingAuthorization, parts: &[(&'static str, &Parameters)]) -> Parameters {
    let mut query = NewParameters::new();
    for (name, answer) in parts {
        query.add(name, answer.require(name).unwrap());
    }
    query.add("state", pending.state());
    Parameters::parse(query.as_str().as_bytes()).unwrap()
}

const INVALID_GRANT: Result<(), Option<ErrorCode>> = Err(Some(ErrorCode::InvalidGrant));

#[tokio::test]
async fn iss_2_the_answer_of_another_server_is_refused() {
    let Some(world) = World::new() else { return };
    let [honest, other] = &world.servers.issuers;
    let at_other = world.tokens.client(other).await.unwrap();
    let begin = async || {
        let flow = at_other.authorize(&redirect()).unwrap().resource(resource(TOOL));
        world.tokens.begin(flow.scope("trips:read".parse().unwrap())).await.unwrap()
    };
    // The agent thinks that it asks one server, and the user's browser is led to the other: the code is the other's, and must not be shown the first.
    let (here, there) = (world.ask(TOOL, "trips:read").await, begin().await);
    let answer = world.servers.approve(&here, USER);
    assert_eq!(answer.get("iss").unwrap(), Some(honest.as_str()));
    let mixed = answering(&there, &[("code", &answer), ("iss", &answer)]);
    assert_refused!(world.tokens.redeem(there, &mixed).await, "issuer_mismatch", "ISS-2");

    // Without `iss`, though both say that they send it.
    let there = begin().await;
    let answer = world.servers.approve(&there, USER);
    let bare = answering(&there, &[("code", &answer)]);
    assert_refused!(world.tokens.redeem(there, &bare).await, "issuer_missing", "ISS-2");
}

#[tokio::test]
async fn idt_1_act_4_tokens_of_another_server_are_refused() {
    let Some(world) = World::new() else { return };
    let other = &world.servers.issuers[1];
    let flow = world.tokens.client(other).await.unwrap().authorize(&redirect()).unwrap();
    let flow = flow.resource(resource(TOOL)).scope("openid trips:read".parse().unwrap());
    let pending = world.tokens.begin(flow).await.unwrap();
    let (answer, nonce) = (world.servers.approve(&pending, USER), pending.nonce().unwrap().to_owned());
    let token = world.tokens.redeem(pending, &answer).await.unwrap().first_token().unwrap();
    // Both servers know the agent and call their keys the same, and the tool believes the first alone.
    let tool = world.verifier(TOOL);
    tool.prepare(token.token(), world.now()).await.unwrap();
    assert_refused!(tool.verify(token.token(), world.now()), "issuer_mismatch", "ACT-4");
    let id_token = token.id_token().unwrap();
    let verifier = IdTokenVerifier::builder(AGENT, world.trusted(), backend::ring()).build();
    verifier.prepare(id_token, world.now()).await.unwrap();
    let expected = ExpectedIdToken::with_nonce(&nonce);
    assert_refused!(verifier.verify(id_token, &expected, world.now()), "bad_signature", "IDT-1");
}

#[tokio::test]
async fn aut_6_the_answer_to_another_request_is_refused() {
    let Some(world) = World::new() else { return };
    let (one, two) = (world.ask(TOOL, "trips:read").await, world.ask(TOOL, "trips:read").await);
    let answer = world.servers.approve(&one, USER);
    assert_refused!(world.tokens.redeem(two, &answer).await, "state_mismatch", "AUT-6");
}

#[tokio::test]
async fn the_agent_hears_that_its_code_was_used_and_that_the_server_ended_the_grant() {
    let Some(world) = World::new() else { return };
    let key = SealingKey::generate(backend::ring()).unwrap();
    let pending = world.ask(TOOL, "trips:read").await;
    let answer = world.servers.approve(&pending, USER);
    let copy = PendingAuthorization::open(&pending.seal(&key).unwrap(), &key).unwrap();
    let grant = world.tokens.redeem(pending, &answer).await.unwrap();
    let refused = world.tokens.redeem(copy, &answer).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
    world.clock.advance(290);
    let need = TokenNeed::of(resource(TOOL)).by(&grant);
    let refused = world.tokens.token(&need).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
}

#[tokio::test]
async fn aut_2_another_redirect_is_refused() {
    let Some(world) = World::new() else { return };
    let verifier = CodeVerifier::generate(backend::ring()).unwrap();
    for unregistered in [
        "https://evil.example/callback",
        "https://agent.example/callback/",
        "https://agent.example/callback?a=b",
    ] {
        assert_eq!(
            push(&world, &request(&verifier, unregistered)).await.unwrap_err(),
            Some(ErrorCode::InvalidRequest),
            "{unregistered}"
        );
    }
    // A registered one, and not the one that was asked with.
    let loose = Loose::new(&world).await;
    let client = world.client().await;
    let other = loose.grant().with_redirect_uri("https://agent.example/other");
    assert_eq!(redeemed(&world, &client, other).await, INVALID_GRANT);
}

#[tokio::test]
async fn pkc_3_a_code_of_another_browser_is_worth_nothing() {
    let Some(world) = World::new() else { return };
    // The attacker's code, put into the answer to the victim: or the victim would act as the attacker.
    let (theirs, own) = (world.ask(TOOL, "trips:read").await, world.ask(TOOL, "trips:read").await);
    let answer = world.servers.approve(&theirs, "attacker");
    let injected = answering(&own, &[("code", &answer), ("iss", &answer)]);
    let refused = world.tokens.redeem(own, &injected).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
    // Nor for who has it without the verifier.
    let loose = Loose::new(&world).await;
    let other = CodeVerifier::generate(backend::ring()).unwrap();
    let stolen = CodeGrant::new(loose.code.clone(), other).with_redirect_uri(REDIRECT);
    assert_eq!(redeemed(&world, &world.client().await, stolen).await, INVALID_GRANT);
}

#[tokio::test]
async fn dpo_11_a_code_is_redeemed_with_the_key_that_it_was_asked_for_with() {
    let Some(world) = World::new() else { return };
    let metadata = world.client().await.server().clone();
    let other = SenderConstraint::dpop(DpopProver::new(key()).unwrap());
    let other = OAuthClient::new(metadata, world.servers.credential(), other, backend::ring()).unwrap();
    // Our client does not try.
    let pending = world.ask(TOOL, "trips:read").await;
    let answer = world.servers.approve(&pending, USER);
    assert_refused!(pending.redeem(&other, &answer, world.now()).map(drop), "other_client", "AUT-6");
    // Their server does not give.
    let loose = Loose::new(&world).await;
    let grant = loose.grant().with_redirect_uri(REDIRECT);
    assert_eq!(redeemed(&world, &other, grant).await, INVALID_GRANT);
    // With the key, it does.
    let loose = Loose::new(&world).await;
    let grant = loose.grant().with_redirect_uri(REDIRECT);
    assert_eq!(redeemed(&world, &world.client().await, grant).await, Ok(()));
}
