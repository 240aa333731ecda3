//! Certificates that are no credentials of workloads: those of devices, for one.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use aims_keys::{Backend, UnixTime};
use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::{EndEntityCert, KeyUsage as Purpose};

use super::algorithms::algorithms;
use super::authority::MAX_CERTIFICATE;
use super::certificate::{AltNames, Certificate, KeyUsage, ListDemand};
use super::path::reason;
use super::span::Span;
use super::verify::check_names;
use super::{SvidError, X509Authority};

/// A certificate that was read and not verified: what it says, for rules that are not those of workloads, such as those for the endorsement
/// certificates of TPMs.
///
/// Nothing in it is believed before [`verify`](Self::verify), and then it says no more than that an authority signed it.
#[derive(Clone)]
pub struct UnverifiedCertificate<'a> {
    der: CertificateDer<'a>,
    read: Certificate<'a>,
}

impl<'a> UnverifiedCertificate<'a> {
    /// Reads the DER of one certificate of version 3, of 16 KiB at most.
    ///
    /// # Errors
    ///
    /// [`SvidError::TooLarge`] and [`SvidError::Malformed`].
    pub fn read(der: &'a [u8]) -> Result<Self, SvidError> {
        if der.len() > MAX_CERTIFICATE {
            return Err(SvidError::TooLarge);
        }
        let read = Certificate::read(der).ok_or(SvidError::Malformed)?;
        Ok(Self { der: CertificateDer::from(der), read })
    }

    /// The DER of the `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki(&self) -> &'a [u8] {
        self.read.spki
    }

    /// The first second at which it counts.
    #[must_use]
    pub fn not_before(&self) -> UnixTime {
        self.read.not_before
    }

    /// The last one.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.read.not_after
    }

    /// Whether it is one of an authority; `None` where it does not say, for it has no basicConstraints.
    #[must_use]
    pub fn is_authority(&self) -> Option<bool> {
        self.read.is_ca
    }

    /// Whether its key may do something, by the extension for that: `false` where it is missing.
    #[must_use]
    pub fn allows(&self, usage: X509Usage) -> bool {
        self.read.key_usage.is_some_and(|allowed| allowed.has(usage.bit()))
    }

    /// Whether the extended key usage is there and names this purpose, by the content of its object identifier; `anyExtendedKeyUsage` does not.
    #[must_use]
    pub fn has_purpose(&self, purpose: &[u8]) -> bool {
        self.read.purposes().any(|each| each == purpose)
    }

    /// The `Name`s among its alternative names, each as DER.
    pub fn directory_names(&self) -> impl Iterator<Item = &'a [u8]> {
        self.read.alt_names.into_iter().flat_map(AltNames::directories)
    }

    /// Looks for a path from it to one of the authorities, and says from when until when that path counts.
    ///
    /// Of the certificates between, each is one of an authority and may sign certificates; where one has an extended key usage, it names `purpose`, the content of
    /// an object identifier; and the authority counts by its dates, too. Whether this certificate has the purpose, and what else it has to be, is the caller's to ask. Lists of what was revoked are not asked: a certificate that demands one is
    /// refused. So is a path to an authority with name constraints on URIs.
    ///
    /// # Errors
    ///
    /// [`SvidError`], as of an [`SvidVerifier`](super::SvidVerifier).
    pub fn verify(
        &self,
        authorities: &[X509Authority],
        intermediates: &[CertificateDer<'_>],
        purpose: &'static [u8],
        backend: Backend,
        now: UnixTime,
    ) -> Result<(UnixTime, UnixTime), SvidError> {
        if intermediates.len() > MAX_INTERMEDIATES {
            return Err(SvidError::ChainTooLong);
        }
        let total: usize = intermediates.iter().map(|der| der.len()).sum();
        if intermediates.iter().any(|der| der.len() > MAX_CERTIFICATE) || total > MAX_CHAIN_LEN {
            return Err(SvidError::TooLarge);
        }
        check_names(intermediates)?;
        let authorities: Vec<_> =
            authorities.iter().filter(|authority| authority.uri_constraints().is_none()).collect();
        let anchors: Vec<TrustAnchor<'_>> =
            authorities.iter().map(|authority| authority.anchor().clone()).collect();
        let leaf = EndEntityCert::try_from(&self.der).map_err(|error| reason(&error))?;
        // As for workloads: the answer about the last path stays here, for the library does not tell it.
        let answer = RefCell::new(None);
        let accept = |path: &webpki::VerifiedPath<'_>| {
            let anchor = authorities.iter().find(|authority| authority.anchor() == path.anchor());
            let span = anchor.map_or(Err(SvidError::UnknownIssuer), |anchor| self.check(path, anchor, now));
            let accepted = span.as_ref().map(drop).map_err(|_| webpki::Error::UnknownIssuer);
            answer.replace(Some(span));
            accepted
        };
        let found = leaf.verify_for_usage(
            algorithms(backend),
            &anchors,
            intermediates,
            rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs())),
            Purpose::required_if_present(purpose),
            None,
            Some(&accept),
        );
        match (found, answer.into_inner()) {
            (Ok(_), Some(Ok(span))) => Ok((span.from, span.to)),
            (Err(_), Some(Err(error))) => Err(error),
            (Err(error), _) => Err(reason(&error)),
            (Ok(_), _) => Err(SvidError::UnknownIssuer),
        }
    }

    /// What the library does not ask of the certificates above.
    fn check(
        &self,
        path: &webpki::VerifiedPath<'_>,
        anchor: &X509Authority,
        now: UnixTime,
    ) -> Result<Span, SvidError> {
        let anchor = Certificate::read(anchor.der()).ok_or(SvidError::Malformed)?;
        if now < anchor.not_before {
            return Err(SvidError::NotYetValid);
        }
        if now > anchor.not_after {
            return Err(SvidError::Expired);
        }
        let mut span = self.read.validity().and(anchor.validity());
        let mut demands_lists = self.read.list_demand != ListDemand::None;
        for certificate in path.intermediate_certificates() {
            let der = certificate.der();
            let issuer = Certificate::read(&der).ok_or(SvidError::Malformed)?;
            if !issuer.is_signing() {
                return Err(SvidError::IssuerNotSigning);
            }
            span = span.and(issuer.validity());
            demands_lists |= issuer.list_demand != ListDemand::None;
        }
        if demands_lists { Err(SvidError::RevocationUnknown) } else { Ok(span) }
    }
}

/// Shows the length.
impl fmt::Debug for UnverifiedCertificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedCertificate").field("len", &self.der.len()).finish_non_exhaustive()
    }
}

/// What the key of a certificate may do (RFC 5280 §4.2.1.3).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum X509Usage {
    /// `digitalSignature`: sign what is neither a certificate nor a list of revoked ones.
    DigitalSignature,
    /// `keyAgreement`: agree on keys.
    KeyAgreement,
    /// `keyCertSign`: sign certificates.
    KeyCertSign,
    /// `keyEncipherment`: decrypt keys.
    KeyEncipherment,
}

impl X509Usage {
    fn bit(self) -> u8 {
        match self {
            Self::DigitalSignature => KeyUsage::DIGITAL_SIGNATURE,
            Self::KeyAgreement => KeyUsage::KEY_AGREEMENT,
            Self::KeyCertSign => KeyUsage::KEY_CERT_SIGN,
            Self::KeyEncipherment => KeyUsage::KEY_ENCIPHERMENT,
        }
    }
}

/// With the certificate itself there are 20.
const MAX_INTERMEDIATES: usize = 19;

/// Of all intermediates together, in bytes.
const MAX_CHAIN_LEN: usize = 64 * 1024;
