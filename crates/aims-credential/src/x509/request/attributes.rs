//! What a request says beside its key (RFC 2985 §5.4): names, and a challenge.

use aims_keys::der::{BOOLEAN, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, SET, write};

use super::super::certificate::{DNS, GENERAL_NAMES, URI};
use super::super::oid;

/// The attributes of a request, as far as they are read. Others are well-formed, and ignored.
#[derive(Clone, Default)]
pub(super) struct Attributes {
    pub(super) uris: Vec<Box<str>>,
    pub(super) dns_names: Vec<Box<str>>,
    pub(super) has_other_names: bool,
    pub(super) challenge: Option<Box<str>>,
}

impl Attributes {
    /// Reads the content of the `attributes`; `None` unless all of them are in order.
    pub(super) fn read(content: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        let mut seen: Vec<&[u8]> = Vec::new();
        let mut all = Reader::new(content);
        while !all.is_empty() {
            let mut attribute = Reader::new(all.read(SEQUENCE)?);
            let id = attribute.read(OBJECT_IDENTIFIER).filter(|id| !id.is_empty())?;
            let values = Reader::new(attribute.read(SET)?);
            attribute.finish()?;
            // Of two with one type, two readers could heed different ones.
            if values.is_empty() || seen.len() >= MAX_ATTRIBUTES || seen.contains(&id) {
                return None;
            }
            seen.push(id);
            match id {
                oid::CHALLENGE_PASSWORD => read.challenge = Some(challenge(values)?),
                oid::EXTENSION_REQUEST => read.extensions(values)?,
                _ => well_formed(values)?,
            }
        }
        Some(read)
    }

    /// `ExtensionRequest`: one value, the extensions that the certificate shall have.
    fn extensions(&mut self, mut values: Reader<'_>) -> Option<()> {
        let mut all = Reader::new(values.read(SEQUENCE)?);
        values.finish()?;
        let mut seen: Vec<&[u8]> = Vec::new();
        while !all.is_empty() {
            let mut extension = Reader::new(all.read(SEQUENCE)?);
            let id = extension.read(OBJECT_IDENTIFIER).filter(|id| !id.is_empty())?;
            // In DER what is the default is left out.
            if extension.peek(BOOLEAN) && !extension.boolean()? {
                return None;
            }
            let value = extension.read(OCTET_STRING)?;
            extension.finish()?;
            if seen.len() >= MAX_EXTENSIONS || seen.contains(&id) {
                return None;
            }
            seen.push(id);
            if id == oid::SUBJECT_ALT_NAME {
                self.names(Reader::new(value))?;
            }
        }
        (!seen.is_empty()).then_some(())
    }

    /// `GeneralNames`.
    fn names(&mut self, mut value: Reader<'_>) -> Option<()> {
        let mut names = Reader::new(value.read(SEQUENCE)?);
        value.finish()?;
        let mut count = 0;
        while !names.is_empty() {
            let name = names.element()?;
            count += 1;
            if count > MAX_NAMES || !GENERAL_NAMES.contains(&name.tag) {
                return None;
            }
            match name.tag {
                URI => self.uris.push(ascii(name.content, MAX_URI)?),
                DNS => self.dns_names.push(ascii(name.content, MAX_DNS_NAME)?),
                _ => self.has_other_names = true,
            }
        }
        (count > 0).then_some(())
    }
}

/// `challengePassword`: one text.
fn challenge(mut values: Reader<'_>) -> Option<Box<str>> {
    let value = values.element()?;
    values.finish()?;
    let text = str::from_utf8(value.content).ok()?;
    let is_of_its_type = match value.tag {
        PRINTABLE_STRING => is_printable_string(text),
        UTF8_STRING => true,
        _ => false,
    };
    (is_of_its_type && is_challenge(text)).then(|| text.into())
}

/// Values of an attribute that is not understood: elements, whatever is in them.
fn well_formed(mut values: Reader<'_>) -> Option<()> {
    while !values.is_empty() {
        values.element()?;
    }
    Some(())
}

/// An `IA5String` that is not empty and has no control characters.
fn ascii(bytes: &[u8], max: usize) -> Option<Box<str>> {
    let is_text = (1..=max).contains(&bytes.len()) && bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
    if is_text { str::from_utf8(bytes).ok().map(Into::into) } else { None }
}

/// Whether a text may be a challenge: of at most `pkcs-9-ub-challengePassword` bytes, so that every recipient takes it.
pub(super) fn is_challenge(text: &str) -> bool {
    (1..=MAX_CHALLENGE).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The `attributes` of a request, with their tag. The extension is not marked critical: it is a wish.
pub(super) fn attributes(names: &[(u8, &str)], text: Option<&str>) -> Vec<u8> {
    let mut all = Vec::new();
    if let Some(text) = text {
        // RFC 2985 §5.4.1: a PrintableString where that is possible.
        let tag = if is_printable_string(text) { PRINTABLE_STRING } else { UTF8_STRING };
        all.push(attribute(oid::CHALLENGE_PASSWORD, &write(tag, &[text.as_bytes()])));
    }
    if !names.is_empty() {
        let names: Vec<u8> = names.iter().flat_map(|(tag, name)| write(*tag, &[name.as_bytes()])).collect();
        let extension =
            super::super::write::extension(oid::SUBJECT_ALT_NAME, false, &write(SEQUENCE, &[&names]));
        all.push(attribute(oid::EXTENSION_REQUEST, &write(SEQUENCE, &[&extension])));
    }
    // X.690 §11.6: the elements of a set in ascending order.
    all.sort();
    write(ATTRIBUTES, &[&all.concat()])
}

fn attribute(id: &[u8], value: &[u8]) -> Vec<u8> {
    write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[id]), &write(SET, &[value])])
}

/// X.680 §41.4.
fn is_printable_string(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte))
}

pub(super) const ATTRIBUTES: u8 = 0xa0;

const PRINTABLE_STRING: u8 = 0x13;
const UTF8_STRING: u8 = 0x0c;

const MAX_ATTRIBUTES: usize = 16;

const MAX_EXTENSIONS: usize = 32;

/// What an issuer writes at most: 64 DNS names and one URI.
const MAX_NAMES: usize = 65;

/// SPF-ID-6.
const MAX_URI: usize = 2048;

const MAX_DNS_NAME: usize = 253;

/// RFC 2985 appendix A.
const MAX_CHALLENGE: usize = 255;
