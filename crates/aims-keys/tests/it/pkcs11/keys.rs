//! Making, opening, listing and deleting keys, and signing with them.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use aims_keys::store::{DeleteKeys, GenerateKeys, KeyHandle, KeyStore, ListKeys, Pkcs11Store, TokenName};
use aims_keys::{
    Algorithm, AsyncSigner, Blocking, Protection, PublicKey, SignError, SignInput, Signer, backend,
};
use aims_testkit::assert_refused;

use super::world::{PIN, on_a_token, pin_of};
use crate::blocking::block_on;
use crate::store::id;
use crate::support::backends;

const ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519];

/// The signature of the handle verifies with its public key, on every backend.
fn signs(handle: &KeyHandle, message: &[u8]) {
    let signature = handle.signer().sign(SignInput::Message(message)).unwrap();
    verifies(handle, message, signature.as_bytes());
}

fn verifies(handle: &KeyHandle, message: &[u8], signature: &[u8]) {
    for backend in backends() {
        let public =
            PublicKey::load(handle.public_key().numbers().clone(), handle.algorithm(), backend).unwrap();
        assert_eq!(public.verify(message, signature), Ok(()), "{backend:?}");
        assert!(public.verify(b"another", signature).is_err());
    }
}

#[test]
fn tpm_40_tpm_44_tpm_45_a_token_obeys_the_contract_of_stores() {
    on_a_token(tpm_40_tpm_44_tpm_45_a_token_obeys_the_contract_of_stores, |world| {
        let store = world.store();
        assert_eq!(store.list().unwrap(), []);
        assert_refused!(store.open(&id("none")), "key_not_found", "TPM-44");
        assert_refused!(store.delete(&id("none")), "key_not_found", "TPM-44");

        for algorithm in ALGORITHMS {
            let id = id(algorithm.name());
            let made = store.generate(&id, algorithm).unwrap();
            assert_eq!((made.id(), made.algorithm()), (&id, algorithm));
            assert_eq!((made.protection(), made.is_exportable()), (Protection::Hsm, false));
            assert_eq!(made.evidence(), None);
            signs(&made, b"message");

            let opened = store.open(&id).unwrap();
            assert_eq!(opened.public_key(), made.public_key());
            assert!(!opened.is_exportable());
            signs(&opened, &vec![7; 100_000]);
            signs(&opened, b"");

            assert_refused!(store.generate(&id, algorithm), "key_exists", "TPM-44");
            assert_eq!(store.open(&id).unwrap().public_key(), made.public_key(), "left as it was");
        }
        for algorithm in Algorithm::ALL.into_iter().filter(|a| !ALGORITHMS.contains(a)) {
            assert_refused!(store.generate(&id("k"), algorithm), "unsupported_algorithm", "TPM-44");
        }
        assert_eq!(store.list().unwrap(), [id("ES256"), id("ES384"), id("Ed25519")]);

        let open = store.open(&id("ES256")).unwrap();
        store.delete(&id("ES256")).unwrap();
        assert_refused!(store.open(&id("ES256")), "key_not_found", "TPM-44");
        // A key in a device is gone for those who have it open as well.
        assert_refused!(open.signer().sign(SignInput::Message(b"m")), "key_not_found", "TPM-44");
        assert_eq!(store.list().unwrap(), [id("ES384"), id("Ed25519")]);
        // Another of that name is not the one that was opened.
        store.generate(&id("ES256"), Algorithm::Es256).unwrap();
        assert_refused!(open.signer().sign(SignInput::Message(b"m")), "key_not_found", "TPM-44");
    });
}

#[test]
fn tpm_40_keys_are_there_for_another_store_and_what_guards_them_is_said_by_whom_it_is_set_up() {
    on_a_token(
        tpm_40_keys_are_there_for_another_store_and_what_guards_them_is_said_by_whom_it_is_set_up,
        |world| {
            let made = world.store().generate(&id("k"), Algorithm::Es256).unwrap();
            let store =
                world.builder().pin(pin_of(PIN)).protection(Protection::SecureElement).open().unwrap();
            let opened = store.open(&id("k")).unwrap();
            assert_eq!(opened.public_key(), made.public_key());
            assert_eq!(opened.protection(), Protection::SecureElement);
            signs(&opened, b"m");
        },
    );
}

#[test]
fn tpm_40_a_token_is_found_by_its_serial_number() {
    on_a_token(tpm_40_a_token_is_found_by_its_serial_number, |world| {
        let text = format!("{:?}", world.store());
        let serial = text.split('"').nth(1).unwrap().to_owned();
        assert_eq!(serial.len(), 16, "{text}");
        let store = Pkcs11Store::builder(&world.module, TokenName::Serial(serial), backend::ring())
            .pin(pin_of(PIN))
            .open()
            .unwrap();
        assert_eq!(store.list().unwrap(), []);
    });
}

#[test]
fn tpm_41_a_token_takes_digests_of_the_right_length_and_ed25519_messages_alone() {
    on_a_token(tpm_41_a_token_takes_digests_of_the_right_length_and_ed25519_messages_alone, |world| {
        let store = world.store();
        let [p256, p384, ed25519] = ALGORITHMS.map(|a| store.generate(&id(a.name()), a).unwrap());
        let ring = backend::ring();

        let signature = p256.signer().sign(SignInput::Digest(&ring.sha256(b"message"))).unwrap();
        verifies(&p256, b"message", signature.as_bytes());
        let signature = p384.signer().sign(SignInput::Digest(&ring.sha384(b"message"))).unwrap();
        verifies(&p384, b"message", signature.as_bytes());

        for (handle, lens) in
            [(&p256, &[0, 20, 31, 33, 48, 64][..]), (&p384, &[0, 32, 47, 49]), (&ed25519, &[32, 64])]
        {
            for &len in lens {
                let refused = handle.signer().sign(SignInput::Digest(&vec![1; len]));
                assert_refused!(refused, "unsupported_input", "TPM-41", "{len}");
            }
            signs(handle, b"and it goes on");
        }
    });
}

#[test]
fn tpm_42_signatures_of_a_token_have_their_fixed_length() {
    on_a_token(tpm_42_signatures_of_a_token_have_their_fixed_length, |world| {
        let key = world.store().generate(&id("k"), Algorithm::Es256).unwrap();
        // One in 128 has a number that begins with a zero byte.
        let mut short = 0;
        for round in 0..600_u32 {
            let signature = key.signer().sign(SignInput::Message(&round.to_be_bytes())).unwrap();
            let bytes = signature.as_bytes();
            assert_eq!(bytes.len(), 64);
            short += u32::from(bytes[0] == 0 || bytes[32] == 0);
        }
        assert!(short > 0);
    });
}

#[test]
fn tpm_43_threads_share_a_token_and_one_session_is_enough() {
    on_a_token(tpm_43_threads_share_a_token_and_one_session_is_enough, |world| {
        for sessions in [1, 2, 8] {
            let store = world.builder().pin(pin_of(PIN)).sessions(sessions).open().unwrap();
            let name = id(&format!("k{sessions}"));
            let key = store.generate(&name, Algorithm::Es256).unwrap();
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..25).for_each(|_| signs(&store.open(&name).unwrap(), b"opened")));
                    scope.spawn(|| (0..100).for_each(|_| signs(&key, b"message")));
                }
            });
        }
    });
}

#[test]
fn tpm_43_of_many_that_make_a_key_of_one_name_one_does() {
    on_a_token(tpm_43_of_many_that_make_a_key_of_one_name_one_does, |world| {
        let stores = [world.store(), world.store(), world.store()];
        for round in 0..4 {
            let name = id(&format!("contended-{round}"));
            let results: Vec<_> = thread::scope(|scope| {
                let name = &name;
                let threads: Vec<_> = stores
                    .iter()
                    .map(|store| scope.spawn(move || store.generate(name, Algorithm::Es256)))
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
            for refused in results.into_iter().filter(Result::is_err) {
                assert_refused!(refused, "key_exists", "TPM-44");
            }
            assert!(stores.iter().all(|store| store.open(&name).is_ok()));
        }
    });
}

#[test]
fn tpm_43_a_store_without_a_free_session_is_busy_and_no_more_than_that() {
    on_a_token(tpm_43_a_store_without_a_free_session_is_busy_and_no_more_than_that, |world| {
        let store = world.builder().pin(pin_of(PIN)).sessions(1).patience(Duration::ZERO);
        let key = store.open().unwrap().generate(&id("k"), Algorithm::Es256).unwrap();
        let busy: usize = thread::scope(|scope| {
            let threads = [(); 4].map(|()| {
                scope.spawn(|| {
                    (0..200)
                        .filter_map(|_| key.signer().sign(SignInput::Message(b"m")).err())
                        .inspect(|error| assert_eq!(*error, SignError::Busy { retry_after: None }))
                        .count()
                })
            });
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(busy > 0);
        signs(&key, b"afterwards");
    });
}

#[test]
fn tpm_43_a_key_on_a_token_is_an_async_signer_behind_a_queue() {
    on_a_token(tpm_43_a_key_on_a_token_is_an_async_signer_behind_a_queue, |world| {
        let key = world.store().generate(&id("k"), Algorithm::Es384).unwrap();
        let queued: Blocking<Arc<dyn Signer>> = Blocking::new(Arc::clone(key.signer())).unwrap();
        assert_eq!(AsyncSigner::protection(&queued), Protection::Hsm);
        let signature = block_on(AsyncSigner::sign(&queued, SignInput::Message(b"m"))).unwrap();
        verifies(&key, b"m", signature.as_bytes());
    });
}
