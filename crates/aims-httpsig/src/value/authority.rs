//! Authorities: host and port (RFC 3986 section 3.2).

use crate::ComponentError;

/// Appends the authority in lower case, without a port that is empty or the usual one of the scheme (HS-VAL-10, HS-VAL-11).
pub(super) fn write(authority: &str, scheme: Option<&str>, to: &mut String) -> Result<(), ComponentError> {
    let (host, port) = parts(authority, scheme)?;
    to.extend(host.chars().map(|letter| letter.to_ascii_lowercase()));
    if !port.is_empty() {
        to.push(':');
        to.push_str(port);
    }
    Ok(())
}

/// Whether both are authorities, and would be written alike.
pub(super) fn are_equal(one: &str, other: &str, scheme: Option<&str>) -> bool {
    match (parts(one, scheme), parts(other, scheme)) {
        (Ok((host, port)), Ok((other, other_port))) => host.eq_ignore_ascii_case(other) && port == other_port,
        _ => false,
    }
}

/// Whether it is one.
pub(super) fn check(authority: &str) -> Result<(), ComponentError> {
    split(authority).map(drop)
}

/// Host, and port where it is none of the usual.
fn parts<'a>(authority: &'a str, scheme: Option<&str>) -> Result<(&'a str, &'a str), ComponentError> {
    let (host, port) = split(authority)?;
    let usual = match scheme {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => "443",
        Some(scheme) if scheme.eq_ignore_ascii_case("http") => "80",
        _ => "",
    };
    Ok((host, if port == usual { "" } else { port }))
}

fn split(authority: &str) -> Result<(&str, &str), ComponentError> {
    let wrong = ComponentError::BadAuthority;
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an address are within its brackets.
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
    let inner = address.unwrap_or(host);
    let is_sound =
        !inner.is_empty() && inner.bytes().all(|byte| is_host(byte) || address.is_some() && byte == b':');
    if !is_sound || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong);
    }
    Ok((host, port))
}
