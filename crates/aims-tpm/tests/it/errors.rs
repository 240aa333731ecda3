//! Every error has a name of its own, and tells nothing that is secret.

use std::collections::BTreeSet;
use std::time::Duration;

use aims_keys::SignError;
use aims_tpm::TpmError;

const ALL: [TpmError; 24] = [
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
        (TpmError::Restricted, SignError::WrongUse),
        (TpmError::SlotsFull, SignError::Busy { retry_after: None }),
        (TpmError::Timeout, SignError::Busy { retry_after: None }),
        (TpmError::Unsupported, SignError::UnsupportedAlgorithm),
        (TpmError::BlobCorrupt, SignError::Backend),
    ] {
        assert_eq!(SignError::from(error), expected, "{error:?}");
    }
}
