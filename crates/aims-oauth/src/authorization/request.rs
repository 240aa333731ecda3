//! What a client sends the user's browser to the authorization server with (RFC 6749 §4.1.1), or pushes there before (RFC 9126).

use std::fmt;

use aims_jose::Thumbprint;

use super::CodeChallenge;
use crate::token::MessageError;
use crate::wanted::Wanted;
use crate::{AuthorizationDetails, FormError, NewParameters, Parameters, PkceError, Resource, Scope};

/// What a user is asked to grant.
///
/// ```
/// use aims_keys::backend;
/// use aims_oauth::{AuthorizationRequest, CodeVerifier, NewParameters, Parameters};
///
/// let verifier = CodeVerifier::generate(backend::ring())?;
/// let request = AuthorizationRequest::new("spiffe://acme.example/agents/travel", "https://agent.example/cb", verifier.challenge(backend::ring()))
///     .resource("https://tools.example".parse()?)
///     .scope("trips:book".parse()?)
///     .state("a state of 128 random bits");
/// let mut query = NewParameters::new();
/// request.write(&mut query);
///
/// let read = AuthorizationRequest::read(&Parameters::parse(query.as_str().as_bytes())?)?;
/// assert_eq!(read.redirect_uri(), Some("https://agent.example/cb"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AuthorizationRequest {
    client_id: String,
    redirect_uri: Option<String>,
    challenge: CodeChallenge,
    state: Option<String>,
    wanted: Wanted,
    key: Option<Thumbprint>,
    nonce: Option<String>,
    acr_values: Vec<String>,
    max_age: Option<u64>,
    prompt: Option<String>,
    login_hint: Option<String>,
}

impl AuthorizationRequest {
    /// By this client, to be answered at this URI, with the challenge of a fresh verifier.
    #[must_use]
    pub fn new(
        client_id: impl Into<String>,
        redirect_uri: impl Into<String>,
        challenge: CodeChallenge,
    ) -> Self {
        Self::of(client_id.into(), Some(redirect_uri.into()), challenge)
    }

    /// For this resource server (RSI-1).
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.wanted.resources.push(resource);
        self
    }

    /// For this scope.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.wanted.set_scope(scope);
        self
    }

    /// For these details.
    #[must_use]
    pub fn details(mut self, details: AuthorizationDetails) -> Self {
        self.wanted.details = Some(details);
        self
    }

    /// For all of this.
    pub(crate) fn wanting(mut self, wanted: Wanted) -> Self {
        self.wanted = wanted;
        self
    }

    /// With a text that comes back with the answer: unguessable, and of this request alone (AUT-6).
    #[must_use]
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(state.into());
        self
    }

    /// The code is for whoever proves this key by `DPoP` (DPO-11).
    #[must_use]
    pub fn bound_to(mut self, key: Thumbprint) -> Self {
        self.key = Some(key);
        self
    }

    /// With a text that comes back in the ID Token.
    #[must_use]
    pub fn nonce(mut self, nonce: impl Into<String>) -> Self {
        self.nonce = Some(nonce.into());
        self
    }

    /// The user must have been authenticated like this, the most wanted first (CHA-4).
    #[must_use]
    pub fn acr_values(mut self, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.acr_values = values.into_iter().map(Into::into).collect();
        self
    }

    /// The user must have been authenticated at most so many seconds ago (CHA-4).
    #[must_use]
    pub fn max_age(mut self, seconds: u64) -> Self {
        self.max_age = Some(seconds);
        self
    }

    /// `client_id`.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// `redirect_uri`, as it was sent: it counts once it was found among those of the client (AUT-2).
    #[must_use]
    pub fn redirect_uri(&self) -> Option<&str> {
        self.redirect_uri.as_deref()
    }

    /// `code_challenge`.
    #[must_use]
    pub fn challenge(&self) -> &CodeChallenge {
        &self.challenge
    }

    /// `state`.
    #[must_use]
    pub fn sent_state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// `resource`.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.wanted.resources
    }

    /// `scope`.
    #[must_use]
    pub fn wanted_scope(&self) -> Option<&Scope> {
        self.wanted.scope.as_ref()
    }

    /// `authorization_details`.
    #[must_use]
    pub fn wanted_details(&self) -> Option<&AuthorizationDetails> {
        self.wanted.details.as_ref()
    }

    /// `dpop_jkt`.
    #[must_use]
    pub fn bound_key(&self) -> Option<&Thumbprint> {
        self.key.as_ref()
    }

    /// `nonce`, of `OpenID`.
    #[must_use]
    pub fn sent_nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// `acr_values`.
    #[must_use]
    pub fn wanted_acr_values(&self) -> &[String] {
        &self.acr_values
    }

    /// `max_age`, in seconds.
    #[must_use]
    pub fn wanted_max_age(&self) -> Option<u64> {
        self.max_age
    }

    /// `prompt`, of `OpenID`.
    #[must_use]
    pub fn prompt(&self) -> Option<&str> {
        self.prompt.as_deref()
    }

    /// `login_hint`, of `OpenID`.
    #[must_use]
    pub fn login_hint(&self) -> Option<&str> {
        self.login_hint.as_deref()
    }

    /// Reads the query of a request, or what was pushed. Who is asked for what, and where the answer goes, the server looks up before it says anything about an
    /// error to anybody but the user (AUT-3): [`RequestOrigin`] reads that much of any request.
    ///
    /// # Errors
    ///
    /// [`MessageError`].
    pub fn read(form: &Parameters) -> Result<Self, MessageError> {
        for refused in ["request", "request_uri"] {
            if form.get(refused)?.is_some() {
                return Err(MessageError::Value(refused));
            }
        }
        if form.require("response_type")? != "code" {
            return Err(MessageError::ResponseType);
        }
        // Without one it would be `plain`.
        if form.require("code_challenge_method")? != CodeChallenge::METHOD {
            return Err(PkceError::Method.into());
        }
        let text = |name: &'static str| form.get(name).map(|text| text.map(ToOwned::to_owned));
        let origin = RequestOrigin::read(form)?;
        let mut request =
            Self::of(origin.client_id, origin.redirect_uri, form.require("code_challenge")?.parse()?);
        request.state = origin.state;
        request.wanted = Wanted::read_first(form)?;
        let key = form.get("dpop_jkt")?.map(|key| key.parse().map_err(|_| MessageError::Value("dpop_jkt")));
        request.key = key.transpose()?;
        request.nonce = text("nonce")?;
        let values = form.get("acr_values")?.unwrap_or_default();
        request.acr_values = values.split(' ').filter(|value| !value.is_empty()).map(Into::into).collect();
        let age = form.get("max_age")?.map(|age| seconds(age).ok_or(MessageError::Value("max_age")));
        request.max_age = age.transpose()?;
        request.prompt = text("prompt")?;
        request.login_hint = text("login_hint")?;
        Ok(request)
    }

    /// Writes the query of a request, or what is pushed.
    pub fn write(&self, form: &mut NewParameters) {
        form.add("response_type", "code").add("client_id", &self.client_id);
        form.add_some("redirect_uri", self.redirect_uri.as_deref());
        form.add("code_challenge", self.challenge.as_str())
            .add("code_challenge_method", CodeChallenge::METHOD);
        form.add_some("state", self.state.as_deref());
        self.wanted.write(form);
        form.add_some("dpop_jkt", self.key.map(|key| key.to_string()).as_deref());
        form.add_some("nonce", self.nonce.as_deref());
        if !self.acr_values.is_empty() {
            form.add("acr_values", &self.acr_values.join(" "));
        }
        form.add_some("max_age", self.max_age.map(|age| age.to_string()).as_deref());
        form.add_some("prompt", self.prompt.as_deref()).add_some("login_hint", self.login_hint.as_deref());
    }

    fn of(client_id: String, redirect_uri: Option<String>, challenge: CodeChallenge) -> Self {
        Self {
            client_id,
            redirect_uri,
            challenge,
            state: None,
            wanted: Wanted::default(),
            key: None,
            nonce: None,
            acr_values: Vec::new(),
            max_age: None,
            prompt: None,
            login_hint: None,
        }
    }
}

/// Whose request it is, and where its answer goes: what a server needs to know before it redirects anybody (AUT-3).
#[derive(Clone)]
pub struct RequestOrigin {
    client_id: String,
    redirect_uri: Option<String>,
    state: Option<String>,
}

impl RequestOrigin {
    /// Reads that much of a request.
    ///
    /// # Errors
    ///
    /// [`FormError`]: nobody is redirected then.
    pub fn read(form: &Parameters) -> Result<Self, FormError> {
        let text = |name: &'static str| form.get(name).map(|text| text.map(ToOwned::to_owned));
        Ok(Self {
            client_id: form.require("client_id")?.to_owned(),
            redirect_uri: text("redirect_uri")?,
            state: text("state")?,
        })
    }

    /// `client_id`.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// `redirect_uri`.
    #[must_use]
    pub fn redirect_uri(&self) -> Option<&str> {
        self.redirect_uri.as_deref()
    }

    /// `state`.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

/// Shows the client and what it wants: neither what its answer is known by, nor whom it is about (SEC-14).
impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

/// Likewise.
impl fmt::Debug for RequestOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestOrigin")
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

/// Digits alone.
fn seconds(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
