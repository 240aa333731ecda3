//! What a proof is for, from the URI of a request.

use std::fmt;

use http::Uri;

use super::AttachError;

/// The scheme and authority of a service, in the spelling that services know themselves by: the host in lower case, and no
/// default port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Origin(String);

impl Origin {
    /// Reads `https://tools.example`, with nothing behind it but perhaps a slash.
    pub(super) fn parse(base: &str) -> Result<Self, AttachError> {
        let uri: Uri = base.parse().map_err(|_| AttachError::RelativeTarget)?;
        if uri.path().len() > 1 || uri.query().is_some() {
            return Err(AttachError::RelativeTarget);
        }
        Self::of(&uri)
    }

    /// The audience of a request to this service, whose URI is `uri`, whole or from the path on.
    pub(super) fn audience(&self, uri: &Uri) -> Result<String, AttachError> {
        if uri.authority().is_some() && Self::of(uri)? != *self {
            return Err(AttachError::ForeignTarget);
        }
        // The asterisk form of a request target has no path (RFC 9110 §7.1).
        let path = if uri.path() == "*" { "" } else { uri.path() };
        Ok(format!("{self}{path}"))
    }

    fn of(uri: &Uri) -> Result<Self, AttachError> {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(AttachError::RelativeTarget);
        };
        if authority.as_str().contains('@') {
            return Err(AttachError::Userinfo);
        }
        // A port that is none, `:99999`, would be lost below, and with it whom the request goes to.
        if authority.port_u16().is_none() && authority.as_str() != authority.host() {
            return Err(AttachError::RelativeTarget);
        }
        let host = authority.host().to_ascii_lowercase();
        let port = match (scheme, authority.port_u16()) {
            (_, None) | ("https", Some(443)) | ("http", Some(80)) => String::new(),
            (_, Some(port)) => format!(":{port}"),
        };
        Ok(Self(format!("{scheme}://{host}{port}")))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The audience of a request to `target`, a whole URI.
pub(super) fn audience(target: &Uri) -> Result<String, AttachError> {
    Origin::of(target)?.audience(target)
}
