//! Verifying X.509 credentials.

use std::sync::{Arc, OnceLock};

use aims_id::{Scheme, WorkloadId};
use aims_keys::{Backend, PublicKey, PublicNumbers, UnixTime};
use rustls_pki_types::CertificateDer;

use super::authority::MAX_CERTIFICATE;
use super::certificate::{Certificate, KeyUsage};
use super::hex::hexadecimal;
use super::path::Path;
use super::revocation::RevocationRules;
use super::verified::Facts;
use super::{SvidError, VerifiedSvid};
use crate::bundle::bundle_of;
use crate::{BundleSource, Marks};

/// Verifies X.509-SVIDs and Workload Identity Certificates.
///
/// What comes out says whom the certificate is for. That the peer holds its key is for the TLS handshake to show; `aims-tls`
/// does both.
#[derive(Clone, Debug)]
pub struct SvidVerifier {
    bundles: Arc<dyn BundleSource>,
    marks: Option<Arc<dyn Marks>>,
    backend: Backend,
    rules: Arc<Rules>,
}

/// What is demanded beside trust; clones of a verifier share them.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    profile: X509Profile,
    tolerates_missing_constraints: bool,
    max_certificate_len: usize,
    max_chain_len: usize,
    revocation: RevocationRules,
}

/// In which role the certificate was presented.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "TLS has these two sides")]
pub enum Role {
    /// By the client.
    Client,
    /// By the server.
    Server,
}

/// Whose rules a certificate follows.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum X509Profile {
    /// A Workload Identity Certificate (draft-ietf-wimse-workload-creds): identifiers of either scheme, as the bundles say.
    #[default]
    Wic,
    /// An X.509-SVID (SPIFFE): the same, with SPIFFE IDs only.
    X509Svid,
}

impl SvidVerifier {
    /// Starts from what has no safe default: whom to trust, and the backend that verifies.
    pub fn builder(bundles: impl BundleSource + 'static, backend: Backend) -> SvidVerifierBuilder {
        SvidVerifierBuilder {
            bundles: Arc::new(bundles),
            marks: None,
            backend,
            rules: Rules {
                profile: X509Profile::default(),
                tolerates_missing_constraints: false,
                max_certificate_len: MAX_CERTIFICATE,
                max_chain_len: DEFAULT_CHAIN,
                revocation: RevocationRules::default(),
            },
        }
    }

    /// Checks the certificate of a workload and the way from it to an authority of its own trust domain.
    ///
    /// `intermediates` may come in any order, and hold certificates that are not needed; none of them is trusted for
    /// being there.
    ///
    /// # Errors
    ///
    /// [`SvidError`] names the first check that failed: the form and names of the leaf, what it may be used for, its trust domain,
    /// its key, the path (dates, signatures, extensions, revocation), the marks.
    pub fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        role: Role,
        now: UnixTime,
    ) -> Result<VerifiedSvid, SvidError> {
        let has_constraints = self.check_size(leaf, intermediates)?;
        let certificate = Certificate::read(leaf).ok_or(SvidError::Malformed)?;
        let subject = identity(&certificate)?;
        if self.rules.profile == X509Profile::X509Svid && subject.scheme() != Scheme::Spiffe {
            return Err(SvidError::Scheme);
        }
        self.rules.check_leaf(&certificate)?;

        let bundle = bundle_of(&*self.bundles, &subject).ok_or(SvidError::UnknownTrustDomain)?;
        let numbers = PublicNumbers::from_spki(certificate.spki).map_err(SvidError::Key)?;
        let algorithm = numbers.usual_algorithm();
        let key = PublicKey::load(numbers, algorithm, self.backend).map_err(SvidError::Key)?;
        let path = Path {
            leaf,
            certificate: &certificate,
            intermediates,
            has_constraints,
            subject: &subject,
            bundle: &bundle,
            revocation: self.rules.revocation,
            backend: self.backend,
            now,
        };
        let validity = path.validate(role)?;

        let svid = VerifiedSvid::new(Facts {
            subject,
            key,
            thumbprint: OnceLock::new(),
            not_before: certificate.not_before,
            validity,
            serial: hexadecimal(certificate.serial),
            chain: std::iter::once(leaf).chain(intermediates).map(|der| der.clone().into_owned()).collect(),
            bundle,
            rules: Arc::clone(&self.rules),
            role,
        });
        if let Some(marks) = &self.marks {
            svid.check_marks(&**marks).map_err(SvidError::Lapsed)?;
        }
        Ok(svid)
    }

    /// Whether anybody is trusted for the trust domain of `id`.
    #[must_use]
    pub fn trusts(&self, id: &WorkloadId) -> bool {
        bundle_of(&*self.bundles, id).is_some()
    }

    /// Checks again what was verified before, in the same role: at the next request of a connection, for one.
    ///
    /// While its bundle is the same, only dates and marks are asked about. Once the bundle was replaced or withdrawn, with other
    /// revocation lists for one, the chain is verified anew, with what is trusted now; so is one whose path or lists have had their
    /// time, and one that another verifier verified, or in the other role.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn verify_again(
        &self,
        svid: &VerifiedSvid,
        role: Role,
        now: UnixTime,
    ) -> Result<VerifiedSvid, SvidError> {
        if self.check_again(svid, role, now)? {
            return Ok(svid.clone());
        }
        let (leaf, rest) = svid.chain().split_first().ok_or(SvidError::Malformed)?;
        self.verify(leaf, rest, role, now)
    }

    /// Whether what was verified before would be verified again; `false` where only the whole chain can say.
    pub(super) fn check_again(
        &self,
        svid: &VerifiedSvid,
        role: Role,
        now: UnixTime,
    ) -> Result<bool, SvidError> {
        let bundle = bundle_of(&*self.bundles, svid.subject()).ok_or(SvidError::UnknownTrustDomain)?;
        if !Arc::ptr_eq(&bundle, svid.bundle()) || !svid.is_by(&self.rules, role) {
            return Ok(false);
        }
        // There may be another path, or another list of the same issuer.
        if !svid.is_within(now) {
            return Ok(false);
        }
        if let Some(marks) = &self.marks {
            svid.check_marks(&**marks).map_err(SvidError::Lapsed)?;
        }
        Ok(true)
    }

    /// Whether it is short enough to be read; says whether there are name constraints in it.
    pub(super) fn check_size(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<bool, SvidError> {
        if intermediates.len() >= self.rules.max_chain_len {
            return Err(SvidError::ChainTooLong);
        }
        if std::iter::once(leaf).chain(intermediates).any(|der| der.len() > self.rules.max_certificate_len) {
            return Err(SvidError::TooLarge);
        }
        let total: usize = intermediates.iter().map(|der| der.len()).sum();
        if total > MAX_CHAIN_LEN {
            return Err(SvidError::TooLarge);
        }
        check_names(intermediates)
    }

    /// One number for all that was presented, in its order.
    pub(super) fn hash(&self, leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> [u8; 32] {
        let each = std::iter::once(leaf).chain(intermediates).flat_map(|der| self.backend.sha256(der));
        self.backend.sha256(&each.collect::<Vec<u8>>())
    }
}

impl Rules {
    /// X5V-4 and the first half of X5V-5.
    fn check_leaf(&self, leaf: &Certificate<'_>) -> Result<(), SvidError> {
        match leaf.is_ca {
            Some(true) => return Err(SvidError::Authority),
            None if !self.tolerates_missing_constraints => return Err(SvidError::BasicConstraintsMissing),
            _ => {}
        }
        let usage = leaf.key_usage.ok_or(SvidError::KeyUsage)?;
        if usage.has(KeyUsage::KEY_CERT_SIGN) || usage.has(KeyUsage::CRL_SIGN) {
            return Err(SvidError::Authority);
        }
        if usage.is_critical && usage.has(KeyUsage::DIGITAL_SIGNATURE) {
            Ok(())
        } else {
            Err(SvidError::KeyUsage)
        }
    }
}

/// Bounds the search for a path: it tries every certificate with the name of an issuer, and for each of them every one above. Two
/// with one name are an authority in rotation; more are somebody who wants it to search for long. Says whether any has name constraints.
pub(super) fn check_names(intermediates: &[CertificateDer<'_>]) -> Result<bool, SvidError> {
    let (mut has_constraints, mut unread) = (false, 0);
    let mut seen: Vec<(&[u8], &CertificateDer<'_>)> = Vec::with_capacity(intermediates.len());
    for der in intermediates {
        // What cannot be read here is on no path, but the path library may try it.
        let Some(certificate) = Certificate::read(der) else {
            unread += 1;
            if unread > MAX_NAMESAKES {
                return Err(SvidError::Path);
            }
            continue;
        };
        has_constraints |= certificate.name_constraints.is_some();
        if seen.iter().any(|(_, other)| *other == der) {
            continue;
        }
        if seen.iter().filter(|(name, _)| *name == certificate.subject).count() >= MAX_NAMESAKES {
            return Err(SvidError::Path);
        }
        seen.push((certificate.subject, der));
    }
    Ok(has_constraints)
}

/// X5V-1: the one URI of a leaf, with a path.
pub(super) fn identity(leaf: &Certificate<'_>) -> Result<WorkloadId, SvidError> {
    let names = leaf.alt_names.ok_or(SvidError::NoIdentity)?;
    let mut uris = names.uris();
    let uri = uris.next().ok_or(SvidError::NoIdentity)?;
    if uris.next().is_some() {
        return Err(SvidError::MultipleIdentities);
    }
    if leaf.has_empty_subject() && !names.is_critical {
        return Err(SvidError::AltNameNotCritical);
    }
    // What is not UTF-8 is not an identifier either; the parser says so of the first such character.
    let subject: WorkloadId = String::from_utf8_lossy(uri).parse().map_err(SvidError::Identity)?;
    if subject.has_path() { Ok(subject) } else { Err(SvidError::WithoutPath) }
}

/// Options of an [`SvidVerifier`]; every default is the strict one.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct SvidVerifierBuilder {
    bundles: Arc<dyn BundleSource>,
    marks: Option<Arc<dyn Marks>>,
    backend: Backend,
    rules: Rules,
}

impl SvidVerifierBuilder {
    /// Refuses what was cut off before its time. Default: nothing is known to be.
    pub fn marks(mut self, marks: impl Marks + 'static) -> Self {
        self.marks = Some(Arc::new(marks));
        self
    }

    /// Whose rules certificates follow. Default: [`X509Profile::Wic`].
    pub fn profile(mut self, profile: X509Profile) -> Self {
        self.rules.profile = profile;
        self
    }

    /// Takes a leaf without basicConstraints for one that is not an authority, as RFC 5280 does. Default: refused.
    pub fn tolerate_missing_basic_constraints(mut self) -> Self {
        self.rules.tolerates_missing_constraints = true;
        self
    }

    /// Demands of every certificate below an authority that its issuer has a revocation list in the bundle. Default: the lists that are there
    /// are asked, and an issuer without one, such as one that has just been made, has revoked nothing.
    pub fn require_revocation_lists(mut self) -> Self {
        self.rules.revocation.requires_lists = true;
        self
    }

    /// Lets a revocation list count although its successor was due: for those to whom being reachable matters more than learning of a
    /// revocation in time. Default: what an outdated list does not revoke is refused, too.
    pub fn tolerate_outdated_revocation_lists(mut self) -> Self {
        self.rules.revocation.tolerates_outdated = true;
        self
    }

    /// The longest certificate, in bytes. Default and maximum: 16384.
    pub fn max_certificate_len(mut self, bytes: usize) -> Self {
        self.rules.max_certificate_len = bytes.min(MAX_CERTIFICATE);
        self
    }

    /// The most certificates in a chain, leaf included. Default: 8; at most 16. All above the leaf together have at most 32 KiB, and
    /// no more than two of them one name.
    pub fn max_chain_len(mut self, certificates: usize) -> Self {
        self.rules.max_chain_len = certificates.min(MAX_CHAIN);
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> SvidVerifier {
        let Self { bundles, marks, backend, rules } = self;
        SvidVerifier { bundles, marks, backend, rules: Arc::new(rules) }
    }
}

const DEFAULT_CHAIN: usize = 8;

const MAX_CHAIN: usize = 16;

/// Of all intermediates together, in bytes.
const MAX_CHAIN_LEN: usize = 32 * 1024;

const MAX_NAMESAKES: usize = 2;
