//! What a resource server says of itself (PRM-1).

use aims_keys::AlgorithmSet;

use super::{ResourceServer, Shown};
use crate::{BearerMethod, DpopVerifier, Issuer, Resource, ResourceMetadata, ResourceMetadataError};

impl ResourceServer {
    /// The metadata of this resource: what it enforces, and what it was told to say [besides](Self::with_metadata). Published at
    /// [`ResourceMetadata::url`], which every [challenge](Self::challenges) names.
    ///
    /// ```
    /// # use aims_jose::JwkSet;
    /// # use aims_keys::backend;
    /// # use aims_oauth::*;
    /// # let keys = JwkSet::new(Vec::new())?;
    /// let tool: Resource = "https://tools.example/mcp".parse()?;
    /// let issuer = TrustedIssuer::new("https://as.example".parse()?, keys);
    /// let tokens = AccessTokenVerifier::builder(tool.clone(), issuer, backend::ring()).build();
    /// let about = ResourceMetadata::builder(tool.clone()).scopes("trips:read trips:book".parse()?);
    /// let server = ResourceServer::new(tokens, BindingPolicy::bound()).with_metadata(about.clone().build()?);
    /// assert_eq!(server.metadata()?.authorization_servers(), ["https://as.example".parse()?]);
    ///
    /// // What it does not enforce, it does not say.
    /// let server = server.with_metadata(about.require_dpop().build()?);
    /// let refused = server.metadata().unwrap_err();
    /// assert_eq!((refused.code(), refused.rule()), ("metadata_not_enforced", "PRM-1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceMetadataError::NotEnforced`] names what says otherwise than the server does.
    pub fn metadata(&self) -> Result<ResourceMetadata, ResourceMetadataError> {
        self.metadata_for(self.tokens.resource())
    }

    /// The same under another name of the resource, which has a place of its own.
    ///
    /// # Errors
    ///
    /// As [`metadata`](Self::metadata); and where the resource goes by no such name.
    pub fn metadata_for(&self, name: &Resource) -> Result<ResourceMetadata, ResourceMetadataError> {
        check("resource", self.tokens.resources().any(|known| known == name))?;
        let resource = self.tokens.resource().clone();
        let mut says = match &self.described {
            Some(described) => (**described).clone(),
            None => ResourceMetadata::builder(resource.clone()).build()?,
        };
        check("resource", says.resource() == &resource)?;

        let issuers: Vec<Issuer> = self.tokens.issuers().cloned().collect();
        // Those that are believed, and need not be found here, may be left out.
        let are_believed = says.authorization_servers().iter().all(|issuer| issuers.contains(issuer));
        check("authorization_servers", are_believed)?;
        if says.authorization_servers().is_empty() {
            says.authorization_servers = issuers;
        }

        let takes_header = self.policy.takes_bearer_scheme();
        let methods = says.bearer_methods.as_deref().unwrap_or_default();
        let is_header = |method: &BearerMethod| *method == BearerMethod::Header && takes_header;
        check("bearer_methods_supported", methods.iter().all(is_header))?;
        says.bearer_methods = takes_header.then(|| vec![BearerMethod::Header]);

        let taken = self.dpop.as_ref().filter(|_| self.takes(Shown::Dpop));
        let taken = taken.map_or(AlgorithmSet::EMPTY, DpopVerifier::algorithms);
        let said = says.dpop_algorithms.unwrap_or(taken);
        check("dpop_signing_alg_values_supported", said.iter().all(|algorithm| taken.contains(algorithm)))?;
        says.dpop_algorithms = Some(said).filter(|said| !said.is_empty());
        check("dpop_bound_access_tokens_required", !says.requires_dpop || self.policy.requires_dpop())?;
        says.requires_dpop = self.policy.requires_dpop();

        let takes_certificates = self.policy.accepts(Shown::Certificate);
        check(
            "tls_client_certificate_bound_access_tokens",
            !says.binds_to_certificates || takes_certificates,
        )?;
        says.resource = name.clone();
        Ok(says)
    }

    /// Says in its metadata that it takes tokens which are bound to certificates, if it takes them: for a server whose connections are mutual TLS (MTL-3).
    #[must_use]
    pub fn over_mutual_tls(mut self) -> Self {
        if self.policy.accepts(Shown::Certificate) {
            let empty = || Box::new(ResourceMetadata::empty(self.tokens.resource().clone()));
            let described = self.described.get_or_insert_with(empty);
            described.binds_to_certificates = true;
        }
        self
    }
}

fn check(member: &'static str, is_enforced: bool) -> Result<(), ResourceMetadataError> {
    if is_enforced { Ok(()) } else { Err(ResourceMetadataError::NotEnforced(member)) }
}
