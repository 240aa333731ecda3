//! Bundles: certificates one after the other, as the Workload API has them, and JWKs.

use std::time::Duration;

use aims_credential::TrustBundle;
use aims_credential::x509::{SvidIssuer, X509Authority, X509AuthorityError};
use aims_jose::{Jwk, JwkSet};
use aims_keys::{Algorithm, backend};
use spiffe::{JwtBundle, TrustDomain, X509Bundle};

use crate::support::{key, key_for, now};

const DAY: Duration = Duration::from_secs(86_400);

fn root() -> SvidIssuer {
    SvidIssuer::root("spiffe://acme.example".parse().unwrap(), key(), DAY, now()).unwrap()
}

fn trust_domain() -> TrustDomain {
    "acme.example".try_into().unwrap()
}

#[test]
fn spiffe_reads_our_authorities() {
    let authorities = [root().authority().unwrap(), root().authority().unwrap()];
    let both = authorities.iter().map(X509Authority::der).collect::<Vec<_>>().concat();
    let theirs = X509Bundle::parse_from_der(trust_domain(), &both).unwrap();
    assert_eq!(theirs.authorities().len(), 2);
    for (theirs, ours) in theirs.authorities().iter().zip(&authorities) {
        assert_eq!(theirs.as_bytes(), ours.der());
        X509Authority::from_der(theirs.as_bytes()).unwrap();
    }
}

/// X5V-9: a workload's certificate in a bundle vouches for nobody. `spiffe` keeps every certificate that it can read.
#[test]
fn a_workload_in_a_bundle_is_an_authority_to_spiffe_and_not_to_us() {
    let chain = root().issue(&"spiffe://acme.example/a".parse().unwrap(), key().public_key(), now()).unwrap();
    let theirs = X509Bundle::parse_from_der(trust_domain(), &chain[0]).unwrap();
    assert_eq!(theirs.authorities().len(), 1);
    assert_eq!(X509Authority::from_der(&chain[0]).unwrap_err(), X509AuthorityError::NotAnAuthority);
}

/// `spiffe` reads JWKs as the Workload API has them: keys for tokens alone, and each with a `kid`. In the bundle document of a trust
/// domain a certificate must not have one (BND-14): it refuses the whole document for that, and has nothing that reads it.
#[test]
fn spiffe_reads_the_keys_of_our_documents_and_refuses_those_with_certificates() {
    let named =
        |name: &str, algorithm| Jwk::new(key_for(algorithm).public_key().clone()).with_key_id(name).unwrap();
    let keys = || JwkSet::new(vec![named("k1", Algorithm::Es256), named("k2", Algorithm::Es384)]).unwrap();
    let origin = || "spiffe://acme.example".parse().unwrap();
    let tokens = TrustBundle::new(origin(), JwkSet::default()).with_jwt_keys(keys());
    let document = tokens.to_spiffe_json().unwrap();
    let theirs = JwtBundle::from_jwt_authorities(trust_domain(), document.as_bytes()).unwrap();
    for name in ["k1", "k2"] {
        assert!(theirs.find_jwt_authority(name).is_some(), "{name}");
    }

    let both = TrustBundle::for_x509(origin(), vec![root().authority().unwrap()]).with_jwt_keys(keys());
    let document = both.to_spiffe_json().unwrap();
    JwtBundle::from_jwt_authorities(trust_domain(), document.as_bytes()).unwrap_err();
    let ours = TrustBundle::from_spiffe(origin(), &document, backend::ring()).unwrap();
    assert_eq!((ours.jwt_keys().len(), ours.x509_authorities().len()), (2, 1));
}

/// BND-19: a key that nobody can use is an authority to `spiffe` until a token names it; here it is skipped, and said so.
#[test]
fn spiffe_keeps_keys_that_we_skip() {
    let document =
        r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA","kid":"k","use":"jwt-svid"}]}"#;
    let theirs = JwtBundle::from_jwt_authorities(trust_domain(), document.as_bytes()).unwrap();
    assert!(theirs.find_jwt_authority("k").is_some());
    let ours = TrustBundle::from_spiffe("spiffe://acme.example".parse().unwrap(), document, backend::ring());
    let ours = ours.unwrap();
    assert_eq!((ours.jwt_keys().len(), ours.skipped().len()), (0, 1));
}
