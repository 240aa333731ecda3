//! Path validation, by the path library, with the anchors of one trust domain.

use std::cell::RefCell;
use std::time::Duration;

use aims_id::WorkloadId;
use aims_keys::{Backend, UnixTime};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::{EndEntityCert, KeyUsage};

use super::algorithms::algorithms;
use super::certificate::{Certificate, ListDemand};
use super::name_constraints::UriConstraints;
use super::revocation::{Revocation, RevocationRules};
use super::span::Span;
use super::unconstrained::{OverSigned, Shown};
use super::{Role, SvidError, X509Authority};
use crate::TrustBundle;

/// What there is to find a path from.
pub(super) struct Path<'a> {
    pub(super) leaf: &'a CertificateDer<'a>,
    /// The same, read.
    pub(super) certificate: &'a Certificate<'a>,
    pub(super) intermediates: &'a [CertificateDer<'a>],
    /// Whether any of them has name constraints.
    pub(super) has_constraints: bool,
    pub(super) subject: &'a WorkloadId,
    pub(super) bundle: &'a TrustBundle,
    pub(super) revocation: RevocationRules,
    pub(super) backend: Backend,
    pub(super) now: UnixTime,
}

/// From when until when a path counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    /// By the dates of its certificates.
    pub(super) certificates: Span,
    /// By the revocation lists that were asked.
    pub(super) lists: Span,
}

impl Path<'_> {
    /// How long the path counts that was found from the leaf to an anchor of its bundle.
    pub(super) fn validate(&self, role: Role) -> Result<Validity, SvidError> {
        let usual = algorithms(self.backend);
        if !self.has_constraints {
            return self.find(self.intermediates, usual, None, role);
        }
        let shown = Shown::of(self.intermediates);
        let over_signed: Vec<_> = usual
            .iter()
            .map(|&algorithm| OverSigned { algorithm, shown: &shown, leaf: self.certificate.body })
            .collect();
        let algorithms: Vec<&dyn SignatureVerificationAlgorithm> =
            over_signed.iter().map(|algorithm| algorithm as _).collect();
        self.find(&shown.certificates(), &algorithms, Some(&shown), role)
    }

    /// Looks for a path through `intermediates`, which are those that were presented, perhaps [`Shown`] otherwise.
    fn find(
        &self,
        intermediates: &[CertificateDer<'_>],
        algorithms: &[&dyn SignatureVerificationAlgorithm],
        shown: Option<&Shown<'_>>,
        role: Role,
    ) -> Result<Validity, SvidError> {
        let leaf = EndEntityCert::try_from(self.leaf).map_err(|error| reason(&error))?;
        // The library asks about each path that it finds. Where it goes on to look for another, the last answer stays here.
        let answer = RefCell::new(None);
        let accept = |path: &webpki::VerifiedPath<'_>| {
            let validity = self.check(path, shown);
            let accepted = validity.as_ref().map(drop).map_err(|_| webpki::Error::UnknownIssuer);
            // Of several paths that are refused, one with a revoked certificate says most.
            if !matches!(*answer.borrow(), Some(Err(SvidError::Revoked))) || validity.is_ok() {
                answer.replace(Some(validity));
            }
            accepted
        };
        // X5V-5: an extended key usage, where there is one, names the purpose; `anyExtendedKeyUsage` does not.
        let purpose = match role {
            Role::Client => KeyUsage::client_auth(),
            Role::Server => KeyUsage::server_auth(),
        };
        let found = leaf.verify_for_usage(
            algorithms,
            self.bundle.anchors(),
            intermediates,
            rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(self.now.as_secs())),
            purpose,
            None,
            Some(&accept),
        );
        match (found, answer.into_inner()) {
            (Ok(_), Some(validity)) | (Err(_), Some(validity @ Err(_))) => validity,
            (Err(error), _) => Err(reason(&error)),
            // The library has asked about every path that it accepts.
            (Ok(_), None) => Err(SvidError::UnknownIssuer),
        }
    }

    /// X5V-8, for the certificates between leaf and anchor; X5V-10; revocation; and how long all of it counts.
    fn check(
        &self,
        path: &webpki::VerifiedPath<'_>,
        shown: Option<&Shown<'_>>,
    ) -> Result<Validity, SvidError> {
        let anchor = self.bundle.authority_of(path.anchor()).ok_or(SvidError::UnknownIssuer)?;
        self.check_constraints(anchor.uri_constraints().as_ref())?;
        let mut certificates = self.certificate.validity();
        let mut demands_lists = self.certificate.list_demand != ListDemand::None;
        for certificate in path.intermediate_certificates() {
            let der = certificate.der();
            let issuer = Certificate::read(&der).ok_or(SvidError::Malformed)?;
            if !issuer.is_signing() {
                return Err(SvidError::IssuerNotSigning);
            }
            if !issuer.fits_origin(self.subject.origin_str()) {
                return Err(SvidError::ChainIdentity);
            }
            self.check_constraints(shown.and_then(|shown| shown.constraints_of(&issuer)))?;
            certificates = certificates.and(issuer.validity());
            demands_lists |= issuer.list_demand != ListDemand::None;
        }
        let asks_lists =
            demands_lists || self.revocation.requires_lists || !self.bundle.revocation_lists().is_empty();
        let lists = if asks_lists { self.check_revocation(path, anchor)? } else { Span::ALWAYS };
        Ok(Validity { certificates, lists })
    }

    /// X5V-10. Every URI on a path is of the trust domain of the leaf: that of an issuer, where it has one, is exactly the origin.
    fn check_constraints(&self, constraints: Option<&UriConstraints<'_>>) -> Result<(), SvidError> {
        match constraints {
            Some(constraints) if !constraints.allow(self.subject.trust_domain()) => {
                Err(SvidError::NameConstraint)
            }
            _ => Ok(()),
        }
    }

    /// Asks the lists of each issuer about the certificate below it.
    fn check_revocation(
        &self,
        path: &webpki::VerifiedPath<'_>,
        anchor: &X509Authority,
    ) -> Result<Span, SvidError> {
        let revocation = Revocation {
            lists: self.bundle.revocation_lists(),
            rules: self.revocation,
            backend: self.backend,
            now: self.now,
        };
        let mut above: Vec<_> = path.intermediate_certificates().map(webpki::Cert::der).collect();
        above.push(CertificateDer::from(anchor.der()));
        let mut span = Span::ALWAYS;
        let mut certificate = self.certificate.clone();
        for issuer in &above {
            let issuer = Certificate::read(issuer).ok_or(SvidError::Malformed)?;
            span = span.and(revocation.check(&certificate, &issuer)?);
            certificate = issuer;
        }
        Ok(span)
    }
}

pub(super) fn reason(error: &webpki::Error) -> SvidError {
    use webpki::Error as E;

    match error {
        E::CaUsedAsEndEntity => SvidError::Authority,
        E::CertExpired { .. } => SvidError::Expired,
        E::CertNotValidYet { .. } => SvidError::NotYetValid,
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
