//! Records as lines of JSON.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use aims_jose::json::ObjectWriter;
use aims_keys::BoxFuture;

use super::{Outcome, Record, RecordError, Recorder};
use crate::decide::Decision;
use crate::permit::{Authorized, Permit};

/// Writes each record as one line of JSON, with the field names of `docs/spec/audit.md` section 1.
///
/// A line is written and flushed before the request goes on. It is as durable as what it is written to, and not
/// tamper-evident: that is the subject of a crate of its own.
///
/// ```json
/// {"v":1,"kind":"decision","time":1790000000000000000,"time_src":"system","agent":{"id":"spiffe://acme.example/agents/travel",
/// "auth":{"method":"wpt","layer":"application","key":"<thumbprint>","credential":"<jti>"}},"resource":{"type":"http",
/// "id":"/v1/search"},"action":{"name":"POST"},"decision":{"effect":"permit","policy_id":["callers"],"reasons":[]},
/// "corr":{"trace_id":"..","span_id":"..","parent_span_id":".."}}
/// ```
pub struct JsonLines<W>(Mutex<W>);

impl JsonLines<io::Stderr> {
    /// Writes to standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self::new(io::stderr())
    }
}

impl<W: Write + Send> JsonLines<W> {
    /// Writes to `writer`, a line in one call.
    #[must_use]
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }

    fn write(&self, record: &Record<'_>) -> Result<(), RecordError> {
        let mut line = to_json(record)?;
        line.push('\n');
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(line.as_bytes()).and_then(|()| writer.flush()).map_err(|_| RecordError)
    }
}

impl<W: Write + Send> Recorder for JsonLines<W> {
    fn permit<'a>(
        &'a self,
        record: &'a Record<'a>,
        authorized: Authorized,
    ) -> BoxFuture<'a, Result<Permit, RecordError>> {
        Box::pin(async move {
            self.write(record)?;
            Ok(authorized.recorded())
        })
    }

    fn refuse<'a>(&'a self, record: &'a Record<'a>) -> BoxFuture<'a, Result<(), RecordError>> {
        Box::pin(async move { self.write(record) })
    }
}

impl<W> fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").finish_non_exhaustive()
    }
}

fn to_json(record: &Record<'_>) -> Result<String, RecordError> {
    let nanos = record.time.duration_since(UNIX_EPOCH).map_err(|_| RecordError)?.as_nanos();
    let mut json = ObjectWriter::with_capacity(512);
    json.u64("v", 1);
    // A decision names its agent; what failed before there was one is a failed authentication (AUD-10, AUD-11).
    json.str("kind", if record.agent.is_some() { "decision" } else { "authn" });
    json.u64("time", u64::try_from(nanos).map_err(|_| RecordError)?).str("time_src", "system");
    if let Some(agent) = record.agent {
        json.object("agent", |member| {
            member.str("id", agent.subject().as_str());
            member.object("auth", |auth| {
                auth.str("method", agent.method().name()).str("layer", agent.layer().name());
                if let Some(proof) = agent.wpt() {
                    auth.str("key", &proof.wit().thumbprint().to_string());
                    if let Some(id) = proof.wit().token_id() {
                        auth.str("credential", id);
                    }
                }
            });
        });
    }
    json.object("resource", |resource| {
        resource.str("type", "http").str("id", record.resource);
    });
    json.object("action", |action| {
        action.str("name", record.action);
    });
    json.object("decision", |decision| match &record.outcome {
        Outcome::Decided(Decision::Permit { policy }) => {
            decision.str("effect", "permit").strs("policy_id", [policy]).strs("reasons", NONE);
        }
        Outcome::Decided(Decision::Deny { policy, reason }) => {
            decision.str("effect", "deny").strs("policy_id", [policy]).strs("reasons", [reason]);
        }
        Outcome::Refused { code, rule } => {
            decision.str("effect", "deny").strs("policy_id", [rule]).strs("reasons", [code]);
        }
    });
    json.object("corr", |corr| {
        corr.str("trace_id", &record.trace.trace_id()).str("span_id", &record.trace.span_id());
        if let Some(parent) = &record.parent {
            corr.str("parent_span_id", &parent.span_id());
        }
    });
    json.finish().map_err(|_| RecordError)
}

const NONE: [&str; 0] = [];
