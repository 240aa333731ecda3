//! Reading it.

use aims_credential::HttpsUrl;
use aims_jose::json::{Object, Value};

use super::{BearerMethod, ResourceMetadata, ResourceMetadataError};
use crate::metadata::member;
use crate::{Resource, Scope};

impl ResourceMetadata {
    /// Reads the document of a resource: the one that its [`url`](Self::url) was made from; or, where the resource's challenge said where the document is, the
    /// URL of the request that was challenged (PRM-2).
    ///
    /// # Errors
    ///
    /// [`ResourceMetadataError`] names the first check that failed.
    pub fn parse(text: &[u8], resource: &Resource) -> Result<Self, ResourceMetadataError> {
        let metadata = Self::read(text)?;
        if metadata.resource == *resource {
            Ok(metadata)
        } else {
            Err(ResourceMetadataError::ResourceMismatch)
        }
    }

    /// The same as clients of the Model Context Protocol have it (MCP-9): the document may also be of a resource above `requested`, at the same origin, in whole
    /// segments of the path.
    ///
    /// The token is then asked for that resource, and shown to whatever of it the client calls.
    ///
    /// # Errors
    ///
    /// [`ResourceMetadataError`] names the first check that failed.
    pub fn parse_above(text: &[u8], requested: &Resource) -> Result<Self, ResourceMetadataError> {
        let metadata = Self::read(text)?;
        if metadata.resource == *requested || covers(&metadata.resource, requested) {
            Ok(metadata)
        } else {
            Err(ResourceMetadataError::NotAbove)
        }
    }

    fn read(text: &[u8]) -> Result<Self, ResourceMetadataError> {
        use ResourceMetadataError as E;

        if text.len() > Self::MAX_LEN {
            return Err(E::TooLong);
        }
        let object = Object::parse(text, &member::limits(Self::MAX_LEN))?;
        let resource = object.get(RESOURCE).ok_or(E::NoResource)?;
        let resource = member::text(RESOURCE, resource)?.parse().map_err(|_| E::Member(RESOURCE))?;
        let mut metadata = Self::empty(resource);
        for (name, value) in &object {
            metadata.read_member(&name.as_str(), value)?;
        }
        Ok(metadata)
    }

    pub(crate) fn empty(resource: Resource) -> Self {
        Self {
            resource,
            authorization_servers: Vec::new(),
            jwks_uri: None,
            scopes: None,
            bearer_methods: None,
            signing_algorithms: None,
            dpop_algorithms: None,
            details_types: None,
            name: None,
            documentation: None,
            policy: None,
            terms: None,
            requires_dpop: false,
            binds_to_certificates: false,
        }
    }

    fn read_member(&mut self, name: &str, value: Value<'_>) -> Result<(), ResourceMetadataError> {
        match name {
            SERVERS => {
                self.authorization_servers = member::list(SERVERS, value, |text| text.parse().ok())?;
            }
            JWKS_URI => self.jwks_uri = Some(member::url(JWKS_URI, value)?),
            SCOPES => {
                let scope = Scope::of(member::texts(SCOPES, value)?);
                self.scopes = Some(scope.map_err(|_| ResourceMetadataError::Member(SCOPES))?);
            }
            BEARER => self.bearer_methods = Some(member::known(BEARER, value, BearerMethod::from_text)?),
            SIGNING => self.signing_algorithms = Some(member::algorithms(SIGNING, value)?),
            DPOP => self.dpop_algorithms = Some(member::algorithms(DPOP, value)?),
            DETAILS => self.details_types = Some(member::texts(DETAILS, value)?),
            NAME => self.name = Some(member::text(NAME, value)?),
            DOCUMENTATION => self.documentation = page(DOCUMENTATION, value)?,
            POLICY => self.policy = page(POLICY, value)?,
            TERMS => self.terms = page(TERMS, value)?,
            REQUIRES_DPOP => self.requires_dpop = member::flag(REQUIRES_DPOP, value)?,
            CERTIFICATES => self.binds_to_certificates = member::flag(CERTIFICATES, value)?,
            _ => {}
        }
        Ok(())
    }
}

fn covers(above: &Resource, requested: &Resource) -> bool {
    requested.as_str().parse().is_ok_and(|url: HttpsUrl| above.covers(&url))
}

/// Nobody is sent there, but for people who want to read it: what is of no use stands in nobody's way.
fn page(name: &'static str, value: Value<'_>) -> Result<Option<HttpsUrl>, ResourceMetadataError> {
    Ok(member::text(name, value)?.parse().ok())
}

pub(super) const BEARER: &str = "bearer_methods_supported";
pub(super) const CERTIFICATES: &str = "tls_client_certificate_bound_access_tokens";
pub(super) const DETAILS: &str = "authorization_details_types_supported";
pub(super) const DOCUMENTATION: &str = "resource_documentation";
pub(super) const DPOP: &str = "dpop_signing_alg_values_supported";
pub(super) const JWKS_URI: &str = "jwks_uri";
pub(super) const NAME: &str = "resource_name";
pub(super) const POLICY: &str = "resource_policy_uri";
pub(super) const REQUIRES_DPOP: &str = "dpop_bound_access_tokens_required";
pub(super) const RESOURCE: &str = "resource";
pub(super) const SCOPES: &str = "scopes_supported";
pub(super) const SERVERS: &str = "authorization_servers";
pub(super) const SIGNING: &str = "resource_signing_alg_values_supported";
pub(super) const TERMS: &str = "resource_tos_uri";
