//! The TPM's own call: `tss-esapi`, with nothing of ours around it.

use std::str::FromStr;

use aims_tpm::TpmSigner;
use tss_esapi::Context;
use tss_esapi::attributes::SessionAttributesBuilder;
use tss_esapi::constants::tss::{TPM2_RH_NULL, TPM2_ST_HASHCHECK};
use tss_esapi::constants::{CapabilityType, SessionType};
use tss_esapi::handles::{KeyHandle, ObjectHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{CapabilityData, Digest, HashcheckTicket, SignatureScheme, SymmetricDefinition};
use tss_esapi::tcti_ldr::TctiNameConf;
use tss_esapi::traits::Marshall;
use tss_esapi::tss2_esys::{TPM2B_DIGEST, TPMT_TK_HASHCHECK};

/// A second way to the same TPM, to the object that the store has loaded, with a session of the same kind: salted, and with encrypted parameters. A session itself cannot be
/// shared, for each end of it counts.
pub(crate) struct RawTpm {
    context: Context,
    session: AuthSession,
    key: KeyHandle,
    /// All that is loaded, the key among it.
    objects: Vec<ObjectHandle>,
}

impl RawTpm {
    /// The store has just signed with the key: it is loaded, and so is the key above it. Software TPMs are connected to anew for each command, so two can take turns.
    pub(crate) fn beside(tcti: &str, key: &TpmSigner) -> Self {
        let mut context =
            Context::new(TctiNameConf::from_str(tcti).expect("a TCTI")).expect("a second way to the TPM");
        let (handles, _) = context
            .get_capability(CapabilityType::Handles, FIRST_TRANSIENT, 16)
            .expect("the handles of what is loaded");
        let CapabilityData::Handles(handles) = handles else { unreachable!("handles were asked for") };
        let (mut above, mut found, mut objects) = (None, None, Vec::new());
        for &handle in handles.as_ref() {
            let object = context.tr_from_tpm_public(handle).expect("an object");
            objects.push(object);
            let object = KeyHandle::from(object);
            let (public, ..) = context.read_public(object).expect("a public area");
            let is_it = public.marshall().expect("bytes") == key.public();
            if is_it { found = Some(object) } else { above = above.or(Some(object)) }
        }
        let session = context
            .start_auth_session(
                Some(above.expect("the primary key")),
                None,
                None,
                SessionType::Hmac,
                SymmetricDefinition::AES_128_CFB,
                HashingAlgorithm::Sha256,
            )
            .expect("a session")
            .expect("a session");
        let (attributes, mask) = SessionAttributesBuilder::new()
            .with_continue_session(true)
            .with_decrypt(true)
            .with_encrypt(true)
            .build();
        context.tr_sess_set_attributes(session, attributes, mask).expect("a session that goes on");
        Self { context, session, key: found.expect("the key is loaded"), objects }
    }

    pub(crate) fn sign(&mut self, digest: &[u8; 32]) {
        let digest = Digest::try_from(&digest[..]).expect("a digest");
        let none = TPMT_TK_HASHCHECK {
            tag: TPM2_ST_HASHCHECK,
            hierarchy: TPM2_RH_NULL,
            digest: TPM2B_DIGEST::default(),
        };
        let none = HashcheckTicket::try_from(none).expect("no ticket");
        let key = self.key;
        let signed = self.context.execute_with_session(Some(self.session), |context| {
            context.sign(key, digest, SignatureScheme::Null, none)
        });
        std::hint::black_box(signed.expect("a signature"));
    }
}

impl Drop for RawTpm {
    /// The objects are the store's: the library would flush them with the connection if it still knew them. The session it ends itself.
    fn drop(&mut self) {
        for object in &mut self.objects {
            let _ = self.context.tr_close(object);
        }
    }
}

const FIRST_TRANSIENT: u32 = 0x8000_0000;
