//! An X.509 credential in the hands of its workload.

use std::fmt;
use std::sync::Arc;

use aims_id::WorkloadId;
use aims_keys::{Backend, PublicKey, PublicNumbers, UnixTime};
use rustls_pki_types::CertificateDer;

use super::SvidError;
use super::authority::MAX_CERTIFICATE;
use super::certificate::Certificate;
use super::pem::from_pem;
use super::verify::identity;

/// A workload's own certificate chain, as its issuer gave it; together with its key it is a [`Holder`](crate::Holder).
///
/// Whether others trust it is theirs to say: nothing but its form is checked here. Cloning is cheap.
#[derive(Clone)]
pub struct Svid(Arc<Held>);

struct Held {
    subject: WorkloadId,
    key: PublicKey,
    not_after: UnixTime,
    chain: Vec<CertificateDer<'static>>,
}

impl Svid {
    /// Reads the chain that an issuer returned: the workload's certificate, and after it those that lead to the authority.
    ///
    /// # Errors
    ///
    /// [`SvidError`] when the first certificate is not one of a workload, by form and names.
    pub fn from_issuer(chain: Vec<CertificateDer<'static>>, backend: Backend) -> Result<Self, SvidError> {
        let leaf = chain.first().ok_or(SvidError::Malformed)?;
        if leaf.len() > MAX_CERTIFICATE {
            return Err(SvidError::TooLarge);
        }
        let certificate = Certificate::read(leaf).ok_or(SvidError::Malformed)?;
        let subject = identity(&certificate)?;
        let numbers = PublicNumbers::from_spki(certificate.spki).map_err(SvidError::Key)?;
        let algorithm = numbers.usual_algorithm();
        let key = PublicKey::load(numbers, algorithm, backend).map_err(SvidError::Key)?;
        let not_after = certificate.not_after;
        Ok(Self(Arc::new(Held { subject, key, not_after, chain })))
    }

    /// As [`from_issuer`](Self::from_issuer), from a file: see [`from_pem`](super::from_pem).
    ///
    /// # Errors
    ///
    /// As [`from_issuer`](Self::from_issuer).
    pub fn from_pem(text: &str, backend: Backend) -> Result<Self, SvidError> {
        Self::from_issuer(from_pem(text)?, backend)
    }

    /// The chain to present, the workload's certificate first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.chain
    }

    /// The workload.
    #[must_use]
    pub fn subject(&self) -> &WorkloadId {
        &self.0.subject
    }

    /// The key that the certificate is for.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.0.key
    }

    /// SHA-256 of the workload's certificate: what `x5t#S256` is (RFC 8705 §3.1).
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let leaf = self.chain().first().map(|leaf| &**leaf).unwrap_or_default();
        self.public_key().backend().sha256(leaf)
    }

    /// The last second at which the certificate is valid.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.not_after
    }
}

/// Shows the subject and the end.
impl fmt::Debug for Svid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Svid")
            .field("subject", self.subject())
            .field("not_after", &self.not_after())
            .finish_non_exhaustive()
    }
}
