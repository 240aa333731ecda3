//! Content that readers could read differently, and content that is none.

use axum::body::Body;
use http::StatusCode;
use proptest::prelude::*;

use super::world::*;

#[tokio::test]
async fn mcp_2_what_two_readers_read_differently_is_refused() {
    let world = World::new();
    let token = world.token("trips trips:read trips:book");
    for (content, code, rule) in [
        (
            r#"{"jsonrpc":"2.0","method":"ping","method":"tools/call","params":{"name":"book"}}"#,
            "json_duplicate_name",
            "JO-JSON-02",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"search","name":"book"}}"#,
            "json_duplicate_name",
            "JO-JSON-02",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"search","n\u0061me":"book"}}"#,
            "json_duplicate_name",
            "JO-JSON-02",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"search"},"params":{"name":"book"}}"#,
            "json_duplicate_name",
            "JO-JSON-02",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, "json_duplicate_name", "JO-JSON-02"),
        (r#"[{"jsonrpc":"2.0","method":"ping"}],"x":[1"#, "json_syntax", ""),
        (r#"[{"jsonrpc":"2.0","method":"ping"}],"x":[1]"#, "mcp_batch", "MCP-2"),
        (
            r#"{"jsonrpc":"2.0","method":"ping"}{"jsonrpc":"2.0","method":"tools/call","params":{"name":"book"}}"#,
            "json_trailing_data",
            "",
        ),
        (r#"{"jsonrpc":"2.0","method":"ping",}"#, "json_trailing_comma", ""),
        ("\u{feff}{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}", "json_byte_order_mark", ""),
        ("", "json_truncated", ""),
        ("7", "json_not_an_object", ""),
        ("[]", "mcp_batch", "MCP-2"),
        ("[7]", "mcp_message", "MCP-2"),
        (r#"[[{"jsonrpc":"2.0","method":"ping"}]]"#, "mcp_message", "MCP-2"),
        ("{}", "mcp_message", "MCP-2"),
        (r#"{"method":"ping"}"#, "mcp_message", "MCP-2"),
        (r#"{"jsonrpc":"1.0","method":"ping"}"#, "mcp_message", "MCP-2"),
        (r#"{"jsonrpc":"2.0","method":7}"#, "mcp_message", "MCP-2"),
        (r#"{"jsonrpc":"2.0","method":""}"#, "mcp_message", "MCP-2"),
        (r#"{"jsonrpc":"2.0","method":"tools/call book"}"#, "mcp_message", "MCP-2"),
        (r#"{"jsonrpc":"2.0","method":"ping","result":{}}"#, "mcp_message", "MCP-2"),
        (r#"{"jsonrpc":"2.0","id":1}"#, "mcp_message", "MCP-2"),
        (r#"{"jsonrpc":"2.0","method":"tools/call"}"#, "mcp_target", "MCP-2"),
        (r#"{"jsonrpc":"2.0","method":"tools/call","params":["search"]}"#, "mcp_target", "MCP-2"),
        (r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":7}}"#, "mcp_target", "MCP-2"),
        (r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":""}}"#, "mcp_target", "MCP-2"),
        (r#"{"jsonrpc":"2.0","method":"tools/call","params":{"uri":"search"}}"#, "mcp_target", "MCP-2"),
    ] {
        let before = world.handled();
        let (status, _, body) = world.call(bearer(&token, content.to_owned())).await;
        assert_eq!((status, world.handled()), (StatusCode::BAD_REQUEST, before), "{content}: {body}");
        let decision = &world.records.last()["decision"];
        assert_eq!(decision["reasons"][0], code, "{content}");
        assert!(rule.is_empty() || decision["policy_id"][0] == rule, "{content}: {decision}");
    }
    let many = format!("[{}]", vec![message("ping", "{}"); 17].join(","));
    world.assert_refused(bearer(&token, many), 400, "invalid_request", "mcp_batch", "MCP-2").await;
    let deep = message("ping", &format!(r#"{{"a":{}{}}}"#, "[".repeat(70), "]".repeat(70)));
    world
        .assert_refused(bearer(&token, deep), 400, "invalid_request", "json_depth_limit", "JO-JSON-03")
        .await;
    let utf16: Vec<u8> = tool("book").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(world.call(bearer(&token, utf16)).await.0, StatusCode::BAD_REQUEST);
    let latin1 = [br#"{"jsonrpc":"2.0","method":"ping","params":{"a":""#.as_slice(), b"\xe9\"}}"].concat();
    assert_eq!(world.call(bearer(&token, latin1)).await.0, StatusCode::BAD_REQUEST);
    // White space is no difference, and an escape is what it stands for.
    for content in [
        " \r\n\t[ {\"jsonrpc\":\"2.0\",\"method\":\"ping\"} ]\n".to_owned(),
        r#"{"jsonrpc":"2.0","m\u0065thod":"tools/c\u0061ll","params":{"n\u0061me":"s\u0065arch"}}"#
            .to_owned(),
        vec![message("ping", "{}"); 16].join(",").replacen('{', "[{", 1) + "]",
    ] {
        assert_eq!(world.call(bearer(&token, content.clone())).await.0, StatusCode::OK, "{content}");
    }
}

#[tokio::test]
async fn aud_16_names_do_not_break_records() {
    let world = World::new();
    let token = world.token("trips");
    let name = "\u{1b}[2J\\\"\u{2028},"
        .repeat(100)
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\u{1b}', "\\u001b");
    let (status, ..) = world.call(bearer(&token, tool(&name))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let text = world.records.text();
    assert!(text.lines().count() == 1 && text.len() < 65_535 && text.is_ascii(), "{text}");
}

proptest! {
    /// Whatever the content is, no reader of JSON finds a call in it that was not decided about.
    #[test]
    fn mcp_4_nothing_is_called_that_was_not_decided_about(content in r#"[\[\]{},:" ]{0,6}|(\{"jsonrpc":"2.0"(,"(method|params|id|m\\u0065thod)":("tools/call"|"ping"|\{"name":"(search|book)"\}|7)){1,4}\},?){1,3}"#) {
        let content = if content.starts_with('{') { content.trim_end_matches(',').to_owned() } else { content };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let world = World::new();
        let token = world.token("trips trips:read");
        let wrapped = if content.contains("},{") { format!("[{content}]") } else { content };
        let (status, ..) = runtime.block_on(world.call(bearer(&token, Body::from(wrapped.clone()))));
        if status == StatusCode::OK {
            let read: serde_json::Value = serde_json::from_str(&wrapped).unwrap();
            let all = read.as_array().cloned().unwrap_or_else(|| vec![read]);
            for one in all {
                prop_assert!(one["method"] != "tools/call" || one["params"]["name"] == "search", "{}", wrapped);
            }
        }
    }
}
