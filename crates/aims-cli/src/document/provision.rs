//! What a machine says of its TPM, to whoever enrols it.

use aims::jose::json::{self, Limits, Value};
use clap::ValueEnum;

use super::{bytes, check_version, malformed, number};
use crate::failure::{About, Failure};
use crate::input::Input;
#[cfg(any(feature = "tpm", test))]
use {
    super::VERSION,
    aims::jose::{base64url, json::ObjectWriter},
};

/// The endorsement keys of a TPM and an attestation key beside them. Nothing of it is believed before the TPM has shown it.
pub(crate) struct Provision {
    pub(crate) endorsement_keys: Vec<EndorsementKey>,
    /// `TPMT_PUBLIC`.
    pub(crate) ak_public: Vec<u8>,
}

pub(crate) struct EndorsementKey {
    pub(crate) kind: Kind,
    /// `TPMT_PUBLIC`.
    pub(crate) public: Vec<u8>,
    /// In DER; none where the maker left none in the TPM.
    pub(crate) certificate: Option<Vec<u8>>,
}

/// The endorsement keys that a TPM may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Kind {
    /// ECC P-256.
    EccP256,
    /// ECC P-384.
    EccP384,
    /// RSA of 2048 bits.
    Rsa2048,
}

impl Kind {
    /// Its name in documents, as on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EccP256 => "ecc-p256",
            Self::EccP384 => "ecc-p384",
            Self::Rsa2048 => "rsa2048",
        }
    }

    pub(super) fn read(value: Value<'_>) -> Result<Self, Failure> {
        let named = |kind: &&Self| value.is_str(kind.name());
        Self::value_variants().iter().find(named).copied().ok_or_else(malformed)
    }
}

impl Provision {
    #[cfg(any(feature = "tpm", test))]
    pub(crate) fn to_json(&self) -> String {
        let mut writer = ObjectWriter::with_capacity(4096);
        writer.u64("version", VERSION).str("ak_public", &base64url::encode(&self.ak_public));
        writer.array("endorsement_keys", |keys| {
            for key in &self.endorsement_keys {
                keys.object(|object| {
                    object.str("kind", key.kind.name()).str("public", &base64url::encode(&key.public));
                    if let Some(certificate) = &key.certificate {
                        object.str("certificate", &base64url::encode(certificate));
                    }
                });
            }
        });
        // INVARIANT: the names differ, the only thing `finish` can object to.
        writer.finish().unwrap_or_default()
    }

    pub(crate) fn read(input: &Input) -> Result<Self, Failure> {
        Self::parse(&input.text).about(input)
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let (mut version, mut ak_public, mut keys) = (None, None, None);
        json::read_object(text.as_bytes(), &LIMITS, |name, value| {
            match &*name.as_str() {
                "version" => version = Some(number(value)?),
                "ak_public" => ak_public = Some(bytes(value)?),
                "endorsement_keys" => keys = Some(read_keys(value)?),
                _ => return Err(malformed()),
            }
            Ok(())
        })?;
        check_version(version)?;
        Ok(Self {
            endorsement_keys: keys.ok_or_else(malformed)?,
            ak_public: ak_public.ok_or_else(malformed)?,
        })
    }
}

/// One of each kind at most.
fn read_keys(value: Value<'_>) -> Result<Vec<EndorsementKey>, Failure> {
    let mut keys: Vec<EndorsementKey> = Vec::new();
    for element in value.as_array().ok_or_else(malformed)? {
        let (mut kind, mut public, mut certificate) = (None, None, None);
        for (name, value) in element.as_object().ok_or_else(malformed)? {
            match &*name.as_str() {
                "kind" => kind = Some(Kind::read(value)?),
                "public" => public = Some(bytes(value)?),
                "certificate" => certificate = Some(bytes(value)?),
                _ => return Err(malformed()),
            }
        }
        let kind = kind.ok_or_else(malformed)?;
        if keys.iter().any(|key| key.kind == kind) {
            return Err(malformed());
        }
        keys.push(EndorsementKey { kind, public: public.ok_or_else(malformed)?, certificate });
    }
    Ok(keys)
}

/// Certificates in TPMs have one to two kilobytes, and 8 KiB at most.
const LIMITS: Limits = Limits::new().bytes(64 * 1024).string(12 * 1024).depth(3).members(32);

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        match Provision::parse(text) {
            Ok(_) => "accepted".into(),
            Err(Failure::Refused { code, .. }) => code.into(),
            Err(Failure::Unusable(why)) => why,
        }
    }

    #[test]
    fn tpm_29_a_provision_is_read_to_the_member() {
        let keys = vec![
            EndorsementKey { kind: Kind::EccP384, public: vec![1], certificate: Some(vec![2]) },
            EndorsementKey { kind: Kind::Rsa2048, public: vec![3], certificate: None },
        ];
        let good = Provision { endorsement_keys: keys, ak_public: vec![4] }.to_json();
        assert_eq!(Provision::parse(&good).map(|read| read.to_json()).ok(), Some(good.clone()));
        for (from, to, expected) in [
            ("\"version\":1,", "", "malformed"),
            ("\"version\":1", "\"version\":2", "unsupported_version"),
            ("\"version\":1", "\"version\":\"1\"", "malformed"),
            ("\"version\":1,", "\"version\":1,\"version\":1,", "json_duplicate_name"),
            ("\"version\":1,", "\"version\":1,\"more\":1,", "malformed"),
            ("\"ak_public\":\"BA\",", "", "malformed"),
            ("\"BA\"", "\"BA==\"", "malformed"),
            ("\"BA\"", "\"BB\"", "malformed"),
            ("\"BA\"", "\"\\u0042A\"", "malformed"),
            ("\"ecc-p384\"", "\"ecc-p521\"", "malformed"),
            ("\"ecc-p384\"", "\"rsa2048\"", "malformed"),
            ("\"public\":\"AQ\",", "", "malformed"),
            ("\"public\":\"AQ\",", "\"public\":\"AQ\",\"more\":1,", "malformed"),
            ("\"AQ\"", "null", "malformed"),
            ("\"endorsement_keys\":[", "\"endorsement_keys\":[[],", "malformed"),
        ] {
            assert!(good.contains(from), "{from}");
            assert_eq!(code(&good.replacen(from, to, 1)), expected, "{from} -> {to}");
        }
        assert_eq!(code(&" ".repeat(64 * 1024 + 1)), "json_input_limit");
    }
}
