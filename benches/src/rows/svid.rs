//! Certificate chains of two signatures, with ES256 keys on *ring*.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::x509::{CertificateDer, Role, SvidIssuer, SvidVerifier};
use aims_credential::{BundleSet, TrustBundle};
use aims_keys::der::{Reader, SEQUENCE};
use aims_keys::{Signer, backend};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use spiffe::X509Svid;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::fixtures::{NOW, P256};
use crate::row::Row;

pub(super) fn verify() -> Row {
    let chain = Chain::new();
    let (leaf, middle) = (chain.leaf.clone(), chain.middle.clone());
    let (webpki, mut webpki_after_spiffe) = (webpki(&chain), webpki(&chain));
    let mut spiffe = spiffe(&chain);
    let verifier = chain.verifier;
    Row::new(move || {
        let svid = verifier.verify(&leaf, std::slice::from_ref(&middle), Role::Client, *NOW);
        std::hint::black_box(svid.expect("a good chain"));
    })
    .raw(raw(&chain.signed))
    .goal(6_000.0)
    .peer("webpki alone/ring", webpki)
    .peer_raw(raw(&chain.signed))
    // Neither does the other's part.
    .peer("spiffe, then webpki/ring", move || {
        spiffe();
        webpki_after_spiffe();
    })
    .peer_raw(raw(&chain.signed))
}

/// Signatures, dates and the usage; no identity.
fn webpki(chain: &Chain) -> impl FnMut() + 'static {
    let (root, leaf, intermediates) = (chain.root.clone(), chain.leaf.clone(), [chain.middle.clone()]);
    move || {
        let anchors = [anchor_from_trusted_cert(&root).expect("an anchor")];
        let leaf = EndEntityCert::try_from(&leaf).expect("a certificate");
        let path = leaf.verify_for_usage(
            &[webpki::ring::ECDSA_P256_SHA256],
            &anchors,
            &intermediates,
            rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(NOW.as_secs())),
            KeyUsage::client_auth(),
            None,
            None,
        );
        std::hint::black_box(path.expect("a good chain"));
    }
}

/// The form of leaf and intermediates, and the identity; no signature. It takes a chain with its key.
fn spiffe(chain: &Chain) -> impl FnMut() + 'static {
    let (both, pkcs8) = ([&*chain.leaf, &*chain.middle].concat(), chain.pkcs8.clone());
    move || {
        std::hint::black_box(X509Svid::parse_from_der(&both, &pkcs8).expect("a good chain"));
    }
}

struct Chain {
    verifier: SvidVerifier,
    root: CertificateDer<'static>,
    middle: CertificateDer<'static>,
    leaf: CertificateDer<'static>,
    /// The key of the leaf.
    pkcs8: Vec<u8>,
    /// Whose key, over what, and the signature.
    signed: Vec<([u8; 65], Vec<u8>, Vec<u8>)>,
}

impl Chain {
    fn new() -> Self {
        let key = || P256::generate(backend::ring());
        let (root_key, middle_key, workload_key) = (key(), key(), key());
        let ours = |key: &P256| Arc::clone(&key.ours) as Arc<dyn Signer>;
        let origin = "spiffe://acme.example".parse().expect("an origin");
        let day = Duration::from_hours(24);
        let root = SvidIssuer::root(origin, ours(&root_key), day, *NOW).expect("an authority");
        let middle = root.intermediate(ours(&middle_key), day, *NOW).expect("an issuer");
        let subject = "spiffe://acme.example/agents/travel".parse().expect("an identifier");
        let chain = middle.issue(&subject, workload_key.public(), *NOW).expect("a certificate");
        let authority = root.authority().expect("its own");
        let root_der = CertificateDer::from(authority.der().to_vec());
        let bundle = TrustBundle::for_x509(root.origin().clone(), vec![authority]);
        let signed = [(&chain[0], &middle_key), (&chain[1], &root_key)]
            .map(|(der, key)| {
                let (body, signature) = parts(der);
                (key.point, body, signature)
            })
            .to_vec();
        Self {
            verifier: SvidVerifier::builder(BundleSet::from(bundle), backend::ring()).build(),
            root: root_der,
            middle: chain[1].clone(),
            leaf: chain[0].clone(),
            pkcs8: workload_key.pkcs8,
            signed,
        }
    }
}

/// What was signed in a certificate, and the signature.
fn parts(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut outer = Reader::new(der);
    let mut fields = Reader::new(outer.read(SEQUENCE).expect("a certificate"));
    let body = fields.element().expect("a body").whole.to_vec();
    fields.read_any().expect("an algorithm");
    (body, fields.whole_bytes().expect("a signature").to_vec())
}

fn raw(signed: &[([u8; 65], Vec<u8>, Vec<u8>)]) -> impl FnMut() + 'static {
    let signed = signed.to_vec();
    move || {
        for (key, message, signature) in &signed {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key);
            key.verify(message, signature).expect("a good signature");
        }
    }
}
