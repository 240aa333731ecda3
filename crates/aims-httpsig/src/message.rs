//! What a message is, to whoever signs or verifies it.

use crate::sf::Limits;

/// A message of HTTP, as it was received or will be sent. The adapters are in [`RawMessage`](crate::RawMessage) and, for the types of the crate `http`, in the
/// feature of that name.
///
/// A message is `Sync`, so that a verifier may hold it while it waits for a key.
pub trait Message: Sync {
    /// The method of a request, as it was sent; `None` for responses.
    fn method(&self) -> Option<&str> {
        None
    }

    /// The scheme of a request: of the connection that it came over, or configured; it is not in the message itself before HTTP/2.
    fn scheme(&self) -> Option<&str> {
        None
    }

    /// `Host`, or `:authority`, of a request, as it was sent. Empty where `Host` is not one text that can be read: it is no authority then.
    fn authority(&self) -> Option<&str> {
        None
    }

    /// `Host` of a request that has `:authority` besides. Another authority is refused, as it is beside an absolute target (HS-VAL-10).
    fn host(&self) -> Option<&str> {
        None
    }

    /// The target of a request, as in the request line of HTTP/1.1: `/path?query`, `https://host/path`, `host:port` (CONNECT) or `*`.
    fn target(&self) -> Option<&str> {
        None
    }

    /// The status of a response; `None` for requests.
    fn status(&self) -> Option<u16> {
        None
    }

    /// Hands over each line of the fields with this name, which is in lower case, in order and as received.
    fn lines<'m>(&'m self, part: Part, name: &str, each: &mut dyn FnMut(&'m [u8]));
}

/// Where fields stand.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "messages have fields in two places")]
pub enum Part {
    /// Before the content.
    Headers,
    /// Behind it.
    Trailers,
}

/// The type of a structured field.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "structured fields have three types")]
pub enum FieldType {
    /// Members by name.
    Dictionary,
    /// One item.
    Item,
    /// Members in order.
    List,
}

/// The message that is signed, and what else belongs to it.
///
/// ```
/// use aims_httpsig::{Component, Context, RawMessage};
///
/// let request = RawMessage::request("GET", "/v1/search?to=LIS").with_scheme("https").with_authority("Tools.Example:443");
/// let context = Context::request(&request);
/// assert_eq!(context.value(&Component::authority())?, "tools.example");
/// assert_eq!(context.value(&Component::query())?, "?to=LIS");
///
/// let response = RawMessage::response(200);
/// let context = Context::response(&response).to(&request);
/// assert_eq!(context.value(&Component::method().of_request()?)?, "GET");
/// # Ok::<(), aims_httpsig::ComponentError>(())
/// ```
#[derive(Clone)]
pub struct Context<'m> {
    pub(crate) target: &'m dyn Message,
    pub(crate) is_response: bool,
    pub(crate) request: Option<&'m dyn Message>,
    pub(crate) authority: Option<&'m str>,
    pub(crate) any_host: bool,
    pub(crate) types: &'m [(&'m str, FieldType)],
    pub(crate) limits: Limits,
}

impl<'m> Context<'m> {
    /// A request.
    #[must_use]
    pub fn request(message: &'m dyn Message) -> Self {
        Self {
            target: message,
            is_response: false,
            request: None,
            authority: None,
            any_host: false,
            types: &[],
            limits: Limits::new(),
        }
    }

    /// A response.
    #[must_use]
    pub fn response(message: &'m dyn Message) -> Self {
        Self { is_response: true, ..Self::request(message) }
    }

    /// The message itself.
    #[must_use]
    pub fn message(&self) -> &'m dyn Message {
        self.target
    }

    /// The request that the response answers: what `;req` is taken from.
    #[must_use]
    pub fn to(mut self, request: &'m dyn Message) -> Self {
        self.request = Some(request);
        self
    }

    /// The authority by which clients know this server, where a proxy rewrites it on the way: it counts in place of the one in the request.
    #[must_use]
    pub fn with_authority(mut self, authority: &'m str) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Takes an absolute target, or `:authority`, at its word, though `Host` names another authority (RFC 9112 section 3.2.2, RFC 9113 section 8.3.1). Default: such a request has
    /// no authority (HS-VAL-10).
    #[must_use]
    pub fn with_any_host(mut self) -> Self {
        self.any_host = true;
        self
    }

    /// The types of structured fields besides those that are known (HS-ID-10), by name in lower case.
    #[must_use]
    pub fn with_field_types(mut self, types: &'m [(&'m str, FieldType)]) -> Self {
        self.types = types;
        self
    }

    /// The type of a structured field, where it is known. It is never guessed.
    pub(crate) fn field_type(&self, name: &str) -> Option<FieldType> {
        let own = self.types.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        own.or(match name {
            "accept-signature"
            | "content-digest"
            | "priority"
            | "repr-digest"
            | "signature"
            | "signature-agent"
            | "signature-input"
            | "want-content-digest"
            | "want-repr-digest" => Some(FieldType::Dictionary),
            "client-cert" => Some(FieldType::Item),
            "cache-status" | "client-cert-chain" | "proxy-status" => Some(FieldType::List),
            _ => None,
        })
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("is_response", &self.is_response).finish_non_exhaustive()
    }
}
