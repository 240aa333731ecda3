//! Certificates of go-spiffe and rust-spiffe.

use aims_credential::x509::{CertificateDer, Role, SvidError, SvidVerifier, VerifiedSvid, X509Authority};
use aims_credential::{BundleSet, TrustBundle};
use aims_keys::backend;
use aims_keys::der::Reader;
use aims_testkit::{assert_refused, vectors};
use base64::prelude::{BASE64_STANDARD, Engine};

use crate::support::at;

/// 2021-01-01 and 2024-06-01, between the dates of one or the other.
const EARLY: u64 = 1_585_062_000;
const LATE: u64 = 1_743_200_000;

fn load(file: &str) -> Option<Vec<CertificateDer<'static>>> {
    let path = vectors::path(&format!("spiffe/{file}"))?;
    let bytes = std::fs::read(path).unwrap();
    if !bytes.starts_with(b"-----") {
        let mut reader = Reader::new(&bytes);
        let mut all = Vec::new();
        while let Some(element) = reader.element() {
            all.push(element.whole.to_vec().into());
        }
        return Some(all);
    }
    let text = String::from_utf8(bytes).unwrap();
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    let decode = |block: &str| {
        let body = block.split("-----END").next().unwrap();
        BASE64_STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap().into()
    };
    Some(blocks.map(decode).collect())
}

fn verify(
    chain: &[CertificateDer<'_>],
    origin: &str,
    roots: &[&[u8]],
    now: u64,
) -> Result<VerifiedSvid, SvidError> {
    let authorities = roots.iter().map(|der| X509Authority::from_der(der).unwrap()).collect();
    let bundle = TrustBundle::for_x509(origin.parse().unwrap(), authorities);
    let verifier = SvidVerifier::builder(BundleSet::from(bundle), backend::ring()).build();
    verifier.verify(&chain[0], &chain[1..], Role::Client, at(now))
}

#[test]
fn x5v_3_the_good_chain_of_rust_spiffe() {
    let Some(chain) = load("rust-spiffe/spiffe/svid/x509/1-svid-chain.der") else { return };
    let svid = verify(&chain[..1], "spiffe://example.org", &[&chain[1]], 1_790_000_000);
    assert_eq!(svid.unwrap().subject().as_str(), "spiffe://example.org/service");
}

#[test]
fn x5v_4_x5_6_x5_3_the_bad_leaves() {
    for (file, code, rule) in [
        ("wrong-leaf-ca-true", "authority_as_leaf", "X5V-4"),
        ("wrong-leaf-cert-sign", "authority_as_leaf", "X5V-4"),
        ("wrong-leaf-crl-sign", "authority_as_leaf", "X5V-4"),
        ("wrong-leaf-no-digital-signature", "authority_as_leaf", "X5V-4"),
        ("wrong-leaf-empty-id", "no_identity", "X5-1"),
    ] {
        for file in [
            format!("go-spiffe/svid/x509svid/{file}.pem"),
            format!("rust-spiffe/spiffe/svid/x509/{file}.der"),
        ] {
            let Some(chain) = load(&file) else { continue };
            let refused = verify(&chain, "spiffe://example.org", &[], LATE).unwrap_err();
            assert_eq!((refused.code(), refused.rule()), (code, rule), "{file}");
        }
    }
    for (file, code, rule) in [
        ("no_spiffe_leaf", "no_identity", "X5-1"),
        ("spiffe_leaf_no_key_usage", "key_usage", "X5-6"),
        ("spiffe_leaf_no_digital_signature", "key_usage", "X5-6"),
    ] {
        let Some(chain) = load(&format!("rust-spiffe/spiffe-rustls/{file}.der")) else { continue };
        let refused = verify(&chain, "spiffe://example.org", &[], 1_797_000_000).unwrap_err();
        assert_eq!((refused.code(), refused.rule()), (code, rule), "{file}");
    }
}

#[test]
fn x5v_3_expired_and_without_their_authority() {
    if let Some(chain) = load("rust-spiffe/spiffe/svid/x509/expired-svid-chain.der") {
        let refused = verify(&chain[..1], "spiffe://example.org", &[&chain[1]], 1_790_000_000);
        assert_refused!(refused, "expired", "X5V-3");
        verify(&chain[..1], "spiffe://example.org", &[&chain[1]], 1_612_897_000).unwrap();
        assert_refused!(
            verify(&chain, "spiffe://example.org", &[], 1_612_897_000),
            "unknown_issuer",
            "X5V-3"
        );
    }
    if let Some(chain) = load("go-spiffe/svid/x509svid/good-leaf-and-intermediate.pem") {
        let svid = verify(&chain[..1], "spiffe://example.org", &[&chain[1]], EARLY).unwrap();
        assert!(svid.subject().as_str().starts_with("spiffe://example.org/"));
    }
}
