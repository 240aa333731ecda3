//! Certificates of workloads, before they are signed.

use std::fmt;
use std::time::Duration;

use aims_id::WorkloadId;
use aims_keys::PublicKey;
use rustls_pki_types::CertificateDer;

use super::SvidIssueError;
use super::write::ToBeSigned;

/// What a certificate shall say.
#[derive(Clone, Debug)]
pub struct NewSvid<'a> {
    subject: &'a WorkloadId,
    key: &'a PublicKey,
    dns_names: Vec<&'a str>,
    lifetime: Option<Duration>,
}

impl<'a> NewSvid<'a> {
    /// A certificate for `subject`, whose key is `key`.
    #[must_use]
    pub fn new(subject: &'a WorkloadId, key: &'a PublicKey) -> Self {
        Self { subject, key, dns_names: Vec::new(), lifetime: None }
    }

    /// Adds a DNS name, for peers that find the workload by host name (WIC-2). At most 64.
    #[must_use]
    pub fn dns_name(mut self, name: &'a str) -> Self {
        self.dns_names.push(name);
        self
    }

    /// How long it is valid, up to what the issuer allows.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

impl NewSvid<'_> {
    pub(super) fn asked_lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    pub(super) fn subject(&self) -> &WorkloadId {
        self.subject
    }

    pub(super) fn key(&self) -> &PublicKey {
        self.key
    }

    pub(super) fn dns_names(&self) -> &[&str] {
        &self.dns_names
    }
}

/// A certificate that lacks its signature.
pub struct UnsignedCertificate(pub(super) ToBeSigned);

impl UnsignedCertificate {
    /// The bytes to be signed: the `TBSCertificate`.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Completes the certificate with a signature made elsewhere, in the form of JOSE, which is verified first.
    ///
    /// # Errors
    ///
    /// [`SvidIssueError::Signature`].
    pub fn attach(self, signature: &[u8]) -> Result<CertificateDer<'static>, SvidIssueError> {
        self.0.attach(signature).map(CertificateDer::from).ok_or(SvidIssueError::Signature)
    }
}

impl fmt::Debug for UnsignedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsignedCertificate").field("key", self.0.key()).finish_non_exhaustive()
    }
}
