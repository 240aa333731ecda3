//! Which name in the certificate a client has registered.

use std::net::IpAddr;

use aims_keys::der::Reader;

use super::SubjectDn;
use super::certificate::Certificate;

/// The one name by which a client is known that authenticates with a certificate (`tls_client_auth`, RFC 8705 §2.1.2).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TlsClientName {
    /// `tls_client_auth_san_dns`: a host name, compared without regard to case. A wildcard in a certificate is no name of a client.
    Dns(Box<str>),
    /// `tls_client_auth_san_email`.
    Email(Box<str>),
    /// `tls_client_auth_san_ip`.
    Ip(IpAddr),
    /// `tls_client_auth_subject_dn`.
    SubjectDn(SubjectDn),
    /// `tls_client_auth_san_uri`.
    Uri(Box<str>),
}

pub(super) fn has(certificate: &Certificate<'_>, name: &TlsClientName) -> bool {
    match name {
        TlsClientName::SubjectDn(subject) => subject.is(certificate.subject),
        TlsClientName::Dns(host) => {
            any(certificate, DNS, |own| !host.is_empty() && own.eq_ignore_ascii_case(host.as_bytes()))
        }
        TlsClientName::Email(email) => any(certificate, EMAIL, |own| own == email.as_bytes()),
        TlsClientName::Uri(uri) => any(certificate, URI, |own| own == uri.as_bytes()),
        TlsClientName::Ip(IpAddr::V4(ip)) => any(certificate, IP, |own| own == ip.octets()),
        TlsClientName::Ip(IpAddr::V6(ip)) => any(certificate, IP, |own| own == ip.octets()),
    }
}

fn any(certificate: &Certificate<'_>, tag: u8, is: impl Fn(&[u8]) -> bool) -> bool {
    let mut names = Reader::new(certificate.alt_names);
    std::iter::from_fn(|| names.element()).any(|name| name.tag == tag && is(name.content))
}

/// The tags of `GeneralName` (RFC 5280 §4.2.1.6).
const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const IP: u8 = 0x87;
