//! `--pcr-policy`: which values PCRs have to have, as a JSON document.

use aims::jose::json::{self, Limits, Number, Value};
use aims_attest::tpm::{PcrBank, PcrPolicy, PcrPolicyBuilder};

use crate::failure::{About, Failure};
use crate::hex;
use crate::input::Input;

/// Reads `{"name":"edge-nodes","version":3,"pcrs":{"sha256":{"0":["1f…","20…"],"7":["77…"]}}}`.
pub(super) fn read(input: &Input) -> Result<PcrPolicy, Failure> {
    parse(&input.text).about(input)
}

fn parse(text: &str) -> Result<PcrPolicy, Failure> {
    let (mut name, mut version, mut pcrs) = (None, None, None);
    json::read_object(text.as_bytes(), &LIMITS, |member, value| {
        match &*member.as_str() {
            "name" => name = Some(value.as_str().ok_or_else(malformed)?.into_owned()),
            "version" => version = value.as_number().and_then(Number::as_u64),
            "pcrs" => pcrs = Some(value),
            _ => return Err(malformed()),
        }
        Ok(())
    })?;
    let version = version.and_then(|version| u32::try_from(version).ok()).ok_or_else(malformed)?;
    let mut builder = PcrPolicy::builder(&name.ok_or_else(malformed)?, version);
    for (bank, values) in pcrs.and_then(|pcrs| pcrs.as_object()).ok_or_else(malformed)? {
        let bank = PcrBank::from_name(&bank.as_str()).ok_or_else(weak_bank)?;
        for (index, values) in values.as_object().ok_or_else(malformed)? {
            builder = require(builder, bank, &index.as_str(), values)?;
        }
    }
    Ok(builder.build()?)
}

fn require(
    builder: PcrPolicyBuilder,
    bank: PcrBank,
    index: &str,
    values: Value<'_>,
) -> Result<PcrPolicyBuilder, Failure> {
    // In its one spelling.
    let number: Option<u8> = index.parse().ok().filter(|number: &u8| number.to_string() == index);
    let values = values.as_array().ok_or_else(malformed)?;
    let values = values.map(|value| value.as_raw_str().and_then(hex::decode));
    let values: Vec<Vec<u8>> = values.collect::<Option<_>>().ok_or_else(malformed)?;
    Ok(builder.require(bank, number.ok_or_else(malformed)?, values))
}

fn malformed() -> Failure {
    let form = "a PCR policy has `name`, `version` and `pcrs`: for each bank and PCR the values in hexadecimal digits";
    Failure::refused("malformed", "ATT-125", form)
}

fn weak_bank() -> Failure {
    Failure::refused("unsupported_algorithm", "TPM-25", "the bank is not sha256, sha384 or sha512")
}

const LIMITS: Limits = Limits::new().bytes(1024 * 1024).depth(4).members(128);

#[cfg(test)]
mod tests {
    use aims_attest::tpm::PcrValues;

    use super::*;

    #[test]
    fn tpm_25_att_125_a_policy_is_read_to_the_member() {
        let value = "11".repeat(32);
        let good = format!(r#"{{"name":"edge","version":3,"pcrs":{{"sha256":{{"7":["{value}"]}}}}}}"#);
        let policy = parse(&good).unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(policy.id(), "edge@3");
        let mut pcrs = PcrValues::new();
        pcrs.insert(PcrBank::Sha256, 7, &[0x11; 32]).unwrap();
        policy.check(&pcrs).unwrap();
        for (from, to, expected) in [
            ("\"name\":\"edge\",", "", ("malformed", "ATT-125")),
            ("\"edge\"", "\"\"", ("pcr_policy_name", "ATT-125")),
            ("\"version\":3,", "", ("malformed", "ATT-125")),
            ("\"version\":3", "\"version\":4294967296", ("malformed", "ATT-125")),
            ("\"version\":3", "\"version\":3,\"more\":1", ("malformed", "ATT-125")),
            ("\"version\":3", "\"version\":3,\"version\":3", ("json_duplicate_name", "JO-JSON-02")),
            ("sha256", "sha1", ("unsupported_algorithm", "TPM-25")),
            ("\"7\"", "\"07\"", ("malformed", "ATT-125")),
            ("\"7\"", "\"16\"", ("pcr_resettable", "TPM-25")),
            ("\"7\"", "\"24\"", ("pcr_index", "TPM-25")),
            (&format!("[\"{value}\"]"), "[]", ("pcr_policy_empty", "ATT-125")),
            (&format!("{{\"7\":[\"{value}\"]}}"), "{}", ("pcr_policy_empty", "ATT-125")),
            ("[\"11", "[\"", ("pcr_length", "TPM-25")),
            ("[\"11", "[\"1G", ("malformed", "ATT-125")),
            (&format!("[\"{value}\"]"), "[7]", ("malformed", "ATT-125")),
        ] {
            assert!(good.contains(from), "{from}");
            let refused = match parse(&good.replacen(from, to, 1)) {
                Err(Failure::Refused { code, rule, .. }) => (code, rule),
                _ => ("accepted", ""),
            };
            assert_eq!(refused, expected, "{from} -> {to}");
        }
    }
}
