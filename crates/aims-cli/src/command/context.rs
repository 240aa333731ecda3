//! `--context NAME=VALUE`: tokens that a request carries in other fields.

use crate::failure::Failure;
use crate::input::{Input, Inputs};

/// A field name, and where its value is.
pub(super) type Field = (String, String);

/// Reads the argument.
pub(super) fn parse(text: &str) -> Result<Field, String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("a field name and a value, such as x-context=@FILE")?;
    Ok((name.into(), value.into()))
}

/// Reads the values.
pub(super) fn read(fields: &[Field], inputs: &mut Inputs) -> Result<Vec<(String, Input)>, Failure> {
    fields.iter().map(|(name, value)| Ok((name.clone(), inputs.text(value)?))).collect()
}

/// Names and values as the libraries take them.
pub(super) fn pairs(fields: &[(String, Input)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.text.as_str())).collect()
}
