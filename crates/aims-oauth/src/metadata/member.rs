//! Members of metadata, by their types.

use aims_credential::{FetchRequest, HttpsUrl, HttpsUrlError};
use aims_jose::json::{Limits, Value};
use aims_keys::AlgorithmSet;

/// Why a member cannot be read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unread {
    /// It has the wrong type, or a value that it may not have.
    Value(&'static str),
    /// It is no URL that anybody may be sent to.
    Url(&'static str, HttpsUrlError),
}

pub(super) fn text(name: &'static str, value: Value<'_>) -> Result<String, Unread> {
    value.as_str().map(std::borrow::Cow::into_owned).ok_or(Unread::Value(name))
}

pub(super) fn flag(name: &'static str, value: Value<'_>) -> Result<bool, Unread> {
    value.as_bool().ok_or(Unread::Value(name))
}

pub(super) fn url(name: &'static str, value: Value<'_>) -> Result<HttpsUrl, Unread> {
    let text = value.as_str().ok_or(Unread::Value(name))?;
    text.parse().map_err(|error| Unread::Url(name, error))
}

/// An array of texts, each of which `read` understands.
pub(super) fn list<T>(
    name: &'static str,
    value: Value<'_>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Unread> {
    let items = value.as_array().ok_or(Unread::Value(name))?;
    items.map(|item| item.as_str().and_then(|text| read(&text)).ok_or(Unread::Value(name))).collect()
}

pub(super) fn texts(name: &'static str, value: Value<'_>) -> Result<Vec<String>, Unread> {
    list(name, value, |text| Some(text.to_owned()))
}

/// An array of names, of which those are kept that are known here.
pub(super) fn known<T, C: FromIterator<T>>(
    name: &'static str,
    value: Value<'_>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<C, Unread> {
    Ok(list(name, value, |text| Some(read(text)))?.into_iter().flatten().collect())
}

/// `none` and MACs are unknown as everything else is that is no asymmetric signature.
pub(super) fn algorithms(name: &'static str, value: Value<'_>) -> Result<AlgorithmSet, Unread> {
    known(name, value, |text| text.parse().ok())
}

/// WIR-9: the depth of bodies.
pub(super) const fn limits(bytes: usize) -> Limits {
    Limits::new().bytes(bytes).depth(32)
}

/// SEC-17: the document is where it was looked for, and nowhere else.
pub(super) fn request(url: &HttpsUrl) -> FetchRequest<'_> {
    FetchRequest::new(url).accept(&["application/json"]).insist_on_media_type()
}
