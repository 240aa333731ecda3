//! Certificates of any kind, signed by whoever shall have signed them.

use std::sync::Arc;

use aims_credential::x509::{CertificateDer, Role, SvidError, SvidVerifier, VerifiedSvid, X509Authority};
use aims_credential::{BundleSet, TrustBundle};
use aims_keys::der::{BIT_STRING, BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, write};
use aims_keys::{Algorithm, SignInput, Signer, SoftwareKey, UnixTime, backend, der};

use crate::support::{ORIGIN, SUBJECT, key, now};

pub(super) const DIGITAL_SIGNATURE: u8 = 0x80;
pub(super) const KEY_CERT_SIGN: u8 = 0x04;
pub(super) const CRL_SIGN: u8 = 0x02;

pub(super) const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
pub(super) const CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];
pub(super) const ANY_PURPOSE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];

/// A certificate still to be signed; everything can be changed.
#[derive(Clone)]
pub(super) struct Forge {
    pub(super) key: Arc<SoftwareKey>,
    pub(super) subject: Option<&'static str>,
    pub(super) issuer: Option<&'static str>,
    pub(super) not_before: String,
    pub(super) not_after: String,
    pub(super) uris: Vec<Vec<u8>>,
    pub(super) dns: Vec<String>,
    pub(super) names_critical: bool,
    /// `cA` and `pathLenConstraint`.
    pub(super) constraints: Option<(bool, Option<u8>)>,
    /// Critical, and the bits.
    pub(super) usage: Option<(bool, u8)>,
    pub(super) purposes: Option<Vec<&'static [u8]>>,
    /// Whole extensions.
    pub(super) more: Vec<Vec<u8>>,
    pub(super) version: u8,
    /// The content of the INTEGER.
    pub(super) serial: Vec<u8>,
}

impl Forge {
    pub(super) fn leaf() -> Self {
        Self {
            key: key(Algorithm::Es256),
            subject: None,
            issuer: Some("root"),
            not_before: "20260901000000Z".into(),
            not_after: "20270101000000Z".into(),
            uris: vec![SUBJECT.into()],
            dns: vec![],
            names_critical: true,
            constraints: Some((false, None)),
            usage: Some((true, DIGITAL_SIGNATURE)),
            purposes: Some(vec![SERVER_AUTH, CLIENT_AUTH]),
            more: vec![],
            version: 2,
            serial: vec![0x51, 0xab],
        }
    }

    pub(super) fn authority(name: &'static str) -> Self {
        Self {
            subject: Some(name),
            uris: vec![ORIGIN.into()],
            names_critical: false,
            constraints: Some((true, None)),
            usage: Some((true, KEY_CERT_SIGN | CRL_SIGN)),
            purposes: None,
            ..Self::leaf()
        }
    }

    /// Applies a change.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Signed by `issuer`.
    pub(super) fn signed_by(&self, issuer: &SoftwareKey) -> CertificateDer<'static> {
        let body = self.body(identifier(issuer));
        assemble(&body, issuer, &signature(&body, issuer))
    }

    pub(super) fn body(&self, identifier: &[u8]) -> Vec<u8> {
        let time = |text: &str| write(0x18, &[text.as_bytes()]);
        let extensions = self.extensions().concat();
        write(
            SEQUENCE,
            &[
                &write(0xa0, &[&write(INTEGER, &[&[self.version]])]),
                &write(INTEGER, &[&self.serial]),
                identifier,
                &name(self.issuer),
                &write(SEQUENCE, &[&time(&self.not_before), &time(&self.not_after)]),
                &name(self.subject),
                &self.key.public_key().numbers().to_spki(),
                &write(0xa3, &[&write(SEQUENCE, &[&extensions])]),
            ],
        )
    }

    fn extensions(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        if let Some((ca, path_len)) = self.constraints {
            let ca = if ca { write(BOOLEAN, &[&[0xff]]) } else { vec![] };
            let path_len = path_len.map(|len| write(INTEGER, &[&[len]])).unwrap_or_default();
            all.push(extension(&[0x55, 0x1d, 0x13], true, &write(SEQUENCE, &[&ca, &path_len])));
        }
        if let Some((critical, bits)) = self.usage {
            let unused = u8::try_from(bits.trailing_zeros()).unwrap();
            let bits: &[u8] = if bits == 0 { &[0] } else { &[unused, bits] };
            all.push(extension(&[0x55, 0x1d, 0x0f], critical, &write(BIT_STRING, &[bits])));
        }
        if let Some(purposes) = &self.purposes {
            let purposes: Vec<u8> =
                purposes.iter().flat_map(|oid| write(OBJECT_IDENTIFIER, &[oid])).collect();
            all.push(extension(&[0x55, 0x1d, 0x25], false, &write(SEQUENCE, &[&purposes])));
        }
        let uris = self.uris.iter().flat_map(|uri| write(0x86, &[uri]));
        let names: Vec<u8> =
            uris.chain(self.dns.iter().flat_map(|name| write(0x82, &[name.as_bytes()]))).collect();
        if !names.is_empty() {
            all.push(extension(&[0x55, 0x1d, 0x11], self.names_critical, &write(SEQUENCE, &[&names])));
        }
        all.extend(self.more.iter().cloned());
        all
    }
}

pub(super) fn signature(body: &[u8], key: &SoftwareKey) -> Vec<u8> {
    let signature = key.sign(SignInput::Message(body)).unwrap();
    match key.public_key().algorithm() {
        algorithm @ (Algorithm::Es256 | Algorithm::Es384) => {
            der::ecdsa_to_der(algorithm, signature.as_bytes()).unwrap()
        }
        _ => signature.as_bytes().to_vec(),
    }
}

pub(super) fn assemble(body: &[u8], issuer: &SoftwareKey, signature: &[u8]) -> CertificateDer<'static> {
    write(SEQUENCE, &[body, identifier(issuer), &write(BIT_STRING, &[&[0], signature])]).into()
}

pub(super) fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { write(BOOLEAN, &[&[0xff]]) } else { vec![] };
    write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[oid]), &critical, &write(OCTET_STRING, &[value])])
}

pub(super) fn name(common_name: Option<&str>) -> Vec<u8> {
    let Some(text) = common_name else { return write(SEQUENCE, &[]) };
    let attribute =
        [write(OBJECT_IDENTIFIER, &[&[0x55, 0x04, 0x03]]), write(0x0c, &[text.as_bytes()])].concat();
    write(SEQUENCE, &[&write(SET, &[&write(SEQUENCE, &[&attribute])])])
}

pub(super) fn identifier(key: &SoftwareKey) -> &'static [u8] {
    match key.public_key().algorithm() {
        Algorithm::Es256 => &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
        Algorithm::Es384 => &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03],
        _ => &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70],
    }
}

/// A trust domain with one authority.
pub(super) struct Domain {
    pub(super) root: Arc<SoftwareKey>,
    pub(super) verifier: SvidVerifier,
}

impl Domain {
    pub(super) fn new() -> Self {
        let root = Forge::authority("root");
        let certificate = root.signed_by(&root.key);
        Self { verifier: trusting(&[&certificate]).build(), root: root.key }
    }

    /// Verifies what the authority signed itself, presented by a client.
    pub(super) fn check(&self, leaf: &Forge) -> Result<VerifiedSvid, SvidError> {
        self.verifier.verify(&leaf.signed_by(&self.root), &[], Role::Client, now())
    }

    pub(super) fn check_chain(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
    ) -> Result<VerifiedSvid, SvidError> {
        self.verifier.verify(leaf, chain, Role::Client, now())
    }
}

pub(super) fn bundle(roots: &[&CertificateDer<'_>]) -> TrustBundle {
    let authorities = roots.iter().map(|der| X509Authority::from_der(der).unwrap()).collect();
    TrustBundle::for_x509(ORIGIN.parse().unwrap(), authorities)
}

pub(super) fn trusting(roots: &[&CertificateDer<'_>]) -> aims_credential::x509::SvidVerifierBuilder {
    SvidVerifier::builder(BundleSet::from(bundle(roots)), backend::ring())
}

pub(super) fn seconds(time: &str) -> UnixTime {
    UnixTime::from_secs(match time {
        "2026-09-01" => 1_788_220_800,
        "2027-01-01" => 1_798_761_600,
        other => panic!("no such time here: {other}"),
    })
}
