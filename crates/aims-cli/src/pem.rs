//! Certificates, certificate requests and revocation lists in files: PEM, or the DER itself; and public keys in PEM.

use std::path::Path;

use aims::jose::base64;
use aims::keys::der::{Reader, SEQUENCE};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{Error, PemObject, SectionKind};

use crate::failure::{About, Failure};
use crate::input::Inputs;

/// What was read from a file, one or more, and how messages call the file.
pub(crate) struct Read<T> {
    pub(crate) name: String,
    pub(crate) items: Vec<T>,
}

/// Reads the certificates of a file, in their order; there is at least one.
pub(crate) fn certificates(
    path: &Path,
    inputs: &mut Inputs,
) -> Result<Read<CertificateDer<'static>>, Failure> {
    let Read { name, items } = read(path, &CERTIFICATE, inputs)?;
    Ok(Read { name, items: items.into_iter().map(CertificateDer::from).collect() })
}

/// Reads the certificate request of a file.
pub(crate) fn request(path: &Path, inputs: &mut Inputs) -> Result<Read<Vec<u8>>, Failure> {
    let read = read(path, &REQUEST, inputs)?;
    if read.items.len() > 1 {
        let several =
            Failure::refused("several_requests", REQUEST.rule, "the file holds more than one request");
        return Err(several).about_option(&read.name);
    }
    Ok(read)
}

/// Reads the revocation lists of a file; in DER it holds one.
pub(crate) fn lists(path: &Path, inputs: &mut Inputs) -> Result<Read<Vec<u8>>, Failure> {
    read(path, &LIST, inputs)
}

/// The public key in a text, as the DER of its `SubjectPublicKeyInfo`.
pub(crate) fn public_key(text: &str) -> Result<Vec<u8>, Failure> {
    match <[Vec<u8>; 1]>::try_from(sections(text, &PUBLIC_KEY)?) {
        Ok([key]) => Ok(key),
        Err(_) => Err(Failure::refused("several_keys", PUBLIC_KEY.rule, "the file holds more than one key")),
    }
}

/// The lines of a certificate in PEM.
pub(crate) fn certificate_lines(der: &[u8]) -> Vec<String> {
    lines(&CERTIFICATE, der)
}

/// The lines of a certificate request in PEM.
pub(crate) fn request_lines(der: &[u8]) -> Vec<String> {
    lines(&REQUEST, der)
}

/// The lines of a revocation list in PEM.
pub(crate) fn list_lines(der: &[u8]) -> Vec<String> {
    lines(&LIST, der)
}

/// What a file is to hold.
struct Kind {
    section: SectionKind,
    label: &'static str,
    /// Of what is neither PEM nor DER.
    malformed: &'static str,
    /// Of its form.
    rule: &'static str,
}

fn read(path: &Path, kind: &Kind, inputs: &mut Inputs) -> Result<Read<Vec<u8>>, Failure> {
    let input = inputs.binary(path)?;
    let items = match std::str::from_utf8(&input.bytes) {
        Ok(text) if text.contains(BEGIN) => sections(text, kind),
        // Longer than what the reader of elements takes; who reads the list reads all of it.
        _ if kind.section == SectionKind::Crl && input.bytes.first() == Some(&SEQUENCE) => {
            Ok(vec![input.bytes.to_vec()])
        }
        _ => elements(&input.bytes, kind),
    };
    Ok(Read { items: items.about_option(&input.name)?, name: input.name })
}

fn sections(text: &str, kind: &Kind) -> Result<Vec<Vec<u8>>, Failure> {
    let begins = || text.lines().filter(|line| line.starts_with(BEGIN));
    // Before anything is decoded, so that no copy of it is left behind.
    if begins().any(|line| line.contains("PRIVATE KEY")) {
        return Err(Failure::refused("private_key", "JO-KEY-03", "the file holds a private key"));
    }
    let mut found = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
        let (section, der) = section.map_err(|error| malformed(&error, kind))?;
        if section != kind.section {
            return Err(unexpected(kind));
        }
        found.push(der);
    }
    // The reader passes over what it does not know.
    if found.is_empty() || found.len() != begins().count() {
        return Err(unexpected(kind));
    }
    Ok(found)
}

/// One after the other, as SPIFFE's Workload API has them.
fn elements(bytes: &[u8], kind: &Kind) -> Result<Vec<Vec<u8>>, Failure> {
    let mut reader = Reader::new(bytes);
    let mut found = Vec::new();
    while !reader.is_empty() {
        let element = reader.element().filter(|element| element.tag == SEQUENCE);
        found.push(element.ok_or_else(|| neither(kind))?.whole.to_vec());
    }
    if found.is_empty() { Err(neither(kind)) } else { Ok(found) }
}

fn malformed(error: &Error, kind: &Kind) -> Failure {
    let why = match error {
        Error::Base64Decode(_) => "a section of the PEM is not base64",
        Error::MissingSectionEnd { .. } => "a section of the PEM has no end",
        _ => "the PEM is malformed",
    };
    Failure::refused("malformed_pem", kind.rule, why)
}

fn unexpected(kind: &Kind) -> Failure {
    Failure::refused("unexpected_pem", kind.rule, format!("a section of the PEM is not a {}", kind.label))
}

fn neither(kind: &Kind) -> Failure {
    Failure::refused(kind.malformed, kind.rule, format!("neither PEM with a {} nor DER", kind.label))
}

fn lines(kind: &Kind, der: &[u8]) -> Vec<String> {
    let text = base64::encode(der);
    let mut lines = vec![format!("-----BEGIN {}-----", kind.label)];
    let mut rest = text.as_str();
    while let Some((line, after)) = rest.split_at_checked(LINE) {
        lines.push(line.to_owned());
        rest = after;
    }
    if !rest.is_empty() {
        lines.push(rest.to_owned());
    }
    lines.push(format!("-----END {}-----", kind.label));
    lines
}

const CERTIFICATE: Kind = Kind {
    section: SectionKind::Certificate,
    label: "CERTIFICATE",
    malformed: "malformed_certificate",
    rule: "X5V-1",
};

const REQUEST: Kind = Kind {
    section: SectionKind::Csr,
    label: "CERTIFICATE REQUEST",
    malformed: "malformed_request",
    rule: "X5V-1",
};

const LIST: Kind = Kind {
    section: SectionKind::Crl,
    label: "X509 CRL",
    malformed: "malformed_revocation_list",
    rule: "X5V-3",
};

const PUBLIC_KEY: Kind = Kind {
    section: SectionKind::PublicKey,
    label: "PUBLIC KEY",
    malformed: "malformed_key",
    rule: "JO-KEY-03",
};

pub(crate) const BEGIN: &str = "-----BEGIN ";

/// Of base64 (RFC 7468 §2).
const LINE: usize = 64;
