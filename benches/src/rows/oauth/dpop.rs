//! `DPoP`: proofs made, verified, and together with the token that is bound to their key.

use std::rc::Rc;
use std::sync::Arc;

use aims::{Accept, Guard};
use aims_jose::Thumbprint;
use aims_keys::backend;
use aims_oauth::{
    AccessToken, BindingPolicy, DpopProver, DpopRequest, DpopTarget, DpopVerifier, Possession,
    PresentedToken, ResourceServer, Shown,
};
use aims_proof::ReplayMemory;
use http::Request;
use http::request::Parts;
use ring::rand::SystemRandom;

use super::huskarl::{self, Huskarl};
use crate::fixtures::{AUDIENCE, NOW, P256, Tokens, World, signed_parts};
use crate::row::Row;
use crate::rows::wimse::now_or_never;

/// A token, and fresh proofs with its key, for each counts only once.
struct Pool {
    tokens: Tokens,
    client: P256,
    target: DpopTarget,
    proofs: Vec<String>,
    signed: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Pool {
    fn new() -> Rc<Self> {
        let client = P256::generate(backend::ring());
        let tokens = Tokens::new(backend::ring(), Some(Thumbprint::of(client.public())));
        let (prover, target) = (prover(&client), AUDIENCE.parse().expect("a URI"));
        let proofs: Vec<_> = (0..POOL).map(|_| proof(&prover, &target, &tokens.token)).collect();
        let signed = proofs.iter().map(|proof| signed_parts(proof)).collect();
        Rc::new(Self { tokens, client, target, proofs, signed })
    }

    /// One proof after the other.
    fn raw(self: &Rc<Self>) -> impl FnMut() + use<> {
        let (pool, mut next) = (Rc::clone(self), 0);
        let key = self.client.ring_public();
        move || {
            let (message, signature) = &pool.signed[next];
            next = (next + 1) % pool.signed.len();
            key.verify(message, signature).expect("a good signature");
        }
    }
}

/// The proof of a request that has a token, alone.
pub(in crate::rows) fn verify() -> Row {
    let pool = Pool::new();
    let raw = pool.raw();
    let peer = huskarl::proofs(&pool.proofs);
    let peer_raw = huskarl::raw(&pool.client.jwk("client"), pool.signed.clone());
    let (mut proofs, mut next) = (verifier(), 0);
    Row::new(move || {
        if next == pool.proofs.len() {
            next = 0;
            proofs = verifier();
        }
        let request = DpopRequest::new("POST", &pool.target).with_token(&pool.tokens.token);
        let proof = proofs.verify([&pool.proofs[next]], &request, *NOW);
        std::hint::black_box(proof.expect("a good proof"));
        next += 1;
    })
    .raw(raw)
    .peer("huskarl/rustcrypto", peer)
    .peer_raw(peer_raw)
}

/// A request with a token and a proof, from its fields to who may do what. The token was not seen before.
pub(in crate::rows) fn request() -> Row {
    let pool = Pool::new();
    let (mut proof_raw, token_raw) = (pool.raw(), pool.tokens.server.ring_public());
    let (message, signature) = pool.tokens.parts();
    let peer = Huskarl::new(&pool.tokens).dpop(&pool.tokens, &pool.proofs, AUDIENCE);
    let mut peer_proof = huskarl::raw(&pool.client.jwk("client"), pool.signed.clone());
    let mut peer_token = huskarl::raw(&pool.tokens.server.jwk(Tokens::KEY_ID), vec![pool.tokens.parts()]);
    let authorization = format!("DPoP {}", pool.tokens.token.expose());
    let (mut tool, mut next) = (tool(&pool.tokens), 0);
    Row::new(move || {
        if next == pool.proofs.len() {
            next = 0;
            tool = self::tool(&pool.tokens);
        }
        let presented = PresentedToken::read([&authorization]).expect("a field").expect("a token");
        let token = tool.verify(&presented, *NOW).expect("a good token");
        let lines = [&pool.proofs[next]];
        let proof =
            tool.verify_dpop(&presented, &token, lines, "POST", &pool.target, *NOW).expect("a good proof");
        let possession = Possession::Dpop(proof.as_ref().expect("a proof"));
        std::hint::black_box(tool.authorize(&presented, &token, possession).expect("its own"));
        next += 1;
    })
    .raw(move || {
        token_raw.verify(&message, &signature).expect("a good signature");
        proof_raw();
    })
    .peer("huskarl/rustcrypto", peer)
    .peer_raw(move || {
        peer_token();
        peer_proof();
    })
}

/// The same behind a guard that takes nothing but `DPoP`, with marks, policy and record.
pub(in crate::rows) fn admit() -> Row {
    let (pool, world) = (Pool::new(), World::new());
    let (mut proof_raw, token_raw) = (pool.raw(), pool.tokens.server.ring_public());
    let (message, signature) = pool.tokens.parts();
    let requests: Vec<Parts> = pool.proofs.iter().map(|proof| head(&pool.tokens.token, proof)).collect();
    let guard = {
        let pool = Rc::clone(&pool);
        move || {
            let tool = ResourceServer::new(pool.tokens.verifier(), BindingPolicy::only(&[Shown::Dpop]));
            let guard = crate::rows::guard::builder(&world).accept(Accept::dpop());
            guard.access_tokens(tool.with_dpop(verifier())).build().expect("a sound guard")
        }
    };
    let (mut admits, mut next): (Guard, usize) = (guard(), 0);
    Row::new(move || {
        if next == requests.len() {
            next = 0;
            admits = guard();
        }
        std::hint::black_box(now_or_never(admits.admit(&requests[next])).expect("a permit"));
        next += 1;
    })
    .raw(move || {
        token_raw.verify(&message, &signature).expect("a good signature");
        proof_raw();
    })
    .goal(20_000.0)
}

fn head(token: &AccessToken, proof: &str) -> Parts {
    let request = Request::post(AUDIENCE)
        .header("content-type", "application/json")
        .header("user-agent", "aims-benches")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("authorization", format!("DPoP {}", token.expose()))
        .header("dpop", proof);
    request.body(()).expect("a request").into_parts().0
}

pub(in crate::rows) fn make() -> Row {
    let pool = Pool::new();
    let (raw, random, message) = (pool.client.ring(), SystemRandom::new(), pool.signed[0].0.clone());
    let (peer, peer_raw) = huskarl::make(pool.tokens.token.expose(), AUDIENCE, &message);
    let prover = prover(&pool.client);
    Row::new(move || {
        std::hint::black_box(proof(&prover, &pool.target, &pool.tokens.token));
    })
    .raw(move || {
        std::hint::black_box(raw.sign(&random, &message).expect("a signature"));
    })
    .peer("huskarl/rustcrypto", peer)
    .peer_raw(peer_raw)
}

fn prover(client: &P256) -> DpopProver {
    DpopProver::new(Arc::clone(&client.ours) as _).expect("a prover")
}

fn proof(prover: &DpopProver, target: &DpopTarget, token: &AccessToken) -> String {
    now_or_never(prover.proof("POST", target).with_token(token).sign(*NOW)).expect("a proof")
}

fn verifier() -> DpopVerifier {
    DpopVerifier::builder(ReplayMemory::with_capacity(100_000), backend::ring()).build()
}

fn tool(tokens: &Tokens) -> ResourceServer {
    ResourceServer::new(tokens.verifier(), BindingPolicy::bound()).with_dpop(verifier())
}

const POOL: usize = 2000;
