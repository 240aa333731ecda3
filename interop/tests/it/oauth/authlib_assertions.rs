//! `private_key_jwt` with Authlib, both ways (RFC 7523).

use aims_jose::Jwk;
use aims_keys::{Algorithm, AlgorithmSet, backend};
use aims_oauth::{
    AudiencePolicy, AuthenticatedClient, ClientAuthError, ClientAuthenticator, ClientKey, ClientKeys,
    ClientProof, NewParameters, Parameters, PresentedClient, RegisteredClient, RegisteredMethod,
};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use super::{ISSUER, TOKEN_ENDPOINT, issuer, key_of, published, python, set, with};
use crate::peer::Peer;
use crate::support::{key_for, now};

const CLIENT: &str = "travel-agent";

/// What is added to a form.
fn makes(peer: &Peer, name: &str, algorithm: Algorithm, more: Value) -> Parameters {
    let question = json!({
        "task": "assertion", "name": name, "algorithm": algorithm.name(), "client_id": CLIENT, "audience": ISSUER,
        "header": { "kid": name }, "claims": { "exp": now().as_secs() + 60 },
        "body": "grant_type=client_credentials",
    });
    Parameters::parse(peer.ask(&with(question, more)).unwrap().as_str().unwrap().as_bytes()).unwrap()
}

fn registered(jwk: &Jwk) -> RegisteredClient {
    let keys = ClientKeys::new(set(jwk)).with_algorithms(AlgorithmSet::of(&[jwk.public_key().algorithm()]));
    RegisteredClient::new(CLIENT, RegisteredMethod::PrivateKeyJwt(keys))
}

fn clients(policy: AudiencePolicy) -> ClientAuthenticator {
    ClientAuthenticator::builder(issuer(), ReplayMemory::with_capacity(100), backend::ring())
        .audience_policy(policy)
        .build()
}

fn takes(
    server: &ClientAuthenticator,
    form: &Parameters,
    client: &RegisteredClient,
) -> Result<AuthenticatedClient, ClientAuthError> {
    server.authenticate(PresentedClient::read(form, [])?, Some(client), now())
}

#[test]
fn we_take_assertions_of_authlib() {
    let Some(python) = python() else { return };
    for algorithm in
        [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::Rs256, Algorithm::Ps256]
    {
        let name = format!("authlib {}", algorithm.name());
        let client = registered(&key_of(python, &name, algorithm));
        let server = clients(AudiencePolicy::Strict);
        let form = makes(python, &name, algorithm, json!({}));
        let found = takes(&server, &form, &client).unwrap();
        assert_eq!((found.client_id(), found.proof()), (CLIENT, ClientProof::PrivateKeyJwt));
        assert_refused!(takes(&server, &form, &client), "replay", "CJA-2");
    }
}

/// Left to itself it makes assertions that last an hour, and are for the token endpoint.
#[test]
fn we_refuse_assertions_as_authlib_makes_them_by_itself() {
    let Some(python) = python() else { return };
    let (name, algorithm) = ("authlib by itself", Algorithm::Es256);
    let client = registered(&key_of(python, name, algorithm));
    let (server, legacy) = (
        clients(AudiencePolicy::Strict),
        clients(AudiencePolicy::Legacy { token_endpoint: TOKEN_ENDPOINT.parse().unwrap() }),
    );
    let form = |more| makes(python, name, algorithm, more);
    let hour = form(json!({ "claims": {} }));
    assert_refused!(takes(&server, &hour, &client), "lifetime_too_long", "CJA-2");
    let endpoint = form(json!({ "audience": TOKEN_ENDPOINT }));
    assert_refused!(takes(&server, &endpoint, &client), "audience_mismatch", "CJA-3");
    takes(&legacy, &endpoint, &client).unwrap();
    let evil = form(json!({ "audience": "https://evil.example/token" }));
    assert_refused!(takes(&legacy, &evil, &client), "audience_mismatch", "CJA-3");
    let typed = form(json!({ "header": { "kid": name, "typ": "at+jwt" } }));
    assert_refused!(takes(&server, &typed, &client), "wrong_type", "CJA-4");
    let other = registered(&key_of(python, "authlib of another", algorithm).with_key_id(name).unwrap());
    assert_refused!(takes(&server, &form(json!({})), &other), "bad_signature", "CJA-5");
}

#[tokio::test(flavor = "current_thread")]
async fn authlib_takes_our_assertions() {
    let Some(python) = python() else { return };
    let key = key_for(Algorithm::Es256);
    let client = ClientKey::new(CLIENT, key.clone(), Some("c-1")).unwrap();
    let jwk = Jwk::new(aims_keys::Signer::public_key(&*key).clone()).with_key_id("c-1").unwrap();
    let form = async || {
        let mut form = NewParameters::new();
        client.assertion(&issuer()).sign(now()).await.unwrap().add_to(&mut form);
        let form = Parameters::parse(form.as_str().as_bytes()).unwrap();
        let get = |name| form.get(name).unwrap().unwrap().to_owned();
        json!({ "client_assertion_type": get("client_assertion_type"), "client_assertion": get("client_assertion") })
    };
    let ask = |form: &Value, id: &str, audiences: &[&str], jwk: &Jwk| {
        python.ask(&json!({
            "task": "client", "form": form, "client_id": id, "audiences": audiences, "keys": published(jwk),
        }))
    };
    let good = form().await;
    assert_eq!(ask(&good, CLIENT, &[TOKEN_ENDPOINT, ISSUER], &jwk).unwrap(), CLIENT);
    assert!(ask(&good, CLIENT, &[ISSUER], &jwk).unwrap_err().contains("used before"));
    let other = ask(&form().await, "another", &[ISSUER], &jwk);
    assert!(other.unwrap_err().contains("does not exist"));
    let elsewhere = ask(&form().await, CLIENT, &["https://evil.example"], &jwk);
    assert!(elsewhere.unwrap_err().contains("aud"));
    let stranger = Jwk::new(aims_keys::Signer::public_key(&*key_for(Algorithm::Es256)).clone());
    let stranger = ask(&form().await, CLIENT, &[ISSUER], &stranger.with_key_id("c-1").unwrap());
    assert!(stranger.unwrap_err().contains("InvalidClientError"));
}
