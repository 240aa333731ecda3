//! What a TPM would sign, by keys in software.

use std::collections::BTreeMap;
use std::fmt;

use aims_keys::{Algorithm, PublicNumbers, SignInput, SoftwareKey, backend};

/// Writes what a TPM 2.0 writes: quotes and certifications, with an attestation key on P-256 and a bank of SHA-256. It is no TPM, and whatever it says
/// is true of nothing; a verifier believes it once its attestation key is enrolled, as with any other.
///
/// Everything about it can be set, so that a test can have what no TPM says: [`sign`](Self::sign) signs any bytes.
///
/// ```
/// use aims_testkit::TestTpm;
///
/// let mut tpm = TestTpm::new();
/// tpm.extend(7, &[0x77; 32]);
/// let (attest, signature) = tpm.quote(&[0xc4; 32], &[0, 7]);
/// assert!(attest.starts_with(b"\xffTCG\x80\x18"));
/// assert_eq!(signature.len(), 72); // ECDSA by SHA-256, r and s
/// ```
pub struct TestTpm {
    ak: SoftwareKey,
    ak_public: Vec<u8>,
    pcrs: BTreeMap<u8, [u8; 32]>,
    /// Milliseconds of its clock.
    pub clock: u64,
    /// How often it was reset.
    pub reset_count: u32,
    /// How often it was resumed since.
    pub restart_count: u32,
    /// Whether its clock cannot have gone back.
    pub safe: bool,
}

impl TestTpm {
    /// A TPM that was just started, with a fresh attestation key.
    ///
    /// # Panics
    ///
    /// When the system has no randomness.
    #[must_use]
    pub fn new() -> Self {
        let ak = fresh_key();
        let ak_public = public_area(&ak, AK_ATTRIBUTES);
        let pcrs = BTreeMap::new();
        Self { ak, ak_public, pcrs, clock: 1_000, reset_count: 1, restart_count: 0, safe: true }
    }

    /// The `TPMT_PUBLIC` of its attestation key.
    #[must_use]
    pub fn ak_public(&self) -> &[u8] {
        &self.ak_public
    }

    /// A fresh key in it that may sign whatever its owner wants, and its `TPMT_PUBLIC`.
    #[must_use]
    pub fn key(&self) -> (SoftwareKey, Vec<u8>) {
        self.key_with(KEY_ATTRIBUTES)
    }

    /// A fresh key with other attributes.
    #[must_use]
    pub fn key_with(&self, attributes: u32) -> (SoftwareKey, Vec<u8>) {
        let key = fresh_key();
        let public = public_area(&key, attributes);
        (key, public)
    }

    /// Extends a PCR.
    pub fn extend(&mut self, pcr: u8, digest: &[u8; 32]) {
        let value = [self.pcr(pcr), *digest].concat();
        self.pcrs.insert(pcr, backend::ring().sha256(&value));
    }

    /// The value of a PCR.
    #[must_use]
    pub fn pcr(&self, pcr: u8) -> [u8; 32] {
        self.pcrs.get(&pcr).copied().unwrap_or_default()
    }

    /// Starts it again: the PCRs are zero, the clock goes on.
    pub fn reboot(&mut self) {
        self.pcrs.clear();
        self.reset_count += 1;
        self.restart_count = 0;
    }

    /// `TPM2_Quote`: a `TPMS_ATTEST`, and a `TPMT_SIGNATURE` by its attestation key.
    #[must_use]
    pub fn quote(&self, extra_data: &[u8], pcrs: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut mask = [0_u8; 3];
        let mut values = Vec::new();
        for pcr in 0..24 {
            if pcrs.contains(&pcr) {
                if let Some(byte) = mask.get_mut(usize::from(pcr / 8)) {
                    *byte |= 1 << (pcr % 8);
                }
                values.extend(self.pcr(pcr));
            }
        }
        let mut attest = self.attest(0x8018, extra_data);
        attest.extend([0, 0, 0, 1, 0x00, 0x0b, 3]);
        attest.extend(mask);
        attest.extend(sized(&backend::ring().sha256(&values)));
        let signature = self.sign(&attest);
        (attest, signature)
    }

    /// `TPM2_Certify` of the object with this `TPMT_PUBLIC`.
    #[must_use]
    pub fn certify(&self, public: &[u8], extra_data: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut attest = self.attest(0x8017, extra_data);
        attest.extend(sized(&name(public)));
        attest.extend(sized(&name(public)));
        let signature = self.sign(&attest);
        (attest, signature)
    }

    /// A `TPMT_SIGNATURE` by its attestation key over anything: a TPM would not sign what another made up.
    ///
    /// # Panics
    ///
    /// When the system has no randomness.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let signature = self.ak.sign(SignInput::Message(bytes)).expect("a signature");
        let (r, s) = signature.as_bytes().split_at(32);
        [&[0x00, 0x18, 0x00, 0x0b], &*sized(r), &*sized(s)].concat()
    }

    /// What quotes and certifications begin with.
    fn attest(&self, kind: u16, extra_data: &[u8]) -> Vec<u8> {
        let mut attest = b"\xffTCG".to_vec();
        attest.extend(kind.to_be_bytes());
        attest.extend(sized(&name(&self.ak_public)));
        attest.extend(sized(extra_data));
        attest.extend(self.clock.to_be_bytes());
        attest.extend(self.reset_count.to_be_bytes());
        attest.extend(self.restart_count.to_be_bytes());
        attest.push(self.safe.into());
        attest.extend(0x2019_1023_0016_3636_u64.to_be_bytes());
        attest
    }
}

impl Default for TestTpm {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows no key.
impl fmt::Debug for TestTpm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestTpm").field("reset_count", &self.reset_count).finish_non_exhaustive()
    }
}

#[expect(clippy::expect_used, reason = "a test helper: without randomness no test runs")]
fn fresh_key() -> SoftwareKey {
    SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("randomness")
}

/// A `TPMT_PUBLIC` on P-256 for ECDSA with SHA-256, as `key` has it.
fn public_area(key: &SoftwareKey, attributes: u32) -> Vec<u8> {
    let mut public = vec![0x00, 0x23, 0x00, 0x0b];
    public.extend(attributes.to_be_bytes());
    // No policy; no symmetric cipher, ECDSA with SHA-256, P-256, no key derivation.
    public.extend([0, 0, 0x00, 0x10, 0x00, 0x18, 0x00, 0x0b, 0x00, 0x03, 0x00, 0x10]);
    if let PublicNumbers::P256 { x, y } = key.public_key().numbers() {
        public.extend(sized(x));
        public.extend(sized(y));
    }
    public
}

/// The name of an object: its name algorithm, and the digest of its public area.
fn name(public: &[u8]) -> Vec<u8> {
    [&[0x00, 0x0b][..], &backend::ring().sha256(public)].concat()
}

/// A `TPM2B`.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&len.to_be_bytes(), bytes].concat()
}

/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign.
const AK_ATTRIBUTES: u32 = 0x0005_0072;

/// The same, without restriction and without lock-out.
const KEY_ATTRIBUTES: u32 = 0x0004_0472;
