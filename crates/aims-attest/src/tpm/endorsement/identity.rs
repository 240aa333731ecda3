//! Who made a TPM, as its endorsement certificate says it (TCG EK Credential Profile 2.6 §3.2.9).

use aims_credential::x509::UnverifiedCertificate;
use aims_keys::der::{OBJECT_IDENTIFIER, Reader, SEQUENCE, SET};

/// The three attributes that name a TPM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Identity {
    pub(super) manufacturer: String,
    pub(super) model: String,
    pub(super) version: String,
}

impl Identity {
    /// Reads them from the one directory name that the certificate has; `None` where an attribute is missing or there twice.
    pub(super) fn of(certificate: &UnverifiedCertificate<'_>) -> Option<Self> {
        let mut names = certificate.directory_names();
        let (Some(name), None) = (names.next(), names.next()) else { return None };
        let mut outer = Reader::new(name);
        let mut sets = Reader::new(outer.read(SEQUENCE)?);
        outer.finish()?;
        let mut found = [None, None, None];
        // An attribute per set, or all in one set: both are seen.
        while !sets.is_empty() {
            let mut set = Reader::new(sets.read(SET)?);
            if set.is_empty() {
                return None;
            }
            while !set.is_empty() {
                let mut attribute = Reader::new(set.read(SEQUENCE)?);
                let id = attribute.read(OBJECT_IDENTIFIER)?;
                let value = attribute.element()?;
                attribute.finish()?;
                let at = ATTRIBUTES.iter().position(|each| *each == id);
                let Some(slot) = at.and_then(|at| found.get_mut(at)) else { continue };
                if slot.replace(text(value.tag, value.content)?).is_some() {
                    return None;
                }
            }
        }
        let [Some(manufacturer), Some(model), Some(version)] = found else { return None };
        Some(Self { manufacturer, model, version })
    }
}

/// The value of an attribute: `UTF8String` or `PrintableString`.
fn text(tag: u8, content: &[u8]) -> Option<String> {
    if !matches!(tag, UTF8_STRING | PRINTABLE_STRING) {
        return None;
    }
    let text = str::from_utf8(content).ok().filter(|text| is_text(text))?;
    (tag == UTF8_STRING || text.is_ascii()).then(|| text.to_owned())
}

/// Whether it is short enough for a record, and all of it shows.
pub(super) fn is_text(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.contains(char::is_control)
}

/// 2.23.133.2.1, .2 and .3: `tcg-at-tpmManufacturer`, `-tpmModel` and `-tpmVersion`.
const ATTRIBUTES: [&[u8]; 3] =
    [&[0x67, 0x81, 0x05, 0x02, 0x01], &[0x67, 0x81, 0x05, 0x02, 0x02], &[0x67, 0x81, 0x05, 0x02, 0x03]];

const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;

/// In bytes.
const MAX_TEXT: usize = 128;
