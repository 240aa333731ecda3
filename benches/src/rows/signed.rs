//! Requests that a workload signed: the WIMSE profile, alone and behind a guard.

use std::rc::Rc;

use aims::Guard;
use aims_credential::{Holder, Wit, WitCache};
use aims_httpsig::{Digests, HttpRequest};
use aims_keys::backend;
use aims_proof::{Audiences, NewRequestSignature, ReplayMemory, SignatureVerifier, http_audience};
use http::Request;
use http::request::Parts;
use ring::signature::UnparsedPublicKey;

use super::guard::guard;
use super::wimse::now_or_never;
use crate::fixtures::{NOW, PATH, World};
use crate::row::Row;

/// Signed requests, each with a nonce of its own, and what a bare verifier would be given.
struct Pool {
    world: World,
    requests: Vec<Parts>,
    signed: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Pool {
    fn new() -> Rc<Self> {
        let world = World::new();
        let wit = Wit::from_issuer(&world.wit, backend::ring()).expect("a WIT");
        let holder = Holder::new(wit.clone(), world.agent_key.ours.clone()).expect("a pair");
        let uri = format!("https://tools.example{PATH}?to=LIS");
        let (mut requests, mut signed) = (Vec::new(), Vec::new());
        for _ in 0..POOL {
            let (mut head, ()) = Request::post(&uri)
                .header("content-type", "application/json")
                .header("user-agent", "aims-benches")
                .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
                .header("authorization", "Bearer 0123456789abcdef0123456789abcdef")
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

    fn raw(self: &Rc<Self>) -> impl FnMut() + 'static {
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

const POOL: usize = 2000;

const CONTENT: &[u8] = br#"{"from": "LIS", "to": "OPO", "on": "2026-12-01"}"#;
