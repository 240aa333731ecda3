//! What a protected resource says of itself (RFC 9728).

mod build;
mod error;
mod read;

use aims_credential::{FetchRequest, HttpsUrl, HttpsUrlError};
use aims_keys::AlgorithmSet;

pub use self::build::ResourceMetadataBuilder;
pub use self::error::ResourceMetadataError;
use crate::metadata::member;
use crate::names::names;
use crate::{Issuer, Resource, Scope};

names! {
    /// How a resource takes bearer tokens (RFC 6750 §2).
    pub enum BearerMethod {
        /// Among the parameters of a body.
        Body = "body",
        /// In the field `Authorization`.
        Header = "header",
        /// In the query of the URL: nobody should (RFC 6750 §2.3).
        Query = "query",
    }
}

/// The metadata of a protected resource: which servers it takes tokens from, and what they must be.
///
/// A value exists only for a resource that was asked for: [`parse`](Self::parse) compares (PRM-2). `signed_metadata` is read over (PRM-3), as everything is
/// that nobody here reads: what is trusted is the TLS connection to the resource.
///
/// This type fetches nothing. Whoever does asks the URL that the resource's challenge names (`Challenge::resource_metadata`), or else the
/// [`urls`](Self::urls) in turn, with a [`request`](Self::request) each.
///
/// ```
/// use aims_oauth::{Resource, ResourceMetadata};
///
/// let tool: Resource = "https://tools.example/mcp".parse()?;
/// assert_eq!(ResourceMetadata::url(&tool)?.as_str(), "https://tools.example/.well-known/oauth-protected-resource/mcp");
///
/// let document = br#"{"resource":"https://tools.example/mcp","authorization_servers":["https://as.example"]}"#;
/// let metadata = ResourceMetadata::parse(document, &tool)?;
/// assert_eq!(metadata.authorization_servers().first().map(|issuer| issuer.as_str()), Some("https://as.example"));
///
/// let refused = ResourceMetadata::parse(document, &"https://tools.example".parse()?).unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("resource_mismatch", "PRM-2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceMetadata {
    pub(crate) resource: Resource,
    pub(crate) authorization_servers: Vec<Issuer>,
    jwks_uri: Option<HttpsUrl>,
    scopes: Option<Scope>,
    pub(crate) bearer_methods: Option<Vec<BearerMethod>>,
    signing_algorithms: Option<AlgorithmSet>,
    pub(crate) dpop_algorithms: Option<AlgorithmSet>,
    details_types: Option<Vec<String>>,
    name: Option<String>,
    documentation: Option<HttpsUrl>,
    policy: Option<HttpsUrl>,
    terms: Option<HttpsUrl>,
    pub(crate) requires_dpop: bool,
    pub(crate) binds_to_certificates: bool,
}

impl ResourceMetadata {
    /// The longest document, in bytes.
    pub const MAX_LEN: usize = 256 * 1024;

    /// Where the metadata of a resource are: before its path and its query (PRM-1).
    ///
    /// # Errors
    ///
    /// [`HttpsUrlError`] when the resource is no `https` URL: then it has no such place.
    pub fn url(resource: &Resource) -> Result<HttpsUrl, HttpsUrlError> {
        let resource: HttpsUrl = resource.as_str().parse()?;
        let rest = resource.path_and_query();
        // The slash behind the host alone: one at the end of a longer path is part of the identifier (RFC 9728 §3.1).
        let rest = if resource.path() == "/" { rest.strip_prefix('/').unwrap_or(rest) } else { rest };
        format!("https://{}{WELL_KNOWN}{rest}", resource.authority()).parse()
    }

    /// Where a client looks without a challenge that says where: at [`url`](Self::url), then at the root of the origin (MCP-7). What the latter answers with is
    /// for [`parse_above`](Self::parse_above).
    ///
    /// # Errors
    ///
    /// As [`url`](Self::url).
    pub fn urls(resource: &Resource) -> Result<Vec<HttpsUrl>, HttpsUrlError> {
        let first = Self::url(resource)?;
        let root: HttpsUrl = format!("https://{}{WELL_KNOWN}", first.authority()).parse()?;
        Ok(if root == first { vec![first] } else { vec![first, root] })
    }

    /// How the document at one of them is asked for: as `application/json` and nothing else, without redirects, and no more of it than is read (SEC-17). Whoever
    /// fetches takes status 200 alone, and dials no address of its own network: the URL may come from a challenge, which anybody could have sent.
    pub fn request(url: &HttpsUrl) -> FetchRequest<'_> {
        member::request(url).max_len(Self::MAX_LEN)
    }

    /// `resource`: its identifier, for the parameter of that name (RSI-1).
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// `authorization_servers`: whose tokens it takes. A client uses those that it was configured for, or trusts.
    #[must_use]
    pub fn authorization_servers(&self) -> &[Issuer] {
        &self.authorization_servers
    }

    /// `jwks_uri`: where the keys are with which the resource signs.
    #[must_use]
    pub fn jwks_uri(&self) -> Option<&HttpsUrl> {
        self.jwks_uri.as_ref()
    }

    /// `scopes_supported`.
    #[must_use]
    pub fn scopes(&self) -> Option<&Scope> {
        self.scopes.as_ref()
    }

    /// Whether it takes bearer tokens like this; `None` where it does not say.
    #[must_use]
    pub fn supports_bearer_method(&self, method: BearerMethod) -> Option<bool> {
        self.bearer_methods.as_ref().map(|methods| methods.contains(&method))
    }

    /// `resource_signing_alg_values_supported`: with what it signs its answers, of the algorithms known here.
    #[must_use]
    pub fn signing_algorithms(&self) -> Option<AlgorithmSet> {
        self.signing_algorithms
    }

    /// `dpop_signing_alg_values_supported`: what `DPoP` proofs may be signed with, of the algorithms known here; `None` where it does not say (DPO-10).
    #[must_use]
    pub fn dpop_algorithms(&self) -> Option<AlgorithmSet> {
        self.dpop_algorithms
    }

    /// `dpop_bound_access_tokens_required`: whether every token must come with a proof (DPO-10).
    #[must_use]
    pub fn requires_dpop(&self) -> bool {
        self.requires_dpop
    }

    /// `tls_client_certificate_bound_access_tokens`: whether it takes tokens that are bound to certificates (MTL-3).
    #[must_use]
    pub fn binds_to_certificates(&self) -> bool {
        self.binds_to_certificates
    }

    /// `authorization_details_types_supported` (RAR-5).
    #[must_use]
    pub fn details_types(&self) -> Option<&[String]> {
        self.details_types.as_deref()
    }

    /// `resource_name`: for people. Whoever wrote it may be anybody: show it as such, escaped for where it is shown.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// `resource_documentation`: a page for people. One that is not at an `https` URL is as good as none, here and for the next two.
    #[must_use]
    pub fn documentation(&self) -> Option<&HttpsUrl> {
        self.documentation.as_ref()
    }

    /// `resource_policy_uri`: how data may be used.
    #[must_use]
    pub fn policy(&self) -> Option<&HttpsUrl> {
        self.policy.as_ref()
    }

    /// `resource_tos_uri`: terms of service.
    #[must_use]
    pub fn terms(&self) -> Option<&HttpsUrl> {
        self.terms.as_ref()
    }
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
