//! Evidence in files: its type, the version of its format, and its payload, as the key holder service of an issuer takes them.

use aims::jose::json::{self, Limits};
#[cfg(any(feature = "tpm", test))]
use aims::jose::json::{JsonError, Object, ObjectWriter};
use aims::keys::UnixTime;
use aims_attest::{Evidence, EvidenceType};

use super::number;
use crate::failure::Failure;

/// The document. The payload stands in it as the JSON that it is.
#[cfg(any(feature = "tpm", test))]
pub(crate) fn write(evidence: &Evidence) -> Result<String, JsonError> {
    let payload = Object::parse(evidence.payload(), &LIMITS)?;
    let mut writer = ObjectWriter::with_capacity(evidence.payload().len() + 128);
    writer.str("type", evidence.evidence_type().name());
    writer.u64("format_version", evidence.format_version().into());
    writer.value("payload", payload.as_value());
    writer.finish()
}

/// Reads a document; nothing in it is believed.
pub(crate) fn read(text: &[u8], now: UnixTime) -> Result<Evidence, Failure> {
    let (mut kind, mut version, mut payload) = (None, None, None);
    json::read_object(text, &LIMITS, |name, value| {
        match &*name.as_str() {
            "type" => kind = Some(EvidenceType::from_name(&value.as_str().ok_or_else(malformed)?)),
            "format_version" => {
                version = Some(u32::try_from(number(value)?).map_err(|_| malformed())?);
            }
            // Byte for byte as it stands there: that is what records name it by.
            "payload" => payload = Some(value.raw().as_bytes().to_vec()),
            _ => return Err(malformed()),
        }
        Ok::<_, Failure>(())
    })?;
    let (kind, payload) = (kind.ok_or_else(malformed)?, payload.ok_or_else(malformed)?);
    let evidence = Evidence::new(kind, payload, now)?;
    Ok(evidence.with_format_version(version.ok_or_else(malformed)?))
}

fn malformed() -> Failure {
    Failure::refused(
        "malformed",
        "ATT-2",
        "the document is not evidence: it has `type`, `format_version` and `payload`",
    )
}

/// The longest log of a firmware, in base64url, and all that is beside it.
const MAX_TEXT: usize = 1536 * 1024;

const LIMITS: Limits = Limits::new().bytes(MAX_TEXT).string(MAX_TEXT).depth(8).members(256);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_796_000_000);

    #[test]
    fn evidence_is_written_and_read_byte_for_byte() {
        let payload = br#"{"ak":"AAt7","quote":{"attest":"AQ"}}"#.to_vec();
        let evidence = Evidence::new(EvidenceType::Tpm2Quote, payload.clone(), NOW).unwrap();
        let text = write(&evidence).unwrap();
        assert!(text.starts_with(r#"{"type":"tpm2-quote","format_version":1,"payload":{"ak""#), "{text}");
        let again = read(text.as_bytes(), NOW).unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(again, evidence);
        assert_eq!(again.payload(), payload);
    }

    #[test]
    fn att_5_att_2_what_is_not_evidence_to_the_member_is_refused() {
        let good = r#"{"type":"tpm2-quote","format_version":1,"payload":{}}"#;
        assert!(read(good.as_bytes(), NOW).is_ok());
        let long = format!("{good}{}", " ".repeat(MAX_TEXT));
        let other = format!(r#"{{"type":"eat","format_version":1,"payload":"{}"}}"#, "a".repeat(70_000));
        for (text, expected) in [
            (good.replacen("\"type\":\"tpm2-quote\",", "", 1), "malformed"),
            (good.replacen("\"format_version\":1,", "", 1), "malformed"),
            (good.replacen(":1,", ":4294967296,", 1), "malformed"),
            (good.replacen(",\"payload\":{}", "", 1), "malformed"),
            (good.replacen("{}", "{},\"more\":1", 1), "malformed"),
            (good.replacen("{}", "{},\"payload\":{}", 1), "json_duplicate_name"),
            (long, "json_input_limit"),
            (other, "too_large"),
        ] {
            let refused = read(text.as_bytes(), NOW).err();
            let code = match &refused {
                Some(Failure::Refused { code, .. }) => code,
                _ => "accepted",
            };
            assert_eq!(code, expected, "{}", text.chars().take(80).collect::<String>());
        }
    }
}
