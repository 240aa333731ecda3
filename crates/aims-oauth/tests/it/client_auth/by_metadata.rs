//! Clients that authenticate as their metadata say.

use std::sync::Arc;

use aims_jose::JwkSet;
use aims_keys::{Algorithm, SoftwareKey};
use aims_oauth::{
    ClientAttesters, ClientAuthMethod, ClientKey, ClientKeySource, ClientMetadata, ClientMetadataBuilder,
    GrantType, RegisteredClient,
};
use aims_testkit::assert_refused;

use super::support::*;
use crate::world::*;

const CLIENT: &str = "travel-agent";

fn metadata(method: ClientAuthMethod) -> ClientMetadataBuilder {
    ClientMetadata::builder(method).grants(&[GrantType::ClientCredentials])
}

fn registered(metadata: &ClientMetadata, fetched: Option<JwkSet>) -> Option<RegisteredClient> {
    RegisteredClient::from_metadata(CLIENT, metadata, fetched.map(Arc::new), None)
}

async fn assertion_by(key: &Arc<SoftwareKey>) -> String {
    let client = ClientKey::new(CLIENT, key.clone(), Some("k")).unwrap();
    client.assertion(&issuer()).sign(NOW).await.unwrap().expose().to_owned()
}

#[tokio::test(flavor = "current_thread")]
async fn cja_5_dcr_1_keys_and_algorithm_of_the_metadata_count_and_no_others() {
    let (key, other) = (Arc::new(key()), key());
    let server = authenticator().build();
    let judge = |metadata: ClientMetadata, fetched, token: &str| {
        let registry = Registry::default().client(registered(&metadata, fetched).unwrap());
        judge(&server, &registry, &assertion(JWT_BEARER, token), NOW)
    };
    let here = |key| ClientKeySource::Set(keys(key, "k"));
    let there = || ClientKeySource::Url("https://agents.acme.example/jwks".parse().unwrap());
    let of = |keys| metadata(ClientAuthMethod::PrivateKeyJwt).keys(keys);

    let token = assertion_by(&key).await;
    let client = judge(of(here(&key)).build().unwrap(), Some(keys(&other, "k")), &token).unwrap();
    assert_eq!(client.client_id(), CLIENT);
    let token = assertion_by(&key).await;
    assert!(judge(of(there()).build().unwrap(), Some(keys(&key, "k")), &token).is_ok());

    let token = assertion_by(&key).await;
    let refused = judge(of(here(&other)).build().unwrap(), Some(keys(&key, "k")), &token);
    assert_refused!(refused, "bad_signature", "CJA-5");
    let wrong = of(here(&key)).auth_algorithm(Algorithm::Ps256).build().unwrap();
    assert_refused!(judge(wrong, None, &token), "unsupported_alg", "CJA-5");
    let right = of(here(&key)).auth_algorithm(Algorithm::Es256).build().unwrap();
    assert!(judge(right, None, &token).is_ok());
}

#[test]
fn sec_6_osc_6_a_client_has_the_method_that_it_registered_or_none() {
    let there = ClientKeySource::Url("https://agents.acme.example/jwks".parse().unwrap());
    let there = metadata(ClientAuthMethod::PrivateKeyJwt).keys(there).build().unwrap();
    assert!(registered(&there, None).is_none());
    for method in [ClientAuthMethod::ClientSecretBasic, ClientAuthMethod::ClientSecretPost] {
        assert!(registered(&metadata(method).build().unwrap(), Some(keys(&key(), "k"))).is_none());
    }
    let public = registered(&metadata(ClientAuthMethod::None).build().unwrap(), None).unwrap();
    assert!(public.is_public() && public.client_id() == Some(CLIENT));

    let attested = metadata(ClientAuthMethod::Attestation).build().unwrap();
    assert!(registered(&attested, None).is_none());
    let attesters = Some(ClientAttesters::new("https://attester.example"));
    let client = RegisteredClient::from_metadata(CLIENT, &attested, None, attesters).unwrap();
    assert!(!client.is_public());

    for method in [ClientAuthMethod::SpiffeJwt, ClientAuthMethod::SpiffeWit, ClientAuthMethod::SpiffeX509] {
        let client = metadata(method).spiffe_id("spiffe://acme.example/agents/*".parse().unwrap());
        assert!(!registered(&client.build().unwrap(), None).unwrap().is_public(), "{method}");
    }
}
