//! Verifying endorsement certificates.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use aims_credential::x509::{CertificateDer, UnverifiedCertificate, X509Usage};
use aims_keys::{Backend, KeyError, PublicNumbers, UnixTime};

use super::identity::Identity;
use super::{EndorsementError, EndorsementRoots};

/// Verifies the certificates by which manufacturers say that they made a TPM: those of endorsement keys on P-256 and P-384, and of RSA keys from 2048 bits on (TPM-28).
///
/// A certificate is public. That somebody has the TPM with the key in it is shown by an [`Enrolment`](super::Enrolment). Lists of revoked certificates are not
/// asked: TPMs that are not believed any more are on a list of their keys.
///
/// Cloning is cheap.
#[derive(Clone, Debug)]
pub struct EndorsementVerifier {
    roots: EndorsementRoots,
    denied: Arc<HashSet<[u8; 32]>>,
    backend: Backend,
}

impl EndorsementVerifier {
    /// Starts from what has no safe default: whom to believe, and the backend that verifies.
    pub fn builder(roots: EndorsementRoots, backend: Backend) -> EndorsementVerifierBuilder {
        EndorsementVerifierBuilder { roots, denied: HashSet::new(), backend }
    }

    /// Checks a chain at a time: the endorsement certificate, and after it those that may be needed to get to an authority, in any order, in DER. There are 20 at most, of 16 KiB
    /// each and 64 KiB together.
    ///
    /// # Errors
    ///
    /// [`EndorsementError`] names the first check that failed: the size, what the certificate says, its key, the deny list, the path.
    pub fn verify<C: AsRef<[u8]>>(
        &self,
        chain: &[C],
        now: UnixTime,
    ) -> Result<Endorsement, EndorsementError> {
        use EndorsementError as E;

        let (leaf, rest) = chain.split_first().ok_or(E::Missing)?;
        let total: usize = chain.iter().map(|der| der.as_ref().len()).sum();
        if chain.len() > MAX_CERTIFICATES || total > MAX_CHAIN_LEN {
            return Err(E::TooLarge);
        }
        let certificate = UnverifiedCertificate::read(leaf.as_ref()).map_err(E::Chain)?;
        if certificate.is_authority() != Some(false) {
            return Err(E::Authority);
        }
        if !certificate.has_purpose(EK_CERTIFICATE) {
            return Err(E::ExtendedKeyUsage);
        }
        let identity = Identity::of(&certificate).ok_or(E::Identity)?;
        let key = PublicNumbers::from_spki(certificate.spki()).map_err(E::Key)?;
        key.check().map_err(E::Key)?;
        let usage = match key {
            PublicNumbers::P256 { .. } | PublicNumbers::P384 { .. } => X509Usage::KeyAgreement,
            PublicNumbers::Rsa { .. } => X509Usage::KeyEncipherment,
            _ => return Err(E::Key(KeyError::AlgorithmMismatch)),
        };
        if !certificate.allows(usage) || certificate.allows(X509Usage::KeyCertSign) {
            return Err(E::KeyUsage);
        }
        let ek_sha256 = self.backend.sha256(certificate.spki());
        if self.denied.contains(&ek_sha256) {
            return Err(E::Denied);
        }
        let not_after = self.check_path(&certificate, rest, now)?;
        let Identity { manufacturer, model, version } = identity;
        let roots = self.roots.id().to_owned();
        Ok(Endorsement { ek_sha256, key, manufacturer, model, version, not_after, roots })
    }

    /// The last second at which the path counts to an authority that counts now.
    fn check_path<C: AsRef<[u8]>>(
        &self,
        certificate: &UnverifiedCertificate<'_>,
        rest: &[C],
        now: UnixTime,
    ) -> Result<UnixTime, EndorsementError> {
        use EndorsementError as E;

        if now > self.roots.not_after() {
            return Err(E::RootsExpired);
        }
        let rest: Vec<CertificateDer<'_>> = rest.iter().map(|der| der.as_ref().into()).collect();
        let (_, not_after) = certificate
            .verify(self.roots.authorities(), &rest, EK_CERTIFICATE, self.backend, now)
            .map_err(E::Chain)?;
        Ok(not_after.min(self.roots.not_after()))
    }

    /// The backend that verifies.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Whom it believes.
    #[must_use]
    pub fn roots(&self) -> &EndorsementRoots {
        &self.roots
    }
}

/// Options of an [`EndorsementVerifier`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct EndorsementVerifierBuilder {
    roots: EndorsementRoots,
    denied: HashSet<[u8; 32]>,
    backend: Backend,
}

impl EndorsementVerifierBuilder {
    /// Refuses endorsement keys by SHA-256 of their `SubjectPublicKeyInfo`: those of TPMs that are stolen, broken or taken out of service. Default: none; calls add up.
    pub fn deny(mut self, ek_sha256: impl IntoIterator<Item = [u8; 32]>) -> Self {
        self.denied.extend(ek_sha256);
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> EndorsementVerifier {
        let Self { roots, denied, backend } = self;
        EndorsementVerifier { roots, denied: Arc::new(denied), backend }
    }
}

/// That a manufacturer made the TPM with a key: what a verified endorsement certificate says. There is no other way to get one.
#[derive(Clone, Eq, PartialEq)]
pub struct Endorsement {
    pub(super) ek_sha256: [u8; 32],
    pub(super) key: PublicNumbers,
    pub(super) manufacturer: String,
    pub(super) model: String,
    pub(super) version: String,
    pub(super) not_after: UnixTime,
    pub(super) roots: String,
}

impl Endorsement {
    /// SHA-256 of the `SubjectPublicKeyInfo` of the endorsement key: which TPM it is. It identifies a machine for its life (ATT-123).
    #[must_use]
    pub fn ek_sha256(&self) -> &[u8; 32] {
        &self.ek_sha256
    }

    /// The endorsement key.
    #[must_use]
    pub fn public_numbers(&self) -> &PublicNumbers {
        &self.key
    }

    /// Who made it, such as `id:414D4400`.
    #[must_use]
    pub fn manufacturer(&self) -> &str {
        &self.manufacturer
    }

    /// Which model it is.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Of which version it is, mostly of its firmware.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The last second at which this counts: the certificates', their authority's, or that of the set.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// The set of authorities that it was verified with.
    #[must_use]
    pub fn roots_id(&self) -> &str {
        &self.roots
    }
}

/// Shows what many TPMs have in common, and not which one it is (ATT-123).
impl fmt::Debug for Endorsement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endorsement")
            .field("manufacturer", &self.manufacturer)
            .field("model", &self.model)
            .field("version", &self.version)
            .field("not_after", &self.not_after)
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

/// 2.23.133.8.1: `tcg-kp-EKCertificate`.
const EK_CERTIFICATE: &[u8] = &[0x67, 0x81, 0x05, 0x08, 0x01];

/// The endorsement certificate included (ATT-5).
const MAX_CERTIFICATES: usize = 20;

/// Of all of them, in bytes (ATT-5).
const MAX_CHAIN_LEN: usize = 64 * 1024;
