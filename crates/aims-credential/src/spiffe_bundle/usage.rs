//! What an element of a bundle is for.

use aims_jose::json::Value;

/// `use` of an element, compared with its case (BND-13).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Usage {
    Jwt,
    Wit,
    X509,
}

impl Usage {
    /// That of `element`, if it has one that is known.
    pub(super) fn of(element: Value<'_>) -> Option<Self> {
        let usage = element.get("use")?;
        [Self::Jwt, Self::Wit, Self::X509].into_iter().find(|known| usage.is_str(known.name()))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt-svid",
            Self::Wit => "wit-svid",
            Self::X509 => "x509-svid",
        }
    }
}
