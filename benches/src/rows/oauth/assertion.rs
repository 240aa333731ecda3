//! Client assertions: `private_key_jwt`.

use std::sync::Arc;

use aims_jose::JwkSet;
use aims_keys::backend;
use aims_oauth::{
    ClientAssertion, ClientAuthenticator, ClientKey, ClientKeys, Issuer, NewParameters, Parameters,
    PresentedClient, RegisteredClient, RegisteredMethod,
};
use aims_proof::ReplayMemory;
use ring::rand::SystemRandom;

use crate::fixtures::{NOW, P256, Tokens, signed_parts};
use crate::row::Row;
use crate::rows::wimse::now_or_never;

/// From a form, which was parsed, to the client that it is of.
pub(in crate::rows) fn verify() -> Row {
    let key = P256::generate(backend::ring());
    let (client, issuer) = (client(&key), issuer());
    let made: Vec<_> = (0..POOL).map(|_| assertion(&client, &issuer)).collect();
    let signed: Vec<_> = made.iter().map(|made| signed_parts(made.expose())).collect();
    let forms: Vec<_> = made.iter().map(form).collect();
    let keys = JwkSet::new(vec![key.jwk(KEY_ID)]).expect("a set");
    let registered =
        RegisteredClient::new(Tokens::CLIENT, RegisteredMethod::PrivateKeyJwt(ClientKeys::new(keys)));
    let (raw, mut raw_next) = (key.ring_public(), 0);
    let (mut server, mut next) = (server(), 0);
    Row::new(move || {
        if next == forms.len() {
            next = 0;
            server = self::server();
        }
        let presented = PresentedClient::read(&forms[next], []).expect("a client");
        std::hint::black_box(server.authenticate(presented, Some(&registered), *NOW).expect("the client"));
        next += 1;
    })
    .raw(move || {
        let (message, signature) = &signed[raw_next];
        raw_next = (raw_next + 1) % signed.len();
        raw.verify(message, signature).expect("a good signature");
    })
}

pub(in crate::rows) fn make() -> Row {
    let key = P256::generate(backend::ring());
    let (client, issuer) = (client(&key), issuer());
    let (raw, random) = (key.ring(), SystemRandom::new());
    let message = signed_parts(assertion(&client, &issuer).expose()).0;
    Row::new(move || {
        std::hint::black_box(assertion(&client, &issuer));
    })
    .raw(move || {
        std::hint::black_box(raw.sign(&random, &message).expect("a signature"));
    })
}

fn client(key: &P256) -> ClientKey {
    ClientKey::new(Tokens::CLIENT, Arc::clone(&key.ours) as _, Some(KEY_ID)).expect("a client")
}

fn assertion(client: &ClientKey, issuer: &Issuer) -> ClientAssertion {
    now_or_never(client.assertion(issuer).sign(*NOW)).expect("an assertion")
}

fn form(assertion: &ClientAssertion) -> Parameters {
    let mut form = NewParameters::new();
    assertion.add_to(&mut form);
    Parameters::parse(form.as_str().as_bytes()).expect("a form")
}

fn server() -> ClientAuthenticator {
    ClientAuthenticator::builder(issuer(), ReplayMemory::with_capacity(100_000), backend::ring()).build()
}

fn issuer() -> Issuer {
    Tokens::ISSUER.parse().expect("an issuer")
}

const KEY_ID: &str = "client-key-1";

const POOL: usize = 2000;
