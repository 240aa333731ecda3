//! Which name in the certificate a client has registered.

use std::net::IpAddr;

use super::SubjectDn;

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
