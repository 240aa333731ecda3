//! Whom an assertion is for.

use aims_credential::HttpsUrl;
use aims_jose::json::Value;

use crate::Issuer;

/// Which audience a client assertion may have; always one alone (CJA-3).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum AudiencePolicy {
    /// The issuer identifier of the server, and nothing else. An assertion that another server could be shown, too, is refused.
    #[default]
    Strict,
    /// In its place also the URL of the token endpoint, byte for byte, for clients from before rfc7523bis. A server that can talk a client into believing
    /// that this URL is one of its own is shown assertions that count here.
    Legacy {
        /// The URL, as the metadata have it: never an alias for mutual TLS.
        token_endpoint: HttpsUrl,
    },
}

impl AudiencePolicy {
    pub(super) fn accepts(&self, audience: Value<'_>, issuer: &Issuer) -> bool {
        audience.is_str(issuer.as_str())
            || match self {
                Self::Strict => false,
                Self::Legacy { token_endpoint } => audience.is_str(token_endpoint.as_str()),
            }
    }
}
