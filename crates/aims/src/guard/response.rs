//! What a refused caller is told.

use std::borrow::Cow;

use aims_credential::{ReplayError, WitError};
use aims_jose::json::ObjectWriter;
#[cfg(feature = "oauth")]
use aims_keys::UnixTime;
use aims_proof::{MessageSignatureError, ProofError, SIGNATURE_INVALID, WptError};
#[cfg(feature = "oauth")]
use http::HeaderMap;
#[cfg(feature = "oauth")]
use http::header::CACHE_CONTROL;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

/// A refused request.
///
/// The caller is told [`public_code`](Self::public_code) and no more; [`code`](Self::code), [`rule`](Self::rule) and
/// [`detail`](Self::detail) say exactly which check failed, and are for records.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the request was refused: {code}")]
pub struct Refusal {
    status: StatusCode,
    public_code: &'static str,
    code: Cow<'static, str>,
    rule: &'static str,
    detail: Option<Box<str>>,
    challenge: Option<&'static str>,
    /// What is wanted besides: challenges with parameters.
    #[cfg(feature = "oauth")]
    wanted: Option<Box<Wanted>>,
    /// The type of the problem, where there is a better one than its status.
    kind: Option<&'static str>,
}

/// What is said of tokens, as it is sent.
#[cfg(feature = "oauth")]
#[derive(Clone, Debug, Eq, PartialEq)]
struct Wanted {
    challenges: Vec<aims_oauth::Challenge>,
    dpop_nonce: Option<String>,
}

#[cfg(feature = "oauth")]
impl Wanted {
    fn new(resource: &aims_oauth::ResourceServer, error: &aims_oauth::ResourceError) -> Self {
        Self { challenges: resource.challenges(error, None), dpop_nonce: None }
    }
}

impl Refusal {
    /// The one place where a failed check becomes what a caller is told.
    pub(super) fn unauthenticated(error: &ProofError) -> Self {
        let (code, rule) = (error.code(), error.rule());
        if error.status() == StatusCode::SERVICE_UNAVAILABLE.as_u16() {
            return Self::unavailable(code, rule);
        }
        Self {
            status: StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED),
            public_code: public_code(error),
            code: code.into(),
            rule,
            detail: detail(error),
            challenge: error.challenge(),
            #[cfg(feature = "oauth")]
            wanted: None,
            kind: None,
        }
    }

    /// The other end of the connection is not trusted any more.
    #[cfg(feature = "mtls")]
    pub(super) fn untrusted_connection(error: &aims_tls::PeerError) -> Self {
        use aims_credential::Lapsed;
        use aims_credential::x509::SvidError;
        use aims_tls::PeerError;

        if matches!(error, PeerError::Certificate(SvidError::Lapsed(Lapsed::MarksUnavailable))) {
            return Self::unavailable(error.code(), error.rule());
        }
        Self {
            status: StatusCode::UNAUTHORIZED,
            public_code: "untrusted_credential",
            code: error.code().into(),
            rule: error.rule(),
            detail: None,
            challenge: None,
            #[cfg(feature = "oauth")]
            wanted: None,
            kind: None,
        }
    }

    /// What a proxy says of whom it had at the other end is not to be believed.
    #[cfg(feature = "mtls")]
    pub(super) fn unforwarded(error: &aims_proof::ForwardedError) -> Self {
        use aims_proof::ForwardedError;

        if let ForwardedError::Svid(error) = error {
            return Self::untrusted_connection(&error.clone().into());
        }
        let missing = matches!(error, ForwardedError::Missing);
        Self {
            status: StatusCode::BAD_REQUEST,
            public_code: if missing { "no_credential" } else { "malformed_credential" },
            code: error.code().into(),
            rule: error.rule(),
            detail: None,
            challenge: None,
            #[cfg(feature = "oauth")]
            wanted: None,
            kind: None,
        }
    }

    /// The same of a message signature. Which check failed is not told (`docs/spec/wimse.md` section 6.5).
    pub(super) fn badly_signed(error: &MessageSignatureError) -> Self {
        let (code, rule) = (error.code(), error.rule());
        let public_code = match error.status() {
            503 => return Self::unavailable(code, rule),
            413 => "content_too_large",
            _ => "signature_invalid",
        };
        let detail = match error {
            MessageSignatureError::AudienceMismatch { .. } => Some(error.to_string().into()),
            _ => None,
        };
        Self {
            status: StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST),
            public_code,
            code: code.into(),
            rule,
            detail,
            challenge: None,
            #[cfg(feature = "oauth")]
            wanted: None,
            kind: (public_code == "signature_invalid").then_some(SIGNATURE_INVALID),
        }
    }

    /// The access token does not count, or is not good enough. Why exactly is not told, but for what would be.
    #[cfg(feature = "oauth")]
    pub(super) fn unauthorized(
        resource: &aims_oauth::ResourceServer,
        error: &aims_oauth::ResourceError,
        now: Option<UnixTime>,
    ) -> Self {
        let mut wanted = Wanted::new(resource, error);
        // DPO-9: whoever sent a proof learns which nonce the next one needs.
        if matches!(error, aims_oauth::ResourceError::Dpop(_)) {
            wanted.dpop_nonce = now.and_then(|now| resource.dpop_nonce(now));
        }
        let public_code = error.error_code().map_or("no_token", aims_oauth::ErrorCode::as_str);
        Self {
            status: StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED),
            public_code,
            code: error.code().into(),
            rule: error.rule(),
            detail: None,
            challenge: None,
            wanted: Some(Box::new(wanted)),
            kind: None,
        }
    }

    /// The same refusal, which says what scope a token needs, where it wants one and does not say that yet (MCP-4).
    #[cfg(feature = "mcp")]
    pub(super) fn needing(mut self, scope: &aims_oauth::Scope) -> Self {
        if let Some(wanted) = self.wanted.as_mut().filter(|_| !scope.is_empty()) {
            for challenge in &mut wanted.challenges {
                if challenge.bytes("scope").is_none() {
                    *challenge = challenge.clone().with("scope", scope.as_str());
                }
            }
        }
        self
    }

    /// What the content asks for cannot be read, or is nothing that anybody may ask for.
    #[cfg(feature = "mcp")]
    pub(super) fn not_an_operation(error: crate::mcp::McpMessageError) -> Self {
        Self {
            status: StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST),
            public_code: error.public_code(),
            ..Self::bad_request(error.code(), error.rule())
        }
    }

    /// What the caller is known by has ended since it was verified.
    pub(super) fn lapsed(lapsed: aims_credential::Lapsed) -> Self {
        if lapsed == aims_credential::Lapsed::MarksUnavailable {
            return Self::unavailable(lapsed.code(), lapsed.rule());
        }
        Self {
            status: StatusCode::UNAUTHORIZED,
            public_code: "untrusted_credential",
            ..Self::bad_request(lapsed.code(), lapsed.rule())
        }
    }

    /// The same refusal of a service that wants a token, too: whoever is not known learns where it says what it takes (CHA-1).
    #[cfg(feature = "oauth")]
    pub(super) fn wanting(mut self, resource: &aims_oauth::ResourceServer) -> Self {
        if self.status == StatusCode::UNAUTHORIZED && self.wanted.is_none() {
            self.wanted = Some(Box::new(Wanted::new(resource, &aims_oauth::ResourceError::Missing)));
        }
        self
    }

    /// The proofs are good, and others are asked for here.
    pub(super) fn not_accepted() -> Self {
        Self::bad_request("proof_not_accepted", "CRD-14")
    }

    /// There is a token in the query, where everybody on the way reads and keeps it.
    #[cfg(feature = "mcp")]
    pub(super) fn token_in_query() -> Self {
        Self { public_code: "invalid_request", ..Self::bad_request("token_in_query", "MCP-2") }
    }

    /// The request has what its proof does not bind.
    #[cfg(feature = "oauth")]
    pub(super) fn context_not_covered() -> Self {
        Self::bad_request("context_not_covered", "WPT-15")
    }

    /// The content of a signed request ended before its time.
    pub(super) fn broken_content() -> Self {
        Self::bad_request("content_broken", "HSIG-9")
    }

    /// The content of a signed request was not looked at.
    pub(super) fn unread_content() -> Self {
        Self::bad_request("content_unread", "HSIG-9")
    }

    fn bad_request(code: &'static str, rule: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            public_code: code,
            code: code.into(),
            rule,
            detail: None,
            challenge: None,
            #[cfg(feature = "oauth")]
            wanted: None,
            kind: None,
        }
    }

    /// A signed response was demanded, and there is none.
    pub(super) fn cannot_sign(status: u16, kind: &'static str) -> Self {
        let code = if status == 501 { "signed_response_unsupported" } else { "signed_response_unavailable" };
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
            kind: Some(kind),
            ..Self::bad_request(code, "HSIG-21")
        }
    }

    /// `reason` is the policy's.
    pub(super) fn forbidden(reason: Cow<'static, str>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            public_code: "forbidden",
            code: reason,
            rule: "WID-6",
            detail: None,
            challenge: None,
            #[cfg(feature = "oauth")]
            wanted: None,
            kind: None,
        }
    }

    pub(super) fn unavailable(code: &'static str, rule: &'static str) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            public_code: "unavailable",
            code: code.into(),
            rule,
            detail: None,
            challenge: None,
            #[cfg(feature = "oauth")]
            wanted: None,
            kind: None,
        }
    }

    /// The status of the response: 401 or 400 for a caller that is not known, 403 for one that may not, 503 when the
    /// service cannot tell.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What the caller is told, coarser than [`code`](Self::code).
    #[must_use]
    pub fn public_code(&self) -> &'static str {
        self.public_code
    }

    /// The check that failed, for records; of a denial the reason that the policy gave.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The requirement in `docs/spec/` that was broken, for records.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// What whoever runs the service needs beyond the code, for records: of an audience mismatch what the proof names, and
    /// what it should. It holds no token and no query.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The response: a problem document (RFC 9457) with the public code.
    #[must_use]
    pub fn to_response(&self) -> Response<String> {
        self.respond(PROBLEM, self.problem())
    }

    /// The response to a call by gRPC: trailers only, with the public code as the message. The HTTP status stays, and
    /// says the same to clients that look at it first.
    #[must_use]
    pub fn to_grpc_response(&self) -> Response<String> {
        let mut response = self.respond("application/grpc", String::new());
        let status = match self.status {
            StatusCode::FORBIDDEN => "7",
            StatusCode::SERVICE_UNAVAILABLE => "14",
            _ => "16",
        };
        let headers = response.headers_mut();
        headers.insert("grpc-status", HeaderValue::from_static(status));
        headers.insert("grpc-message", HeaderValue::from_static(self.public_code));
        response
    }

    fn problem(&self) -> String {
        let mut problem = ObjectWriter::new();
        if let Some(kind) = self.kind {
            problem.str("type", kind);
        }
        problem.str("title", self.status.canonical_reason().unwrap_or_default());
        problem.u64("status", self.status.as_u16().into()).str("code", self.public_code);
        // INVARIANT: the names differ, the only thing `finish` can object to.
        problem.finish().unwrap_or_default()
    }

    fn respond(&self, content_type: &'static str, body: String) -> Response<String> {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        #[cfg(feature = "oauth")]
        if let Some(wanted) = &self.wanted {
            // INVARIANT: challenges are written as fields hold them.
            let lines = wanted.challenges.iter().map(ToString::to_string);
            for challenge in lines.filter_map(|line| HeaderValue::try_from(line).ok()) {
                headers.append(WWW_AUTHENTICATE, challenge);
            }
            add_nonce(headers, wanted.dpop_nonce.as_deref());
        }
        response
    }
}

/// Which nonce the next proof needs. An answer that says it is not to be used twice (RFC 9449 §8.2).
#[cfg(feature = "oauth")]
pub(super) fn add_nonce(headers: &mut HeaderMap, nonce: Option<&str>) {
    if let Some(nonce) = nonce.and_then(|nonce| HeaderValue::from_str(nonce).ok()) {
        headers.insert(aims_oauth::DPOP_NONCE_FIELD, nonce);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// What a caller learns about a failed check: enough to repair an honest client, nothing about keys, trust or marks.
fn public_code(error: &ProofError) -> &'static str {
    match error {
        ProofError::MalformedCredential => "malformed_credential",
        ProofError::NoCredential => "no_credential",
        ProofError::Wit(error) => match error {
            WitError::Expired => "credential_expired",
            WitError::NotYetValid => "credential_not_yet_valid",
            WitError::MalformedClaims(_) | WitError::MalformedToken(_) | WitError::WrongType => {
                "malformed_credential"
            }
            _ => "untrusted_credential",
        },
        ProofError::Wpt(error) => match error {
            WptError::AudienceMismatch { .. } => "audience_mismatch",
            WptError::CredentialExpired => "credential_expired",
            WptError::Expired => "proof_expired",
            WptError::NotYetValid => "proof_not_yet_valid",
            WptError::NoProof => "no_proof",
            WptError::Replay(ReplayError::Replayed) => "replay",
            WptError::AlgorithmMismatch
            | WptError::LifetimeTooLong
            | WptError::MalformedClaims(_)
            | WptError::MalformedField
            | WptError::MalformedToken(_)
            | WptError::WrongType => "malformed_proof",
            _ => "invalid_proof",
        },
        #[cfg(feature = "legacy-wpt-01")]
        ProofError::Wpt01(error) => public_code(error),
        _ => "refused",
    }
}

/// Where code and rule leave open what to repair. Other errors say no more than those.
fn detail(error: &ProofError) -> Option<Box<str>> {
    match error {
        ProofError::Wpt(error @ WptError::AudienceMismatch { .. }) => Some(error.to_string().into()),
        #[cfg(feature = "legacy-wpt-01")]
        ProofError::Wpt01(error) => detail(error),
        _ => None,
    }
}

const PROBLEM: &str = "application/problem+json";
