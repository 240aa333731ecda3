//! What an authorization server says of itself (RFC 8414, `OpenID` Connect Discovery).

mod build;
mod error;
mod fetch;
mod names;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use aims_credential::{FetchRequest, HttpsUrl};
use aims_keys::AlgorithmSet;

pub use self::build::ServerMetadataBuilder;
pub use self::error::ServerMetadataError;
pub(crate) use self::fetch::exactly;
use self::names::{AuthMethods, Flag};
pub use self::names::{Endpoint, Listed, Signed};
use crate::metadata::member;
use crate::{ClientAuthMethod, DeliveryMode, GrantType, Issuer, Resource, Scope};

/// The metadata of an authorization server: where its endpoints are, and what it can do.
///
/// A value exists only for an issuer that was asked for: [`parse`](Self::parse) compares (MET-2). Members that nobody here reads are read over, names in
/// lists that nobody here knows likewise, and `signed_metadata` too: what is trusted is the TLS connection to the issuer's host.
///
/// This type fetches nothing. Whoever does asks the [`urls`](Self::urls) in turn with a [`request`](Self::request) each, until one is answered with a document.
/// Only a status of refusal leads to the next URL: a document that is refused ends the search.
///
/// ```
/// use aims_oauth::{Endpoint, GrantType, Issuer, ServerMetadata};
///
/// let issuer: Issuer = "https://as.example/tenant".parse()?;
/// let urls = ServerMetadata::urls(&issuer);
/// let first = urls.first().ok_or("an issuer too long")?;
/// assert_eq!(first.as_str(), "https://as.example/.well-known/oauth-authorization-server/tenant");
/// assert_eq!(ServerMetadata::request(first).redirects(), 0);
///
/// let document = br#"{"issuer":"https://as.example/tenant","token_endpoint":"https://as.example/tenant/token",
///     "grant_types_supported":["client_credentials"]}"#;
/// let server = ServerMetadata::parse(document, &issuer)?;
/// assert_eq!(server.endpoint(Endpoint::Token).map(|url| url.path()), Some("/tenant/token"));
/// assert!(server.supports_grant(GrantType::ClientCredentials));
///
/// let refused = ServerMetadata::parse(document, &"https://as.example".parse()?).unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("issuer_mismatch", "MET-2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerMetadata {
    issuer: Issuer,
    endpoints: BTreeMap<Endpoint, HttpsUrl>,
    /// Of those, where clients come with certificates.
    aliases: BTreeMap<Endpoint, HttpsUrl>,
    jwks_uri: Option<HttpsUrl>,
    scopes: Option<Scope>,
    grants: Option<Vec<GrantType>>,
    auth_methods: BTreeMap<AuthMethods, Vec<ClientAuthMethod>>,
    algorithms: BTreeMap<Signed, AlgorithmSet>,
    lists: BTreeMap<Listed, Vec<String>>,
    delivery_modes: Vec<DeliveryMode>,
    protected_resources: Option<Vec<Resource>>,
    flags: BTreeSet<Flag>,
}

impl ServerMetadata {
    /// The longest document, in bytes.
    pub const MAX_LEN: usize = 256 * 1024;

    /// Where the metadata of an issuer can be, in the order in which a client looks (MET-1, MCP-8). A server answers at the first, and at the second if it
    /// issues ID Tokens.
    ///
    /// An issuer that is so long that a URL would be longer than [`HttpsUrl::MAX_LEN`] has fewer of them, or none.
    #[must_use]
    pub fn urls(issuer: &Issuer) -> Vec<HttpsUrl> {
        let authority = issuer.as_url().authority();
        let path = issuer.as_url().path();
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut urls = vec![
            format!("https://{authority}/.well-known/oauth-authorization-server{path}"),
            format!("https://{authority}/.well-known/openid-configuration{path}"),
        ];
        if !path.is_empty() {
            urls.push(format!("https://{authority}{path}/.well-known/openid-configuration"));
        }
        urls.iter().filter_map(|url| url.parse().ok()).collect()
    }

    /// How the document at one of them is asked for: as `application/json` and nothing else (MET-3), without redirects, and no more of it than is read (SEC-17).
    /// Whoever fetches takes status 200 alone, and dials no address of its own network.
    pub fn request(url: &HttpsUrl) -> FetchRequest<'_> {
        member::request(url).max_len(Self::MAX_LEN)
    }

    /// `issuer`: the one that was asked for.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Where an endpoint is, if there is one. It may be at another host than the issuer (MET-4).
    #[must_use]
    pub fn endpoint(&self, endpoint: Endpoint) -> Option<&HttpsUrl> {
        self.endpoints.get(&endpoint)
    }

    /// Where an endpoint is for clients that come with a certificate: its alias in `mtls_endpoint_aliases`, or the endpoint itself (RFC 8705 §5).
    #[must_use]
    pub fn mtls_endpoint(&self, endpoint: Endpoint) -> Option<&HttpsUrl> {
        self.aliases.get(&endpoint).or_else(|| self.endpoint(endpoint))
    }

    /// `jwks_uri`: where the server's keys are.
    #[must_use]
    pub fn jwks_uri(&self) -> Option<&HttpsUrl> {
        self.jwks_uri.as_ref()
    }

    /// `scopes_supported`: scopes that may be asked for, of which the server may have more.
    #[must_use]
    pub fn scopes(&self) -> Option<&Scope> {
        self.scopes.as_ref()
    }

    /// Whether tokens are given for this. A server that does not say has the code grant alone, of those known here (RFC 8414 §2).
    #[must_use]
    pub fn supports_grant(&self, grant: GrantType) -> bool {
        match &self.grants {
            Some(grants) => grants.contains(&grant),
            None => grant == GrantType::AuthorizationCode,
        }
    }

    /// Whether clients may authenticate so at an endpoint.
    ///
    /// The token endpoint's list holds where authorization requests are pushed (PAR-1) and at the backchannel authentication endpoint too. Servers that have
    /// no list there, or none at the revocation endpoint, take a secret in the field `Authorization` (RFC 8414 §2); of introspection without a list nothing
    /// is known, and the answer is no.
    #[must_use]
    pub fn supports_auth_method(&self, method: ClientAuthMethod, at: Endpoint) -> bool {
        let (methods, absent) = match at {
            Endpoint::BackchannelAuthentication | Endpoint::PushedAuthorization | Endpoint::Token => {
                (AuthMethods::Token, Some(ClientAuthMethod::ClientSecretBasic))
            }
            Endpoint::Introspection => (AuthMethods::Introspection, None),
            Endpoint::Revocation => (AuthMethods::Revocation, Some(ClientAuthMethod::ClientSecretBasic)),
            Endpoint::Authorization | Endpoint::Challenge | Endpoint::Registration | Endpoint::UserInfo => {
                return false;
            }
        };
        match self.auth_methods.get(&methods) {
            Some(methods) => methods.contains(&method),
            None => absent == Some(method),
        }
    }

    /// Whether a client that is known by this method shows it at an endpoint. It has one method (RFC 7591 §2): where a server has no list for introspection or
    /// revocation, as oidc-provider has none, that of the token endpoint holds.
    pub(crate) fn takes_clients_by(&self, method: ClientAuthMethod, at: Endpoint) -> bool {
        let list = match at {
            Endpoint::Introspection => Some(AuthMethods::Introspection),
            Endpoint::Revocation => Some(AuthMethods::Revocation),
            _ => None,
        };
        let is_unsaid = list.is_some_and(|list| !self.auth_methods.contains_key(&list));
        let at = if is_unsaid { Endpoint::Token } else { at };
        self.supports_auth_method(method, at)
    }

    /// Whether the server has PKCE with `S256` (PKC-1): clients go no further with one that has not (MCP-10).
    #[must_use]
    pub fn supports_s256(&self) -> bool {
        self.lists(Listed::CodeChallengeMethods, "S256", false)
    }

    /// Whether an authorization request may ask for this. A server that does not say has `code`: OAuth 2.1 knows no other.
    #[must_use]
    pub fn supports_response_type(&self, response_type: &str) -> bool {
        self.lists(Listed::ResponseTypes, response_type, response_type == "code")
    }

    /// Whether the answer to an authorization request can come like this. A server that does not say has `query` and `fragment` (RFC 8414 §2).
    #[must_use]
    pub fn supports_response_mode(&self, mode: &str) -> bool {
        self.lists(Listed::ResponseModes, mode, matches!(mode, "query" | "fragment"))
    }

    /// A list as it was read; `None` where the server does not say, and empty where it has nothing of the kind (MET-3).
    #[must_use]
    pub fn list(&self, list: Listed) -> Option<&[String]> {
        self.lists.get(&list).map(Vec::as_slice)
    }

    /// The algorithms, of those known here, with which something may be signed; `None` where the server does not say. `none` and MACs are never among them.
    #[must_use]
    pub fn algorithms(&self, signed: Signed) -> Option<AlgorithmSet> {
        self.algorithms.get(&signed).copied()
    }

    /// How the answers of users come to clients; none without CIBA (HIL-2).
    #[must_use]
    pub fn delivery_modes(&self) -> &[DeliveryMode] {
        &self.delivery_modes
    }

    /// `protected_resources`: resources whose tokens come from here, and there may be more; `None` where the server does not say (RFC 9728 §4).
    #[must_use]
    pub fn protected_resources(&self) -> Option<&[Resource]> {
        self.protected_resources.as_deref()
    }

    /// `require_pushed_authorization_requests`: whether authorization requests must be pushed, whoever the client is (PAR-4).
    #[must_use]
    pub fn requires_pushed_requests(&self) -> bool {
        self.flags.contains(&Flag::RequiresPushedRequests)
    }

    /// `authorization_response_iss_parameter_supported`: whether each answer to an authorization request says of whom it is. One that does not is then refused
    /// (ISS-2).
    #[must_use]
    pub fn sends_issuer(&self) -> bool {
        self.flags.contains(&Flag::SendsIssuer)
    }

    /// `client_id_metadata_document_supported`: whether the URL of its metadata may stand for a client (CMD-1).
    #[must_use]
    pub fn takes_client_documents(&self) -> bool {
        self.flags.contains(&Flag::TakesClientDocuments)
    }

    /// `tls_client_certificate_bound_access_tokens`: whether tokens can be bound to certificates (MTL-3).
    #[must_use]
    pub fn binds_to_certificates(&self) -> bool {
        self.flags.contains(&Flag::BindsToCertificates)
    }

    /// `backchannel_user_code_parameter_supported`: whether users may have a code against requests that they did not want (HIL-2).
    #[must_use]
    pub fn takes_user_codes(&self) -> bool {
        self.flags.contains(&Flag::TakesUserCodes)
    }

    fn lists(&self, list: Listed, name: &str, absent: bool) -> bool {
        self.list(list).map_or(absent, |names| names.iter().any(|known| known == name))
    }
}
