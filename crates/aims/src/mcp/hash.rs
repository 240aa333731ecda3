//! What a call asks for, as a hash.

use aims_jose::json::{Kind, Value};
use aims_keys::backend;

/// Of the method and all parameters, but those that differ when the same request comes again (MCP-40). However the JSON of it is written, it is the same: the order of
/// members, white space, escapes, and `1.0` for `1` make no difference, and everything else does.
pub(super) fn hash(method: &str, params: Option<Value<'_>>) -> [u8; 32] {
    let mut to = Vec::new();
    text(&mut to, method);
    if let Some(params) = params {
        value(&mut to, params, &OF_THE_TRY);
    }
    backend::ring().sha256(&to)
}

fn value(to: &mut Vec<u8>, of: Value<'_>, without: &[&str]) {
    match of.kind() {
        Kind::Object => {
            let mut members: Vec<_> = of.as_object().into_iter().flatten().collect();
            members.retain(|(name, _)| !without.contains(&&*name.as_str()));
            members.sort_unstable_by(|(one, _), (other, _)| one.as_str().cmp(&other.as_str()));
            begin(to, b'{', members.len());
            for (name, member) in members {
                text(to, &name.as_str());
                value(to, member, &[]);
            }
        }
        Kind::Array => {
            begin(to, b'[', of.as_array().into_iter().flatten().count());
            for element in of.as_array().into_iter().flatten() {
                value(to, element, &[]);
            }
        }
        Kind::String => text(to, &of.as_str().unwrap_or_default()),
        Kind::Number => number(to, of),
        // What is left is one of three words.
        _ => {
            begin(to, b'w', of.raw().len());
            to.extend_from_slice(of.raw().as_bytes());
        }
    }
}

/// Whole numbers are themselves, beyond what a double holds, too; others are what a double makes of them.
fn number(to: &mut Vec<u8>, of: Value<'_>) {
    let Some(number) = of.as_number() else { return };
    if let Some(whole) = number.as_i64() {
        to.push(b'i');
        to.extend_from_slice(&whole.to_be_bytes());
    } else if let Some(whole) = number.as_u64() {
        to.push(b'u');
        to.extend_from_slice(&whole.to_be_bytes());
    } else {
        let double = number.to_f64();
        if double.fract() == 0.0 && double.abs() < EXACT {
            to.push(b'i');
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
            to.extend_from_slice(&(double as i64).to_be_bytes());
        } else {
            // As it is written, too: a reader with more precision than a double has sees another number.
            begin(to, b'd', number.as_written().len());
            to.extend_from_slice(number.as_written().as_bytes());
        }
    }
}

fn text(to: &mut Vec<u8>, text: &str) {
    begin(to, b's', text.len());
    to.extend_from_slice(text.as_bytes());
}

/// Lengths stand before what they are of: nothing runs into what follows.
fn begin(to: &mut Vec<u8>, kind: u8, len: usize) {
    to.push(kind);
    to.extend_from_slice(&(len as u64).to_be_bytes());
}

/// Of one try, and not of the call.
const OF_THE_TRY: [&str; 3] = ["_meta", "inputResponses", "requestState"];

/// 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;
