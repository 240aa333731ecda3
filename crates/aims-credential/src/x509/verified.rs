//! A verified X.509 credential.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aims_id::WorkloadId;
use aims_jose::Thumbprint;
use aims_keys::{PublicKey, UnixTime};
use rustls_pki_types::CertificateDer;

use super::Role;
use super::path::Validity;
use super::verify::Rules;
use crate::{Lapsed, MarkKey, Marks, TrustBundle};

/// An X.509-SVID or Workload Identity Certificate that passed every check of an [`SvidVerifier`](super::SvidVerifier); there
/// is no other way to get one. Cloning is cheap.
///
/// It says whom an authority vouches for, not who is at the other end: that is for the TLS handshake to show, in which the peer
/// signs with the certificate's key.
#[derive(Clone)]
pub struct VerifiedSvid(Arc<Facts>);

pub(super) struct Facts {
    pub(super) subject: WorkloadId,
    pub(super) key: PublicKey,
    /// Once somebody asked.
    pub(super) thumbprint: OnceLock<Thumbprint>,
    pub(super) not_before: UnixTime,
    pub(super) validity: Validity,
    pub(super) serial: String,
    /// As it was presented, the leaf first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) bundle: Arc<TrustBundle>,
    /// By whose rules, and in which role.
    pub(super) rules: Arc<Rules>,
    pub(super) role: Role,
}

impl VerifiedSvid {
    pub(super) fn new(facts: Facts) -> Self {
        Self(Arc::new(facts))
    }

    /// The workload.
    #[must_use]
    pub fn subject(&self) -> &WorkloadId {
        &self.0.subject
    }

    /// The key of the workload.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.0.key
    }

    /// The thumbprint of that key.
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        self.0.thumbprint.get_or_init(|| Thumbprint::of(&self.0.key))
    }

    /// The last second at which every certificate is valid on the path that was found. There may be another path, which ends later:
    /// [`SvidVerifier::verify_again`](super::SvidVerifier::verify_again) looks for it.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.validity.certificates.to
    }

    /// When it began: `notBefore` of the leaf.
    #[must_use]
    pub fn begun(&self) -> UnixTime {
        self.0.not_before
    }

    /// The serial number of the leaf, in lower-case hexadecimal digits.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.0.serial
    }

    /// The DER of the leaf.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.0.chain.first().map(|leaf| &**leaf).unwrap_or_default()
    }

    /// SHA-256 of the leaf: what `x5t#S256` is (RFC 8705 §3.1).
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.0.key.backend().sha256(self.certificate())
    }

    /// The chain as it was presented, the leaf first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.chain
    }

    /// The bundle it was verified with.
    #[must_use]
    pub fn bundle(&self) -> &Arc<TrustBundle> {
        &self.0.bundle
    }

    /// The names under which it can be cut off.
    pub fn mark_keys(&self) -> impl Iterator<Item = MarkKey<'_>> {
        let subject = self.subject();
        let credential = MarkKey::Credential { origin: subject.origin_str(), id: self.serial() };
        [MarkKey::Agent(subject), credential, MarkKey::Key(self.thumbprint())].into_iter()
    }

    /// Whether it still counts at `now`. To be asked at every use: its time passes, and it can be cut off before.
    ///
    /// What is trusted by now, revocation lists included, only a verifier can say: `verify_again`.
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        // X5V-3: the last second counts.
        if now > self.not_after() {
            return Err(Lapsed::Expired);
        }
        // A clock that was set back.
        if now < self.0.validity.certificates.from {
            return Err(Lapsed::NotYetValid);
        }
        self.check_marks(marks)
    }

    /// Whether these rules and this role would find the same, as long as the bundle does.
    pub(super) fn is_by(&self, rules: &Arc<Rules>, role: Role) -> bool {
        Arc::ptr_eq(&self.0.rules, rules) && self.0.role == role
    }

    /// Whether the path that was found still counts, by the dates of its certificates and of the lists that were asked.
    pub(super) fn is_within(&self, now: UnixTime) -> bool {
        self.0.validity.certificates.contains(now) && self.0.validity.lists.contains(now)
    }

    pub(super) fn check_marks(&self, marks: &dyn Marks) -> Result<(), Lapsed> {
        marks.check_each(&mut self.mark_keys(), &|mark| mark.check(self.begun(), Duration::ZERO))
    }
}

/// Shows the subject and the times.
impl fmt::Debug for VerifiedSvid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedSvid")
            .field("subject", self.subject())
            .field("not_after", &self.not_after())
            .field("serial", &self.serial())
            .finish_non_exhaustive()
    }
}
