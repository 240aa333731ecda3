//! Certificate requests (PKCS#10, RFC 2986): how a workload shows that it holds its key.

use std::fmt;

use aims_keys::der::{INTEGER, Reader, SEQUENCE, write};
use aims_keys::{
    Algorithm, AsyncSigner, Backend, KeyError, PublicKey, PublicNumbers, SignError, Signer, der,
};

use super::write::{ToBeSigned, algorithm_identifier, algorithm_of};

/// A certificate request whose signature was checked: whoever made it held the key. It names no recipient and no time, so that it is
/// fresh is for the issuer to see to, by the channel it came through.
///
/// The key is all that comes out of it. The names in it are what its sender would like to be called; who it is, the issuer knows
/// from elsewhere.
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
#[derive(Clone, Debug)]
pub struct CertificateRequest {
    key: PublicKey,
}

impl CertificateRequest {
    /// Reads the DER of a request and checks its signature.
    ///
    /// # Errors
    ///
    /// [`CertificateRequestError`] names the first check that failed.
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
        Ok(Self { key })
    }

    /// Writes a request, without names, for the owner of `key` to sign.
    ///
    /// # Errors
    ///
    /// [`CertificateRequestError::Algorithm`] when keys of this algorithm have no certificates here.
    pub fn prepare(key: &PublicKey) -> Result<UnsignedCertificateRequest, CertificateRequestError> {
        algorithm_identifier(key.algorithm()).ok_or(CertificateRequestError::Algorithm)?;
        let body = write(
            SEQUENCE,
            &[
                &write(INTEGER, &[&[0]]),
                &write(SEQUENCE, &[]),
                &key.numbers().to_spki(),
                &write(ATTRIBUTES, &[]),
            ],
        );
        Ok(UnsignedCertificateRequest(ToBeSigned::new(body, key.clone())))
    }

    /// The key that the sender holds.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

/// A certificate request that lacks its signature.
pub struct UnsignedCertificateRequest(ToBeSigned);

impl UnsignedCertificateRequest {
    /// The bytes to be signed: the `CertificationRequestInfo`.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Completes the request with a signature made elsewhere, in the form of JOSE, which is verified first.
    ///
    /// # Errors
    ///
    /// [`CertificateRequestError::Signature`].
    pub fn attach(self, signature: &[u8]) -> Result<Vec<u8>, CertificateRequestError> {
        self.0.attach(signature).ok_or(CertificateRequestError::Signature)
    }

    /// Signs and completes the request.
    ///
    /// # Errors
    ///
    /// [`SignError`]; [`SignError::WrongUse`] when `signer` does not hold the key.
    pub fn sign<S: Signer + ?Sized>(self, signer: &S) -> Result<Vec<u8>, SignError> {
        self.0.sign(signer)
    }

    /// As [`sign`](Self::sign), without blocking.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub async fn sign_async<S: AsyncSigner + ?Sized>(self, signer: &S) -> Result<Vec<u8>, SignError> {
        self.0.sign_async(signer).await
    }
}

impl fmt::Debug for UnsignedCertificateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsignedCertificateRequest").field("key", self.0.key()).finish_non_exhaustive()
    }
}

/// Why a certificate request was refused, or not made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateRequestError {
    /// The signature is by an algorithm that is not accepted.
    #[error("the algorithm is not accepted")]
    Algorithm,
    /// The key is one that is refused everywhere, or not one for the algorithm.
    #[error("the key is not acceptable")]
    Key(#[source] KeyError),
    /// The bytes are not one request in DER.
    #[error("the request is malformed")]
    Malformed,
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
            Self::Key(error) => error.code(),
            Self::Malformed => "malformed_request",
            Self::Signature => "bad_signature",
            Self::TooLarge => "request_too_large",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Algorithm => "X5V-3",
            Self::Key(error) => error.rule(),
            Self::Malformed | Self::TooLarge => "X5V-1",
            Self::Signature => "AIMS-6",
        }
    }
}

/// `CertificationRequest` (RFC 2986 §4.2), taken apart.
struct Parts<'a> {
    /// What was signed.
    body: &'a [u8],
    spki: &'a [u8],
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
        fields.read(SEQUENCE)?;
        let spki = fields.element()?.whole;
        // Some leave it out when there are none. What is in it is not looked at.
        fields.read_optional(ATTRIBUTES)?;
        fields.finish()?;
        Some(Self { body: body.whole, spki, algorithm: algorithm.whole, signature })
    }
}

const ATTRIBUTES: u8 = 0xa0;

const MAX_REQUEST: usize = 16 * 1024;
