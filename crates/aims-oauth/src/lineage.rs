//! Lineage: what a token comes from, so that what was derived dies with it (design D10).

use aims_credential::LineageId;
use aims_jose::base64url;
use aims_jose::json::{Kind, ObjectWriter, Value};

/// The ancestors of a token, the grant first: the claim `aims_lineage`. A token without one has none that is known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Lineage(Vec<LineageId>);

impl Lineage {
    /// The longest.
    pub const MAX: usize = 8;

    /// Of nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Of one ancestor.
    #[must_use]
    pub fn of(first: LineageId) -> Self {
        Self(vec![first])
    }

    /// With one more ancestor, the nearest.
    ///
    /// # Errors
    ///
    /// [`LineageError::TooLong`] beyond eight: nothing is derived from such a token (design D10).
    pub fn and(mut self, parent: LineageId) -> Result<Self, LineageError> {
        if self.0.len() >= Self::MAX {
            return Err(LineageError::TooLong);
        }
        self.0.push(parent);
        Ok(self)
    }

    /// The ancestors, the grant first.
    #[must_use]
    pub fn ids(&self) -> &[LineageId] {
        &self.0
    }

    /// Reads the claim.
    pub(crate) fn read(value: Value<'_>) -> Result<Self, LineageError> {
        let mut ids = Vec::new();
        for item in value.as_array().ok_or(LineageError::Malformed)? {
            if ids.len() >= Self::MAX {
                return Err(LineageError::TooLong);
            }
            if item.kind() != Kind::String {
                return Err(LineageError::Malformed);
            }
            let text = item.as_raw_str().ok_or(LineageError::Malformed)?;
            let bytes = base64url::decode(text).map_err(|_| LineageError::Malformed)?;
            ids.push(LineageId::from_bytes(bytes.try_into().map_err(|_| LineageError::Malformed)?));
        }
        if ids.is_empty() { Err(LineageError::Malformed) } else { Ok(Self(ids)) }
    }

    /// Writes the claim, if there is anything to write.
    pub(crate) fn write(&self, to: &mut ObjectWriter) {
        if !self.0.is_empty() {
            to.strs(CLAIM, self.0.iter().map(|id| base64url::encode(id.as_bytes())));
        }
    }
}

/// Why a lineage is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LineageError {
    /// It is not a list of identifiers.
    #[error("the lineage is malformed")]
    Malformed,
    /// It has more than eight.
    #[error("the lineage is too long")]
    TooLong,
}

impl LineageError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed_lineage",
            Self::TooLong => "lineage_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "WIR-9"
    }
}

pub(crate) const CLAIM: &str = "aims_lineage";
