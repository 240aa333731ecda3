//! How a server stands.

use std::collections::BTreeMap;

use aims_attest::Unmet;
use aims_keys::UnixTime;

/// How a [`WorkloadApiServer`](crate::WorkloadApiServer) stands: for an operator's page, for metrics.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerStatus {
    /// Connections that are open.
    pub connections: usize,
    /// Streams that are open.
    pub streams: usize,
    /// Credentials issued so far, by kind: `jwt`, `wit`, `x509`.
    pub issued: BTreeMap<&'static str, u64>,
    /// Callers and requests refused so far, by reason: a stable name, such as `no_entry` for callers whose selectors match no entry, `evidence_insufficient` where an entry matches
    /// and its policy is not satisfied, and of evidence that is not accepted what was wrong with it ([`Verdict::code`](aims_attest::Verdict::code)).
    pub refused: BTreeMap<&'static str, u64>,
    /// What the evidence lacked of whoever was refused last as `evidence_insufficient`: which type of evidence, which selector.
    pub unmet: Vec<Unmet>,
    /// The registration entries in force.
    pub entries: usize,
    /// The number of the bundle in force.
    pub sequence: Option<u64>,
    /// When the keys of the authority take their next step.
    pub next_step: Option<UnixTime>,
    /// What went wrong last in keeping the authority going, since it last went well: a stable name.
    pub last_error: Option<&'static str>,
}
