//! What goes wrong between a workload and a Workload API.

use aims_credential::x509::{RevocationListError, SvidError};
use aims_credential::{JwtSvidError, SpiffeBundleError, WitError};
use aims_id::ParseIdError;
use aims_jose::JwkError;
use aims_keys::KeyError;

use crate::EndpointError;

/// Why a Workload API gave nothing that can be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkloadApiError {
    /// The stream ended before there was a message.
    #[error("the Workload API ended the stream without a message")]
    Ended,
    /// Nobody says where the Workload API is.
    #[error("the address of the Workload API is not usable")]
    Endpoint(#[from] EndpointError),
    /// It refuses requests like this one, such as those without the security header. Trying again does not help.
    #[error("the Workload API refuses the request")]
    InvalidArgument,
    /// It failed otherwise.
    #[error("the Workload API failed")]
    Other,
    /// It has no identity for this workload, or not any more; or others than the one that was chosen. Why, the server tells its operator only
    /// ([`ServerStatus::refused`](crate::ServerStatus::refused)).
    #[error("the Workload API has no identity for this workload")]
    PermissionDenied,
    /// What it answered does not count.
    #[error("the answer of the Workload API is not usable")]
    Response(#[from] ResponseError),
    /// It did not answer in time.
    #[error("the Workload API does not answer")]
    TimedOut,
    /// It cannot be reached, or says so: nobody listens on the socket, the path is another one, its folder may not be entered.
    #[error("the Workload API cannot be reached, or is unavailable")]
    Unavailable,
    /// It does not have this method. Trying again does not help.
    #[error("the Workload API does not implement the method")]
    Unimplemented,
}

impl WorkloadApiError {
    /// Whether the same request may succeed later (SPIFFE Workload Endpoint §7).
    #[must_use]
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Endpoint(_) | Self::InvalidArgument | Self::Unimplemented)
    }

    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ended => "stream_ended",
            Self::Endpoint(error) => error.code(),
            Self::InvalidArgument => "invalid_argument",
            Self::Other => "workload_api_failed",
            Self::PermissionDenied => "permission_denied",
            Self::Response(error) => error.code(),
            Self::TimedOut => "timed_out",
            Self::Unavailable => "unavailable",
            Self::Unimplemented => "unimplemented",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Ended | Self::TimedOut => "WA-4",
            Self::Endpoint(error) => error.rule(),
            Self::InvalidArgument => "WE-2",
            Self::Other | Self::Unavailable => "WA-3",
            Self::PermissionDenied => "WA-9",
            Self::Response(error) => error.rule(),
            Self::Unimplemented => "WA-1",
        }
    }

    pub(crate) fn of_status(status: &tonic::Status) -> Self {
        match status.code() {
            tonic::Code::InvalidArgument => Self::InvalidArgument,
            tonic::Code::PermissionDenied => Self::PermissionDenied,
            tonic::Code::Unimplemented => Self::Unimplemented,
            tonic::Code::DeadlineExceeded => Self::TimedOut,
            // What tonic says of a connection that broke, or was not made.
            tonic::Code::Unavailable | tonic::Code::Unknown | tonic::Code::Cancelled => Self::Unavailable,
            _ => Self::Other,
        }
    }
}

/// Why an answer does not count, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// A credential is for another workload than the answer says.
    #[error("the credential is for another workload")]
    AnotherSubject,
    /// A set of keys is refused.
    #[error("a bundle is not acceptable")]
    Bundle(#[source] SpiffeBundleError),
    /// One trust domain has two bundles.
    #[error("two bundles of one trust domain differ")]
    BundlesDiffer,
    /// What should be certificates in DER is not.
    #[error("the certificates are malformed")]
    Certificates,
    /// There is nothing in it where there must be something.
    #[error("the answer is empty")]
    Empty,
    /// A field that must be there is not.
    #[error("a field is missing")]
    FieldMissing,
    /// The private key is not that of the credential.
    #[error("the key is not that of the credential")]
    ForeignKey,
    /// A private JWK is refused.
    #[error("the private key is not acceptable")]
    Jwk(#[source] JwkError),
    /// A JWT-SVID is refused.
    #[error("the JWT-SVID is not acceptable")]
    JwtSvid(#[source] JwtSvidError),
    /// A private key is refused.
    #[error("the private key is not acceptable")]
    Key(#[source] KeyError),
    /// A set of keys is not UTF-8.
    #[error("a bundle is not text")]
    NotText,
    /// A revocation list cannot be read.
    #[error("a revocation list is not acceptable")]
    RevocationList(#[source] RevocationListError),
    /// An identifier is none.
    #[error("the identifier is not a SPIFFE ID")]
    SpiffeId(#[source] ParseIdError),
    /// A certificate is refused.
    #[error("the certificate is not acceptable")]
    Svid(#[source] SvidError),
    /// There is more of something than is read.
    #[error("the answer has too many elements")]
    TooMany,
    /// The name of a bundle is not a trust domain.
    #[error("the name of a bundle is not a trust domain")]
    TrustDomain(#[source] ParseIdError),
    /// The name of a bundle is a trust domain of another scheme.
    #[error("the name of a bundle is not a SPIFFE trust domain")]
    TrustDomainScheme,
    /// A WIT is refused.
    #[error("the WIT is not acceptable")]
    Wit(#[source] WitError),
}

impl ResponseError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AnotherSubject => "another_subject",
            Self::Bundle(error) => error.code(),
            Self::BundlesDiffer => "bundles_differ",
            Self::Certificates => "malformed_certificates",
            Self::Empty => "empty_response",
            Self::FieldMissing => "field_missing",
            Self::ForeignKey => "foreign_key",
            Self::Jwk(error) => error.code(),
            Self::JwtSvid(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::NotText => "bundle_not_text",
            Self::RevocationList(error) => error.code(),
            Self::SpiffeId(error) | Self::TrustDomain(error) => error.code(),
            Self::Svid(error) => error.code(),
            Self::TooMany => "too_many_elements",
            Self::TrustDomainScheme => "trust_domain_scheme",
            Self::Wit(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AnotherSubject | Self::Certificates | Self::FieldMissing | Self::NotText => "WA-6",
            Self::Bundle(error) => error.rule(),
            Self::BundlesDiffer => "FED-11",
            Self::Empty | Self::TooMany => "WA-8",
            Self::ForeignKey => "AIMS-5",
            Self::Jwk(error) => error.rule(),
            Self::JwtSvid(error) => error.rule(),
            Self::Key(error) => error.rule(),
            Self::RevocationList(error) => error.rule(),
            Self::SpiffeId(error) | Self::TrustDomain(error) => error.rule(),
            Self::Svid(error) => error.rule(),
            Self::TrustDomainScheme => "SPF-ID-1",
            Self::Wit(error) => error.rule(),
        }
    }
}
