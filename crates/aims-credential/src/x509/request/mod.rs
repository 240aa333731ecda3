//! Certificate requests (PKCS#10, RFC 2986): how a workload shows that it holds its key.

mod attributes;
mod error;
mod new;

use std::fmt;

use aims_id::WorkloadId;
use aims_keys::der::{Reader, SEQUENCE};
use aims_keys::{Algorithm, Backend, PublicKey, PublicNumbers, der};

use self::attributes::{ATTRIBUTES, Attributes};
pub use self::error::CertificateRequestError;
pub use self::new::{NewCertificateRequest, UnsignedCertificateRequest};
use super::write::algorithm_of;

/// A certificate request whose signature was checked: whoever made it held the key. It names no recipient and no time, so that it is
/// fresh is for the issuer to see to, by the channel it came through or by a [challenge](Self::challenge).
///
/// The key is all that is proved. The names in it are what its sender would like to be called: who it is, the issuer knows
/// from elsewhere, and [`check_names`](Self::check_names) says whether the two disagree.
///
/// ```
/// use aims_credential::x509::CertificateRequest;
/// use aims_keys::{Algorithm, SoftwareKey, backend};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
/// let der = CertificateRequest::prepare(key.public_key())?.sign(&key)?;
///
/// let request = CertificateRequest::verify(&der, backend::ring())?;
/// assert_eq!(request.key(), key.public_key());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct CertificateRequest {
    key: PublicKey,
    has_subject: bool,
    attributes: Attributes,
}

impl CertificateRequest {
    /// Reads the DER of a request and checks its signature.
    ///
    /// # Errors
    ///
    /// [`CertificateRequestError`] names the first check that failed. Attributes that are malformed refuse the request, those
    /// included that say nothing here.
    pub fn verify(der: &[u8], backend: Backend) -> Result<Self, CertificateRequestError> {
        use CertificateRequestError as E;

        if der.len() > MAX_REQUEST {
            return Err(E::TooLarge);
        }
        let parts = Parts::read(der).ok_or(E::Malformed)?;
        let algorithm = algorithm_of(parts.algorithm).ok_or(E::Algorithm)?;
        let numbers = PublicNumbers::from_spki(parts.spki).map_err(E::Key)?;
        let key = PublicKey::load(numbers, algorithm, backend).map_err(E::Key)?;
        let verified = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => {
                let signature = der::ecdsa_from_der(algorithm, parts.signature).map_err(|_| E::Signature)?;
                key.verify(parts.body, signature.as_bytes())
            }
            _ => key.verify(parts.body, parts.signature),
        };
        verified.map_err(|_| E::Signature)?;
        let attributes = Attributes::read(parts.attributes).ok_or(E::Attributes)?;
        Ok(Self { key, has_subject: !parts.subject.is_empty(), attributes })
    }

    /// Writes a request, without names, for the owner of `key` to sign. [`NewCertificateRequest`] writes others.
    ///
    /// # Errors
    ///
    /// [`CertificateRequestError::Algorithm`] when keys of this algorithm have no certificates here.
    pub fn prepare(key: &PublicKey) -> Result<UnsignedCertificateRequest, CertificateRequestError> {
        NewCertificateRequest::new(key).prepare()
    }

    /// The key that the sender holds.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The text that the request carries (`challengePassword`), of 1 to 255 bytes. What it proves depends on what its
    /// recipient finds in it; compare it in constant time where it is a secret.
    #[must_use]
    pub fn challenge(&self) -> Option<&str> {
        self.attributes.challenge.as_deref()
    }

    /// The URIs that the sender asks for, in their order: visible ASCII of at most 2048 bytes each, and perhaps no identifiers.
    /// A wish, which nothing vouches for.
    #[must_use]
    pub fn uris(&self) -> impl ExactSizeIterator<Item = &str> {
        self.attributes.uris.iter().map(|uri| &**uri)
    }

    /// The DNS names that the sender asks for, in their order: visible ASCII of at most 253 bytes each, and perhaps no host
    /// names. A wish, which nothing vouches for.
    #[must_use]
    pub fn dns_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.attributes.dns_names.iter().map(|name| &**name)
    }

    /// Whether the sender asks for names that are neither URIs nor DNS names.
    #[must_use]
    pub fn has_other_names(&self) -> bool {
        self.attributes.has_other_names
    }

    /// Whether the sender asks for a distinguished name. Certificates of workloads have none here (X5-4), whatever it says.
    #[must_use]
    pub fn has_subject(&self) -> bool {
        self.has_subject
    }

    /// Whether the request asks for nothing that `subject`, who may have `dns_names`, is not to be called.
    ///
    /// The only URI is `subject`, byte for byte; the DNS names are among `dns_names`, without regard to case; there are no
    /// names of other kinds. A request without names asks for none, which is fine. The distinguished name is not looked at,
    /// since tools fill it in unasked and no certificate takes it over: see [`has_subject`](Self::has_subject).
    ///
    /// # Errors
    ///
    /// [`CertificateRequestError::NameMismatch`].
    pub fn check_names(
        &self,
        subject: &WorkloadId,
        dns_names: &[&str],
    ) -> Result<(), CertificateRequestError> {
        let is_allowed = |name: &str| dns_names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
        let is_only_uri = self.uris().len() <= 1 && self.uris().all(|uri| uri == subject.as_str());
        if is_only_uri && self.dns_names().all(is_allowed) && !self.has_other_names() {
            Ok(())
        } else {
            Err(CertificateRequestError::NameMismatch)
        }
    }
}

/// Shows key and names; the challenge may be a secret.
impl fmt::Debug for CertificateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateRequest")
            .field("key", &self.key)
            .field("uris", &self.attributes.uris)
            .field("dns_names", &self.attributes.dns_names)
            .finish_non_exhaustive()
    }
}

/// `CertificationRequest` (RFC 2986 §4.2), taken apart.
struct Parts<'a> {
    /// What was signed.
    body: &'a [u8],
    /// The content of the `Name`.
    subject: &'a [u8],
    spki: &'a [u8],
    /// The content of the set; not read yet.
    attributes: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(der);
        let mut signed = Reader::new(outer.read(SEQUENCE)?);
        outer.finish()?;
        let (body, algorithm) = (signed.element()?, signed.element()?);
        let signature = signed.whole_bytes()?;
        signed.finish()?;
        if body.tag != SEQUENCE || algorithm.tag != SEQUENCE {
            return None;
        }

        let mut fields = Reader::new(body.content);
        if fields.unsigned()? != [0] {
            return None;
        }
        let subject = fields.read(SEQUENCE)?;
        let spki = fields.element()?.whole;
        // Some leave it out when there are none.
        let attributes = fields.read_optional(ATTRIBUTES)?.unwrap_or_default();
        fields.finish()?;
        Some(Self { body: body.whole, subject, spki, attributes, algorithm: algorithm.whole, signature })
    }
}

const MAX_REQUEST: usize = 16 * 1024;
