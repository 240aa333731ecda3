//! What machines with a TPM and those who enrol them send each other, as JSON documents: read strictly, to the member.

mod activation;
mod provision;

#[cfg(feature = "tpm")]
pub(crate) use self::activation::Activation;
pub(crate) use self::activation::write as write_activation;
pub(crate) use self::provision::{EndorsementKey, Kind, Provision};

use aims::jose::base64url;
use aims::jose::json::{Number, Value};

use crate::failure::Failure;

/// The bytes of a member in base64url, in its one spelling.
fn bytes(value: Value<'_>) -> Result<Vec<u8>, Failure> {
    // No escapes: they would be a second spelling.
    let text = value.as_raw_str().ok_or_else(malformed)?;
    base64url::decode(text).map_err(|_| malformed())
}

fn number(value: Value<'_>) -> Result<u64, Failure> {
    value.as_number().and_then(Number::as_u64).ok_or_else(malformed)
}

/// Whether a document is of the version that is read here.
fn check_version(version: Option<u64>) -> Result<(), Failure> {
    match version {
        Some(VERSION) => Ok(()),
        Some(_) => Err(Failure::refused(
            "unsupported_version",
            "TPM-29",
            "the document is of a version that is not read",
        )),
        None => Err(malformed()),
    }
}

fn malformed() -> Failure {
    Failure::refused("malformed", "TPM-29", "the document does not have the members that it has to have")
}

/// Of provisions and activations.
const VERSION: u64 = 1;
