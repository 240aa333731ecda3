//! WIT and WPT, with ES256 keys on *ring*.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use aims_credential::WitCache;
use aims_proof::{NewWpt, Target, WptRequest, WptVerifier};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::UnparsedPublicKey;

use crate::fixtures::{AUDIENCE, NOW, PATH, Pool, World};
use crate::row::Row;

pub(super) fn wit_cold() -> Row {
    let world = World::new();
    let (wits, wit) = (world.wits(), world.wit.clone());
    let (theirs, key) = (wit.clone(), world.issuer_key.wimsey().verifying_key());
    Row::new(move || {
        std::hint::black_box(wits.verify(&wit, *NOW).expect("a good WIT"));
    })
    .raw(raw_wit(&world))
    .peer("wimsey/rustcrypto", move || {
        let validation = wimsey_wit::Validation::at(NOW.as_secs()).with_leeway(30);
        std::hint::black_box(wimsey_wit::verify(&theirs, &key, &validation).expect("a good WIT"));
    })
    .peer_raw(wimsey_raw(&world.issuer_key.wimsey(), &world.wit))
}

pub(super) fn wit_warm() -> Row {
    let world = World::new();
    let wits = WitCache::new(world.wits(), CACHE);
    Row::short(move || wits.verify(&world.wit, *NOW).expect("a good WIT"))
}

pub(super) fn wpt_verify() -> Row {
    let (world, pool) = make();
    let wit = world.wits().verify(&world.wit, *NOW).expect("a good WIT");
    let mut proofs = Proofs::new(&pool);
    Row::new(move || {
        let (verifier, proof) = proofs.next();
        let request = WptRequest::new(proof, Target::HttpPath(PATH));
        std::hint::black_box(verifier.verify(&wit, &request, *NOW).expect("a good proof"));
    })
    .raw(raw_wpt(&world, &pool))
    .peer("wimsey/rustcrypto", wimsey_wpt(&world, &pool))
    .peer_raw(wimsey_raw(&world.agent_key.wimsey(), &pool.proofs[0]))
}

pub(super) fn both_cold() -> Row {
    let (world, pool) = make();
    let (wits, wit) = (world.wits(), world.wit.clone());
    let mut proofs = Proofs::new(&pool);
    let (mut first, mut second) = (raw_wit(&world), raw_wpt(&world, &pool));
    let (mut their_first, mut their_second) = (
        wimsey_raw(&world.issuer_key.wimsey(), &world.wit),
        wimsey_raw(&world.agent_key.wimsey(), &pool.proofs[0]),
    );
    let (theirs, key, proof) =
        (world.wit.clone(), world.issuer_key.wimsey().verifying_key(), pool.proofs[0].clone());
    Row::new(move || {
        let (verifier, proof) = proofs.next();
        let wit = wits.verify(&wit, *NOW).expect("a good WIT");
        let request = WptRequest::new(proof, Target::HttpPath(PATH));
        std::hint::black_box(verifier.verify(&wit, &request, *NOW).expect("a good proof"));
    })
    .raw(move || {
        first();
        second();
    })
    .goal(4_500.0)
    .peer("wimsey/rustcrypto", move || {
        let validation = wimsey_wit::Validation::at(NOW.as_secs()).with_leeway(30);
        let wit = wimsey_wit::verify(&theirs, &key, &validation).expect("a good WIT");
        let validation = wimsey_wpt::Validation::new(NOW.as_secs(), AUDIENCE, &theirs).with_max_lifetime(300);
        let proof = wimsey_wpt::verify(&proof, &wit.pop_key, &validation).expect("a good proof");
        std::hint::black_box((wit, proof));
    })
    .peer_raw(move || {
        their_first();
        their_second();
    })
}

pub(super) fn both_warm() -> Row {
    let (world, pool) = make();
    let (wits, wit) = (WitCache::new(world.wits(), CACHE), world.wit.clone());
    let mut proofs = Proofs::new(&pool);
    Row::new(move || {
        let (verifier, proof) = proofs.next();
        let wit = wits.verify(&wit, *NOW).expect("a good WIT");
        let request = WptRequest::new(proof, Target::HttpPath(PATH));
        std::hint::black_box(verifier.verify(&wit, &request, *NOW).expect("a good proof"));
    })
    .raw(raw_wpt(&world, &pool))
    .goal(2_500.0)
}

pub(super) fn wpt_make() -> Row {
    let world = World::new();
    let (raw, random) = (world.agent_key.ring(), SystemRandom::new());
    let message = world.pool().signed[0].0.clone();
    let (their_key, wit, their_random) = (world.agent_key.wimsey(), world.wit.clone(), SystemRandom::new());
    let (their_raw, their_message) = (world.agent_key.wimsey(), message.clone());
    Row::new(move || {
        std::hint::black_box(now_or_never(NewWpt::new(AUDIENCE).sign(&world.holder, *NOW)).expect("a proof"));
    })
    .raw(move || {
        std::hint::black_box(raw.sign(&random, &message).expect("a signature"));
    })
    .peer("wimsey/rustcrypto", move || {
        let mut id = [0; 16];
        their_random.fill(&mut id).expect("randomness");
        let claims = wimsey_wpt::WptClaims {
            aud: AUDIENCE.to_owned(),
            exp: NOW.as_secs() + 60,
            jti: aims_jose::base64url::encode(id),
            wth: wimsey_wpt::wit_thumbprint(&wit),
            tth: None,
            oth: None,
        };
        std::hint::black_box(wimsey_wpt::issue(&claims, &their_key).expect("a proof"));
    })
    .peer_raw(move || {
        std::hint::black_box(their_raw.sign(&their_message));
    })
}

/// The result of a future that waits for nothing.
pub(super) fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing to wait for"),
    }
}

/// The issuer's signature.
pub(super) fn raw_wit(world: &World) -> impl FnMut() + 'static {
    raw(world.issuer_key.ring_public(), vec![parts(&world.wit)])
}

/// The agent's signatures, one proof after the other.
pub(super) fn raw_wpt(world: &World, pool: &Rc<Pool>) -> impl FnMut() + 'static {
    raw(world.agent_key.ring_public(), pool.signed.clone())
}

fn raw(key: UnparsedPublicKey<[u8; 65]>, signed: Vec<(Vec<u8>, Vec<u8>)>) -> impl FnMut() + 'static {
    let mut next = 0;
    move || {
        let (message, signature) = &signed[next];
        next = (next + 1) % signed.len();
        key.verify(message, signature).expect("a good signature");
    }
}

fn wimsey_wpt(world: &World, pool: &Rc<Pool>) -> impl FnMut() + 'static {
    let (wit, key, proof) =
        (world.wit.clone(), world.agent_key.wimsey().verifying_key(), pool.proofs[0].clone());
    move || {
        let validation = wimsey_wpt::Validation::new(NOW.as_secs(), AUDIENCE, &wit).with_max_lifetime(300);
        std::hint::black_box(wimsey_wpt::verify(&proof, &key, &validation).expect("a good proof"));
    }
}

fn wimsey_raw(key: &wimsey_jose::SigningKey, token: &str) -> impl FnMut() + 'static {
    let (key, (message, signature)) = (key.verifying_key(), parts(token));
    move || key.verify(&message, &signature).expect("a good signature")
}

fn parts(token: &str) -> (Vec<u8>, Vec<u8>) {
    let (input, signature) = token.rsplit_once('.').expect("a JWS");
    (input.as_bytes().to_vec(), aims_jose::base64url::decode(signature).expect("a signature"))
}

fn make() -> (World, Rc<Pool>) {
    let world = World::new();
    let pool = world.pool();
    (world, pool)
}

/// The proofs of a pool, and a verifier that has not seen the next one: a new one for each time around.
struct Proofs {
    pool: Rc<Pool>,
    verifier: WptVerifier,
    next: usize,
}

impl Proofs {
    fn new(pool: &Rc<Pool>) -> Self {
        Self { pool: Rc::clone(pool), verifier: World::wpts(), next: 0 }
    }

    fn next(&mut self) -> (&WptVerifier, &str) {
        if self.next == self.pool.proofs.len() {
            self.next = 0;
            self.verifier = World::wpts();
        }
        self.next += 1;
        (&self.verifier, &self.pool.proofs[self.next - 1])
    }
}

const CACHE: usize = 4096;
