//! Records: one per request that reached a guard, whatever became of it.

mod json_lines;
mod memory;
mod trace;

use std::sync::Arc;
use std::time::SystemTime;

use aims_keys::BoxFuture;
use aims_proof::Authenticated;

use crate::caller::Caller;
use crate::decide::Decision;
use crate::permit::{Authorized, Permit};

pub use self::json_lines::JsonLines;
pub use self::memory::{KeptRecord, KeptRefusal, RecordMemory};
pub use self::trace::{ParseTraceParentError, TraceParent};

/// Writes records. No handler runs before its record is written, and none whose record could not be; a recorder that panics
/// has not recorded.
///
/// The future may be dropped at any `await`, since callers hang up. What must be recorded all the same is handed over, to a
/// queue or a task, before the first of them.
pub trait Recorder: std::fmt::Debug + Send + Sync {
    /// Records that a request was admitted, and then, by [`Authorized::recorded`], lets it go on.
    ///
    /// # Errors
    ///
    /// The future yields [`RecordError`]; the request is refused then.
    fn permit<'a>(
        &'a self,
        record: &'a Record<'a>,
        authorized: Authorized,
    ) -> BoxFuture<'a, Result<Permit, RecordError>>;

    /// Records that a request was refused. It stays refused when this fails.
    ///
    /// # Errors
    ///
    /// The future yields [`RecordError`].
    fn refuse<'a>(&'a self, record: &'a Record<'a>) -> BoxFuture<'a, Result<(), RecordError>>;
}

impl<R: Recorder + ?Sized> Recorder for Arc<R> {
    fn permit<'a>(
        &'a self,
        record: &'a Record<'a>,
        authorized: Authorized,
    ) -> BoxFuture<'a, Result<Permit, RecordError>> {
        (**self).permit(record, authorized)
    }

    fn refuse<'a>(&'a self, record: &'a Record<'a>) -> BoxFuture<'a, Result<(), RecordError>> {
        (**self).refuse(record)
    }
}

/// What is recorded of one request (AUD-1 to AUD-8, as far as this layer knows them). It holds no token and no key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record<'a> {
    /// When it was decided.
    pub time: SystemTime,
    /// The authenticated caller; `None` only if the request was refused before there was one.
    pub agent: Option<&'a Caller>,
    /// Who was at the other end of the connection, where that was shown and is another fact than how the caller authenticated
    /// (ARCH-2).
    pub transport: Option<&'a Authenticated>,
    /// What its access token says, where it has one and that counts: for whom the agent acts (AIMS-46).
    #[cfg(feature = "oauth")]
    pub authorization: Option<&'a aims_oauth::Authorized>,
    /// What was asked for: the path of the request, as received. The caller chose it, up to 64 KiB of it.
    pub resource: &'a str,
    /// The HTTP method; the caller chose it, too.
    pub action: &'a str,
    /// What the content asks for, where a guard reads that: of the Model Context Protocol the method and the name of the tool.
    pub operation: Option<&'a str>,
    /// What became of it.
    pub outcome: Outcome<'a>,
    /// What ties it to the records of others.
    pub trace: TraceParent,
    /// The span that the caller was in, if it said so.
    pub parent: Option<TraceParent>,
}

/// What became of a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// The policy decided.
    Decided(&'a Decision),
    /// It was refused before it could be decided.
    Refused {
        /// The stable code of the check that failed.
        code: &'a str,
        /// The requirement that was broken.
        rule: &'static str,
        /// What the operator needs beyond the code to repair it, in words; without tokens.
        detail: Option<&'a str>,
    },
}

/// A record could not be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the record could not be written")]
#[non_exhaustive]
pub struct RecordError;

impl RecordError {
    /// For implementations of [`Recorder`].
    #[must_use]
    #[expect(clippy::new_without_default, reason = "an error is not a default")]
    pub fn new() -> Self {
        Self
    }

    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "record_not_written"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "ARCH-3"
    }
}
