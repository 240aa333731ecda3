//! Why a client has no token.

use aims_credential::{FetchError, HolderError, HttpsUrlError, JwtSvidUnavailable, Lapsed};
use aims_keys::{BeforeEpoch, KeyError, SealError, SignError};

use super::{NoAnswer, Refusal};
use crate::{
    AuthorizationError, ChallengeError, ClientMetadataError, Endpoint, ErrorCode, FormError, GrantType,
    IdTokenError, Issuer, IssuerKeysError, MessageError, ResourceMetadataError, SecretError,
    ServerMetadataError,
};

/// Why there is no token, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The answer at the redirect URI is refused.
    #[error(transparent)]
    Authorization(#[from] AuthorizationError),
    /// The same was asked for too often, for nothing.
    #[error("it was asked for too often, for nothing")]
    Busy,
    /// The challenges of a resource want nothing that can be given, or are malformed.
    #[error("the resource wants nothing that a token gives")]
    Challenge,
    /// The clock was never set.
    #[error(transparent)]
    Clock(#[from] BeforeEpoch),
    /// The credential is of another kind than tokens are to be bound to, or authenticates without showing its key.
    #[error("the credential is not one that tokens can be bound to")]
    Constraint,
    /// The agent has no credential, or one that has expired.
    #[error(transparent)]
    Credential(#[from] HolderError),
    /// A token that was to be encrypted is not, or not to this client.
    #[cfg(feature = "jwe")]
    #[error(transparent)]
    Encryption(#[from] aims_jose::jwe::JweError),
    /// A request that waits for a user, or a token, has expired.
    #[error("it has expired")]
    Expired,
    /// Nobody answered.
    #[error(transparent)]
    Fetch(#[from] Box<NoAnswer>),
    /// The answer is not in the form of one.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The token that came is of another type than was asked for.
    #[error("the server issued a token of another type")]
    IssuedType,
    /// The ID Token is refused.
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
    /// The keys of the server are not known.
    #[error(transparent)]
    IssuerKeys(#[from] IssuerKeysError),
    /// There is no JWT-SVID.
    #[error(transparent)]
    JwtSvid(#[from] JwtSvidUnavailable),
    /// The server asks for the same again and again.
    #[error("the server answers {0} again and again")]
    Looping(ErrorCode),
    /// An answer has another media type than `application/json`.
    #[error("the answer is not JSON")]
    MediaType,
    /// An answer cannot be read.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The server has no such endpoint.
    #[error("the server has no {0:?} endpoint")]
    NoEndpoint(Endpoint),
    /// The server does not give tokens for this.
    #[error("the server does not know the grant {0:?}")]
    NoGrant(GrantType),
    /// The server has no PKCE.
    #[error("the server has no PKCE with S256")]
    NoPkce,
    /// There is no ID Token, though `openid` was asked for.
    #[error("the server issued no ID Token")]
    NoIdToken,
    /// The resource names no authorization server that is trusted here.
    #[error("the resource names no authorization server that is trusted")]
    NoServer,
    /// The server does not take the credential of the client.
    #[error("the server does not take this way of authentication")]
    NoSuchMethod,
    /// What the agent has was cut off (AZR-10).
    #[error(transparent)]
    Lapsed(#[from] Lapsed),
    /// A grant that was to be bound to a key is not.
    #[error("the grant is not bound to the key of the client")]
    NotBound,
    /// A request that waits was made by another client, at another server, or with another key.
    #[error("the request is another client's")]
    OtherClient,
    /// The credential is another workload's than the client's.
    #[error("the credential is of another workload than the client")]
    OtherSubject,
    /// The server does not know the client, which has no way to get to be known there: somebody has to register it.
    #[error("the client is not registered at the server, and cannot do that itself")]
    NotRegistered,
    /// The grant of another domain is for another server, for several, or does not say: it is sent to none (AIMS-36).
    #[error("the grant is not for this server alone")]
    OtherServer,
    /// The token is for another resource: it is sent nowhere else.
    #[error("the token is for another resource")]
    OtherResource,
    /// The answer to a registration is refused, or what was to be registered is.
    #[error(transparent)]
    Registration(#[from] ClientMetadataError),
    /// The server said no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The metadata of a resource are refused.
    #[error(transparent)]
    ResourceMetadata(#[from] ResourceMetadataError),
    /// What was sealed does not open, or nothing can be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The metadata of a server are refused.
    #[error(transparent)]
    ServerMetadata(#[from] ServerMetadataError),
    /// There is no signature.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The server failed.
    #[error("the server {issuer} answered with status {status}")]
    Status {
        /// The server.
        issuer: Issuer,
        /// The status of its answer.
        status: u16,
    },
    /// It was tried to step up too often: the resource refuses what came in place of what it refused before, or wants ever more.
    #[error("the resource does not take what it asked for, and asks again")]
    StepUps,
    /// The token is none.
    #[error("the server issued a token that is none: {0}")]
    Token(#[from] SecretError),
    /// The token that came is used otherwise than it must be.
    #[error("the server issued a token that is not used as it must be")]
    TokenUse,
    /// It is too early to ask again.
    #[error("it is too early to ask again")]
    TooEarly,
    /// A token is to come from a server that the client was not built for, and that its host does not admit.
    #[error("the client was not built for the server {0}")]
    UnknownServer(Issuer),
    /// A user has to be asked.
    #[error("a user has to be asked")]
    UserNeeded,
    /// A token is to be exchanged, and it is not said at which of several servers.
    #[error("it is not said which server the token is exchanged at")]
    WhichServer,
}

impl ClientError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authorization(error) => error.code(),
            Self::Busy => "busy",
            Self::Challenge => "challenge",
            Self::Clock(error) => error.code(),
            Self::Constraint => "constraint",
            Self::Credential(error) => error.code(),
            #[cfg(feature = "jwe")]
            Self::Encryption(error) => error.code(),
            Self::Expired => "expired",
            Self::Fetch(no_answer) => no_answer.reason().code(),
            Self::Form(error) => error.code(),
            Self::IssuedType => "issued_token_type",
            Self::IdToken(error) => error.code(),
            Self::IssuerKeys(error) => error.code(),
            Self::JwtSvid(error) => error.code(),
            Self::Lapsed(error) => error.code(),
            Self::Looping(_) => "server_loops",
            Self::MediaType => "media_type",
            Self::Message(error) => error.code(),
            Self::NoEndpoint(_) => "no_endpoint",
            Self::NoGrant(_) => "grant_not_supported",
            Self::NoIdToken => "no_id_token",
            Self::NoPkce => "no_pkce",
            Self::NoServer => "no_trusted_server",
            Self::NoSuchMethod => "method_not_supported",
            Self::NotBound => "grant_not_bound",
            Self::NotRegistered => "not_registered",
            Self::OtherClient => "other_client",
            Self::OtherSubject => "other_subject",
            Self::OtherServer => "other_server",
            Self::OtherResource => "other_resource",
            Self::Refused(_) => "refused",
            Self::Registration(error) => error.code(),
            Self::ResourceMetadata(error) => error.code(),
            Self::Seal(error) => error.code(),
            Self::ServerMetadata(error) => error.code(),
            Self::Sign(error) => error.code(),
            Self::Status { .. } => "http_status",
            Self::StepUps => "too_many_step_ups",
            Self::Token(error) => error.code(),
            Self::TokenUse => "token_use",
            Self::TooEarly => "too_early",
            Self::UnknownServer(_) => "unknown_server",
            Self::UserNeeded => "user_needed",
            Self::WhichServer => "which_server",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Authorization(error) => error.rule(),
            Self::Busy => "ACT-6",
            Self::Challenge => "CHA-2",
            Self::Clock(error) => error.rule(),
            Self::Constraint => "SEC-4",
            Self::Credential(error) => error.rule(),
            #[cfg(feature = "jwe")]
            Self::Encryption(error) => error.rule(),
            Self::Expired => "HIL-42",
            Self::Fetch(no_answer) => no_answer.reason().rule(),
            Self::Form(error) => error.rule(),
            Self::IssuedType => "EXC-10",
            Self::IdToken(error) => error.rule(),
            Self::IssuerKeys(error) => error.rule(),
            Self::JwtSvid(error) => error.rule(),
            Self::Lapsed(error) => error.rule(),
            Self::Looping(ErrorCode::UseDpopNonce) | Self::TokenUse => "DPO-12",
            Self::Looping(_) => "ABC-5",
            Self::MediaType => "WIR-3",
            Self::Message(error) => error.rule(),
            Self::NoEndpoint(_) => "MET-3",
            Self::NoGrant(_) | Self::NoSuchMethod => "MCP-30",
            Self::NoIdToken => "IDT-1",
            Self::NoPkce => "MCP-10",
            Self::NoServer | Self::UnknownServer(_) => "XD-19",
            Self::NotBound => "JAG-10",
            Self::NotRegistered => "MCP-13",
            Self::OtherClient => "AUT-6",
            Self::OtherSubject => "AIMS-2",
            Self::OtherServer => "AIMS-36",
            Self::OtherResource | Self::WhichServer => "MCP-15",
            Self::Refused(_) | Self::Status { .. } => "WIR-4",
            Self::Registration(error) => error.rule(),
            Self::ResourceMetadata(error) => error.rule(),
            Self::Seal(error) => error.rule(),
            Self::ServerMetadata(error) => error.rule(),
            Self::Sign(error) => error.rule(),
            Self::StepUps => "CHA-5",
            Self::Token(error) => error.rule(),
            Self::TooEarly => "HIL-9",
            Self::UserNeeded => "AZR-2",
        }
    }

    /// What the server said, where it is that.
    #[must_use]
    pub fn error_code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(refusal) => refusal.error_code(),
            _ => None,
        }
    }
}

impl From<HttpsUrlError> for ClientError {
    /// Of a resource that is no URL.
    fn from(_: HttpsUrlError) -> Self {
        Self::OtherResource
    }
}

impl From<FetchError> for ClientError {
    /// Of whom is not known.
    fn from(error: FetchError) -> Self {
        NoAnswer::from(error).into()
    }
}

impl From<NoAnswer> for ClientError {
    fn from(no_answer: NoAnswer) -> Self {
        Self::Fetch(Box::new(no_answer))
    }
}

impl From<ChallengeError> for ClientError {
    fn from(_: ChallengeError) -> Self {
        Self::Challenge
    }
}

impl From<KeyError> for ClientError {
    fn from(_: KeyError) -> Self {
        Self::Sign(SignError::Backend)
    }
}
