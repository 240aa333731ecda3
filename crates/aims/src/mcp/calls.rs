//! What a request asks for, as far as that decides who may ask.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use aims_jose::json::{JsonError, Limits, Object, Value};

use super::hash::hash;

/// The messages of one request: one, or a batch of them, as older revisions have it.
///
/// A [`McpLayer`](crate::McpLayer) reads them from the content, once, and puts them among the extensions of the request: a [`Decide`](crate::Decide) finds them in
/// [`Question::extensions`](crate::Question::extensions), and a handler in its request. Whatever reads the content again behind the layer reads the same: what readers
/// of JSON disagree about, a member that is there twice for one, was refused.
///
/// ```
/// use aims::mcp::McpCalls;
/// use aims::{Decide, Decision, Question};
///
/// /// Nobody books by a proxy of a proxy.
/// #[derive(Debug)]
/// struct ShortChains;
///
/// impl Decide for ShortChains {
///     fn decide(&self, question: &Question<'_>) -> Decision {
///         let books = question.extensions.get::<McpCalls>().is_some_and(|calls| calls.iter().any(|call| call.target() == Some("book")));
///         let actors = question.authorization.map_or(0, |authorization| authorization.token().actors().iter().count());
///         if books && actors > 1 {
///             Decision::Deny { policy: "short-chains".into(), reason: "too_many_actors".into() }
///         } else {
///             Decision::Permit { policy: "short-chains".into() }
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct McpCalls(Arc<[McpCall]>);

/// One message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct McpCall {
    method: Option<Box<str>>,
    target: Option<Box<str>>,
    watched: Box<[Box<str>]>,
    hash: Option<[u8; 32]>,
}

impl McpCalls {
    /// None: what a request without content asks for.
    pub(crate) fn none() -> Self {
        Self(Arc::new([]))
    }

    /// Reads the content of a request, of at most `max` bytes. Each message is shown to `each`, with its parameters.
    pub(crate) fn parse(
        content: &[u8],
        max: usize,
        each: &mut dyn FnMut(&McpCall, Option<Value<'_>>),
    ) -> Result<Self, McpMessageError> {
        use McpMessageError as E;

        if content.len() > max {
            return Err(E::TooLarge);
        }
        let limits = LIMITS.bytes(max.saturating_add(BATCH_MARGIN)).string(max);
        let mut read = |message: Value<'_>| {
            let call = McpCall::read(message)?;
            each(&call, message.get("params"));
            Ok::<_, E>(call)
        };
        let is_batch = content.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        if !is_batch {
            let message = Object::parse(content, &limits)?;
            return Ok(Self(Arc::new([read(message.as_value())?])));
        }
        // The reader takes an object: the batch is made the one member of one. Had it an end, and something behind it, there would be another member, or no object.
        let object = Object::parse([br#"{"batch":"#, content, b"}"].concat(), &limits)?;
        let mut members = object.iter();
        let (Some((_, batch)), None) = (members.next(), members.next()) else { return Err(E::Batch) };
        let messages = batch.as_array().ok_or(E::Batch)?;
        let mut calls = Vec::new();
        for message in messages {
            if calls.len() >= MAX_BATCH {
                return Err(E::Batch);
            }
            calls.push(read(message)?);
        }
        if calls.is_empty() { Err(E::Batch) } else { Ok(Self(calls.into())) }
    }

    /// The messages, in their order; none, where the request has no content.
    pub fn iter(&self) -> impl Iterator<Item = &McpCall> {
        self.0.iter()
    }

    /// For records: plain text, whatever the caller wrote.
    pub(crate) fn summary(&self) -> Option<String> {
        let mut text = String::new();
        for call in self.iter() {
            if !text.is_empty() {
                text.push_str(", ");
            }
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{call}");
            if text.len() > MAX_SUMMARY {
                text.push_str(", ..");
                break;
            }
        }
        Some(text).filter(|text| !text.is_empty())
    }
}

impl McpCall {
    fn read(message: Value<'_>) -> Result<Self, McpMessageError> {
        use McpMessageError as E;

        if !message.get("jsonrpc").is_some_and(|version| version.is_str("2.0")) {
            return Err(E::Message);
        }
        let is_answer = message.get("result").is_some() || message.get("error").is_some();
        if looks_like_another(message, &MEMBERS) {
            return Err(E::Message);
        }
        let Some(method) = message.get("method") else {
            // What a client answers to a server's own requests, in older revisions.
            return if is_answer {
                Ok(Self { method: None, target: None, watched: Box::default(), hash: None })
            } else {
                Err(E::Message)
            };
        };
        let method = method.as_str().filter(|method| is_plain(method) && !is_answer).ok_or(E::Message)?;
        let params = message.get("params");
        if params.is_some_and(|params| looks_like_another(params, &PARAMS)) {
            return Err(E::Message);
        }
        let target = match target_member(&method) {
            None => None,
            Some(member) => {
                let target = params.and_then(|params| params.get(member));
                let target = target.and_then(|target| target.as_str()).ok_or(E::Target)?;
                if target.is_empty() || target.len() > MAX_TARGET {
                    return Err(E::Target);
                }
                Some(target.as_ref().into())
            }
        };
        let watched = if *method == *LISTEN { watched(params)? } else { Box::default() };
        let hash = hash(&method, params);
        Ok(Self { method: Some(method.as_ref().into()), target, watched, hash })
    }

    /// The method: `tools/call`. `None`, where this is an answer to a request of the server's.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// The name of the tool or the prompt, or the URI of the resource, where the method has one. The caller chose it.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// The URIs of the resources whose changes it wants to hear of, where the method is `subscriptions/listen`.
    pub fn watched(&self) -> impl Iterator<Item = &str> {
        self.watched.iter().map(|uri| &**uri)
    }

    /// What it asks for, with all arguments, as a SHA-256: the same when the same is asked for again (MCP-40), however that is written. `None`, where a number has more
    /// than 15 digits, which not every reader keeps.
    #[must_use]
    pub fn hash(&self) -> Option<&[u8; 32]> {
        self.hash.as_ref()
    }

    /// The name of a tool, where one is called.
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        self.target().filter(|_| self.method() == Some(CALL))
    }
}

/// `tools/call book`; of a target what is plain.
impl fmt::Display for McpCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method().unwrap_or("response"))?;
        for target in self.target().into_iter().chain(self.watched()) {
            f.write_char(' ')?;
            for c in target.chars() {
                let is_plain = c.is_ascii_graphic() && !matches!(c, '"' | '\\' | ',');
                f.write_char(if is_plain { c } else { '?' })?;
            }
        }
        Ok(())
    }
}

/// Why the content of a request is not one that anybody decides about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum McpMessageError {
    /// A batch is empty, or has more messages than a request may have.
    #[error("the batch is empty or too long")]
    Batch,
    /// A field beside the content is there twice, says something else than the content does, or repeats content that is not there, or that nobody knows.
    #[error("the fields of the request say something else than its content")]
    Fields,
    /// It is not JSON within the limits, or has a member twice.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The content is said to be something else than JSON in UTF-8.
    #[error("the content is said to be something else than json in utf-8")]
    MediaType,
    /// It is not a message of JSON-RPC 2.0: a request, a notification or an answer. Or it has a member that a reader with no regard for upper and lower case takes for one
    /// of those.
    #[error("the content is no json-rpc message")]
    Message,
    /// Nobody may call this: it is in no table.
    #[error("what is called is not listed")]
    NotListed,
    /// It does not say what to call, or not by a text of sensible length.
    #[error("the message does not say what is called")]
    Target,
    /// There is more content than is read.
    #[error("the content is too large")]
    TooLarge,
}

impl McpMessageError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Batch => "mcp_batch",
            Self::Fields => "mcp_fields",
            Self::Json(error) => error.code(),
            Self::MediaType => "mcp_media_type",
            Self::Message => "mcp_message",
            Self::NotListed => "mcp_not_listed",
            Self::Target => "mcp_target",
            Self::TooLarge => "content_too_large",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Json(error) => error.rule(),
            Self::NotListed => "MCP-4",
            _ => "MCP-2",
        }
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::NotListed => 403,
            Self::MediaType => 415,
            Self::TooLarge => 413,
            _ => 400,
        }
    }

    pub(crate) fn public_code(self) -> &'static str {
        match self {
            Self::NotListed => "forbidden",
            Self::TooLarge => "content_too_large",
            _ => "invalid_request",
        }
    }
}

/// Which parameter of a method says what it is about.
pub(super) fn target_member(method: &str) -> Option<&'static str> {
    match method {
        CALL | PROMPT => Some("name"),
        READ | "resources/subscribe" | "resources/unsubscribe" => Some("uri"),
        _ => None,
    }
}

/// `notifications.resourceSubscriptions`.
fn watched(params: Option<Value<'_>>) -> Result<Box<[Box<str>]>, McpMessageError> {
    use McpMessageError as E;

    let Some(filter) = params.and_then(|params| params.get("notifications")) else {
        return Ok(Box::default());
    };
    if looks_like_another(filter, &["resourceSubscriptions"]) {
        return Err(E::Message);
    }
    let uris = match filter.get("resourceSubscriptions") {
        None => return Ok(Box::default()),
        Some(uris) if uris.is_null() => return Ok(Box::default()),
        Some(uris) => uris.as_array().ok_or(E::Target)?,
    };
    let mut watched = Vec::new();
    for uri in uris {
        let uri = uri.as_str().filter(|uri| !uri.is_empty() && uri.len() <= MAX_TARGET).ok_or(E::Target)?;
        if watched.len() >= MAX_WATCHED {
            return Err(E::Target);
        }
        watched.push(uri.as_ref().into());
    }
    Ok(watched.into())
}

/// Whether a member is there that is one of these for readers with no regard for case, such as `encoding/json` of Go, and none for others.
pub(super) fn looks_like_another(of: Value<'_>, names: &[&str]) -> bool {
    of.as_object().into_iter().flatten().any(|(name, _)| {
        let name = name.as_str();
        !names.contains(&&*name) && {
            // The long s is an s there.
            let folded = name.replace('ſ', "s").to_lowercase();
            names.iter().any(|known| folded == known.to_lowercase())
        }
    })
}

/// Methods are names, and short.
fn is_plain(method: &str) -> bool {
    let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.:$".contains(&byte);
    !method.is_empty() && method.len() <= MAX_METHOD && method.bytes().all(is_sound)
}

pub(super) const CALL: &str = "tools/call";
pub(super) const PROMPT: &str = "prompts/get";
pub(super) const READ: &str = "resources/read";
pub(super) const LISTEN: &str = "subscriptions/listen";

/// What a message has.
const MEMBERS: [&str; 6] = ["error", "id", "jsonrpc", "method", "params", "result"];

/// What parameters have that decide something here.
const PARAMS: [&str; 7] =
    ["_meta", "arguments", "inputResponses", "name", "notifications", "requestState", "uri"];

/// Arguments of tools may be deeper than claims of tokens.
const LIMITS: Limits = Limits::new().depth(64).members(1024).number(128);

/// What makes an object of a batch.
const BATCH_MARGIN: usize = 16;

const MAX_BATCH: usize = 16;

const MAX_METHOD: usize = 128;

/// Of URIs, which are longer than names.
const MAX_TARGET: usize = 2048;

const MAX_WATCHED: usize = 64;

const MAX_SUMMARY: usize = 1024;
