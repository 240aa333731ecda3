//! What a module says went wrong, in the words of these crates.

use cryptoki::error::{Error, RvError};

use crate::public::KeyError;
use crate::signer::SignError;
use crate::store::{KeyId, StoreError};

/// Why a call into the module failed. Nothing of the module's own (numbers, handles, texts) is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    AuthFailed,
    AuthRequired,
    Backend,
    Busy,
    DeviceGone,
    /// The token does not know the handle any more.
    HandleLost,
    Key(KeyError),
    LockedOut,
    /// There is no such object.
    NoObject,
    Policy,
    /// There are several keys of this name.
    Several,
    /// The session is gone, and perhaps no more than that.
    SessionLost,
    /// The session is there, and nobody is logged in.
    LoggedOut,
    UnsupportedAlgorithm,
    UnsupportedInput,
    WrongUse,
}

impl Fault {
    /// Whether a second attempt, with fresh sessions, handles and login, can end otherwise.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::HandleLost | Self::LoggedOut | Self::SessionLost)
    }

    /// For what was asked about one key.
    pub(super) fn of_store(self, id: &KeyId) -> StoreError {
        match self {
            Self::HandleLost | Self::NoObject => StoreError::NotFound { id: id.clone() },
            Self::Several => StoreError::Ambiguous { id: id.clone() },
            other => other.of_token(),
        }
    }

    /// For what was asked about the whole token: there is no key to name.
    pub(super) fn of_token(self) -> StoreError {
        match self {
            Self::AuthFailed => StoreError::AuthFailed,
            Self::AuthRequired | Self::LoggedOut => StoreError::AuthRequired,
            Self::Backend | Self::HandleLost | Self::NoObject | Self::Several | Self::UnsupportedInput => {
                StoreError::Backend
            }
            Self::Busy => StoreError::Busy { retry_after: None },
            Self::DeviceGone | Self::SessionLost => StoreError::DeviceGone,
            Self::Key(error) => error.into(),
            Self::LockedOut => StoreError::LockedOut,
            Self::Policy => StoreError::Policy,
            Self::UnsupportedAlgorithm => StoreError::UnsupportedAlgorithm,
            Self::WrongUse => StoreError::WrongUse,
        }
    }

    pub(super) fn of_signer(self) -> SignError {
        match self {
            Self::AuthFailed => SignError::AuthFailed,
            Self::AuthRequired | Self::LoggedOut => SignError::AuthRequired,
            Self::Backend | Self::Key(_) | Self::Several => SignError::Backend,
            Self::Busy => SignError::Busy { retry_after: None },
            Self::DeviceGone | Self::SessionLost => SignError::DeviceGone,
            Self::LockedOut => SignError::LockedOut,
            Self::HandleLost | Self::NoObject => SignError::NotFound,
            Self::Policy => SignError::Policy,
            Self::UnsupportedAlgorithm => SignError::UnsupportedAlgorithm,
            Self::UnsupportedInput => SignError::UnsupportedInput,
            Self::WrongUse => SignError::WrongUse,
        }
    }
}

/// The return values of PKCS #11 v3.1 §6.1 that mean something to a caller; the rest are faults of the backend.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let Error::Pkcs11(value, _) = error else {
            return Self::Backend;
        };
        match value {
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => Self::AuthFailed,
            RvError::UserPinNotInitialized => Self::AuthRequired,
            RvError::UserNotLoggedIn => Self::LoggedOut,
            RvError::PinLocked => Self::LockedOut,
            RvError::SessionCount | RvError::OperationActive => Self::Busy,
            RvError::SessionHandleInvalid | RvError::SessionClosed | RvError::CryptokiNotInitialized => {
                Self::SessionLost
            }
            RvError::DeviceError
            | RvError::DeviceRemoved
            | RvError::SlotIdInvalid
            | RvError::TokenNotPresent
            | RvError::TokenNotRecognized => Self::DeviceGone,
            RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid => Self::HandleLost,
            RvError::ActionProhibited
            | RvError::AttributeReadOnly
            | RvError::FunctionRejected
            | RvError::PinExpired
            | RvError::SessionReadOnly
            | RvError::TokenWriteProtected => Self::Policy,
            RvError::CurveNotSupported
            | RvError::DomainParamsInvalid
            | RvError::FunctionNotSupported
            | RvError::KeySizeRange
            | RvError::MechanismInvalid
            | RvError::MechanismParamInvalid => Self::UnsupportedAlgorithm,
            RvError::DataInvalid | RvError::DataLenRange => Self::UnsupportedInput,
            RvError::KeyFunctionNotPermitted | RvError::KeyTypeInconsistent => Self::WrongUse,
            _ => Self::Backend,
        }
    }
}

impl From<KeyError> for Fault {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    /// Most of these no software token ever says.
    #[test]
    fn tpm_44_what_a_module_says_has_a_reason_for_stores_and_for_signers() {
        let id: KeyId = "k".parse().unwrap();
        for (value, store, signer) in [
            (RvError::PinIncorrect, "auth_failed", "auth_failed"),
            (RvError::PinLenRange, "auth_failed", "auth_failed"),
            (RvError::UserPinNotInitialized, "auth_required", "auth_required"),
            (RvError::UserNotLoggedIn, "auth_required", "auth_required"),
            (RvError::PinLocked, "locked_out", "locked_out"),
            (RvError::SessionCount, "store_busy", "key_busy"),
            (RvError::DeviceRemoved, "device_gone", "device_gone"),
            (RvError::TokenNotPresent, "device_gone", "device_gone"),
            (RvError::SessionHandleInvalid, "device_gone", "device_gone"),
            (RvError::KeyHandleInvalid, "key_not_found", "key_not_found"),
            (RvError::PinExpired, "device_policy", "device_policy"),
            (RvError::TokenWriteProtected, "device_policy", "device_policy"),
            (RvError::MechanismInvalid, "unsupported_algorithm", "unsupported_algorithm"),
            (RvError::DataLenRange, "store_backend", "unsupported_input"),
            (RvError::KeyFunctionNotPermitted, "wrong_use", "wrong_use"),
            (RvError::GeneralError, "store_backend", "signing_backend"),
            (RvError::VendorDefined(0x8000_0001), "store_backend", "signing_backend"),
        ] {
            let fault = || Fault::from(Error::Pkcs11(value, Function::Sign));
            let said = (fault().of_store(&id).code(), fault().of_signer().code());
            assert_eq!(said, (store, signer), "{value}");
        }
    }

    #[test]
    fn tpm_44_only_what_was_lost_is_worth_a_second_attempt() {
        let again = [Fault::HandleLost, Fault::LoggedOut, Fault::SessionLost];
        assert!(again.iter().all(Fault::may_pass));
        let never = [Fault::AuthFailed, Fault::Backend, Fault::Busy, Fault::DeviceGone, Fault::LockedOut];
        assert!(!never.iter().any(Fault::may_pass));
    }
}
