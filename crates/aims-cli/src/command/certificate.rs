//! A certificate taken apart to be shown, without checking anything about it.
//!
//! The libraries give nothing out of a certificate that was not verified; who looks into one that was refused needs just that.

use std::fmt::Write as _;

use aims::backend;
use aims::credential::x509::SvidError;
use aims::jose::Thumbprint;
use aims::keys::der::{BIT_STRING, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, SET};
use aims::keys::{KeyError, PublicKey, PublicNumbers, UnixTime};

use super::public_key;
use crate::output::{Fact, Facts};
use crate::time;

/// What a certificate says, in the pieces of its DER.
pub(super) struct Outline<'a> {
    der: &'a [u8],
    serial: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    not_before: UnixTime,
    not_after: UnixTime,
    spki: &'a [u8],
    extensions: Extensions<'a>,
}

#[derive(Default)]
struct Extensions<'a> {
    /// `cA`, where the extension is present.
    authority: Option<bool>,
    path_len: Option<u64>,
    key_usage: Option<Vec<&'static str>>,
    purposes: Option<Vec<String>>,
    uris: Vec<&'a [u8]>,
    dns_names: Vec<&'a [u8]>,
    key_id: Option<&'a [u8]>,
    issuer_key_id: Option<&'a [u8]>,
}

impl<'a> Outline<'a> {
    /// Reads the DER of one certificate.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, SvidError> {
        if der.len() > MAX_CERTIFICATE {
            return Err(SvidError::TooLarge);
        }
        Self::parse(der).ok_or(SvidError::Malformed)
    }

    fn parse(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(der);
        let mut signed = Reader::new(outer.read(SEQUENCE)?);
        outer.finish()?;
        let mut fields = Reader::new(signed.read(SEQUENCE)?);
        signed.read(SEQUENCE)?;
        signed.read(BIT_STRING)?;
        signed.finish()?;

        fields.read_optional(VERSION)?;
        let serial = match fields.read(INTEGER)? {
            // The byte of the sign is not shown, as the verifier has it.
            [0, serial @ ..] if !serial.is_empty() => serial,
            serial => serial,
        };
        fields.read(SEQUENCE)?;
        let issuer = fields.read(SEQUENCE)?;
        let mut validity = Reader::new(fields.read(SEQUENCE)?);
        let (not_before, not_after) = (read_time(validity.element()?)?, read_time(validity.element()?)?);
        let subject = fields.read(SEQUENCE)?;
        let spki = fields.element()?.whole;
        let mut extensions = Extensions::default();
        if let Some(tagged) = fields.read_optional(EXTENSIONS)? {
            let mut list = Reader::new(Reader::new(tagged).read(SEQUENCE)?);
            while !list.is_empty() {
                extensions.read(Reader::new(list.read(SEQUENCE)?))?;
            }
        }
        Some(Self { der, serial, issuer, subject, not_before, not_after, spki, extensions })
    }

    /// The name of its issuer for people: the texts in it, with the attributes that have short names.
    fn issuer_name(&self) -> Option<String> {
        let (mut name, mut parts) = (Reader::new(self.issuer), Vec::new());
        while !name.is_empty() {
            let mut set = Reader::new(name.read(SET)?);
            while !set.is_empty() {
                let mut attribute = Reader::new(set.read(SEQUENCE)?);
                let id = attribute.read(OBJECT_IDENTIFIER)?;
                let text = String::from_utf8_lossy(attribute.element()?.content).into_owned();
                let short = ATTRIBUTES.iter().find(|(of, _)| *of == id);
                parts.push(short.map_or_else(|| text.clone(), |(_, short)| format!("{short}={text}")));
            }
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Whether it names itself as its issuer.
    fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Whether it says that its own key signed it: not so a certificate by which an old key vouches for the new one of the same
    /// authority.
    pub(super) fn is_root(&self) -> bool {
        let Extensions { key_id, issuer_key_id, .. } = self.extensions;
        self.is_self_issued() && (issuer_key_id.is_none() || issuer_key_id == key_id)
    }

    /// Whether it names no trust domain and no workload, or exactly this origin.
    pub(super) fn fits_origin(&self, origin: &str) -> bool {
        match &*self.extensions.uris {
            [] => true,
            [uri] => *uri == origin.as_bytes(),
            _ => false,
        }
    }

    /// What is said about it.
    pub(super) fn facts(&self) -> Facts {
        let its = &self.extensions;
        let facts = Facts::new()
            .with("uris", texts(&its.uris))
            .with("dns_names", texts(&its.dns_names))
            .with("authority", its.authority == Some(true))
            .with_some("path_length", its.path_len.map(Fact::Number))
            .with_some("key_usage", its.key_usage.as_deref().map(owned))
            .with_some("extended_key_usage", its.purposes.clone().map(Fact::Texts))
            .with("self_issued", self.is_self_issued());
        let facts = match self.public_key() {
            Ok(key) => facts
                .with("type", public_key::kind(&key))
                .with("thumbprint", Thumbprint::of(&key).to_string()),
            Err(error) => facts.with("key_refused", error.code()),
        };
        facts
            .with("serial", hexadecimal(self.serial))
            .with_some("key_id", its.key_id.map(hexadecimal))
            .with_some("issuer_key_id", its.issuer_key_id.map(hexadecimal))
            .with("fingerprint", fingerprint(self.der))
            .with("not_before", self.not_before)
            .with("not_after", self.not_after)
    }

    fn public_key(&self) -> Result<PublicKey, KeyError> {
        let numbers = PublicNumbers::from_spki(self.spki)?;
        let algorithm = numbers.usual_algorithm();
        PublicKey::load(numbers, algorithm, backend::ring())
    }
}

impl<'a> Extensions<'a> {
    fn read(&mut self, mut extension: Reader<'a>) -> Option<()> {
        let id = extension.read(OBJECT_IDENTIFIER)?;
        if !extension.peek(OCTET_STRING) {
            extension.boolean()?;
        }
        let mut value = Reader::new(extension.read(OCTET_STRING)?);
        match id {
            BASIC_CONSTRAINTS => {
                let mut fields = Reader::new(value.read(SEQUENCE)?);
                let is_authority = !fields.is_empty() && !fields.peek(INTEGER);
                self.authority = Some(is_authority && fields.boolean()?);
                if !fields.is_empty() {
                    self.path_len = Some(number(fields.unsigned()?));
                }
            }
            KEY_USAGE => self.key_usage = Some(usages(value.read(BIT_STRING)?)),
            EXTENDED_KEY_USAGE => {
                let mut each = Reader::new(value.read(SEQUENCE)?);
                let purposes = self.purposes.get_or_insert_default();
                while !each.is_empty() {
                    purposes.push(purpose(each.read(OBJECT_IDENTIFIER)?));
                }
            }
            SUBJECT_ALT_NAME => {
                let mut each = Reader::new(value.read(SEQUENCE)?);
                while !each.is_empty() {
                    let name = each.element()?;
                    match name.tag {
                        URI => self.uris.push(name.content),
                        DNS => self.dns_names.push(name.content),
                        _ => {}
                    }
                }
            }
            SUBJECT_KEY_ID => self.key_id = Some(value.read(OCTET_STRING)?),
            AUTHORITY_KEY_ID => {
                self.issuer_key_id = Reader::new(value.read(SEQUENCE)?).read_optional(KEY_ID)?;
            }
            _ => {}
        }
        Some(())
    }
}

/// The issuer at which a path ends: from the first certificate, by names alone, through the others to one that none of them is of.
pub(super) fn missing_issuer<C: AsRef<[u8]>>(chain: &[C]) -> Option<String> {
    let chain: Vec<Outline<'_>> = chain.iter().filter_map(|der| Outline::parse(der.as_ref())).collect();
    let mut last = chain.first()?;
    for _ in &chain {
        match chain.iter().find(|above| above.subject == last.issuer) {
            Some(above) => last = above,
            None => break,
        }
    }
    last.issuer_name()
}

/// SHA-256 of a certificate, in hexadecimal digits.
pub(super) fn fingerprint(der: &[u8]) -> String {
    hexadecimal(&backend::ring().sha256(der))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn texts(names: &[&[u8]]) -> Fact {
    Fact::Texts(names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

fn owned(names: &[&'static str]) -> Fact {
    Fact::Texts(names.iter().map(|name| (*name).to_owned()).collect())
}

/// Of at most eight bytes; what is longer is a number that no certificate has.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum: u64, byte| sum.saturating_mul(256).saturating_add(u64::from(*byte)))
}

/// The names of the bits that are set (RFC 5280 §4.2.1.3).
fn usages(bits: &[u8]) -> Vec<&'static str> {
    let bits = bits.get(1..).unwrap_or_default();
    let is_set = |at: usize| bits.get(at / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0);
    USAGES.iter().enumerate().filter(|(at, _)| is_set(*at)).map(|(_, name)| *name).collect()
}

fn purpose(id: &[u8]) -> String {
    match id {
        CLIENT_AUTH => "clientAuth".into(),
        SERVER_AUTH => "serverAuth".into(),
        other => hexadecimal(other),
    }
}

/// RFC 5280 §4.1.2.5: to the second, in UTC.
fn read_time(element: Element<'_>) -> Option<UnixTime> {
    let digits = std::str::from_utf8(element.content.strip_suffix(b"Z")?).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match element.tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year: u64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let two = |at: usize| rest.get(at..at + 2)?.parse::<u64>().ok();
    time::seconds([year, two(0)?, two(2)?, two(4)?, two(6)?, two(8)?]).map(UnixTime::from_secs)
}

/// Of names: `id-at-commonName` and others (RFC 5280 appendix A.1).
const ATTRIBUTES: [(&[u8], &str); 4] = [
    (&[0x55, 0x04, 0x03], "CN"),
    (&[0x55, 0x04, 0x06], "C"),
    (&[0x55, 0x04, 0x0a], "O"),
    (&[0x55, 0x04, 0x0b], "OU"),
];

/// The longest certificate that any verifier here takes.
const MAX_CERTIFICATE: usize = 16 * 1024;

const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `uniformResourceIdentifier` of `GeneralName` (RFC 5280 §4.2.1.6).
const URI: u8 = 0x86;
/// `dNSName`.
const DNS: u8 = 0x82;
/// `keyIdentifier` of `AuthorityKeyIdentifier`.
const KEY_ID: u8 = 0x80;

const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 0x23];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
const CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];
const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

const USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use aims::backend;
    use aims::credential::x509::{CertificateDer, NewSvid, SvidError, SvidIssuer};
    use aims::keys::{Algorithm, SoftwareKey, UnixTime};

    use super::Outline;

    fn chain() -> Vec<CertificateDer<'static>> {
        let key = || Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
        let (now, day) = (UnixTime::from_secs(1_790_000_000), Duration::from_secs(86_400));
        let root = SvidIssuer::root("spiffe://acme.example".parse().unwrap(), key(), day, now).unwrap();
        let issuer = root.intermediate(key(), day, now).unwrap();
        let subject = "spiffe://acme.example/agents/travel".parse().unwrap();
        let holder = key();
        let request = NewSvid::new(&subject, holder.public_key()).dns_name("travel.acme.example");
        let mut chain = issuer.sign(&request, now).unwrap();
        chain.push(root.authority().unwrap().der().to_vec().into());
        chain
    }

    #[test]
    fn a_root_says_that_it_signed_itself() {
        let chain = chain();
        let is_root: Vec<_> = chain.iter().map(|der| Outline::read(der).unwrap().is_root()).collect();
        assert_eq!(is_root, [false, false, true]);
        let fits: Vec<_> = chain
            .iter()
            .map(|der| Outline::read(der).unwrap().fits_origin("spiffe://acme.example"))
            .collect();
        assert_eq!(fits, [false, true, true]);
    }

    #[test]
    fn whatever_is_changed_is_shown_or_refused() {
        for der in chain() {
            for len in 0..der.len() {
                let read = Outline::read(&der[..len]).map(|_| ());
                assert_eq!(read, Err(SvidError::Malformed), "{len}");
            }
            for at in 0..der.len() {
                for flip in [0x01, 0x20, 0x80, 0xff] {
                    let mut changed = der.to_vec();
                    changed[at] ^= flip;
                    if let Ok(outline) = Outline::read(&changed) {
                        let _ = (outline.facts(), outline.is_root(), outline.fits_origin("a"));
                    }
                }
            }
        }
    }
}
