//! Certificate revocation lists (RFC 5280 §5).

use std::fmt;
use std::sync::{Arc, OnceLock};

use aims_keys::{Backend, UnixTime};

use super::RevocationListError;
use super::certificate::{Certificate, MAX_SERIAL};
use super::list_parts::Parts;
use super::span::Span;

/// What one issuer has revoked: a complete certificate revocation list, read and bounded. Cloning is cheap.
///
/// It belongs to the trust material of a trust domain, beside its authorities:
/// [`TrustBundle::with_revocation_lists`](crate::TrustBundle::with_revocation_lists). Until then it says nothing; that its issuer
/// signed it is checked with the first chain that leads to that issuer.
///
/// The list says all that its issuer has revoked. What says only a part is not read: a list with an issuing distribution point (partitioned
/// or indirect), a delta, and one with a critical extension that is not known. It has a `nextUpdate`, as RFC 5280 demands.
#[derive(Clone)]
pub struct RevocationList(Arc<List>);

struct List {
    der: Vec<u8>,
    /// The whole `Name`.
    issuer: Vec<u8>,
    issuer_key_id: Option<Vec<u8>>,
    current: Span,
    /// Sorted; as numbers of full length, so that a search follows no pointer.
    serials: Vec<Serial>,
    /// The `SubjectPublicKeyInfo` whose key signed it, once that is known: a list of megabytes is hashed once.
    signer: OnceLock<Box<[u8]>>,
}

type Serial = [u8; MAX_SERIAL];

impl RevocationList {
    /// The longest list that is read, in bytes: at the least 100,000 certificates.
    pub const MAX_LEN: usize = 4 * 1024 * 1024;

    /// Reads the DER of one list.
    ///
    /// # Errors
    ///
    /// [`RevocationListError`]; a list that is refused is no reason to go on with an older one for longer than that one says.
    pub fn from_der(der: &[u8]) -> Result<Self, RevocationListError> {
        if der.len() > Self::MAX_LEN {
            return Err(RevocationListError::TooLarge);
        }
        // The library knows which extensions change what a list says, those of its entries included.
        let list = webpki::BorrowedCertRevocationList::from_der(der).map_err(|error| reason(&error))?;
        let mut serials = Vec::new();
        for entry in &list {
            let entry = entry.map_err(|error| reason(&error))?;
            if entry.serial_number.is_empty() {
                return Err(RevocationListError::Malformed);
            }
            serials.extend(serial(entry.serial_number));
        }
        serials.sort_unstable();
        serials.dedup();
        serials.shrink_to_fit();

        let parts = Parts::read(der).ok_or(RevocationListError::Malformed)?;
        if parts.is_partial {
            return Err(RevocationListError::Unsupported);
        }
        Ok(Self(Arc::new(List {
            issuer: parts.issuer.to_vec(),
            issuer_key_id: parts.issuer_key_id.map(<[u8]>::to_vec),
            // The successor is there at `nextUpdate`: the last second is the one before.
            current: Span::new(
                parts.this_update,
                UnixTime::from_secs(parts.next_update.as_secs().saturating_sub(1)),
            ),
            der: der.to_vec(),
            serials,
            signer: OnceLock::new(),
        })))
    }

    /// The list.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// When it was made: `thisUpdate`. Of two lists of one issuer the later one counts.
    #[must_use]
    pub fn this_update(&self) -> UnixTime {
        self.0.current.from
    }

    /// The last second at which it counts: the one before `nextUpdate`, when its successor is there.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.current.to
    }

    /// How many certificates are revoked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.serials.len()
    }

    /// Whether no certificate is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.serials.is_empty()
    }

    pub(super) fn current(&self) -> Span {
        self.0.current
    }

    /// Whether it names this serial number, which has no sign byte.
    pub(super) fn names(&self, number: &[u8]) -> bool {
        serial(number).is_some_and(|number| self.0.serials.binary_search(&number).is_ok())
    }

    /// Whose list it is, as far as this issuer of a certificate can tell.
    pub(super) fn whose(&self, issuer: &Certificate<'_>, backend: Backend) -> Whose {
        let list = &*self.0;
        if list.issuer != issuer.subject {
            return Whose::Others;
        }
        if let Some(signer) = list.signer.get() {
            // Authorities in rotation may share a name: it is that of the one whose key signed it.
            return if **signer == *issuer.spki { Whose::Issuers } else { Whose::Others };
        }
        if Parts::read(&list.der).is_some_and(|parts| parts.signed.is_by(issuer.spki, backend)) {
            // Whoever was first has found the same.
            let _ = list.signer.set(issuer.spki.into());
            return Whose::Issuers;
        }
        // It may be that of a namesake. The identifiers of keys only ever say that it is: a list that the key did sign is the issuer's,
        // whatever they say.
        match (&list.issuer_key_id, issuer.subject_key_id) {
            (Some(list), Some(issuer)) if list != issuer => Whose::Others,
            _ => Whose::Nobodys,
        }
    }
}

/// Whose list it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Whose {
    /// The issuer's own, by name and signature.
    Issuers,
    /// In the issuer's name, and not signed by its key.
    Nobodys,
    /// Another issuer's.
    Others,
}

/// By their DER.
impl PartialEq for RevocationList {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for RevocationList {}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("len", &self.len())
            .field("this_update", &self.this_update())
            .field("not_after", &self.not_after())
            .finish_non_exhaustive()
    }
}

fn reason(error: &webpki::Error) -> RevocationListError {
    use webpki::Error as E;

    match error {
        E::UnsupportedCriticalExtension
        | E::UnsupportedCrlIssuingDistributionPoint
        | E::UnsupportedCrlVersion
        | E::UnsupportedDeltaCrl
        | E::UnsupportedIndirectCrl
        | E::UnsupportedRevocationReason
        | E::UnsupportedRevocationReasonsPartitioning => RevocationListError::Unsupported,
        _ => RevocationListError::Malformed,
    }
}

/// The number in full length; `None` where it is longer than that of any certificate here.
fn serial(number: &[u8]) -> Option<Serial> {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    let number = number.get(zeros..)?;
    let mut serial = [0; MAX_SERIAL];
    serial.get_mut(MAX_SERIAL.checked_sub(number.len())?..)?.copy_from_slice(number);
    Some(serial)
}
