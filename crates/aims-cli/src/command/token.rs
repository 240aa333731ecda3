//! Tokens, shown before anything about them was checked.

use aims::jose::base64url;
use aims::jose::json::{self, Object};
use aims::jose::{ClaimsError, JwsError};

use crate::failure::{About, Failure};
use crate::input::Input;
use crate::output::{Facts, Report};

/// Shows header and claims of a token whose signature nobody checked; `alg` may be `none`.
///
/// `note` says so to people.
pub(super) fn inspect(input: &Input, note: &'static str) -> Result<Report, Failure> {
    let (header, claims) = take_apart(&input.text).about(input)?;
    let facts = Facts::new().note(note).with("verified", false).with("header", header).with("claims", claims);
    Ok(Report::Facts(facts))
}

fn take_apart(token: &str) -> Result<(Object, Object), Failure> {
    if token.len() > MAX_TOKEN {
        return Err(JwsError::TooLong.into());
    }
    let mut segments = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return Err(JwsError::Form.into());
    };
    let decode = |segment| base64url::decode(segment).map_err(JwsError::Base64);
    let limits = json::Limits::new();
    decode(signature)?;
    let header = Object::parse(decode(header)?, &limits).map_err(JwsError::Header)?;
    let claims = Object::parse(decode(claims)?, &limits).map_err(ClaimsError::Json)?;
    Ok((header, claims))
}

/// The longest token that any verifier here takes.
const MAX_TOKEN: usize = 16 * 1024;
