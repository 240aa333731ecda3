//! Reading it.

use std::collections::BTreeMap;

use aims_jose::JwkSet;
use aims_jose::json::{Object, Value};
use aims_keys::{Algorithm, Backend};

use super::{ApplicationType, ClientIdUrl, ClientKeySource, ClientMetadata, ClientMetadataError, ClientPage};
use crate::metadata::member;
use crate::{ClientAuthMethod, DeliveryMode, GrantType, TlsClientName};

impl ClientMetadata {
    /// Reads what a client sends to register (DCR-1). What the server does not want it refuses or replaces, and says in its answer what the client now has.
    ///
    /// Keys are loaded with `backend`. They name their algorithms, or `token_endpoint_auth_signing_alg` does; others do not count.
    ///
    /// # Errors
    ///
    /// [`ClientMetadataError`] names the first check that failed; its `error_code` is what the client is told.
    pub fn parse_registration(text: &[u8], backend: Backend) -> Result<Self, ClientMetadataError> {
        if text.len() > Self::MAX_LEN {
            return Err(ClientMetadataError::TooLong);
        }
        let object = Object::parse(text, &member::limits(Self::MAX_LEN))?;
        Self::read(&object, ClientAuthMethod::ClientSecretBasic, backend)
    }

    /// Reads the document that was found at the URL of a client. [`ClientIdUrl`] says how it is fetched.
    ///
    /// # Errors
    ///
    /// [`ClientMetadataError`] names the first check that failed.
    pub fn parse_document(
        text: &[u8],
        url: &ClientIdUrl,
        backend: Backend,
    ) -> Result<Self, ClientMetadataError> {
        use ClientMetadataError as E;

        if text.len() > Self::MAX_DOCUMENT_LEN {
            return Err(E::DocumentTooLong);
        }
        let object = Object::parse(text, &member::limits(Self::MAX_DOCUMENT_LEN))?;
        let id = object.get(CLIENT_ID).and_then(|id| id.as_str()).ok_or(E::ClientId)?;
        if id != url.as_str() {
            return Err(E::ClientIdMismatch);
        }
        for name in [CLIENT_SECRET, CLIENT_SECRET_EXPIRES] {
            if object.get(name).is_some() {
                return Err(E::Secret(name));
            }
        }
        let has_keys = object.get(JWKS).is_some() || object.get(JWKS_URI).is_some();
        let unsaid = if has_keys { ClientAuthMethod::PrivateKeyJwt } else { ClientAuthMethod::None };
        let metadata = Self::read(&object, unsaid, backend)?;
        if metadata.auth_method.is_shared_secret() {
            return Err(E::Secret(AUTH_METHOD));
        }
        Ok(metadata)
    }

    /// With the method that is meant where none is said.
    pub(super) fn read(
        object: &Object,
        unsaid: ClientAuthMethod,
        backend: Backend,
    ) -> Result<Self, ClientMetadataError> {
        let mut metadata = Self::empty(unsaid);
        for (name, value) in object {
            metadata.read_member(&name.as_str(), value)?;
        }
        metadata.keys = keys(object, metadata.auth_algorithm, backend)?;
        metadata.check()
    }

    pub(super) fn empty(auth_method: ClientAuthMethod) -> Self {
        Self {
            auth_method,
            auth_algorithm: None,
            keys: None,
            certificate_name: None,
            spiffe_id: None,
            spiffe_bundle_endpoint: None,
            redirect_uris: Vec::new(),
            grants: None,
            response_types: None,
            scope: None,
            details_types: None,
            binds_to_dpop: false,
            binds_to_certificates: false,
            application_type: ApplicationType::Web,
            name: None,
            pages: BTreeMap::new(),
            contacts: Vec::new(),
            software_id: None,
            software_version: None,
            delivery_mode: None,
            notification_endpoint: None,
            backchannel_algorithm: None,
            has_user_code: false,
        }
    }

    fn read_member(&mut self, name: &str, value: Value<'_>) -> Result<(), ClientMetadataError> {
        match name {
            AUTH_METHOD => self.auth_method = one(AUTH_METHOD, value, ClientAuthMethod::from_text)?,
            AUTH_ALGORITHM => self.auth_algorithm = Some(algorithm(AUTH_ALGORITHM, value)?),
            SPIFFE_ID => self.spiffe_id = Some(member::text(SPIFFE_ID, value)?.parse()?),
            SPIFFE_BUNDLE => self.spiffe_bundle_endpoint = Some(member::url(SPIFFE_BUNDLE, value)?),
            REDIRECT_URIS => self.read_redirect_uris(value)?,
            GRANTS => self.grants = Some(member::known(GRANTS, value, GrantType::from_text)?),
            RESPONSE_TYPES => self.response_types = Some(member::texts(RESPONSE_TYPES, value)?),
            SCOPE => self.scope = Some(member::text(SCOPE, value)?.parse()?),
            DETAILS => self.details_types = Some(member::texts(DETAILS, value)?),
            DPOP => self.binds_to_dpop = member::flag(DPOP, value)?,
            CERTIFICATES => self.binds_to_certificates = member::flag(CERTIFICATES, value)?,
            APPLICATION => self.application_type = one(APPLICATION, value, ApplicationType::from_text)?,
            NAME => self.name = Some(member::text(NAME, value)?),
            CONTACTS => self.contacts = member::texts(CONTACTS, value)?,
            SOFTWARE_ID => self.software_id = Some(member::text(SOFTWARE_ID, value)?),
            SOFTWARE_VERSION => self.software_version = Some(member::text(SOFTWARE_VERSION, value)?),
            name if name.starts_with("backchannel_") => self.read_backchannel(name, value)?,
            name => self.read_other(name, value)?,
        }
        Ok(())
    }

    fn read_backchannel(&mut self, name: &str, value: Value<'_>) -> Result<(), ClientMetadataError> {
        match name {
            DELIVERY_MODE => self.delivery_mode = Some(one(DELIVERY_MODE, value, DeliveryMode::from_text)?),
            NOTIFICATION_ENDPOINT => {
                self.notification_endpoint = Some(member::url(NOTIFICATION_ENDPOINT, value)?);
            }
            BACKCHANNEL_ALGORITHM => {
                self.backchannel_algorithm = Some(algorithm(BACKCHANNEL_ALGORITHM, value)?);
            }
            USER_CODE => self.has_user_code = member::flag(USER_CODE, value)?,
            _ => {}
        }
        Ok(())
    }

    /// Members that are many of a kind.
    fn read_other(&mut self, name: &str, value: Value<'_>) -> Result<(), ClientMetadataError> {
        if let Some(page) = ClientPage::from_text(name) {
            self.pages.insert(page, member::url(page.as_str(), value)?);
        } else if let Some(subject) = TlsClientName::read(name, value)?
            && self.certificate_name.replace(subject).is_some()
        {
            return Err(ClientMetadataError::CertificateName);
        }
        Ok(())
    }

    fn read_redirect_uris(&mut self, value: Value<'_>) -> Result<(), ClientMetadataError> {
        for uri in member::texts(REDIRECT_URIS, value)? {
            self.redirect_uris.push(uri.parse()?);
        }
        Ok(())
    }
}

fn keys(
    object: &Object,
    algorithm: Option<Algorithm>,
    backend: Backend,
) -> Result<Option<ClientKeySource>, ClientMetadataError> {
    use ClientMetadataError as E;

    match (object.get(JWKS), object.get(JWKS_URI)) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(E::KeysTwice),
        (None, Some(url)) => Ok(Some(ClientKeySource::Url(member::url(JWKS_URI, url)?))),
        (Some(keys), None) if keys.as_object().is_none() => Err(E::Member(JWKS)),
        (Some(keys), None) => {
            let keys = match algorithm {
                Some(algorithm) => JwkSet::parse_as(keys.raw(), algorithm, backend),
                None => JwkSet::parse(keys.raw(), backend),
            };
            keys.map(|keys| Some(ClientKeySource::Set(keys))).map_err(E::Keys)
        }
    }
}

/// One name, and one that is known here.
fn one<T>(
    name: &'static str,
    value: Value<'_>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, ClientMetadataError> {
    read(&member::text(name, value)?).ok_or(ClientMetadataError::Member(name))
}

fn algorithm(name: &'static str, value: Value<'_>) -> Result<Algorithm, ClientMetadataError> {
    one(name, value, |text| text.parse().ok())
}

pub(super) const APPLICATION: &str = "application_type";
pub(super) const AUTH_ALGORITHM: &str = "token_endpoint_auth_signing_alg";
pub(super) const AUTH_METHOD: &str = "token_endpoint_auth_method";
pub(super) const BACKCHANNEL_ALGORITHM: &str = "backchannel_authentication_request_signing_alg";
pub(super) const CERTIFICATES: &str = "tls_client_certificate_bound_access_tokens";
pub(super) const CLIENT_ID: &str = "client_id";
pub(super) const CLIENT_SECRET: &str = "client_secret";
pub(super) const CLIENT_SECRET_EXPIRES: &str = "client_secret_expires_at";
pub(super) const CONTACTS: &str = "contacts";
pub(super) const DELIVERY_MODE: &str = "backchannel_token_delivery_mode";
pub(super) const DETAILS: &str = "authorization_details_types";
pub(super) const DPOP: &str = "dpop_bound_access_tokens";
pub(super) const GRANTS: &str = "grant_types";
pub(super) const JWKS: &str = "jwks";
pub(super) const JWKS_URI: &str = "jwks_uri";
pub(super) const NAME: &str = "client_name";
pub(super) const NOTIFICATION_ENDPOINT: &str = "backchannel_client_notification_endpoint";
pub(super) const REDIRECT_URIS: &str = "redirect_uris";
pub(super) const RESPONSE_TYPES: &str = "response_types";
pub(super) const SCOPE: &str = "scope";
pub(super) const SOFTWARE_ID: &str = "software_id";
pub(super) const SOFTWARE_VERSION: &str = "software_version";
pub(super) const SPIFFE_BUNDLE: &str = "spiffe_bundle_endpoint";
pub(super) const SPIFFE_ID: &str = "spiffe_id";
pub(super) const USER_CODE: &str = "backchannel_user_code_parameter";
