//! Certificate requests, before they are signed.

use std::fmt;

use aims_id::WorkloadId;
use aims_keys::der::{INTEGER, SEQUENCE, write};
use aims_keys::{AsyncSigner, PublicKey, SignError, Signer};

use super::super::certificate::{DNS, URI};
use super::super::tbs::is_dns_name;
use super::super::write::{ToBeSigned, algorithm_identifier};
use super::CertificateRequestError;
use super::attributes::{attributes, is_challenge};

/// What a certificate request shall say.
///
/// ```
/// use aims_credential::x509::{CertificateRequest, NewCertificateRequest};
/// use aims_keys::{Algorithm, SoftwareKey, backend};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
/// let subject = "spiffe://acme.example/agents/travel".parse()?;
/// let der = NewCertificateRequest::new(key.public_key()).subject(&subject).challenge("a text").prepare()?.sign(&key)?;
///
/// let request = CertificateRequest::verify(&der, backend::ring())?;
/// assert_eq!(request.challenge(), Some("a text"));
/// request.check_names(&subject, &[])?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct NewCertificateRequest<'a> {
    key: &'a PublicKey,
    subject: Option<&'a WorkloadId>,
    dns_names: Vec<&'a str>,
    challenge: Option<Box<str>>,
}

impl<'a> NewCertificateRequest<'a> {
    /// A request for a certificate of `key`, without names.
    #[must_use]
    pub fn new(key: &'a PublicKey) -> Self {
        Self { key, subject: None, dns_names: Vec::new(), challenge: None }
    }

    /// Asks for a certificate of this workload: the URI in `subjectAltName`.
    #[must_use]
    pub fn subject(mut self, subject: &'a WorkloadId) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Asks for one DNS name more. At most 64.
    #[must_use]
    pub fn dns_name(mut self, name: &'a str) -> Self {
        self.dns_names.push(name);
        self
    }

    /// Carries a text that the recipient handed out, or can compute (`challengePassword`): 1 to 255 bytes without control
    /// characters. It ties the request to one exchange, as EST does with a value of the TLS connection (RFC 7030 §3.5).
    #[must_use]
    pub fn challenge(mut self, text: &str) -> Self {
        self.challenge = Some(text.into());
        self
    }

    /// Writes the request, for the owner of the key to sign.
    ///
    /// # Errors
    ///
    /// [`CertificateRequestError::Algorithm`] when keys of this algorithm have no certificates here,
    /// [`CertificateRequestError::Challenge`], [`CertificateRequestError::DnsName`].
    pub fn prepare(&self) -> Result<UnsignedCertificateRequest, CertificateRequestError> {
        use CertificateRequestError as E;

        algorithm_identifier(self.key.algorithm()).ok_or(E::Algorithm)?;
        if self.challenge.as_deref().is_some_and(|text| !is_challenge(text)) {
            return Err(E::Challenge);
        }
        if self.dns_names.len() > MAX_DNS_NAMES || !self.dns_names.iter().all(|name| is_dns_name(name)) {
            return Err(E::DnsName);
        }
        let subject = self.subject.map(|subject| (URI, subject.as_str()));
        let names: Vec<_> =
            subject.into_iter().chain(self.dns_names.iter().map(|name| (DNS, *name))).collect();
        let body = write(
            SEQUENCE,
            &[
                &write(INTEGER, &[&[0]]),
                &write(SEQUENCE, &[]),
                &self.key.numbers().to_spki(),
                &attributes(&names, self.challenge.as_deref()),
            ],
        );
        Ok(UnsignedCertificateRequest(ToBeSigned::new(body, self.key.clone())))
    }
}

/// Shows key and names; the challenge may be a secret.
impl fmt::Debug for NewCertificateRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewCertificateRequest")
            .field("key", &self.key)
            .field("subject", &self.subject)
            .field("dns_names", &self.dns_names)
            .finish_non_exhaustive()
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

const MAX_DNS_NAMES: usize = 64;
