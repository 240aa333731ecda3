//! Certificates as text (RFC 7468).

use aims_jose::base64;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::SvidError;

/// Reads the blocks labelled `CERTIFICATE`, in their order; text and blocks of other kinds between them count for nothing: a
/// private key in the same file is skipped. The text has 512 KiB at most.
///
/// ```
/// use aims_credential::x509::{from_pem, to_pem};
///
/// # fn chain(text: &str) -> Result<(), aims_credential::x509::SvidError> {
/// let chain = from_pem(text)?; // the workload's certificate first
/// assert_eq!(from_pem(&to_pem(&chain))?, chain);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`SvidError::TooLarge`]; [`SvidError::Malformed`] when there is no such block, or one that is torn.
pub fn from_pem(text: &str) -> Result<Vec<CertificateDer<'static>>, SvidError> {
    if text.len() > MAX_TEXT {
        return Err(SvidError::TooLarge);
    }
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(SvidError::Malformed),
    }
}

/// Writes a block per certificate.
#[must_use]
pub fn to_pem<'a>(certificates: impl IntoIterator<Item = &'a CertificateDer<'a>>) -> String {
    let mut text = String::new();
    for der in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let mut rest = &*base64::encode(der);
        while let Some((line, after)) = rest.split_at_checked(LINE) {
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        if !rest.is_empty() {
            text.push_str(rest);
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

const LINE: usize = 64;

/// In bytes.
const MAX_TEXT: usize = 512 * 1024;
