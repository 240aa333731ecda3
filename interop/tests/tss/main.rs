//! A software TPM through `aims-tpm`, and what `aims-attest` makes of its evidence.
#![cfg(test)]

use std::path::PathBuf;
use std::time::SystemTime;

use aims_attest::tpm::{
    EndorsementRoots, EndorsementVerifier, EnrolledDevices, EnrolledTpm, Enrolment, PcrBank, PcrValues,
    TpmEvidence, TpmName, TpmPublic, TpmVerifier,
};
use aims_attest::{Appraisal, Asked, KeyBinding, Level, Verdict, Verifier};
use aims_jose::{Jwk, Thumbprint};
use aims_keys::store::{GenerateKeys, KeyHandle};
use aims_keys::{Algorithm, Backend, UnixTime, backend};
use aims_testkit::{SoftTpm, SoftTpmCa, assert_refused};
use aims_tpm::{AttestationKey, EndorsementKind, PcrSelection, Tpm, TpmKeyStore, TpmSettings};

/// One agent: its TPM, its store, its key.
struct Device {
    soft: SoftTpm,
    ca: SoftTpmCa,
    tpm: Tpm,
    store: TpmKeyStore,
    key: KeyHandle,
    dir: PathBuf,
}

impl Device {
    fn start(name: &str) -> Option<Self> {
        let (soft, ca) = SoftTpm::with_endorsement()?;
        let tpm = Tpm::connect(TpmSettings::new(soft.tcti().parse().unwrap())).unwrap();
        let dir = std::env::temp_dir().join(format!("aims-interop-tss-{}-{name}", std::process::id()));
        let store = TpmKeyStore::open(&tpm, &dir).unwrap();
        let key = store.generate(&"agent".parse().unwrap(), Algorithm::Es256).unwrap();
        Some(Self { soft, ca, tpm, store, key, dir })
    }

    fn ak(&self) -> AttestationKey {
        self.store.attestation_key().unwrap()
    }

    fn thumbprint(&self) -> Thumbprint {
        Jwk::new(self.key.public_key().clone()).thumbprint()
    }

    fn enrol(&self, kind: EndorsementKind, backend: Backend, now: UnixTime) -> EnrolledTpm {
        let roots = EndorsementRoots::new("swtpm", [self.ca.root()]).unwrap();
        let enrolment = Enrolment::new(EndorsementVerifier::builder(roots, backend).build());
        let endorsement = self.tpm.endorsement(kind).unwrap();
        let chain = [endorsement.certificate.unwrap(), self.ca.issuer().to_vec()];
        let ak = self.ak();
        let (credential, pending) = enrolment.begin(&chain, &endorsement.public, ak.public(), now).unwrap();
        let secret = self.tpm.activate(&ak, kind, credential.id_object(), credential.encrypted_secret());
        pending.finish(&secret.unwrap(), now).unwrap()
    }

    /// Collects evidence, and appraises it as that of a TPM that was enrolled.
    fn appraise(&self, enrolled: &EnrolledTpm, asked: &Asked<'_>, nonce: &[u8]) -> Appraisal {
        let ak = self.ak();
        let pcrs = PcrSelection::new(aims_tpm::PcrBank::Sha256, &[0, 4, 7, 10]).unwrap();
        let quote = self.tpm.quote(&ak, nonce, pcrs).unwrap();
        let signer = self.store.signer(self.key.id()).unwrap();
        let certification = self.tpm.certify(&signer, &ak, nonce).unwrap();
        let mut values = PcrValues::new();
        for value in &quote.pcrs {
            values.insert(PcrBank::Sha256, value.index, &value.digest).unwrap();
        }
        let evidence = TpmEvidence::new(name_of(&ak), (&quote.attest, &quote.signature), values)
            .certify(&certification.public, (&certification.attest, &certification.signature))
            .to_evidence(asked.now())
            .unwrap();
        let devices = EnrolledDevices::new();
        devices.enrol(enrolled.device().clone());
        TpmVerifier::builder(devices, backend::ring()).build().appraise(&evidence, asked)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Both crates have the same name for a key.
fn name_of(ak: &AttestationKey) -> TpmName {
    let name = TpmPublic::parse(ak.public()).unwrap().name(backend::ring());
    assert_eq!(name.as_bytes(), ak.name());
    name
}

fn now() -> UnixTime {
    UnixTime::try_from(SystemTime::now()).unwrap()
}

#[test]
fn tpm_29_tpm_30_a_tpm_is_enrolled_and_its_evidence_is_accepted_for_its_key() {
    let Some(device) = Device::start("accepted") else { return };
    let (now, key) = (now(), device.thumbprint());
    let binding = KeyBinding::of("https://issuer.example", &[9; 32], &key, backend::ring());
    let kinds = [
        (EndorsementKind::EccP384, backend::ring()),
        (EndorsementKind::EccP384, backend::aws_lc()),
        (EndorsementKind::Rsa2048, backend::aws_lc()),
    ];
    for (kind, backend) in kinds {
        let enrolled = device.enrol(kind, backend, now);
        let appraisal = device.appraise(&enrolled, &Asked::bound(now, &binding, &key), binding.as_bytes());
        assert_eq!(appraisal.verdict(), Verdict::Accepted, "{kind:?}: {:?}", appraisal.reasons());
        assert_eq!(appraisal.level(), Level::HARDWARE);
    }
}

#[test]
fn evidence_with_another_nonce_or_for_another_key_is_not_accepted() {
    let Some(device) = Device::start("refused") else { return };
    let (now, key) = (now(), device.thumbprint());
    let enrolled = device.enrol(EndorsementKind::EccP384, backend::ring(), now);
    let binding = KeyBinding::of("https://issuer.example", &[9; 32], &key, backend::ring());
    let stale = device.appraise(&enrolled, &Asked::bound(now, &binding, &key), &[9; 32]);
    assert_ne!(stale.verdict(), Verdict::Accepted);

    let other = device.store.generate(&"other".parse().unwrap(), Algorithm::Es256).unwrap();
    let other = Jwk::new(other.public_key().clone()).thumbprint();
    let binding = KeyBinding::of("https://issuer.example", &[9; 32], &other, backend::ring());
    let appraisal = device.appraise(&enrolled, &Asked::bound(now, &binding, &other), binding.as_bytes());
    assert_ne!(appraisal.verdict(), Verdict::Accepted);
}

/// The same after a restart of everything: what is enrolled is known again by its name.
#[test]
fn evidence_after_a_restart_is_accepted_too() {
    let Some(mut device) = Device::start("restart") else { return };
    let (now, key) = (now(), device.thumbprint());
    let enrolled = device.enrol(EndorsementKind::EccP384, backend::ring(), now);
    device.soft.restart();
    device.tpm = Tpm::connect(TpmSettings::new(device.soft.tcti().parse().unwrap())).unwrap();
    device.store = TpmKeyStore::open(&device.tpm, &device.dir).unwrap();
    let binding = KeyBinding::of("https://issuer.example", &[9; 32], &key, backend::ring());
    let appraisal = device.appraise(&enrolled, &Asked::bound(now, &binding, &key), binding.as_bytes());
    assert_eq!(appraisal.verdict(), Verdict::Accepted, "{:?}", appraisal.reasons());
}

/// TPM-29: the secret of a credential for one TPM comes out of no other.
#[test]
fn tpm_29_a_credential_for_another_attestation_key_is_refused() {
    let Some(device) = Device::start("credential") else { return };
    let now = now();
    let roots = EndorsementRoots::new("swtpm", [device.ca.root()]).unwrap();
    let enrolment = Enrolment::new(EndorsementVerifier::builder(roots, backend::ring()).build());
    let endorsement = device.tpm.endorsement(EndorsementKind::EccP384).unwrap();
    let chain = [endorsement.certificate.unwrap(), device.ca.issuer().to_vec()];
    let (ak, other) = (device.ak(), device.tpm.create_attestation_key().unwrap());
    let (credential, _) = enrolment.begin(&chain, &endorsement.public, ak.public(), now).unwrap();
    let (blob, secret) = (credential.id_object(), credential.encrypted_secret());
    let refused = device.tpm.activate(&other, EndorsementKind::EccP384, blob, secret);
    assert_refused!(refused, "tpm_credential_refused", "TPM-44");
}
