//! `Client-Cert` and `Client-Cert-Chain` (RFC 9440).

use aims_credential::x509::CertificateDer;
use aims_jose::base64;

use super::{ForwardedError, MAX_FIELD, Said};
use crate::fields::Fields;

/// The field with the certificate of the client.
pub const CLIENT_CERT_FIELD: &str = "client-cert";

/// The field with the certificates above it.
pub const CLIENT_CERT_CHAIN_FIELD: &str = "client-cert-chain";

/// Reads both fields: byte sequences of structured fields (RFC 8941 §3.3.5), one in the first, a list in the second. Neither
/// defines parameters, and none is accepted.
pub(super) fn read(fields: &(impl Fields + ?Sized)) -> Result<Said<'static>, ForwardedError> {
    let lines = || fields.lines(CLIENT_CERT_FIELD).chain(fields.lines(CLIENT_CERT_CHAIN_FIELD));
    if lines().map(<[u8]>::len).sum::<usize>() > MAX_FIELD {
        return Err(ForwardedError::TooLarge);
    }
    let mut leaf = fields.lines(CLIENT_CERT_FIELD);
    let leaf = match (leaf.next(), leaf.next()) {
        (Some(leaf), None) => leaf,
        (Some(_), Some(_)) => return Err(ForwardedError::Ambiguous),
        // §2.3: a chain without a certificate is above nobody.
        (None, _) if fields.lines(CLIENT_CERT_CHAIN_FIELD).next().is_some() => {
            return Err(ForwardedError::Malformed);
        }
        (None, _) => return Err(ForwardedError::Missing),
    };
    let mut chain = vec![byte_sequence(leaf)?];
    for line in fields.lines(CLIENT_CERT_CHAIN_FIELD) {
        for item in line.split(|byte| *byte == b',') {
            chain.push(byte_sequence(item.trim_ascii())?);
        }
    }
    Ok(Said { chain, hash: None, subject: None, by: None, has_dns: false })
}

fn byte_sequence(item: &[u8]) -> Result<CertificateDer<'static>, ForwardedError> {
    let text = item.strip_prefix(b":").and_then(|item| item.strip_suffix(b":"));
    let text = text.and_then(|text| str::from_utf8(text).ok()).ok_or(ForwardedError::Malformed)?;
    let der = base64::decode(text).map_err(|_| ForwardedError::Malformed)?;
    Ok(der.into())
}
