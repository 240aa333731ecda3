//! What is issued, and for how long.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aims_credential::ClaimValue;
use aims_id::SpiffeId;

use crate::{CredentialTypes, Entry};

/// What may be issued: together with the decision itself, the five outputs of AIMS-14.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Terms {
    /// Which identifier.
    pub subject: SpiffeId,
    /// Which kinds of credential.
    pub types: CredentialTypes,
    /// What else the credentials say, where they can: claims of WITs, named so that they collide with nothing (`acme.example/risk`).
    pub attributes: BTreeMap<String, AttributeValue>,
    /// The longest lifetime of anything issued; `None` leaves it to the entry and the authority.
    pub lifetime: Option<Duration>,
}

impl Terms {
    /// What the entry says.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        Self {
            subject: entry.spiffe_id().clone(),
            types: entry.types(),
            attributes: BTreeMap::new(),
            lifetime: None,
        }
    }

    /// What both allow, or the name of what they disagree about.
    pub(super) fn and(mut self, other: Self) -> Result<Self, &'static str> {
        if self.subject != other.subject {
            return Err("subjects_differ");
        }
        self.types = self.types.and(other.types);
        if self.types.is_empty() {
            return Err("no_type_left");
        }
        for (name, value) in other.attributes {
            if self.attributes.get(&name).is_some_and(|own| *own != value) {
                return Err("attributes_differ");
            }
            self.attributes.insert(name, value);
        }
        self.lifetime = match (self.lifetime, other.lifetime) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Ok(self)
    }
}

/// The value of an attribute.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum AttributeValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Number(u64),
    /// A text.
    Text(String),
}

impl AttributeValue {
    pub(crate) fn claim(&self) -> ClaimValue<'_> {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Number(value) => (*value).into(),
            Self::Text(value) => value.into(),
        }
    }
}

impl From<bool> for AttributeValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for AttributeValue {
    fn from(value: u64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for AttributeValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

/// Does not show the value: it may say something about a person.
impl fmt::Debug for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool(_) => "Bool(..)",
            Self::Number(_) => "Number(..)",
            Self::Text(_) => "Text(..)",
        })
    }
}
