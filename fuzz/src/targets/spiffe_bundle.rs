//! Bundle documents and bundle maps of SPIFFE: what is read is written so that it reads the same.

use aims_credential::{BundleMap, TrustBundle};
use aims_id::Origin;
use aims_keys::backend;

use super::world::WORLD;

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let origin: Origin = "spiffe://acme.example".parse().expect("an origin");
    match TrustBundle::from_spiffe(origin.clone(), text, backend::ring()) {
        Ok(bundle) => {
            if let Ok(written) = bundle.to_spiffe_json() {
                let again =
                    TrustBundle::from_spiffe(origin, &written, backend::ring()).expect("our own spelling");
                assert!(again.skipped().is_empty(), "we wrote what we do not read: {:?}", again.skipped());
                assert_eq!(again.keys().len(), bundle.keys().len());
                assert_eq!(again.jwt_keys().len(), bundle.jwt_keys().len());
                assert_eq!(again.x509_authorities(), bundle.x509_authorities());
                assert_eq!(again.sequence(), bundle.sequence());
            }
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    if let Err(error) = BundleMap::parse(text, backend::ring()) {
        assert!(!error.code().is_empty() && !error.rule().is_empty());
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let bundle = &WORLD.spiffe_bundle;
    super::texts(&[
        bundle,
        &format!(r#"{{"trust_domains":{{"acme.example":{bundle}}}}}"#),
        r#"{"keys":[],"spiffe_sequence":18446744073709551615,"spiffe_refresh_hint":300}"#,
    ])
}
