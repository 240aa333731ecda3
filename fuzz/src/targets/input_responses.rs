//! What a user answers to a server of the Model Context Protocol: it is what the form asks for, or refused; each question has one answer; and another reader reads it as
//! it was given.

use std::sync::LazyLock;

use aims::mcp::{FieldKind, FormRequest, InputRequest, InputRequired, InputResponses};
use serde_json::{Value, json};

/// With a field of each kind.
static FORM: LazyLock<FormRequest> = LazyLock::new(|| {
    let asked = br#"{"resultType":"input_required","inputRequests":{"seat":{"method":"elicitation/create","params":{
        "message":"Which seat?","requestedSchema":{"type":"object","required":["row"],"properties":{
        "row":{"type":"integer"},"side":{"type":"string","enum":["left","right"]},"note":{"type":"string"},
        "meal":{"type":"array","items":{"anyOf":[{"const":"v"},{"const":"h"}]}},"weight":{"type":"number"},"aisle":{"type":"boolean"}}}}}}}"#;
    let asked = InputRequired::parse(asked).expect("a result").expect("a question");
    let Some((_, InputRequest::Form(form))) = asked.requests().next() else { panic!("no form") };
    // A form that has changed would let nothing through any more.
    InputResponses::new().fill("seat", form, GOOD.as_bytes()).expect("a good answer");
    form.clone()
});

/// Up to two parts, with a zero byte between them: what was filled in, and the key of the question.
pub(super) fn run(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let (content, key) = (parts.next().unwrap_or_default(), parts.next().unwrap_or(b"seat"));
    let Ok(key) = str::from_utf8(key) else { return };
    let mut answers = InputResponses::new();
    let filled = match answers.fill(key, &FORM, content) {
        Ok(()) => Some(content),
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            answers.decline(key).expect("what was refused is no answer");
            None
        }
    };
    for again in [answers.fill(key, &FORM, br#"{"row":1}"#), answers.accept(key), answers.cancel(key)] {
        assert_eq!(again.expect_err("an answer counts once").code(), "input_answered");
    }
    let other = format!("{key}.");
    answers.cancel(&other).expect("another question");
    let written = answers.to_json().expect("what was taken can be written");
    let (read, filled) = match (serde_json::from_str::<Value>(&written), filled.map(serde_json::from_slice)) {
        (Ok(read), None) => (read, None),
        (Ok(read), Some(filled)) => (read, Some(filled.expect("a part of it"))),
        // A number that no double holds.
        (Err(error), _) => return assert!(error.to_string().contains("number out of range"), "{error}"),
    };
    let answer = match filled {
        Some(content) => {
            check(&content);
            json!({ "action": "accept", "content": content })
        }
        None => json!({ "action": "decline" }),
    };
    assert_eq!(read, json!({ key: answer, &*other: { "action": "cancel" } }));
}

/// What the form asks for, and nothing besides.
fn check(content: &Value) {
    let content = content.as_object().expect("an object");
    assert!(content.contains_key("row"), "what is required is missing");
    for (name, value) in content {
        let field = FORM.fields().iter().find(|field| field.name() == name).expect("a field of the form");
        let is_one_of = |all: &[String], value: &Value| all.iter().any(|one| value == one);
        let is_taken = match field.kind() {
            FieldKind::Boolean => value.is_boolean(),
            FieldKind::Choice(all) => is_one_of(all, value),
            FieldKind::Choices(all) => {
                value.as_array().is_some_and(|values| values.iter().all(|value| is_one_of(all, value)))
            }
            FieldKind::Integer => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            FieldKind::Number => value.is_number(),
            FieldKind::Text => value.is_string(),
            kind => panic!("no field is of the kind {kind:?}"),
        };
        assert!(is_taken, "{name}: {value}");
    }
}

const GOOD: &str =
    r#"{"row":7,"side":"left","meal":["v","h"],"note":"\u00fc \"x\"","weight":2.5e0,"aisle":true}"#;

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        GOOD,
        "{\"row\":1}\0another key",
        "{\"row\":-9007199254740993}\0\"\\\u{1}",
        r#"{"row":1,"row":2}"#,
        r#"{"row":1.0,"weight":1e400}"#,
        r#"{"row":1,"more":2}"#,
        r#"{"row":"1","side":"top","meal":[[]],"note":null}"#,
    ])
}
