//! How a client authenticates, as its metadata say.

use std::sync::Arc;

use aims_jose::JwkSet;
use aims_keys::AlgorithmSet;

use super::{
    ClientAttesters, ClientKeys, RegisteredClient, RegisteredMethod, SpiffeProof, SpiffeRegistration,
};
use crate::{ClientAuthMethod, ClientKeySource, ClientMetadata};

impl RegisteredClient {
    /// A client that authenticates as its metadata say. `fetched` are the keys at its `jwks_uri`, where they are there; `attesters` those whose attestations of
    /// it count, which the server decides, not the client.
    ///
    /// A method that the server does not offer is `None`: secrets, which metadata do not have, and what needs a feature that this build lacks. So are keys that
    /// were not fetched.
    ///
    /// ```
    /// use aims_keys::backend;
    /// use aims_oauth::{ClientAttesters, ClientIdUrl, ClientMetadata, RegisteredClient};
    ///
    /// let url: ClientIdUrl = "https://agents.acme.example/travel.json".parse()?;
    /// let document = br#"{"client_id":"https://agents.acme.example/travel.json","client_name":"Travel",
    ///     "redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"none"}"#;
    /// let metadata = ClientMetadata::parse_document(document, &url, backend::ring())?;
    /// let client = RegisteredClient::from_metadata(url.as_str(), &metadata, None, None).unwrap();
    /// assert!(client.is_public());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn from_metadata(
        client_id: &str,
        metadata: &ClientMetadata,
        fetched: Option<Arc<JwkSet>>,
        attesters: Option<ClientAttesters>,
    ) -> Option<Self> {
        let keys = || match metadata.keys()? {
            ClientKeySource::Set(keys) => Some(Arc::new(keys.clone())),
            ClientKeySource::Url(_) => fetched,
        };
        let spiffe = |proof| {
            let id = metadata.spiffe_id()?.clone();
            Some(RegisteredMethod::Spiffe(SpiffeRegistration::new(id, proof)))
        };
        let method = match metadata.auth_method() {
            ClientAuthMethod::None => return Some(Self::public(client_id)),
            ClientAuthMethod::Attestation | ClientAuthMethod::AttestationDpop => {
                RegisteredMethod::Attestation(attesters?)
            }
            ClientAuthMethod::PrivateKeyJwt => {
                let mut keys = ClientKeys::new(keys()?);
                if let Some(algorithm) = metadata.auth_algorithm() {
                    keys = keys.with_algorithms(AlgorithmSet::of(&[algorithm]));
                }
                RegisteredMethod::PrivateKeyJwt(keys)
            }
            #[cfg(feature = "mtls")]
            ClientAuthMethod::SelfSignedTls => RegisteredMethod::SelfSignedTls(keys()?),
            #[cfg(feature = "mtls")]
            ClientAuthMethod::Tls => RegisteredMethod::Tls(metadata.certificate_name()?.clone()),
            #[cfg(not(feature = "mtls"))]
            ClientAuthMethod::SelfSignedTls | ClientAuthMethod::Tls => return None,
            ClientAuthMethod::SpiffeJwt => spiffe(SpiffeProof::JwtSvid)?,
            ClientAuthMethod::SpiffeWit => spiffe(SpiffeProof::WitSvid)?,
            ClientAuthMethod::SpiffeX509 => spiffe(SpiffeProof::X509Svid)?,
            ClientAuthMethod::ClientSecretBasic
            | ClientAuthMethod::ClientSecretJwt
            | ClientAuthMethod::ClientSecretPost => return None,
        };
        Some(Self::new(client_id, method))
    }
}
