//! What is wrong with what resources and authorization servers say of themselves.

use aims::jose::json::{Limits, Object};
use aims::oauth::{
    BearerMethod, ClientAuthMethod, Endpoint, GrantType, Listed, Resource, ResourceMetadata, ServerMetadata,
    Signed,
};

use crate::failure::Failure;
use crate::output::Facts;

/// One thing that is wrong.
pub(super) struct Finding {
    /// Whether a client gets no further.
    pub(super) is_error: bool,
    /// The resource or the server.
    about: String,
    code: &'static str,
    rule: &'static str,
    message: String,
}

impl Finding {
    /// A weakness.
    pub(super) fn warning(
        about: &str,
        code: &'static str,
        rule: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { is_error: false, about: about.to_owned(), code, rule, message: message.into() }
    }

    /// A client gets no further.
    pub(super) fn error(
        about: &str,
        code: &'static str,
        rule: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { is_error: true, ..Self::warning(about, code, rule, message) }
    }

    pub(super) fn facts(&self) -> Facts {
        Facts::new()
            .with("level", if self.is_error { "error" } else { "warning" })
            .with("about", self.about.as_str())
            .with("code", self.code)
            .with("rule", self.rule)
            .with("message", self.message.as_str())
    }

    pub(super) fn failure(&self) -> Failure {
        Failure::Refused {
            input: Some(self.about.clone()),
            code: self.code,
            rule: self.rule,
            message: self.message.clone(),
        }
    }
}

/// What is weak in the metadata of a resource.
pub(super) fn of_resource(metadata: &ResourceMetadata) -> Vec<Finding> {
    let found =
        |code, rule, message: &str| Finding::warning(metadata.resource().as_str(), code, rule, message);
    let mut findings = Vec::new();
    let has_dpop = metadata.dpop_algorithms().is_some_and(|algorithms| !algorithms.is_empty());
    if !has_dpop && !metadata.requires_dpop() && !metadata.binds_to_certificates() {
        let why = "it says of nothing that tokens could be bound to: neither DPoP nor certificates";
        findings.push(found("no_sender_constraint", "DPO-10", why));
    }
    if metadata.supports_bearer_method(BearerMethod::Query) == Some(true) {
        findings.push(found(
            "tokens_in_query",
            "MCP-2",
            "it takes tokens in the query of its URLs, which are logged",
        ));
    }
    if metadata.scopes().is_some_and(|scopes| scopes.contains("offline_access")) {
        findings.push(found("offline_access", "MCP-5", "refresh tokens are no business of a resource"));
    }
    findings
}

/// What is weak, or missing, in the metadata of a server; `document` is what they were read from.
pub(super) fn of_server(
    metadata: &ServerMetadata,
    document: &[u8],
    resource: Option<&Resource>,
) -> Vec<Finding> {
    let about = metadata.issuer().as_str();
    let found = |code, rule, message: &str| Finding::warning(about, code, rule, message);
    let mut findings = Vec::new();
    if metadata.endpoint(Endpoint::Token).is_none() {
        findings.push(Finding::error(about, "no_endpoint", "MET-3", "it has no token endpoint"));
    }
    if metadata.supports_grant(GrantType::AuthorizationCode) {
        findings.extend(of_code_grant(metadata));
    }
    for grant in legacy_grants(document) {
        let why = format!("it has the grant {grant:?}, which gives tokens for less than a code");
        findings.push(Finding::warning(about, "legacy_grant", "AUT-1", why));
    }
    let has_dpop = metadata.algorithms(Signed::DpopProof).is_some_and(|algorithms| !algorithms.is_empty());
    if !has_dpop {
        let why = "it names no algorithm for DPoP proofs: its tokens are bound to no key by them";
        findings.push(found("no_dpop", "DPO-10", why));
    }
    findings.extend(of_authentication(metadata));
    if let (Some(resource), Some(known)) = (resource, metadata.protected_resources())
        && !known.contains(resource)
    {
        findings.push(found(
            "resource_not_listed",
            "MET-3",
            "it lists its resources, and this is none of them",
        ));
    }
    findings
}

fn of_code_grant(metadata: &ServerMetadata) -> Vec<Finding> {
    let found = |code, rule, message: &str| Finding::warning(metadata.issuer().as_str(), code, rule, message);
    let mut findings = Vec::new();
    if !metadata.supports_s256() {
        findings.push(found(
            "no_pkce",
            "MCP-10",
            "it has the code grant without PKCE by S256: clients refuse to use it",
        ));
    }
    let names = |list, name: &str| {
        metadata.list(list).unwrap_or_default().iter().any(|known| known.split(' ').any(|word| word == name))
    };
    if names(Listed::CodeChallengeMethods, "plain") {
        findings.push(found("plain_pkce", "PKC-1", "it takes plain code challenges, which protect nothing"));
    }
    if names(Listed::ResponseTypes, "token") {
        findings.push(found(
            "implicit_response",
            "AUT-1",
            "it gives tokens in answers to authorization requests",
        ));
    }
    if !metadata.sends_issuer() {
        let why = "its answers to authorization requests do not say by whom they are: another server's are mixed up with them";
        findings.push(found("no_issuer_in_answers", "ISS-1", why));
    }
    if metadata.endpoint(Endpoint::PushedAuthorization).is_none() {
        findings.push(found(
            "no_pushed_requests",
            "PAR-4",
            "authorization requests go through the browser, and not to it",
        ));
    }
    findings
}

fn of_authentication(metadata: &ServerMetadata) -> Option<Finding> {
    let taken: Vec<_> = ClientAuthMethod::ALL
        .iter()
        .copied()
        .filter(|method| metadata.supports_auth_method(*method, Endpoint::Token))
        .collect();
    if taken.iter().any(|method| method.is_authentication() && !method.is_shared_secret()) {
        return None;
    }
    let found = |code, message: &str| Finding::warning(metadata.issuer().as_str(), code, "AZR-2", message);
    if taken.iter().any(|method| method.is_shared_secret()) {
        return Some(found(
            "shared_secrets_only",
            "clients authenticate by secrets that the server has too, or not at all",
        ));
    }
    Some(found("no_authentication", "it takes no authentication of clients that is known here"))
}

/// Grants that the reader of metadata reads over.
fn legacy_grants(document: &[u8]) -> Vec<&'static str> {
    let limits = Limits::new().bytes(ServerMetadata::MAX_LEN).depth(32);
    let Ok(document) = Object::parse(document, &limits) else { return Vec::new() };
    let Some(listed) = document.get("grant_types_supported").and_then(|grants| grants.as_array()) else {
        return Vec::new();
    };
    let listed: Vec<_> =
        listed.filter_map(|grant| grant.as_str().map(std::borrow::Cow::into_owned)).collect();
    ["implicit", "password"].into_iter().filter(|legacy| listed.iter().any(|grant| grant == legacy)).collect()
}
