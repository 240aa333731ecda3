//! Path validation, by the path library, with the anchors of one trust domain.

use std::cell::RefCell;
use std::time::Duration;

use aims_id::WorkloadId;
use aims_keys::{Backend, UnixTime};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::{EndEntityCert, KeyUsage};

use super::certificate::Certificate;
use super::{Role, SvidError};
use crate::TrustBundle;

/// What there is to find a path from.
pub(super) struct Path<'a> {
    pub(super) leaf: &'a CertificateDer<'a>,
    /// The same, read.
    pub(super) certificate: &'a Certificate<'a>,
    pub(super) intermediates: &'a [CertificateDer<'a>],
    pub(super) subject: &'a WorkloadId,
    pub(super) bundle: &'a TrustBundle,
}

impl Path<'_> {
    /// When the first certificate ends on the path from the leaf to an anchor of its bundle.
    pub(super) fn validate(
        &self,
        role: Role,
        backend: Backend,
        now: UnixTime,
    ) -> Result<UnixTime, SvidError> {
        let leaf = EndEntityCert::try_from(self.leaf).map_err(|error| reason(&error))?;
        // The library asks about each path that it finds. Where it goes on to look for another, the last answer stays here.
        let answer = RefCell::new(None);
        let accept = |path: &webpki::VerifiedPath<'_>| {
            let ends = self.ends(path);
            let accepted = ends.as_ref().map(drop).map_err(|_| webpki::Error::UnknownIssuer);
            answer.replace(Some(ends));
            accepted
        };
        // X5V-5: an extended key usage, where there is one, names the purpose; `anyExtendedKeyUsage` does not.
        let purpose = match role {
            Role::Client => KeyUsage::client_auth(),
            Role::Server => KeyUsage::server_auth(),
        };
        let found = leaf.verify_for_usage(
            algorithms(backend),
            self.bundle.anchors(),
            self.intermediates,
            rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs())),
            purpose,
            None,
            Some(&accept),
        );
        match (found, answer.into_inner()) {
            (Ok(_), Some(ends)) | (Err(_), Some(ends @ Err(_))) => ends,
            (Err(error), _) => Err(reason(&error)),
            // The library has asked about every path that it accepts.
            (Ok(_), None) => Err(SvidError::UnknownIssuer),
        }
    }

    /// X5V-8, for the certificates between leaf and anchor; and when the first of all ends.
    fn ends(&self, path: &webpki::VerifiedPath<'_>) -> Result<UnixTime, SvidError> {
        let mut ends = self.certificate.not_after;
        for certificate in path.intermediate_certificates() {
            let der = certificate.der();
            let issuer = Certificate::read(&der).ok_or(SvidError::Malformed)?;
            if !issuer.is_signing() {
                return Err(SvidError::IssuerNotSigning);
            }
            if !issuer.fits_origin(self.subject.origin_str()) {
                return Err(SvidError::ChainIdentity);
            }
            ends = ends.min(issuer.not_after);
        }
        Ok(ends)
    }
}

fn reason(error: &webpki::Error) -> SvidError {
    use webpki::Error as E;

    match error {
        E::CaUsedAsEndEntity => SvidError::Authority,
        E::CertExpired { .. } => SvidError::Expired,
        E::CertNotValidYet { .. } => SvidError::NotYetValid,
        E::CertRevoked => SvidError::Revoked,
        E::CrlExpired { .. }
        | E::InvalidCrlSignatureForPublicKey
        | E::IssuerNotCrlSigner
        | E::UnknownRevocationStatus => SvidError::RevocationUnknown,
        E::EmptyEkuExtension | E::RequiredEkuNotFoundContext(_) => SvidError::ExtendedKeyUsage,
        E::EndEntityUsedAsCa => SvidError::IssuerNotSigning,
        E::InvalidSignatureForPublicKey
        | E::SignatureAlgorithmMismatch
        | E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => SvidError::Signature,
        E::MaximumNameConstraintComparisonsExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumPathDepthExceeded
        | E::MaximumSignatureChecksExceeded
        | E::PathLenConstraintViolated => SvidError::Path,
        E::MalformedNameConstraint | E::NameConstraintViolation => SvidError::NameConstraint,
        E::UnknownIssuer | E::CertDistrusted => SvidError::UnknownIssuer,
        E::UnsupportedCriticalExtension => SvidError::UnknownExtension,
        _ => SvidError::Malformed,
    }
}

/// The signatures of certificates that are accepted: SHA-256 or better, RSA from 2048 bits on (X5V-3).
fn algorithms(backend: Backend) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    #[cfg(feature = "aws-lc")]
    if backend == aims_keys::backend::aws_lc() {
        return AWS_LC;
    }
    let _ = backend;
    RING
}

macro_rules! algorithms {
    ($backend:ident) => {
        &[
            webpki::$backend::ECDSA_P256_SHA256,
            webpki::$backend::ECDSA_P384_SHA384,
            webpki::$backend::ECDSA_P256_SHA384,
            webpki::$backend::ECDSA_P384_SHA256,
            webpki::$backend::ED25519,
            webpki::$backend::RSA_PKCS1_2048_8192_SHA256,
            webpki::$backend::RSA_PKCS1_2048_8192_SHA384,
            webpki::$backend::RSA_PKCS1_2048_8192_SHA512,
            webpki::$backend::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
            webpki::$backend::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
            webpki::$backend::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        ]
    };
}

static RING: &[&dyn SignatureVerificationAlgorithm] = algorithms!(ring);

#[cfg(feature = "aws-lc")]
static AWS_LC: &[&dyn SignatureVerificationAlgorithm] = algorithms!(aws_lc_rs);
