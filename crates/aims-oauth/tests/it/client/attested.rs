//! Clients that somebody vouches for, whose one proof shows who they are and binds their tokens (ABC-3); and codes that are bound to their keys (AUT-4).

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Post, PostRequest, Posted};
use aims_jose::{Jwk, Thumbprint, base64url};
use aims_keys::{SealingKey, Signer, SoftwareKey, backend};
use aims_oauth::{
    AccessTokenVerifier, AuthorizationStart, BackchannelRequest, ClientAttestation, ClientAuthMethod,
    ClientCredential, DpopProver, EndpointRequest, ErrorCode, ErrorResponse, Grant, OAuthClient,
    PendingAuthorization, RedirectUri, SenderConstraint, ServerMetadata, TokenBinding, TokenClient,
    TokenNeed, TokenRequest, TokenStep, TrustedAttester, UserHint,
};
use aims_testkit::{TestAuthorizationServer, TestAuthorizationServerBuilder, TestClock, assert_refused};

use super::support::*;
use crate::client_auth::support::{key, keys, sign};
use crate::world::*;

const ATTESTED: &str = "attested-agent";

/// A server that believes an attester, and instances of the client that the attester vouches for.
struct Vouched {
    clock: TestClock,
    attester: SoftwareKey,
    server: TestAuthorizationServer,
}

/// One instance.
#[derive(Clone)]
struct Instance {
    key: Arc<SoftwareKey>,
    attestation: ClientAttestation,
}

impl Vouched {
    fn new() -> Self {
        Self::with(|server| server)
    }

    fn with(build: impl FnOnce(TestAuthorizationServerBuilder) -> TestAuthorizationServerBuilder) -> Self {
        let (clock, attester) = (TestClock::at(NOW), key());
        let trusted = TrustedAttester::new("attester", keys(&attester, "a"));
        let server = TestAuthorizationServer::builder(ISSUER, clock.reader())
            .attested(ATTESTED, trusted, &[REDIRECT])
            .serves(TOOL)
            .resource(TOOL, "trips:read trips:book");
        Self { clock, attester, server: build(server).build() }
    }

    fn instance(&self) -> Instance {
        let key = Arc::new(key());
        let jwk = Jwk::new(key.public_key().clone()).to_json();
        let token = sign(
            r#"{"alg":"ES256","typ":"oauth-client-attestation+jwt","kid":"a"}"#,
            &format!(r#"{{"sub":"{ATTESTED}","exp":1790003600,"cnf":{{"jwk":{jwk}}}}}"#),
            &self.attester,
        );
        let attestation = ClientAttestation::from_attester(&token, key.public_key()).unwrap();
        Instance { key, attestation }
    }

    fn metadata(&self) -> ServerMetadata {
        self.server.metadata().clone()
    }

    /// The metadata with this in place of that.
    fn metadata_with(&self, that: &str, this: &str) -> ServerMetadata {
        let text = self.server.metadata().to_json();
        assert!(text.contains(that), "{text}");
        ServerMetadata::parse(text.replace(that, this).as_bytes(), &issuer()).unwrap()
    }

    fn tokens(&self, instance: &Instance) -> TokenClient {
        TokenClient::builder(Between::of(&self.server), self.clock.reader(), backend::ring())
            .server(issuer(), instance.combined(), instance.bound())
            .build()
    }

    async fn post(&self, request: &EndpointRequest) -> Posted {
        self.server.post(request.as_post()).await.unwrap()
    }
}

impl Instance {
    fn prover(&self) -> DpopProver {
        DpopProver::new(self.key.clone()).unwrap()
    }

    fn combined(&self) -> ClientCredential {
        ClientCredential::attestation_with_dpop(self.attestation.clone(), self.prover()).unwrap()
    }

    fn apart(&self) -> ClientCredential {
        ClientCredential::attestation(self.attestation.clone(), self.key.clone())
    }

    fn bound(&self) -> SenderConstraint {
        SenderConstraint::dpop(self.prover())
    }

    fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(self.key.public_key())
    }

    fn client(&self, metadata: ServerMetadata) -> OAuthClient {
        OAuthClient::new(metadata, self.combined(), self.bound(), backend::ring()).unwrap()
    }

    /// With proofs of its own, beside those by which tokens are bound.
    fn client_apart(&self, metadata: ServerMetadata, constraint: SenderConstraint) -> OAuthClient {
        OAuthClient::new(metadata, self.apart(), constraint, backend::ring()).unwrap()
    }
}

fn own() -> TokenRequest {
    TokenRequest::new(Grant::ClientCredentials).resource(tool())
}

fn names(request: &EndpointRequest) -> Vec<&'static str> {
    request.fields().iter().map(|(name, _)| *name).collect()
}

/// A member of the payload of the `DPoP` proof, as text.
fn said(request: &EndpointRequest, member: &str) -> Option<String> {
    let (_, proof) = request.fields().iter().find(|(name, _)| *name == "dpop").unwrap();
    let payload = base64url::decode(proof.split('.').nth(1).unwrap()).unwrap();
    let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    payload.get(member).map(|value| value.as_str().unwrap().to_owned())
}

fn error_of(answer: &Posted) -> ErrorCode {
    ErrorResponse::parse(answer.body()).unwrap().error_code().unwrap()
}

#[test]
fn abc_3_sec_4_a_proof_that_shows_the_client_is_by_the_attested_key_and_by_no_other() {
    let world = Vouched::new();
    let (instance, other) = (world.instance(), world.instance());
    let mixed = ClientCredential::attestation_with_dpop(instance.attestation.clone(), other.prover());
    assert_refused!(mixed, "dpop_key_mismatch", "ABC-3");
    // One request has one `DPoP` proof: tokens are bound by that, or there are none.
    for constraint in [other.bound(), SenderConstraint::dangerous_bearer()] {
        let client = OAuthClient::new(world.metadata(), instance.combined(), constraint, backend::ring());
        assert_refused!(client, "constraint", "SEC-4");
    }
    // Where there are two proofs, they are by any two keys.
    for constraint in [other.bound(), instance.bound(), SenderConstraint::dangerous_bearer()] {
        OAuthClient::new(world.metadata(), instance.apart(), constraint, backend::ring()).unwrap();
    }
}

#[tokio::test]
async fn abc_3_one_proof_shows_who_the_client_is_and_binds_its_tokens() {
    let world = Vouched::new();
    let instance = world.instance();
    assert_eq!(instance.combined().method(), ClientAuthMethod::AttestationDpop);
    let client = instance.client(world.metadata());
    let sent = client.token(own()).unwrap().send(NOW).await.unwrap();
    assert_eq!(names(sent.request()), ["oauth-client-attestation", "dpop"]);
    assert_eq!(said(sent.request(), "htu").as_deref(), Some("https://as.example/token"));
    let answer = world.post(sent.request()).await;
    let TokenStep::Token(token) = sent.answered(&answer, NOW).unwrap() else { panic!() };
    let verifier = AccessTokenVerifier::builder(tool(), world.server.trusted(), backend::ring()).build();
    let read = verifier.verify(token.token(), NOW).unwrap();
    assert_eq!(read.client_id(), ATTESTED);
    assert_eq!(read.binding(), Some(&TokenBinding::Key(instance.thumbprint())));

    // A proof is of one request (DPO-7), and another instance's attestation does not go with it.
    let sent = client.token(own()).unwrap().send(NOW).await.unwrap();
    assert_eq!(world.post(sent.request()).await.status(), 200);
    assert_eq!(error_of(&world.post(sent.request()).await), ErrorCode::InvalidDpopProof);
    let theirs = world.instance().client(world.metadata()).token(own()).unwrap().send(NOW).await.unwrap();
    let fresh = client.token(own()).unwrap().send(NOW).await.unwrap();
    let mixed = [theirs.request().fields()[0].clone(), fresh.request().fields()[1].clone()];
    let request = PostRequest::form(fresh.request().url(), fresh.request().body()).with_fields(&mixed);
    let refused = world.server.post(request).await.unwrap();
    assert_eq!(error_of(&refused), ErrorCode::InvalidClientAttestation);
    // Nor an attestation without any proof.
    let alone = [fresh.request().fields()[0].clone()];
    let request = PostRequest::form(fresh.request().url(), fresh.request().body()).with_fields(&alone);
    assert_eq!(error_of(&world.server.post(request).await.unwrap()), ErrorCode::InvalidClientAttestation);
}

#[tokio::test]
async fn abc_3_mcp_30_a_server_that_takes_no_such_proof_is_shown_none() {
    let world = Vouched::new();
    let instance = world.instance();
    let metadata = world.metadata_with(r#","attest_jwt_client_auth_dpop""#, "");
    assert_refused!(instance.client(metadata).token(own()), "method_not_supported", "MCP-30");
    let metadata = world.metadata_with(r#""attest_jwt_client_auth","#, "");
    let apart = instance.client_apart(metadata, instance.bound());
    assert_refused!(apart.token(own()), "method_not_supported", "MCP-30");
}

#[tokio::test]
async fn crd_9_abc_3_the_key_is_not_used_beyond_its_attestation() {
    let world = Vouched::new();
    let client = world.instance().client(world.metadata());
    let end = aims_keys::UnixTime::from_secs(1_790_003_600);
    let error = client.token(own()).unwrap().send(end).await.unwrap_err();
    assert_eq!(error.code(), aims_keys::SignError::WrongUse.code());
    assert!(client.token(own()).unwrap().send(aims_keys::UnixTime::from_secs(1_790_003_599)).await.is_ok());
}

#[tokio::test]
async fn abc_3_abc_5_a_challenge_is_the_nonce_of_the_proof() {
    let field = |answer: Posted, name: &'static str, value: &str| answer.with_field(name, value.as_bytes());
    let world = Vouched::new();
    let client = world.instance().client(world.metadata());
    let sent = client.token(own()).unwrap().send(NOW).await.unwrap();
    assert_eq!(said(sent.request(), "nonce"), None);
    let wants = json(400, r#"{"error":"use_attestation_challenge"}"#);
    let wants = field(wants, "oauth-client-attestation-challenge", "c-1");
    let TokenStep::Again(flow) = sent.answered(&wants, NOW).unwrap() else { panic!() };
    let sent = flow.send(NOW).await.unwrap();
    assert_eq!(said(sent.request(), "nonce").as_deref(), Some("c-1"));
    // The server may want its nonce there: it gets that, and neither of them for ever (DPO-12).
    let wants = field(json(400, r#"{"error":"use_dpop_nonce"}"#), "dpop-nonce", "n-1");
    let TokenStep::Again(flow) = sent.answered(&wants, NOW).unwrap() else { panic!() };
    let sent = flow.send(NOW).await.unwrap();
    assert_eq!(said(sent.request(), "nonce").as_deref(), Some("n-1"));
    let wants = json(400, r#"{"error":"use_attestation_challenge"}"#);
    let wants = field(wants, "oauth-client-attestation-challenge", "c-2");
    assert_refused!(sent.answered(&wants, NOW), "server_loops", "ABC-5");
    // Where proofs are apart, a challenge is no nonce.
    let instance = world.instance();
    let apart = instance.client_apart(world.metadata(), instance.bound());
    let sent = apart.token(own()).unwrap().send(NOW).await.unwrap();
    let TokenStep::Again(flow) = sent.answered(&wants, NOW).unwrap() else { panic!() };
    assert_eq!(said(flow.send(NOW).await.unwrap().request(), "nonce"), None);
}

#[tokio::test]
async fn abc_3_abc_5_every_endpoint_takes_the_one_proof_with_challenges_and_nonces() {
    let world = Vouched::with(|server| server.require_challenges().require_nonces());
    let tokens = world.tokens(&world.instance());
    let token = tokens.token(&TokenNeed::of(tool()).from(issuer())).await.unwrap();
    let introspection = tokens.introspection(issuer(), false);
    aims_oauth::Introspect::introspect(&introspection, token.token()).await.unwrap();
    tokens.revoke_token(&token).await.unwrap();
    let request = BackchannelRequest::new("trips:read".parse().unwrap(), UserHint::Login(USER.into()));
    tokens.ask_user(&issuer(), request.resource(tool())).await.unwrap();
    let asked = world.server.asked();
    let asked: Vec<_> = asked.iter().filter(|path| !path.starts_with("/.well-known")).collect();
    assert_eq!(asked, ["/challenge", "/token", "/introspect", "/revoke", "/ask"]);
    // A challenge that is over is replaced, once.
    world.clock.advance(Duration::from_secs(3000));
    tokens.token(&TokenNeed::of(tool()).from(issuer())).await.unwrap();
}

/// A user is asked, and agrees: the query that comes back.
async fn begun(world: &Vouched, tokens: &TokenClient) -> (PendingAuthorization, aims_oauth::Parameters) {
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let flow = tokens.client(&issuer()).await.unwrap().authorize(&redirect).unwrap().resource(tool());
    let pending = tokens.begin(flow.scope("trips:read".parse().unwrap())).await.unwrap();
    let answer = query_of(&world.server.approve(pending.url(), USER));
    (pending, answer)
}

#[tokio::test]
async fn abc_3_par_5_a_code_is_bound_by_the_proof_of_the_pushed_request_and_by_nothing_else() {
    let world = Vouched::new();
    let instance = world.instance();
    let client = instance.client(world.metadata());
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let start = client.authorize(&redirect).unwrap().resource(tool()).begin(NOW).await.unwrap();
    let AuthorizationStart::Push(sent) = start else { panic!() };
    assert_eq!(names(sent.request()), ["oauth-client-attestation", "dpop"]);
    assert_eq!(said(sent.request(), "htu").as_deref(), Some("https://as.example/par"));
    assert!(!sent.request().body().contains("dpop_jkt"), "{}", sent.request().body());
    // Where nothing is pushed, nothing could bind it.
    let text = world.server.metadata().to_json();
    let metadata = text.replace("pushed_authorization_request_endpoint", "x");
    let metadata = ServerMetadata::parse(metadata.as_bytes(), &issuer()).unwrap();
    let flow = instance.client(metadata.clone()).authorize(&redirect).unwrap();
    assert_refused!(flow.begin(NOW).await, "no_endpoint", "MET-3");
    let apart = instance.client_apart(metadata, instance.bound()).authorize(&redirect).unwrap();
    let AuthorizationStart::Ready(pending) = apart.begin(NOW).await.unwrap() else { panic!() };
    assert!(pending.url().contains("dpop_jkt="), "{}", pending.url());

    let tokens = world.tokens(&instance);
    let (pending, answer) = begun(&world, &tokens).await;
    let grant = tokens.redeem(pending, &answer).await.unwrap();
    // RFT-2, ABC-6: what refreshes it is bound to the instance, too.
    world.clock.advance(Duration::from_secs(290));
    let need = TokenNeed::of(tool()).by(&grant);
    let other = world.tokens(&world.instance());
    assert_eq!(other.token(&need).await.unwrap_err().error_code(), Some(ErrorCode::InvalidGrant));
}

/// The request with which one instance redeems, sent with what shows another.
async fn with_fields_of(world: &Vouched, request: &EndpointRequest, other: &OAuthClient) -> Posted {
    let theirs = other.token(own()).unwrap().send(world.clock.now()).await.unwrap();
    let request = PostRequest::form(request.url(), request.body()).with_fields(theirs.request().fields());
    world.server.post(request).await.unwrap()
}

#[tokio::test]
async fn aut_4_abc_6_a_code_is_of_the_instance_that_asked_for_it() {
    let world = Vouched::new();
    let (instance, thief) = (world.instance(), world.instance());
    // Both show the same client. The key of the `DPoP` proofs, which the code is bound to as well, was copied.
    let copied = SenderConstraint::dpop(prover());
    let tokens = TokenClient::builder(Between::of(&world.server), world.clock.reader(), backend::ring())
        .server(issuer(), instance.apart(), copied.clone())
        .build();
    let client = tokens.client(&issuer()).await.unwrap();
    let thiefs = thief.client_apart(world.metadata(), copied);
    let (pending, answer) = begun(&world, &tokens).await;
    let sealing = SealingKey::generate(backend::ring()).unwrap();
    let sealed = pending.seal(&sealing).unwrap();
    let copy = || PendingAuthorization::open(&sealed, &sealing).unwrap();
    // The client does not send the code with another key.
    assert_refused!(copy().redeem(&thiefs, &answer, NOW), "other_client", "AUT-6");
    // The server takes it of none, and it is used up then.
    let sent = copy().redeem(&client, &answer, NOW).unwrap().send(NOW).await.unwrap();
    let stolen = with_fields_of(&world, sent.request(), &thiefs).await;
    assert_eq!(error_of(&stolen), ErrorCode::InvalidGrant);
    assert_eq!(error_of(&world.post(sent.request()).await), ErrorCode::InvalidGrant);
    // Who asked for it gets what it is for.
    let (pending, answer) = begun(&world, &tokens).await;
    tokens.redeem(pending, &answer).await.unwrap();
}

#[tokio::test]
async fn abc_6_what_a_user_is_asked_elsewhere_is_answered_to_the_instance_that_asked() {
    let world = Vouched::new();
    let (instance, thief) = (world.instance(), world.instance());
    let (tokens, thiefs) = (world.tokens(&instance), world.tokens(&thief));
    let request = BackchannelRequest::new("trips:read".parse().unwrap(), UserHint::Login(USER.into()));
    let mut pending = tokens.ask_user(&issuer(), request.resource(tool())).await.unwrap();
    world.server.decide(pending.id(), true);
    world.clock.advance(Duration::from_secs(10));
    let sealing = SealingKey::generate(backend::ring()).unwrap();
    let mut copy = aims_oauth::PendingApproval::open(&pending.seal(&sealing).unwrap(), &sealing).unwrap();
    assert_eq!(thiefs.poll(&mut copy).await.unwrap_err().error_code(), Some(ErrorCode::InvalidGrant));
    world.clock.advance(Duration::from_secs(10));
    assert!(tokens.poll(&mut pending).await.unwrap().is_some());
}

#[tokio::test]
async fn aut_4_a_code_of_a_request_that_was_not_pushed_is_of_the_client_alone() {
    let world = Vouched::with(TestAuthorizationServerBuilder::without_pushed_requests);
    let (instance, next) = (world.instance(), world.instance());
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let bearer = SenderConstraint::dangerous_bearer();
    let client = instance.client_apart(world.metadata(), bearer.clone());
    let start = client.authorize(&redirect).unwrap().resource(tool()).begin(NOW).await.unwrap();
    let AuthorizationStart::Ready(pending) = start else { panic!() };
    let answer = query_of(&world.server.approve(pending.url(), USER));
    // The server did not know which instance asked; the next one goes on.
    let client = next.client_apart(world.metadata(), bearer);
    let sent = pending.redeem(&client, &answer, NOW).unwrap().send(NOW).await.unwrap();
    assert_eq!(world.post(sent.request()).await.status(), 200);
}

#[tokio::test]
async fn par_5_the_key_that_a_pushed_request_names_is_the_one_that_it_shows() {
    let world = Vouched::new();
    let instance = world.instance();
    let apart = instance.client_apart(world.metadata(), SenderConstraint::dpop(prover()));
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let start = apart.authorize(&redirect).unwrap().resource(tool()).begin(NOW).await.unwrap();
    let AuthorizationStart::Push(named) = start else { panic!() };
    assert!(named.request().body().contains("dpop_jkt="));
    let start = instance.client(world.metadata()).authorize(&redirect).unwrap().resource(tool());
    let AuthorizationStart::Push(shown) = start.begin(NOW).await.unwrap() else { panic!() };
    let request = PostRequest::form(named.request().url(), named.request().body());
    let answer = world.server.post(request.with_fields(shown.request().fields())).await.unwrap();
    assert_eq!(error_of(&answer), ErrorCode::InvalidDpopProof);
}
