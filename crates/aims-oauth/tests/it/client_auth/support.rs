//! A server with a registry, and tokens of any content.

use aims_jose::{Jwk, JwkSet, base64url};
use aims_keys::{Algorithm, SignInput, SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AuthenticatedClient, ClientAuthError, ClientAuthenticator, ClientAuthenticatorBuilder, ClientKeys,
    ClientLookup, NewParameters, Parameters, PresentedClient, RegisteredClient, RegisteredMethod,
    SpiffeClientId, SpiffeProof, SpiffeRegistration,
};
use aims_proof::ReplayMemory;

use crate::world::*;

pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
pub(crate) const JWT_SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

pub(crate) fn key() -> SoftwareKey {
    SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap()
}

pub(crate) fn keys(key: &SoftwareKey, kid: &str) -> JwkSet {
    JwkSet::new(vec![Jwk::new(key.public_key().clone()).with_key_id(kid).unwrap()]).unwrap()
}

pub(crate) fn authenticator() -> ClientAuthenticatorBuilder {
    ClientAuthenticator::builder(issuer(), ReplayMemory::with_capacity(1000), backend::ring())
}

/// Whoever is registered.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    clients: Vec<RegisteredClient>,
    workloads: Vec<(SpiffeClientId, RegisteredClient)>,
}

impl Registry {
    /// A client with this key, registered as `k`.
    pub(crate) fn with_key(client_id: &str, key: &SoftwareKey) -> Self {
        let keys = ClientKeys::new(keys(key, "k"));
        Self::default().client(RegisteredClient::new(client_id, RegisteredMethod::PrivateKeyJwt(keys)))
    }

    pub(crate) fn client(mut self, client: RegisteredClient) -> Self {
        self.clients.push(client);
        self
    }

    pub(crate) fn workloads(mut self, ids: &str, proof: SpiffeProof) -> Self {
        let ids: SpiffeClientId = ids.parse().unwrap();
        let client = RegisteredClient::workloads(SpiffeRegistration::new(ids.clone(), proof));
        self.workloads.push((ids, client));
        self
    }

    pub(crate) fn find(&self, lookup: ClientLookup<'_>) -> Option<&RegisteredClient> {
        let called = |id: &str| self.clients.iter().find(|client| client.client_id() == Some(id));
        match lookup {
            ClientLookup::Id(id) => called(id),
            ClientLookup::Workload(id) => called(id.as_str()).or_else(|| {
                let mut all = self.workloads.iter();
                all.find(|(ids, _)| ids.matches(id.as_workload_id())).map(|(_, client)| client)
            }),
            _ => None,
        }
    }
}

pub(crate) fn form(parameters: &[(&str, &str)]) -> Parameters {
    let mut form = NewParameters::new();
    for (name, value) in parameters {
        form.add(name, value);
    }
    Parameters::parse(form.as_str().as_bytes()).unwrap()
}

pub(crate) fn lines<'r>(fields: &'r [(&'r str, &'r str)]) -> impl Iterator<Item = (&'r str, &'r [u8])> {
    fields.iter().map(|(name, value)| (*name, value.as_bytes()))
}

/// What comes of a form.
pub(crate) fn judge(
    server: &ClientAuthenticator,
    registry: &Registry,
    parameters: &[(&str, &str)],
    now: UnixTime,
) -> Result<AuthenticatedClient, ClientAuthError> {
    judge_with(server, registry, parameters, &[], now)
}

/// What comes of a form and fields.
pub(crate) fn judge_with(
    server: &ClientAuthenticator,
    registry: &Registry,
    parameters: &[(&str, &str)],
    fields: &[(&str, &str)],
    now: UnixTime,
) -> Result<AuthenticatedClient, ClientAuthError> {
    let form = form(parameters);
    let presented = PresentedClient::read(&form, lines(fields))?;
    let registered = registry.find(presented.lookup());
    server.authenticate(presented, registered, now)
}

pub(crate) fn assertion<'a>(kind: &'a str, token: &'a str) -> [(&'a str, &'a str); 2] {
    [("client_assertion_type", kind), ("client_assertion", token)]
}

/// The usual claims, and these in their place; one without a value is left out.
pub(crate) fn claims(usual: &[(&str, &str)], of: &[(&str, &str)]) -> String {
    let other = |name: &str| of.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let members = usual.iter().map(|(name, value)| (*name, other(name).unwrap_or(value)));
    let more = of.iter().copied().filter(|(name, _)| !usual.iter().any(|(known, _)| known == name));
    let all = members.chain(more).filter(|(_, value)| !value.is_empty());
    format!("{{{}}}", all.map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(","))
}

/// Of any header and any claims.
pub(crate) fn sign(header: &str, claims: &str, key: &SoftwareKey) -> String {
    let input = format!("{}.{}", base64url::encode(header), base64url::encode(claims));
    let signature = key.sign(SignInput::Message(input.as_bytes())).unwrap();
    format!("{input}.{}", base64url::encode(signature.as_bytes()))
}

/// With one letter of the signature changed.
pub(crate) fn forged(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{input}.{first}{}", signature.get(1..).unwrap())
}
