//! Writing it.

use aims_credential::HttpsUrl;
use aims_jose::json::ObjectWriter;
use aims_keys::{Algorithm, AlgorithmSet};

use super::read::{
    BEARER, CERTIFICATES, DETAILS, DOCUMENTATION, DPOP, JWKS_URI, NAME, POLICY, REQUIRES_DPOP, RESOURCE,
    SCOPES, SERVERS, SIGNING, TERMS,
};
use super::{BearerMethod, ResourceMetadata, ResourceMetadataError};
use crate::{Issuer, Resource, Scope};

impl ResourceMetadata {
    /// Metadata of a resource, to be published at its [`url`](Self::url): so far they say which it is.
    ///
    /// ```
    /// use aims_oauth::{Resource, ResourceMetadata};
    ///
    /// let tool: Resource = "https://tools.example/mcp".parse()?;
    /// let metadata = ResourceMetadata::builder(tool.clone())
    ///     .authorization_servers(["https://as.example".parse()?])
    ///     .scopes("trips:read trips:book".parse()?)
    ///     .build()?;
    /// assert_eq!(ResourceMetadata::parse(metadata.to_json().as_bytes(), &tool)?, metadata);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(resource: Resource) -> ResourceMetadataBuilder {
        ResourceMetadataBuilder(Self::empty(resource))
    }

    /// The document. Served with status 200 as `application/json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut to = ObjectWriter::new();
        to.str(RESOURCE, self.resource.as_str());
        if !self.authorization_servers.is_empty() {
            to.strs(SERVERS, self.authorization_servers.iter().map(Issuer::as_str));
        }
        if let Some(scopes) = &self.scopes {
            to.strs(SCOPES, scopes.iter());
        }
        if let Some(methods) = &self.bearer_methods {
            to.strs(BEARER, methods.iter().map(|method| method.as_str()));
        }
        for (member, algorithms) in [(SIGNING, self.signing_algorithms), (DPOP, self.dpop_algorithms)] {
            if let Some(algorithms) = algorithms {
                to.strs(member, algorithms.iter().map(Algorithm::name));
            }
        }
        if let Some(types) = &self.details_types {
            to.strs(DETAILS, types);
        }
        if let Some(name) = &self.name {
            to.str(NAME, name);
        }
        let urls = [
            (JWKS_URI, &self.jwks_uri),
            (DOCUMENTATION, &self.documentation),
            (POLICY, &self.policy),
            (TERMS, &self.terms),
        ];
        for (member, url) in urls {
            if let Some(url) = url {
                to.str(member, url.as_str());
            }
        }
        for (member, flag) in
            [(REQUIRES_DPOP, self.requires_dpop), (CERTIFICATES, self.binds_to_certificates)]
        {
            if flag {
                to.bool(member, true);
            }
        }
        // INVARIANT: the names differ.
        to.finish().unwrap_or_default()
    }
}

/// Metadata in the making. What is empty is left out (MET-3).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ResourceMetadataBuilder(ResourceMetadata);

impl ResourceMetadataBuilder {
    /// `authorization_servers`: whose tokens it takes.
    pub fn authorization_servers(mut self, issuers: impl IntoIterator<Item = Issuer>) -> Self {
        self.0.authorization_servers = issuers.into_iter().collect();
        self
    }

    /// `jwks_uri`.
    pub fn jwks_uri(mut self, url: HttpsUrl) -> Self {
        self.0.jwks_uri = Some(url);
        self
    }

    /// `scopes_supported`. `offline_access` is no business of a resource (MCP-5).
    pub fn scopes(mut self, scopes: Scope) -> Self {
        self.0.scopes = Some(scopes).filter(|scopes| !scopes.is_empty());
        self
    }

    /// `bearer_methods_supported`.
    pub fn bearer_methods(mut self, methods: &[BearerMethod]) -> Self {
        self.0.bearer_methods = Some(methods.to_vec()).filter(|methods| !methods.is_empty());
        self
    }

    /// `resource_signing_alg_values_supported`.
    pub fn signing_algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.0.signing_algorithms = Some(algorithms).filter(|algorithms| !algorithms.is_empty());
        self
    }

    /// `dpop_signing_alg_values_supported` (DPO-10).
    pub fn dpop_algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.0.dpop_algorithms = Some(algorithms).filter(|algorithms| !algorithms.is_empty());
        self
    }

    /// `dpop_bound_access_tokens_required` (DPO-10).
    pub fn require_dpop(mut self) -> Self {
        self.0.requires_dpop = true;
        self
    }

    /// `tls_client_certificate_bound_access_tokens` (MTL-3).
    pub fn binds_to_certificates(mut self) -> Self {
        self.0.binds_to_certificates = true;
        self
    }

    /// `authorization_details_types_supported` (RAR-5).
    pub fn details_types(mut self, types: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let types: Vec<String> = types.into_iter().map(Into::into).collect();
        self.0.details_types = Some(types).filter(|types| !types.is_empty());
        self
    }

    /// `resource_name`.
    pub fn name(mut self, name: &str) -> Self {
        self.0.name = Some(name.to_owned());
        self
    }

    /// `resource_documentation`.
    pub fn documentation(mut self, url: HttpsUrl) -> Self {
        self.0.documentation = Some(url);
        self
    }

    /// `resource_policy_uri`.
    pub fn policy(mut self, url: HttpsUrl) -> Self {
        self.0.policy = Some(url);
        self
    }

    /// `resource_tos_uri`.
    pub fn terms(mut self, url: HttpsUrl) -> Self {
        self.0.terms = Some(url);
        self
    }

    /// Finishes.
    ///
    /// # Errors
    ///
    /// [`ResourceMetadataError`] when it is more than clients read: they read what is written here with the same limits.
    pub fn build(self) -> Result<ResourceMetadata, ResourceMetadataError> {
        ResourceMetadata::parse(self.0.to_json().as_bytes(), &self.0.resource)
    }
}
