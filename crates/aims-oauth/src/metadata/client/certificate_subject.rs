use std::net::IpAddr;

use aims_jose::json::{ObjectWriter, Value};

use super::ClientMetadataError;

/// Whose certificate a client of the method `tls_client_auth` comes with: one name in it (MTL-1).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CertificateSubject {
    /// `tls_client_auth_subject_dn`: its subject, as RFC 4514 writes it.
    DistinguishedName(String),
    /// `tls_client_auth_san_dns`
    Dns(String),
    /// `tls_client_auth_san_email`
    Email(String),
    /// `tls_client_auth_san_ip`
    Ip(IpAddr),
    /// `tls_client_auth_san_uri`
    Uri(String),
}

impl CertificateSubject {
    /// What a member says, if it is one of those.
    pub(super) fn read(name: &str, value: Value<'_>) -> Result<Option<Self>, ClientMetadataError> {
        let Some(member) = MEMBERS.into_iter().find(|member| *member == name) else { return Ok(None) };
        let wrong = ClientMetadataError::Member(member);
        let text = value.as_str().filter(|text| !text.is_empty()).ok_or(wrong.clone())?.into_owned();
        Ok(Some(match member {
            DN => Self::DistinguishedName(text),
            DNS => Self::Dns(text),
            EMAIL => Self::Email(text),
            IP => Self::Ip(text.parse().map_err(|_| wrong)?),
            _ => Self::Uri(text),
        }))
    }

    pub(super) fn write(&self, to: &mut ObjectWriter) {
        match self {
            Self::DistinguishedName(name) => to.str(DN, name),
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
