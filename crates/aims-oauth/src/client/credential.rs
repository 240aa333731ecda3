//! How a client shows who it is.

use std::fmt;
use std::sync::Arc;

use aims_credential::JwtSvidSource;
#[cfg(feature = "wit-svid")]
use aims_credential::{Credential, CredentialSource};
use aims_id::SpiffeId;
use aims_jose::Thumbprint;
use aims_keys::{AsyncSigner, SignError, UnixTime};

use super::{ClientError, EndpointRequest};
use crate::{
    ATTESTATION_FIELD, ATTESTATION_POP_FIELD, AttestationError, ClientAssertion, ClientAttestation,
    ClientAuthMethod, ClientKey, DpopProver, Issuer,
};
#[cfg(feature = "client-secret")]
use crate::{ClientSecret, form};

/// What a client shows an authorization server at each request: a workload credential, and never a secret that both know (AZR-2, SEC-6).
#[derive(Clone)]
pub struct ClientCredential {
    shown: Shown,
    issuer: Option<Issuer>,
}

#[derive(Clone)]
enum Shown {
    Attestation(ClientAttestation, Arc<dyn AsyncSigner>),
    /// The `DPoP` proof of each request shows that the client has the key.
    AttestationDpop(ClientAttestation, DpopProver),
    /// The connection shows it.
    Certificate(Arc<str>, ClientAuthMethod),
    JwtSvid(SpiffeId, Arc<dyn JwtSvidSource>),
    Key(ClientKey),
    Nothing(Arc<str>),
    #[cfg(feature = "client-secret")]
    Secret(Arc<str>, ClientSecret, ClientAuthMethod),
    #[cfg(feature = "wit-svid")]
    Wit(SpiffeId, Arc<dyn CredentialSource>),
}

impl ClientCredential {
    /// An attestation, and proofs with the key that it is for (ABC-2).
    #[must_use]
    pub fn attestation(attestation: ClientAttestation, signer: Arc<dyn AsyncSigner>) -> Self {
        Self::of(Shown::Attestation(attestation, signer))
    }

    /// An attestation, and one `DPoP` proof by the key that it is for, in each request to the server: it shows the key, and binds the tokens to it (ABC-3). They are
    /// bound by the same prover then, [`SenderConstraint::dpop`](super::SenderConstraint::dpop). A user is asked by a pushed request alone: the proof of that binds the code.
    ///
    /// # Errors
    ///
    /// [`AttestationError::DpopKeyMismatch`] when the prover has another key.
    pub fn attestation_with_dpop(
        attestation: ClientAttestation,
        prover: DpopProver,
    ) -> Result<Self, AttestationError> {
        if prover.thumbprint() != Thumbprint::of(attestation.key()) {
            return Err(AttestationError::DpopKeyMismatch);
        }
        Ok(Self::of(Shown::AttestationDpop(attestation, prover)))
    }

    /// JWTs that are signed with the client's key (CJA-1).
    #[must_use]
    pub fn key(key: ClientKey) -> Self {
        Self::of(Shown::Key(key))
    }

    /// JWT-SVIDs, for the server alone (OSC-1).
    #[must_use]
    pub fn jwt_svid(client: SpiffeId, source: impl JwtSvidSource + 'static) -> Self {
        Self::of(Shown::JwtSvid(client, Arc::new(source)))
    }

    /// The X.509-SVID of the connection (OSC-4): whoever sends the requests shows it.
    #[must_use]
    pub fn spiffe_x509(client: &SpiffeId) -> Self {
        Self::of(Shown::Certificate(client.as_str().into(), ClientAuthMethod::SpiffeX509))
    }

    /// The certificate of the connection, which the server knows the client by (MTL-1): whoever sends the requests shows it.
    #[must_use]
    pub fn certificate(client_id: impl Into<Arc<str>>) -> Self {
        Self::of(Shown::Certificate(client_id.into(), ClientAuthMethod::Tls))
    }

    /// The same, of a certificate that stands for its key alone.
    #[must_use]
    pub fn self_signed_certificate(client_id: impl Into<Arc<str>>) -> Self {
        Self::of(Shown::Certificate(client_id.into(), ClientAuthMethod::SelfSignedTls))
    }

    /// The WIT-SVID of the workload, and proofs with its key (OSC-5).
    #[cfg(feature = "wit-svid")]
    #[must_use]
    pub fn wit_svid(client: SpiffeId, source: impl CredentialSource + 'static) -> Self {
        Self::of(Shown::Wit(client, Arc::new(source)))
    }

    /// Nothing: a public client, which PKCE alone protects.
    #[must_use]
    pub fn none(client_id: impl Into<Arc<str>>) -> Self {
        Self::of(Shown::Nothing(client_id.into()))
    }

    /// A secret, in the field `Authorization`: for tests with older servers.
    #[cfg(feature = "client-secret")]
    #[must_use]
    pub fn secret_basic(client_id: impl Into<Arc<str>>, secret: ClientSecret) -> Self {
        Self::of(Shown::Secret(client_id.into(), secret, ClientAuthMethod::ClientSecretBasic))
    }

    /// A secret, among the parameters: for tests with older servers.
    #[cfg(feature = "client-secret")]
    #[must_use]
    pub fn secret_post(client_id: impl Into<Arc<str>>, secret: ClientSecret) -> Self {
        Self::of(Shown::Secret(client_id.into(), secret, ClientAuthMethod::ClientSecretPost))
    }

    /// For this server alone, where the client was registered: no other is ever shown it (MCP-14). Default: for every server that knows the client by the same name.
    #[must_use]
    pub fn registered_at(mut self, issuer: Issuer) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// The client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        match &self.shown {
            Shown::Attestation(attestation, _) | Shown::AttestationDpop(attestation, _) => {
                attestation.client_id()
            }
            Shown::Certificate(id, _) | Shown::Nothing(id) => id,
            Shown::JwtSvid(id, _) => id.as_str(),
            Shown::Key(key) => key.client_id(),
            #[cfg(feature = "client-secret")]
            Shown::Secret(id, ..) => id,
            #[cfg(feature = "wit-svid")]
            Shown::Wit(id, _) => id.as_str(),
        }
    }

    /// The method, as metadata name it.
    #[must_use]
    pub fn method(&self) -> ClientAuthMethod {
        match &self.shown {
            Shown::Attestation(..) => ClientAuthMethod::Attestation,
            Shown::AttestationDpop(..) => ClientAuthMethod::AttestationDpop,
            Shown::Certificate(_, method) => *method,
            Shown::JwtSvid(..) => ClientAuthMethod::SpiffeJwt,
            Shown::Key(_) => ClientAuthMethod::PrivateKeyJwt,
            Shown::Nothing(_) => ClientAuthMethod::None,
            #[cfg(feature = "client-secret")]
            Shown::Secret(_, _, method) => *method,
            #[cfg(feature = "wit-svid")]
            Shown::Wit(..) => ClientAuthMethod::SpiffeWit,
        }
    }

    /// With which algorithm the client signs assertions, if it does.
    pub(super) fn algorithm(&self) -> Option<aims_keys::Algorithm> {
        match &self.shown {
            Shown::Key(key) => Some(key.algorithm()),
            _ => None,
        }
    }

    /// Whether this server may be shown it.
    pub(super) fn is_for(&self, issuer: &Issuer) -> bool {
        self.issuer.as_ref().is_none_or(|known| known == issuer)
    }

    /// Whether the connection shows it.
    pub(super) fn is_certificate(&self) -> bool {
        matches!(self.shown, Shown::Certificate(..))
    }

    /// Whether a proof with the key of a WIT or an attestation goes with it, so that the server learns that key.
    pub(super) fn shows_key(&self) -> bool {
        self.attested_key().is_some() || self.method() == ClientAuthMethod::SpiffeWit
    }

    /// The key that somebody vouches for: what the server gives is bound to it (ABC-6, AUT-4).
    pub(super) fn attested_key(&self) -> Option<Thumbprint> {
        match &self.shown {
            Shown::Attestation(attestation, _) | Shown::AttestationDpop(attestation, _) => {
                Some(Thumbprint::of(attestation.key()))
            }
            _ => None,
        }
    }

    /// What makes the `DPoP` proof of each request, where that shows who the client is (ABC-3).
    pub(super) fn prover(&self) -> Option<&DpopProver> {
        match &self.shown {
            Shown::AttestationDpop(_, prover) => Some(prover),
            _ => None,
        }
    }

    /// Adds what shows it to a request, but for `client_id`, and for the proof of [`prover`](Self::prover).
    pub(super) async fn add_to(
        &self,
        request: &mut EndpointRequest,
        issuer: &Issuer,
        challenge: Option<&str>,
        now: UnixTime,
    ) -> Result<(), ClientError> {
        match &self.shown {
            Shown::Certificate(..) | Shown::Nothing(_) => {}
            Shown::Key(key) => key.assertion(issuer).sign(now).await?.add_to(&mut request.form),
            Shown::JwtSvid(client, source) => {
                let svid = source.jwt_svid(issuer.as_str()).await?;
                if svid.subject() != client {
                    return Err(ClientError::OtherSubject);
                }
                ClientAssertion::from_svid(&svid).add_to(&mut request.form);
            }
            Shown::Attestation(attestation, signer) => {
                add_attestation(request, attestation, &**signer, issuer, challenge, now).await?;
            }
            Shown::AttestationDpop(attestation, _) => {
                // CRD-9: a key is not used beyond its credential.
                if now >= attestation.not_after() {
                    return Err(SignError::WrongUse.into());
                }
                request.fields.push((ATTESTATION_FIELD, attestation.token().to_owned().into()));
            }
            #[cfg(feature = "client-secret")]
            Shown::Secret(id, secret, ClientAuthMethod::ClientSecretBasic) => {
                // WIR-5
                let (id, secret) = (form::encoded(id), form::encoded(secret.expose()));
                let pair = zeroize::Zeroizing::new([id.as_str(), ":", secret.as_str()].concat());
                let value = format!("Basic {}", aims_jose::base64::encode(pair.as_bytes()));
                request.fields.push(("authorization", value.into()));
            }
            #[cfg(feature = "client-secret")]
            Shown::Secret(_, secret, _) => {
                request.form.add("client_secret", secret.expose());
            }
            #[cfg(feature = "wit-svid")]
            Shown::Wit(client, source) => {
                let holder = source.holder()?;
                let Credential::Wit(wit) = holder.credential() else { return Err(ClientError::Constraint) };
                if wit.subject().as_str() != client.as_str() {
                    return Err(ClientError::OtherSubject);
                }
                let attestation = ClientAttestation::from_wit(wit);
                add_attestation(request, &attestation, holder.signer(now)?, issuer, challenge, now).await?;
            }
        }
        Ok(())
    }

    fn of(shown: Shown) -> Self {
        Self { shown, issuer: None }
    }
}

async fn add_attestation(
    request: &mut EndpointRequest,
    attestation: &ClientAttestation,
    signer: &dyn AsyncSigner,
    issuer: &Issuer,
    challenge: Option<&str>,
    now: UnixTime,
) -> Result<(), ClientError> {
    let mut proof = attestation.pop(issuer.as_str());
    if let Some(challenge) = challenge {
        proof = proof.with_challenge(challenge);
    }
    let proof = proof.sign(signer, now).await?;
    request.fields.push((ATTESTATION_FIELD, attestation.token().to_owned().into()));
    request.fields.push((ATTESTATION_POP_FIELD, proof.into()));
    Ok(())
}

/// Shows the client and the method.
impl fmt::Debug for ClientCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredential")
            .field("client_id", &self.client_id())
            .field("method", &self.method())
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
