//! What a call asks for, as a hash.

use aims_jose::json::Value;
use aims_keys::backend;

/// Of the method and all parameters, but those that differ when the same request comes again (MCP-40). However the JSON of it is written, it is the same: white space,
/// escapes, the order of members and the digits of a number make no difference, and everything else does. `None`, where a number has more digits than a double keeps.
pub(super) fn hash(method: &str, params: Option<Value<'_>>) -> Option<[u8; 32]> {
    let mut members = Vec::new();
    for (name, value) in params.and_then(|params| params.as_object()).into_iter().flatten() {
        if !OF_THE_TRY.contains(&&*name.as_str()) {
            members.push((name.as_str().into_owned(), value.to_canonical().ok()?));
        }
    }
    members.sort_unstable();
    let mut all = Vec::new();
    let mut add = |part: &str| {
        // Lengths stand before what they are of: nothing runs into what follows.
        all.extend_from_slice(&(part.len() as u64).to_be_bytes());
        all.extend_from_slice(part.as_bytes());
    };
    add(method);
    for (name, value) in &members {
        add(name);
        add(value);
    }
    Some(backend::ring().sha256(&all))
}

/// Of one try, and not of the call.
const OF_THE_TRY: [&str; 3] = ["_meta", "inputResponses", "requestState"];
