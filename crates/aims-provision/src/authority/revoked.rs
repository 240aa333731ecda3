//! Certificates that were taken back, and the lists that say so.

use std::collections::BTreeMap;
use std::time::Duration;

use aims_credential::x509::{NewRevocationList, RevocationList, SvidIssuer};
use aims_keys::UnixTime;

use super::AuthorityError;

/// What was revoked, and the lists of it: one of each issuer, since no issuer speaks for another.
#[derive(Debug, Default)]
pub(super) struct Revoked {
    serials: BTreeMap<String, Entry>,
    lists: Vec<RevocationList>,
    /// The number of the last list.
    number: u64,
    /// When the lists are signed anew; in the past when something has changed.
    sign_at: Option<UnixTime>,
    /// When the lists were signed.
    signed_at: Option<UnixTime>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: UnixTime,
    /// When the certificate has expired by itself.
    forget_at: UnixTime,
}

impl Revoked {
    /// Says whether it was not there before.
    pub(super) fn add(
        &mut self,
        serial: &str,
        now: UnixTime,
        lifetime: Duration,
    ) -> Result<bool, AuthorityError> {
        let serial = serial.to_ascii_lowercase();
        if self.serials.contains_key(&serial) {
            return Ok(false);
        }
        if self.serials.len() >= MAX_SERIALS {
            return Err(AuthorityError::TooManyRevoked);
        }
        self.serials.insert(serial, Entry { at: now, forget_at: now + lifetime });
        self.sign_at = Some(now);
        Ok(true)
    }

    /// Takes back what was added: no list names it.
    pub(super) fn forget(&mut self, serial: &str) {
        self.serials.remove(&serial.to_ascii_lowercase());
    }

    /// The issuers are others than before.
    pub(super) fn outdate(&mut self) {
        if !self.serials.is_empty() {
            self.sign_at = Some(UnixTime::EPOCH);
        }
    }

    pub(super) fn lists(&self) -> &[RevocationList] {
        &self.lists
    }

    pub(super) fn next_step(&self) -> UnixTime {
        self.sign_at.unwrap_or(UnixTime::MAX)
    }

    /// Signs the lists, if that is due; says whether they are others now.
    pub(super) fn sign<'i>(
        &mut self,
        issuers: impl Iterator<Item = &'i SvidIssuer>,
        now: UnixTime,
    ) -> Result<bool, AuthorityError> {
        // Lists of a time that has not come, since the clock was set back, count with nobody.
        if self.sign_at.is_none_or(|at| now < at && self.signed_at.is_none_or(|signed_at| signed_at <= now)) {
            return Ok(false);
        }
        self.serials.retain(|_, entry| now < entry.forget_at);
        if self.serials.is_empty() {
            let had = !self.lists.is_empty();
            (self.lists, self.sign_at) = (Vec::new(), None);
            return Ok(had);
        }
        let list = NewRevocationList::new(self.number + 1).lifetime(LIST_LIFETIME);
        let list = self.serials.iter().fold(list, |list, (serial, entry)| list.revoke(serial, entry.at));
        let signed: Result<Vec<_>, _> = issuers.map(|issuer| issuer.sign_list(&list, now)).collect();
        match signed {
            Ok(lists) => {
                self.number += 1;
                (self.lists, self.sign_at, self.signed_at) =
                    (lists, Some(now + LIST_LIFETIME / 4), Some(now));
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }
}

const LIST_LIFETIME: Duration = Duration::from_secs(86_400);

/// A list is read up to 4 MiB; so many serials are well below.
const MAX_SERIALS: usize = 50_000;
