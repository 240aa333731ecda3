//! A client that authenticated.

use std::fmt;

use aims_id::WorkloadId;
use aims_jose::Thumbprint;
use aims_keys::UnixTime;

use crate::TokenBinding;

/// The client that sent a request, as a [`ClientAuthenticator`](super::ClientAuthenticator) found; there is no other way to get one.
///
/// It is about one request. What is [public](Self::is_public) has said who it is, and shown nothing.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(pub(super) Facts);

#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) client_id: Box<str>,
    pub(super) proof: ClientProof,
    pub(super) binding: Option<TokenBinding>,
    pub(super) agent: Option<WorkloadId>,
    pub(super) not_after: Option<UnixTime>,
}

impl AuthenticatedClient {
    /// The client: what it is registered under, or its SPIFFE ID, where workloads are clients by themselves.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// How it authenticated.
    #[must_use]
    pub fn proof(&self) -> ClientProof {
        self.0.proof
    }

    /// Whether it did not have to: nothing but PKCE ties its requests together.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.0.proof == ClientProof::None
    }

    /// The key of this instance of the client, or its certificate: what it has shown to have in this request. Its access tokens can be bound to that;
    /// its refresh tokens are, where it is attested (ABC-6, RFT-2). The keys of workloads take turns.
    #[must_use]
    pub fn binding(&self) -> Option<&TokenBinding> {
        self.0.binding.as_ref()
    }

    /// The key of this instance of the client, where somebody vouches for it: its refresh tokens are bound to that, and what a user is asked for by a pushed request
    /// (ABC-6, AUT-4).
    #[must_use]
    pub fn attested_key(&self) -> Option<&Thumbprint> {
        match (self.proof(), self.binding()) {
            (ClientProof::AttestationDpop | ClientProof::AttestationPop, Some(TokenBinding::Key(key))) => {
                Some(key)
            }
            _ => None,
        }
    }

    /// The workload, where its credential names one.
    #[must_use]
    pub fn agent(&self) -> Option<&WorkloadId> {
        self.0.agent.as_ref()
    }

    /// When the credential that it authenticated with ends; what is bound to that ends no later (MTL-4, design D8).
    #[must_use]
    pub fn not_after(&self) -> Option<UnixTime> {
        self.0.not_after
    }
}

/// How a client authenticated.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ClientProof {
    /// By an attestation, and the `DPoP` proof of the request.
    AttestationDpop,
    /// By an attestation, and a proof of its own.
    AttestationPop,
    /// By the verified certificate of its connection.
    Certificate,
    /// By a JWT-SVID, which whoever has it can show.
    JwtSvid,
    /// Not at all.
    None,
    /// By a JWT that it signed.
    PrivateKeyJwt,
    /// By a secret in the field `Authorization`, which whoever knows it can send.
    SecretBasic,
    /// By a secret in the form.
    SecretPost,
    /// By a certificate of its connection that holds a key of its registration.
    SelfSignedCertificate,
    /// By a WIT-SVID, and a proof by its key.
    WitSvid,
    /// By the X.509-SVID of its connection.
    X509Svid,
}

impl ClientProof {
    /// The method, as metadata name it (`token_endpoint_auth_methods_supported`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AttestationDpop => "attest_jwt_client_auth_dpop",
            Self::AttestationPop => "attest_jwt_client_auth",
            Self::Certificate => "tls_client_auth",
            Self::JwtSvid => "spiffe_jwt",
            Self::None => "none",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::SecretBasic => "client_secret_basic",
            Self::SecretPost => "client_secret_post",
            Self::SelfSignedCertificate => "self_signed_tls_client_auth",
            Self::WitSvid => "spiffe_wit",
            Self::X509Svid => "spiffe_x509",
        }
    }

    /// Whether it shows that the client has a key, in this request: nobody who saw another one can send it.
    #[must_use]
    pub fn shows_possession(self) -> bool {
        !matches!(self, Self::JwtSvid | Self::None | Self::SecretBasic | Self::SecretPost)
    }
}

impl fmt::Display for ClientProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
