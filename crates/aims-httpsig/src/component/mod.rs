//! Component identifiers: which parts of a message are signed (RFC 9421 section 2).

mod error;

pub use self::error::ComponentError;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::sf::{BareItem, Item, Limits, Parameters};

/// A part of a message that a signature covers: a field, or something that is derived from the message, whose name begins with `@`.
///
/// ```
/// use aims_httpsig::Component;
///
/// assert_eq!(Component::method().to_string(), r#""@method""#);
/// assert_eq!(Component::field("content-digest")?.of_request()?.to_string(), r#""content-digest";req"#);
///
/// let parsed: Component = r#""@query-param";name="to""#.parse()?;
/// assert_eq!(parsed, Component::query_param("to")?);
/// assert_eq!(Component::field("Content-Type").unwrap_err().code(), "field_name");
/// # Ok::<(), aims_httpsig::ComponentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Component<'a> {
    pub(crate) kind: Kind,
    name: Cow<'a, str>,
    parameters: Parameters<'a>,
    pub(crate) flags: Flags,
}

/// What a component is taken from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Authority,
    Field,
    Method,
    Path,
    Query,
    QueryParam,
    RequestTarget,
    Scheme,
    Status,
    TargetUri,
}

/// The parameters that change how a value is taken.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "the parameters are independent of each other")]
pub(crate) struct Flags {
    pub(crate) binary: bool,
    pub(crate) request: bool,
    pub(crate) structured: bool,
    pub(crate) trailer: bool,
}

impl<'a> Component<'a> {
    /// `"@method"`: the method, as it was sent.
    #[must_use]
    pub fn method() -> Self {
        Self::derived(Kind::Method)
    }

    /// `"@target-uri"`: the whole target.
    #[must_use]
    pub fn target_uri() -> Self {
        Self::derived(Kind::TargetUri)
    }

    /// `"@authority"`: host and port, in lower case, without the usual port of the scheme.
    #[must_use]
    pub fn authority() -> Self {
        Self::derived(Kind::Authority)
    }

    /// `"@scheme"`.
    #[must_use]
    pub fn scheme() -> Self {
        Self::derived(Kind::Scheme)
    }

    /// `"@request-target"`: what stands in the request line. It differs between versions of HTTP.
    #[must_use]
    pub fn request_target() -> Self {
        Self::derived(Kind::RequestTarget)
    }

    /// `"@path"`: as it was sent; `/` where it is empty.
    #[must_use]
    pub fn path() -> Self {
        Self::derived(Kind::Path)
    }

    /// `"@query"`: with its question mark, which is there without a query, too.
    #[must_use]
    pub fn query() -> Self {
        Self::derived(Kind::Query)
    }

    /// `"@status"`: of a response.
    #[must_use]
    pub fn status() -> Self {
        Self::derived(Kind::Status)
    }

    /// `"@query-param"` with this name, percent-encoded as in forms (space is `%20`).
    ///
    /// # Errors
    ///
    /// [`ComponentError::ParameterType`] when the name is not printable ASCII.
    pub fn query_param(name: impl Into<Cow<'a, str>>) -> Result<Self, ComponentError> {
        let name = name.into();
        if !is_printable(&name) {
            return Err(ComponentError::ParameterType);
        }
        Self::derived(Kind::QueryParam).with("name", BareItem::String(name))
    }

    /// A field, by its name in lower case.
    ///
    /// # Errors
    ///
    /// [`ComponentError::FieldName`] for what is no name of a field, or not in lower case.
    pub fn field(name: impl Into<Cow<'a, str>>) -> Result<Self, ComponentError> {
        let name = name.into();
        if !is_field_name(&name) {
            return Err(ComponentError::FieldName);
        }
        Ok(Self { kind: Kind::Field, name, parameters: Parameters::new(), flags: Flags::default() })
    }

    /// `;req`: of the request that a response answers.
    ///
    /// # Errors
    ///
    /// [`ComponentError::ParameterNotApplicable`] for the status.
    pub fn of_request(self) -> Result<Self, ComponentError> {
        self.with("req", true.into())
    }

    /// `;tr`: from the trailers.
    ///
    /// # Errors
    ///
    /// [`ComponentError::ParameterNotApplicable`] for what is not a field.
    pub fn in_trailers(self) -> Result<Self, ComponentError> {
        self.with("tr", true.into())
    }

    /// `;sf`: parsed as a structured field, and written canonically.
    ///
    /// # Errors
    ///
    /// [`ComponentError::ParameterNotApplicable`] for what is not a field; [`ComponentError::ParameterCombination`] with `bs`.
    pub fn structured(self) -> Result<Self, ComponentError> {
        self.with("sf", true.into())
    }

    /// `;key`: one member of a field that is a dictionary.
    ///
    /// # Errors
    ///
    /// As [`structured`](Self::structured); [`ComponentError::ParameterType`] when the key is not printable ASCII.
    pub fn member(self, key: impl Into<Cow<'a, str>>) -> Result<Self, ComponentError> {
        let key = key.into();
        if !is_printable(&key) {
            return Err(ComponentError::ParameterType);
        }
        self.with("key", BareItem::String(key))
    }

    /// `;bs`: each line by itself, as bytes. For fields whose lines cannot be joined, such as `Set-Cookie`.
    ///
    /// # Errors
    ///
    /// As [`structured`](Self::structured).
    pub fn binary(self) -> Result<Self, ComponentError> {
        self.with("bs", true.into())
    }

    /// The name: of a field, or with `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parameters, in order.
    #[must_use]
    pub fn parameters(&self) -> &Parameters<'a> {
        &self.parameters
    }

    /// The same, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Component<'static> {
        Component {
            kind: self.kind,
            name: Cow::Owned(self.name.into_owned()),
            parameters: self.parameters.into_owned(),
            flags: self.flags,
        }
    }

    /// Reads an identifier as it stands in a list (HS-ID-01 to HS-ID-08).
    pub(crate) fn of_item(item: Item<'a>) -> Result<Self, ComponentError> {
        use ComponentError as E;

        let (BareItem::String(name), parameters) = item.into_parts() else { return Err(E::NotAString) };
        let kind = if name.starts_with('@') {
            Kind::of_derived(&name)?
        } else if is_field_name(&name) {
            Kind::Field
        } else {
            return Err(E::FieldName);
        };
        let mut component = Self { kind, name, parameters, flags: Flags::default() };
        if component.parameters.duplicate().is_some() {
            return Err(E::ParameterDuplicate);
        }
        component.read_parameters()?;
        Ok(component)
    }

    /// Appends the identifier, as it stands in the base and in the list.
    pub(crate) fn write(&self, to: &mut String) -> Result<(), ComponentError> {
        // Nothing in a name has to be escaped.
        to.push('"');
        to.push_str(&self.name);
        to.push('"');
        self.parameters.write(to).map_err(|_| ComponentError::ParameterType)
    }

    /// The text of `key` or `name`.
    pub(crate) fn text(&self, parameter: &str) -> Option<&str> {
        self.parameters.get(parameter).and_then(BareItem::as_string)
    }

    /// What makes two identifiers the same (HS-ID-04): name and parameters, in whatever order.
    pub(crate) fn identity(&self) -> (&str, Flags, Option<&str>, Option<&str>) {
        (&self.name, self.flags, self.text("key"), self.text("name"))
    }

    fn derived(kind: Kind) -> Self {
        Self {
            kind,
            name: Cow::Borrowed(kind.name()),
            parameters: Parameters::new(),
            flags: Flags::default(),
        }
    }

    fn with(mut self, name: &'static str, value: BareItem<'a>) -> Result<Self, ComponentError> {
        // INVARIANT: all names here are keys.
        self.parameters = self.parameters.with(name, value).map_err(|_| ComponentError::UnknownParameter)?;
        self.read_parameters()?;
        Ok(self)
    }

    /// HS-ID-05 to HS-ID-07: what each parameter may be, and where.
    fn read_parameters(&mut self) -> Result<(), ComponentError> {
        use ComponentError as E;

        let (mut flags, mut has_key, mut has_name) = (Flags::default(), false, false);
        let (is_field, is_param) = (self.kind == Kind::Field, self.kind == Kind::QueryParam);
        for (name, value) in self.parameters.iter() {
            let flag = match name {
                "bs" => &mut flags.binary,
                "req" => &mut flags.request,
                "sf" => &mut flags.structured,
                "tr" => &mut flags.trailer,
                "key" | "name" => {
                    *(if name == "key" { &mut has_key } else { &mut has_name }) = true;
                    if value.as_string().is_none() {
                        return Err(E::ParameterType);
                    }
                    continue;
                }
                _ => return Err(E::UnknownParameter),
            };
            if *value != BareItem::Boolean(true) {
                return Err(E::ParameterType);
            }
            *flag = true;
        }
        let of_field = flags.binary || flags.structured || flags.trailer || has_key;
        if of_field && !is_field || has_name && !is_param || flags.request && self.kind == Kind::Status {
            return Err(E::ParameterNotApplicable);
        }
        if flags.binary && (flags.structured || has_key) {
            return Err(E::ParameterCombination);
        }
        // What is built by hand gets its name in the same step.
        if is_param && !has_name {
            return Err(E::NameMissing);
        }
        self.flags = flags;
        Ok(())
    }
}

impl PartialEq for Component<'_> {
    fn eq(&self, other: &Component<'_>) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Component<'_> {}

/// As in the list of a signature, parameters in their order.
impl fmt::Display for Component<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

/// An identifier as in the list of a signature, with its quotes.
impl FromStr for Component<'static> {
    type Err = ComponentError;

    fn from_str(text: &str) -> Result<Self, ComponentError> {
        let item = Item::parse(text.as_bytes(), &Limits::new()).map_err(ComponentError::Malformed)?;
        Component::of_item(item).map(Component::into_owned)
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Authority => "@authority",
            // INVARIANT: fields have names of their own.
            Self::Field => "",
            Self::Method => "@method",
            Self::Path => "@path",
            Self::Query => "@query",
            Self::QueryParam => "@query-param",
            Self::RequestTarget => "@request-target",
            Self::Scheme => "@scheme",
            Self::Status => "@status",
            Self::TargetUri => "@target-uri",
        }
    }

    /// HS-ID-08: the name comes from whoever sent the message.
    fn of_derived(name: &str) -> Result<Self, ComponentError> {
        match name {
            "@authority" => Ok(Self::Authority),
            "@method" => Ok(Self::Method),
            "@path" => Ok(Self::Path),
            "@query" => Ok(Self::Query),
            "@query-param" => Ok(Self::QueryParam),
            "@request-target" => Ok(Self::RequestTarget),
            "@scheme" => Ok(Self::Scheme),
            "@status" => Ok(Self::Status),
            "@target-uri" => Ok(Self::TargetUri),
            "@signature-params" => Err(ComponentError::SignatureParams),
            _ => Err(ComponentError::UnknownDerived),
        }
    }
}

/// A token of HTTP, in lower case.
fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9') || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
