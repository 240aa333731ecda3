use aims_credential::HttpsUrlError;
use aims_jose::json::JsonError;

use crate::metadata::member::Unread;

/// Why metadata of an authorization server are refused, one reason per check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerMetadataError {
    /// The document is of another issuer than the one asked for.
    #[error("the metadata are of another issuer")]
    IssuerMismatch,
    /// It is not one JSON object within the limits.
    #[error("the metadata are not well-formed")]
    Json(#[from] JsonError),
    /// A member has the wrong type, or a value that it may not have.
    #[error("the member {0} of the metadata is malformed")]
    Member(&'static str),
    /// There is no `issuer`.
    #[error("the metadata name no issuer")]
    NoIssuer,
    /// The document is longer than anybody reads.
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
}

impl ServerMetadataError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::IssuerMismatch => "issuer_mismatch",
            Self::Json(error) => error.code(),
            Self::Member(_) => "metadata_member",
            Self::NoIssuer => "no_issuer",
            Self::TooLong => "metadata_too_long",
            Self::Url { .. } => "metadata_url",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Url { .. } => "MET-4",
            Self::IssuerMismatch | Self::NoIssuer => "MET-2",
            Self::Json(error) => error.rule(),
            Self::Member(_) => "MET-3",
            Self::TooLong => "WIR-9",
        }
    }
}

impl From<Unread> for ServerMetadataError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Value(member) => Self::Member(member),
            Unread::Url(member, error) => Self::Url { member, error },
        }
    }
}
