//! What a refused caller is told.

use aims_credential::{Lapsed, WitError};
use aims_jose::json::ObjectWriter;
use aims_proof::{CHALLENGE, ProofError, WptError};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

/// A refused request.
///
/// The caller is told [`public_code`](Self::public_code) and no more; [`code`](Self::code) and [`rule`](Self::rule) say
/// exactly which check failed, and are for records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    status: StatusCode,
    public_code: &'static str,
    code: &'static str,
    rule: &'static str,
    challenge: bool,
}

impl Refusal {
    pub(super) fn unauthenticated(
        public_code: &'static str,
        status: u16,
        code: &'static str,
        rule: &'static str,
    ) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
        Self { status, public_code, code, rule, challenge: status == StatusCode::UNAUTHORIZED }
    }

    pub(super) fn forbidden() -> Self {
        let code = "forbidden";
        Self { status: StatusCode::FORBIDDEN, public_code: code, code, rule: "WID-6", challenge: false }
    }

    pub(super) fn unavailable(code: &'static str, rule: &'static str) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            public_code: "unavailable",
            code,
            rule,
            challenge: false,
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

    /// The check that failed, for records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The requirement in `docs/spec/` that was broken, for records.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// The response: a problem document (RFC 9457) with the public code.
    #[must_use]
    pub fn to_response(&self) -> Response<String> {
        let mut problem = ObjectWriter::new();
        problem.str("title", self.status.canonical_reason().unwrap_or_default());
        problem.u64("status", self.status.as_u16().into()).str("code", self.public_code);
        // INVARIANT: the names differ, the only thing `finish` can object to.
        let mut response = Response::new(problem.finish().unwrap_or_default());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        response
    }
}

/// What a caller learns about a failed check: enough to repair an honest client, nothing about keys or trust.
pub(super) fn public_code(error: &ProofError) -> &'static str {
    match error {
        ProofError::MalformedCredential => "malformed_credential",
        ProofError::NoCredential => "no_credential",
        ProofError::Wit(error) => match error {
            WitError::Expired => "credential_expired",
            WitError::NotYetValid => "credential_not_yet_valid",
            WitError::Lapsed(Lapsed::MarksUnavailable) => "unavailable",
            WitError::MalformedClaims(_) | WitError::MalformedToken(_) | WitError::WrongType => {
                "malformed_credential"
            }
            _ => "untrusted_credential",
        },
        ProofError::Wpt(error) => match error {
            WptError::AudienceMismatch => "audience_mismatch",
            WptError::Expired => "proof_expired",
            WptError::NotYetValid => "proof_not_yet_valid",
            WptError::NoProof => "no_proof",
            WptError::Replay(_) => "replay",
            WptError::AlgorithmMismatch
            | WptError::LifetimeTooLong
            | WptError::MalformedClaims(_)
            | WptError::MalformedField
            | WptError::MalformedToken(_)
            | WptError::WrongType => "malformed_proof",
            _ => "invalid_proof",
        },
        _ => "refused",
    }
}
