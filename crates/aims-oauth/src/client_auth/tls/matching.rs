//! Whether a certificate holds the name that a client registered.

use std::net::IpAddr;

use aims_keys::der::{OBJECT_IDENTIFIER, Reader, SEQUENCE, SET};

use super::certificate::Certificate;
use super::{SubjectDn, TlsClientName};

pub(super) fn has(certificate: &Certificate<'_>, name: &TlsClientName) -> bool {
    match name {
        TlsClientName::SubjectDn(subject) => is_subject(subject, certificate.subject),
        TlsClientName::Dns(host) => {
            any(certificate, DNS, |own| !host.is_empty() && own.eq_ignore_ascii_case(host.as_bytes()))
        }
        TlsClientName::Email(email) => any(certificate, EMAIL, |own| own == email.as_bytes()),
        TlsClientName::Uri(uri) => any(certificate, URI, |own| own == uri.as_bytes()),
        TlsClientName::Ip(IpAddr::V4(ip)) => any(certificate, IP, |own| own == ip.octets()),
        TlsClientName::Ip(IpAddr::V6(ip)) => any(certificate, IP, |own| own == ip.octets()),
    }
}

/// Whether it is this `Name`, given what is inside.
fn is_subject(subject: &SubjectDn, name: &[u8]) -> bool {
    let mut sets = Reader::new(name);
    subject.parts().all(|(kind, value)| is_next(&mut sets, kind, value).unwrap_or_default())
        && sets.is_empty()
}

/// Whether the next part of a name is this one alone.
fn is_next(sets: &mut Reader<'_>, kind: &[u8], value: &str) -> Option<bool> {
    let mut set = Reader::new(sets.read(SET)?);
    let mut part = Reader::new(set.read(SEQUENCE)?);
    set.finish()?;
    let own = part.read(OBJECT_IDENTIFIER)?;
    let text = part.element()?;
    part.finish()?;
    Some(own == kind && TEXTS.contains(&text.tag) && text.content == value.as_bytes())
}

fn any(certificate: &Certificate<'_>, tag: u8, is: impl Fn(&[u8]) -> bool) -> bool {
    let mut names = Reader::new(certificate.alt_names);
    std::iter::from_fn(|| names.element()).any(|name| name.tag == tag && is(name.content))
}

/// The string types that hold what text says: `UTF8String`, `PrintableString`, `IA5String`.
const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];

/// The tags of `GeneralName` (RFC 5280 §4.2.1.6).
const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const IP: u8 = 0x87;
