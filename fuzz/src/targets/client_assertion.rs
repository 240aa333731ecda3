//! Assertions and attestations of clients, behind the signature: what is accepted is about this client, for this server, and not for long.

use std::sync::LazyLock;

use aims_keys::backend;
use aims_oauth::{ClientAuthenticator, ClientProof, Parameters, PresentedClient, RegisteredClient};
use serde_json::Value;

use super::world::{self, AGENT, AUDIENCE, CLIENT, Forgetful, NOW};

struct Made {
    server: ClientAuthenticator,
    client: RegisteredClient,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let issuer = AUDIENCE.parse().expect("an issuer");
    let server = ClientAuthenticator::builder(issuer, Forgetful, backend::ring());
    Made { server: server.attester(CLIENT.attester()).build(), client: CLIENT.registered() }
});

/// Claims.
pub(super) fn run(input: &[u8]) {
    for typ in ["client-authentication+jwt", "JWT"] {
        let form = world::form(|form| {
            form.add("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
            form.add("client_assertion", &CLIENT.party.signed(typ, input)).add("client_id", AGENT);
        });
        if let Some(proof) = authenticated(&form, &[]) {
            assert_eq!(proof, ClientProof::PrivateKeyJwt);
            asserted(input);
        }
    }
    let attestation = CLIENT.party.signed("oauth-client-attestation+jwt", input);
    let fields =
        [("oauth-client-attestation", &*attestation), ("oauth-client-attestation-pop", &*CLIENT.pop)];
    if let Some(proof) = authenticated("", &fields) {
        assert_eq!(proof, ClientProof::AttestationPop);
        attested(input);
    }
    let assertion = CLIENT.party.signed("client-authentication+jwt", input);
    let fields = [("oauth-client-attestation", &*assertion), ("oauth-client-attestation-pop", &*CLIENT.pop)];
    assert!(authenticated("", &fields).is_none(), "an assertion became an attestation");
}

fn authenticated(form: &str, fields: &[(&str, &str)]) -> Option<ClientProof> {
    let form = Parameters::parse(form.as_bytes()).ok()?;
    let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
    let presented = match PresentedClient::read(&form, fields) {
        Ok(presented) => presented,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            return None;
        }
    };
    match MADE.server.authenticate(presented, Some(&MADE.client), NOW) {
        Ok(client) => {
            assert_eq!(client.client_id(), AGENT);
            Some(client.proof())
        }
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            None
        }
    }
}

fn asserted(claims: &[u8]) {
    let said: Value = serde_json::from_slice(claims).expect("strict is a subset of lenient");
    assert!(said["iss"] == AGENT && said["sub"] == AGENT, "another client's");
    let audience = said["aud"].as_array().map_or(&said["aud"], |all| &all[0]);
    assert!(audience == AUDIENCE && said["aud"].as_array().is_none_or(|all| all.len() == 1));
    let left = said["exp"].as_f64().expect("a date") - 1_790_000_000.0;
    assert!((-31.0..=331.0).contains(&left), "it counts for {left} s");
    assert!(said["jti"].as_str().is_some_and(|id| !id.is_empty()), "it cannot be told from another");
}

fn attested(claims: &[u8]) {
    let said: Value = serde_json::from_slice(claims).expect("strict is a subset of lenient");
    assert_eq!(said["sub"], AGENT, "another client's");
    assert!(said["exp"].as_f64().expect("a date") > 1_789_999_969.0, "it has ended");
    let own: Value = serde_json::from_str(&CLIENT.party.jwk.to_json()).expect("a key");
    assert!(said["cnf"]["jwk"]["x"] == own["x"] && said["cnf"]["jwk"]["y"] == own["y"], "another key's");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let jwk = CLIENT.party.jwk.to_json();
    let more = r#""exp":1790000060,"iat":1790000000,"jti":"c-1""#;
    [
        format!(r#"{{"iss":"{AGENT}","sub":"{AGENT}","aud":"{AUDIENCE}",{more}}}"#),
        format!(r#"{{"iss":"{AGENT}","sub":"{AGENT}","aud":["{AUDIENCE}"],"exp":1790000300.5,"nbf":1790000000,"jti":"c-2"}}"#),
        format!(r#"{{"iss":"{AGENT}","sub":"another","aud":"{AUDIENCE}/token",{more}}}"#),
        format!(r#"{{"sub":"{AGENT}","exp":1790003600,"iat":1790000000,"cnf":{{"jwk":{jwk}}}}}"#),
        format!(r#"{{"iss":"https://attester.example","sub":"{AGENT}","exp":1790003600,"nbf":1,"cnf":{{"jwk":{jwk}}}}}"#),
    ]
    .map(String::into_bytes)
    .to_vec()
}
