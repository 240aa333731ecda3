//! What requests present to authenticate their clients: fields, an empty line, and a form.

use std::sync::{Arc, LazyLock};

use aims_credential::{BundleSet, TrustBundle};
use aims_jose::{Jwk, JwkSet};
use aims_keys::backend;
use aims_oauth::{
    ClientAuthenticator, ClientKey, ClientProof, Issuer, Parameters, PeerCertificate, PresentedClient,
    RegisteredClient, RegisteredMethod, SpiffeClientId, SpiffeProof, SpiffeRegistration, SubjectDn,
};

use super::world::{self, AGENT, AUDIENCE, CLIENT, Client, Forgetful, NOW, WORLD};

struct Clients {
    server: ClientAuthenticator,
    client: RegisteredClient,
    assertion: String,
}

static CLIENTS: LazyLock<Clients> = LazyLock::new(|| {
    let issuer: Issuer = AUDIENCE.parse().expect("an issuer");
    let client = ClientKey::new(AGENT, CLIENT.party.key.clone(), Some(Client::KEY_ID)).expect("a client");
    let unsigned = client.assertion(&issuer).prepare(NOW).expect("an assertion");
    let signature = CLIENT.party.sign(unsigned.signing_input());
    let assertion = unsigned.attach(signature.as_bytes()).expect("an assertion").expose().to_owned();

    let svid_key = Jwk::new(WORLD.issuer_key.clone()).with_key_id("k").expect("a kid");
    let svid_keys = JwkSet::new(vec![svid_key]).expect("a set");
    let bundle = TrustBundle::new("spiffe://acme.example".parse().expect("an origin"), svid_keys.clone());
    let server = ClientAuthenticator::builder(issuer, Forgetful, backend::ring())
        .bundles(BundleSet::from(bundle.with_jwt_keys(svid_keys)))
        .attester(CLIENT.attester())
        .build();
    let agent: SpiffeClientId = AGENT.parse().expect("an identifier");
    let agent = SpiffeRegistration::new(agent, SpiffeProof::JwtSvid).or(SpiffeProof::WitSvid);
    let client = CLIENT.registered().or(RegisteredMethod::Spiffe(agent));
    let client = client.or(RegisteredMethod::SelfSignedTls(Arc::new(CLIENT.party.keys())));
    Clients { server, client, assertion }
});

pub(super) fn run(input: &[u8]) {
    let split = input.windows(2).position(|two| two == b"\n\n").unwrap_or(input.len());
    let (head, body) = input.split_at(split);
    let body = body.get(2..).unwrap_or_default();
    let fields: Vec<(&str, &[u8])> = head
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            let value = line.get(at + 1..)?;
            Some((str::from_utf8(line.get(..at)?).ok()?, value.strip_prefix(b" ").unwrap_or(value)))
        })
        .collect();
    let Ok(form) = Parameters::parse(body) else { return };
    let presented = match PresentedClient::read(&form, fields.iter().copied()) {
        Ok(presented) => presented,
        Err(error) => return assert!(!error.code().is_empty() && !error.rule().is_empty()),
    };
    let known = &*CLIENTS;
    let over = PeerCertificate::unverified(head, backend::ring());
    match known.server.authenticate(presented.with_certificate(over), Some(&known.client), NOW) {
        Ok(client) => {
            let has = |name: &str, token: &str| {
                let mut values = fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
                values.any(|(_, value)| *value == token.as_bytes())
            };
            let assertion = form.get("client_assertion").ok().flatten();
            let is_good = match client.proof() {
                ClientProof::PrivateKeyJwt => assertion == Some(&known.assertion),
                ClientProof::JwtSvid => assertion == Some(&WORLD.jwt_svid),
                ClientProof::AttestationPop => {
                    has("oauth-client-attestation", &CLIENT.attestation)
                        && has("oauth-client-attestation-pop", &CLIENT.pop)
                }
                _ => false,
            };
            assert!(is_good && client.client_id() == AGENT, "a client was authenticated that showed nothing");
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    if let Ok(name) = str::from_utf8(body)
        && let Ok(name) = name.parse::<SubjectDn>()
    {
        assert_eq!(name.to_string().parse::<SubjectDn>(), Ok(name));
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let known = &*CLIENTS;
    let form = |kind: &str, token: &str| {
        let kind = format!("urn:ietf:params:oauth:client-assertion-type:{kind}");
        let form = world::form(|form| {
            form.add("client_assertion_type", &kind).add("client_assertion", token).add("client_id", AGENT);
        });
        format!("content-type: application/x-www-form-urlencoded\n\n{form}")
    };
    let attested = |attestation: &str| {
        format!(
            "OAuth-Client-Attestation: {attestation}\nOAuth-Client-Attestation-PoP: {}\n\nclient_id=spiffe%3A%2F%2F",
            CLIENT.pop
        )
    };
    [
        form("jwt-bearer", &known.assertion),
        form("jwt-spiffe", &WORLD.jwt_svid),
        form("saml2-bearer", "PHg-"),
        attested(&CLIENT.attestation),
        attested(&CLIENT.attestation).replace("client_id=spiffe%3A%2F%2F", ""),
        attested(&WORLD.wit).replace("client_id=spiffe%3A%2F%2F", ""),
        "Authorization: Basic YTpi\n\nclient_id=a&client_secret=b".to_owned(),
        format!("\n\nclient_id={AGENT}"),
        r"a: b

CN=travel\, agent,O=Acme\2C Inc.,2.5.4.6=AT"
            .to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}
