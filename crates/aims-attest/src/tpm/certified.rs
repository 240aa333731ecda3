//! Keys that a TPM has certified.

use aims_jose::Thumbprint;
use aims_keys::{Backend, KeyError, PublicKey, PublicNumbers};

use super::{Certified, TpmPublic, TpmPublicError};

/// A key that a TPM says it has: made by it, never to leave it, for signing whatever its owner wants (TPM-30).
///
/// That it is true follows only with the signature of an attestation key over what was certified.
#[derive(Clone, Debug)]
pub struct CertifiedKey {
    public: TpmPublic,
    thumbprint: Thumbprint,
}

impl CertifiedKey {
    /// The key whose `TPMT_PUBLIC` is `public`, if it is the one that was certified.
    ///
    /// # Errors
    ///
    /// [`CertifiedKeyError`].
    pub fn check(
        public: &[u8],
        certified: &Certified<'_>,
        backend: Backend,
    ) -> Result<Self, CertifiedKeyError> {
        let public = TpmPublic::parse(public).map_err(CertifiedKeyError::Public)?;
        if public.name(backend).as_bytes() != certified.name() {
            return Err(CertifiedKeyError::Name);
        }
        let attributes = public.attributes();
        let is_of_tpm =
            attributes.fixed_tpm() && attributes.fixed_parent() && attributes.sensitive_data_origin();
        // A restricted key signs nothing but what the TPM says, and what decrypts is not for credentials.
        if !is_of_tpm || !attributes.sign() || attributes.restricted() || attributes.decrypt() {
            return Err(CertifiedKeyError::Attributes);
        }
        let numbers = public.public_numbers().ok_or(CertifiedKeyError::Attributes)?;
        let key = load(numbers, backend).map_err(CertifiedKeyError::Key)?;
        Ok(Self { public, thumbprint: Thumbprint::of(&key) })
    }

    /// Its public area.
    #[must_use]
    pub fn public(&self) -> &TpmPublic {
        &self.public
    }

    /// Its JWK thumbprint (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }
}

/// For its thumbprint, which is the same whatever the key signs by.
fn load(numbers: &PublicNumbers, backend: Backend) -> Result<PublicKey, KeyError> {
    PublicKey::load(numbers.clone(), numbers.usual_algorithm(), backend)
}

/// Why a key is not one that a TPM certified.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CertifiedKeyError {
    /// It can leave its TPM, was not made by it, or is not one that signs what its owner wants.
    #[error("the attributes of the key are not those of a signing key that stays in its TPM")]
    Attributes,
    /// It is one that is refused everywhere.
    #[error("the key is not acceptable")]
    Key(#[source] KeyError),
    /// Another object was certified.
    #[error("the TPM has certified another object")]
    Name,
    /// Its public area cannot be read.
    #[error("the public area of the key is not acceptable")]
    Public(#[source] TpmPublicError),
}

impl CertifiedKeyError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Attributes => "tpm_key_attributes",
            Self::Key(error) => error.code(),
            Self::Name => "tpm_key_name",
            Self::Public(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Attributes | Self::Name => "TPM-30",
            Self::Key(error) => error.rule(),
            Self::Public(error) => error.rule(),
        }
    }
}
