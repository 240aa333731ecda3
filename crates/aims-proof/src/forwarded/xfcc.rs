//! `X-Forwarded-Client-Cert`, as Envoy writes it.

use std::borrow::Cow;

use aims_credential::x509::{CertificateDer, from_pem};

use super::{ForwardedError, MAX_FIELD, Said};
use crate::fields::{Fields, Single, single};

/// The field that names the client.
pub const XFCC_FIELD: &str = "x-forwarded-client-cert";

/// Reads the one element of the field: pairs of key and value, of which `By`, `Hash`, `Cert`, `Chain` and `URI` say something here.
///
/// An element that the proxy appended to what the client had sent cannot be told from one that the client sent alone: the proxy
/// must set the field, and not append to it.
pub(super) fn read(fields: &(impl Fields + ?Sized)) -> Result<Said<'static>, ForwardedError> {
    if fields.lines(XFCC_FIELD).map(<[u8]>::len).sum::<usize>() > MAX_FIELD {
        return Err(ForwardedError::TooLarge);
    }
    let text = match single(fields, XFCC_FIELD) {
        Single::Absent => return Err(ForwardedError::Missing),
        Single::Value(text) => text,
        Single::Invalid if fields.lines(XFCC_FIELD).count() > 1 => return Err(ForwardedError::Ambiguous),
        Single::Invalid => return Err(ForwardedError::Malformed),
    };
    let (mut by, mut hash, mut cert, mut chain, mut uri) = (None, None, None, None, None);
    let (mut rest, mut has_dns) = (text, false);
    loop {
        let (key, value, after) = pair(rest)?;
        let key = key.to_ascii_lowercase();
        has_dns |= key == "dns";
        let place = match key.as_str() {
            "by" => Some(&mut by),
            "hash" => Some(&mut hash),
            "cert" => Some(&mut cert),
            "chain" => Some(&mut chain),
            "uri" => Some(&mut uri),
            // A client has several names of these kinds; none of them counts.
            "dns" | "subject" => None,
            _ => return Err(ForwardedError::Malformed),
        };
        if let Some(place) = place
            && place.replace(value).is_some()
        {
            return Err(ForwardedError::Ambiguous);
        }
        match after.as_bytes().first() {
            None => break,
            Some(b';') => rest = after.get(1..).unwrap_or_default(),
            // Another element.
            Some(_) => return Err(ForwardedError::Ambiguous),
        }
    }

    // `Chain` has the leaf, too.
    let (cert, chain) = (certificates(cert)?, certificates(chain)?);
    if cert.len() > 1 || (!cert.is_empty() && !chain.is_empty() && chain.first() != cert.first()) {
        return Err(ForwardedError::Contradiction);
    }
    Ok(Said {
        chain: if chain.is_empty() { cert } else { chain },
        hash: hash.map(|hash| fingerprint(&hash)).transpose()?,
        subject: match uri.filter(|uri| !uri.is_empty()) {
            Some(uri) => Some(uri.parse().map_err(|_| ForwardedError::Malformed)?),
            None => None,
        },
        by: by.map(Cow::into_owned),
        has_dns,
    })
}

/// The first pair, and what follows it: nothing, `;` or `,`.
fn pair(text: &str) -> Result<(&str, Cow<'_, str>, &str), ForwardedError> {
    let (key, rest) = text.split_once('=').ok_or(ForwardedError::Malformed)?;
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find([';', ',']).unwrap_or(rest.len());
        let (value, after) = rest.split_at_checked(end).ok_or(ForwardedError::Malformed)?;
        return if value.contains('"') {
            Err(ForwardedError::Malformed)
        } else {
            Ok((key, value.into(), after))
        };
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next().ok_or(ForwardedError::Malformed)? {
            '"' => break,
            '\\' => value.push(characters.next().ok_or(ForwardedError::Malformed)?),
            other => value.push(other),
        }
    }
    let after = characters.as_str();
    if matches!(after.as_bytes().first(), None | Some(b';' | b',')) {
        Ok((key, value.into(), after))
    } else {
        Err(ForwardedError::Malformed)
    }
}

/// PEM, with percent signs for what a field cannot hold.
fn certificates(value: Option<Cow<'_, str>>) -> Result<Vec<CertificateDer<'static>>, ForwardedError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let pem = percent_decoded(&value).and_then(|pem| String::from_utf8(pem).ok());
    from_pem(&pem.ok_or(ForwardedError::Malformed)?).map_err(|_| ForwardedError::Malformed)
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let [high, low, tail @ ..] = tail else { return None };
            bytes.push(digit(*high)? << 4 | digit(*low)?);
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    Some(bytes)
}

fn fingerprint(text: &str) -> Result<[u8; 32], ForwardedError> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return Err(ForwardedError::Malformed);
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = digits else { return Err(ForwardedError::Malformed) };
        let value = digit(*high).zip(digit(*low)).ok_or(ForwardedError::Malformed)?;
        *byte = value.0 << 4 | value.1;
    }
    Ok(bytes)
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
