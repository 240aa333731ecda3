use aims_credential::HttpsUrlError;
use aims_jose::json::JsonError;

use crate::metadata::member::Unread;

/// Why metadata of a resource are refused, one reason per check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceMetadataError {
    /// It is not one JSON object within the limits.
    #[error("the metadata are not well-formed")]
    Json(#[from] JsonError),
    /// A member has the wrong type, or a value that it may not have.
    #[error("the member {0} of the metadata is malformed")]
    Member(&'static str),
    /// There is no `resource`.
    #[error("the metadata name no resource")]
    NoResource,
    /// The document is of another resource than the one asked for, and of none above it at the same origin.
    #[error("the metadata are of a resource that is not above the one asked for")]
    NotAbove,
    /// The resource would say what it does not do.
    #[error("the metadata say in {0} what the resource does not enforce")]
    NotEnforced(&'static str),
    /// The document is of another resource than the one asked for.
    #[error("the metadata are of another resource")]
    ResourceMismatch,
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

impl ResourceMetadataError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::Member(_) => "metadata_member",
            Self::NoResource => "no_resource",
            Self::NotAbove => "resource_not_above",
            Self::NotEnforced(_) => "metadata_not_enforced",
            Self::ResourceMismatch => "resource_mismatch",
            Self::TooLong => "metadata_too_long",
            Self::Url { .. } => "metadata_url",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Json(error) => error.rule(),
            Self::Member(_) | Self::NoResource | Self::NotEnforced(_) => "PRM-1",
            Self::NotAbove => "MCP-9",
            Self::ResourceMismatch => "PRM-2",
            Self::TooLong => "WIR-9",
            Self::Url { .. } => "MET-4",
        }
    }
}

impl From<Unread> for ResourceMetadataError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Value(member) => Self::Member(member),
            Unread::Url(member, error) => Self::Url { member, error },
        }
    }
}
