//! The signature base: the very bytes that are signed (RFC 9421 section 2.5).

use std::collections::HashSet;
use std::error::Error;
use std::fmt;

use crate::sf::{BareItem, Item, Parameters, Span};
use crate::value::Queries;
use crate::{Component, ComponentError, Context};

/// Why there is no signature base. A part of one is never made (HS-BASE-05).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BaseError {
    /// A component has no value, or is none.
    Component {
        /// Which one, from 0.
        at: usize,
        /// Its identifier, with quotes and parameters; of one that is none its name alone, as far as it has one.
        name: String,
        /// What is wrong.
        error: ComponentError,
    },
    /// A component is there twice: the second of them, from 0.
    Duplicate(usize),
    /// There are more components than allowed.
    TooMany,
}

impl BaseError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Component { error, .. } => error.code(),
            Self::Duplicate(_) => "component_duplicate",
            Self::TooMany => "too_many_components",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Component { error, .. } => error.rule(),
            Self::Duplicate(_) => "HS-ID-04",
            Self::TooMany => "HS-FLD-07",
        }
    }
}

impl fmt::Display for BaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component { at, name, error } if name.is_empty() => {
                write!(f, "component {}: {error}", at.saturating_add(1))
            }
            Self::Component { name, error, .. } => write!(f, "component {name}: {error}"),
            Self::Duplicate(at) => write!(f, "component {} was there before", at.saturating_add(1)),
            Self::TooMany => f.write_str("there are too many components"),
        }
    }
}

/// What is wrong with a component is said already: the source is what that comes from.
impl Error for BaseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Component { error, .. } => error.source(),
            Self::Duplicate(_) | Self::TooMany => None,
        }
    }
}

/// Reads the components of a list: each an identifier, none twice.
pub(crate) fn components(items: Vec<Item<'_>>) -> Result<Vec<Component<'_>>, BaseError> {
    if items.len() > MAX_COMPONENTS {
        return Err(BaseError::TooMany);
    }
    let mut components = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        // Most often this borrows; it is written only for an error.
        let name = if let BareItem::String(name) = item.bare() { Some(name.clone()) } else { None };
        let quoted = || name.map_or_else(String::new, |name| format!("\"{name}\""));
        let fail = |error| BaseError::Component { at, name: quoted(), error };
        components.push(Component::of_item(item).map_err(fail)?);
    }
    check(&components)?;
    Ok(components)
}

/// No more than allowed, and none twice.
pub(crate) fn check(components: &[Component<'_>]) -> Result<(), BaseError> {
    if components.len() > MAX_COMPONENTS {
        return Err(BaseError::TooMany);
    }
    match duplicate(components) {
        Some(at) => Err(BaseError::Duplicate(at)),
        None => Ok(()),
    }
}

/// The first that was there before. A few are compared with each other, which for many would take the square of their number.
fn duplicate(components: &[Component<'_>]) -> Option<usize> {
    if components.len() > FEW {
        let mut known = HashSet::with_capacity(components.len());
        return components.iter().position(|component| !known.insert(component.identity()));
    }
    let is_known =
        |(at, one): &(usize, &Component<'_>)| components.iter().take(*at).any(|known| known == *one);
    components.iter().enumerate().find(is_known).map(|(at, _)| at)
}

/// A base, and where in it the value of each component stands.
#[derive(Clone)]
pub(crate) struct Base {
    pub(crate) text: String,
    pub(crate) values: Vec<Span>,
    /// Where the list stands, which is the last line without its name.
    pub(crate) list: usize,
}

impl Base {
    /// One line per component, and the parameters at the end (HS-BASE-01, HS-BASE-02).
    pub(crate) fn build(
        context: &Context<'_>,
        components: &[Component<'_>],
        parameters: &Parameters<'_>,
    ) -> Result<Self, BaseError> {
        let mut text = String::with_capacity(components.len() * USUAL_LINE + 256);
        let mut values = Vec::with_capacity(components.len());
        let mut queries = Queries::default();
        for (at, component) in components.iter().enumerate() {
            let fail = |error| BaseError::Component { at, name: identifier(component), error };
            component.write(&mut text).map_err(fail)?;
            text.push_str(": ");
            let start = text.len();
            context.write_value(component, &mut queries, &mut text).map_err(fail)?;
            values.push(start..text.len());
            text.push('\n');
        }
        text.push_str("\"@signature-params\": ");
        let list = text.len();
        write_list(components, parameters, &mut text)?;
        Ok(Self { text, values, list })
    }

    /// The list of components and the parameters, as in `Signature-Input`.
    pub(crate) fn list(&self) -> &str {
        self.text.get(self.list..).unwrap_or_default()
    }
}

/// Shows no values: credentials may be among them.
impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base").field("values", &self.values.len()).finish_non_exhaustive()
    }
}

/// The list of components and the parameters, as in `Signature-Input`.
pub(crate) fn write_list(
    components: &[Component<'_>],
    parameters: &Parameters<'_>,
    to: &mut String,
) -> Result<(), BaseError> {
    let fail = |(at, component): (usize, &Component<'_>), error| BaseError::Component {
        at,
        name: identifier(component),
        error,
    };
    to.push('(');
    for (at, component) in components.iter().enumerate() {
        if at > 0 {
            to.push(' ');
        }
        component.write(to).map_err(|error| fail((at, component), error))?;
    }
    to.push(')');
    // INVARIANT: parameters are checked where they come from.
    parameters.write(to).map_err(|_| BaseError::Component {
        at: components.len(),
        name: "\"@signature-params\"".to_owned(),
        error: ComponentError::ParameterType,
    })
}

/// For people: as much of it as can be written.
fn identifier(component: &Component<'_>) -> String {
    let mut text = String::new();
    match component.write(&mut text) {
        Ok(()) => text,
        Err(_) => format!("\"{}\"", component.name()),
    }
}

const USUAL_LINE: usize = 64;

const MAX_COMPONENTS: usize = 64;

const FEW: usize = 16;
