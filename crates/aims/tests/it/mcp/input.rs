//! What servers ask for, and what they would like to ask for.

use aims::mcp::{FieldKind, InputError, InputRequest, InputRequired, InputResponses};
use aims_testkit::assert_refused;
use proptest::prelude::*;

fn parse(result: &str) -> Result<Option<InputRequired>, InputError> {
    InputRequired::parse(result.as_bytes())
}

fn asking(request: &str) -> String {
    format!(r#"{{"resultType":"input_required","inputRequests":{{"one":{request}}}}}"#)
}

fn form(message: &str, properties: &str) -> String {
    asking(&format!(
        r#"{{"method":"elicitation/create","params":{{"message":"{message}","requestedSchema":{{"type":"object","properties":{{{properties}}}}}}}}}"#
    ))
}

fn link(url: &str) -> String {
    asking(&format!(
        r#"{{"method":"elicitation/create","params":{{"mode":"url","message":"Please go there.","url":"{url}"}}}}"#
    ))
}

#[test]
fn mcp_40_results_that_ask_are_told_from_others() {
    for other in
        [r#"{"content":[]}"#, r#"{"resultType":"complete"}"#, r#"{"resultType":7,"inputRequests":{}}"#, "{}"]
    {
        assert!(parse(other).unwrap().is_none(), "{other}");
    }
    let only_state = parse(r#"{"resultType":"input_required","requestState":"abc=="}"#).unwrap().unwrap();
    assert_eq!((only_state.state(), only_state.requests().count()), (Some("abc=="), 0));
    let mixed = r#"{"resultType":"input_required","inputRequests":{
        "a":{"method":"sampling/createMessage","params":{"messages":[]}},"b":{"method":"roots/list"}}}"#;
    let mixed = parse(mixed).unwrap().unwrap();
    let methods: Vec<_> = mixed
        .requests()
        .map(|(key, request)| match request {
            InputRequest::Other(method) => format!("{key} {method}"),
            _ => String::new(),
        })
        .collect();
    assert_eq!(
        (methods.as_slice(), mixed.state()),
        (&["a sampling/createMessage".into(), "b roots/list".into()][..], None)
    );

    for (result, code, rule) in [
        (r#"{"resultType":"input_required"}"#, "input_nothing", "MCP-40"),
        (r#"{"resultType":"input_required","inputRequests":{}}"#, "input_nothing", "MCP-40"),
        (r#"{"resultType":"input_required","inputRequests":[]}"#, "input_member", "MCP-40"),
        (r#"{"resultType":"input_required","requestState":7}"#, "input_member", "MCP-40"),
        (
            r#"{"resultType":"input_required","requestState":"a","requestState":"b"}"#,
            "json_duplicate_name",
            "JO-JSON-02",
        ),
        (&asking("7"), "input_member", "MCP-40"),
        (&asking(r#"{"method":"elicitation/create"}"#), "input_member", "MCP-40"),
        (&asking(r#"{"method":"elicitation/create","params":{"mode":"form"}}"#), "input_member", "MCP-40"),
        (
            &asking(r#"{"method":"elicitation/create","params":{"mode":"voice","message":"a"}}"#),
            "input_member",
            "MCP-40",
        ),
        (&asking(r#"{"method":"elicitation/create","params":{"message":"a"}}"#), "input_member", "MCP-40"),
        (
            &asking(r#"{"method":"elicitation/create","params":{"mode":"url","message":"a"}}"#),
            "input_member",
            "MCP-40",
        ),
        (&form("a", ""), "input_schema", "MCP-40"),
        (&form("a", r#""b":{"type":"object"}"#), "input_schema", "MCP-40"),
        (&form("a", r#""b":{"type":"array","items":{"type":"object"}}"#), "input_schema", "MCP-40"),
        (&form("a", r#""b":{"type":"string","enum":[1]}"#), "input_schema", "MCP-40"),
        (&form("a", r#""b":{"enum":["x"]}"#), "input_schema", "MCP-40"),
    ] {
        assert_refused!(parse(result), code, rule, "{result}");
    }
    let many: Vec<_> = (0..17).map(|at| format!(r#""k{at}":{{"method":"roots/list"}}"#)).collect();
    let many = format!(r#"{{"resultType":"input_required","inputRequests":{{{}}}}}"#, many.join(","));
    assert_refused!(parse(&many), "input_too_long", "MCP-40");
    let fields: Vec<_> = (0..33).map(|at| format!(r#""f{at}":{{"type":"boolean"}}"#)).collect();
    assert_refused!(parse(&form("a", &fields.join(","))), "input_too_long", "MCP-40");
    let long = format!(r#"{{"resultType":"input_required","requestState":"{}"}}"#, "a".repeat(65 * 1024));
    assert_refused!(parse(&long), "input_too_long", "MCP-40");
    assert_refused!(parse(&" ".repeat(300 * 1024)), "input_too_long", "MCP-40");
}

#[test]
fn mcp_40_answers_have_what_the_form_asks_for() {
    let text = r#"{"resultType":"input_required","inputRequests":{"seat":{"method":"elicitation/create","params":{"mode":"form",
        "message":"Which seat?","requestedSchema":{"type":"object","required":["row"],"properties":{
        "row":{"type":"integer","title":"Row","description":"From 1"},"side":{"type":"string","enum":["left","right"]},
        "meal":{"type":"array","items":{"anyOf":[{"const":"v","title":"Vegetarian"},{"const":"h"}]}},
        "class":{"type":"string","oneOf":[{"const":"1"},{"const":"2"}]},"note":{"type":"string"},"weight":{"type":"number"},"aisle":{"type":"boolean"}}}}}}}"#;
    let input = parse(text).unwrap().unwrap();
    let Some((key, InputRequest::Form(form))) = input.requests().next() else { panic!("a form") };
    let row = &form.fields()[0];
    assert_eq!((key, form.message(), row.name(), row.title()), ("seat", "Which seat?", "row", Some("Row")));
    assert_eq!(
        (row.description(), row.is_required(), row.kind()),
        (Some("From 1"), true, &FieldKind::Integer)
    );
    assert_eq!(form.fields()[2].kind(), &FieldKind::Choices(vec!["v".into(), "h".into()]));
    let mut answers = InputResponses::new();
    for wrong in [
        "{}",
        r#"{"row":"1"}"#,
        r#"{"row":1.5}"#,
        r#"{"row":1,"more":2}"#,
        r#"{"row":1,"side":"top"}"#,
        r#"{"row":1,"meal":["x"]}"#,
        r#"{"row":1,"class":1}"#,
        r#"{"row":1,"aisle":"yes"}"#,
        r#"{"row":1,"note":null}"#,
        r#"{"row":1,"weight":"1"}"#,
    ] {
        assert_refused!(answers.fill(key, form, wrong.as_bytes()), "input_answer", "MCP-40", "{wrong}");
    }
    let right = r#"{"row":1,"side":"left","meal":["v"],"class":"2","note":"","weight":2.5,"aisle":true}"#;
    answers.fill(key, form, right.as_bytes()).unwrap();
    assert_refused!(answers.decline(key), "input_answered", "MCP-40");
    answers.cancel("other").unwrap();
    let expected =
        format!(r#"{{"seat":{{"action":"accept","content":{right}}},"other":{{"action":"cancel"}}}}"#);
    assert_eq!(answers.to_json().unwrap(), expected);
}

#[test]
fn mcp_41_forms_never_ask_for_secrets() {
    let plain = r#""x":{"type":"string"}"#;
    for message in [
        "Please give your password.",
        "PASSWORD",
        "Your p\\u200bassword, please",
        "Type your API key",
        "the apiKey of your account",
        "your one-time code",
        "The credit card number",
        "Ihr Passwort bitte",
        "mot de passe",
        "ваш пароль",
        "p a s s w o r d",
        "your access token",
        "Send the private  key",
        "PIN?",
    ] {
        assert_refused!(parse(&form(message, plain)), "input_secret", "MCP-41", "{message}");
    }
    for field in [
        r#""password":{"type":"string"}"#,
        r#""apiKey":{"type":"string"}"#,
        r#""api_key":{"type":"string"}"#,
        r#""API-KEY":{"type":"string"}"#,
        r#""userPassphrase":{"type":"string"}"#,
        r#""x":{"type":"string","title":"Password"}"#,
        r#""x":{"type":"string","description":"the secret of your account"}"#,
        r#""x":{"type":"string","format":"password"}"#,
        r#""x":{"type":"string","writeOnly":true}"#,
        r#""cvv":{"type":"integer"}"#,
        r#""p\u0061ssword":{"type":"string"}"#,
    ] {
        assert_refused!(parse(&form("Hello", field)), "input_secret", "MCP-41", "{field}");
    }
    for honest in
        ["Which seat?", "How many passengers?", "The keyboard layout", "A compass and a map", "Spinning?"]
    {
        assert!(parse(&form(honest, plain)).unwrap().is_some(), "{honest}");
    }
    // What shows something else than is there.
    for message in ["a\\u202eb", "a\\u0007b", "\\u001b[2J", "\\u2066x"] {
        assert_refused!(parse(&form(message, plain)), "input_text", "MCP-41", "{message}");
    }
    assert_refused!(parse(&form("Hello", r#""a\u202eb":{"type":"string"}"#)), "input_text", "MCP-41");
    assert_refused!(
        parse(&form("Hello", r#""a":{"type":"string","enum":["\u202ex"]}"#)),
        "input_text",
        "MCP-41"
    );
}

#[test]
fn mcp_41_links_are_opened_when_the_user_saw_where_they_lead() {
    let input = parse(&link("https://tools.example/connect?elicitation=7b8a&lang=no")).unwrap().unwrap();
    let Some((_, InputRequest::Url(url))) = input.requests().next() else { panic!("a link") };
    assert_eq!((url.host(), url.message()), ("tools.example", "Please go there."));
    assert_eq!(url.origin(), "https://tools.example");
    assert_eq!(url.open_for(&url.origin()).unwrap().path(), "/connect");

    // Another host, port or scheme, or the same in other words.
    for (url, others) in [
        (
            "https://tools.example/connect",
            &[
                "",
                "tools.example",
                "https://tools.example.evil.example",
                "https://TOOLS.example",
                "https://evil.example",
                "https://tools.example:8443",
                "https://tools.example:443",
                "https://tools.example/",
                "https://tools.example/connect",
                "http://tools.example",
            ][..],
        ),
        (
            "https://tools.example:8443/connect",
            &[
                "https://tools.example",
                "https://tools.example:8444",
                "https://tools.example:84433",
                "tools.example:8443",
            ],
        ),
        ("https://[2001:db8::1]:8443/", &["https://[2001:db8::1]", "https://2001:db8::1:8443"]),
        ("https://192.0.2.1/", &["https://192.0.2.1:80", "https://192.0.2.10"]),
    ] {
        let input = parse(&link(url)).unwrap().unwrap();
        let Some((_, InputRequest::Url(url))) = input.requests().next() else { panic!("a link") };
        url.open_for(&url.origin()).unwrap();
        for other in others {
            assert_refused!(url.open_for(other), "input_other_origin", "MCP-41", "{url:?} {other}");
        }
    }
    // The usual port is no other one.
    let usual = parse(&link("https://tools.example:443/connect")).unwrap().unwrap();
    let Some((_, InputRequest::Url(usual))) = usual.requests().next() else { panic!("a link") };
    assert!(usual.origin() == "https://tools.example" && usual.open_for("https://tools.example").is_ok());

    for wrong in [
        "http://tools.example/connect",
        "https://user:pass@tools.example/",
        "https://user@tools.example/",
        "https://tools.example/#a",
        "https://Tools.example/",
        "https://t\\u043eols.example/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "//tools.example/",
        "https://tools.example\\\\@evil.example/",
        "",
    ] {
        assert_refused!(parse(&link(wrong)), "input_url", "MCP-41", "{wrong}");
    }
    for carrying in [
        "https://tools.example/?token=abc",
        "https://tools.example/?access_token=abc",
        "https://tools.example/?id=1&accessToken=abc",
        "https://tools.example/?code=abc",
        "https://tools.example/?X-Amz-Signature=abc",
        "https://tools.example/?session_id=1",
        "https://tools.example/?%74oken=abc",
        "https://tools.example/?email=1",
        "https://tools.example/?u=anna%40acme.example",
        "https://tools.example/u/anna@acme.example/confirm",
        "https://tools.example/?x=eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.",
        "https://tools.example/login/eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln",
        "https://tools.example/?magic=1",
    ] {
        assert_refused!(parse(&link(carrying)), "input_link_with_account", "MCP-41", "{carrying}");
    }
}

proptest! {
    /// Whatever comes is read or refused, and what is read asks for no `https` link that was not looked at.
    #[test]
    fn mcp_40_anything_is_read_or_refused(text in r#"\{"resultType":"input_required",("(inputRequests|requestState)":("[a-z]{0,4}"|\{("a":\{"method":"(roots/list|elicitation/create)"(,"params":\{("mode":"(url|form)",)?"message":"[ -!#-\[\]-~]{0,8}"(,"url":"https://[a-z@.:/?=]{0,12}")?\})?\})?\})){1,2}\}"#) {
        if let Ok(Some(input)) = parse(&text) {
            for (_, request) in input.requests() {
                if let InputRequest::Url(url) = request {
                    prop_assert!(url.open_for(&url.origin()).unwrap().as_str().starts_with("https://"));
                    prop_assert!(!url.host().contains('@'));
                }
            }
        }
    }
}
