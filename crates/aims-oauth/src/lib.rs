#![doc = include_str!("../README.md")]

mod access_token;
mod action;
mod authorization;
mod backchannel;
mod challenge;
mod client;
mod client_auth;
mod client_auth_method;
mod confirmation;
mod delegation;
mod details;
mod dpop;
#[cfg(feature = "jwe")]
mod encrypted;
mod error_code;
mod exchange;
mod form;
mod grant;
mod grant_type;
mod id_token;
mod introspection;
mod issuer;
mod lineage;
mod metadata;
mod names;
mod request_object;
mod resource;
mod resource_server;
mod revisions;
mod scope;
mod secret;
mod token;
mod token_client;
mod trusted_issuer;
mod wanted;

pub use crate::access_token::{
    AccessTokenError, AccessTokenIssueError, AccessTokenIssuer, AccessTokenRequest, AccessTokenVerifier,
    AccessTokenVerifierBuilder, Actor, ActorChain, IntrospectionResponse, IssuedAccessToken, NewActor,
    TokenBinding, UnsignedAccessToken, VerifiedAccessToken,
};
pub use crate::action::{Action, ActionError, ActionHash};
pub use crate::authorization::{
    AuthorizationError, AuthorizationRequest, AuthorizationResponse, CodeChallenge, CodeVerifier,
    ExpectedAuthorization, PkceError, PushedResponse, RequestOrigin, RequestUri,
};
pub use crate::backchannel::{
    AuthRequestId, BackchannelClient, BackchannelError, BackchannelRequest, BackchannelResponse,
    BindingMessage, BindingMessageError, NotificationToken, PingError, PingNotification, PresentedPing,
    UserHint,
};
pub use crate::challenge::{Challenge, ChallengeError, Challenges};
pub use crate::client::{
    AskFlow, AskStep, AuthorizationFlow, AuthorizationStart, ClientCredential, ClientError, EndpointRequest,
    HeldBinding, HeldGrant, HeldToken, NoAnswer, NonceJar, NotYet, OAuthClient, PendingApproval,
    PendingAuthorization, PushFlow, PushStep, Refusal, SenderConstraint, SentAsk, SentPush, SentTokenRequest,
    StepUp, StepUps, TokenFlow, TokenStep,
};
#[cfg(feature = "client-secret")]
pub use crate::client_auth::SecretDigest;
pub use crate::client_auth::{
    ATTESTATION_CHALLENGE_FIELD, ATTESTATION_FIELD, ATTESTATION_POP_FIELD, AttestationError,
    AttestationProof, AttestationVerifier, AttestationVerifierBuilder, AudiencePolicy, AuthenticatedClient,
    ClientAssertion, ClientAssertionError, ClientAttestation, ClientAttesters, ClientAuthError,
    ClientAuthenticator, ClientAuthenticatorBuilder, ClientKey, ClientKeys, ClientLookup, ClientProof,
    NewAttestationPop, NewClientAssertion, PresentedAttestation, PresentedClient, RegisteredClient,
    RegisteredMethod, SpiffeClientError, SpiffeClientId, SpiffeClientIdError, SpiffeProof,
    SpiffeRegistration, SubjectDn, SubjectDnError, SvidReplay, TlsClientName, TrustedAttester,
    UnsignedAttestationPop, UnsignedClientAssertion, VerifiedAttestation,
};
#[cfg(feature = "mtls")]
pub use crate::client_auth::{CertificateError, PeerCertificate};
pub use crate::client_auth_method::ClientAuthMethod;
pub use crate::confirmation::ConfirmedActions;
pub use crate::delegation::{
    ClaimTranscriber, CrossDomain, Derivation, DerivationError, Derived, DerivedGrant, Narrowing, Targets,
    Transcription,
};
pub use crate::details::{AuthorizationDetails, CommonMembers, Detail, DetailRule, DetailsError};
pub use crate::dpop::{
    DPOP_FIELD, DPOP_NONCE_FIELD, DpopError, DpopNonces, DpopProver, DpopRequest, DpopTarget,
    DpopTargetError, DpopVerifier, DpopVerifierBuilder, NewDpopProof, SealedNonces, UnsignedDpopProof,
    VerifiedDpopProof,
};
#[cfg(feature = "jwe")]
pub use crate::encrypted::{Encryptable, EncryptedIntrospection, TokenRecipient, encrypt_to};
pub use crate::error_code::ErrorCode;
pub use crate::exchange::{ActorToken, CheckedExchange, ExchangeError, ExchangeParties};
pub use crate::form::{FormError, NewParameters, Parameters};
pub use crate::grant::{
    GrantError, GrantIssueError, GrantIssuer, GrantProfile, GrantRequest, GrantReuse, GrantVerifier,
    GrantVerifierBuilder, IssuedGrant, Redemption, VerifiedGrant,
};
pub use crate::grant_type::GrantType;
pub use crate::id_token::{
    ExpectedIdToken, IdTokenError, IdTokenIssueError, IdTokenIssuer, IdTokenRequest, IdTokenVerifier,
    IdTokenVerifierBuilder, IssuedIdToken, UnsignedIdToken, VerifiedIdToken,
};
pub use crate::introspection::{
    Introspect, IntrospectError, Introspection, IntrospectionAnswer, IntrospectionSignError,
    IntrospectionSigner,
};
pub use crate::issuer::{Issuer, IssuerError};
pub use crate::lineage::{Lineage, LineageError};
pub use crate::metadata::{
    ApplicationType, BearerMethod, ClientIdUrl, ClientIdUrlError, ClientInformation, ClientKeySource,
    ClientMetadata, ClientMetadataBuilder, ClientMetadataError, ClientPage, DeliveryMode, Endpoint, Listed,
    RedirectUri, RedirectUriError, ResourceMetadata, ResourceMetadataBuilder, ResourceMetadataError,
    ServerMetadata, ServerMetadataBuilder, ServerMetadataError, Signed,
};
pub use crate::request_object::{
    NewRequestObject, PresentedRequestObject, RequestObject, RequestObjectError, RequestObjectVerifier,
    RequestObjectVerifierBuilder, UnsignedRequestObject, VerifiedRequestObject,
};
pub use crate::resource::{Resource, ResourceUriError};
pub use crate::resource_server::{
    Authorized, BindingPolicy, ClientIdentities, IssuerAgents, NamedClients, Possession, PossessionError,
    PresentedError, PresentedToken, ResourceError, ResourceServer, SameIdentity, Shortfall, Shown,
    TokenScheme,
};
pub use crate::revisions::SPEC_REVISIONS;
pub use crate::scope::{Scope, ScopeError};
pub use crate::secret::{
    AccessToken, AuthorizationCode, ClientSecret, Fingerprint, IdToken, RefreshToken, SecretError,
    SecurityToken, UserCode,
};
pub use crate::token::{
    CodeGrant, ErrorResponse, ErrorText, Grant, MessageError, TokenExchange, TokenHint, TokenQuery,
    TokenRequest, TokenResponse, TokenTypeUrn, TokenUse, TypedToken,
};
pub use crate::token_client::{
    Discovered, IntrospectionEndpoint, OtherServers, ScopeMemory, TokenClient, TokenClientBuilder, TokenNeed,
    UserGrant,
};
pub use crate::trusted_issuer::{IssuerKeysError, TrustedIssuer};
