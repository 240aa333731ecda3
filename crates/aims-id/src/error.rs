//! Why a text is not an identifier, an origin or a trust domain name.

use crate::Scheme;

/// Why a text is not a workload identifier, an origin or a trust domain name.
///
/// It names the first check that failed: the length, then the scheme, then the trust domain, then the path from left
/// to right. It holds one character or one length of the refused text at most, so it can be logged.
///
/// The field `scheme` says whose rules the text broke. Where the scheme is not known (the text is too long to be
/// looked at, or is a bare trust domain name) it is [`Scheme::Wimse`], whose rules bind every workload identifier.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseIdError {
    /// A path segment is `.` or `..`.
    #[error("the path has a segment `.` or `..`")]
    DotSegment {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// A path segment is empty: two slashes in a row.
    #[error("the path has an empty segment")]
    EmptySegment {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// There is nothing where the trust domain should be.
    #[error("the trust domain is empty")]
    EmptyTrustDomain {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// There is a fragment, be it empty: `#`.
    #[error("an identifier has no fragment")]
    Fragment {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// The trust domain of a `wimse` identifier is an IPv4 address: four decimal numbers from 0 to 255.
    #[error("an IPv4 address does not name a wimse trust domain")]
    Ipv4TrustDomain,
    /// A `wimse` identifier has no path.
    #[error("a wimse identifier has a path")]
    MissingPath,
    /// The scheme is not followed by `//`.
    #[error("the scheme is not followed by `//` and a trust domain")]
    NoAuthority {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// A SPIFFE ID was asked for, and the text does not start with `spiffe:`.
    #[error("the scheme is not spiffe")]
    NotSpiffe,
    /// The path is percent-encoded, be it partly.
    #[error("the path is percent-encoded")]
    PathPercentEncoding {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// There is a port, be it empty: `:`.
    #[error("an identifier has no port")]
    Port {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// There is a query, be it empty: `?`.
    #[error("an identifier has no query")]
    Query {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// A path given to [`Origin::workload`](crate::Origin::workload) does not start with a slash.
    #[error("the path does not start with a slash")]
    RelativePath {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// A path segment holds a character that the scheme does not allow.
    #[error("{found:?} is not allowed in the path of a {scheme} identifier")]
    SegmentChar {
        /// The scheme whose rules apply.
        scheme: Scheme,
        /// The first such character.
        found: char,
    },
    /// The text is longer than [`WorkloadId::MAX_LEN`](crate::WorkloadId::MAX_LEN); nothing else was looked at.
    #[error("{len} bytes are more than the 2048 an identifier may have")]
    TooLong {
        /// The scheme whose rules apply.
        scheme: Scheme,
        /// The length of the text in bytes.
        len: usize,
    },
    /// The trust domain of a `wimse` identifier ends with a dot.
    #[error("the trust domain ends with a dot")]
    TrailingDot,
    /// The path ends with a slash.
    #[error("the path ends with a slash")]
    TrailingSlash {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// The trust domain holds a character outside `a-z`, `0-9`, `.`, `-` and `_`, for which there is no closer reason.
    #[error("{found:?} is not allowed in a trust domain")]
    TrustDomainChar {
        /// The scheme whose rules apply.
        scheme: Scheme,
        /// The first such character.
        found: char,
    },
    /// The trust domain is percent-encoded, be it partly.
    #[error("the trust domain is percent-encoded")]
    TrustDomainPercentEncoding {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// The trust domain is longer than
    /// [`SpiffeId::MAX_TRUST_DOMAIN_LEN`](crate::SpiffeId::MAX_TRUST_DOMAIN_LEN).
    #[error("{len} bytes are more than the 255 a spiffe trust domain may have")]
    TrustDomainTooLong {
        /// The length of the trust domain in bytes.
        len: usize,
    },
    /// An origin was asked for, and the trust domain is followed by a slash.
    #[error("an origin ends with its trust domain")]
    UnexpectedPath,
    /// The text starts with neither `spiffe:` nor `wimse:`.
    #[error("the scheme is neither spiffe nor wimse")]
    UnknownScheme,
    /// The scheme is not in lower case. It is refused, not repaired.
    #[error("the scheme is not in lower case")]
    UpperCaseScheme {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// The trust domain is not in lower case. It is refused, not repaired.
    #[error("the trust domain is not in lower case")]
    UpperCaseTrustDomain {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
    /// There is userinfo before the trust domain, be it empty: `@`.
    #[error("an identifier has no userinfo")]
    Userinfo {
        /// The scheme whose rules apply.
        scheme: Scheme,
    },
}

impl ParseIdError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DotSegment { .. } => "dot_segment",
            Self::EmptySegment { .. } => "empty_segment",
            Self::EmptyTrustDomain { .. } => "empty_trust_domain",
            Self::Fragment { .. } => "fragment",
            Self::Ipv4TrustDomain => "ipv4_trust_domain",
            Self::MissingPath => "missing_path",
            Self::NoAuthority { .. } => "no_authority",
            Self::NotSpiffe => "not_spiffe",
            Self::PathPercentEncoding { .. } => "path_percent_encoding",
            Self::Port { .. } => "port",
            Self::Query { .. } => "query",
            Self::RelativePath { .. } => "relative_path",
            Self::SegmentChar { .. } => "segment_char",
            Self::TooLong { .. } => "id_too_long",
            Self::TrailingDot => "trailing_dot",
            Self::TrailingSlash { .. } => "trailing_slash",
            Self::TrustDomainChar { .. } => "trust_domain_char",
            Self::TrustDomainPercentEncoding { .. } => "trust_domain_percent_encoding",
            Self::TrustDomainTooLong { .. } => "trust_domain_too_long",
            Self::UnexpectedPath => "unexpected_path",
            Self::UnknownScheme => "unknown_scheme",
            Self::UpperCaseScheme { .. } => "upper_case_scheme",
            Self::UpperCaseTrustDomain { .. } => "upper_case_trust_domain",
            Self::Userinfo { .. } => "userinfo",
        }
    }

    /// The requirement in `docs/spec/` that the text broke: `WID-*` in `wimse.md`, `SPF-ID-*` in `spiffe.md`.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        use Scheme::{Spiffe, Wimse};

        match self {
            Self::EmptyTrustDomain { scheme: Spiffe }
            | Self::Fragment { scheme: Spiffe }
            | Self::NoAuthority { scheme: Spiffe }
            | Self::NotSpiffe
            | Self::Query { scheme: Spiffe } => "SPF-ID-1",
            Self::Port { scheme: Spiffe } | Self::Userinfo { scheme: Spiffe } => "SPF-ID-2",
            Self::TrustDomainChar { scheme: Spiffe, .. }
            | Self::TrustDomainPercentEncoding { scheme: Spiffe } => "SPF-ID-3",
            Self::DotSegment { scheme: Spiffe }
            | Self::EmptySegment { scheme: Spiffe }
            | Self::PathPercentEncoding { scheme: Spiffe }
            | Self::RelativePath { scheme: Spiffe }
            | Self::SegmentChar { scheme: Spiffe, .. }
            | Self::TrailingSlash { scheme: Spiffe } => "SPF-ID-5",
            Self::TooLong { scheme: Spiffe, .. } | Self::TrustDomainTooLong { .. } => "SPF-ID-6",
            Self::UpperCaseScheme { scheme: Spiffe } | Self::UpperCaseTrustDomain { scheme: Spiffe } => {
                "SPF-ID-9"
            }

            Self::EmptyTrustDomain { scheme: Wimse }
            | Self::NoAuthority { scheme: Wimse }
            | Self::UnknownScheme => "WID-1",
            Self::Fragment { scheme: Wimse }
            | Self::Port { scheme: Wimse }
            | Self::Query { scheme: Wimse }
            | Self::Userinfo { scheme: Wimse } => "WID-2",
            Self::TooLong { scheme: Wimse, .. } => "WID-3",
            Self::Ipv4TrustDomain => "WID-5",
            Self::TrailingDot
            | Self::TrustDomainChar { scheme: Wimse, .. }
            | Self::TrustDomainPercentEncoding { scheme: Wimse }
            | Self::UpperCaseScheme { scheme: Wimse }
            | Self::UpperCaseTrustDomain { scheme: Wimse } => "WID-9",
            Self::DotSegment { scheme: Wimse }
            | Self::EmptySegment { scheme: Wimse }
            | Self::MissingPath
            | Self::PathPercentEncoding { scheme: Wimse }
            | Self::RelativePath { scheme: Wimse }
            | Self::SegmentChar { scheme: Wimse, .. }
            | Self::TrailingSlash { scheme: Wimse } => "WID-10",
            Self::UnexpectedPath => "WID-19",
        }
    }
}
