//! Requests and answers, as HTTP has them.

use aims_jose::base64url;
use aims_oauth::{ATTESTATION_CHALLENGE_FIELD, DPOP_FIELD, DPOP_NONCE_FIELD, ErrorCode, ErrorResponse};
use zeroize::Zeroizing;

use super::TestAuthorizationServer;

/// What an endpoint answers.
#[derive(Clone)]
pub struct TestAnswer {
    status: u16,
    content_type: Option<&'static str>,
    fields: Vec<(&'static str, String)>,
    body: Zeroizing<String>,
}

impl TestAnswer {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// `Content-Type`.
    #[must_use]
    pub fn content_type(&self) -> Option<&'static str> {
        self.content_type
    }

    /// The other fields, by their names in lower case.
    #[must_use]
    pub fn fields(&self) -> &[(&'static str, String)] {
        &self.fields
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.body.as_bytes()
    }

    pub(super) fn json(status: u16, body: impl Into<Zeroizing<String>>) -> Self {
        let fields = vec![("cache-control", "no-store".to_owned())];
        Self { status, content_type: Some("application/json"), fields, body: body.into() }
    }

    pub(super) fn error(error: &ErrorResponse) -> Self {
        Self::json(error.status(), error.to_json())
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, content_type: None, fields: Vec::new(), body: Zeroizing::default() }
    }

    /// The same in another media type.
    pub(super) fn of_type(mut self, content_type: &'static str) -> Self {
        self.content_type = Some(content_type);
        self
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.fields.push((name, value));
        self
    }
}

/// Shows the status alone.
impl std::fmt::Debug for TestAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl TestAuthorizationServer {
    /// Answers a request for a path of the server; fields are pairs of name, in lower case, and value.
    #[must_use]
    pub fn answer(&self, method: &str, path: &str, fields: &[(&str, &[u8])], body: &[u8]) -> TestAnswer {
        self.state().asked.push(path.to_owned());
        let answer = self.answered_at(method, path, fields, body);
        let has_proof = fields.iter().any(|(name, _)| *name == DPOP_FIELD);
        let nonce = self.0.dpop.nonce(self.now()).filter(|_| path == "/token" || has_proof);
        let challenge = self.challenge().filter(|_| method == "POST");
        let said = [(DPOP_NONCE_FIELD, nonce), (ATTESTATION_CHALLENGE_FIELD, challenge)];
        said.into_iter().fold(answer, |answer, (name, value)| match value {
            Some(value) => answer.with(name, value),
            None => answer,
        })
    }

    fn answered_at(&self, method: &str, path: &str, fields: &[(&str, &[u8])], body: &[u8]) -> TestAnswer {
        let known = [
            "/.well-known/oauth-authorization-server",
            "/ask",
            "/challenge",
            "/introspect",
            "/jwks",
            "/par",
            "/revoke",
            "/token",
        ];
        match (method, path) {
            ("GET" | "HEAD", "/.well-known/oauth-authorization-server") => {
                TestAnswer::json(200, self.metadata().to_json())
            }
            ("GET" | "HEAD", "/jwks") => TestAnswer::json(200, self.0.keys.to_json()),
            ("POST", "/ask") => self.ask(fields, body).unwrap_or_else(|error| TestAnswer::error(&error)),
            ("POST", "/challenge") => match self.challenge() {
                Some(challenge) => {
                    TestAnswer::json(200, format!(r#"{{"attestation_challenge":"{challenge}"}}"#))
                }
                None => TestAnswer::empty(404),
            },
            ("POST", "/introspect") => {
                self.introspect(fields, body).unwrap_or_else(|error| TestAnswer::error(&error))
            }
            ("POST", "/revoke") => {
                self.revoke(fields, body).unwrap_or_else(|error| TestAnswer::error(&error))
            }
            ("POST", "/par") => self.pushed(fields, body).unwrap_or_else(|error| TestAnswer::error(&error)),
            ("POST", "/token") => self.token(fields, body).unwrap_or_else(|error| TestAnswer::error(&error)),
            (_, path) if known.contains(&path) => TestAnswer::empty(405),
            _ => TestAnswer::empty(404),
        }
    }

    /// ABC-5
    fn challenge(&self) -> Option<String> {
        self.0.authenticator.attestation_challenge(self.now())
    }

    /// A text that nobody guesses.
    pub(super) fn random(&self) -> Result<String, ErrorResponse> {
        let mut random = [0; 20];
        let filled = self.0.backend.fill_random(&mut random);
        filled.map_err(|_| ErrorResponse::new(ErrorCode::ServerError))?;
        Ok(base64url::encode(random))
    }
}
