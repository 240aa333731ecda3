//! Trust anchors.

use std::fmt;

use aims_keys::PublicNumbers;
use rustls_pki_types::{CertificateDer, TrustAnchor};

use super::X509AuthorityError;
use super::certificate::Certificate;
use super::name_constraints::UriConstraints;

/// The certificate of an authority that a trust domain vouches with: an anchor of path validation.
///
/// It is trusted because it is in a bundle, so neither its signature nor, by default, its dates count (X5V-9).
#[derive(Clone)]
pub struct X509Authority {
    der: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    /// Those that the anchor was given without, since the path library does not process them.
    uri_constraints: Option<Vec<u8>>,
    numbers: PublicNumbers,
}

impl X509Authority {
    /// Reads the DER of one certificate.
    ///
    /// # Errors
    ///
    /// [`X509AuthorityError`]; what it refuses is left out of a bundle, so that a workload's certificate in a bundle vouches for
    /// nothing.
    pub fn from_der(der: &[u8]) -> Result<Self, X509AuthorityError> {
        use X509AuthorityError as E;

        if der.len() > MAX_CERTIFICATE {
            return Err(E::TooLarge);
        }
        let certificate = Certificate::read(der).ok_or(E::Malformed)?;
        if !certificate.is_signing() {
            return Err(E::NotAnAuthority);
        }
        let numbers = PublicNumbers::from_spki(certificate.spki).map_err(E::Key)?;
        numbers.check().map_err(E::Key)?;
        let uri_constraints = certificate
            .name_constraints
            .filter(|value| UriConstraints::read(value).is_some())
            .map(<[u8]>::to_vec);
        let der = CertificateDer::from(der.to_vec());
        let mut anchor = webpki::anchor_from_trusted_cert(&der).map_err(|_| E::Malformed)?.to_owned();
        if uri_constraints.is_some() {
            anchor.name_constraints = None;
        }
        Ok(Self { der, anchor, uri_constraints, numbers })
    }

    /// The certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The numbers of its key.
    #[must_use]
    pub fn public_numbers(&self) -> &PublicNumbers {
        &self.numbers
    }

    /// What the anchor is not asked by the path library.
    pub(super) fn uri_constraints(&self) -> Option<UriConstraints<'_>> {
        UriConstraints::read(self.uri_constraints.as_deref()?)
    }

    pub(crate) fn anchor(&self) -> &TrustAnchor<'static> {
        &self.anchor
    }
}

/// By the certificate.
impl PartialEq for X509Authority {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for X509Authority {}

impl fmt::Debug for X509Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X509Authority").field("len", &self.der.len()).finish_non_exhaustive()
    }
}

/// Of one certificate, in bytes.
pub(super) const MAX_CERTIFICATE: usize = 16 * 1024;
