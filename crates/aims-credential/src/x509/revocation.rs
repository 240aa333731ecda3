//! What the revocation lists of a bundle say about the certificates on a path (RFC 5280 §6.3).
//!
//! The path library can ask lists, too, but takes the first one with the issuer's name, though authorities in rotation share names;
//! hashes a list with every chain; and looks neither at `thisUpdate` nor at what an authority may sign.

use aims_keys::{Backend, UnixTime};

use super::certificate::{Certificate, KeyUsage, ListDemand};
use super::revocation_list::Whose;
use super::span::Span;
use super::{RevocationList, SvidError};

/// What is demanded of lists; the default is neither.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RevocationRules {
    /// Every certificate is by an issuer that has a list.
    pub(super) requires_lists: bool,
    /// A list counts after its successor was due, and before it was made.
    pub(super) tolerates_outdated: bool,
}

/// The lists, and by which rules and when they are asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Revocation<'a> {
    pub(super) lists: &'a [RevocationList],
    pub(super) rules: RevocationRules,
    pub(super) backend: Backend,
    pub(super) now: UnixTime,
}

impl Revocation<'_> {
    /// From when until when the lists of `issuer` say that `certificate` is not revoked.
    ///
    /// Any list of the issuer that names it revokes it, an outdated one, too; and one of them must be current.
    pub(super) fn check(
        &self,
        certificate: &Certificate<'_>,
        issuer: &Certificate<'_>,
    ) -> Result<Span, SvidError> {
        let mut found: Option<Span> = None;
        for list in self.lists {
            match list.whose(issuer, self.backend) {
                Whose::Issuers => {}
                Whose::Nobodys => return Err(SvidError::RevocationUnknown),
                Whose::Others => continue,
            }
            // §6.3.3 (f)
            if !issuer.key_usage.is_some_and(|usage| usage.has(KeyUsage::CRL_SIGN)) {
                return Err(SvidError::RevocationUnknown);
            }
            if list.names(certificate.serial) {
                return Err(SvidError::Revoked);
            }
            // The one that is current for longest says when to ask again.
            let current = list.current();
            let is_better =
                |found: Span| (current.contains(self.now), current.to) > (found.contains(self.now), found.to);
            if found.is_none_or(is_better) {
                found = Some(current);
            }
        }
        match found {
            // A critical extension says where else the lists are: those are not read.
            _ if certificate.list_demand == ListDemand::Elsewhere => Err(SvidError::RevocationUnknown),
            Some(current) if current.contains(self.now) => Ok(current),
            Some(_) if self.rules.tolerates_outdated => Ok(Span::ALWAYS),
            Some(_) => Err(SvidError::RevocationOutdated),
            None if self.rules.requires_lists || certificate.list_demand == ListDemand::FromIssuer => {
                Err(SvidError::RevocationUnknown)
            }
            None => Ok(Span::ALWAYS),
        }
    }
}
