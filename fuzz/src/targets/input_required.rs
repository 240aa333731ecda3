//! What servers of the Model Context Protocol ask for: it is read or refused, and what is read can be answered.

use aims::mcp::{InputRequest, InputRequired, InputResponses};

pub(super) fn run(input: &[u8]) {
    let Ok(Some(input)) = InputRequired::parse(input) else { return };
    let mut answers = InputResponses::new();
    for (key, request) in input.requests() {
        match request {
            InputRequest::Url(url) => {
                let origin = url.origin();
                let opened = url.open_for(&origin).expect("the origin of the URL");
                assert!(opened.as_str().starts_with("https://") && !opened.authority().contains('@'));
                assert!(opened.port() == 443 || origin.ends_with(&format!(":{}", opened.port())));
                let is_other = |other: &str| url.open_for(other).is_err() || origin == other;
                assert!(
                    is_other("https://evil.example") && is_other(url.host()) && is_other(opened.as_str())
                );
                let next = format!("https://{}:{}", url.host(), opened.port().wrapping_add(1));
                assert!(url.open_for(&next).is_err(), "another service of the host");
                answers.accept(key).expect("keys differ");
            }
            InputRequest::Form(form) => {
                let asks = |text: &str| assert!(!text.contains("password"), "a form asks for a secret");
                asks(form.message());
                for field in form.fields() {
                    asks(field.name());
                    asks(field.title().unwrap_or_default());
                }
                answers.decline(key).expect("keys differ");
            }
            _ => answers.cancel(key).expect("keys differ"),
        }
    }
    answers.to_json().expect("what was read can be written");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        r#"{"resultType":"input_required","requestState":"c2VhbGVk"}"#,
        r#"{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{"message":"Which seat?","requestedSchema":{"type":"object","properties":{"row":{"type":"integer","title":"Row"},"side":{"type":"string","enum":["left","right"]}},"required":["row"]}}}}}"#,
        r#"{"resultType":"input_required","inputRequests":{"b":{"method":"elicitation/create","params":{"mode":"url","message":"Go there.","url":"https://tools.example:8443/link?id=7"}},"c":{"method":"roots/list"}}}"#,
        r#"{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{"message":"Your password?","requestedSchema":{"type":"object","properties":{"x":{"type":"string"}}}}}}}"#,
    ])
}
