//! What is kept so that nobody is asked again: answers about opaque tokens, and the tokens of a client.

use std::sync::Arc;

use aims::TokenAgent;
use aims_jose::json::ObjectWriter;
use aims_keys::backend;
use aims_oauth::{
    AccessToken, BindingPolicy, ClientCredential, ClientKey, DpopProver, Introspect, IntrospectError,
    Introspection, IntrospectionAnswer, PresentedToken, ResourceServer, SenderConstraint, TokenClient,
    TokenNeed,
};
use aims_testkit::TestAuthorizationServer;
use http::{HeaderMap, Uri};
use ring::rand::SystemRandom;

use crate::fixtures::{AUDIENCE, NOW, P256, Tokens, ToolClock, signed_parts};
use crate::row::Row;
use crate::rows::wimse::now_or_never;

/// An opaque token that its issuer was asked about a moment ago.
pub(in crate::rows) fn introspected() -> Row {
    let tokens = Tokens::new(backend::ring(), None);
    let answers = Introspection::new(Tokens::ISSUER.parse().expect("an issuer"), Says(answer()));
    let tool = ResourceServer::new(tokens.verifier(), BindingPolicy::bound()).with_introspection(answers);
    let lines = ["Bearer 2YotnFZFEjr1zCsicMWpAA"];
    Row::short(move || {
        let presented = PresentedToken::read(lines).expect("a field").expect("a token");
        now_or_never(tool.verify_any(&presented, *NOW)).expect("an answer")
    })
}

/// What an issuer answers about the token of a client.
pub(super) fn answer() -> String {
    let mut answer = ObjectWriter::new();
    answer
        .bool("active", true)
        .str("iss", Tokens::ISSUER)
        .str("sub", "user-1")
        .str("aud", Tokens::RESOURCE)
        .str("client_id", Tokens::CLIENT)
        .str("jti", "0f8fad5b-d9cb-469f-a165-70867728950e")
        .u64("iat", NOW.as_secs())
        .u64("exp", NOW.as_secs() + 300)
        .str("scope", "trips:read trips:book")
        .str("token_type", "Bearer")
        .str("username", "alice");
    answer.finish().expect("an answer")
}

/// An issuer that is asked.
#[derive(Debug)]
struct Says(String);

impl Introspect for Says {
    fn introspect<'a>(
        &'a self,
        _: &'a AccessToken,
    ) -> aims_keys::BoxFuture<'a, Result<IntrospectionAnswer, IntrospectError>> {
        let answer = self.0.clone().into_bytes();
        Box::pin(async move { Ok(IntrospectionAnswer::Json(answer)) })
    }
}

/// A client whose tokens are bound by `DPoP`, and which has the one for the tool.
struct Client {
    tokens: TokenClient,
    need: TokenNeed,
    key: P256,
}

impl Client {
    fn new() -> Self {
        let (own, key) = (P256::generate(backend::ring()), P256::generate(backend::ring()));
        let server = TestAuthorizationServer::builder(Tokens::ISSUER, ToolClock)
            .client(Tokens::CLIENT, &*own.ours, &[])
            .resource(Tokens::RESOURCE, "trips:read trips:book")
            .build();
        let signer = ClientKey::new(Tokens::CLIENT, Arc::clone(&own.ours) as _, None).expect("a client key");
        let prover = DpopProver::new(Arc::clone(&key.ours) as _).expect("a prover");
        let tokens = TokenClient::builder(server, ToolClock, backend::ring())
            .server(
                Tokens::ISSUER.parse().expect("an issuer"),
                ClientCredential::key(signer),
                SenderConstraint::dpop(prover),
            )
            .build();
        let need = TokenNeed::of(Tokens::RESOURCE.parse().expect("a resource"))
            .from(Tokens::ISSUER.parse().expect("an issuer"))
            .scope("trips:read".parse().expect("a scope"));
        now_or_never(tokens.token(&need)).expect("a token");
        Self { tokens, need, key }
    }
}

/// A token that the client has.
pub(in crate::rows) fn token() -> Row {
    let Client { tokens, need, .. } = Client::new();
    Row::short(move || now_or_never(tokens.token(&need)).expect("a token"))
}

/// The fields of a request to the tool: the token that the client has, and a proof.
pub(in crate::rows) fn attach() -> Row {
    let Client { tokens, need, key } = Client::new();
    let agent = TokenAgent::new(tokens);
    let target: Uri = AUDIENCE.parse().expect("a URI");
    let fields = move || {
        let mut fields = HeaderMap::new();
        now_or_never(agent.attach("POST", &target, &mut fields, &need)).expect("a token");
        fields
    };
    let proof = fields()["dpop"].to_str().expect("a proof").to_owned();
    let (raw, random, message) = (key.ring(), SystemRandom::new(), signed_parts(&proof).0);
    Row::new(move || {
        std::hint::black_box(fields());
    })
    .raw(move || {
        std::hint::black_box(raw.sign(&random, &message).expect("a signature"));
    })
}
