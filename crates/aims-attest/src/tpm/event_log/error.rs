//! Why an event log is not believed.

use crate::tpm::PcrBank;

/// Why an event log is not believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EventLogError {
    /// PCRs of a bank were quoted for which the log has no digests.
    #[error("the event log has no digests of a bank that was quoted")]
    BankMissing,
    /// An event does not have one digest of each hash function of the log.
    #[error("an event does not have one digest of each hash function of the log")]
    Digests,
    /// What is said about the locality of the start is misplaced, or is none.
    #[error("the startup locality of the event log is malformed or misplaced")]
    Locality,
    /// It ends too early, or a value in it cannot stand there.
    #[error("the event log is malformed")]
    Malformed,
    /// It is in the older format, with SHA-1 alone, or in none.
    #[error("the event log is not in the crypto-agile format")]
    NotAgile,
    /// No PCR was quoted that it says anything about.
    #[error("the event log is about no PCR that was quoted")]
    NothingQuoted,
    /// Its events do not make the value of a PCR that was quoted.
    #[error("the event log does not replay to the value of PCR {bank}:{index} that was quoted")]
    Replay {
        /// The bank.
        bank: PcrBank,
        /// The first PCR that has another value.
        index: u8,
    },
    /// It is longer than 1 MiB.
    #[error("the event log is too large")]
    TooLarge,
    /// It has more than 16384 events.
    #[error("the event log has too many events")]
    TooManyEvents,
}

impl EventLogError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BankMissing => "event_log_bank_missing",
            Self::Digests => "event_log_digests",
            Self::Locality => "event_log_locality",
            Self::Malformed => "event_log_malformed",
            Self::NotAgile => "event_log_not_agile",
            Self::NothingQuoted => "event_log_nothing_quoted",
            Self::Replay { .. } => "event_log_replay",
            Self::TooLarge => "too_large",
            Self::TooManyEvents => "event_log_too_many_events",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::TooLarge | Self::TooManyEvents => "ATT-5",
            _ => "TPM-27",
        }
    }
}
