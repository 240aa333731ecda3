//! The parameters of a signature (RFC 9421 section 2.3).

use crate::sf::{BareItem, Parameters};

/// The parameters of a signature, each of the type it must have. All are signed, in the order in which they stand, unknown ones included.
#[derive(Clone, Debug, Default)]
pub struct SignatureParameters<'a>(Parameters<'a>);

impl<'a> SignatureParameters<'a> {
    /// HS-PAR-01, and none twice (HS-SF-03).
    pub(crate) fn of(parameters: Parameters<'a>) -> Result<Self, ParameterError> {
        if parameters.duplicate().is_some() {
            return Err(ParameterError::Duplicate);
        }
        for (name, value) in parameters.iter() {
            let is_sound = match name {
                "created" | "expires" => value.as_integer().is_some(),
                "alg" | "keyid" | "nonce" | "tag" => value.as_string().is_some(),
                _ => true,
            };
            if !is_sound {
                return Err(ParameterError::Type);
            }
        }
        Ok(Self(parameters))
    }

    /// `created`: when the signature was made, in seconds since 1970.
    #[must_use]
    pub fn created(&self) -> Option<i64> {
        self.get("created").and_then(BareItem::as_integer)
    }

    /// `expires`: from when on it counts no more, in seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> Option<i64> {
        self.get("expires").and_then(BareItem::as_integer)
    }

    /// `nonce`.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.text("nonce")
    }

    /// `alg`: the algorithm, by its name in the registry of HTTP signature algorithms. It decides nothing.
    #[must_use]
    pub fn algorithm_name(&self) -> Option<&str> {
        self.text("alg")
    }

    /// `keyid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.text("keyid")
    }

    /// `tag`: which application the signature is for.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.text("tag")
    }

    /// Any parameter, such as those of a profile.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&BareItem<'a>> {
        self.0.get(name)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &BareItem<'a>)> + Clone {
        self.0.iter()
    }

    pub(crate) fn fields(&self) -> &Parameters<'a> {
        &self.0
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(BareItem::as_string)
    }
}

/// Why parameters are none of a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// One is there twice.
    #[error("a parameter of the signature is there twice")]
    Duplicate,
    /// One has a value of another type.
    #[error("a parameter of the signature has a value of another type")]
    Type,
}

impl ParameterError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Duplicate => "parameter_duplicate",
            Self::Type => "parameter_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Duplicate => "HS-SF-03",
            Self::Type => "HS-PAR-01",
        }
    }
}
