//! Certificates of manufacturers and of their TPMs, with whatever is wrong with them.

use aims_keys::der::{
    self, BIT_STRING, BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, write,
};
use aims_keys::{Algorithm, PublicNumbers, SignInput, SoftwareKey, backend};

pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
pub(crate) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
pub(crate) const ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
pub(crate) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];

/// 2.23.133.8.1
pub(crate) const EK_CERTIFICATE: &[u8] = &[0x67, 0x81, 0x05, 0x08, 0x01];

pub(crate) const DIGITAL_SIGNATURE: u8 = 0x80;
pub(crate) const KEY_ENCIPHERMENT: u8 = 0x20;
pub(crate) const KEY_AGREEMENT: u8 = 0x08;
pub(crate) const CERT_SIGN: u8 = 0x04;

/// Who signs: a name and a key.
pub(crate) struct Authority {
    pub(crate) name: &'static str,
    pub(crate) key: SoftwareKey,
}

impl Authority {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, key: SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap() }
    }

    /// The certificate of a root.
    pub(crate) fn root(&self) -> Vec<u8> {
        self.certify(&self.ca(self.name))
    }

    /// What a certificate of an authority with this name and the own key says.
    pub(crate) fn ca(&self, name: &'static str) -> Certificate {
        Certificate {
            subject: name,
            spki: self.key.public_key().numbers().to_spki(),
            validity: ("20250101000000Z", "20350101000000Z"),
            extensions: vec![
                (BASIC_CONSTRAINTS, true, write(SEQUENCE, &[&write(BOOLEAN, &[&[0xff]])])),
                (KEY_USAGE, true, key_usage(CERT_SIGN)),
            ],
        }
    }

    /// Signs a certificate.
    pub(crate) fn certify(&self, certificate: &Certificate) -> Vec<u8> {
        let body = certificate.body(self.name, self.key.public_key().algorithm());
        let algorithm = self.key.public_key().algorithm();
        let signature = self.key.sign(SignInput::Message(&body)).unwrap();
        let signature = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => {
                der::ecdsa_to_der(algorithm, signature.as_bytes()).unwrap()
            }
            _ => signature.as_bytes().to_vec(),
        };
        write(SEQUENCE, &[&body, identifier(algorithm), &write(BIT_STRING, &[&[0], &signature])])
    }
}

/// What a certificate says.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) subject: &'static str,
    pub(crate) spki: Vec<u8>,
    pub(crate) validity: (&'static str, &'static str),
    /// Identifier, whether it is critical, and the value.
    pub(crate) extensions: Vec<(&'static [u8], bool, Vec<u8>)>,
}

impl Certificate {
    /// That of the endorsement key of a TPM.
    pub(crate) fn of(key: &PublicNumbers) -> Self {
        let usage = if matches!(key, PublicNumbers::Rsa { .. }) { KEY_ENCIPHERMENT } else { KEY_AGREEMENT };
        Self {
            subject: "",
            spki: key.to_spki(),
            validity: ("20260101000000Z", "20300101000000Z"),
            extensions: vec![
                (BASIC_CONSTRAINTS, true, write(SEQUENCE, &[])),
                (KEY_USAGE, true, key_usage(usage)),
                (EXTENDED_KEY_USAGE, false, purposes(&[EK_CERTIFICATE])),
                (ALT_NAME, true, alt_name(&three())),
            ],
        }
    }

    /// The same, with another value of one extension.
    pub(crate) fn with(mut self, id: &'static [u8], value: Vec<u8>) -> Self {
        self.extensions.iter_mut().find(|extension| extension.0 == id).unwrap().2 = value;
        self
    }

    /// The same, without one extension.
    pub(crate) fn without(mut self, id: &'static [u8]) -> Self {
        self.extensions.retain(|extension| extension.0 != id);
        self
    }

    /// The same, and one extension more.
    pub(crate) fn and(mut self, id: &'static [u8], is_critical: bool, value: Vec<u8>) -> Self {
        self.extensions.push((id, is_critical, value));
        self
    }

    fn body(&self, issuer: &str, algorithm: Algorithm) -> Vec<u8> {
        let extensions: Vec<Vec<u8>> = self
            .extensions
            .iter()
            .map(|(id, is_critical, value)| {
                let critical = if *is_critical { write(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
                write(
                    SEQUENCE,
                    &[&write(OBJECT_IDENTIFIER, &[id]), &critical, &write(OCTET_STRING, &[value])],
                )
            })
            .collect();
        let time = |text: &str| write(0x18, &[text.as_bytes()]);
        write(
            SEQUENCE,
            &[
                &write(0xa0, &[&write(INTEGER, &[&[2]])]),
                &write(INTEGER, &[&[7]]),
                identifier(algorithm),
                &common_name(issuer),
                &write(SEQUENCE, &[&time(self.validity.0), &time(self.validity.1)]),
                &common_name(self.subject),
                &self.spki,
                &write(0xa3, &[&write(SEQUENCE, &[&extensions.concat()])]),
            ],
        )
    }
}

/// One attribute: the last number of its identifier below 2.23.133.2, the tag of its value, and the value.
pub(crate) type Attribute = (u8, u8, &'static str);

pub(crate) fn three() -> [Attribute; 3] {
    [(1, 0x0c, "id:41494D53"), (2, 0x0c, "model 7"), (3, 0x0c, "id:00010002")]
}

/// A name of these attributes, each in a set of its own.
pub(crate) fn alt_name(attributes: &[Attribute]) -> Vec<u8> {
    let sets: Vec<Vec<u8>> = attributes.iter().map(|it| write(SET, &[&attribute(*it)])).collect();
    write(SEQUENCE, &[&directory(&sets.concat())])
}

/// A `directoryName` of these sets.
pub(crate) fn directory(sets: &[u8]) -> Vec<u8> {
    write(0xa4, &[&write(SEQUENCE, &[sets])])
}

pub(crate) fn attribute((number, tag, value): Attribute) -> Vec<u8> {
    let id = write(OBJECT_IDENTIFIER, &[&[0x67, 0x81, 0x05, 0x02, number]]);
    write(SEQUENCE, &[&id, &write(tag, &[value.as_bytes()])])
}

pub(crate) fn purposes(ids: &[&[u8]]) -> Vec<u8> {
    let ids: Vec<Vec<u8>> = ids.iter().map(|id| write(OBJECT_IDENTIFIER, &[id])).collect();
    write(SEQUENCE, &[&ids.concat()])
}

pub(crate) fn key_usage(bits: u8) -> Vec<u8> {
    let unused = u8::try_from(bits.trailing_zeros()).unwrap();
    write(BIT_STRING, &[&[unused, bits]])
}

pub(crate) fn constraints(is_ca: bool, path_len: Option<u8>) -> Vec<u8> {
    let ca = if is_ca { write(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    let len = path_len.map(|len| write(INTEGER, &[&[len]])).unwrap_or_default();
    write(SEQUENCE, &[&ca, &len])
}

/// A name, empty for an empty text.
fn common_name(name: &str) -> Vec<u8> {
    if name.is_empty() {
        return write(SEQUENCE, &[]);
    }
    let id = write(OBJECT_IDENTIFIER, &[&[0x55, 0x04, 0x03]]);
    write(SEQUENCE, &[&write(SET, &[&write(SEQUENCE, &[&id, &write(0x0c, &[name.as_bytes()])])])])
}

fn identifier(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        Algorithm::Es256 => &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
        Algorithm::Es384 => &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03],
        Algorithm::Rs256 => {
            &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 5, 0]
        }
        Algorithm::Ps256 => PSS,
        other => panic!("{other}"),
    }
}

/// RSASSA-PSS with SHA-256, MGF1 with SHA-256, and a salt of 32 bytes (RFC 4055 §3.1).
const PSS: &[u8] = &[
    0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34, 0xa0, 0x0f,
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa1, 0x1c,
    0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09,
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x20,
];
