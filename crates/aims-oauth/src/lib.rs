#![doc = include_str!("../README.md")]

mod access_token;
mod challenge;
mod client_auth;
mod details;
mod dpop;
mod error_code;
mod form;
mod issuer;
mod lineage;
mod resource;
mod scope;
mod secret;

pub use crate::access_token::{
    AccessTokenError, AccessTokenIssueError, AccessTokenIssuer, AccessTokenRequest, AccessTokenVerifier,
    AccessTokenVerifierBuilder, Actor, ActorChain, IssuedAccessToken, NewActor, TokenBinding, TrustedIssuer,
    UnsignedAccessToken, VerifiedAccessToken,
};
pub use crate::challenge::{Challenge, ChallengeError, Challenges};
#[cfg(feature = "client-secret")]
pub use crate::client_auth::ClientSecret;
pub use crate::client_auth::{
    ATTESTATION_CHALLENGE_FIELD, ATTESTATION_FIELD, ATTESTATION_POP_FIELD, AttestationError,
    AttestationProof, AttestationVerifier, AttestationVerifierBuilder, AudiencePolicy, AuthenticatedClient,
    ClientAssertion, ClientAssertionError, ClientAttestation, ClientAttesters, ClientAuthError,
    ClientAuthenticator, ClientAuthenticatorBuilder, ClientKey, ClientKeys, ClientLookup, ClientProof,
    NewAttestationPop, NewClientAssertion, PresentedAttestation, PresentedClient, RegisteredClient,
    RegisteredMethod, SpiffeClientError, SpiffeClientId, SpiffeClientIdError, SpiffeProof,
    SpiffeRegistration, SvidReplay, TrustedAttester, UnsignedAttestationPop, UnsignedClientAssertion,
    VerifiedAttestation,
};
#[cfg(feature = "mtls")]
pub use crate::client_auth::{CertificateError, PeerCertificate, SubjectDn, SubjectDnError, TlsClientName};
pub use crate::details::{AuthorizationDetails, CommonMembers, Detail, DetailRule, DetailsError};
pub use crate::dpop::{
    DPOP_FIELD, DPOP_NONCE_FIELD, DpopError, DpopNonces, DpopProver, DpopRequest, DpopTarget,
    DpopTargetError, DpopVerifier, DpopVerifierBuilder, NewDpopProof, SealedNonces, UnsignedDpopProof,
    VerifiedDpopProof,
};
pub use crate::error_code::ErrorCode;
pub use crate::form::{FormError, NewParameters, Parameters};
pub use crate::issuer::{Issuer, IssuerError};
pub use crate::lineage::{Lineage, LineageError};
pub use crate::resource::{Resource, ResourceError};
pub use crate::scope::{Scope, ScopeError};
pub use crate::secret::{AccessToken, AuthorizationCode, Fingerprint, RefreshToken, SecretError};
