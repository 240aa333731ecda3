//! State that the host stores, and neither reads nor changes (HIL-43).

use aims_jose::base64url;
use aims_keys::{SealError, SealingKey};

use super::ClientError;
use crate::wanted::Wanted;
use crate::{NewParameters, Parameters};

/// The state as base64url of what the key sealed. What could not be read again is not sealed: the host would find out after the restart.
pub(crate) fn seal(key: &SealingKey, purpose: &str, state: &NewParameters) -> Result<String, ClientError> {
    Wanted::read(&Parameters::parse(state.as_str().as_bytes())?)?;
    Ok(base64url::encode(key.seal(purpose, state.as_str().as_bytes())?))
}

/// The state that was sealed for this purpose.
pub(crate) fn open(key: &SealingKey, purpose: &str, sealed: &str) -> Result<Parameters, ClientError> {
    if sealed.len() > MAX_LEN {
        return Err(SealError::Closed.into());
    }
    let sealed = base64url::decode(sealed).map_err(|_| SealError::Closed)?;
    Ok(Parameters::parse(&key.open(purpose, &sealed)?)?)
}

/// A number of the state.
pub(crate) fn number(state: &Parameters, name: &'static str) -> Result<u64, ClientError> {
    state.require(name)?.parse().map_err(|_| SealError::Closed.into())
}

/// Of the longest form.
const MAX_LEN: usize = 100 * 1024;
