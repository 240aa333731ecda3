//! Revocation lists of any kind, signed by whoever shall have signed them.

use aims_credential::x509::{RevocationList, RevocationListError};
use aims_keys::SoftwareKey;
use aims_keys::der::{BOOLEAN, INTEGER, OCTET_STRING, SEQUENCE, write};

use super::forge::{assemble, extension, identifier, name, signature};

/// A list still to be signed; everything can be changed.
#[derive(Clone)]
pub(super) struct ForgedList {
    pub(super) issuer: &'static str,
    pub(super) version: Vec<u8>,
    pub(super) this_update: &'static str,
    pub(super) next_update: Option<&'static str>,
    /// The contents of the INTEGERs.
    pub(super) serials: Vec<Vec<u8>>,
    /// Whole, behind each entry's date.
    pub(super) entry_extensions: Vec<u8>,
    pub(super) extensions: Vec<Vec<u8>>,
}

impl ForgedList {
    /// Of the authority `issuer`.
    pub(super) fn of(issuer: &'static str, serials: &[&[u8]]) -> Self {
        Self {
            issuer,
            version: write(INTEGER, &[&[1]]),
            this_update: "20260901000000Z",
            next_update: Some("20270101000000Z"),
            serials: serials.iter().map(|serial| serial.to_vec()).collect(),
            entry_extensions: vec![],
            extensions: vec![number(&[7])],
        }
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn der(&self, key: &SoftwareKey) -> Vec<u8> {
        let body = self.body(key);
        assemble(&body, key, &signature(&body, key)).to_vec()
    }

    pub(super) fn read(&self, key: &SoftwareKey) -> Result<RevocationList, RevocationListError> {
        RevocationList::from_der(&self.der(key))
    }

    pub(super) fn signed_by(&self, key: &SoftwareKey) -> RevocationList {
        self.read(key).unwrap()
    }

    pub(super) fn body(&self, key: &SoftwareKey) -> Vec<u8> {
        let time = |text: &str| write(0x18, &[text.as_bytes()]);
        let entries: Vec<u8> = self
            .serials
            .iter()
            .flat_map(|serial| {
                let date = time(self.this_update);
                write(SEQUENCE, &[&write(INTEGER, &[serial]), &date, &self.entry_extensions])
            })
            .collect();
        let entries = if entries.is_empty() { entries } else { write(SEQUENCE, &[&entries]) };
        let extensions = match &self.extensions[..] {
            [] => vec![],
            extensions => write(0xa0, &[&write(SEQUENCE, &[&extensions.concat()])]),
        };
        write(
            SEQUENCE,
            &[
                &self.version,
                identifier(key),
                &name(Some(self.issuer)),
                &time(self.this_update),
                &self.next_update.map(time).unwrap_or_default(),
                &entries,
                &extensions,
            ],
        )
    }
}

pub(super) fn number(content: &[u8]) -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x14], false, &write(INTEGER, &[content]))
}

pub(super) fn authority_key_id(id: &[u8]) -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x23], false, &write(SEQUENCE, &[&write(0x80, &[id])]))
}

/// For a certificate.
pub(super) fn subject_key_id(id: &[u8]) -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x0e], false, &write(OCTET_STRING, &[id]))
}

/// A point with a full name, and `more` of its fields.
pub(super) fn distribution_points(is_critical: bool, more: &[u8]) -> Vec<u8> {
    let full_name = write(0xa0, &[&write(0xa0, &[&write(0x86, &[b"http://crl.acme.example/1"])])]);
    extension(&[0x55, 0x1d, 0x1f], is_critical, &write(SEQUENCE, &[&write(SEQUENCE, &[&full_name, more])]))
}

/// For a list: it is for that point only.
pub(super) fn issuing_distribution_point(more: &[u8]) -> Vec<u8> {
    let full_name = write(0xa0, &[&write(0xa0, &[&write(0x86, &[b"http://crl.acme.example/1"])])]);
    extension(&[0x55, 0x1d, 0x1c], true, &write(SEQUENCE, &[&full_name, more]))
}

pub(super) fn boolean(tag: u8) -> Vec<u8> {
    let mut element = write(BOOLEAN, &[&[0xff]]);
    element[0] = tag;
    element
}
