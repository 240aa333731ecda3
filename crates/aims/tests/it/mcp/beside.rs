//! Requests whose head says something else than their content, and content that another reader reads otherwise.

use aims::mcp::McpScopes;
use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Method, Request, StatusCode};
use tower::ServiceExt;

use super::world::*;

const ALL: &str = "trips trips:read trips:book";

fn with(token: &str, fields: &[(&str, &str)], content: String) -> Request<Body> {
    let mut request = bearer(token, content);
    for (name, value) in fields {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn mcp_2_fields_say_what_the_content_says() {
    let world = World::new();
    let token = world.token(ALL);
    let batch = format!("[{},{}]", tool("search"), tool("book"));
    for (fields, content) in [
        // The tool that a dispatcher would take is not the one that was decided about.
        (&[("mcp-method", "tools/call"), ("mcp-name", "book")][..], tool("search")),
        (&[("mcp-method", "tools/call"), ("mcp-name", "Search")], tool("search")),
        (&[("mcp-method", "ping")], tool("book")),
        (&[("mcp-method", "Tools/Call")], tool("book")),
        (&[("mcp-method", "")], tool("book")),
        (&[("mcp-method", "tools/call")], message("ping", "{}")),
        (&[("mcp-name", "book")], message("ping", "{}")),
        (&[("mcp-name", "book")], tool("search")),
        (&[("mcp-name", "search")], batch.clone()),
        (&[("mcp-method", "tools/call")], r#"{"jsonrpc":"2.0","id":7,"result":{}}"#.to_owned()),
        (&[("mcp-name", "book")], r#"{"jsonrpc":"2.0","id":7,"result":{}}"#.to_owned()),
        (&[("mcp-name", "trips://8")], message("resources/read", r#"{"uri":"trips://7"}"#)),
        // Twice: one reader takes the first, another the last.
        (&[("mcp-name", "search"), ("mcp-name", "book")], tool("search")),
        (&[("mcp-method", "tools/call"), ("mcp-method", "ping")], tool("search")),
        (&[("mcp-method", "tools/call"), ("mcp-method", "tools/call")], tool("search")),
        // `book` in base64, and what is none.
        (&[("mcp-name", "=?base64?Ym9vaw==?=")], tool("search")),
        (&[("mcp-name", "=?base64?!?=")], tool("search")),
        (&[("mcp-name", "=?base64?/w==?=")], tool("search")),
    ] {
        let request = with(&token, fields, content);
        world.assert_refused(request, 400, "invalid_request", "mcp_fields", "MCP-2").await;
        assert!(world.records.last()["action"]["operation"].is_string(), "what it would have called");
    }
    for (fields, content) in [
        (&[("mcp-method", "tools/call"), ("mcp-name", "search")][..], tool("search")),
        (&[("mcp-name", "=?base64?c2VhcmNo?=")], tool("search")),
        (&[("mcp-method", "tools/call")], batch),
        (&[("mcp-method", "tools/list")], message("tools/list", "{}")),
        (&[("mcp-name", "trips://7")], message("resources/subscribe", r#"{"uri":"trips://7"}"#)),
    ] {
        let answer = world.call(with(&token, fields, content)).await;
        assert_eq!(answer.0, StatusCode::OK, "{fields:?}");
    }
}

#[tokio::test]
async fn mcp_2_fields_that_repeat_arguments_say_what_the_content_says() {
    let world = World::new();
    let token = world.token(ALL);
    let search =
        |arguments: &str| message("tools/call", &format!(r#"{{"name":"search","arguments":{arguments}}}"#));
    let table = McpScopes::builder()
        .tool("search", "trips".parse().unwrap())
        .tool("book", "trips".parse().unwrap())
        .mirrored("search", "Tenant", &["tenant"])
        .mirrored("search", "Zone", &["place", "zone"])
        .mirrored("search", "Count", &["count"])
        .mirrored("search", "Dry", &["dry"])
        .build()
        .unwrap();
    let app = Router::new().fallback(|| async {}).layer(world.guard.mcp(table).unwrap());
    let status = async |fields: &[(&str, &str)], content: String| {
        app.clone().oneshot(with(&token, fields, content)).await.unwrap().status().as_u16()
    };
    for (name, value, arguments) in [
        ("mcp-param-tenant", "a", r#"{"tenant":"a"}"#),
        ("Mcp-Param-Tenant", "=?base64?YQ==?=", r#"{"tenant":"a"}"#),
        ("mcp-param-tenant", "=?base64?w6k=?=", r#"{"tenant":"\u00e9"}"#),
        ("mcp-param-tenant", "7", r#"{"tenant":"7"}"#),
        ("mcp-param-zone", "eu-1", r#"{"place":{"zone":"eu-1"}}"#),
        ("mcp-param-count", "42", r#"{"count":42}"#),
        ("mcp-param-count", "42.0", r#"{"count":42}"#),
        ("mcp-param-count", "-7", r#"{"count":-7.0}"#),
        ("mcp-param-dry", "true", r#"{"dry":true}"#),
    ] {
        assert_eq!(status(&[(name, value)], search(arguments)).await, 200, "{name}: {value}");
    }
    for (name, value, arguments) in [
        ("mcp-param-tenant", "b", r#"{"tenant":"a"}"#),
        ("mcp-param-tenant", "A", r#"{"tenant":"a"}"#),
        ("mcp-param-tenant", "", r#"{"tenant":"a"}"#),
        ("mcp-param-tenant", "=?base64?Yg==?=", r#"{"tenant":"a"}"#),
        ("mcp-param-tenant", "=?base64?!?=", r#"{"tenant":"a"}"#),
        // What is not there, or nothing, is not repeated.
        ("mcp-param-tenant", "a", "{}"),
        ("mcp-param-tenant", "null", r#"{"tenant":null}"#),
        ("mcp-param-tenant", "a", r#"{"tenant":["a"]}"#),
        ("mcp-param-zone", "eu-1", r#"{"zone":"eu-1"}"#),
        ("mcp-param-zone", "eu-1", r#"{"place":"eu-1"}"#),
        // Of two readers, each takes another.
        ("mcp-param-tenant", "a", r#"{"tenant":"a","Tenant":"b"}"#),
        ("mcp-param-zone", "eu-1", r#"{"place":{"zone":"eu-1"},"PLACE":{"zone":"us-1"}}"#),
        ("mcp-param-count", "42", r#"{"count":43}"#),
        ("mcp-param-count", "42", r#"{"count":"43"}"#),
        ("mcp-param-count", "042", r#"{"count":42}"#),
        ("mcp-param-count", "+42", r#"{"count":42}"#),
        ("mcp-param-count", "42.", r#"{"count":42}"#),
        ("mcp-param-count", "42.5", r#"{"count":42.5}"#),
        ("mcp-param-count", "4e1", r#"{"count":4e1}"#),
        ("mcp-param-count", "9007199254740992", r#"{"count":9007199254740993}"#),
        ("mcp-param-count", "9007199254740992", r#"{"count":9007199254740992}"#),
        ("mcp-param-dry", "1", r#"{"dry":true}"#),
        ("mcp-param-dry", "true", r#"{"dry":false}"#),
        // Nobody knows what they repeat.
        ("mcp-param-to", "oslo", r#"{"to":"oslo"}"#),
        ("mcp-param-", "a", r#"{"":"a"}"#),
        ("mcp-tenant", "a", r#"{"tenant":"a"}"#),
    ] {
        assert_eq!(status(&[(name, value)], search(arguments)).await, 400, "{name}: {value} {arguments}");
    }
    let tenant = [("mcp-param-tenant", "a")];
    let same = search(r#"{"tenant":"a"}"#);
    assert_eq!(status(&[tenant[0], tenant[0]], same.clone()).await, 400, "twice");
    // Of another tool, of something else than a tool, of one message in a batch, and of none.
    assert_eq!(status(&tenant, same.replace("search", "book")).await, 400);
    assert_eq!(status(&tenant, message("ping", r#"{"tenant":"a"}"#)).await, 400);
    assert_eq!(status(&tenant, format!("[{same},{}]", tool("book"))).await, 400);
    assert_eq!(status(&tenant, r#"{"jsonrpc":"2.0","id":7,"result":{}}"#.to_owned()).await, 400);
    let mut listen = with(&token, &tenant, String::new());
    *listen.method_mut() = Method::GET;
    assert_eq!(app.clone().oneshot(listen).await.unwrap().status().as_u16(), 400);
    // Where no table says what they repeat, none of them passes.
    let request = with(&token, &tenant, same);
    world.assert_refused(request, 400, "invalid_request", "mcp_fields", "MCP-2").await;
    assert_eq!(world.records.last()["action"]["operation"], "tools/call search");
}

#[tokio::test]
async fn mcp_2_the_version_beside_the_content_is_that_of_the_content() {
    let world = World::new();
    let token = world.token(ALL);
    let asking = |version: &str| {
        let meta = format!(r#""_meta":{{"io.modelcontextprotocol/protocolVersion":{version}}}"#);
        message("tools/call", &format!(r#"{{"name":"search","arguments":{{}},{meta}}}"#))
    };
    let newest = [("mcp-protocol-version", "2026-07-28")];
    for (fields, content) in [
        (&newest[..], asking(r#""2026-07-28""#)),
        (&[], asking(r#""2026-07-28""#)),
        (&newest, tool("search")),
    ] {
        assert_eq!(world.call(with(&token, fields, content)).await.0, StatusCode::OK);
    }
    for (fields, content) in [
        (&newest[..], asking(r#""2025-11-25""#)),
        (&newest, asking("null")),
        (&[newest[0], newest[0]], asking(r#""2026-07-28""#)),
    ] {
        let request = with(&token, fields, content);
        world.assert_refused(request, 400, "invalid_request", "mcp_fields", "MCP-2").await;
    }
}

#[tokio::test]
async fn mcp_2_where_there_is_no_message_no_field_repeats_one() {
    let world = World::new();
    let token = world.token(ALL);
    let listen = |method: Method, fields: &[(&str, &str)], content: &str| {
        let mut request = with(&token, fields, content.to_owned());
        *request.method_mut() = method;
        request
    };
    for method in [Method::GET, Method::DELETE] {
        for fields in [
            &[("mcp-method", "tools/call"), ("mcp-name", "book")][..],
            &[("mcp-method", "ping")],
            &[("mcp-name", "book")],
            &[("mcp-name", "")],
        ] {
            let request = listen(method.clone(), fields, "");
            world.assert_refused(request, 400, "invalid_request", "mcp_fields", "MCP-2").await;
        }
        // Other fields of the protocol repeat nothing; a message is one, whatever the method of the request.
        let session = [("mcp-session-id", "7b8a3c2e"), ("mcp-protocol-version", "2025-11-25")];
        assert_eq!(world.call(listen(method.clone(), &session, "")).await.0, StatusCode::OK);
        let same = [("mcp-method", "tools/call"), ("mcp-name", "search")];
        assert_eq!(world.call(listen(method.clone(), &same, &tool("search"))).await.0, StatusCode::OK);
        let other = listen(method.clone(), &same, &tool("book"));
        world.assert_refused(other, 400, "invalid_request", "mcp_fields", "MCP-2").await;
        for name in ["mcp_method", "mcp_name", "mcp-name_", "mcp_param-a"] {
            let fields = [&same[..], &[(name, "tools/list")]].concat();
            let folded = listen(method.clone(), &fields, &tool("search"));
            world.assert_refused(folded, 400, "invalid_request", "mcp_fields", "MCP-2").await;
        }
    }
}

#[tokio::test]
async fn mcp_2_members_in_another_case_are_none_of_anybodys() {
    let world = World::new();
    let token = world.token(ALL);
    for content in [
        // A reader with no regard for case, such as that of Go's standard library, takes the last.
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"book"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","Name":"book"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search"},"Params":{"name":"book"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search"},"paramſ":{"name":"book"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search"},"p\u0061ram\u017f":{"name":"book"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{},"Arguments":{"to":"rome"}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"trips://7","URI":"trips://8"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"Method":"tools/call","Params":{"name":"book"}}"#,
        r#"{"jsonrpc":"2.0","JSONRPC":"2.0","id":1,"method":"ping"}"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}]"#,
    ] {
        let request = bearer(&token, content);
        world.assert_refused(request, 400, "invalid_request", "mcp_message", "MCP-2").await;
    }
    // What a tool makes of its arguments is its own.
    let arguments = message("tools/call", r#"{"name":"search","arguments":{"Name":"a","name":"b"}}"#);
    assert_eq!(world.call(bearer(&token, arguments)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn mcp_2_content_is_json_in_utf_8() {
    let world = World::new();
    let token = world.token(ALL);
    let typed = |media_type: &str| {
        let mut request = bearer(&token, tool("search"));
        request.headers_mut().insert("content-type", media_type.parse().unwrap());
        request
    };
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json, text/plain",
        "application/json; a=b, text/html",
        "application/json; a=b, application/x-www-form-urlencoded",
        "application/json; charset=utf-7",
        "application/json; charset=\"utf-16\"",
        "application/json;x=y; Charset = iso-2022-jp",
        "application/json; charset*=utf-8''utf-16",
        "application/json; charset=utf-8; CHARSET*=utf-16",
        "application/json; charset*0=utf-; charset*1=16",
        "application/json; charset *=utf-8''utf-8",
        "application/json; charset",
        "application/json; charset=\"utf-8",
        "",
    ] {
        let request = typed(media_type);
        world.assert_refused(request, 415, "invalid_request", "mcp_media_type", "MCP-2").await;
    }
    // Bytes that are no text are no media type, and no name of anything.
    let bytes = |name: &'static str| {
        let mut request = bearer(&token, tool("search"));
        request.headers_mut().insert(name, HeaderValue::from_bytes(b"application/json\xff").unwrap());
        request
    };
    for name in ["content-type", "content-encoding"] {
        world.assert_refused(bytes(name), 415, "invalid_request", "mcp_media_type", "MCP-2").await;
    }
    for name in ["mcp-method", "mcp-name"] {
        world.assert_refused(bytes(name), 400, "invalid_request", "mcp_fields", "MCP-2").await;
    }
    for media_type in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"; v=1",
        "application/json; x*=a; charset=utf-8",
    ] {
        assert_eq!(world.call(typed(media_type)).await.0, StatusCode::OK, "{media_type}");
    }
    // What a server unpacks is not what was read here.
    let packed = with(&token, &[("content-encoding", "br")], tool("search"));
    world.assert_refused(packed, 415, "invalid_request", "mcp_media_type", "MCP-2").await;
    let twice = with(&token, &[("content-type", "text/plain")], tool("search"));
    world.assert_refused(twice, 400, "invalid_request", "mcp_fields", "MCP-2").await;
    let identity = with(&token, &[("content-encoding", "identity")], tool("search"));
    assert_eq!(world.call(identity).await.0, StatusCode::OK);
}

#[tokio::test]
async fn mcp_4_whoever_listens_to_a_resource_may_read_it() {
    let world = World::new();
    let listen = |uris: &str| {
        message("subscriptions/listen", &format!(r#"{{"notifications":{{"resourceSubscriptions":{uris}}}}}"#))
    };
    let weak = world.token("trips");
    let refused = bearer(&weak, listen(r#"["trips://7"]"#));
    let wanted =
        world.assert_refused(refused, 403, "insufficient_scope", "insufficient_scope", "CHA-3").await;
    assert!(wanted[0].contains("scope=\"trips trips:read\""), "{wanted:?}");
    let strong = world.token(ALL);
    assert_eq!(world.call(bearer(&strong, listen(r#"["trips://7"]"#))).await.0, StatusCode::OK);
    assert_eq!(world.records.last()["action"]["operation"], "subscriptions/listen trips://7");
    let unlisted = bearer(&strong, listen(r#"["trips://7","vault://all"]"#));
    world.assert_refused(unlisted, 403, "forbidden", "mcp_not_listed", "MCP-4").await;
    for nothing in ["[]", "null"] {
        assert_eq!(world.call(bearer(&weak, listen(nothing))).await.0, StatusCode::OK, "{nothing}");
    }
    let many = format!("[{}]", vec![r#""trips://7""#; 65].join(","));
    for wrong in [r#""trips://7""#, "[7]", r#"[""]"#, r#"{"0":"trips://7"}"#, &many] {
        let refused = bearer(&strong, listen(wrong));
        world.assert_refused(refused, 400, "invalid_request", "mcp_target", "MCP-2").await;
    }
    let other_case = r#"{"notifications":{"ResourceSubscriptions":["vault://all"]}}"#;
    let other_case = bearer(&strong, message("subscriptions/listen", other_case));
    world.assert_refused(other_case, 400, "invalid_request", "mcp_message", "MCP-2").await;
    // Where all resources have one scope, that.
    let open = McpScopes::builder().other_resources("any".parse().unwrap()).build().unwrap();
    let app = Router::new().fallback(|| async {}).layer(world.guard.mcp(open).unwrap());
    for (granted, status) in [("any", 200), ("other", 403)] {
        let request = bearer(&world.token(granted), listen(r#"["a:b"]"#));
        assert_eq!(app.clone().oneshot(request).await.unwrap().status().as_u16(), status);
    }
}
