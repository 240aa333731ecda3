//! Messages of the vectors.

use aims_httpsig::RawMessage;
use base64::Engine;
use serde_json::Value;

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Bytes beyond ASCII are written as the code points of the same number.
fn raw(value: &Value) -> Vec<u8> {
    text(value).chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

/// `None` where the vector has no such message.
pub(crate) fn message(value: &Value) -> Option<RawMessage> {
    if value.is_null() {
        return None;
    }
    let message = match value["status"].as_u64() {
        Some(status) => RawMessage::response(status.try_into().unwrap()),
        None => RawMessage::request(text(&value["method"]), text(&value["request_target"]))
            .with_scheme(text(&value["scheme"]))
            .with_authority(text(&value["authority"])),
    };
    let fields = |name: &str| value[name].as_array().cloned().unwrap_or_default();
    let message = fields("headers")
        .iter()
        .fold(message, |message, field| message.with_header(text(&field[0]), raw(&field[1])));
    let trailers = fields("trailers");
    Some(
        trailers.iter().fold(message, |message, field| message.with_trailer(text(&field[0]), raw(&field[1]))),
    )
}

pub(crate) fn decode(value: &Value) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(text(value)).unwrap()
}
