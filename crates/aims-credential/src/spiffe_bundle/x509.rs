//! The elements of a bundle that are certificates.

use aims_jose::json::{ObjectWriter, Value};
use aims_jose::{Jwk, base64};
use aims_keys::Backend;

use super::usage::Usage;
use crate::SkipReason;
use crate::bundle::algorithm_by_type;
use crate::x509::X509Authority;

/// BND-14, BND-5: the first certificate of `x5c`, and the key beside it the same.
pub(super) fn authority(element: Value<'_>, backend: Backend) -> Result<X509Authority, SkipReason> {
    if element.get("kid").is_some() {
        return Err(SkipReason::KeyIdForbidden);
    }
    let mut certificates =
        element.get("x5c").and_then(|x5c| x5c.as_array()).ok_or(SkipReason::CertificateMissing)?;
    let certificate = certificates.next().ok_or(SkipReason::CertificateMissing)?;
    let der = certificate
        .as_str()
        .and_then(|text| base64::decode(&text).ok())
        .ok_or(SkipReason::CertificateEncoding)?;
    let authority = X509Authority::from_der(&der).map_err(SkipReason::Certificate)?;
    let key = Jwk::from_value_for(Usage::X509.name(), element, algorithm_by_type(element), backend)?;
    if key.public_key().numbers() != authority.public_numbers() {
        return Err(SkipReason::CertificateMismatch);
    }
    Ok(authority)
}

/// Writes the element of `authority`.
pub(super) fn write(authority: &X509Authority, element: &mut ObjectWriter) {
    element.str("use", Usage::X509.name());
    Jwk::write_numbers(authority.public_numbers(), element);
    element.strs("x5c", [base64::encode(authority.der())]);
}
