//! Forms that a server would have a user fill in.

use aims_jose::json::{Kind, Object, Value};

use super::input::{InputError, text};
use super::secrets::asks_for_secret;

/// What a user is asked to fill in: plain values, which the agent, and its model, may see.
///
/// So it never asks for a secret (MCP-41): one whose message or title, or whose field by name, title, description, example, choices or format, speaks of passwords, keys,
/// tokens, codes or payment cards is refused, in English and by a few words of other languages, also with letters that only look like those. A server that paraphrases is
/// not found out: say to users that forms are no place for secrets.
#[derive(Clone, Debug)]
pub struct FormRequest {
    message: String,
    fields: Vec<FormField>,
}

/// One field of a form.
#[derive(Clone, Debug)]
pub struct FormField {
    name: String,
    title: Option<String>,
    description: Option<String>,
    kind: FieldKind,
    is_required: bool,
}

/// What a field takes.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FieldKind {
    /// Yes or no.
    Boolean,
    /// One of these.
    Choice(Vec<String>),
    /// Some of these.
    Choices(Vec<String>),
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A text.
    Text,
}

impl FormRequest {
    pub(super) fn read(message: String, params: Value<'_>) -> Result<Self, InputError> {
        use InputError as E;

        if asks_for_secret(&message) {
            return Err(E::Secret);
        }
        let schema = params.get("requestedSchema").ok_or(E::Member("requestedSchema"))?;
        if !schema.get("type").is_some_and(|kind| kind.is_str("object")) {
            return Err(E::Schema);
        }
        // Nothing here shows these; who shows the schema itself does.
        for member in ["title", "description"] {
            if text(schema, member)?.is_some_and(|text| asks_for_secret(&text)) {
                return Err(E::Secret);
            }
        }
        let mut required = Vec::new();
        if let Some(names) = schema.get("required") {
            for name in names.as_array().ok_or(E::Member("required"))? {
                required.push(name.as_str().ok_or(E::Member("required"))?.into_owned());
            }
        }
        let properties = schema.get("properties").and_then(|properties| properties.as_object());
        let mut fields = Vec::new();
        for (name, property) in properties.ok_or(E::Schema)? {
            if fields.len() >= MAX_FIELDS {
                return Err(E::TooLong);
            }
            fields.push(FormField::read(name.as_str().into_owned(), property, &required)?);
        }
        if fields.is_empty() { Err(E::Schema) } else { Ok(Self { message, fields }) }
    }

    /// What the server says of it. Whoever wrote it may be anybody: show it as such.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The fields, in their order.
    #[must_use]
    pub fn fields(&self) -> &[FormField] {
        &self.fields
    }

    /// That an answer has what is asked for, and nothing besides.
    pub(super) fn check(&self, content: &Object) -> Result<(), InputError> {
        for (name, value) in content {
            let field = self.fields.iter().find(|field| name == *field.name.as_str());
            if !field.is_some_and(|field| field.kind.takes(value)) {
                return Err(InputError::Answer);
            }
        }
        let is_missing = |field: &&FormField| field.is_required && content.get(&field.name).is_none();
        if self.fields.iter().any(|field| is_missing(&field)) { Err(InputError::Answer) } else { Ok(()) }
    }
}

impl FormField {
    fn read(name: String, property: Value<'_>, required: &[String]) -> Result<Self, InputError> {
        use InputError as E;

        let (title, description) = (text(property, "title")?, text(property, "description")?);
        let hides = property
            .get("format")
            .and_then(|format| format.as_str())
            .is_some_and(|format| asks_for_secret(&format))
            || property.get("writeOnly").is_some_and(|only| only.as_bool() == Some(true));
        let says = [Some(&name), title.as_ref(), description.as_ref()];
        let tells =
            ["default", "examples", "enum", "enumNames", "oneOf", "anyOf", "items", "pattern", "$comment"];
        let tells = tells.into_iter().filter_map(|member| property.get(member));
        if hides
            || tells.into_iter().any(tells_of_secret)
            || says.into_iter().flatten().any(|text| asks_for_secret(text))
        {
            return Err(E::Secret);
        }
        if !super::secrets::is_shown_safely(&name, MAX_NAME) {
            return Err(E::Text);
        }
        let is_required = required.contains(&name);
        Ok(Self { name, title, description, kind: FieldKind::read(property)?, is_required })
    }

    /// Its name in the answer.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is called, for the user.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// What it is, for the user.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// What it takes.
    #[must_use]
    pub fn kind(&self) -> &FieldKind {
        &self.kind
    }

    /// Whether it has to be filled in.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.is_required
    }
}

impl FieldKind {
    fn read(property: Value<'_>) -> Result<Self, InputError> {
        use InputError as E;

        let kind = property.get("type").and_then(|kind| kind.as_str()).ok_or(E::Schema)?;
        match &*kind {
            "boolean" => Ok(Self::Boolean),
            "integer" => Ok(Self::Integer),
            "number" => Ok(Self::Number),
            "string" => Ok(choices(property, "oneOf")?.map_or(Self::Text, Self::Choice)),
            "array" => {
                let items = property.get("items").ok_or(E::Schema)?;
                Ok(Self::Choices(choices(items, "anyOf")?.ok_or(E::Schema)?))
            }
            _ => Err(E::Schema),
        }
    }

    fn takes(&self, value: Value<'_>) -> bool {
        let is_one_of = |all: &[String], value: Value<'_>| all.iter().any(|one| value.is_str(one));
        match self {
            Self::Boolean => value.as_bool().is_some(),
            Self::Choice(all) => is_one_of(all, value),
            Self::Choices(all) => {
                value.as_array().is_some_and(|mut values| values.all(|one| is_one_of(all, one)))
            }
            Self::Integer => value.as_number().is_some_and(|number| number.as_i64().is_some()),
            Self::Number => value.kind() == Kind::Number,
            Self::Text => value.kind() == Kind::String,
        }
    }
}

/// Whether there is a text of a secret anywhere in it. INVARIANT: the reader bounds how deep that is.
fn tells_of_secret(value: Value<'_>) -> bool {
    if let Some(text) = value.as_str() {
        return asks_for_secret(&text);
    }
    let mut elements = value.as_array().into_iter().flatten();
    let mut members = value.as_object().into_iter().flatten();
    elements.any(tells_of_secret)
        || members.any(|(name, value)| asks_for_secret(&name.as_str()) || tells_of_secret(value))
}

/// `enum`, or the constants of a list of alternatives.
fn choices(of: Value<'_>, alternatives: &'static str) -> Result<Option<Vec<String>>, InputError> {
    use InputError as E;

    let constants = match (of.get("enum"), of.get(alternatives)) {
        (None, None) => return Ok(None),
        (Some(plain), None) => {
            plain.as_array().ok_or(E::Schema)?.map(|one| one.as_str()).collect::<Option<Vec<_>>>()
        }
        (None, Some(titled)) => {
            let titled = titled.as_array().ok_or(E::Schema)?;
            titled.map(|one| one.get("const")?.as_str()).collect()
        }
        (Some(_), Some(_)) => return Err(E::Schema),
    };
    let constants = constants.ok_or(E::Schema)?;
    let is_shown = |one: &std::borrow::Cow<'_, str>| super::secrets::is_shown_safely(one, MAX_NAME);
    if !constants.iter().all(is_shown) {
        return Err(E::Text);
    }
    Ok(Some(constants.into_iter().map(std::borrow::Cow::into_owned).collect()))
}

const MAX_FIELDS: usize = 32;

const MAX_NAME: usize = 256;
