//! Key stores: the traits, the handle, the names, and the store in memory (TPM-40, TPM-44, TPM-45).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use aims_keys::store::{
    AttestKeys, DeleteKeys, GenerateKeys, ImportKeys, KeyEvidence, KeyHandle, KeyId, KeyStore, ListKeys,
    MemoryStore, StoreError,
};
use aims_keys::{
    Algorithm, KeyError, PrivateKey, Protection, SignError, SignInput, Signer, SoftwareKey, backend,
};
use aims_testkit::assert_refused;

use crate::support::{backends, makes};

/// What every store in this crate can do.
pub(crate) trait Full: KeyStore + GenerateKeys + ImportKeys + ListKeys + DeleteKeys {}

impl<T: KeyStore + GenerateKeys + ImportKeys + ListKeys + DeleteKeys> Full for T {}

pub(crate) fn id(name: &str) -> KeyId {
    name.parse().unwrap()
}

/// The contract of the traits, over a store that is empty.
pub(crate) fn obeys_the_contract(store: &dyn Full, algorithms: &[Algorithm]) {
    assert_eq!(store.list().unwrap(), []);
    assert_refused!(store.open(&id("none")), "key_not_found", "TPM-44");
    assert_refused!(store.delete(&id("none")), "key_not_found", "TPM-44");

    for &algorithm in algorithms {
        let id = id(algorithm.name());
        let made = store.generate(&id, algorithm).unwrap();
        assert_eq!((made.id(), made.algorithm()), (&id, algorithm));
        assert_eq!((made.protection(), made.is_exportable()), (Protection::Software, true));
        assert_eq!(made.evidence(), None);

        let opened = store.open(&id).unwrap();
        assert_eq!(opened.public_key(), made.public_key());
        assert_eq!(opened.algorithm(), algorithm, "the name is kept as it was");
        let signature = opened.signer().sign(SignInput::Message(b"message")).unwrap();
        assert_eq!(made.public_key().verify(b"message", signature.as_bytes()), Ok(()));

        assert_refused!(store.generate(&id, algorithm), "key_exists", "TPM-44");
        let key = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
        assert_refused!(store.import(&id, &key, Algorithm::Es256), "key_exists", "TPM-44");
        assert_eq!(store.open(&id).unwrap().public_key(), made.public_key(), "left as it was");
    }
    let mut names: Vec<_> = algorithms.iter().map(|algorithm| id(algorithm.name())).collect();
    names.sort();
    assert_eq!(store.list().unwrap(), names);

    let key = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let imported = store.import(&id("imported"), &key, Algorithm::Es256).unwrap();
    assert_eq!(store.open(&id("imported")).unwrap().public_key(), imported.public_key());
    let refused = store.import(&id("refused"), &key, Algorithm::Es384);
    assert_refused!(refused, "key_algorithm_mismatch", "JO-KEY-02");
    assert_refused!(store.open(&id("refused")), "key_not_found", "TPM-44");

    store.delete(&id("imported")).unwrap();
    assert_refused!(store.open(&id("imported")), "key_not_found", "TPM-44");
    assert!(imported.signer().sign(SignInput::Message(b"m")).is_ok(), "open handles go on");
    assert_eq!(store.list().unwrap(), names);
}

/// Of many that make a key of one name at once, one does, and all see that one.
pub(crate) fn one_wins(stores: &[&dyn Full]) {
    for round in 0..8 {
        let id = id(&format!("contended-{round}"));
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = stores
                .iter()
                .map(|&store| {
                    let id = &id;
                    scope.spawn(move || store.generate(id, Algorithm::Ed25519))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        for refused in lost {
            assert_refused!(refused, "key_exists", "TPM-44");
        }
        let winner = won.into_iter().next().unwrap().unwrap();
        for store in stores {
            assert_eq!(store.open(&id).unwrap().public_key(), winner.public_key());
        }
    }
}

#[test]
fn tpm_40_tpm_44_tpm_45_the_memory_store_obeys_the_contract() {
    for backend in backends() {
        let store = MemoryStore::new(backend);
        obeys_the_contract(&store, &makes(backend));
    }
    let store = MemoryStore::new(backend::ring());
    one_wins(&[&store, &store, &store]);
}

#[test]
fn tpm_44_what_the_backend_cannot_make_is_an_unsupported_algorithm() {
    let store = MemoryStore::new(backend::ring());
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::MlDsa44, Algorithm::MlDsa65] {
        assert_refused!(store.generate(&id("k"), algorithm), "unsupported_algorithm", "TPM-44");
    }
    assert_eq!(StoreError::from(KeyError::Unsupported), StoreError::UnsupportedAlgorithm);
}

#[test]
fn tpm_44_the_memory_store_replaces_when_asked_by_name() {
    let store = MemoryStore::new(backend::ring());
    let first = store.generate(&id("k"), Algorithm::Es256).unwrap();
    let key = PrivateKey::generate(Algorithm::Ed25519, backend::ring()).unwrap();
    let second = store.replace(&id("k"), &key, Algorithm::Ed25519).unwrap();
    assert_ne!(first.public_key(), second.public_key());
    assert_eq!(store.open(&id("k")).unwrap().public_key(), second.public_key());
    assert_eq!(format!("{store:?}"), r#"MemoryStore { backend: ring, keys: [KeyId("k")] }"#);
}

#[test]
fn tpm_40_names_of_keys_are_file_names_and_no_more() {
    for name in ["a", "A", "0", "-", "_", "a.b", "a..b", "agent-7.2026_11", &"x".repeat(128)] {
        assert_eq!(name.parse::<KeyId>().unwrap().as_str(), name);
    }
    let long = "x".repeat(129);
    for name in [
        "", ".", "..", ".hidden", "../a", "a/b", "/a", "a\\b", "a b", "a\0", "a\n", "ä", "a:b", "a%2f", "~",
        "*", &long,
    ] {
        assert_refused!(name.parse::<KeyId>(), "bad_key_id", "TPM-40", "{name:?}");
    }
}

#[test]
fn tpm_40_a_handle_says_where_the_key_is_and_what_the_device_said() {
    let signer: Arc<dyn Signer> = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
    let handle = KeyHandle::new(id("k"), Arc::clone(&signer));
    assert!(handle.is_exportable() && handle.evidence().is_none());

    let evidence = KeyEvidence::new("tpm2-certify", vec![1, 2], vec![vec![3], vec![4]]);
    let handle = handle.exportable(false).with_evidence(evidence.clone());
    assert!(!handle.is_exportable());
    assert_eq!(handle.evidence(), Some(&evidence));
    assert_eq!((evidence.format(), evidence.statement()), ("tpm2-certify", &[1, 2][..]));
    assert_eq!(evidence.chain(), [vec![3], vec![4]]);
    assert_eq!(handle.clone().public_key(), signer.public_key());

    let protections = [
        (Protection::CloudKms, "cloud_kms"),
        (Protection::Hsm, "hsm"),
        (Protection::SecureElement, "secure_element"),
        (Protection::Software, "software"),
        (Protection::Tpm, "tpm"),
    ];
    for (protection, name) in protections {
        assert_eq!(protection.name(), name);
    }
}

/// A store that can only open, and one that can only attest: neither has to pretend to more.
#[test]
fn tpm_45_each_ability_is_a_trait_of_its_own() {
    #[derive(Debug)]
    struct Remote(KeyHandle);
    impl KeyStore for Remote {
        fn open(&self, id: &KeyId) -> Result<KeyHandle, StoreError> {
            if id == self.0.id() { Ok(self.0.clone()) } else { Err(StoreError::NotFound { id: id.clone() }) }
        }
    }
    impl AttestKeys for Remote {
        fn attest(&self, _: &KeyId, challenge: &[u8]) -> Result<KeyEvidence, StoreError> {
            if challenge.len() != 32 {
                return Err(StoreError::WrongUse);
            }
            Ok(KeyEvidence::new("test", challenge.to_vec(), Vec::new()))
        }
    }

    let signer = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
    let remote = Arc::new(Remote(KeyHandle::new(id("k"), signer).exportable(false)));
    let opens: Arc<dyn KeyStore> = remote.clone();
    let attests: Arc<dyn AttestKeys> = remote;
    assert_eq!(opens.open(&id("k")).unwrap().id(), &id("k"));
    assert_eq!(attests.attest(&id("k"), &[7; 32]).unwrap().statement(), [7; 32]);
    assert_refused!(attests.attest(&id("k"), &[]), "wrong_use", "TPM-44");
}

#[test]
fn tpm_44_every_error_has_a_code_of_its_own_and_tells_no_secret() {
    let file = || "/keys/a.key".into();
    let errors = [
        StoreError::AuthFailed,
        StoreError::AuthRequired,
        StoreError::Backend,
        StoreError::Busy { retry_after: None },
        StoreError::Corrupt { file: file() },
        StoreError::Cost,
        StoreError::DeviceGone,
        StoreError::EmptyPassphrase,
        StoreError::Exists { id: id("a") },
        StoreError::FileCost { file: file() },
        StoreError::Io { file: file(), kind: std::io::ErrorKind::StorageFull },
        StoreError::LockedOut,
        StoreError::NotFound { id: id("a") },
        StoreError::OtherDevice { file: file() },
        StoreError::Permissions { file: file() },
        StoreError::Policy,
        StoreError::Sealed { file: file() },
        StoreError::UnsupportedAlgorithm,
        StoreError::WrongUse,
        StoreError::Ambiguous { id: id("a") },
        StoreError::DeviceFull,
        StoreError::Timeout,
    ];
    let codes: BTreeSet<_> = errors.iter().map(StoreError::code).collect();
    assert_eq!(codes.len(), errors.len());
    for error in &errors {
        assert_eq!(error.rule(), "TPM-44");
        assert!(!error.to_string().ends_with('.'), "{error}");
    }
    assert_eq!(errors[4].to_string(), "the key file /keys/a.key is damaged or not a key file");
    assert_eq!(errors[10].to_string(), "/keys/a.key: no storage space");

    let errors = [
        SignError::AuthFailed,
        SignError::AuthRequired,
        SignError::Backend,
        SignError::Busy { retry_after: None },
        SignError::DeviceGone,
        SignError::LockedOut,
        SignError::NotFound,
        SignError::Policy,
        SignError::UnsupportedAlgorithm,
        SignError::UnsupportedInput,
        SignError::WrongUse,
    ];
    let codes: BTreeSet<_> = errors.iter().map(SignError::code).collect();
    assert_eq!(codes.len(), errors.len());
    assert!(errors.iter().all(|error| matches!(error.rule(), "TPM-41" | "TPM-44")));
}
