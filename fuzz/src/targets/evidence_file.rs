//! Evidence in files: what is read is what was written, byte for byte.

use aims_attest::Evidence;

use super::world::NOW;

pub(super) fn run(input: &[u8]) {
    match Evidence::from_json(input, NOW) {
        Ok(read) => {
            // Only objects are written.
            if let Ok(text) = read.to_json() {
                assert_eq!(Evidence::from_json(text.as_bytes(), NOW), Ok(read));
            }
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        r#"{"type":"tpm2-quote","format_version":1,"payload":{"ak":"AAs","quote":{"attest":"AQ","signature":"AA"}}}"#,
        r#"{"type":"application/vnd.acme.badge","format_version":2,"payload":"a"}"#,
    ])
}
