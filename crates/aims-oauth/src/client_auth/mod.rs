//! Client authentication: who sends a request to an endpoint of an authorization server, at both ends (`docs/spec/oauth.md` section 6).
//!
//! What a request presents is [read](PresentedClient::read) first, without believing it; it says which client to look up. How that client authenticates is
//! in its [registration](RegisteredClient); whether it did, a [`ClientAuthenticator`] says.

mod assertion;
mod attestation;
mod authenticated;
mod authenticator;
mod error;
mod from_metadata;
mod presented;
mod registered;
#[cfg(feature = "client-secret")]
mod secret;
mod spiffe;
mod tls;

pub use self::assertion::{
    AudiencePolicy, ClientAssertion, ClientAssertionError, ClientKey, ClientKeys, NewClientAssertion,
    UnsignedClientAssertion,
};
pub use self::attestation::{
    ATTESTATION_CHALLENGE_FIELD, ATTESTATION_FIELD, ATTESTATION_POP_FIELD, AttestationError,
    AttestationProof, AttestationVerifier, AttestationVerifierBuilder, ClientAttestation, ClientAttesters,
    NewAttestationPop, PresentedAttestation, TrustedAttester, UnsignedAttestationPop, VerifiedAttestation,
};
pub use self::authenticated::{AuthenticatedClient, ClientProof};
pub use self::authenticator::{ClientAuthenticator, ClientAuthenticatorBuilder};
pub use self::error::ClientAuthError;
pub use self::presented::{ClientLookup, PresentedClient};
pub use self::registered::{RegisteredClient, RegisteredMethod};
#[cfg(feature = "client-secret")]
pub use self::secret::SecretDigest;
pub use self::spiffe::{
    SpiffeClientError, SpiffeClientId, SpiffeClientIdError, SpiffeProof, SpiffeRegistration, SvidReplay,
};
#[cfg(feature = "mtls")]
pub use self::tls::{CertificateError, PeerCertificate};
pub use self::tls::{SubjectDn, SubjectDnError, TlsClientName};
