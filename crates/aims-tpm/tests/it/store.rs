//! Keys in files that only one TPM can use.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use aims_keys::store::{AttestKeys, DeleteKeys, GenerateKeys, KeyStore, ListKeys, StoreError};
use aims_keys::{Algorithm, AsyncSigner, Protection, SignInput, Signer};
use aims_testkit::{SoftTpm, assert_refused};
use aims_tpm::{AuthValue, TpmKeyStore};
use ring::digest::{SHA256, digest};

use crate::support::{Dir, block_on, connect, id, key, signs};
use crate::tools;

/// TPM-40, TPM-45: a handle says what it is and what guards it, and the store can be asked what it has.
#[test]
fn tpm_40_tpm_45_a_key_is_made_listed_opened_and_deleted() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    let made = store.generate(&id("b"), Algorithm::Es256).unwrap();
    assert_eq!((made.protection(), made.is_exportable()), (Protection::Tpm, false));
    assert_eq!((made.id(), made.algorithm()), (&id("b"), Algorithm::Es256));
    store.generate(&id("a"), Algorithm::Es256).unwrap();
    assert_eq!(store.list().unwrap(), [id("a"), id("b")]);

    assert_refused!(store.generate(&id("b"), Algorithm::Es256), "key_exists", "TPM-44");
    assert_eq!(store.open(&id("b")).unwrap().public_key(), made.public_key());

    store.delete(&id("b")).unwrap();
    assert_refused!(store.open(&id("b")), "key_not_found", "TPM-44");
    assert_refused!(store.delete(&id("b")), "key_not_found", "TPM-44");
    // Handles that are open go on signing.
    let signature = made.signer().sign(SignInput::Message(b"message")).unwrap();
    made.public_key().verify(b"message", signature.as_bytes()).unwrap();
    assert_eq!(store.list().unwrap(), [id("a")]);
}

/// TPM-2: what is kept is no secret and no type of a library, and nobody else may read it all the same.
#[test]
fn tpm_44_files_and_directory_are_ours_alone() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    key(&store, "a");
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(dir.store()), mode(dir.store().join("a.tpm"))), (0o700, 0o600));
    fs::set_permissions(dir.store().join("a.tpm"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_refused!(store.open(&id("a")), "store_permissions", "TPM-44");
    fs::set_permissions(dir.store(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_refused!(TpmKeyStore::open(&tpm, dir.store()), "store_permissions", "TPM-44");
}

/// The variables that tell a process of this test what to open.
const CHILD: [&str; 2] = ["AIMS_TPM_TEST_TCTI", "AIMS_TPM_TEST_STORE"];

/// TPM-17, TPM-43: nothing of a key is in the process that made it.
#[test]
fn tpm_43_a_new_process_loads_the_key_from_its_file() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let public = {
        let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
        key(&store, "agent-1").public_key().clone()
    };
    let output = SoftTpm::command(std::env::current_exe().unwrap())
        .args(["--exact", "store::in_a_new_process", "--nocapture", "--ignored"])
        .env(CHILD[0], soft.tcti())
        .env(CHILD[1], dir.store())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let signature = fs::read(dir.store().join("signature")).unwrap();
    public.verify(b"from another process", &signature).unwrap();
}

#[test]
#[ignore = "started by tpm_43_a_new_process_loads_the_key_from_its_file"]
fn in_a_new_process() {
    let [tcti, dir] = CHILD.map(|name| std::env::var(name).unwrap());
    let tpm = aims_tpm::Tpm::connect(aims_tpm::TpmSettings::new(tcti.parse().unwrap())).unwrap();
    let store = TpmKeyStore::open(&tpm, &dir).unwrap();
    let key = store.open(&id("agent-1")).unwrap();
    let signature = key.signer().sign(SignInput::Message(b"from another process")).unwrap();
    fs::write(std::path::Path::new(&dir).join("signature"), signature.as_bytes()).unwrap();
}

/// TPM-41, TPM-12: a message, its digest, and a digest of another length, which never gets to the TPM.
#[test]
fn tpm_12_tpm_41_it_signs_messages_and_digests_of_the_right_length() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    let key = key(&store, "a");
    signs(&key);
    let hash = digest(&SHA256, b"message");
    let signature = Signer::sign(&key, SignInput::Digest(hash.as_ref())).unwrap();
    key.public_key().verify(b"message", signature.as_bytes()).unwrap();
    for len in [0, 20, 31, 33, 48, 64, 4096] {
        let refused = Signer::sign(&key, SignInput::Digest(&vec![1; len]));
        assert_refused!(refused, "unsupported_input", "TPM-41", "{len}");
    }
    // A message of any length is hashed here.
    let long = vec![7; 1 << 20];
    let signature = Signer::sign(&key, SignInput::Message(&long)).unwrap();
    key.public_key().verify(&long, signature.as_bytes()).unwrap();
}

/// TPM-11: of 300 signatures about two have an r or s that begins with a zero byte.
#[test]
fn tpm_11_every_signature_has_its_fixed_length() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    let key = key(&store, "a");
    for number in 0..300_u32 {
        let message = number.to_be_bytes();
        let signature = Signer::sign(&key, SignInput::Message(&message)).unwrap();
        assert_eq!(signature.as_bytes().len(), 64);
        key.public_key().verify(&message, signature.as_bytes()).unwrap();
    }
}

#[test]
fn es384_keys_sign_where_the_tpm_has_the_curve_and_others_are_not_supported() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    assert!(tpm.info().unwrap().algorithms.contains(&Algorithm::Es384), "swtpm has P-384");
    let key = store.generate(&id("a"), Algorithm::Es384).unwrap();
    let signature = key.signer().sign(SignInput::Message(b"message")).unwrap();
    assert_eq!(signature.as_bytes().len(), 96);
    key.public_key().verify(b"message", signature.as_bytes()).unwrap();
    let again = store.open(&id("a")).unwrap();
    assert_eq!((again.algorithm(), again.public_key()), (Algorithm::Es384, key.public_key()));

    for algorithm in [Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::Ps256, Algorithm::MlDsa44] {
        assert_refused!(store.generate(&id("b"), algorithm), "unsupported_algorithm", "TPM-44");
    }
    assert_eq!(store.list().unwrap(), [id("a")]);
}

/// TPM-8: three slots, one for the primary, and more keys in use than there are.
#[test]
fn tpm_8_more_keys_are_in_use_than_the_tpm_has_slots() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    let keys: Vec<_> = (0..6).map(|number| key(&store, &format!("key-{number}"))).collect();
    for _ in 0..3 {
        keys.iter().for_each(signs);
    }
    keys.iter().rev().for_each(signs);
}

/// TPM-14: what is in use is loaded for a time, and nothing is left in the few places that last.
#[test]
fn tpm_14_keys_are_files_and_no_persistent_handles() {
    if !tools::have("tpm2_getcap") {
        return;
    }
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    {
        let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
        (0..8).for_each(|number| signs(&key(&store, &format!("key-{number}"))));
        store.attestation_key().unwrap();
        assert_eq!(store.list().unwrap().len(), 8);
    }
    for kind in ["handles-persistent", "handles-transient", "handles-loaded-session", "handles-saved-session"]
    {
        let left = || tools::run(dir.path(), Some(&soft), "tpm2_getcap", &[kind]).unwrap();
        // The worker says farewell after the store is gone.
        let begun = std::time::Instant::now();
        while !left().trim().is_empty() {
            assert!(begun.elapsed().as_secs() < 10, "{kind}: {}", left());
        }
    }
}

/// TPM-15: a wrong value is said to be wrong, locks nothing, and leaves other keys alone.
#[test]
fn tpm_15_a_wrong_authorization_value_fails_and_locks_nothing() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let with = |value: &[u8]| {
        let auth = AuthValue::new(value.to_vec()).unwrap();
        TpmKeyStore::builder(&tpm, dir.store()).auth(auth).open().unwrap()
    };
    let right = key(&with(b"correct horse"), "a");
    signs(&right);
    let wrong = with(b"battery staple").signer(&id("a")).unwrap();
    // More than the tries after which a TPM locks itself.
    for _ in 0..40 {
        assert_refused!(Signer::sign(&wrong, SignInput::Message(b"message")), "auth_failed", "TPM-44");
    }
    let ak = tpm.create_attestation_key().unwrap();
    assert_refused!(tpm.certify(&wrong, &ak, &[7; 32]), "auth_failed", "TPM-15");
    signs(&right);

    let none = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    assert_refused!(none.open(&id("a")), "auth_required", "TPM-44");
    signs(&key(&none, "b"));
    // The value of a store is not that of keys which have none.
    signs(&with(b"battery staple").signer(&id("b")).unwrap());
}

#[test]
fn tpm_44_authorization_values_are_bounded_and_never_shown() {
    for value in [&b""[..], &[1; 33], &[1, 0]] {
        assert_refused!(AuthValue::new(value.to_vec()), "tpm_weak_auth", "TPM-44");
    }
    AuthValue::new(vec![1; 32]).unwrap();
    let auth = AuthValue::new(b"correct horse".to_vec()).unwrap();
    assert_eq!(format!("{auth:?}"), "AuthValue(..)");
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let tpm = connect(&soft);
    let store = TpmKeyStore::builder(&tpm, dir.store()).auth(auth).open().unwrap();
    let key = key(&store, "a");
    for shown in [format!("{store:?}"), format!("{key:?}"), format!("{tpm:?}")] {
        assert!(!shown.contains("horse") && !shown.contains("auth"), "{shown}");
    }
}

/// Every way to cut a file short, and a flip in every byte: none is opened, none panics.
#[test]
fn tpm_44_truncated_and_altered_files_are_refused() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    key(&store, "a");
    let file = dir.store().join("a.tpm");
    let whole = fs::read(&file).unwrap();
    for len in 0..whole.len() {
        fs::write(&file, &whole[..len]).unwrap();
        assert_refused!(store.open(&id("a")), "key_file_corrupt", "TPM-44", "{len}");
    }
    for place in 0..whole.len() {
        let mut altered = whole.clone();
        altered[place] ^= 0x20;
        fs::write(&file, &altered).unwrap();
        assert_refused!(store.open(&id("a")), "key_file_corrupt", "TPM-44", "{place}");
    }
    fs::write(&file, [&whole[..], &[0]].concat()).unwrap();
    assert_refused!(store.open(&id("a")), "key_file_corrupt", "TPM-44");
    fs::write(&file, vec![0; 1 << 20]).unwrap();
    assert_refused!(store.open(&id("a")), "key_file_corrupt", "TPM-44");
    fs::write(&file, &whole).unwrap();
    store.open(&id("a")).unwrap();
}

/// Whoever alters a file and mends its checksum: the TPM finds it, or this crate does.
#[test]
fn tpm_44_altered_files_with_a_right_checksum_are_refused() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    key(&store, "a");
    let file = dir.store().join("a.tpm");
    let whole = fs::read(&file).unwrap();
    for place in 0..whole.len() - 32 {
        let mut altered = whole[..whole.len() - 32].to_vec();
        altered[place] ^= 1;
        let sum = digest(&SHA256, &altered);
        fs::write(&file, [&altered[..], sum.as_ref()].concat()).unwrap();
        let refused = store.open(&id("a")).expect_err("altered");
        let code = refused.code();
        let expected = [
            "key_file_corrupt",
            "key_of_other_device",
            "wrong_use",
            "auth_required",
            "unsupported_algorithm",
        ];
        assert!(expected.contains(&code), "{place}: {refused:?}");
    }
    fs::write(&file, &whole).unwrap();
    signs(&store.signer(&id("a")).unwrap());
}

#[test]
fn tpm_44_the_file_of_another_tpm_says_so() {
    let Some(soft) = SoftTpm::start() else { return };
    let Some(other) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let made = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    key(&made, "a");
    made.attestation_key().unwrap();
    let store = TpmKeyStore::open(&connect(&other), dir.store()).unwrap();
    let refused = assert_refused!(store.open(&id("a")), "key_of_other_device", "TPM-44");
    assert!(matches!(refused, StoreError::OtherDevice { file } if file == dir.store().join("a.tpm")));
    assert_refused!(store.attestation_key(), "key_of_other_device", "TPM-44");
}

/// TPM-13: the key that attests never signs for a store, whatever its file is called.
#[test]
fn tpm_13_an_attestation_key_is_no_signing_key() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    store.attestation_key().unwrap();
    fs::rename(dir.store().join("attestation.ak"), dir.store().join("a.tpm")).unwrap();
    assert_refused!(store.open(&id("a")), "wrong_use", "TPM-44");
}

/// TPM-17, TPM-43: both kinds of callers over one queue.
#[test]
fn tpm_17_tpm_43_two_threads_sign_a_hundred_times() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    let keys = [key(&store, "a"), key(&store, "b"), key(&store, "c")];
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..100 {
                signs(&keys[round % 3]);
            }
        });
        scope.spawn(|| {
            for round in 0..100 {
                let key = &keys[(round + 1) % 3];
                let signature = block_on(AsyncSigner::sign(key, SignInput::Message(b"message"))).unwrap();
                key.public_key().verify(b"message", signature.as_bytes()).unwrap();
            }
        });
    });
}

#[test]
fn of_many_that_make_one_key_one_wins() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    let made = thread::scope(|scope| {
        let makers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| store.generate(&id("a"), Algorithm::Es256))).collect();
        makers.into_iter().filter_map(|maker| maker.join().unwrap().ok()).collect::<Vec<_>>()
    });
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].public_key(), store.open(&id("a")).unwrap().public_key());
}

/// TPM-40: a store proves where its keys are, for a challenge of 32 bytes.
#[test]
fn tpm_40_the_store_attests_its_keys() {
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    let store = TpmKeyStore::open(&connect(&soft), dir.store()).unwrap();
    let key = key(&store, "a");
    let evidence = store.attest(&id("a"), &[7; 32]).unwrap();
    assert_eq!((evidence.format(), evidence.chain().len()), ("tpm2-certify-1", 0));
    let mut rest = evidence.statement();
    let mut parts = Vec::new();
    while let Some((len, more)) = rest.split_first_chunk() {
        let (part, more) = more.split_at(usize::from(u16::from_be_bytes(*len)));
        parts.push(part);
        rest = more;
    }
    let [ak_name, public, attest, signature] = parts[..] else { panic!("{} parts", parts.len()) };
    assert_eq!((ak_name, public), (&store.attestation_key().unwrap().name()[..], key.public()));
    assert!(attest.windows(32).any(|part| part == [7; 32]), "the challenge");
    assert!(attest.windows(34).any(|part| part == key.name()), "the name of the key");
    assert!(!signature.is_empty());
    assert_refused!(store.attest(&id("a"), &[7; 31]), "wrong_use", "TPM-44");
    assert_refused!(store.attest(&id("b"), &[7; 32]), "key_not_found", "TPM-44");
}
