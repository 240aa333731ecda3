//! What an issuer does about TPMs: it enrols them, and appraises what they say.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aims::backend;
use aims::jose::base64;
use aims_attest::Verifiers;
use aims_attest::tpm::{
    EndorsementRoots, EndorsementVerifier, EnrolledDevices, Enrolment, PcrBank, PcrPolicy, PendingEnrolment,
    TpmVerifier,
};
use serde_json::{Value, json};

use super::{Message, Outcome};

/// The TPMs of a trust domain.
pub(super) struct Hardware {
    enrolment: Enrolment,
    /// Who stands between the root and the makers' certificates.
    intermediate: Vec<u8>,
    devices: Arc<EnrolledDevices>,
    pending: Mutex<Option<PendingEnrolment>>,
}

impl Hardware {
    /// Believes one maker of TPMs, and wants one PCR to have one value; if its configuration says so.
    pub(super) fn new(config: &Message) -> Outcome<Option<(Self, Verifiers)>> {
        let Ok(root) = config.text("tpm_root") else { return Ok(None) };
        let roots = EndorsementRoots::new("tour", [base64::decode(&root)?])?;
        let verifier = EndorsementVerifier::builder(roots, backend::ring()).build();
        let devices = Arc::new(EnrolledDevices::new());
        let boots = base64::decode(&config.text("tpm_pcr_4")?)?;
        let policy = PcrPolicy::builder("laptops", 1).require(PcrBank::Sha256, 4, [boots]).build()?;
        let tpm = TpmVerifier::builder(Arc::clone(&devices), backend::ring()).pcr_policy(policy).build();
        let hardware = Self {
            enrolment: Enrolment::new(verifier),
            intermediate: base64::decode(&config.text("tpm_intermediate")?)?,
            devices,
            pending: Mutex::default(),
        };
        Ok(Some((hardware, Verifiers::new(backend::ring()).with(tpm))))
    }

    /// Makes a credential that only one TPM opens, and only for one attestation key.
    pub(super) fn begin(&self, message: &Message) -> Outcome<Value> {
        let bytes =
            |name| Ok::<_, Box<dyn std::error::Error + Send + Sync>>(base64::decode(&message.text(name)?)?);
        let chain = [bytes("certificate")?, self.intermediate.clone()];
        let now = SystemTime::now().try_into()?;
        let (credential, pending) = self.enrolment.begin(&chain, &bytes("ek")?, &bytes("ak")?, now)?;
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
        Ok(json!({
            "id_object": base64::encode(credential.id_object()),
            "encrypted_secret": base64::encode(credential.encrypted_secret()),
        }))
    }

    /// Takes the secret that was in it.
    pub(super) fn finish(&self, message: &Message) -> Outcome<Value> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let secret = base64::decode(&message.text("secret")?)?;
        let enrolled = pending.ok_or("nothing was begun")?.finish(&secret, SystemTime::now().try_into()?);
        Ok(match enrolled {
            Ok(enrolled) => {
                self.devices.enrol(enrolled.device().clone());
                json!({ "manufacturer": enrolled.manufacturer(), "ak": enrolled.ak_name().to_string() })
            }
            Err(error) => json!({ "refused": error.code() }),
        })
    }
}
