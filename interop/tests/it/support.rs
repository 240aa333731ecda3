//! What several oracles need.

use std::sync::Arc;
use std::time::SystemTime;

use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};

pub(crate) fn now() -> UnixTime {
    UnixTime::try_from(SystemTime::now()).unwrap()
}

pub(crate) fn key() -> Arc<SoftwareKey> {
    key_for(Algorithm::Es256)
}

pub(crate) fn key_for(algorithm: Algorithm) -> Arc<SoftwareKey> {
    Arc::new(SoftwareKey::generate(algorithm, backend::ring()).unwrap())
}

pub(crate) fn pem(der: &[u8]) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine};

    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
