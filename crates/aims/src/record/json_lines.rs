//! Records as lines of JSON.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

#[cfg(feature = "mtls")]
use aims_jose::base64url;
use aims_jose::json::ObjectWriter;
use aims_keys::{BoxFuture, backend};

use super::{Outcome, Record, RecordError, Recorder};
use crate::caller::Caller;
use crate::decide::Decision;
use crate::permit::{Authorized, Permit};

/// Writes each record as one line of JSON, with the field names of `docs/spec/audit.md` section 1.
///
/// A line is written and flushed before the request goes on. It is as durable as what it is written to, and not
/// tamper-evident: that is the subject of a crate of its own. The writer should not block for long; give a slow one a thread
/// and a channel.
///
/// No line has more than 65,535 bytes (AUD-16): of a path or a code beyond 2 KiB only the beginning is written, followed by
/// the SHA-256 of the whole. Tokens and keys are in no record; the query of a request is not either.
///
/// ```json
/// {"v":1,"kind":"decision","time":1790000000000000000,"time_src":"system","agent":{"id":"spiffe://acme.example/agents/travel",
/// "auth":{"method":"wpt","layer":"application","key":"<thumbprint>","credential":"<jti>"}},"resource":{"type":"http",
/// "id":"/v1/search"},"action":{"name":"POST"},"decision":{"effect":"permit","policy_id":["callers"],"reasons":[]},
/// "corr":{"trace_id":"..","span_id":"..","parent_span_id":".."}}
/// ```
pub struct JsonLines<W>(Mutex<Lines<W>>);

struct Lines<W> {
    writer: W,
    /// Whether the last line may lack its end.
    torn: bool,
}

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
        Self(Mutex::new(Lines { writer, torn: false }))
    }

    fn write(&self, record: &Record<'_>) -> Result<(), RecordError> {
        let mut line = to_json(record)?;
        line.push('\n');
        // A writer that panicked has left a torn line at worst, and that is known.
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.torn {
            // What was written of the last record must not swallow this one.
            line.insert(0, '\n');
        }
        lines.torn = true;
        lines.writer.write_all(line.as_bytes()).map_err(|_| RecordError)?;
        lines.torn = false;
        lines.writer.flush().map_err(|_| RecordError)
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
        json.object("agent", |member| identity(member, agent));
    }
    if let Some(transport) = record.transport {
        json.object("transport", |member| identity(member, &Caller::by_proof(transport.clone())));
    }
    #[cfg(feature = "oauth")]
    if let Some(authorization) = record.authorization {
        json.object("authorization", |member| granted(member, authorization));
    }
    json.object("resource", |resource| {
        resource.str("type", "http").str("id", &bounded(record.resource));
    });
    json.object("action", |action| {
        action.str("name", &bounded(record.action));
        if let Some(operation) = record.operation {
            action.str("operation", &bounded(operation));
        }
    });
    json.object("decision", |decision| match &record.outcome {
        Outcome::Decided(Decision::Permit { policy }) => {
            decision.str("effect", "permit").strs("policy_id", [bounded(policy)]).strs("reasons", NONE);
        }
        Outcome::Decided(Decision::Deny { policy, reason }) => {
            decision.str("effect", "deny");
            decision.strs("policy_id", [bounded(policy)]).strs("reasons", [bounded(reason)]);
        }
        Outcome::Refused { code, rule, detail } => {
            decision.str("effect", "deny").strs("policy_id", [rule]).strs("reasons", [bounded(code)]);
            if let Some(detail) = detail {
                decision.str("detail", &bounded(detail));
            }
        }
    });
    json.object("corr", |corr| {
        corr.str("trace_id", &record.trace.trace_id()).str("span_id", &record.trace.span_id());
        if let Some(parent) = &record.parent {
            corr.str("parent_span_id", &parent.span_id());
        }
    });
    Ok(ascii(&json.finish().map_err(|_| RecordError)?))
}

/// Who, and how that was shown.
fn identity(member: &mut ObjectWriter, who: &Caller) {
    member.str("id", who.subject().as_str());
    member.object("auth", |auth| {
        auth.str("method", who.method().name()).str("layer", who.layer().name());
        if let Some(wit) = who.wit() {
            auth.str("key", &wit.thumbprint().to_string());
            if let Some(id) = wit.token_id() {
                auth.str("credential", id);
            }
            if let Some(attested) = wit.attested() {
                auth.object("attested", |found| {
                    found.u64("level", attested.level().into());
                    found.str("key", if attested.is_key_in_hardware() { "hardware" } else { "software" });
                });
            }
        }
        #[cfg(feature = "oauth")]
        if let Some(key) = who.token_key() {
            auth.str("key", &key.to_string());
        }
        #[cfg(feature = "mtls")]
        if let Some(svid) = who.svid() {
            auth.str("key", &svid.thumbprint().to_string());
            auth.str("credential", svid.serial());
        }
        if let Some(proxy) = who.via() {
            auth.str("via", proxy.as_str());
        }
    });
}

/// For whom, and by which token; the token itself is in no record.
#[cfg(feature = "oauth")]
fn granted(member: &mut ObjectWriter, authorization: &aims_oauth::Authorized) {
    let token = authorization.token();
    member.str("issuer", token.issuer().as_str()).str("client_id", &bounded(&token.client_id()));
    member.str("actor", &bounded(&authorization.actor()));
    let known_to = authorization.actor_issuer();
    if *known_to != *token.issuer().as_str() {
        member.str("actor_issuer", &bounded(&known_to));
    }
    if let Some(subject) = authorization.on_behalf_of() {
        member.str("on_behalf_of", &bounded(&subject));
    }
    member.str("scope", &bounded(token.scope().as_str()));
    member.str("token", &token.fingerprint().to_string()).str("shown_by", authorization.shown_by().name());
    // AIMS-27: what it rests on, the first grant first.
    let lineage = token.lineage().ids();
    if !lineage.is_empty() {
        member.strs("lineage", lineage.iter().map(|id| base64url::encode(id.as_bytes())));
    }
    if let Some(transaction) = token.transaction() {
        member.str("txn", &bounded(&transaction));
    }
}

/// The same JSON with escapes in place of what is not ASCII: line separators and terminal controls that a caller put into a
/// path would split or hide lines for whoever reads them.
fn ascii(json: &str) -> String {
    if json.is_ascii() {
        return json.to_owned();
    }
    let mut text = String::with_capacity(json.len() * 2);
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

/// `text`, or its beginning and the hash of the whole.
fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT {
        return text.into();
    }
    let beginning = (0..=MAX_TEXT).rev().find_map(|end| text.get(..end)).unwrap_or_default();
    let hash = base64url::encode(backend::ring().sha256(text.as_bytes()));
    format!("{beginning}... sha-256={hash}").into()
}

/// In bytes. JSON makes six of one at worst, and a record has at most five such texts from one source beside an identifier.
const MAX_TEXT: usize = 2048;

const NONE: [&str; 0] = [];
