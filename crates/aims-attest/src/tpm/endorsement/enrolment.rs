//! Enrolling a TPM: which attestation key is in which TPM (TPM-29).

use std::time::Duration;

use aims_keys::UnixTime;
use aims_keys::backend::HashAlgorithm;
use zeroize::Zeroizing;

use super::{EndorsementVerifier, EnrolmentError, PendingEnrolment};
use crate::tpm::{TpmCredential, TpmDevice, TpmPublic};

/// Enrols TPMs: an endorsement certificate says who made a TPM, and a credential that only that TPM activates shows that an attestation key is in it.
///
/// What the other side sends is its word until the secret comes back: [`begin`](Self::begin) makes the credential for its TPM,
/// [`finish`](PendingEnrolment::finish) takes the secret. What is between, a session or a store, is the caller's; for a file there is
/// [`expose_json`](PendingEnrolment::expose_json).
///
/// ```
/// use aims_attest::tpm::{EndorsementRoots, EndorsementVerifier, Enrolment};
/// use aims_keys::{UnixTime, backend};
///
/// # struct Tpm { chain: Vec<Vec<u8>>, ek: Vec<u8>, ak: Vec<u8> }
/// # impl Tpm { fn activate(&self, _: &[u8], _: &[u8]) -> Vec<u8> { Vec::new() } }
/// # fn enrol(roots: &str, tpm: &Tpm, now: UnixTime) -> Result<(), Box<dyn std::error::Error>> {
/// let roots = EndorsementRoots::from_pem("manufacturers-2026-11", roots)?;
/// let enrolment = Enrolment::new(EndorsementVerifier::builder(roots, backend::ring()).build());
///
/// let (credential, pending) = enrolment.begin(&tpm.chain, &tpm.ek, &tpm.ak, now)?;
/// let secret = tpm.activate(credential.id_object(), credential.encrypted_secret());
/// let enrolled = pending.finish(&secret, now)?;
/// std::fs::write("tpm-17.json", enrolled.to_json())?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Enrolment {
    verifier: EndorsementVerifier,
    lifetime: Duration,
}

impl Enrolment {
    /// Enrols the TPMs of the manufacturers that the verifier believes.
    #[must_use]
    pub fn new(verifier: EndorsementVerifier) -> Self {
        Self { verifier, lifetime: Duration::from_secs(60) }
    }

    /// How long a TPM has to give the secret out. Default: 60 s; at most 10 min.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// Checks what somebody says about a TPM, and makes a credential for it: the certificates of the endorsement key (see [`EndorsementVerifier::verify`]), and the
    /// `TPMT_PUBLIC` of the endorsement key and of an attestation key.
    ///
    /// # Errors
    ///
    /// [`EnrolmentError`] names the first check that failed: the form of the keys, the attestation key (TPM-23), the certificates, whether they are of that endorsement key.
    pub fn begin<C: AsRef<[u8]>>(
        &self,
        chain: &[C],
        endorsement_key: &[u8],
        attestation_key: &[u8],
        now: UnixTime,
    ) -> Result<(TpmCredential, PendingEnrolment), EnrolmentError> {
        use EnrolmentError as E;

        let backend = self.verifier.backend();
        let ek = TpmPublic::parse(endorsement_key).map_err(E::EndorsementKey)?;
        let ak = TpmPublic::parse(attestation_key).map_err(E::AttestationKey)?;
        let attributes = ek.attributes();
        let is_of_tpm =
            attributes.fixed_tpm() && attributes.fixed_parent() && attributes.sensitive_data_origin();
        if !is_of_tpm || !attributes.restricted() || !attributes.decrypt() || attributes.sign() {
            return Err(E::EndorsementKeyAttributes);
        }
        let numbers = ek.public_numbers().ok_or(E::EndorsementKeyAttributes)?;
        let ek_sha256 = backend.sha256(&numbers.to_spki());
        TpmDevice::new(attestation_key, ek_sha256, backend).map_err(E::Device)?;

        // What costs most comes last (ATT-124).
        let endorsement = self.verifier.verify(chain, now).map_err(E::Endorsement)?;
        if endorsement.public_numbers() != numbers || *endorsement.ek_sha256() != ek_sha256 {
            return Err(E::KeyMismatch);
        }
        let mut secret = Zeroizing::new([0; SECRET_LEN]);
        backend.fill_random(&mut *secret).map_err(E::Random)?;
        let credential =
            TpmCredential::make(&ek, &ak.name(backend), &*secret, backend).map_err(E::Credential)?;
        let expires = now + self.lifetime;
        Ok((credential, PendingEnrolment::new(secret, (now, expires), endorsement, ak, backend)))
    }
}

/// As long as a challenge (ATT-21), and no longer than any name algorithm allows.
pub(super) const SECRET_LEN: usize = 32;

const _: () = assert!(SECRET_LEN <= HashAlgorithm::Sha256.output_len());

pub(super) const MAX_LIFETIME: Duration = Duration::from_secs(600);
