//! What stands beside the content of a request, and says what is in it.

use aims_jose::base64url;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::calls::{McpCall, McpCalls, McpMessageError};
use super::scopes::FREE;

/// That whoever goes by the head of a request, as proxies and dispatchers do, finds in it what was decided about: the fields that repeat a message say what it says, and where
/// there is no message, there is nothing to repeat.
pub(crate) fn check_fields(head: &HeaderMap, calls: &McpCalls) -> Result<(), McpMessageError> {
    let text = |value| HeaderValue::to_str(value).map_err(|_| McpMessageError::Fields);
    let method = single(head, "mcp-method")?.map(text).transpose()?;
    let name = single(head, "mcp-name")?.map(text).transpose()?;
    let repeats_nothing = calls.iter().next().is_none() && (method.is_some() || name.is_some());
    let is_same = |call: &McpCall| {
        method.is_none_or(|method| call.method() == Some(method)) && name.is_none_or(|name| names(call, name))
    };
    if calls.iter().all(is_same) && !repeats_nothing { Ok(()) } else { Err(McpMessageError::Fields) }
}

/// That content is JSON in UTF-8, as far as anybody says: read as another media type, in another charset or unpacked it could be another message.
pub(crate) fn check_media_type(head: &HeaderMap) -> Result<(), McpMessageError> {
    let text = |value| HeaderValue::to_str(value).map_err(|_| McpMessageError::MediaType);
    let coding = single(head, CONTENT_ENCODING.as_str())?.map(text).transpose()?;
    let media_type = single(head, CONTENT_TYPE.as_str())?.map(text).transpose()?;
    let is_packed = coding.is_some_and(|coding| !is(coding, "identity"));
    let is_json = media_type.is_none_or(|media_type| {
        let mut parts = media_type.split(';').map(str::trim_ascii);
        let is_json = parts.next().is_some_and(|essence| is(essence, "application/json"));
        is_json && parts.all(is_utf8)
    });
    if is_json && !is_packed { Ok(()) } else { Err(McpMessageError::MediaType) }
}

/// A parameter of a media type that says no charset, or this one, in the one way in which JSON has it: `charset*` of RFC 8187 is a charset for some readers.
fn is_utf8(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let (name, value) = (name.trim_ascii(), value.trim_ascii());
    let is_charset = name.split('*').next().is_some_and(|name| is(name.trim_ascii(), "charset"));
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    !is_charset || is(name, "charset") && is(unquoted.unwrap_or(value), "utf-8")
}

fn is(text: &str, other: &str) -> bool {
    text.eq_ignore_ascii_case(other)
}

/// Whether `Mcp-Name` says what a message is about. Of methods that the protocol does not have, nobody here knows what it would say.
fn names(call: &McpCall, name: &str) -> bool {
    match (call.target(), call.method()) {
        (Some(target), _) => decoded(name).is_some_and(|name| name == target),
        (None, Some(method)) => !FREE.contains(&method),
        (None, None) => false,
    }
}

/// What no field can hold is written in base64.
fn decoded(value: &str) -> Option<String> {
    let Some(packed) = value.strip_prefix("=?base64?").and_then(|packed| packed.strip_suffix("?=")) else {
        return Some(value.to_owned());
    };
    let packed = packed.trim_end_matches('=').replace('+', "-").replace('/', "_");
    String::from_utf8(base64url::decode(&packed).ok()?).ok()
}

/// Of two lines, one reader takes the first and another the last.
fn single<'a>(head: &'a HeaderMap, name: &'static str) -> Result<Option<&'a HeaderValue>, McpMessageError> {
    let mut values = head.get_all(HeaderName::from_static(name)).iter();
    let first = values.next();
    if values.next().is_some() { Err(McpMessageError::Fields) } else { Ok(first) }
}
