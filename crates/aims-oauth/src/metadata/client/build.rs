//! Writing it.

use aims_credential::HttpsUrl;
use aims_jose::json::ObjectWriter;
use aims_keys::Algorithm;

use super::read::{
    APPLICATION, AUTH_ALGORITHM, AUTH_METHOD, BACKCHANNEL_ALGORITHM, CERTIFICATES, CLIENT_ID, CONTACTS,
    DELIVERY_MODE, DETAILS, DPOP, GRANTS, JWKS, JWKS_URI, NAME, NOTIFICATION_ENDPOINT, REDIRECT_URIS,
    RESPONSE_TYPES, SCOPE, SOFTWARE_ID, SOFTWARE_VERSION, SPIFFE_BUNDLE, SPIFFE_ID, USER_CODE,
};
use super::{
    ApplicationType, ClientIdUrl, ClientKeySource, ClientMetadata, ClientMetadataError, ClientPage,
    RedirectUri,
};
use crate::{ClientAuthMethod, DeliveryMode, GrantType, Scope, SpiffeClientId, TlsClientName};

impl ClientMetadata {
    /// Metadata of a client that authenticates like this; to register with, or to be published.
    ///
    /// ```
    /// use aims_oauth::{ClientAuthMethod, ClientMetadata, GrantType};
    ///
    /// let client = ClientMetadata::builder(ClientAuthMethod::SpiffeJwt)
    ///     .grants(&[GrantType::ClientCredentials])
    ///     .spiffe_id("spiffe://acme.example/agents/travel".parse()?)
    ///     .build()?;
    /// assert!(client.is_confidential());
    /// let document = client.to_document(&"https://agents.acme.example/travel.json".parse()?)?;
    /// assert!(document.starts_with(r#"{"client_id":"https://agents.acme.example/travel.json","#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(auth_method: ClientAuthMethod) -> ClientMetadataBuilder {
        ClientMetadataBuilder(Self::empty(auth_method))
    }

    /// The body of a registration: sent with POST as `application/json` (DCR-1).
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut to = ObjectWriter::new();
        self.write(&mut to);
        // INVARIANT: the names differ.
        to.finish().unwrap_or_default()
    }

    /// The document to be published at the URL that the client is then known by: served with status 200 as `application/json`.
    ///
    /// # Errors
    ///
    /// [`ClientMetadataError::Secret`] when the client authenticates with a shared secret, [`ClientMetadataError::DocumentTooLong`].
    pub fn to_document(&self, url: &ClientIdUrl) -> Result<String, ClientMetadataError> {
        if self.auth_method.is_shared_secret() {
            return Err(ClientMetadataError::Secret(AUTH_METHOD));
        }
        let mut to = ObjectWriter::new();
        to.str(CLIENT_ID, url.as_str());
        self.write(&mut to);
        let document = to.finish()?;
        if document.len() > Self::MAX_DOCUMENT_LEN {
            return Err(ClientMetadataError::DocumentTooLong);
        }
        Ok(document)
    }

    pub(super) fn write(&self, to: &mut ObjectWriter) {
        self.write_authentication(to);
        if !self.redirect_uris.is_empty() {
            to.strs(REDIRECT_URIS, self.redirect_uris.iter().map(RedirectUri::as_str));
        }
        if let Some(grants) = &self.grants {
            to.strs(GRANTS, grants.iter().map(|grant| grant.as_str()));
        }
        if let Some(types) = &self.response_types {
            to.strs(RESPONSE_TYPES, types);
        }
        // An empty one is none (WIR-7).
        if let Some(scope) = self.scope.as_ref().filter(|scope| !scope.is_empty()) {
            to.str(SCOPE, scope.as_str());
        }
        if let Some(types) = &self.details_types {
            to.strs(DETAILS, types);
        }
        for (member, flag) in [
            (DPOP, self.binds_to_dpop),
            (CERTIFICATES, self.binds_to_certificates),
            (USER_CODE, self.has_user_code),
        ] {
            if flag {
                to.bool(member, true);
            }
        }
        // Always: servers have different words for what is not said (MCP-13).
        to.str(APPLICATION, self.application_type.as_str());
        for (member, text) in
            [(NAME, &self.name), (SOFTWARE_ID, &self.software_id), (SOFTWARE_VERSION, &self.software_version)]
        {
            if let Some(text) = text {
                to.str(member, text);
            }
        }
        for (page, url) in &self.pages {
            to.str(page.as_str(), url.as_str());
        }
        if !self.contacts.is_empty() {
            to.strs(CONTACTS, &self.contacts);
        }
        if let Some(mode) = self.delivery_mode {
            to.str(DELIVERY_MODE, mode.as_str());
        }
        if let Some(url) = &self.notification_endpoint {
            to.str(NOTIFICATION_ENDPOINT, url.as_str());
        }
        if let Some(algorithm) = self.backchannel_algorithm {
            to.str(BACKCHANNEL_ALGORITHM, algorithm.name());
        }
    }

    fn write_authentication(&self, to: &mut ObjectWriter) {
        to.str(AUTH_METHOD, self.auth_method.as_str());
        if let Some(algorithm) = self.auth_algorithm {
            to.str(AUTH_ALGORITHM, algorithm.name());
        }
        match &self.keys {
            Some(ClientKeySource::Set(keys)) => {
                to.object(JWKS, |to| {
                    to.array("keys", |to| {
                        for key in keys.iter() {
                            to.object(|to| key.write(to));
                        }
                    });
                });
            }
            Some(ClientKeySource::Url(url)) => {
                to.str(JWKS_URI, url.as_str());
            }
            None => {}
        }
        if let Some(subject) = &self.certificate_name {
            subject.write(to);
        }
        if let Some(id) = &self.spiffe_id {
            to.str(SPIFFE_ID, id.as_str());
        }
        if let Some(url) = &self.spiffe_bundle_endpoint {
            to.str(SPIFFE_BUNDLE, url.as_str());
        }
    }
}

/// Metadata in the making. What is empty is left out: then the default for absence holds.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientMetadataBuilder(ClientMetadata);

impl ClientMetadataBuilder {
    /// `token_endpoint_auth_signing_alg`: the one algorithm of its JWTs.
    pub fn auth_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.0.auth_algorithm = Some(algorithm);
        self
    }

    /// `jwks` or `jwks_uri`.
    pub fn keys(mut self, keys: ClientKeySource) -> Self {
        self.0.keys = Some(keys);
        self
    }

    /// Whose certificate it comes with (MTL-1).
    pub fn certificate_name(mut self, subject: TlsClientName) -> Self {
        self.0.certificate_name = Some(subject);
        self
    }

    /// `spiffe_id` (OSC-7).
    pub fn spiffe_id(mut self, pattern: SpiffeClientId) -> Self {
        self.0.spiffe_id = Some(pattern);
        self
    }

    /// `spiffe_bundle_endpoint` (OSC-7).
    pub fn spiffe_bundle_endpoint(mut self, url: HttpsUrl) -> Self {
        self.0.spiffe_bundle_endpoint = Some(url);
        self
    }

    /// `redirect_uris`. One at the machine of the user makes it a program there: `application_type` is `native` then (MCP-13).
    pub fn redirect_uris(mut self, uris: impl IntoIterator<Item = RedirectUri>) -> Self {
        self.0.redirect_uris = uris.into_iter().collect();
        if self.0.redirect_uris.iter().any(RedirectUri::is_loopback) {
            self.0.application_type = ApplicationType::Native;
        }
        self
    }

    /// `grant_types`. Without: the code grant.
    pub fn grants(mut self, grants: &[GrantType]) -> Self {
        self.0.grants = Some(grants.to_vec()).filter(|grants| !grants.is_empty());
        self
    }

    /// `response_types`. Without: `code`.
    pub fn response_types(mut self, types: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let types: Vec<String> = types.into_iter().map(Into::into).collect();
        self.0.response_types = Some(types).filter(|types| !types.is_empty());
        self
    }

    /// `scope`.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.0.scope = Some(scope).filter(|scope| !scope.is_empty());
        self
    }

    /// `authorization_details_types` (RAR-5).
    pub fn details_types(mut self, types: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let types: Vec<String> = types.into_iter().map(Into::into).collect();
        self.0.details_types = Some(types).filter(|types| !types.is_empty());
        self
    }

    /// `dpop_bound_access_tokens` (DPO-10).
    pub fn bind_to_dpop(mut self) -> Self {
        self.0.binds_to_dpop = true;
        self
    }

    /// `tls_client_certificate_bound_access_tokens` (MTL-3).
    pub fn bind_to_certificates(mut self) -> Self {
        self.0.binds_to_certificates = true;
        self
    }

    /// `application_type`. Default: at a server.
    pub fn application_type(mut self, application_type: ApplicationType) -> Self {
        self.0.application_type = application_type;
        self
    }

    /// `client_name`.
    pub fn name(mut self, name: &str) -> Self {
        self.0.name = Some(name.to_owned());
        self
    }

    /// A page about it, for people.
    pub fn page(mut self, page: ClientPage, url: HttpsUrl) -> Self {
        self.0.pages.insert(page, url);
        self
    }

    /// `contacts`.
    pub fn contacts(mut self, contacts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.contacts = contacts.into_iter().map(Into::into).collect();
        self
    }

    /// `software_id` and `software_version`.
    pub fn software(mut self, id: &str, version: &str) -> Self {
        self.0.software_id = Some(id.to_owned());
        self.0.software_version = Some(version.to_owned());
        self
    }

    /// `backchannel_token_delivery_mode`: it asks now and then for the user's answer (HIL-3).
    pub fn poll(mut self) -> Self {
        self.0.delivery_mode = Some(DeliveryMode::Poll);
        self
    }

    /// The same: the server tells it at this endpoint that there is an answer, and it asks.
    pub fn ping(mut self, endpoint: HttpsUrl) -> Self {
        self.0.delivery_mode = Some(DeliveryMode::Ping);
        self.0.notification_endpoint = Some(endpoint);
        self
    }

    /// The same: the server sends it the tokens there.
    pub fn push(mut self, endpoint: HttpsUrl) -> Self {
        self.0.delivery_mode = Some(DeliveryMode::Push);
        self.0.notification_endpoint = Some(endpoint);
        self
    }

    /// `backchannel_authentication_request_signing_alg`.
    pub fn backchannel_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.0.backchannel_algorithm = Some(algorithm);
        self
    }

    /// `backchannel_user_code_parameter`: it asks its users for their code.
    pub fn with_user_code(mut self) -> Self {
        self.0.has_user_code = true;
        self
    }

    /// Finishes.
    ///
    /// # Errors
    ///
    /// [`ClientMetadataError`] when something is missing that the rest asks for.
    pub fn build(self) -> Result<ClientMetadata, ClientMetadataError> {
        self.0.check()
    }
}
