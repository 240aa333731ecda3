//! Why a certificate request was refused.

use aims_keys::KeyError;

/// Why a certificate request was refused, or not made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateRequestError {
    /// The signature is by an algorithm that is not accepted.
    #[error("the algorithm is not accepted")]
    Algorithm,
    /// The attributes are not well-formed, or more than anybody needs: one stands twice, a name or a challenge is of another
    /// type than it should be or too long, or there are too many.
    #[error("the attributes are malformed")]
    Attributes,
    /// The challenge to be written is empty, longer than 255 bytes, or has control characters.
    #[error("the challenge is not a text of 1 to 255 bytes")]
    Challenge,
    /// The DNS name to be written is not the name of a host, or there are more than 64.
    #[error("a DNS name is malformed, or there are too many")]
    DnsName,
    /// The key is one that is refused everywhere, or not one for the algorithm.
    #[error("the key is not acceptable")]
    Key(#[source] KeyError),
    /// The bytes are not one request in DER.
    #[error("the request is malformed")]
    Malformed,
    /// The request asks for another name than its sender may have.
    #[error("the request asks for another name")]
    NameMismatch,
    /// The signature is not by the key in the request.
    #[error("the signature does not verify")]
    Signature,
    /// The request is longer than 16 KiB.
    #[error("the request is too large")]
    TooLarge,
}

impl CertificateRequestError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm_not_allowed",
            Self::Attributes => "malformed_attributes",
            Self::Challenge => "malformed_challenge",
            Self::DnsName => "bad_dns_name",
            Self::Key(error) => error.code(),
            Self::Malformed => "malformed_request",
            Self::NameMismatch => "name_mismatch",
            Self::Signature => "bad_signature",
            Self::TooLarge => "request_too_large",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Algorithm => "X5V-3",
            Self::Attributes | Self::Challenge | Self::Malformed | Self::TooLarge => "X5V-1",
            Self::DnsName => "WIC-2",
            Self::Key(error) => error.rule(),
            Self::NameMismatch => "AIMS-14",
            Self::Signature => "AIMS-6",
        }
    }
}
