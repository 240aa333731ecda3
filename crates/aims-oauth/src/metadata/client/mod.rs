//! What a client says of itself (RFC 7591, Client ID Metadata Documents).

mod build;
mod client_id_url;
mod error;
mod information;
mod keys;
mod read;
mod redirect_uri;
mod tls_client_name;

use std::collections::BTreeMap;

use aims_credential::HttpsUrl;
use aims_keys::Algorithm;

pub use self::build::ClientMetadataBuilder;
pub use self::client_id_url::{ClientIdUrl, ClientIdUrlError};
pub use self::error::ClientMetadataError;
pub use self::information::ClientInformation;
pub use self::keys::ClientKeySource;
pub use self::redirect_uri::{RedirectUri, RedirectUriError};
use crate::names::names;
use crate::{ClientAuthMethod, DeliveryMode, GrantType, Scope, SpiffeClientId, TlsClientName};

names! {
    /// What kind of program a client is.
    pub enum ApplicationType {
        /// At the machine of its user: its redirect URIs are at a loopback address (MCP-13).
        Native = "native",
        /// At a server.
        Web = "web",
    }
}

names! {
    /// A page about a client, for people.
    pub enum ClientPage {
        /// Its home.
        Home = "client_uri",
        /// Its picture: whoever shows it gets it beforehand, guarded as every fetch is, and shows a copy.
        Logo = "logo_uri",
        /// How it uses data.
        Policy = "policy_uri",
        /// Its terms of service.
        Terms = "tos_uri",
    }
}

/// The metadata of a client: how it authenticates, which grants it uses, where its users are sent back to.
///
/// A client sends them to register ([`parse_registration`](Self::parse_registration)), gets back what the server made of them ([`ClientInformation`]), or
/// publishes them at the URL that it is known by ([`parse_document`](Self::parse_document)). All of it is what the client says; nobody vouches for a name or a
/// picture. Members that nobody here reads are read over, `software_statement` and names in other languages (`client_name#de`) among them, and grant types that
/// nobody here knows.
///
/// ```
/// use aims_keys::backend;
/// use aims_oauth::{ClientIdUrl, ClientMetadata, GrantType};
///
/// let url: ClientIdUrl = "https://agents.acme.example/travel.json".parse()?;
/// let document = br#"{"client_id":"https://agents.acme.example/travel.json","client_name":"Travel",
///     "redirect_uris":["http://127.0.0.1/callback"],"grant_types":["authorization_code","refresh_token"]}"#;
/// let client = ClientMetadata::parse_document(document, &url, backend::ring())?;
/// assert!(!client.is_confidential() && client.allows_grant(GrantType::RefreshToken));
/// assert!(client.redirects_to(&"http://127.0.0.1:51004/callback".parse()?));
///
/// let elsewhere = "https://agents.acme.example/other.json".parse()?;
/// let refused = ClientMetadata::parse_document(document, &elsewhere, backend::ring()).unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("client_id_mismatch", "CMD-1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientMetadata {
    auth_method: ClientAuthMethod,
    auth_algorithm: Option<Algorithm>,
    keys: Option<ClientKeySource>,
    certificate_name: Option<TlsClientName>,
    spiffe_id: Option<SpiffeClientId>,
    spiffe_bundle_endpoint: Option<HttpsUrl>,
    redirect_uris: Vec<RedirectUri>,
    grants: Option<Vec<GrantType>>,
    response_types: Option<Vec<String>>,
    scope: Option<Scope>,
    details_types: Option<Vec<String>>,
    binds_to_dpop: bool,
    binds_to_certificates: bool,
    application_type: ApplicationType,
    name: Option<String>,
    pages: BTreeMap<ClientPage, HttpsUrl>,
    contacts: Vec<String>,
    software_id: Option<String>,
    software_version: Option<String>,
    delivery_mode: Option<DeliveryMode>,
    notification_endpoint: Option<HttpsUrl>,
    backchannel_algorithm: Option<Algorithm>,
    has_user_code: bool,
}

impl ClientMetadata {
    /// The longest document at the URL of a client, in bytes (CMD-3).
    pub const MAX_DOCUMENT_LEN: usize = 5 * 1024;

    /// The longest body of a registration, or of the answer to one, in bytes (WIR-9).
    pub const MAX_LEN: usize = 64 * 1024;

    /// `token_endpoint_auth_method`. Where it is not said, registrations mean a secret in the field `Authorization` (RFC 7591 §2); documents, which cannot
    /// (CMD-2), mean a JWT if they have keys, and nothing at all otherwise.
    #[must_use]
    pub fn auth_method(&self) -> ClientAuthMethod {
        self.auth_method
    }

    /// Whether the client authenticates, and is refused wherever it does not (CMD-4).
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.auth_method.is_authentication()
    }

    /// `token_endpoint_auth_signing_alg`: the one algorithm of its JWTs, where it says one (CJA-5).
    #[must_use]
    pub fn auth_algorithm(&self) -> Option<Algorithm> {
        self.auth_algorithm
    }

    /// `jwks` or `jwks_uri`.
    #[must_use]
    pub fn keys(&self) -> Option<&ClientKeySource> {
        self.keys.as_ref()
    }

    /// Whose certificate it comes with, where it authenticates with one of an authority (MTL-1).
    #[must_use]
    pub fn certificate_name(&self) -> Option<&TlsClientName> {
        self.certificate_name.as_ref()
    }

    /// `spiffe_id`: which workloads are this client (OSC-3, OSC-7).
    #[must_use]
    pub fn spiffe_id(&self) -> Option<&SpiffeClientId> {
        self.spiffe_id.as_ref()
    }

    /// `spiffe_bundle_endpoint`: where the client says that the keys of its trust domain are. A client brings in no trust domain: without a bundle that the
    /// server was configured with, it means nothing (OSC-12).
    #[must_use]
    pub fn spiffe_bundle_endpoint(&self) -> Option<&HttpsUrl> {
        self.spiffe_bundle_endpoint.as_ref()
    }

    /// `redirect_uris`.
    #[must_use]
    pub fn redirect_uris(&self) -> &[RedirectUri] {
        &self.redirect_uris
    }

    /// Whether answers may go to what an authorization request asks for (AUT-2). Where not, the user is not sent there either (AUT-3).
    #[must_use]
    pub fn redirects_to(&self, requested: &RedirectUri) -> bool {
        self.redirect_uris.iter().any(|registered| requested.matches(registered))
    }

    /// Whether it uses a grant. A client that does not say uses the code grant (RFC 7591 §2).
    #[must_use]
    pub fn allows_grant(&self, grant: GrantType) -> bool {
        match &self.grants {
            Some(grants) => grants.contains(&grant),
            None => grant == GrantType::AuthorizationCode,
        }
    }

    /// Whether its authorization requests may ask for this. A client that does not say asks for `code` (RFC 7591 §2).
    #[must_use]
    pub fn allows_response_type(&self, response_type: &str) -> bool {
        match &self.response_types {
            Some(types) => types.iter().any(|known| known == response_type),
            None => response_type == "code",
        }
    }

    /// `scope`: what it may ask for; `None` where it does not say.
    #[must_use]
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// `authorization_details_types` (RAR-5); `None` where it does not say.
    #[must_use]
    pub fn details_types(&self) -> Option<&[String]> {
        self.details_types.as_deref()
    }

    /// `dpop_bound_access_tokens`: whether it asks for tokens with a `DPoP` proof, and gets none without (DPO-10).
    #[must_use]
    pub fn binds_to_dpop(&self) -> bool {
        self.binds_to_dpop
    }

    /// `tls_client_certificate_bound_access_tokens` (MTL-3).
    #[must_use]
    pub fn binds_to_certificates(&self) -> bool {
        self.binds_to_certificates
    }

    /// `application_type`; at a server, where it is not said.
    #[must_use]
    pub fn application_type(&self) -> ApplicationType {
        self.application_type
    }

    /// `client_name`: for people. Whoever wrote it may be anybody: show it as such, escaped for where it is shown, and with the host of the client's identifier
    /// or redirect URI beside it (MCP-22).
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// A page about it, for people.
    #[must_use]
    pub fn page(&self, page: ClientPage) -> Option<&HttpsUrl> {
        self.pages.get(&page)
    }

    /// `contacts`: how to reach whoever is responsible for it.
    #[must_use]
    pub fn contacts(&self) -> &[String] {
        &self.contacts
    }

    /// `software_id`: the same for all instances of a program.
    #[must_use]
    pub fn software_id(&self) -> Option<&str> {
        self.software_id.as_deref()
    }

    /// `software_version`.
    #[must_use]
    pub fn software_version(&self) -> Option<&str> {
        self.software_version.as_deref()
    }

    /// `backchannel_token_delivery_mode` (HIL-3).
    #[must_use]
    pub fn delivery_mode(&self) -> Option<DeliveryMode> {
        self.delivery_mode
    }

    /// `backchannel_client_notification_endpoint`: where the server tells it of the user's answer (HIL-3).
    #[must_use]
    pub fn notification_endpoint(&self) -> Option<&HttpsUrl> {
        self.notification_endpoint.as_ref()
    }

    /// `backchannel_authentication_request_signing_alg`: with what it signs its backchannel authentication requests, if it does.
    #[must_use]
    pub fn backchannel_algorithm(&self) -> Option<Algorithm> {
        self.backchannel_algorithm
    }

    /// `backchannel_user_code_parameter`: whether it asks its users for their code.
    #[must_use]
    pub fn has_user_code(&self) -> bool {
        self.has_user_code
    }

    /// Whether clients of the Model Context Protocol may publish this as their document: it has a name and redirect URIs (MCP-16).
    ///
    /// # Errors
    ///
    /// [`ClientMetadataError::Missing`].
    pub fn check_for_mcp(&self) -> Result<(), ClientMetadataError> {
        if self.name.is_none() {
            return Err(ClientMetadataError::Missing("client_name"));
        }
        if self.redirect_uris.is_empty() {
            return Err(ClientMetadataError::Missing("redirect_uris"));
        }
        Ok(())
    }

    /// What must be there because of something else that is.
    fn check(self) -> Result<Self, ClientMetadataError> {
        use ClientMetadataError as E;

        if self.auth_method.needs_keys() && self.keys.as_ref().is_none_or(ClientKeySource::is_empty) {
            return Err(E::NoKeys);
        }
        if self.auth_method == ClientAuthMethod::Tls && self.certificate_name.is_none() {
            return Err(E::CertificateName);
        }
        if self.auth_method.is_spiffe() && self.spiffe_id.is_none() {
            return Err(E::Missing("spiffe_id"));
        }
        if self.allows_grant(GrantType::AuthorizationCode) && self.redirect_uris.is_empty() {
            return Err(E::NoRedirectUri);
        }
        if self.allows_grant(GrantType::Ciba) && self.delivery_mode.is_none() {
            return Err(E::Missing(read::DELIVERY_MODE));
        }
        let is_told = matches!(self.delivery_mode, Some(DeliveryMode::Ping | DeliveryMode::Push));
        if is_told && self.notification_endpoint.is_none() {
            return Err(E::Missing(read::NOTIFICATION_ENDPOINT));
        }
        Ok(self)
    }
}
