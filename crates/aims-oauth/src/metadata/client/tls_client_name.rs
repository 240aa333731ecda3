//! The name in the certificate of a client, among its metadata (RFC 8705 §2.1.2).

use aims_jose::json::{ObjectWriter, Value};

use super::ClientMetadataError;
use crate::TlsClientName;

impl TlsClientName {
    /// What a member says, if it is one of those.
    pub(super) fn read(name: &str, value: Value<'_>) -> Result<Option<Self>, ClientMetadataError> {
        let Some(member) = MEMBERS.into_iter().find(|member| *member == name) else { return Ok(None) };
        let wrong = ClientMetadataError::Member(member);
        let text = value.as_str().filter(|text| !text.is_empty()).ok_or(wrong.clone())?;
        Ok(Some(match member {
            DN => Self::SubjectDn(text.parse().map_err(|_| wrong)?),
            DNS => Self::Dns(text.into()),
            EMAIL => Self::Email(text.into()),
            IP => Self::Ip(text.parse().map_err(|_| wrong)?),
            _ => Self::Uri(text.into()),
        }))
    }

    pub(super) fn write(&self, to: &mut ObjectWriter) {
        match self {
            Self::SubjectDn(name) => to.str(DN, name.as_str()),
            Self::Dns(name) => to.str(DNS, name),
            Self::Email(name) => to.str(EMAIL, name),
            Self::Ip(address) => to.str(IP, &address.to_string()),
            Self::Uri(uri) => to.str(URI, uri),
        };
    }
}

const DN: &str = "tls_client_auth_subject_dn";
const DNS: &str = "tls_client_auth_san_dns";
const EMAIL: &str = "tls_client_auth_san_email";
const IP: &str = "tls_client_auth_san_ip";
const URI: &str = "tls_client_auth_san_uri";
const MEMBERS: [&str; 5] = [DN, DNS, EMAIL, IP, URI];
