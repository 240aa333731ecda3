//! Methods of client authentication, by the names that metadata has for them.

use crate::names::names;

names! {
    /// How a client shows at an endpoint who it is (`docs/spec/oauth.md` section 6).
    ///
    /// ```
    /// use aims_oauth::ClientAuthMethod;
    ///
    /// let method = ClientAuthMethod::from_text("private_key_jwt").unwrap();
    /// assert!(method.is_authentication() && !method.is_shared_secret());
    /// ```
    pub enum ClientAuthMethod {
        /// An attestation of the client's software, and a proof with its key.
        Attestation = "attest_jwt_client_auth",
        /// The same, with a `DPoP` proof in place of the other.
        AttestationDpop = "attest_jwt_client_auth_dpop",
        /// A secret in the field `Authorization`.
        ClientSecretBasic = "client_secret_basic",
        /// A JWT with a MAC, whose key is a secret.
        ClientSecretJwt = "client_secret_jwt",
        /// A secret among the parameters.
        ClientSecretPost = "client_secret_post",
        /// None: the client is public.
        None = "none",
        /// A JWT signed with the client's key (RFC 7523).
        PrivateKeyJwt = "private_key_jwt",
        /// Mutual TLS with a certificate that stands for its key alone (RFC 8705 §2.2).
        SelfSignedTls = "self_signed_tls_client_auth",
        /// A JWT-SVID (OSC-1).
        SpiffeJwt = "spiffe_jwt",
        /// A WIT-SVID and a proof with its key (OSC-5).
        SpiffeWit = "spiffe_wit",
        /// An X.509-SVID in mutual TLS (OSC-4).
        SpiffeX509 = "spiffe_x509",
        /// Mutual TLS with a certificate of an authority (RFC 8705 §2.1).
        Tls = "tls_client_auth",
    }
}

impl ClientAuthMethod {
    /// Whether it shows anything: all do but [`None`](Self::None).
    #[must_use]
    pub fn is_authentication(self) -> bool {
        self != Self::None
    }

    /// Whether client and server both know what it is shown with, so that either could be the other (CMD-2, SEC-6).
    #[must_use]
    pub fn is_shared_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretJwt | Self::ClientSecretPost)
    }

    /// Whether the server needs the keys of the client from the client's metadata.
    #[must_use]
    pub fn needs_keys(self) -> bool {
        matches!(self, Self::PrivateKeyJwt | Self::SelfSignedTls)
    }

    /// Whether the client is known by a SPIFFE ID (OSC-7).
    #[must_use]
    pub fn is_spiffe(self) -> bool {
        matches!(self, Self::SpiffeJwt | Self::SpiffeWit | Self::SpiffeX509)
    }
}
