//! The parameters of a request, as claims have them (RFC 9101 §4).

use std::borrow::Cow;

use aims_jose::json::{Kind, Object, ObjectWriter, Value};
use aims_jose::{ClaimsError, json};

use crate::{AuthorizationRequest, NewParameters, Parameters};

/// Writes each parameter in the JSON type that it has (JAR-3).
pub(super) fn write(request: &AuthorizationRequest, to: &mut ObjectWriter) {
    let mut form = NewParameters::new();
    request.write(&mut form);
    // INVARIANT: what was written is read.
    let form = Parameters::parse(form.as_str().as_bytes()).unwrap_or_default();
    for name in TEXTS {
        if let Some(value) = form.all(name).next() {
            to.str(name, value);
        }
    }
    match request.resources() {
        [] => {}
        [one] => {
            to.str("resource", one.as_str());
        }
        several => {
            to.strs("resource", several.iter().map(crate::Resource::as_str));
        }
    }
    if let Some(details) = request.wanted_details() {
        to.value("authorization_details", details.as_value());
    }
    if let Some(age) = request.wanted_max_age() {
        to.u64("max_age", age);
    }
}

/// Reads those that mean something to a request; the others are ignored (WIR-2).
pub(super) fn read(claims: &Object) -> Result<Parameters, ClaimsError> {
    let mut all = Vec::new();
    for (name, value) in claims {
        match &*name.as_str() {
            "authorization_details" if value.kind() == Kind::Array => {
                all.push(("authorization_details", value.raw().into()));
            }
            "authorization_details" => return Err(ClaimsError::WrongType("authorization_details")),
            "max_age" => {
                let age = value.as_number().and_then(json::Number::as_u64);
                let age = age.ok_or(ClaimsError::WrongType("max_age"))?;
                all.push(("max_age", age.to_string().into()));
            }
            "resource" => read_resources(value, &mut all)?,
            name => {
                if let Some(&known) = TEXTS.iter().find(|known| **known == name) {
                    all.push((known, value.as_str().ok_or(ClaimsError::WrongType(known))?));
                }
            }
        }
    }
    Ok(Parameters::of(all.iter().map(|(name, value)| (*name, &**value))))
}

/// One, or a list of them.
fn read_resources<'c>(
    value: Value<'c>,
    all: &mut Vec<(&'static str, Cow<'c, str>)>,
) -> Result<(), ClaimsError> {
    const WRONG: ClaimsError = ClaimsError::WrongType("resource");

    if let Some(one) = value.as_str() {
        all.push(("resource", one));
        return Ok(());
    }
    for one in value.as_array().ok_or(WRONG)? {
        all.push(("resource", one.as_str().ok_or(WRONG)?));
    }
    Ok(())
}

/// The parameters that are texts.
const TEXTS: [&str; 12] = [
    "acr_values",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "login_hint",
    "nonce",
    "prompt",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
];
