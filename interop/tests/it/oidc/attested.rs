//! A client that an attester vouches for, each instance with a key of its own.

use std::sync::Arc;

use aims_jose::base64url;
use aims_keys::{SignInput, Signer, SoftwareKey, UnixTime};
use aims_oauth::{ClientAttestation, ClientCredential, ErrorCode, Grant, TokenBinding, TokenRequest};
use serde_json::json;

use super::{ATTESTED, TOOL, USER, World, public, resource};
use crate::support::{key, now};

/// What `attester` says of the instance with this key.
fn attestation(attester: &SoftwareKey, client: &str, instance: &SoftwareKey, until: UnixTime) -> String {
    let header = json!({ "alg": "ES256", "typ": "oauth-client-attestation+jwt" });
    let claims = json!({
        "iss": "https://attester.example",
        "sub": client,
        "iat": until.as_secs() - 600,
        "exp": until.as_secs(),
        "cnf": { "jwk": public(instance) },
    });
    let input = [header, claims].map(|part| base64url::encode(part.to_string())).join(".");
    let signature = attester.sign(SignInput::Message(input.as_bytes())).unwrap();
    format!("{input}.{}", base64url::encode(signature.as_bytes()))
}

fn credential(attester: &SoftwareKey, client: &str, instance: Arc<SoftwareKey>) -> ClientCredential {
    let until = UnixTime::from_secs(now().as_secs() + 600);
    let token = attestation(attester, client, &instance, until);
    let attestation = ClientAttestation::from_attester(&token, instance.public_key()).unwrap();
    ClientCredential::attestation(attestation, instance)
}

/// One more instance of the client.
fn instance() -> Option<World> {
    World::known_by(|servers| credential(&servers.attester, ATTESTED, key()))
}

#[tokio::test]
async fn abc_1_abc_2_abc_5_an_instance_is_known_by_its_attester_and_its_key() {
    let Some(world) = instance() else { return };
    // The server has challenges: the first is asked for, and the next comes with an answer.
    assert!(world.client().await.challenge_url().is_some());
    let token = world.tokens.token(&world.need(TOOL)).await.unwrap();
    assert!(world.client().await.challenge_url().is_none());
    let verified = world.verify(TOOL, &token).await;
    assert_eq!(&*verified.client_id(), ATTESTED);
    // By a key of its own, beside that of the instance.
    let Some(TokenBinding::Key(key)) = verified.binding() else { panic!("{:?}", verified.binding()) };
    assert_eq!(*key, world.prover.thumbprint());
}

#[tokio::test]
async fn abc_6_rft_2_the_grant_of_a_user_is_the_instances_alone() {
    let (Some(world), Some(other)) = (instance(), instance()) else { return };
    let pending = world.ask(TOOL, "openid trips:read").await;
    let query = world.servers.approve(&pending, USER);
    let grant = world.tokens.redeem(pending, &query).await.unwrap();
    assert_eq!(grant.user().unwrap().subject(), USER);
    // Another instance of the same client has the refresh token.
    let stolen = grant.first_token().unwrap().refresh_token().unwrap().clone();
    let request = TokenRequest::new(Grant::Refresh(stolen)).resource(resource(TOOL));
    let flow = other.client().await.token(request).unwrap();
    let refused = other.tokens.run(flow).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(ErrorCode::InvalidGrant));
    // The right one still has it.
    world.clock.advance(290);
    assert!(world.tokens.token(&world.need(TOOL).by(&grant)).await.is_ok());
}

#[tokio::test]
async fn abc_1_abc_4_attestations_of_others_are_refused() {
    type Make = fn(&super::Servers) -> ClientCredential;
    let cases: [(&str, Make); 2] = [
        ("another attester", |_| credential(&key(), ATTESTED, key())),
        ("another client", |servers| credential(&servers.attester, "another-agent", key())),
    ];
    for (name, make) in cases {
        let Some(world) = World::known_by(make) else { return };
        let refused = world.tokens.token(&world.need(TOOL)).await.unwrap_err();
        assert_eq!(refused.error_code(), Some(ErrorCode::InvalidClient), "{name}");
    }
}
