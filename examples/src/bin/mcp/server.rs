//! The server: two tools, of which one asks a question first.

use std::sync::Arc;
use std::time::SystemTime;

use aims::keys::{SealingKey, UnixTime};
use aims::mcp::{McpCalls, McpScopes, RequestStates};
use aims::oauth::{
    AccessTokenVerifier, BindingPolicy, DpopVerifier, ResourceMetadata, ResourceServer, Scope, TrustedIssuer,
};
use aims::proof::ReplayMemory;
use aims::{Accept, Audiences, BundleSet, Callers, Guard, Permit, backend};
use axum::Router;
use http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, InputRequiredResult,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};

use crate::Failure;

/// The server behind its guard.
pub(crate) fn router(base: &str, url: &str, issuer: TrustedIssuer) -> Result<Router, Failure> {
    let scopes = McpScopes::builder()
        .every_request("trips:read".parse()?)
        .tool("search", Scope::none())
        .tool("book", "trips:book".parse()?)
        .build()?;
    let tokens = AccessTokenVerifier::builder(url.parse()?, issuer, backend::ring()).build();
    let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100_000), backend::ring()).build();
    let about = ResourceMetadata::builder(url.parse()?).scopes(scopes.supported()?).build()?;
    let resource = ResourceServer::new(tokens, BindingPolicy::bound()).with_dpop(dpop).with_metadata(about);
    let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse()?);
    let guard = Guard::builder(Audiences::http(base)?, BundleSet::new(), callers)
        .access_tokens(resource)
        .accept(Accept::dpop().with_connection())
        .build()?;

    let states = Arc::new(RequestStates::new(SealingKey::generate(backend::ring())?));
    // Hosts but loopback are refused with 403, unless `with_allowed_hosts` names them.
    let config = StreamableHttpServerConfig::default()
        // No sessions: each request stands alone, and so does its token.
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .enforce_origin_validation();
    let service = StreamableHttpService::new(
        move || Ok(Trips { states: Arc::clone(&states) }),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    Ok(Router::new().route_service("/mcp", service).layer(guard.mcp(scopes)?))
}

#[derive(Clone)]
struct Trips {
    states: Arc<RequestStates>,
}

impl ServerHandler for Trips {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({"type": "object", "properties": {"to": {"type": "string"}}});
        let schema = schema.as_object().cloned().unwrap_or_default();
        Ok(ListToolsResult::with_all_items(vec![
            Tool::new("search", "Finds flights.", schema.clone()),
            Tool::new("book", "Books a flight.", schema),
        ]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        // What the guard found out, and no token: there is none in the head that comes this far.
        let parts = context.extensions.get::<Parts>().ok_or_else(|| failed("not over HTTP"))?;
        let permit = parts.extensions.get::<Permit>().ok_or_else(|| failed("not behind a guard"))?;
        let calls = parts.extensions.get::<McpCalls>().ok_or_else(|| failed("not behind a guard"))?;
        let call = calls.iter().next().ok_or_else(|| failed("no call"))?;
        assert!(!parts.headers.contains_key("authorization"), "a tool got a token");

        let to = request.arguments.as_ref().and_then(|all| all.get("to")).and_then(Value::as_str);
        let to = to.unwrap_or("anywhere");
        let who = permit.caller().subject();
        if request.name == "search" {
            return Ok(text(format!("3 flights to {to}, for {who}")));
        }
        let now = UnixTime::try_from(SystemTime::now()).map_err(failed)?;
        let Some(state) = &request.request_state else {
            let state = self.states.seal(permit, call, b"seat asked for", now).map_err(failed)?;
            return ask(&state).map(CallToolResponse::InputRequired);
        };
        // It counts for this agent, and this flight, alone.
        self.states.open(permit, call, state, now).map_err(failed)?;
        let seat = request.input_responses.as_ref().and_then(|all| all.get("seat"));
        let seat = seat.and_then(|seat| seat.pointer("/content/row")).and_then(Value::as_u64);
        let seat = seat.ok_or_else(|| failed("no seat"))?;
        Ok(text(format!("booked row {seat} to {to}, for {who}")))
    }
}

/// A form for the user. For a secret it would be a page of the server's own.
fn ask(state: &str) -> Result<InputRequiredResult, ErrorData> {
    let asked = json!({"resultType": "input_required", "requestState": state, "inputRequests": {"seat": {
        "method": "elicitation/create",
        "params": {"mode": "form", "message": "In which row would you like to sit?", "requestedSchema": {
            "type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]}}}}});
    serde_json::from_value(asked).map_err(failed)
}

fn text(text: String) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}

fn failed(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::invalid_params(error.to_string(), None)
}
