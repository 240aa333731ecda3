use aims_credential::HttpsUrlError;
use aims_jose::JwkError;
use aims_jose::json::JsonError;

use super::RedirectUriError;
use crate::metadata::member::Unread;
use crate::{ErrorCode, ScopeError, SpiffeClientIdError};

/// Why metadata of a client are refused, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientMetadataError {
    /// There is no name that the client's certificate has, or several.
    #[error("the metadata do not say in one way whose certificate the client has")]
    CertificateName,
    /// `client_id` is missing, or no identifier.
    #[error("the client identifier is missing or malformed")]
    ClientId,
    /// The document is of another client than the one whose URL it was found at.
    #[error("the metadata are of another client")]
    ClientIdMismatch,
    /// The document is longer than 5 KiB.
    #[error("the document is too long")]
    DocumentTooLong,
    /// It is not one JSON object within the limits.
    #[error("the metadata are not well-formed")]
    Json(#[from] JsonError),
    /// The keys are refused.
    #[error("the keys of the client are refused")]
    Keys(#[source] JwkError),
    /// Both `jwks` and `jwks_uri` are there.
    #[error("the keys of the client are said twice")]
    KeysTwice,
    /// A member has the wrong type, or a value that it may not have.
    #[error("the member {0} of the metadata is malformed")]
    Member(&'static str),
    /// A member is missing that the others ask for.
    #[error("the member {0} of the metadata is missing")]
    Missing(&'static str),
    /// The method of authentication needs keys, and there is none that counts.
    #[error("the client has no keys to authenticate with")]
    NoKeys,
    /// The client wants codes, and says nowhere where to.
    #[error("the client has no redirect URI")]
    NoRedirectUri,
    /// A redirect URI is refused.
    #[error(transparent)]
    RedirectUri(#[from] RedirectUriError),
    /// The scope is malformed.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// A document that everybody reads has a secret, or speaks of one.
    #[error("the document has a secret in {0}")]
    Secret(&'static str),
    /// `spiffe_id` is no pattern.
    #[error(transparent)]
    SpiffeId(#[from] SpiffeClientIdError),
    /// The text is longer than anybody reads.
    #[error("the metadata are too long")]
    TooLong,
    /// A member is no `https` URL without userinfo and fragment.
    #[error("the URL in {member} is refused: {error}")]
    Url {
        /// Which one.
        member: &'static str,
        /// What is wrong with it.
        #[source]
        error: HttpsUrlError,
    },
    /// An identifier that a server makes up looks like one that stands for a document.
    #[error("the client identifier looks like that of a document")]
    UrlAsClientId,
}

impl ClientMetadataError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CertificateName => "certificate_name",
            Self::ClientId => "client_id",
            Self::ClientIdMismatch => "client_id_mismatch",
            Self::DocumentTooLong => "document_too_long",
            Self::Json(error) => error.code(),
            Self::Keys(error) => error.code(),
            Self::KeysTwice => "keys_twice",
            Self::Member(_) => "metadata_member",
            Self::Missing(_) => "metadata_member_missing",
            Self::NoKeys => "no_keys_of_client",
            Self::NoRedirectUri => "no_redirect_uri",
            Self::RedirectUri(error) => error.code(),
            Self::Scope(error) => error.code(),
            Self::Secret(_) => "secret_in_document",
            Self::SpiffeId(error) => error.code(),
            Self::TooLong => "metadata_too_long",
            Self::Url { .. } => "metadata_url",
            Self::UrlAsClientId => "url_as_client_id",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::CertificateName => "MTL-1",
            Self::ClientIdMismatch => "CMD-1",
            Self::DocumentTooLong => "CMD-3",
            Self::Json(error) => error.rule(),
            Self::Keys(JwkError::Private | JwkError::Symmetric) | Self::Secret(_) => "CMD-2",
            Self::Keys(error) => error.rule(),
            Self::Missing("spiffe_id") => "OSC-7",
            Self::Missing(member) | Self::Url { member, .. } if member.starts_with("backchannel_") => "HIL-3",
            Self::Missing(_) => "MCP-16",
            Self::NoKeys | Self::UrlAsClientId => "CMD-4",
            Self::ClientId | Self::KeysTwice | Self::Member(_) | Self::NoRedirectUri => "DCR-1",
            Self::RedirectUri(error) => error.rule(),
            Self::Scope(error) => error.rule(),
            Self::SpiffeId(error) => error.rule(),
            Self::TooLong => "WIR-9",
            Self::Url { .. } => "WIR-10",
        }
    }

    /// What a client is told that tries to register so (RFC 7591 §3.2.2): its redirect URIs are refused, or anything else is.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::NoRedirectUri | Self::RedirectUri(_) => ErrorCode::InvalidRedirectUri,
            _ => ErrorCode::InvalidClientMetadata,
        }
    }
}

impl From<Unread> for ClientMetadataError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Value(member) => Self::Member(member),
            Unread::Url(member, error) => Self::Url { member, error },
        }
    }
}
