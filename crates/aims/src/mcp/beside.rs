//! What stands beside the content of a request, and says what is in it.

use aims_jose::base64url;
use aims_jose::json::Value;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::calls::{McpCall, McpCalls, McpMessageError, looks_like_another};
use super::scopes::{FREE, McpScopes};

/// That whoever goes by the head of a request, as proxies and dispatchers do, finds in it what was decided about: the fields that repeat a message say what it says, and where
/// there is no message, there is nothing to repeat. What [`check_repeated`] compares is left to it.
pub(crate) fn check_fields(head: &HeaderMap, calls: &McpCalls) -> Result<(), McpMessageError> {
    let text = |value| HeaderValue::to_str(value).map_err(|_| McpMessageError::Fields);
    let method = single(head, &METHOD)?.map(text).transpose()?;
    let name = single(head, &NAME)?.map(text).transpose()?;
    let is_repeated = |field: &HeaderName| parameter(field).is_some();
    let repeats = method.is_some() || name.is_some() || head.keys().any(is_repeated);
    let repeats_nothing = calls.iter().next().is_none() && repeats;
    let is_same = |call: &McpCall| {
        method.is_none_or(|method| call.method() == Some(method)) && name.is_none_or(|name| names(call, name))
    };
    // A later revision may have more fields that repeat something.
    let is_known = |field: &HeaderName| {
        let text = field.as_str();
        if !text.starts_with(FAMILY) {
            // What hands on fields as variables of an environment makes them the same.
            return !(text.contains('_') && text.replace('_', "-").starts_with(FAMILY));
        }
        KNOWN.contains(field) || is_repeated(field)
    };
    let is_sound = calls.iter().all(is_same) && !repeats_nothing && head.keys().all(is_known);
    if is_sound { Ok(()) } else { Err(McpMessageError::Fields) }
}

/// The same for what only the parameters of a message say: the arguments of a tool in `Mcp-Param-*`, as far as the table knows what they repeat, and the version.
pub(crate) fn check_repeated(
    head: &HeaderMap,
    call: &McpCall,
    params: Option<Value<'_>>,
    table: &McpScopes,
) -> Result<(), McpMessageError> {
    use McpMessageError as E;

    let member = |name| params.and_then(|params| params.get(name));
    if let Some(version) = member("_meta").and_then(|meta| meta.get(VERSION_MEMBER))
        && let Some(field) = single(head, &VERSION)?
        && !field.to_str().is_ok_and(|field| version.is_str(field))
    {
        return Err(E::Fields);
    }
    for field in head.keys() {
        let Some(name) = parameter(field) else { continue };
        let path = call.tool().and_then(|tool| table.mirrored(tool, name)).ok_or(E::Fields)?;
        let argument = argument(member("arguments"), path).ok_or(E::Fields)?;
        let value = single(head, field)?.and_then(|value| value.to_str().ok());
        if !value.and_then(decoded).is_some_and(|value| says(&value, argument)) {
            return Err(E::Fields);
        }
    }
    Ok(())
}

/// `Mcp-Param-*`.
fn parameter(field: &HeaderName) -> Option<&str> {
    field.as_str().strip_prefix(PARAMETER)
}

/// What stands at a path, for all readers.
fn argument<'v>(arguments: Option<Value<'v>>, path: &[String]) -> Option<Value<'v>> {
    path.iter().try_fold(arguments?, |value, member| {
        value.get(member).filter(|_| !looks_like_another(value, &[member]))
    })
}

/// Whether a field says this: a text, an integer or a truth value.
fn says(field: &str, argument: Value<'_>) -> bool {
    if let Some(text) = argument.as_str() {
        return text == field;
    }
    if let Some(is) = argument.as_bool() {
        return field == if is { "true" } else { "false" };
    }
    let number = argument.as_number().and_then(|number| integer(number.as_written()));
    number.is_some() && number == integer(field)
}

/// `42`, or `42.0`, which is the same: as all readers keep it, JavaScript's among them.
fn integer(text: &str) -> Option<i64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let is_whole = !rest.is_empty() && rest.bytes().all(|digit| digit == b'0');
    let number = whole.parse::<i64>().ok().filter(|number| is_whole && number.to_string() == whole)?;
    (number.unsigned_abs() < 1 << 53).then_some(number)
}

/// That content is JSON in UTF-8, as far as anybody says: read as another media type, in another charset or unpacked it could be another message.
pub(crate) fn check_media_type(head: &HeaderMap) -> Result<(), McpMessageError> {
    let text = |value| HeaderValue::to_str(value).map_err(|_| McpMessageError::MediaType);
    let coding = single(head, &CONTENT_ENCODING)?.map(text).transpose()?;
    let media_type = single(head, &CONTENT_TYPE)?.map(text).transpose()?;
    let is_packed = coding.is_some_and(|coding| !is(coding, "identity"));
    let is_json = media_type.is_none_or(|media_type| {
        // Of a list, readers take the first, or the last.
        if media_type.contains(',') {
            return false;
        }
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
fn single<'a>(head: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, McpMessageError> {
    let mut values = head.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(McpMessageError::Fields) } else { Ok(first) }
}

const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// The fields of the protocol, but for parameters: of sessions, nothing is in the content.
const KNOWN: [HeaderName; 4] = [METHOD, NAME, VERSION, HeaderName::from_static("mcp-session-id")];

const FAMILY: &str = "mcp-";

const PARAMETER: &str = "mcp-param-";

/// Of `_meta`.
const VERSION_MEMBER: &str = "io.modelcontextprotocol/protocolVersion";
