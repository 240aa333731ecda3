//! Every error has a name of its own, and tells nothing that is secret.

use std::collections::BTreeSet;
use std::time::Duration;

use aims_keys::SignError;
use aims_testkit::SoftTpm;
use aims_tpm::{AuthValue, Tcti, TpmError, TpmKeyStore, TpmSettings};

use crate::support::{Dir, connect, key, pcrs};

const ALL: [TpmError; 25] = [
    TpmError::AuthFailed,
    TpmError::AuthRequired,
    TpmError::Backend,
    TpmError::BlobCorrupt,
    TpmError::BlobOfOtherTpm,
    TpmError::Busy { retry_after: None },
    TpmError::CredentialRefused,
    TpmError::DeviceGone,
    TpmError::Length,
    TpmError::LockedOut,
    TpmError::NoPermission,
    TpmError::NoTpm,
    TpmError::Nonce,
    TpmError::PcrAbsent,
    TpmError::PcrResettable,
    TpmError::PcrSelection,
    TpmError::Policy,
    TpmError::Replaced,
    TpmError::Restricted,
    TpmError::SlotsFull,
    TpmError::TctiMissing,
    TpmError::Timeout,
    TpmError::Unsupported,
    TpmError::WeakAuth,
    TpmError::WrongUse,
];

#[test]
fn tpm_44_every_error_has_a_code_and_a_rule() {
    let codes: BTreeSet<_> = ALL.iter().map(TpmError::code).collect();
    assert_eq!(codes.len(), ALL.len());
    for error in ALL {
        assert!(error.rule().starts_with("TPM-"), "{error:?}");
        assert!(!error.to_string().ends_with('.') && error.to_string().len() > 10, "{error}");
    }
    assert_eq!((TpmError::LockedOut.code(), TpmError::LockedOut.rule()), ("locked_out", "TPM-15"));
}

/// TPM-44: what signers say of it, where they can.
#[test]
fn tpm_44_signers_say_the_same() {
    let later = Some(Duration::from_secs(3));
    for (error, expected) in [
        (TpmError::AuthFailed, SignError::AuthFailed),
        (TpmError::AuthRequired, SignError::AuthRequired),
        (TpmError::BlobOfOtherTpm, SignError::NotFound),
        (TpmError::Busy { retry_after: later }, SignError::Busy { retry_after: later }),
        (TpmError::DeviceGone, SignError::DeviceGone),
        (TpmError::Length, SignError::UnsupportedInput),
        (TpmError::LockedOut, SignError::LockedOut),
        (TpmError::Policy, SignError::Policy),
        (TpmError::Replaced, SignError::NotFound),
        (TpmError::Restricted, SignError::WrongUse),
        (TpmError::SlotsFull, SignError::Busy { retry_after: None }),
        (TpmError::Timeout, SignError::Busy { retry_after: None }),
        (TpmError::Unsupported, SignError::UnsupportedAlgorithm),
        (TpmError::BlobCorrupt, SignError::Backend),
    ] {
        assert_eq!(SignError::from(error), expected, "{error:?}");
    }
}

/// TPM-44: nothing that is shown for debugging has a value, a blob or a handle in it.
#[test]
fn tpm_44_nothing_secret_is_shown() {
    let auth = || AuthValue::new(b"hunter2".to_vec()).unwrap();
    let tcti = Tcti::default();
    let settings = TpmSettings::new(tcti).owner_auth(auth()).endorsement_auth(auth());
    let mut shown = vec![format!("{settings:?}"), format!("{:?}", auth())];
    if let Some(soft) = SoftTpm::start() {
        let dir = Dir::new();
        let tpm = connect(&soft);
        let builder = TpmKeyStore::builder(&tpm, dir.store()).auth(auth());
        shown.push(format!("{builder:?}"));
        let store = builder.open().unwrap();
        let key = key(&store, "a");
        let (ak, sealed) = (store.attestation_key().unwrap(), tpm.seal(b"hunter2", pcrs(&[10])).unwrap());
        shown.extend([format!("{store:?}"), format!("{key:?}"), format!("{ak:?}"), format!("{sealed:?}")]);
        // The private part of a file is behind the public one, and nothing of it is shown.
        let file = std::fs::read(dir.store().join("a.tpm")).unwrap();
        let wrapped = format!("{:?}", &file[file.len() - 64..file.len() - 48]);
        let wrapped = wrapped.trim_matches(['[', ']']).to_owned();
        assert!(shown.iter().all(|text| !text.contains(&wrapped)), "{shown:?}");
    }
    let bytes = format!("{:?}", b"hunter2");
    let bytes = bytes.trim_matches(['[', ']']);
    assert!(shown.iter().all(|text| !text.contains("hunter2") && !text.contains(bytes)), "{shown:?}");
}
