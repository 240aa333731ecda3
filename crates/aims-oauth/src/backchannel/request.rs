//! What a client sends to the backchannel authentication endpoint (CIBA Core §7.1).

use std::time::Duration;

use super::{BackchannelClient, BackchannelError, BindingMessage, NotificationToken};
use crate::wanted::Wanted;
use crate::{
    AuthorizationDetails, ErrorCode, IdToken, MessageError, NewParameters, Parameters, Resource, Scope,
    SecurityToken, UserCode,
};

/// What a user shall be asked, and who it is.
///
/// How the client authenticates stands beside it, in the same form or in the fields of the request.
///
/// ```
/// use aims_oauth::{BackchannelClient, BackchannelRequest, NewParameters, Parameters, UserHint};
///
/// # let id_token = "i.d.t".parse()?;
/// let request = BackchannelRequest::new("openid trips:book".parse()?, UserHint::IdToken(id_token))
///     .resource("https://tools.example".parse()?)
///     .binding_message("W4SCT".parse()?);
/// let mut form = NewParameters::new();
/// request.write(&mut form);
///
/// let read = BackchannelRequest::read(&Parameters::parse(form.as_str().as_bytes())?, BackchannelClient::polling())?;
/// assert!(matches!(read.hint(), UserHint::IdToken(_)));
/// assert_eq!(read.shown_message().map(|message| message.as_str()), Some("W4SCT"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BackchannelRequest {
    hint: UserHint,
    wanted: Wanted,
    acr_values: Vec<String>,
    binding_message: Option<BindingMessage>,
    user_code: Option<UserCode>,
    requested_expiry: Option<u64>,
    notification_token: Option<NotificationToken>,
}

/// Whom to ask. It comes from what the client holds of its user, and never from a model (HIL-34).
#[derive(Clone)]
#[non_exhaustive]
pub enum UserHint {
    /// `id_token_hint`: the user of an ID Token, which may have expired (HIL-15).
    IdToken(IdToken),
    /// `login_hint`: a name that the server knows the user by. Anybody can name anybody.
    Login(String),
    /// `login_hint_token`: a token that says who it is.
    Token(SecurityToken),
}

impl BackchannelRequest {
    /// For this scope, by this user. The scope holds `openid` (HIL-4), unless the server needs none (HIL-17).
    #[must_use]
    pub fn new(scope: Scope, hint: UserHint) -> Self {
        let mut wanted = Wanted::default();
        wanted.set_scope(scope);
        Self {
            hint,
            wanted,
            acr_values: Vec::new(),
            binding_message: None,
            user_code: None,
            requested_expiry: None,
            notification_token: None,
        }
    }

    /// For this resource server (RSI-1).
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.wanted.resources.push(resource);
        self
    }

    /// For these details: what the server shows the user (HIL-32).
    #[must_use]
    pub fn details(mut self, details: AuthorizationDetails) -> Self {
        self.wanted.details = Some(details);
        self
    }

    /// The user must be authenticated like this, the most wanted first (CHA-4).
    #[must_use]
    pub fn acr_values(mut self, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.acr_values = values.into_iter().map(Into::into).collect();
        self
    }

    /// With words that the user finds at both ends.
    #[must_use]
    pub fn binding_message(mut self, message: BindingMessage) -> Self {
        self.binding_message = Some(message);
        self
    }

    /// With the code that the user has against being asked by anybody.
    #[must_use]
    pub fn user_code(mut self, code: UserCode) -> Self {
        self.user_code = Some(code);
        self
    }

    /// The answer is awaited for so many seconds: at least one.
    #[must_use]
    pub fn requested_expiry(mut self, time: Duration) -> Self {
        self.requested_expiry = Some(time.as_secs().max(1));
        self
    }

    /// The server tells the client by this token that there is an answer (HIL-11).
    #[must_use]
    pub fn notify_with(mut self, token: NotificationToken) -> Self {
        self.notification_token = Some(token);
        self
    }

    pub(crate) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Whom to ask.
    #[must_use]
    pub fn hint(&self) -> &UserHint {
        &self.hint
    }

    /// `scope`.
    #[must_use]
    pub fn wanted_scope(&self) -> Option<&Scope> {
        self.wanted.scope.as_ref()
    }

    /// Whether there is to be an ID Token: the scope holds `openid`.
    #[must_use]
    pub fn wants_id_token(&self) -> bool {
        self.wanted_scope().is_some_and(|scope| scope.contains(OPENID))
    }

    /// `resource`.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.wanted.resources
    }

    /// `authorization_details`.
    #[must_use]
    pub fn wanted_details(&self) -> Option<&AuthorizationDetails> {
        self.wanted.details.as_ref()
    }

    /// `acr_values`.
    #[must_use]
    pub fn wanted_acr_values(&self) -> &[String] {
        &self.acr_values
    }

    /// `binding_message`.
    #[must_use]
    pub fn shown_message(&self) -> Option<&BindingMessage> {
        self.binding_message.as_ref()
    }

    /// `user_code`.
    #[must_use]
    pub fn sent_user_code(&self) -> Option<&UserCode> {
        self.user_code.as_ref()
    }

    /// `requested_expiry`: the server decides.
    #[must_use]
    pub fn wanted_expiry(&self) -> Option<Duration> {
        self.requested_expiry.map(Duration::from_secs)
    }

    /// `client_notification_token`; never there, where the client is not told of answers.
    #[must_use]
    pub fn notification_token(&self) -> Option<&NotificationToken> {
        self.notification_token.as_ref()
    }

    /// Reads the body of a request by a client that is registered like this. Unknown parameters are ignored (HIL-4).
    ///
    /// # Errors
    ///
    /// [`BackchannelError`], whose [`error_code`](BackchannelError::error_code) the client is told.
    pub fn read(form: &Parameters, client: BackchannelClient) -> Result<Self, BackchannelError> {
        // HIL-5: all its parameters would be in there.
        if form.get("request")?.is_some() {
            return Err(BackchannelError::Signed);
        }
        form.require("scope")?;
        let wanted = Wanted::read_first(form)?;
        let has_openid = wanted.scope.as_ref().is_some_and(|scope| scope.contains(OPENID));
        if !has_openid && !client.may_omit_openid {
            return Err(BackchannelError::OpenId);
        }
        let acr_values = form.get("acr_values")?.unwrap_or_default();
        let notification_token = match form.get("client_notification_token")? {
            _ if !client.is_notified => None,
            Some(token) => Some(token.parse()?),
            None => return Err(BackchannelError::NotificationToken),
        };
        let user_code = form.get("user_code")?.map(|code| code.parse().map_err(|_| value("user_code")));
        Ok(Self {
            hint: UserHint::read(form)?,
            wanted,
            acr_values: acr_values.split(' ').filter(|value| !value.is_empty()).map(Into::into).collect(),
            binding_message: form.get("binding_message")?.map(str::parse).transpose()?,
            user_code: user_code.transpose()?,
            requested_expiry: form.get("requested_expiry")?.map(positive).transpose()?,
            notification_token,
        })
    }

    /// Writes the request. What authenticates the client comes besides.
    pub fn write(&self, form: &mut NewParameters) {
        self.wanted.write(form);
        match &self.hint {
            UserHint::IdToken(token) => form.add("id_token_hint", token.expose()),
            UserHint::Login(name) => form.add("login_hint", name),
            UserHint::Token(token) => form.add("login_hint_token", token.expose()),
        };
        if !self.acr_values.is_empty() {
            form.add("acr_values", &self.acr_values.join(" "));
        }
        form.add_some("binding_message", self.binding_message.as_ref().map(BindingMessage::as_str));
        form.add_some("user_code", self.user_code.as_ref().map(UserCode::expose));
        form.add_some("requested_expiry", self.requested_expiry.map(|expiry| expiry.to_string()).as_deref());
        let token = self.notification_token.as_ref().map(NotificationToken::expose);
        form.add_some("client_notification_token", token);
    }

    /// The status of an error at this endpoint: a user who said no is a 403 here (HIL-7).
    #[must_use]
    pub fn status_of(error: ErrorCode) -> u16 {
        if matches!(error, ErrorCode::AccessDenied) { 403 } else { error.status() }
    }
}

impl UserHint {
    /// HIL-4: exactly one.
    fn read(form: &Parameters) -> Result<Self, BackchannelError> {
        let hints = (form.get("login_hint")?, form.get("login_hint_token")?, form.get("id_token_hint")?);
        match hints {
            (Some(name), None, None) if is_name(name) => Ok(Self::Login(name.to_owned())),
            (Some(_), None, None) => Err(value("login_hint").into()),
            (None, Some(token), None) => {
                Ok(Self::Token(token.parse().map_err(|_| value("login_hint_token"))?))
            }
            (None, None, Some(token)) => {
                Ok(Self::IdToken(token.parse().map_err(|_| value("id_token_hint"))?))
            }
            _ => Err(BackchannelError::Hints),
        }
    }
}

/// Shows which kind of hint it is, and no user.
impl std::fmt::Debug for UserHint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::IdToken(token) => f.debug_tuple("IdToken").field(token).finish(),
            Self::Login(_) => f.write_str("Login(..)"),
            Self::Token(token) => f.debug_tuple("Token").field(token).finish(),
        }
    }
}

fn value(name: &'static str) -> MessageError {
    MessageError::Value(name)
}

/// Digits alone, and more than nothing.
fn positive(text: &str) -> Result<u64, BackchannelError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_number { text.parse().ok() } else { None };
    number.filter(|number| *number > 0).ok_or(BackchannelError::RequestedExpiry)
}

fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME && !text.chars().any(char::is_control)
}

const OPENID: &str = "openid";

/// In bytes: an address, a telephone number, a name.
const MAX_NAME: usize = 512;
