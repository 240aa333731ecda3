//! A TPM, and a verifier that knows it.

use std::sync::Arc;

use aims_attest::tpm::{
    EnrolledDevices, PcrBank, PcrValues, TpmDevice, TpmEvidence, TpmPublic, TpmVerifier, TpmVerifierBuilder,
};
use aims_attest::{Appraisal, Asked, Evidence, KeyBinding, Verdict, Verifier};
use aims_jose::Thumbprint;
use aims_keys::{SoftwareKey, backend};
use aims_testkit::{TestTpm, vectors};

use crate::support::NOW;

pub(super) const EK: [u8; 32] = [0xee; 32];

/// Those that are quoted if nothing else is said.
pub(super) const PCRS: [u8; 3] = [0, 7, 16];

/// A machine with a TPM, and a key in it for which a credential is wanted.
pub(super) struct Machine {
    pub(super) tpm: TestTpm,
    pub(super) key: SoftwareKey,
    pub(super) public: Vec<u8>,
}

impl Machine {
    pub(super) fn new() -> Self {
        let mut tpm = TestTpm::new();
        tpm.extend(0, &[0x11; 32]);
        tpm.extend(7, &[0x77; 32]);
        tpm.extend(16, &[0x16; 32]);
        let (key, public) = tpm.key();
        Self { tpm, key, public }
    }

    pub(super) fn device(&self) -> TpmDevice {
        TpmDevice::new(self.tpm.ak_public(), EK, backend::ring()).unwrap().with_manufacturer("id:49424D00")
    }

    pub(super) fn devices(&self) -> Arc<EnrolledDevices> {
        let devices = EnrolledDevices::new();
        devices.enrol(self.device());
        Arc::new(devices)
    }

    pub(super) fn verifier(&self) -> TpmVerifierBuilder {
        TpmVerifier::builder(self.devices(), backend::ring())
    }

    pub(super) fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(self.key.public_key())
    }

    /// Of its key and a challenge.
    pub(super) fn binding(&self) -> KeyBinding {
        KeyBinding::of("spiffe://acme.example", &[7; 32], &self.thumbprint(), backend::ring())
    }

    pub(super) fn values(&self, pcrs: &[u8]) -> PcrValues {
        let mut values = PcrValues::new();
        for &pcr in pcrs {
            values.insert(PcrBank::Sha256, pcr, &self.tpm.pcr(pcr)).unwrap();
        }
        values
    }

    /// A quote alone.
    pub(super) fn quoted(&self, pcrs: &[u8]) -> TpmEvidence {
        let quote = self.tpm.quote(self.binding().as_bytes(), pcrs);
        TpmEvidence::new(self.device().ak().clone(), quote, self.values(pcrs))
    }

    /// A quote, and the certification of its key.
    pub(super) fn full(&self) -> TpmEvidence {
        let certified = self.tpm.certify(&self.public, self.binding().as_bytes());
        self.quoted(&PCRS).certify(&self.public, certified)
    }

    /// The evidence as an answer to the challenge.
    pub(super) fn appraised(&self, verifier: &TpmVerifier, evidence: &TpmEvidence) -> Appraisal {
        self.appraised_payload(verifier, &evidence.to_evidence(NOW).unwrap())
    }

    pub(super) fn appraised_payload(&self, verifier: &TpmVerifier, evidence: &Evidence) -> Appraisal {
        let (binding, key) = (self.binding(), self.thumbprint());
        verifier.appraise(evidence, &Asked::bound(NOW, &binding, &key))
    }

    pub(super) fn verdict(&self, evidence: &TpmEvidence) -> Verdict {
        self.appraised(&self.verifier().build(), evidence).verdict()
    }
}

/// A vector; without vectors there is none, and what needs it is skipped.
pub(super) fn vector(name: &str) -> Option<Vec<u8>> {
    vectors::path(&format!("attestation/tpm/{name}")).map(|path| std::fs::read(path).unwrap())
}

pub(super) fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// The same public area with other attributes.
pub(super) fn with_attributes(public: &[u8], attributes: u32) -> Vec<u8> {
    let mut changed = public.to_vec();
    changed[4..8].copy_from_slice(&attributes.to_be_bytes());
    TpmPublic::parse(&changed).unwrap();
    changed
}
