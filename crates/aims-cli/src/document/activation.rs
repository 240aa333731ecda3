//! What whoever enrols a TPM sends back: a credential that this TPM alone activates.

use aims::jose::base64url;
use aims::jose::json::ObjectWriter;
use aims::keys::UnixTime;
use aims_attest::tpm::TpmCredential;

use super::{Kind, VERSION};
#[cfg(any(feature = "tpm", test))]
use {
    super::{bytes, check_version, malformed, number},
    crate::failure::Failure,
    aims::jose::json::{self, Limits},
};

/// The document of a credential, with the last second at which what comes out of it is taken. It is no secret.
pub(crate) fn write(kind: Kind, credential: &TpmCredential, expires: UnixTime) -> String {
    let mut writer = ObjectWriter::with_capacity(1024);
    writer.u64("version", VERSION).str("kind", kind.name());
    writer.str("id_object", &base64url::encode(credential.id_object()));
    writer.str("encrypted_secret", &base64url::encode(credential.encrypted_secret()));
    writer.u64("expires", expires.as_secs());
    // INVARIANT: the names differ, the only thing `finish` can object to.
    writer.finish().unwrap_or_default()
}

/// A credential, and which endorsement key it is for.
#[cfg(any(feature = "tpm", test))]
pub(crate) struct Activation {
    pub(crate) kind: Kind,
    /// The content of `TPM2B_ID_OBJECT`.
    pub(crate) id_object: Vec<u8>,
    /// The content of `TPM2B_ENCRYPTED_SECRET`.
    pub(crate) encrypted_secret: Vec<u8>,
}

#[cfg(any(feature = "tpm", test))]
impl Activation {
    /// Reads a document.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let (mut version, mut kind, mut id_object, mut secret, mut expires) = (None, None, None, None, None);
        json::read_object(text.as_bytes(), &LIMITS, |name, value| {
            match &*name.as_str() {
                "version" => version = Some(number(value)?),
                "kind" => kind = Some(Kind::read(value)?),
                "id_object" => id_object = Some(bytes(value)?),
                "encrypted_secret" => secret = Some(bytes(value)?),
                "expires" => expires = Some(number(value)?),
                _ => return Err(malformed()),
            }
            Ok(())
        })?;
        check_version(version)?;
        // When it ends is for whoever waits for the secret to judge.
        expires.ok_or_else(malformed)?;
        Ok(Self {
            kind: kind.ok_or_else(malformed)?,
            id_object: id_object.ok_or_else(malformed)?,
            encrypted_secret: secret.ok_or_else(malformed)?,
        })
    }
}

/// An endorsement key of 8192 bits, and some more.
#[cfg(any(feature = "tpm", test))]
const LIMITS: Limits = Limits::new().bytes(8 * 1024).string(4 * 1024).depth(1).members(8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tpm_29_an_activation_is_read_to_the_member() {
        let good = r#"{"version":1,"kind":"ecc-p384","id_object":"AQ","encrypted_secret":"Ag","expires":9}"#;
        let read = Activation::parse(good).map(|read| (read.kind, read.id_object, read.encrypted_secret));
        assert_eq!(read.ok(), Some((Kind::EccP384, vec![1], vec![2])));
        for (from, to, expected) in [
            ("\"version\":1,", "", "malformed"),
            ("\"version\":1", "\"version\":3", "unsupported_version"),
            ("ecc-p384", "p384", "malformed"),
            ("\"kind\":\"ecc-p384\",", "", "malformed"),
            ("\"AQ\"", "\"AR\"", "malformed"),
            ("\"id_object\":\"AQ\",", "", "malformed"),
            ("\"encrypted_secret\":\"Ag\",", "", "malformed"),
            (",\"expires\":9", "", "malformed"),
            ("9}", "-9}", "malformed"),
            ("9}", "9,\"more\":1}", "malformed"),
            ("9}", "9,\"kind\":\"ecc-p384\"}", "json_duplicate_name"),
        ] {
            assert!(good.contains(from), "{from}");
            let refused = Activation::parse(&good.replacen(from, to, 1)).err();
            let code = match &refused {
                Some(Failure::Refused { code, .. }) => code,
                _ => "accepted",
            };
            assert_eq!(code, expected, "{from} -> {to}");
        }
    }
}
