//! What the library below says, and what it means.

use bitfield::BitRange;
use tss_esapi::Error;
use tss_esapi::constants::response_code::{Tss2ResponseCode, Tss2ResponseCodeKind as Rc};
use tss_esapi::tss2_esys::{
    TSS2_BASE_RC_BAD_REFERENCE, TSS2_BASE_RC_INSUFFICIENT_RESPONSE, TSS2_BASE_RC_IO_ERROR,
    TSS2_BASE_RC_MALFORMED_RESPONSE, TSS2_BASE_RC_NOT_IMPLEMENTED, TSS2_BASE_RC_NOT_PERMITTED,
    TSS2_BASE_RC_NOT_SUPPORTED,
};

use crate::error::TpmError;

/// Why a piece of work was not done, while it may still be done otherwise.
pub(super) enum Fault {
    /// What the library or the TPM said.
    Below(Error),
    /// What this crate says.
    Ours(TpmError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Below(error)
    }
}

impl From<TpmError> for Fault {
    fn from(error: TpmError) -> Self {
        Self::Ours(error)
    }
}

impl Fault {
    /// Whether the connection, or what the TPM had loaded for it, is gone: by a power cycle, for instance. What came may also have been
    /// no answer to what was asked, or not from the TPM: then both ends of the session disagree, and it is of no more use.
    pub(super) fn is_lost(&self) -> bool {
        let Self::Below(error) = self else { return false };
        match Code::of(*error) {
            Code::Transport(_) | Code::Library => true,
            // A session that the TPM cannot know any more is among these.
            Code::Tpm(kind) => matches!(
                kind,
                Rc::Initialize
                    // Nothing is flushed that was not loaded: somebody started the TPM anew, and it knows none of it.
                    | Rc::Handle
                    | Rc::Failure
                    | Rc::Reboot
                    | Rc::ReferenceH0
                    | Rc::ReferenceH1
                    | Rc::ReferenceH2
                    | Rc::ReferenceS0
                    | Rc::ReferenceS1
                    | Rc::ReferenceS2
            ),
        }
    }

    /// Whether the TPM says that what was to be proven was not.
    pub(super) fn is_auth(&self) -> bool {
        self.is(Rc::AuthFail) || self.is(Rc::BadAuth)
    }

    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Below(error) if to_error(*error) == TpmError::SlotsFull)
    }

    /// Whether the TPM said this.
    pub(super) fn is(&self, kind: Rc) -> bool {
        matches!(self, Self::Below(error) if matches!(Code::of(*error), Code::Tpm(found) if found == kind))
    }

    pub(super) fn into_error(self) -> TpmError {
        match self {
            Self::Below(error) => to_error(error),
            Self::Ours(error) => error,
        }
    }

    /// What it means when the first connection is made.
    pub(super) fn at_connect(self) -> TpmError {
        match &self {
            Self::Below(error) => match Code::of(*error) {
                // The loader finds no library of that name: it says either of these.
                Code::Transport(
                    TSS2_BASE_RC_NOT_SUPPORTED | TSS2_BASE_RC_BAD_REFERENCE | TSS2_BASE_RC_NOT_IMPLEMENTED,
                ) => TpmError::TctiMissing,
                Code::Transport(TSS2_BASE_RC_NOT_PERMITTED) => TpmError::NoPermission,
                Code::Transport(_) => TpmError::NoTpm,
                _ => self.into_error(),
            },
            Self::Ours(_) => self.into_error(),
        }
    }
}

/// A response code, by who gave it.
enum Code {
    /// The library, about what it was asked.
    Library,
    /// The TPM, or a resource manager in its name.
    Tpm(Rc),
    /// Whatever carries commands: its own number.
    Transport(u32),
}

impl Code {
    fn of(error: Error) -> Self {
        let Error::Tss2Error(response) = error else { return Self::Library };
        let code: u32 = match response {
            Tss2ResponseCode::Success => return Self::Library,
            Tss2ResponseCode::FormatZero(code) => code.bit_range(31, 0),
            Tss2ResponseCode::FormatOne(code) => code.bit_range(31, 0),
        };
        match (code >> 16 & 0xff, code & 0xffff) {
            (LAYER_TPM | LAYER_RESOURCE_MANAGER | LAYER_RESOURCE_MANAGER_TPM, _) => {
                response.kind().map_or(Self::Library, Self::Tpm)
            }
            // Of others these mean that the stream is torn: what came was no answer to what was asked.
            (LAYER_TCTI, number)
            | (
                _,
                number @ (TSS2_BASE_RC_IO_ERROR
                | TSS2_BASE_RC_INSUFFICIENT_RESPONSE
                | TSS2_BASE_RC_MALFORMED_RESPONSE),
            ) => Self::Transport(number),
            _ => Self::Library,
        }
    }
}

fn to_error(error: Error) -> TpmError {
    let kind = match Code::of(error) {
        Code::Transport(_) => return TpmError::DeviceGone,
        Code::Library => return TpmError::Backend,
        Code::Tpm(kind) => kind,
    };
    match kind {
        Rc::AuthFail | Rc::BadAuth => TpmError::AuthFailed,
        Rc::AuthMissing => TpmError::AuthRequired,
        Rc::Lockout => TpmError::LockedOut,
        Rc::AuthUnavailable
        | Rc::AuthType
        | Rc::Expired
        | Rc::Locality
        | Rc::Pcr
        | Rc::PcrChanged
        | Rc::Policy
        | Rc::PolicyCc
        | Rc::PolicyFail => TpmError::Policy,
        Rc::Memory
        | Rc::ObjectHandles
        | Rc::ObjectMemory
        | Rc::SessionHandles
        | Rc::SessionMemory
        | Rc::TooManyContexts => TpmError::SlotsFull,
        Rc::Canceled | Rc::NvRate | Rc::NvUnavailable | Rc::Retry | Rc::Testing | Rc::Yielded => {
            TpmError::Busy { retry_after: None }
        }
        Rc::Initialize
        | Rc::Handle
        | Rc::Failure
        | Rc::Reboot
        | Rc::ReferenceH0
        | Rc::ReferenceH1
        | Rc::ReferenceH2
        | Rc::ReferenceS0
        | Rc::ReferenceS1
        | Rc::ReferenceS2 => TpmError::DeviceGone,
        Rc::Ticket => TpmError::Restricted,
        Rc::Size => TpmError::Length,
        Rc::Attributes | Rc::Key | Rc::Type => TpmError::WrongUse,
        Rc::Asymmetric
        | Rc::CommandCode
        | Rc::Curve
        | Rc::Hash
        | Rc::KeySize
        | Rc::Scheme
        | Rc::Symmetric => TpmError::Unsupported,
        _ => TpmError::Backend,
    }
}

const LAYER_TPM: u32 = 0;
const LAYER_TCTI: u32 = 10;
const LAYER_RESOURCE_MANAGER: u32 = 11;
const LAYER_RESOURCE_MANAGER_TPM: u32 = 12;
