//! The DER of a revocation list, as far as the path library does not give it out.

use aims_keys::UnixTime;
use aims_keys::der::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};

use super::algorithms::Signed;
use super::{oid, time};

/// `CertificateList` (RFC 5280 §5.1), taken apart and not verified.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub(super) signed: Signed<'a>,
    /// The whole `Name`.
    pub(super) issuer: &'a [u8],
    pub(super) this_update: UnixTime,
    pub(super) next_update: UnixTime,
    pub(super) issuer_key_id: Option<&'a [u8]>,
    /// Whether it has an issuing distribution point.
    pub(super) is_partial: bool,
}

impl<'a> Parts<'a> {
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = LongReader(der);
        let mut list = LongReader(outer.read(SEQUENCE)?);
        let body = list.element()?;
        let (algorithm, signature) = (list.read(SEQUENCE)?, list.read(BIT_STRING)?);
        // Signatures are whole bytes.
        let &[0, ref signature @ ..] = signature else { return None };
        if body.tag != SEQUENCE || !list.0.is_empty() || !outer.0.is_empty() {
            return None;
        }

        let mut fields = LongReader(body.content);
        fields.read(INTEGER)?;
        fields.read(SEQUENCE)?;
        let issuer = fields.element().filter(|issuer| issuer.tag == SEQUENCE)?.whole;
        let (this_update, next_update) = (fields.time()?, fields.time()?);
        if fields.0.first() == Some(&SEQUENCE) {
            fields.element()?;
        }
        let extensions = fields.read(EXTENSIONS)?;
        if !fields.0.is_empty() {
            return None;
        }
        let signed = Signed { body: body.whole, algorithm, signature };
        let mut parts =
            Self { signed, issuer, this_update, next_update, issuer_key_id: None, is_partial: false };
        parts.read_extensions(extensions)?;
        Some(parts)
    }

    fn read_extensions(&mut self, extensions: &'a [u8]) -> Option<()> {
        let mut tagged = Reader::new(extensions);
        let mut list = Reader::new(tagged.read(SEQUENCE)?);
        tagged.finish()?;
        while !list.is_empty() {
            let mut extension = Reader::new(list.read(SEQUENCE)?);
            let id = extension.read(OBJECT_IDENTIFIER)?;
            if !extension.peek(OCTET_STRING) {
                extension.boolean()?;
            }
            let mut value = Reader::new(extension.read(OCTET_STRING)?);
            extension.finish()?;
            match id {
                oid::AUTHORITY_KEY_ID => {
                    let mut fields = Reader::new(value.read(SEQUENCE)?);
                    self.issuer_key_id = fields.read_optional(KEY_ID)?;
                }
                oid::ISSUING_DISTRIBUTION_POINT => self.is_partial = true,
                // What is critical and unknown the path library has refused.
                _ => {}
            }
        }
        Some(())
    }
}

/// Strict DER with lengths below 16 MiB: lists are longer than anything else here.
struct LongReader<'a>(&'a [u8]);

struct LongElement<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

impl<'a> LongReader<'a> {
    fn element(&mut self) -> Option<LongElement<'a>> {
        let before = self.0;
        let Some((&[tag, 0x83, high, middle, low], rest)) = before.split_first_chunk() else {
            let element = Reader::new(before).element()?;
            self.0 = before.get(element.whole.len()..)?;
            return Some(LongElement { tag: element.tag, content: element.content, whole: element.whole });
        };
        // The shortest form: what needs fewer bytes has fewer.
        if high == 0 {
            return None;
        }
        let len = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
        let (content, after) = rest.split_at_checked(len)?;
        self.0 = after;
        Some(LongElement { tag, content, whole: before.get(..before.len() - after.len())? })
    }

    fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        Some(self.element().filter(|element| element.tag == tag)?.content)
    }

    fn time(&mut self) -> Option<UnixTime> {
        let element = Reader::new(self.0).element()?;
        self.0 = self.0.get(element.whole.len()..)?;
        time::read(element)
    }
}

const EXTENSIONS: u8 = 0xa0;

/// `keyIdentifier` of `AuthorityKeyIdentifier` (RFC 5280 §4.2.1.1).
const KEY_ID: u8 = 0x80;
