//! Requests to the token endpoint.

use super::{MessageError, SecurityToken, TokenTypeUrn};
use crate::wanted::Wanted;
use crate::{
    AuthRequestId, AuthorizationCode, AuthorizationDetails, CodeVerifier, GrantType, NewParameters,
    Parameters, RefreshToken, Resource, Scope,
};

/// What a client asks the token endpoint for: a grant, and what the token shall be good for.
///
/// How the client authenticates stands beside it, in the same form or in the fields of the request.
///
/// ```
/// use aims_oauth::{Grant, NewParameters, Parameters, TokenRequest};
///
/// let request = TokenRequest::new(Grant::ClientCredentials)
///     .resource("https://tools.example".parse()?)
///     .scope("trips:book".parse()?);
/// let mut form = NewParameters::new();
/// request.write(&mut form);
///
/// let read = TokenRequest::read(&Parameters::parse(form.as_str().as_bytes())?)?;
/// assert!(matches!(read.grant(), Grant::ClientCredentials));
/// assert_eq!(read.resources(), ["https://tools.example".parse()?]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenRequest {
    grant: Grant,
    wanted: Wanted,
}

/// What a token is given for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Grant {
    /// A code that the user's consent brought (RFC 6749 §4.1.3).
    AuthorizationCode(CodeGrant),
    /// The decision of a user who was asked elsewhere (CIBA).
    Backchannel(AuthRequestId),
    /// The client's own right (RFC 6749 §4.4).
    ClientCredentials,
    /// What another domain says (RFC 7523).
    JwtBearer(SecurityToken),
    /// What was granted before (RFC 6749 §6).
    Refresh(RefreshToken),
    /// Other tokens (RFC 8693).
    TokenExchange(TokenExchange),
}

/// A code, and what proves that it was asked for by whoever brings it.
#[derive(Clone, Debug)]
pub struct CodeGrant {
    code: AuthorizationCode,
    verifier: CodeVerifier,
    redirect_uri: Option<String>,
}

impl CodeGrant {
    /// A code, with the verifier of the request that brought it (PKC-3).
    #[must_use]
    pub fn new(code: AuthorizationCode, verifier: CodeVerifier) -> Self {
        Self { code, verifier, redirect_uri: None }
    }

    /// With the redirect URI of that request, for servers that ask for it again.
    #[must_use]
    pub fn with_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(uri.into());
        self
    }

    /// `code`.
    #[must_use]
    pub fn code(&self) -> &AuthorizationCode {
        &self.code
    }

    /// `code_verifier`.
    #[must_use]
    pub fn verifier(&self) -> &CodeVerifier {
        &self.verifier
    }

    /// `redirect_uri`: if it is there, it must be that of the authorization request.
    #[must_use]
    pub fn redirect_uri(&self) -> Option<&str> {
        self.redirect_uri.as_deref()
    }
}

/// Tokens that are to become another one.
#[derive(Clone, Debug)]
pub struct TokenExchange {
    subject: TypedToken,
    actor: Option<TypedToken>,
    requested: Option<TokenTypeUrn>,
    audiences: Vec<String>,
}

/// A token, and its kind.
#[derive(Clone, Debug)]
pub struct TypedToken {
    token: SecurityToken,
    kind: TokenTypeUrn,
}

impl TypedToken {
    /// A token of this kind.
    #[must_use]
    pub fn new(token: SecurityToken, kind: TokenTypeUrn) -> Self {
        Self { token, kind }
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &SecurityToken {
        &self.token
    }

    /// Its kind, as whoever sent it says.
    #[must_use]
    pub fn kind(&self) -> &TokenTypeUrn {
        &self.kind
    }
}

impl TokenExchange {
    /// In the name of the subject of this token.
    #[must_use]
    pub fn of(subject: TypedToken) -> Self {
        Self { subject, actor: None, requested: None, audiences: Vec::new() }
    }

    /// By this actor.
    #[must_use]
    pub fn by(mut self, actor: TypedToken) -> Self {
        self.actor = Some(actor);
        self
    }

    /// For a token of this kind. Default: the server decides.
    #[must_use]
    pub fn requesting(mut self, kind: TokenTypeUrn) -> Self {
        self.requested = Some(kind);
        self
    }

    /// For this audience, by a name that the server knows it by. For a URI, ask for a [resource](TokenRequest::resource).
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// `subject_token`.
    #[must_use]
    pub fn subject(&self) -> &TypedToken {
        &self.subject
    }

    /// `actor_token`.
    #[must_use]
    pub fn actor(&self) -> Option<&TypedToken> {
        self.actor.as_ref()
    }

    /// `requested_token_type`.
    #[must_use]
    pub fn requested(&self) -> Option<&TokenTypeUrn> {
        self.requested.as_ref()
    }

    /// `audience`.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    fn read(form: &Parameters) -> Result<Self, MessageError> {
        let subject = typed(form, "subject_token", "subject_token_type")?
            .ok_or(MessageError::Form(crate::FormError::Missing("subject_token")))?;
        let actor = typed(form, "actor_token", "actor_token_type")?;
        let requested = form.get("requested_token_type")?.map(TokenTypeUrn::from_text);
        let audiences: Vec<_> = form.all("audience").map(ToOwned::to_owned).collect();
        if audiences.len() > MAX_TARGETS {
            return Err(MessageError::TooMany("audience"));
        }
        Ok(Self { subject, actor, requested, audiences })
    }

    fn write(&self, form: &mut NewParameters) {
        form.add("subject_token", self.subject.token.expose());
        form.add("subject_token_type", self.subject.kind.as_str());
        if let Some(actor) = &self.actor {
            form.add("actor_token", actor.token.expose()).add("actor_token_type", actor.kind.as_str());
        }
        form.add_some("requested_token_type", self.requested.as_ref().map(TokenTypeUrn::as_str));
        for audience in &self.audiences {
            form.add("audience", audience);
        }
    }
}

impl TokenRequest {
    /// For this grant, and all that it is good for.
    #[must_use]
    pub fn new(grant: Grant) -> Self {
        Self { grant, wanted: Wanted::default() }
    }

    /// For this resource server (RSI-1). One token, one resource server: ask for one at a time.
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.wanted.resources.push(resource);
        self
    }

    /// For this scope: no more than was granted (RFT-2).
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

    pub(crate) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// For all of this.
    pub(crate) fn wanting(mut self, wanted: Wanted) -> Self {
        self.wanted = wanted;
        self
    }

    /// The grant.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// `resource`.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.wanted.resources
    }

    /// `scope`; `None`, where it is left to the server.
    #[must_use]
    pub fn wanted_scope(&self) -> Option<&Scope> {
        self.wanted.scope.as_ref()
    }

    /// `authorization_details`.
    #[must_use]
    pub fn wanted_details(&self) -> Option<&AuthorizationDetails> {
        self.wanted.details.as_ref()
    }

    /// Reads the body of a request. Parameters that mean nothing for the grant are ignored (WIR-2).
    ///
    /// # Errors
    ///
    /// [`MessageError`], whose [`error_code`](MessageError::error_code) the client is told.
    pub fn read(form: &Parameters) -> Result<Self, MessageError> {
        let kind = GrantType::from_text(form.require("grant_type")?).ok_or(MessageError::GrantType)?;
        let grant = match kind {
            GrantType::AuthorizationCode => Grant::AuthorizationCode(CodeGrant {
                code: form.require("code")?.parse().map_err(|_| MessageError::Value("code"))?,
                verifier: form.require("code_verifier")?.parse()?,
                redirect_uri: form.get("redirect_uri")?.map(ToOwned::to_owned),
            }),
            GrantType::Ciba => Grant::Backchannel(form.require("auth_req_id")?.parse()?),
            GrantType::ClientCredentials => Grant::ClientCredentials,
            GrantType::JwtBearer => Grant::JwtBearer(
                form.require("assertion")?.parse().map_err(|_| MessageError::Value("assertion"))?,
            ),
            GrantType::RefreshToken => {
                let token = form.require("refresh_token")?;
                Grant::Refresh(token.parse().map_err(|_| MessageError::Value("refresh_token"))?)
            }
            GrantType::TokenExchange => Grant::TokenExchange(TokenExchange::read(form)?),
            // Known by name alone.
            GrantType::DeviceCode | GrantType::JwtDpop => return Err(MessageError::GrantType),
        };
        let wanted = if matches!(grant, Grant::ClientCredentials) {
            Wanted::read_first(form)?
        } else {
            Wanted::read(form)?
        };
        Ok(Self { grant, wanted })
    }

    /// Writes the request. What authenticates the client comes besides.
    pub fn write(&self, form: &mut NewParameters) {
        form.add("grant_type", self.grant.grant_type().as_str());
        match &self.grant {
            Grant::AuthorizationCode(grant) => {
                form.add("code", grant.code.expose()).add("code_verifier", grant.verifier.expose());
                form.add_some("redirect_uri", grant.redirect_uri.as_deref());
            }
            Grant::Backchannel(id) => {
                form.add("auth_req_id", id.expose());
            }
            Grant::ClientCredentials => {}
            Grant::JwtBearer(assertion) => {
                form.add("assertion", assertion.expose());
            }
            Grant::Refresh(token) => {
                form.add("refresh_token", token.expose());
            }
            Grant::TokenExchange(exchange) => exchange.write(form),
        }
        self.wanted.write(form);
    }
}

impl Grant {
    /// `grant_type`.
    #[must_use]
    pub fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode(_) => GrantType::AuthorizationCode,
            Self::Backchannel(_) => GrantType::Ciba,
            Self::ClientCredentials => GrantType::ClientCredentials,
            Self::JwtBearer(_) => GrantType::JwtBearer,
            Self::Refresh(_) => GrantType::RefreshToken,
            Self::TokenExchange(_) => GrantType::TokenExchange,
        }
    }
}

/// Both or neither.
fn typed(
    form: &Parameters,
    token: &'static str,
    kind: &'static str,
) -> Result<Option<TypedToken>, MessageError> {
    match (form.get(token)?, form.get(kind)?) {
        (None, None) => Ok(None),
        (Some(text), Some(kind)) => {
            let text = text.parse().map_err(|_| MessageError::Value(token))?;
            Ok(Some(TypedToken { token: text, kind: TokenTypeUrn::from_text(kind) }))
        }
        (Some(_), None) => Err(MessageError::Form(crate::FormError::Missing(kind))),
        (None, Some(_)) => Err(MessageError::Form(crate::FormError::Missing(token))),
    }
}

/// Of resources, and of audiences.
const MAX_TARGETS: usize = 16;
