//! Request targets (RFC 9112 section 3.2).

/// A request target, taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    /// `https://host/path?query`.
    Absolute { scheme: &'a str, authority: &'a str, rest: &'a str },
    /// `*`.
    Asterisk,
    /// `host:port`, of CONNECT.
    Authority(&'a str),
    /// `/path?query`.
    Origin(&'a str),
}

impl<'a> Target<'a> {
    pub(super) fn of(target: &'a str) -> Self {
        if target == "*" {
            return Self::Asterisk;
        }
        if target.starts_with('/') {
            return Self::Origin(target);
        }
        match target.split_once("://") {
            Some((scheme, behind)) if is_scheme(scheme) => {
                let end = behind.find(['/', '?', '#']).unwrap_or(behind.len());
                let (authority, rest) = behind.split_at_checked(end).unwrap_or((behind, ""));
                Self::Absolute { scheme, authority, rest }
            }
            _ => Self::Authority(target),
        }
    }

    pub(super) fn scheme(&self) -> Option<&'a str> {
        if let Self::Absolute { scheme, .. } = self { Some(scheme) } else { None }
    }

    pub(super) fn authority(&self) -> Option<&'a str> {
        match self {
            Self::Absolute { authority, .. } | Self::Authority(authority) => Some(authority),
            _ => None,
        }
    }

    /// Path and query, as they were sent; nothing where the target has none.
    pub(super) fn rest(&self) -> &'a str {
        match self {
            Self::Absolute { rest, .. } | Self::Origin(rest) => rest,
            _ => "",
        }
    }

    /// An empty path is `/`. The targets of CONNECT and of `OPTIONS *` have none.
    pub(super) fn path(&self) -> Option<&'a str> {
        let rest = self.has_rest()?;
        let path = rest.split_once('?').map_or(rest, |(path, _)| path);
        Some(if path.is_empty() { "/" } else { path })
    }

    /// Without its question mark.
    pub(super) fn query(&self) -> Option<&'a str> {
        let rest = self.has_rest()?;
        Some(rest.split_once('?').map_or("", |(_, query)| query))
    }

    fn has_rest(&self) -> Option<&'a str> {
        matches!(self, Self::Absolute { .. } | Self::Origin(_)).then(|| self.rest())
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}
