//! Intermediates as the path library is shown them: without the name constraints on URIs, which it refuses, met or not.
//!
//! Taken out is that one extension, and of nothing but what was presented; its signature is verified over the certificate as it was signed.
//! What was taken out, [`Path`](super::path::Path) checks itself, for every path on which such a certificate is.

use aims_keys::der::{OBJECT_IDENTIFIER, Reader, SEQUENCE, write};
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm,
};

use super::certificate::{Certificate, EXTENSIONS};
use super::name_constraints::UriConstraints;
use super::oid;

/// A certificate without its constraints.
///
/// It is known by its body: whoever presents one that looks the same, with whatever signature, gets the same constraints, and the
/// signature is verified over the same bytes.
#[derive(Debug)]
struct Unconstrained<'a> {
    body: Vec<u8>,
    /// As it was signed.
    signed_body: &'a [u8],
    constraints: UriConstraints<'a>,
    der: CertificateDer<'static>,
}

impl<'a> Unconstrained<'a> {
    /// `None` for one that has no constraints, or some that the library processes.
    fn of(der: &'a CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::read(der)?;
        let constraints = UriConstraints::read(certificate.name_constraints?)?;
        let mut outer = Reader::new(der);
        let mut parts = Reader::new(outer.read(SEQUENCE)?);
        let signed = parts.element()?;
        let (algorithm, signature) = (parts.element()?, parts.element()?);

        // The extensions come tail.
        let mut fields = Reader::new(signed.content);
        let mut tail = fields.element()?;
        while !fields.is_empty() {
            tail = fields.element()?;
        }
        let before = signed.content.get(..signed.content.len().checked_sub(tail.whole.len())?)?;
        let mut list = Reader::new(Reader::new(tail.content).read(SEQUENCE)?);
        let mut kept: Vec<&[u8]> = Vec::new();
        while !list.is_empty() {
            let extension = list.element()?;
            if Reader::new(extension.content).read(OBJECT_IDENTIFIER)? != oid::NAME_CONSTRAINTS {
                kept.push(extension.whole);
            }
        }
        let body = write(SEQUENCE, &[before, &write(EXTENSIONS, &[&write(SEQUENCE, &kept)])]);
        let der = write(SEQUENCE, &[&body, algorithm.whole, signature.whole]).into();
        Some(Self { body, signed_body: signed.whole, constraints, der })
    }
}

/// The intermediates of a chain, some of them without their constraints.
#[derive(Debug)]
pub(super) struct Shown<'a>(Vec<Result<Unconstrained<'a>, &'a CertificateDer<'a>>>);

impl<'a> Shown<'a> {
    pub(super) fn of(intermediates: &'a [CertificateDer<'a>]) -> Self {
        Self(intermediates.iter().map(|der| Unconstrained::of(der).ok_or(der)).collect())
    }

    /// In their order.
    pub(super) fn certificates(&self) -> Vec<CertificateDer<'_>> {
        self.0.iter().map(|each| each.as_ref().map_or_else(|der| &***der, |it| &*it.der).into()).collect()
    }

    /// The constraints that were taken out of this certificate.
    pub(super) fn constraints_of(&self, certificate: &Certificate<'_>) -> Option<&UriConstraints<'a>> {
        self.find(certificate.body).map(|it| &it.constraints)
    }

    /// The first of those that look alike, for the constraints and for the signature: they are one.
    fn find(&self, body: &[u8]) -> Option<&Unconstrained<'a>> {
        self.0.iter().flatten().find(|it| it.body == body)
    }
}

/// Verifies signatures over certificates as they were signed.
#[derive(Debug)]
pub(super) struct OverSigned<'a> {
    pub(super) algorithm: &'static dyn SignatureVerificationAlgorithm,
    pub(super) shown: &'a Shown<'a>,
    /// The body of the leaf, which is shown as it is.
    pub(super) leaf: &'a [u8],
}

impl SignatureVerificationAlgorithm for OverSigned<'_> {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let shown = if message == self.leaf { None } else { self.shown.find(message) };
        let message = shown.map_or(message, |it| it.signed_body);
        self.algorithm.verify_signature(key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}
