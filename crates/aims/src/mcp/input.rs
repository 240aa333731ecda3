//! Input that a server asks its client for, in place of a result.

use aims_credential::HttpsUrl;
use aims_jose::json::{JsonError, Limits, Object, ObjectWriter, Value};

use super::form::FormRequest;
use super::secrets::{has_link_to_account, is_shown_safely};

/// What a server asks for before it gives a result: a result whose `resultType` is `input_required` (MCP-40).
///
/// It comes from the server, that is, from anybody: an agent reads it here before it shows anything of it to its user, and its model sees nothing of it. The same request is
/// sent again with the answers, and with the state as it came, to the same server and for nothing else.
///
/// Whatever the user answers is input for the server, and no authorization (MCP-42): nothing here becomes an [`Authorized`](crate::oauth::Authorized), a
/// [`UserGrant`](crate::oauth::UserGrant) or a [`Permit`](crate::Permit).
///
/// ```
/// use aims::mcp::{InputRequest, InputRequired, InputResponses};
///
/// let result = br#"{"resultType":"input_required","requestState":"c2VhbGVk","inputRequests":{
///     "seat":{"method":"elicitation/create","params":{"message":"Which seat?","requestedSchema":{"type":"object",
///         "properties":{"row":{"type":"integer"},"window":{"type":"boolean"}},"required":["row"]}}},
///     "bank":{"method":"elicitation/create","params":{"mode":"url","message":"Link your bank.","url":"https://tools.example/link?id=7"}}}}"#;
/// let input = InputRequired::parse(result)?.ok_or("a result")?;
/// let mut answers = InputResponses::new();
/// for (key, request) in input.requests() {
///     match request {
///         InputRequest::Url(url) => {
///             // The user was shown where it leads, and said yes.
///             assert_eq!(url.origin(), "https://tools.example");
///             let _browser = url.open_for("https://tools.example")?;
///             answers.accept(key)?;
///         }
///         _ => answers.decline(key)?,
///     }
/// }
/// assert_eq!(answers.to_json()?, r#"{"seat":{"action":"decline"},"bank":{"action":"accept"}}"#);
/// assert_eq!(input.state(), Some("c2VhbGVk"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct InputRequired {
    requests: Vec<(String, InputRequest)>,
    state: Option<String>,
}

/// One thing that a server asks for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum InputRequest {
    /// What the user is asked to fill in.
    Form(FormRequest),
    /// Something that is asked of the client, and not of its user: this method. Nothing of it was looked at.
    Other(String),
    /// What the user is asked to do in a browser.
    Url(UrlRequest),
}

impl InputRequired {
    /// The longest result, in bytes.
    pub const MAX_LEN: usize = 256 * 1024;

    /// Reads a result, the JSON of its object. `None`, where it is one of another kind.
    ///
    /// # Errors
    ///
    /// [`InputError`]: it asks for what nobody should be asked for, or cannot be read. Then nothing of it is to be shown.
    pub fn parse(result: &[u8]) -> Result<Option<Self>, InputError> {
        use InputError as E;

        if result.len() > Self::MAX_LEN {
            return Err(E::TooLong);
        }
        let result = Object::parse(result, &LIMITS)?;
        match result.get("resultType") {
            Some(kind) if kind.is_str("input_required") => {}
            _ => return Ok(None),
        }
        let state = match result.get("requestState") {
            None => None,
            Some(state) => {
                let state = state.as_str().ok_or(E::Member("requestState"))?;
                if state.len() > MAX_STATE {
                    return Err(E::TooLong);
                }
                Some(state.into_owned())
            }
        };
        let mut requests = Vec::new();
        if let Some(all) = result.get("inputRequests") {
            for (key, request) in all.as_object().ok_or(E::Member("inputRequests"))? {
                if requests.len() >= MAX_REQUESTS {
                    return Err(E::TooLong);
                }
                let key = key.as_str().into_owned();
                if !is_shown_safely(&key, MAX_KEY) {
                    return Err(E::Text);
                }
                requests.push((key, InputRequest::read(request)?));
            }
        }
        if requests.is_empty() && state.is_none() {
            return Err(E::Nothing);
        }
        Ok(Some(Self { requests, state }))
    }

    /// What is asked for, by the keys of the server.
    pub fn requests(&self) -> impl Iterator<Item = (&str, &InputRequest)> {
        self.requests.iter().map(|(key, request)| (key.as_str(), request))
    }

    /// `requestState`: sent again as it is, where there is one, and not at all, where there is none. It is the server's, and nobody else's to read.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

impl InputRequest {
    fn read(request: Value<'_>) -> Result<Self, InputError> {
        use InputError as E;

        let method = request.get("method").and_then(|method| method.as_str()).ok_or(E::Member("method"))?;
        if *method != *"elicitation/create" {
            return if is_shown_safely(&method, MAX_KEY) {
                Ok(Self::Other(method.into_owned()))
            } else {
                Err(E::Text)
            };
        }
        let params = request.get("params").filter(|params| params.as_object().is_some());
        let params = params.ok_or(E::Member("params"))?;
        let message = text(params, "message")?.ok_or(E::Member("message"))?;
        match params.get("mode") {
            None => Ok(Self::Form(FormRequest::read(message, params)?)),
            Some(mode) if mode.is_str("form") => Ok(Self::Form(FormRequest::read(message, params)?)),
            Some(mode) if mode.is_str("url") => Ok(Self::Url(UrlRequest::read(message, params)?)),
            Some(_) => Err(E::Member("mode")),
        }
    }
}

/// What the user is asked to do in a browser: with the server itself, or with a third party for the server, whose tokens never come by the agent (MCP-42).
///
/// The URL is kept until the user was shown where it leads, and agreed (MCP-41). It is `https`, has no userinfo, and none of the parts by which links carry an account or
/// a person: names of parameters such as `token`, `code` or `email`, and values that are JWTs or mail addresses. What is personal besides, nobody can tell by looking.
#[derive(Clone, Debug)]
pub struct UrlRequest {
    message: String,
    url: HttpsUrl,
}

impl UrlRequest {
    fn read(message: String, params: Value<'_>) -> Result<Self, InputError> {
        let url = params.get("url").and_then(|url| url.as_str()).ok_or(InputError::Member("url"))?;
        let url: HttpsUrl = url.parse().map_err(|_| InputError::Url)?;
        if has_link_to_account(url.path(), url.path_and_query()) {
            return Err(InputError::PreAuthenticated);
        }
        Ok(Self { message, url })
    }

    /// What the server says of it. Whoever wrote it may be anybody: show it as such.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The host that the user would be sent to. It may have several services: [`origin`](Self::origin) says which of them.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host()
    }

    /// Where the user would be sent to, as browsers show it: `https://tools.example`, with the port unless it is 443. To be shown to the user, who is asked.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin()
    }

    /// The URL, for a browser of the user and not for the agent, once the user agreed to be sent to this [origin](Self::origin), in that very spelling. It is fetched by nobody
    /// before, and seen by no model.
    ///
    /// # Errors
    ///
    /// [`InputError::OtherOrigin`] when the URL's is another, be it another port of the same host.
    pub fn open_for(&self, origin: &str) -> Result<&HttpsUrl, InputError> {
        if origin == self.url.origin() { Ok(&self.url) } else { Err(InputError::OtherOrigin) }
    }
}

/// What a user answered: `inputResponses` of the request that is sent again.
#[derive(Debug, Default)]
pub struct InputResponses(Vec<(String, Response)>);

#[derive(Debug)]
enum Response {
    Action(&'static str),
    Content(Object),
}

impl InputResponses {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The user agreed. To what is done in a browser that says no more: whether it was done, the server knows.
    ///
    /// # Errors
    ///
    /// [`InputError::Answered`] when there is an answer already.
    pub fn accept(&mut self, key: &str) -> Result<(), InputError> {
        self.add(key, Response::Action("accept"))
    }

    /// The user filled the form in: a JSON object, whose members are those that the form asks for, and none besides.
    ///
    /// # Errors
    ///
    /// [`InputError`].
    pub fn fill(&mut self, key: &str, form: &FormRequest, content: &[u8]) -> Result<(), InputError> {
        let content = Object::parse(content, &LIMITS)?;
        form.check(&content)?;
        self.add(key, Response::Content(content))
    }

    /// The user said no.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn decline(&mut self, key: &str) -> Result<(), InputError> {
        self.add(key, Response::Action("decline"))
    }

    /// The user said nothing.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn cancel(&mut self, key: &str) -> Result<(), InputError> {
        self.add(key, Response::Action("cancel"))
    }

    /// The object.
    ///
    /// # Errors
    ///
    /// [`InputError::Json`].
    pub fn to_json(&self) -> Result<String, InputError> {
        let mut to = ObjectWriter::new();
        for (key, response) in &self.0 {
            to.object(key, |to| match response {
                Response::Action(action) => {
                    to.str("action", action);
                }
                Response::Content(content) => {
                    to.str("action", "accept").value("content", content.as_value());
                }
            });
        }
        Ok(to.finish()?)
    }

    fn add(&mut self, key: &str, response: Response) -> Result<(), InputError> {
        if self.0.iter().any(|(known, _)| known == key) {
            return Err(InputError::Answered);
        }
        self.0.push((key.to_owned(), response));
        Ok(())
    }
}

/// Why nobody is asked for what a server wants, or why it is not answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// There is an answer already.
    #[error("this is answered already")]
    Answered,
    /// The answer is not what the form asks for.
    #[error("the answer is not what the form asks for")]
    Answer,
    /// It is not JSON within the limits.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A member is missing, or has another value than it may have.
    #[error("the member {0} of the input request is malformed")]
    Member(&'static str),
    /// Nothing is asked for.
    #[error("nothing is asked for")]
    Nothing,
    /// The user agreed to another origin.
    #[error("the user agreed to another origin")]
    OtherOrigin,
    /// The link is as good as a login, or says who the user is.
    #[error("the link carries an account or a person")]
    PreAuthenticated,
    /// The form is not a flat one of plain values.
    #[error("the form is not a flat one")]
    Schema,
    /// A form asks for a secret.
    #[error("a form asks for a secret")]
    Secret,
    /// A text has characters that show something else than is there.
    #[error("a text cannot be shown as it is")]
    Text,
    /// There is more than is read.
    #[error("the input request is too long")]
    TooLong,
    /// It is no `https` URL without userinfo and fragment.
    #[error("the link is no https URL")]
    Url,
}

impl InputError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Answered => "input_answered",
            Self::Answer => "input_answer",
            Self::Json(error) => error.code(),
            Self::Member(_) => "input_member",
            Self::Nothing => "input_nothing",
            Self::OtherOrigin => "input_other_origin",
            Self::PreAuthenticated => "input_link_with_account",
            Self::Schema => "input_schema",
            Self::Secret => "input_secret",
            Self::Text => "input_text",
            Self::TooLong => "input_too_long",
            Self::Url => "input_url",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Answered
            | Self::Answer
            | Self::Member(_)
            | Self::Nothing
            | Self::Schema
            | Self::TooLong => "MCP-40",
            Self::Json(error) => error.rule(),
            Self::OtherOrigin | Self::PreAuthenticated | Self::Secret | Self::Text | Self::Url => "MCP-41",
        }
    }
}

/// A text of an object, if there is one.
pub(super) fn text(of: Value<'_>, member: &'static str) -> Result<Option<String>, InputError> {
    let Some(value) = of.get(member) else { return Ok(None) };
    let value = value.as_str().ok_or(InputError::Member(member))?;
    if is_shown_safely(&value, MAX_TEXT) { Ok(Some(value.into_owned())) } else { Err(InputError::Text) }
}

const LIMITS: Limits =
    Limits::new().bytes(InputRequired::MAX_LEN).depth(24).members(512).string(InputRequired::MAX_LEN);

const MAX_KEY: usize = 128;

const MAX_REQUESTS: usize = 16;

/// 64 KiB.
const MAX_STATE: usize = 64 * 1024;

const MAX_TEXT: usize = 4096;
