//! PINs, logins, modules and tokens that are not as they should be.

use std::fs;
use std::io::ErrorKind as K;
use std::path::PathBuf;

use aims_keys::store::{
    GenerateKeys, KeyHandle, KeyStore, ListKeys, Pin, Pkcs11Store, StoreError, TokenName,
};
use aims_keys::{Algorithm, Protection, SignError, SignInput, backend};
use aims_testkit::assert_refused;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;

use super::world::{LABEL, PIN, SO_PIN, add_token, on_a_token, pin_of, raw_module, set_up_anew};
use crate::store::id;

fn sign(key: &KeyHandle) -> Result<(), SignError> {
    let signature = key.signer().sign(SignInput::Message(b"m"))?;
    assert_eq!(key.public_key().verify(b"m", signature.as_bytes()), Ok(()));
    Ok(())
}

/// `SoftHSM` itself locks nothing, however often the PIN is wrong; other tokens do.
#[test]
fn tpm_44_a_wrong_pin_is_refused_and_the_right_one_goes_on_to_work() {
    on_a_token(tpm_44_a_wrong_pin_is_refused_and_the_right_one_goes_on_to_work, |world| {
        for _ in 0..12 {
            assert_refused!(world.store_with("000000"), "auth_failed", "TPM-44");
        }
        // Too short for the token to be a PIN at all.
        assert_refused!(world.store_with("1"), "auth_failed", "TPM-44");
        assert_refused!(world.store_with(SO_PIN), "auth_failed", "TPM-44");
        assert_eq!(world.store().list().unwrap(), []);
    });
}

#[test]
fn tpm_44_without_a_pin_a_token_that_wants_one_is_refused() {
    on_a_token(tpm_44_without_a_pin_a_token_that_wants_one_is_refused, |world| {
        assert_refused!(world.builder().open(), "auth_required", "TPM-44");
        let _logged_in = world.store();
        assert_refused!(world.builder().open(), "auth_required", "TPM-44");
    });
}

#[test]
fn tpm_44_pins_are_bounded_and_shown_nowhere() {
    assert_refused!(Pin::new(String::new()), "auth_required", "TPM-44");
    assert_refused!(Pin::new("1".repeat(256)), "auth_failed", "TPM-44");
    assert!(Pin::new("1".repeat(255)).is_ok());
    assert_eq!(format!("{:?}", pin_of("271828")), "Pin");
    on_a_token(tpm_44_pins_are_bounded_and_shown_nowhere, |world| {
        let store = world.store();
        let key = store.generate(&id("k"), Algorithm::Es256).unwrap();
        let builder = world.builder().pin(pin_of(PIN));
        let refused = world.store_with("314159").unwrap_err();
        let shown = format!("{store:?} {store:#?} {key:?} {builder:?} {refused:?} {refused}");
        assert!(!shown.contains(PIN) && !shown.contains("314159"), "{shown}");
        assert!(shown.contains("Pkcs11Store { token: ") && shown.contains("protection: Hsm"), "{shown}");
    });
}

#[test]
fn tpm_44_while_one_store_is_logged_in_another_pin_opens_none() {
    on_a_token(tpm_44_while_one_store_is_logged_in_another_pin_opens_none, |world| {
        let store = world.store();
        let key = store.generate(&id("k"), Algorithm::Es256).unwrap();
        // The token would say yes: its user is logged in.
        assert_refused!(world.store_with("000000"), "auth_failed", "TPM-44");
        let same = world.store();
        drop(store);
        assert_refused!(world.store_with("000000"), "auth_failed", "TPM-44");
        drop(same);
        assert_eq!(sign(&key), Ok(()), "a handle keeps the login");
        drop(key);

        // The login ended with the last of them: the token is asked again.
        assert_refused!(world.store_with("000000"), "auth_failed", "TPM-44");
        assert!(world.store().open(&id("k")).is_ok());
    });
}

#[test]
fn tpm_44_a_login_that_ended_is_made_again_and_a_pin_that_changed_is_tried_once() {
    on_a_token(tpm_44_a_login_that_ended_is_made_again_and_a_pin_that_changed_is_tried_once, |world| {
        let store = world.store();
        let key = store.generate(&id("k"), Algorithm::Es256).unwrap();
        let session = world.session();
        for _ in 0..3 {
            session.logout().unwrap();
            assert_eq!(sign(&key), Ok(()));
            session.logout().unwrap();
            assert_eq!(store.list().unwrap(), [id("k")]);
            session.logout().unwrap();
            assert!(store.open(&id("k")).is_ok());
            session.logout().unwrap();
            assert_refused!(store.generate(&id("k"), Algorithm::Es256), "key_exists", "TPM-44");
        }

        session.set_pin(&AuthPin::from(PIN), &AuthPin::from("999999")).unwrap();
        session.logout().unwrap();
        for _ in 0..3 {
            assert_eq!(sign(&key), Err(SignError::AuthFailed));
        }
        assert_refused!(store.list(), "auth_failed", "TPM-44");
        // Whoever logs in again: this store does not ask again with a PIN that was refused.
        session.login(UserType::User, Some(&AuthPin::from("999999"))).unwrap();
        assert_eq!(sign(&key), Err(SignError::AuthFailed));
        session.logout().unwrap();
        let fresh = world.store_with("999999").unwrap();
        assert_eq!(fresh.open(&id("k")).unwrap().public_key(), key.public_key());
    });
}

#[test]
fn tpm_44_a_module_that_is_missing_or_none_is_named() {
    on_a_token(tpm_44_a_module_that_is_missing_or_none_is_named, |world| {
        let open = |module: PathBuf| {
            let token = TokenName::Label(LABEL.to_owned());
            Pkcs11Store::builder(module, token, backend::ring()).pin(pin_of(PIN)).open().unwrap_err()
        };
        let text = world.dir.join("softhsm2.conf");
        for (module, kind) in [
            (world.dir.join("absent.so"), K::NotFound),
            ("libsofthsm2.so".into(), K::InvalidInput),
            (PathBuf::new(), K::InvalidInput),
            (text.clone(), K::InvalidData),
            (world.dir.clone(), K::InvalidData),
        ] {
            assert_eq!(open(module.clone()), StoreError::Io { file: module, kind });
        }
        // A library that is no module: the first of the process's own.
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let libc = maps.split_whitespace().find(|word| word.contains("/libc.so")).unwrap();
        assert_eq!(open(libc.into()), StoreError::Io { file: libc.into(), kind: K::InvalidData });
        assert_eq!(world.store().list().unwrap(), []);
    });
}

#[test]
fn tpm_44_a_token_that_is_not_there_or_not_the_only_one_of_its_label_is_refused() {
    on_a_token(tpm_44_a_token_that_is_not_there_or_not_the_only_one_of_its_label_is_refused, |world| {
        add_token("twin");
        add_token("twin");
        let open =
            |token| Pkcs11Store::builder(&world.module, token, backend::ring()).pin(pin_of(PIN)).open();
        for token in [
            TokenName::Label("absent".to_owned()),
            TokenName::Label(String::new()),
            TokenName::Label("agent".to_owned()),
            TokenName::Serial("absent".to_owned()),
            TokenName::Serial(String::new()),
        ] {
            assert_refused!(open(token), "device_gone", "TPM-44");
        }
        assert_refused!(open(TokenName::Label("twin".to_owned())), "store_backend", "TPM-44");
        assert!(open(TokenName::Label(LABEL.to_owned())).is_ok());
    });
}

#[test]
fn tpm_44_a_token_that_is_pulled_out_under_a_handle_signs_nothing_more() {
    on_a_token(tpm_44_a_token_that_is_pulled_out_under_a_handle_signs_nothing_more, |world| {
        let store = world.store();
        let key = store.generate(&id("k"), Algorithm::Es256).unwrap();
        assert_eq!(sign(&key), Ok(()));
        let [token] = &world.token_dirs()[..] else { panic!("one token") };
        fs::remove_dir_all(token).unwrap();

        assert_eq!(sign(&key), Err(SignError::DeviceGone));
        assert_refused!(store.open(&id("k")), "device_gone", "TPM-44");
        assert_refused!(store.list(), "device_gone", "TPM-44");
        assert_refused!(store.generate(&id("l"), Algorithm::Es256), "device_gone", "TPM-44");
        // Another token of the same label and PIN in its place is not the one that was opened.
        add_token(LABEL);
        assert_eq!(sign(&key), Err(SignError::DeviceGone));
        assert_refused!(store.open(&id("k")), "device_gone", "TPM-44");
    });
}

#[test]
fn tpm_44_a_token_that_is_set_up_anew_under_a_handle_has_its_keys_no_more() {
    on_a_token(tpm_44_a_token_that_is_set_up_anew_under_a_handle_has_its_keys_no_more, |world| {
        let store = world.store();
        let key = store.generate(&id("k"), Algorithm::Es256).unwrap();
        assert_eq!(sign(&key), Ok(()));
        set_up_anew(LABEL);
        assert_eq!(sign(&key), Err(SignError::NotFound));
        assert_refused!(store.open(&id("k")), "key_not_found", "TPM-44");
        assert_eq!(store.list().unwrap(), []);
        // A new key of the name is not the one that was opened.
        let fresh = store.generate(&id("k"), Algorithm::Es256).unwrap();
        assert_eq!(sign(&key), Err(SignError::NotFound));
        assert_eq!(sign(&fresh), Ok(()));
    });
}

#[test]
fn tpm_44_a_module_whose_work_was_ended_begins_again() {
    on_a_token(tpm_44_a_module_whose_work_was_ended_begins_again, |world| {
        let store = world.store();
        let key = store.generate(&id("k"), Algorithm::Es256).unwrap();
        for _ in 0..3 {
            // As another part of the process may.
            raw_module(&world.module).finalize().unwrap();
            assert_eq!(sign(&key), Ok(()));
            assert_eq!(store.list().unwrap(), [id("k")]);
        }
        assert_eq!(key.protection(), Protection::Hsm);
    });
}
