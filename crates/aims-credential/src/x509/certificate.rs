//! What the rules for SVIDs ask of a certificate.
//!
//! The path library reads every certificate once more, for signatures, names and times; it gives out neither key usage nor
//! all names.

use aims_keys::UnixTime;
use aims_keys::der::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};

use super::span::Span;
use super::{oid, time};

/// A certificate, read and not verified; pieces of its DER.
#[derive(Clone, Debug)]
pub(super) struct Certificate<'a> {
    /// The whole `TBSCertificate`.
    pub(super) body: &'a [u8],
    pub(super) serial: &'a [u8],
    /// The whole `Name`.
    pub(super) subject: &'a [u8],
    pub(super) not_before: UnixTime,
    pub(super) not_after: UnixTime,
    /// The whole `SubjectPublicKeyInfo`.
    pub(super) spki: &'a [u8],
    /// `cA`, where the extension is present.
    pub(super) is_ca: Option<bool>,
    /// `pathLenConstraint`: how many certificates of authorities may follow below.
    pub(super) path_len: Option<u8>,
    pub(super) key_usage: Option<KeyUsage>,
    /// INVARIANT: object identifiers, one after the other.
    extended_key_usage: Option<&'a [u8]>,
    pub(super) alt_names: Option<AltNames<'a>>,
    pub(super) subject_key_id: Option<&'a [u8]>,
    pub(super) list_demand: ListDemand,
    /// The value of the extension.
    pub(super) name_constraints: Option<&'a [u8]>,
}

/// Whether a certificate demands that a revocation list is read, by a critical extension (RFC 5280 §4.2.1.13).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum ListDemand {
    /// It does not.
    #[default]
    None,
    /// That of its issuer.
    FromIssuer,
    /// One of somebody else, or one per reason.
    Elsewhere,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct KeyUsage {
    pub(super) is_critical: bool,
    /// The first eight bits, `digitalSignature` highest.
    bits: u8,
}

impl KeyUsage {
    pub(super) const DIGITAL_SIGNATURE: u8 = 0x80;
    pub(super) const KEY_ENCIPHERMENT: u8 = 0x20;
    pub(super) const KEY_AGREEMENT: u8 = 0x08;
    pub(super) const KEY_CERT_SIGN: u8 = 0x04;
    pub(super) const CRL_SIGN: u8 = 0x02;

    pub(super) fn has(self, bit: u8) -> bool {
        self.bits & bit != 0
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct AltNames<'a> {
    pub(super) is_critical: bool,
    /// INVARIANT: elements, one after the other.
    names: &'a [u8],
}

impl<'a> AltNames<'a> {
    /// The URIs, as bytes: a URI that is not ASCII counts, too.
    pub(super) fn uris(self) -> impl Iterator<Item = &'a [u8]> {
        let mut names = Reader::new(self.names);
        std::iter::from_fn(move || names.element())
            .filter_map(|name| (name.tag == URI).then_some(name.content))
    }

    /// The names of directories, each a whole `Name`.
    pub(super) fn directories(self) -> impl Iterator<Item = &'a [u8]> {
        let mut names = Reader::new(self.names);
        std::iter::from_fn(move || names.element())
            .filter_map(|name| (name.tag == DIRECTORY).then_some(name.content))
    }
}

impl<'a> Certificate<'a> {
    /// Reads the DER of a certificate of version 3; `None` for anything else, a second extension of one kind included.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(der);
        let mut signed = Reader::new(outer.read(SEQUENCE)?);
        outer.finish()?;
        let body = signed.element().filter(|body| body.tag == SEQUENCE)?;
        let mut fields = Reader::new(body.content);
        signed.read(SEQUENCE)?;
        signed.read(BIT_STRING)?;
        signed.finish()?;

        let mut version = Reader::new(fields.read(VERSION)?);
        if version.unsigned()? != [2] {
            return None;
        }
        version.finish()?;
        // RFC 5280 §4.1.2.2; without the sign byte, as everybody writes it.
        let serial = fields.unsigned().filter(|serial| serial.len() <= MAX_SERIAL)?;
        fields.read(SEQUENCE)?;
        fields.read(SEQUENCE)?;
        let mut validity = Reader::new(fields.read(SEQUENCE)?);
        let (not_before, not_after) = (time::read(validity.element()?)?, time::read(validity.element()?)?);
        validity.finish()?;
        let (subject, spki) = (whole(&mut fields, SEQUENCE)?, whole(&mut fields, SEQUENCE)?);
        let mut certificate = Self {
            body: body.whole,
            serial,
            subject,
            not_before,
            not_after,
            spki,
            is_ca: None,
            path_len: None,
            key_usage: None,
            extended_key_usage: None,
            alt_names: None,
            subject_key_id: None,
            list_demand: ListDemand::None,
            name_constraints: None,
        };
        if let Some(extensions) = fields.read_optional(EXTENSIONS)? {
            certificate.read_extensions(extensions)?;
        }
        fields.finish()?;
        Some(certificate)
    }

    /// Whether the subject names nobody.
    pub(super) fn has_empty_subject(&self) -> bool {
        matches!(self.subject, [SEQUENCE, 0])
    }

    pub(super) fn validity(&self) -> Span {
        Span::new(self.not_before, self.not_after)
    }

    /// The purposes of the extended key usage, each the content of an object identifier.
    pub(super) fn purposes(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut purposes = Reader::new(self.extended_key_usage.unwrap_or_default());
        std::iter::from_fn(move || purposes.read(OBJECT_IDENTIFIER))
    }

    /// X5V-8, X5-9: names no identity, or exactly that of the trust domain.
    pub(super) fn fits_origin(&self, origin: &str) -> bool {
        let mut uris = self.alt_names.into_iter().flat_map(AltNames::uris);
        match (uris.next(), uris.next()) {
            (None, _) => true,
            (Some(uri), None) => uri == origin.as_bytes(),
            (Some(_), Some(_)) => false,
        }
    }

    /// X5-8: a certificate that may sign others.
    pub(super) fn is_signing(&self) -> bool {
        self.is_ca == Some(true) && self.key_usage.is_some_and(|usage| usage.has(KeyUsage::KEY_CERT_SIGN))
    }

    fn read_extensions(&mut self, extensions: &'a [u8]) -> Option<()> {
        let mut tagged = Reader::new(extensions);
        let mut list = Reader::new(tagged.read(SEQUENCE)?);
        tagged.finish()?;
        while !list.is_empty() {
            let mut extension = Reader::new(list.read(SEQUENCE)?);
            let id = extension.read(OBJECT_IDENTIFIER)?;
            // FALSE is the default, and so not written in DER.
            let is_critical = !extension.peek(OCTET_STRING);
            if is_critical && !extension.boolean()? {
                return None;
            }
            let value = extension.read(OCTET_STRING)?;
            extension.finish()?;
            if id == oid::NAME_CONSTRAINTS {
                set(&mut self.name_constraints, value)?;
                continue;
            }
            let mut value = Reader::new(value);
            match id {
                oid::BASIC_CONSTRAINTS => {
                    let (is_ca, path_len) = basic_constraints(value)?;
                    set(&mut self.is_ca, is_ca)?;
                    self.path_len = path_len;
                }
                oid::KEY_USAGE => {
                    let bits = key_usage(value)?;
                    set(&mut self.key_usage, KeyUsage { is_critical, bits })?;
                }
                oid::EXTENDED_KEY_USAGE => {
                    let purposes = value.read(SEQUENCE)?;
                    value.finish()?;
                    let mut each = Reader::new(purposes);
                    while !each.is_empty() {
                        each.read(OBJECT_IDENTIFIER)?;
                    }
                    set(&mut self.extended_key_usage, purposes)?;
                }
                oid::SUBJECT_ALT_NAME => {
                    let names = value.read(SEQUENCE)?;
                    value.finish()?;
                    let mut each = Reader::new(names);
                    while !each.is_empty() {
                        if !GENERAL_NAMES.contains(&each.element()?.tag) {
                            return None;
                        }
                    }
                    set(&mut self.alt_names, AltNames { is_critical, names })?;
                }
                oid::SUBJECT_KEY_ID => {
                    let id = value.read(OCTET_STRING)?;
                    value.finish()?;
                    set(&mut self.subject_key_id, id)?;
                }
                oid::CRL_DISTRIBUTION_POINTS if is_critical => self.list_demand = list_demand(value)?,
                // What is critical and unknown is for the path library to refuse.
                _ => {}
            }
        }
        Some(())
    }
}

fn set<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

fn whole<'a>(reader: &mut Reader<'a>, tag: u8) -> Option<&'a [u8]> {
    let element = reader.element()?;
    (element.tag == tag).then_some(element.whole)
}

/// `cA` and `pathLenConstraint`.
fn basic_constraints(mut value: Reader<'_>) -> Option<(bool, Option<u8>)> {
    let mut fields = Reader::new(value.read(SEQUENCE)?);
    value.finish()?;
    let is_ca = !fields.is_empty() && !fields.peek(INTEGER);
    if is_ca && !fields.boolean()? {
        return None;
    }
    let path_len = match (!fields.is_empty()).then(|| fields.unsigned()) {
        // Longer paths than that there are not.
        Some(len) => Some(if let &[len] = len? { len } else { u8::MAX }),
        None => None,
    };
    fields.finish()?;
    Some((is_ca, path_len))
}

/// Of `CRLDistributionPoints`.
fn list_demand(mut value: Reader<'_>) -> Option<ListDemand> {
    let mut points = Reader::new(value.read(SEQUENCE)?);
    value.finish()?;
    let mut demand = ListDemand::FromIssuer;
    while !points.is_empty() {
        let mut point = Reader::new(points.read(SEQUENCE)?);
        point.read_optional(DISTRIBUTION_POINT)?;
        if !point.is_empty() {
            demand = ListDemand::Elsewhere;
        }
    }
    Some(demand)
}

fn key_usage(mut value: Reader<'_>) -> Option<u8> {
    let bits = value.read(BIT_STRING)?;
    value.finish()?;
    match bits {
        // Nine bits are defined; the last, `decipherOnly`, is of no use here.
        // The bits that fill up the last byte are zero.
        [unused @ 0..=7, last] if last.trailing_zeros() >= u32::from(*unused) => Some(*last),
        [unused @ 0..=7, bits, last] if last.trailing_zeros() >= u32::from(*unused) => Some(*bits),
        [0] => Some(0),
        _ => None,
    }
}

const VERSION: u8 = 0xa0;
const DISTRIBUTION_POINT: u8 = 0xa0;
pub(super) const EXTENSIONS: u8 = 0xa3;

/// `uniformResourceIdentifier` of `GeneralName` (RFC 5280 §4.2.1.6).
pub(super) const URI: u8 = 0x86;

/// `directoryName`, in which a whole `Name` is.
const DIRECTORY: u8 = 0xa4;

/// `dNSName`.
pub(super) const DNS: u8 = 0x82;

/// The nine forms of `GeneralName`.
pub(super) const GENERAL_NAMES: [u8; 9] = [0xa0, 0x81, DNS, 0xa3, DIRECTORY, 0xa5, URI, 0x87, 0x88];

/// In bytes, without the sign byte.
pub(super) const MAX_SERIAL: usize = 20;
