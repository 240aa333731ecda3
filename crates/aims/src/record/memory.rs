//! Records kept in memory.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use aims_keys::BoxFuture;
use aims_proof::Authenticated;

use super::{Outcome, Record, RecordError, Recorder, TraceParent};
use crate::caller::Caller;
use crate::decide::Decision;
use crate::permit::{Authorized, Permit};

/// Keeps the last thousand records, and writes nothing: for tests, which ask it why a request was refused. Clones share what
/// is kept.
///
/// A service that relies on it loses its records when it ends.
///
/// ```
/// use aims::RecordMemory;
///
/// let records = RecordMemory::new();
/// // .. `Guard::builder(..).recorder(records.clone())`, and a request to what it protects.
/// if let Some(record) = records.last() {
///     println!("{} {}: {:?}", record.action, record.resource, record.outcome);
/// }
/// ```
#[derive(Clone, Default)]
pub struct RecordMemory(Arc<Mutex<VecDeque<KeptRecord>>>);

impl RecordMemory {
    /// Keeps nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The last record.
    #[must_use]
    pub fn last(&self) -> Option<KeptRecord> {
        self.kept().back().cloned()
    }

    /// All records that are kept, the oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<KeptRecord> {
        self.kept().iter().cloned().collect()
    }

    fn keep(&self, record: &Record<'_>) {
        let record = KeptRecord::new(record);
        let mut kept = self.kept();
        if kept.len() >= MAX_KEPT {
            kept.pop_front();
        }
        kept.push_back(record);
    }

    /// Nothing is done under the lock that leaves the records torn.
    fn kept(&self) -> MutexGuard<'_, VecDeque<KeptRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder for RecordMemory {
    fn permit<'a>(
        &'a self,
        record: &'a Record<'a>,
        authorized: Authorized,
    ) -> BoxFuture<'a, Result<Permit, RecordError>> {
        Box::pin(async move {
            self.keep(record);
            Ok(authorized.recorded())
        })
    }

    fn refuse<'a>(&'a self, record: &'a Record<'a>) -> BoxFuture<'a, Result<(), RecordError>> {
        Box::pin(async move {
            self.keep(record);
            Ok(())
        })
    }
}

/// Shows how many records are kept.
impl fmt::Debug for RecordMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordMemory").field("len", &self.kept().len()).finish()
    }
}

/// A [`Record`] that a [`RecordMemory`] kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeptRecord {
    /// When it was decided.
    pub time: SystemTime,
    /// The authenticated caller, if the request came that far.
    pub agent: Option<Caller>,
    /// Who was at the other end of the connection, where that is another fact.
    pub transport: Option<Authenticated>,
    /// The path of the request.
    pub resource: String,
    /// The HTTP method.
    pub action: String,
    /// What the content asks for, where the guard read that.
    pub operation: Option<String>,
    /// The policy that admitted the request, or why it was refused.
    pub outcome: Result<String, KeptRefusal>,
    /// What ties it to the records of others.
    pub trace: TraceParent,
    /// The span that the caller was in, if it said so.
    pub parent: Option<TraceParent>,
}

impl KeptRecord {
    fn new(record: &Record<'_>) -> Self {
        let refused = |code: &str, rule: &str, detail: Option<&str>| KeptRefusal {
            code: code.to_owned(),
            rule: rule.to_owned(),
            detail: detail.map(str::to_owned),
        };
        let outcome = match &record.outcome {
            Outcome::Decided(Decision::Permit { policy }) => Ok(policy.to_string()),
            Outcome::Decided(Decision::Deny { policy, reason }) => Err(refused(reason, policy, None)),
            Outcome::Refused { code, rule, detail } => Err(refused(code, rule, *detail)),
        };
        Self {
            time: record.time,
            agent: record.agent.cloned(),
            transport: record.transport.cloned(),
            resource: record.resource.to_owned(),
            action: record.action.to_owned(),
            operation: record.operation.map(str::to_owned),
            outcome,
            trace: record.trace,
            parent: record.parent,
        }
    }
}

/// Why a request was refused, in a [`KeptRecord`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the request was refused: {code}")]
pub struct KeptRefusal {
    code: String,
    rule: String,
    detail: Option<String>,
}

impl KeptRefusal {
    /// The check that failed; of a denial the reason that the policy gave.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The requirement in `docs/spec/` that was broken; of a denial the name of the policy.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// What the operator needs beyond the code to repair it, in words.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

const MAX_KEPT: usize = 1000;
