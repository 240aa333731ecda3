//! What an appraisal says of each thing that is wrong (ATT-122): fewer words than the parts of it have.

use super::{
    BootError, CertifiedKeyError, EventLogError, PcrError, TpmEvidenceError, TpmPublicError, TpmReadError,
    TpmSignatureError,
};
use crate::{Reason, Verdict};

pub(super) fn of_evidence(error: TpmEvidenceError) -> Reason {
    match error {
        TpmEvidenceError::Pcr(error) => of_pcrs(error),
        TpmEvidenceError::TooLarge => Reason::TooLarge,
        _ => Reason::Malformed,
    }
}

pub(super) fn of_structure(error: TpmReadError) -> Reason {
    match error {
        TpmReadError::SignatureHash | TpmReadError::SignatureScheme => Reason::UnsupportedAlgorithm,
        TpmReadError::TooLarge => Reason::TooLarge,
        _ => Reason::Malformed,
    }
}

pub(super) fn of_signature(error: TpmSignatureError) -> Reason {
    match error {
        TpmSignatureError::BadSignature => Reason::BadSignature,
        TpmSignatureError::Read(error) => of_structure(error),
    }
}

pub(super) fn of_pcrs(error: PcrError) -> Reason {
    match error {
        PcrError::Digest | PcrError::Missing | PcrError::NotQuoted => Reason::MeasurementMismatch,
        PcrError::WeakBank => Reason::UnsupportedAlgorithm,
        _ => Reason::Malformed,
    }
}

pub(super) fn of_key(error: CertifiedKeyError) -> Reason {
    match error {
        CertifiedKeyError::Attributes | CertifiedKeyError::Name => Reason::KeyMismatch,
        CertifiedKeyError::Key(_) | CertifiedKeyError::Public(TpmPublicError::UnsupportedAlgorithm) => {
            Reason::UnsupportedAlgorithm
        }
        CertifiedKeyError::Public(TpmPublicError::TooLarge) => Reason::TooLarge,
        CertifiedKeyError::Public(_) => Reason::Malformed,
    }
}

pub(super) fn of_log(error: EventLogError) -> Reason {
    match error {
        EventLogError::BankMissing | EventLogError::NothingQuoted | EventLogError::Replay { .. } => {
            Reason::MeasurementMismatch
        }
        EventLogError::NotAgile => Reason::UnsupportedAlgorithm,
        EventLogError::TooLarge | EventLogError::TooManyEvents => Reason::TooLarge,
        _ => Reason::Malformed,
    }
}

pub(super) fn of_boots(error: BootError) -> Verdict {
    match error {
        BootError::Back => Verdict::Rejected(Reason::Replayed),
        BootError::Full | BootError::Unavailable => {
            Verdict::Unavailable { dependency: "boot_counters", retry_after: None }
        }
    }
}
