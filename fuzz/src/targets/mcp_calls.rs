//! Messages to a server of the Model Context Protocol, through its guard: what reaches the handler another reader reads the same, and the token is good for it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};

use aims::mcp::{McpCall, McpCalls, McpScopes, RequestStates};
use aims::{Accept, Audiences, BundleSet, Callers, Guard, JsonLines, McpLayer, Permit};
use aims_keys::{SealingKey, backend};
use aims_oauth::{AccessTokenRequest, AccessTokenVerifier, BindingPolicy, Resource, ResourceServer};
use aims_testkit::TestClock;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower_layer::Layer;
use tower_service::Service;

use super::world::{AGENT, AUDIENCE, NOW, SERVER, at_once};

struct Made {
    layer: McpLayer,
    field: String,
    states: RequestStates,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let scope = |text: &str| text.parse().expect("a scope");
    let tool: Resource = "https://tools.example/mcp".parse().expect("a resource");
    let scopes = McpScopes::builder()
        .every_request(scope("trips"))
        .tool("search", scope("trips:read"))
        .tool("book", scope("trips:read trips:book"))
        .prompt("itinerary", scope("trips:read"))
        .resource("trips://7", scope("trips:read"));
    let tokens = AccessTokenVerifier::builder(tool.clone(), SERVER.trusted(), backend::ring()).build();
    let server = ResourceServer::new(tokens, BindingPolicy::bound().dangerous_or_bearer());
    let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse().expect("a pattern"));
    let audiences = Audiences::http(AUDIENCE).expect("an audience");
    let guard = Guard::builder(audiences, BundleSet::new(), callers)
        .access_tokens(server)
        .accept(Accept::dangerous_bearer())
        .clock(TestClock::at(NOW).reader())
        .recorder(JsonLines::new(std::io::sink()))
        .build()
        .expect("a sound guard");
    // Not for `book`.
    let request = AccessTokenRequest::new("user-1", AGENT, tool).scope(scope("trips trips:read"));
    let token = SERVER.access_tokens().issue(&request, NOW).expect("a token").into_token();
    Made {
        layer: guard.mcp(scopes.build().expect("a table")).expect("a layer"),
        field: format!("Bearer {}", token.expose()),
        states: RequestStates::new(SealingKey::generate(backend::ring()).expect("a key")),
    }
});

/// A message, or several.
pub(super) fn run(input: &[u8]) {
    let made = &*MADE;
    let Some(came) = send(input) else { return };
    assert_eq!(came.body, input, "the handler reads something else than was judged");
    let read = match serde_json::from_slice::<Value>(input) {
        Ok(read) => read,
        // A number that no double holds.
        Err(error) => return assert!(error.to_string().contains("number out of range"), "{error}"),
    };
    let messages = match &read {
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    };
    assert!((1..=16).contains(&messages.len()) && came.calls.iter().count() == messages.len());
    for (call, message) in came.calls.iter().zip(messages) {
        agree(call, message);
        assert!(call.to_string().bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
    }
    states(&came, &read);
    if let (Ok(text), Some(call)) = (str::from_utf8(input), came.calls.iter().next()) {
        let opened = made.states.open(&came.permit, call, text, NOW);
        assert!(opened.is_err(), "a state was opened that nobody sealed");
    }
}

fn agree(call: &McpCall, message: &Value) {
    assert_eq!(message["jsonrpc"], "2.0");
    assert_eq!(call.method(), message.get("method").map(|method| method.as_str().expect("a text")));
    let Some(method) = call.method() else {
        return assert!(message.get("result").is_some() || message.get("error").is_some());
    };
    let (member, granted) = match method {
        "tools/call" => ("name", "search"),
        "prompts/get" => ("name", "itinerary"),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => ("uri", "trips://7"),
        _ => return assert!(call.target().is_none() && call.tool().is_none()),
    };
    assert_eq!(message["params"][member], granted, "the token is not good for it");
    assert_eq!(call.target(), Some(granted));
    assert_eq!(call.tool().is_some(), method == "tools/call");
}

/// What was sealed for a call opens when the call comes again, however that is written, and for no other.
fn states(came: &Came, read: &Value) {
    let Some(call) = came.calls.iter().next().filter(|call| call.hash().is_some()) else { return };
    let states = &MADE.states;
    let state = states.seal(&came.permit, call, b"approval 7", NOW).expect("a state");
    assert_eq!(states.open(&came.permit, call, &state, NOW).expect("our own").as_slice(), b"approval 7");
    for other in came.calls.iter().filter(|other| other.hash() != call.hash()) {
        let refused = states.open(&came.permit, other, &state, NOW).expect_err("another call");
        assert!(["request_state_other_call", "json_number_precision"].contains(&refused.code()));
    }
    // The other reader's doubles are not always the nearest ones.
    let text = serde_json::to_vec(read).expect("JSON");
    if !has_doubles(read) && text.len() <= 64 * 1024 {
        let again = send(&text).expect("the same, written otherwise");
        let same = again.calls.iter().next().expect("a call");
        assert!(states.open(&again.permit, same, &state, NOW).is_ok(), "it was taken for another call");
    }
}

fn has_doubles(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(all) => all.iter().any(has_doubles),
        Value::Object(all) => all.values().any(has_doubles),
        _ => false,
    }
}

/// What reached the handler.
struct Came {
    permit: Permit,
    calls: McpCalls,
    body: Vec<u8>,
}

fn send(content: &[u8]) -> Option<Came> {
    let made = &*MADE;
    let kept = Kept::default();
    let request = Request::post("/mcp").header("host", "tools.example").header("authorization", &made.field);
    let request = request.body(Full::new(Bytes::copy_from_slice(content))).expect("a request");
    let response = at_once(made.layer.layer(kept.clone()).call(request)).expect("infallible");
    let came = kept.0.lock().expect("no panic").take();
    let status = response.status();
    let is_refused = [400, 403, 413].contains(&status.as_u16());
    assert!(if came.is_some() { status == StatusCode::OK } else { is_refused }, "{status}");
    came
}

/// A handler that keeps what it gets.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Option<Came>>>);

impl<B> Service<Request<B>> for Kept
where
    B: BodyExt<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Debug,
{
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let kept = Arc::clone(&self.0);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("the whole body").to_bytes().to_vec();
            let permit = head.extensions.get().cloned().expect("a permit");
            let calls = head.extensions.get().cloned().expect("its calls");
            *kept.lock().expect("no panic") = Some(Came { permit, calls, body });
            Ok(Response::new(String::new()))
        })
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"to":"oslo","days":3,"at":[1.5e0,null,true]},"_meta":{"p":1}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"n\u0061me":"s\u0065arch","requestState":"x","inputResponses":{"a":{"action":"accept"}}}}"#,
        r#"{"jsonrpc":"2.0","id":"b","method":"tools/call","params":{"name":"book"}}"#,
        r#"[{"jsonrpc":"2.0","method":"notifications/progress","params":[1,-2]},{"jsonrpc":"2.0","id":2,"method":"prompts/get","params":{"name":"itinerary"}},{"jsonrpc":"2.0","id":3,"result":{}}]"#,
        r#" [ {"jsonrpc":"2.0","method":"ping"}],"x":[1]"#,
        r#"{"jsonrpc":"2.0","id":4,"method":"resources/subscribe","params":{"uri":"trips://7","limit":9007199254740993}}"#,
        r#"{"jsonrpc":"2.0","id":5,"method":"prompts/get","params":{"name":"search"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}"#,
        r#"{"jsonrpc":"2.0","method":"ping","method":"tools/call"}"#,
    ])
}
