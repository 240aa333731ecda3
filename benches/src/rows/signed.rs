//! Requests that a workload signed: the WIMSE profile, alone and behind a guard.

use std::rc::Rc;

use aims::Guard;
use aims_credential::{Fetch, FetchError, FetchRequest, Fetched, Holder, Wit, WitCache};
use aims_httpsig::{Digests, HttpRequest};
use aims_jose::Thumbprint;
use aims_keys::{BoxFuture, backend};
use aims_oauth::{BindingPolicy, Possession, PresentedToken, ResourceServer, TrustedIssuer};
use aims_proof::{
    Audiences, Authenticated, NewRequestSignature, ReplayMemory, SignatureVerifier, http_audience,
};
use http::Request;
use http::request::Parts;
use ring::signature::UnparsedPublicKey;

use super::guard::guard;
use super::wimse::now_or_never;
use crate::fixtures::{NOW, PATH, Tokens, World};
use crate::row::Row;

/// Signed requests, each with a nonce of its own, and what a bare verifier would be given.
struct Pool {
    world: World,
    requests: Vec<Parts>,
    signed: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Pool {
    fn new() -> Rc<Self> {
        Self::with(World::new(), "Bearer 0123456789abcdef0123456789abcdef")
    }

    /// With this in `Authorization`.
    fn with(world: World, authorization: &str) -> Rc<Self> {
        let wit = Wit::from_issuer(&world.wit, backend::ring()).expect("a WIT");
        let holder = Holder::new(wit.clone(), world.agent_key.ours.clone()).expect("a pair");
        let uri = format!("https://tools.example{PATH}?to=LIS");
        let (mut requests, mut signed) = (Vec::new(), Vec::new());
        for _ in 0..POOL {
            let (mut head, ()) = Request::post(&uri)
                .header("content-type", "application/json")
                .header("user-agent", "aims-benches")
                .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
                .header("authorization", authorization)
                .header("content-digest", Digests::field(CONTENT, backend::ring()))
                .header("workload-identity-token", &world.wit)
                .body(())
                .expect("a request")
                .into_parts();
            let (unsigned, _) = {
                let message = HttpRequest::outgoing_head(&head);
                NewRequestSignature::new(http_audience(&uri)).prepare(&wit, &message, *NOW).expect("a base")
            };
            let base = unsigned.signing_input().to_vec();
            let agent = holder.signer(*NOW).expect("a key");
            let signature =
                now_or_never(aims_keys::AsyncSigner::sign(agent, aims_keys::SignInput::Message(&base)))
                    .expect("a signature");
            let fields = unsigned.attach(signature.as_bytes()).expect("a signature");
            for (name, value) in
                [("signature-input", fields.signature_input()), ("signature", fields.signature())]
            {
                head.headers.insert(name, value.parse().expect("a value"));
            }
            // As a server gets it: the authority is in `Host`.
            head.headers.insert("host", "tools.example".parse().expect("a value"));
            head.uri = head.uri.path_and_query().expect("a path").as_str().parse().expect("a target");
            requests.push(head);
            signed.push((base, signature.as_bytes().to_vec()));
        }
        Rc::new(Self { world, requests, signed })
    }

    fn raw(self: &Rc<Self>) -> impl FnMut() + use<> {
        let (pool, mut next) = (Rc::clone(self), 0);
        let key: UnparsedPublicKey<[u8; 65]> = self.world.agent_key.ring_public();
        move || {
            let (base, signature) = &pool.signed[next];
            next = (next + 1) % pool.signed.len();
            key.verify(base, signature).expect("a good signature");
            std::hint::black_box(ring::digest::digest(&ring::digest::SHA256, CONTENT));
        }
    }
}

/// Head and content, over the verification and the hash that they need.
pub(super) fn verify() -> Row {
    let pool = Pool::new();
    let raw = pool.raw();
    let wits = WitCache::new(pool.world.wits(), 1000);
    let (mut verifier, mut next) = (verifier(), 0);
    Row::new(move || {
        if next == pool.requests.len() {
            next = 0;
            verifier = self::verifier();
        }
        let message = HttpRequest::received_head(&pool.requests[next], "https");
        let head = verifier.verify_request(&wits, &message, *NOW).expect("a signature");
        std::hint::black_box(head.with_content(CONTENT, *NOW).expect("content"));
        next += 1;
    })
    .raw(raw)
}

fn verifier() -> SignatureVerifier {
    let own = Audiences::http("https://tools.example").expect("an audience");
    SignatureVerifier::builder(own, ReplayMemory::with_capacity(100_000)).build()
}

/// The same, with marks, policy and record.
pub(super) fn admit() -> Row {
    let pool = Pool::new();
    let raw = pool.raw();
    let (mut guard, mut next): (Guard, usize) = (guard(&pool.world), 0);
    Row::new(move || {
        if next == pool.requests.len() {
            next = 0;
            guard = super::guard::guard(&pool.world);
        }
        let admitted = now_or_never(guard.admit_with_content(&pool.requests[next], CONTENT));
        std::hint::black_box(admitted.expect("a permit"));
        next += 1;
    })
    .raw(raw)
}

/// A world whose agent has an access token, the requests that it signs, and the verification of that token.
fn with_token() -> (Rc<Pool>, Tokens, impl FnMut() + 'static) {
    let world = World::new();
    let tokens = Tokens::new(backend::ring(), Some(Thumbprint::of(world.agent_key.public())));
    let pool = Pool::with(world, &format!("Bearer {}", tokens.token.expose()));
    let (mut signature, key, (message, token)) = (pool.raw(), tokens.server.ring_public(), tokens.parts());
    let raw = move || {
        key.verify(&message, &token).expect("a good signature");
        signature();
    };
    (pool, tokens, raw)
}

/// A signed request with an access token that is bound to the key of the WIT: who calls, and what for. The token was not seen before.
pub(super) fn verify_with_token() -> Row {
    let (pool, tokens, raw) = with_token();
    let wits = WitCache::new(pool.world.wits(), 1000);
    let tool = ResourceServer::new(tokens.verifier(), BindingPolicy::bound());
    let (mut verifier, mut next) = (verifier(), 0);
    Row::new(move || {
        if next == pool.requests.len() {
            next = 0;
            verifier = self::verifier();
        }
        let request = &pool.requests[next];
        let message = HttpRequest::received_head(request, "https");
        let head = verifier.verify_request(&wits, &message, *NOW).expect("a signature");
        let caller = Authenticated::by_signature(&head.with_content(CONTENT, *NOW).expect("content"));
        let lines = request.headers.get_all("authorization").iter().map(http::HeaderValue::as_bytes);
        let presented = PresentedToken::read(lines).expect("a field").expect("a token");
        let token = tool.verify(&presented, *NOW).expect("a good token");
        let authorized = tool.authorize(&presented, &token, Possession::Workload(&caller));
        std::hint::black_box(authorized.expect("its own"));
        next += 1;
    })
    .raw(raw)
}

/// The same behind a guard, which knows the keys of the issuer.
pub(super) fn admit_with_token() -> Row {
    let issuer =
        |tokens: &Tokens| TrustedIssuer::new(Tokens::ISSUER.parse().expect("an issuer"), tokens.keys());
    row_with_token(issuer).goal(20_000.0)
}

/// The same behind a guard that follows the issuer, and has its keys.
pub(super) fn admit_with_token_of_followed() -> Row {
    let issuer = |tokens: &Tokens| {
        let keys = tokens.keys().to_json();
        TrustedIssuer::following_keys(
            Tokens::ISSUER.parse().expect("an issuer"),
            "https://as.example/jwks".parse().expect("a URL"),
            Keys(keys),
            backend::ring(),
        )
    };
    row_with_token(issuer)
}

fn row_with_token(issuer: fn(&Tokens) -> TrustedIssuer) -> Row {
    let (pool, tokens, raw) = with_token();
    let tool = ResourceServer::new(tokens.verifier_of(issuer(&tokens)), BindingPolicy::bound());
    let guard = move |world: &World| {
        super::guard::builder(world).access_tokens(tool.clone()).build().expect("a sound guard")
    };
    let (mut admits, mut next): (Guard, usize) = (guard(&pool.world), 0);
    Row::new(move || {
        if next == pool.requests.len() {
            next = 0;
            admits = guard(&pool.world);
        }
        let admitted = now_or_never(admits.admit_with_content(&pool.requests[next], CONTENT));
        std::hint::black_box(admitted.expect("a permit"));
        next += 1;
    })
    .raw(raw)
}

/// The keys of an issuer, as they are fetched.
#[derive(Debug)]
struct Keys(String);

impl Fetch for Keys {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let body = self.0.clone().into_bytes();
        let fetched = Fetched::new(request.url().clone(), Some("application/json"), body);
        // Fresh for longer than the table takes.
        Box::pin(async move { Ok(fetched.with_field("cache-control", b"max-age=86400")) })
    }
}

const POOL: usize = 2000;

const CONTENT: &[u8] = br#"{"from": "LIS", "to": "OPO", "on": "2026-12-01"}"#;
