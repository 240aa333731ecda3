//! The certificate of the connection.

use std::fmt;

use aims_credential::x509::VerifiedSvid;
use aims_jose::JwkSet;
use aims_keys::der::{BIT_STRING, INTEGER, Reader, SEQUENCE};
use aims_keys::{Backend, PublicNumbers, UnixTime};

use super::{CertificateError, TlsClientName, matching};

/// The certificate that the client showed when the connection was made, in the handshake of which it signed with its key.
///
/// That it did is the word of whoever ends TLS: `aims-tls`, or a proxy that is trusted with it by name (MTL-5).
#[derive(Clone, Copy)]
pub struct PeerCertificate<'r>(Peer<'r>);

#[derive(Clone, Copy)]
pub(in crate::client_auth) enum Peer<'r> {
    /// Nobody vouches for it.
    Unverified { der: &'r [u8], backend: Backend },
    /// An authority of its trust domain does.
    Verified(&'r VerifiedSvid),
}

impl<'r> PeerCertificate<'r> {
    /// An X.509-SVID or Workload Identity Certificate, verified for this request.
    #[must_use]
    pub fn verified(svid: &'r VerifiedSvid) -> Self {
        Self(Peer::Verified(svid))
    }

    /// The DER of a certificate that nobody vouches for. It stands for its key alone, for clients that registered that (`self_signed_tls_client_auth`).
    #[must_use]
    pub fn unverified(der: &'r [u8], backend: Backend) -> Self {
        Self(Peer::Unverified { der, backend })
    }

    pub(in crate::client_auth) fn peer(self) -> Peer<'r> {
        self.0
    }
}

impl fmt::Debug for PeerCertificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Peer::Unverified { der, .. } => f.debug_struct("Unverified").field("len", &der.len()).finish(),
            Peer::Verified(svid) => f.debug_tuple("Verified").field(svid).finish(),
        }
    }
}

impl Peer<'_> {
    /// `x5t#S256`: what tokens can be bound to (MTL-2).
    pub(in crate::client_auth) fn fingerprint(&self) -> [u8; 32] {
        match self {
            Self::Unverified { der, backend } => backend.sha256(der),
            Self::Verified(svid) => svid.fingerprint(),
        }
    }

    /// MTL-1, `tls_client_auth`.
    pub(in crate::client_auth) fn check_name(
        &self,
        name: &TlsClientName,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let Self::Verified(svid) = self else { return Err(CertificateError::Unverified) };
        // The connection may be older than this request.
        if now > svid.not_after() {
            return Err(CertificateError::Expired);
        }
        let certificate = Certificate::read(svid.certificate()).ok_or(CertificateError::Malformed)?;
        if matching::has(&certificate, name) { Ok(()) } else { Err(CertificateError::NameMismatch) }
    }

    /// MTL-1, `self_signed_tls_client_auth`.
    pub(in crate::client_auth) fn check_key(&self, keys: &JwkSet) -> Result<(), CertificateError> {
        let numbers = match self {
            Self::Verified(svid) => svid.public_key().numbers().clone(),
            Self::Unverified { der, .. } => {
                let spki = Certificate::read(der).ok_or(CertificateError::Malformed)?.spki;
                PublicNumbers::from_spki(spki).map_err(CertificateError::Key)?
            }
        };
        let is_registered = keys.iter().any(|key| *key.public_key().numbers() == numbers);
        if is_registered { Ok(()) } else { Err(CertificateError::KeyMismatch) }
    }
}

/// The parts of a certificate that say whose it is.
pub(super) struct Certificate<'a> {
    /// What is inside `Name`.
    pub(super) subject: &'a [u8],
    /// What is inside `GeneralNames`; nothing, where there are none.
    pub(super) alt_names: &'a [u8],
    /// The whole `SubjectPublicKeyInfo`.
    spki: &'a [u8],
}

impl<'a> Certificate<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(der);
        let mut signed = Reader::new(outer.read(SEQUENCE)?);
        outer.finish()?;
        let mut fields = Reader::new(signed.read(SEQUENCE)?);
        signed.read(SEQUENCE)?;
        signed.read(BIT_STRING)?;
        signed.finish()?;
        // Version, serial number, algorithm, issuer, validity.
        fields.read_optional(VERSION)?;
        fields.read(INTEGER)?;
        for _ in 0..3 {
            fields.read(SEQUENCE)?;
        }
        let subject = fields.read(SEQUENCE)?;
        let spki = fields.element().filter(|spki| spki.tag == SEQUENCE)?.whole;
        let mut alt_names: Option<&[u8]> = None;
        if let Some(extensions) = fields.read_optional(EXTENSIONS)? {
            let mut list = Reader::new(Reader::new(extensions).read(SEQUENCE)?);
            while !list.is_empty() {
                let mut extension = Reader::new(list.read(SEQUENCE)?);
                if extension.read_any()? == SUBJECT_ALT_NAME {
                    extension.read_optional(aims_keys::der::BOOLEAN)?;
                    let names = Reader::new(extension.read_any()?).read(SEQUENCE)?;
                    // Twice would be two answers to one question.
                    if alt_names.replace(names).is_some() {
                        return None;
                    }
                }
            }
        }
        Some(Self { subject, alt_names: alt_names.unwrap_or_default(), spki })
    }
}

const VERSION: u8 = 0xa0;

const EXTENSIONS: u8 = 0xa3;

/// 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
