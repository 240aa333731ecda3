//! Why an endorsement certificate was refused.

use aims_credential::x509::SvidError;
use aims_keys::KeyError;

/// Why a certificate does not say that a manufacturer made the TPM with this key. The codes are those of ATT-122, and `no_endorsement_certificate`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EndorsementError {
    /// It is one of an authority, or does not say that it is none.
    #[error("the endorsement certificate is one of an authority")]
    Authority,
    /// There is no path to an authority of the set.
    #[error("the certificates do not lead to an authority")]
    Chain(#[source] SvidError),
    /// The key is on the list of those that are not believed any more.
    #[error("the endorsement key is on the deny list")]
    Denied,
    /// The extended key usage does not name endorsement keys.
    #[error("the certificate is not for an endorsement key")]
    ExtendedKeyUsage,
    /// It does not say in the form of the profile who made the TPM, which model it is, and of which version.
    #[error("the certificate does not say who made the TPM")]
    Identity,
    /// The key is one that is refused everywhere, or of a kind that endorsement keys here are not.
    #[error("the endorsement key is not acceptable")]
    Key(#[source] KeyError),
    /// The key usage does not let the key receive secrets, or lets it sign certificates.
    #[error("the key usage is not that of an endorsement key")]
    KeyUsage,
    /// There is no certificate.
    #[error("there is no endorsement certificate")]
    Missing,
    /// The set of authorities has had its time.
    #[error("the set of authorities does not count any more")]
    RootsExpired,
    /// There are more than 20 certificates, or more than 64 KiB of them.
    #[error("there are too many certificates")]
    TooLarge,
}

impl EndorsementError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Chain(error) => chain_code(error),
            Self::Authority | Self::ExtendedKeyUsage | Self::KeyUsage => "chain_invalid",
            Self::Denied => "revoked",
            Self::Identity => "malformed",
            Self::Missing => "no_endorsement_certificate",
            Self::Key(_) => "unsupported_algorithm",
            Self::RootsExpired => "untrusted_root",
            Self::TooLarge => "too_large",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::RootsExpired => "ATT-125",
            Self::Chain(SvidError::ChainTooLong | SvidError::TooLarge) | Self::TooLarge => "ATT-5",
            _ => "TPM-28",
        }
    }
}

fn chain_code(error: &SvidError) -> &'static str {
    match error {
        SvidError::ChainTooLong | SvidError::TooLarge => "too_large",
        SvidError::Expired => "expired",
        SvidError::Malformed => "malformed",
        SvidError::NotYetValid => "not_yet_valid",
        SvidError::Signature => "bad_signature",
        SvidError::UnknownIssuer => "untrusted_root",
        _ => "chain_invalid",
    }
}
