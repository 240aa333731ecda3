//! What servers, resources and clients say of themselves.

mod clients;
mod documents;
mod redirects;
mod resources;
mod servers;

use aims_testkit::vectors;
use serde_json::Value;

/// The cases of one kind, if the vectors are there.
fn cases(kind: &str) -> Option<Vec<Value>> {
    let file = vectors::json("oauth/generated/http-cases.json")?;
    let cases = file["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == kind);
    Some(cases.cloned().collect())
}

fn text<'c>(case: &'c Value, name: &str) -> &'c str {
    case[name].as_str().unwrap()
}

/// With white space behind it, so that it has this length.
fn padded(text: &str, len: usize) -> String {
    format!("{text}{}", " ".repeat(len - text.len()))
}
