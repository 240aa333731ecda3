//! Reading it.

use std::collections::{BTreeMap, BTreeSet};

use aims_jose::json::{Kind, Object, Value};

use super::names::{AuthMethods, Flag};
use super::{Endpoint, Listed, ServerMetadata, ServerMetadataError, Signed};
use crate::metadata::member;
use crate::{ClientAuthMethod, DeliveryMode, GrantType, Issuer, Scope};

impl ServerMetadata {
    /// Reads a document that was found at one of the [`urls`](Self::urls) of `issuer`.
    ///
    /// # Errors
    ///
    /// [`ServerMetadataError`] names the first check that failed.
    pub fn parse(text: &[u8], issuer: &Issuer) -> Result<Self, ServerMetadataError> {
        use ServerMetadataError as E;

        if text.len() > Self::MAX_LEN {
            return Err(E::TooLong);
        }
        let mut metadata = Self::empty(issuer.clone());
        let mut names_issuer = false;
        Object::read(text, &member::limits(Self::MAX_LEN), |name, value| {
            let name = name.as_str();
            if name == "issuer" {
                names_issuer = true;
                return check_issuer(value, issuer);
            }
            metadata.read_member(&name, value)
        })?;
        if names_issuer { Ok(metadata) } else { Err(E::NoIssuer) }
    }

    pub(super) fn empty(issuer: Issuer) -> Self {
        Self {
            issuer,
            endpoints: BTreeMap::new(),
            aliases: BTreeMap::new(),
            jwks_uri: None,
            scopes: None,
            grants: None,
            auth_methods: BTreeMap::new(),
            algorithms: BTreeMap::new(),
            lists: BTreeMap::new(),
            delivery_modes: Vec::new(),
            protected_resources: None,
            flags: BTreeSet::new(),
        }
    }

    fn read_member(&mut self, name: &str, value: Value<'_>) -> Result<(), ServerMetadataError> {
        match name {
            JWKS_URI => self.jwks_uri = Some(member::url(JWKS_URI, value)?),
            ALIASES => self.read_aliases(value)?,
            SCOPES => {
                let scope = Scope::of(member::texts(SCOPES, value)?);
                self.scopes = Some(scope.map_err(|_| ServerMetadataError::Member(SCOPES))?);
            }
            GRANTS => self.grants = Some(member::known(GRANTS, value, GrantType::from_text)?),
            DELIVERY_MODES => {
                self.delivery_modes = member::known(DELIVERY_MODES, value, DeliveryMode::from_text)?;
            }
            PROTECTED => {
                let resources = member::list(PROTECTED, value, |text| text.parse().ok())?;
                self.protected_resources = Some(resources);
            }
            name => self.read_kind(name, value)?,
        }
        Ok(())
    }

    /// Members that are many of a kind.
    fn read_kind(&mut self, name: &str, value: Value<'_>) -> Result<(), ServerMetadataError> {
        if let Some(endpoint) = Endpoint::from_text(name) {
            self.endpoints.insert(endpoint, member::url(endpoint.as_str(), value)?);
        } else if let Some(methods) = AuthMethods::from_text(name) {
            let known = member::known(methods.as_str(), value, ClientAuthMethod::from_text)?;
            self.auth_methods.insert(methods, known);
        } else if let Some(signed) = Signed::from_text(name) {
            self.algorithms.insert(signed, member::algorithms(signed.as_str(), value)?);
        } else if let Some(list) = Listed::from_text(name) {
            self.lists.insert(list, member::texts(list.as_str(), value)?);
        } else if let Some(flag) = Flag::from_text(name)
            && member::flag(flag.as_str(), value)?
        {
            self.flags.insert(flag);
        }
        Ok(())
    }

    fn read_aliases(&mut self, value: Value<'_>) -> Result<(), ServerMetadataError> {
        for (name, value) in value.as_object().ok_or(ServerMetadataError::Member(ALIASES))? {
            if let Some(endpoint) = Endpoint::from_text(&name.as_str()) {
                self.aliases.insert(endpoint, member::url(ALIASES, value)?);
            }
        }
        Ok(())
    }
}

/// Code point by code point (MET-2).
fn check_issuer(value: Value<'_>, issuer: &Issuer) -> Result<(), ServerMetadataError> {
    if value.kind() != Kind::String {
        return Err(ServerMetadataError::Member("issuer"));
    }
    if value.is_str(issuer.as_str()) { Ok(()) } else { Err(ServerMetadataError::IssuerMismatch) }
}

pub(super) const ALIASES: &str = "mtls_endpoint_aliases";
pub(super) const DELIVERY_MODES: &str = "backchannel_token_delivery_modes_supported";
pub(super) const GRANTS: &str = "grant_types_supported";
pub(super) const JWKS_URI: &str = "jwks_uri";
pub(super) const PROTECTED: &str = "protected_resources";
pub(super) const SCOPES: &str = "scopes_supported";
