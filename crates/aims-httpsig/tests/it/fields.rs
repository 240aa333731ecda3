//! `Signature-Input` and `Signature` (HS-FLD), by the vectors.

use aims_httpsig::{Candidate, Context, Policy, RawMessage, SignatureFields, Tag};
use aims_keys::{AlgorithmSet, UnixTime};
use aims_testkit::vectors;
use serde_json::Value;

use crate::support::{message, text};

fn with(message: RawMessage, name: &str, lines: &Value) -> RawMessage {
    lines.as_array().unwrap().iter().fold(message, |message, line| {
        let raw: Vec<u8> = text(line).bytes().collect();
        message.with_header(name, raw)
    })
}

#[test]
fn hs_fld_01_hs_fld_02_every_pair_of_the_vectors_parses_or_does_not() {
    let Some(file) = vectors::json("httpsig/signature-fields.json") else { return };
    let all = file["vectors"].as_array().unwrap();
    assert_eq!(all.len(), 40);
    let policy = Policy::new(Tag::Any, [], AlgorithmSet::STANDARD).dangerous_allowing_no_coverage();
    for vector in all {
        let name = text(&vector["name"]);
        let request = with(message(&file["request"]).unwrap(), "Signature-Input", &vector["signature_input"]);
        let request = with(request, "Signature", &vector["signature"]);
        let context = Context::request(&request);
        let now = UnixTime::from_secs(100);
        let fields = SignatureFields::of(&context);
        let candidates =
            fields.as_ref().map_err(Clone::clone).and_then(|fields| fields.candidates(&policy, now));
        if text(&vector["expect"]) != "parse" {
            let refused = match candidates {
                Err(error) => Some(error),
                Ok(all) => all.into_iter().find_map(Result::err),
            };
            assert!(refused.is_some(), "{name}: {}", vector["why"]);
            continue;
        }
        let candidates = candidates.unwrap_or_else(|error| panic!("{name}: {error}"));
        let Some(expected) = vector["signature_base"].as_str() else { continue };
        let label = vector["label"].as_str();
        let is_asked = |one: &Candidate<'_>| label.is_none_or(|label| one.label() == label);
        match candidates.into_iter().flatten().find(is_asked) {
            Some(candidate) => assert_eq!(candidate.base().unwrap(), expected, "{name}"),
            // Refused for their times before there is a base.
            None => assert!(["negative-created", "huge-created"].contains(&name), "{name}"),
        }
    }
}
