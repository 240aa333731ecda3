//! Writing it.

use aims_credential::HttpsUrl;
use aims_jose::json::ObjectWriter;
use aims_keys::AlgorithmSet;

use super::names::{AuthMethods, Flag};
use super::read::{ALIASES, DELIVERY_MODES, GRANTS, JWKS_URI, PROTECTED, SCOPES};
use super::{Endpoint, Listed, ServerMetadata, ServerMetadataError, Signed};
use crate::{ClientAuthMethod, DeliveryMode, GrantType, Issuer, Resource, Scope};

impl ServerMetadata {
    /// Metadata of an issuer, to be published: so far they say who it is.
    ///
    /// ```
    /// use aims_oauth::{ClientAuthMethod, Endpoint, GrantType, ServerMetadata};
    ///
    /// let issuer = "https://as.example".parse()?;
    /// let metadata = ServerMetadata::builder(issuer)
    ///     .endpoint(Endpoint::Token, "https://as.example/token".parse()?)
    ///     .grants(&[GrantType::ClientCredentials])
    ///     .auth_methods(&[ClientAuthMethod::PrivateKeyJwt])
    ///     .build()?;
    /// assert_eq!(ServerMetadata::parse(metadata.to_json().as_bytes(), metadata.issuer())?, metadata);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(issuer: Issuer) -> ServerMetadataBuilder {
        ServerMetadataBuilder(Self::empty(issuer))
    }

    /// The document. Served with status 200 as `application/json` (MET-3).
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut to = ObjectWriter::new();
        to.str("issuer", self.issuer.as_str());
        for (endpoint, url) in &self.endpoints {
            to.str(endpoint.as_str(), url.as_str());
        }
        if !self.aliases.is_empty() {
            to.object(ALIASES, |to| {
                for (endpoint, url) in &self.aliases {
                    to.str(endpoint.as_str(), url.as_str());
                }
            });
        }
        if let Some(url) = &self.jwks_uri {
            to.str(JWKS_URI, url.as_str());
        }
        if let Some(scopes) = &self.scopes {
            to.strs(SCOPES, scopes.iter());
        }
        if let Some(grants) = &self.grants {
            to.strs(GRANTS, grants.iter().map(|grant| grant.as_str()));
        }
        for (member, methods) in &self.auth_methods {
            to.strs(member.as_str(), methods.iter().map(|method| method.as_str()));
        }
        for (signed, algorithms) in &self.algorithms {
            to.strs(signed.as_str(), algorithms.iter().map(aims_keys::Algorithm::name));
        }
        for (list, names) in &self.lists {
            to.strs(list.as_str(), names);
        }
        if !self.delivery_modes.is_empty() {
            to.strs(DELIVERY_MODES, self.delivery_modes.iter().map(|mode| mode.as_str()));
        }
        if let Some(resources) = &self.protected_resources {
            to.strs(PROTECTED, resources.iter().map(Resource::as_str));
        }
        for flag in &self.flags {
            to.bool(flag.as_str(), true);
        }
        // INVARIANT: the names differ.
        to.finish().unwrap_or_default()
    }
}

/// Metadata in the making. What is empty is left out (MET-3): then the default for absence holds.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ServerMetadataBuilder(ServerMetadata);

impl ServerMetadataBuilder {
    /// Where an endpoint is.
    pub fn endpoint(mut self, endpoint: Endpoint, url: HttpsUrl) -> Self {
        self.0.endpoints.insert(endpoint, url);
        self
    }

    /// Where an endpoint is for clients that come with a certificate (RFC 8705 §5).
    pub fn mtls_endpoint(mut self, endpoint: Endpoint, url: HttpsUrl) -> Self {
        self.0.aliases.insert(endpoint, url);
        self
    }

    /// `jwks_uri`: where the server's keys are.
    pub fn jwks_uri(mut self, url: HttpsUrl) -> Self {
        self.0.jwks_uri = Some(url);
        self
    }

    /// `scopes_supported`.
    pub fn scopes(mut self, scopes: Scope) -> Self {
        self.0.scopes = Some(scopes).filter(|scopes| !scopes.is_empty());
        self
    }

    /// `grant_types_supported`. Without: the code grant.
    pub fn grants(mut self, grants: &[GrantType]) -> Self {
        self.0.grants = Some(grants.to_vec()).filter(|grants| !grants.is_empty());
        self
    }

    /// Methods of client authentication at the token endpoint, and where the same hold: `token_endpoint_auth_methods_supported`. Without: a shared secret.
    pub fn auth_methods(self, methods: &[ClientAuthMethod]) -> Self {
        self.auth_methods_at(AuthMethods::Token, methods)
    }

    /// The same at the revocation endpoint.
    pub fn revocation_auth_methods(self, methods: &[ClientAuthMethod]) -> Self {
        self.auth_methods_at(AuthMethods::Revocation, methods)
    }

    /// The same at the introspection endpoint.
    pub fn introspection_auth_methods(self, methods: &[ClientAuthMethod]) -> Self {
        self.auth_methods_at(AuthMethods::Introspection, methods)
    }

    /// With which algorithms something may be signed.
    pub fn algorithms(mut self, signed: Signed, algorithms: AlgorithmSet) -> Self {
        self.0.algorithms.remove(&signed);
        if !algorithms.is_empty() {
            self.0.algorithms.insert(signed, algorithms);
        }
        self
    }

    /// A list of names that others give out.
    pub fn list(mut self, list: Listed, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        self.0.lists.remove(&list);
        if !names.is_empty() {
            self.0.lists.insert(list, names);
        }
        self
    }

    /// `backchannel_token_delivery_modes_supported` (HIL-2).
    pub fn delivery_modes(mut self, modes: &[DeliveryMode]) -> Self {
        self.0.delivery_modes = modes.to_vec();
        self
    }

    /// `protected_resources` (RFC 9728 §4).
    pub fn protected_resources(mut self, resources: impl IntoIterator<Item = Resource>) -> Self {
        let resources: Vec<Resource> = resources.into_iter().collect();
        self.0.protected_resources = Some(resources).filter(|resources| !resources.is_empty());
        self
    }

    /// `require_pushed_authorization_requests` (PAR-4).
    pub fn require_pushed_requests(self) -> Self {
        self.flag(Flag::RequiresPushedRequests)
    }

    /// `authorization_response_iss_parameter_supported` (ISS-1).
    pub fn sends_issuer(self) -> Self {
        self.flag(Flag::SendsIssuer)
    }

    /// `client_id_metadata_document_supported` (CMD-1).
    pub fn takes_client_documents(self) -> Self {
        self.flag(Flag::TakesClientDocuments)
    }

    /// `tls_client_certificate_bound_access_tokens` (MTL-3).
    pub fn binds_to_certificates(self) -> Self {
        self.flag(Flag::BindsToCertificates)
    }

    /// `backchannel_user_code_parameter_supported` (HIL-2).
    pub fn takes_user_codes(self) -> Self {
        self.flag(Flag::TakesUserCodes)
    }

    /// Finishes.
    ///
    /// # Errors
    ///
    /// [`ServerMetadataError`] when it is more than clients read: they read what is written here with the same limits.
    pub fn build(self) -> Result<ServerMetadata, ServerMetadataError> {
        ServerMetadata::parse(self.0.to_json().as_bytes(), &self.0.issuer)
    }

    fn auth_methods_at(mut self, at: AuthMethods, methods: &[ClientAuthMethod]) -> Self {
        self.0.auth_methods.remove(&at);
        if !methods.is_empty() {
            self.0.auth_methods.insert(at, methods.to_vec());
        }
        self
    }

    fn flag(mut self, flag: Flag) -> Self {
        self.0.flags.insert(flag);
        self
    }
}
