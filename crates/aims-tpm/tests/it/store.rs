//! Keys in files that only one TPM can use.

use aims_keys::store::{GenerateKeys, KeyStore};
use aims_keys::{Algorithm, Protection, SignInput, Signer};
use aims_testkit::SoftTpm;
use aims_tpm::TpmKeyStore;

use crate::support::{Dir, connect};

#[test]
fn a_key_signs_and_is_opened_again() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let id = "agent-1".parse().unwrap();
    let made = {
        let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
        let key = store.generate(&id, Algorithm::Es256).unwrap();
        assert_eq!((key.protection(), key.is_exportable()), (Protection::Tpm, false));
        key.public_key().clone()
    };
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    let key = store.open(&id).unwrap();
    assert_eq!(*key.public_key(), made);
    let signature = key.signer().sign(SignInput::Message(b"message")).unwrap();
    made.verify(b"message", signature.as_bytes()).unwrap();
}
