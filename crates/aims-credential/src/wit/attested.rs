//! What a WIT says of the evidence that it was issued on.

use aims_jose::base64url;
use aims_jose::json::{Kind, Number, ObjectWriter, Value};
use aims_keys::UnixTime;

/// What an issuer found out before it issued: the claim `attest` of a WIT (`docs/spec/attestation.md`, ATT-115).
///
/// ```json
/// {"level":4,"key":"hardware","types":["tpm2-quote"],"iat":1790000000,"result_digest":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}
/// ```
///
/// It is the word of the issuer, about what the issuer has appraised; nothing of it comes from the holder. A token without it says nothing about evidence. The claim is
/// private: no specification has it, and verifiers that do not know it ignore it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attested {
    level: u8,
    key_in_hardware: bool,
    types: Vec<String>,
    at: UnixTime,
    result_digest: Option<[u8; 32]>,
}

impl Attested {
    /// The highest level.
    pub const MAX_LEVEL: u8 = 5;

    /// Evidence worth this level, from 0 to 5 (ATT-113; more is 5), that was appraised at this time. Of its key it says that software holds it.
    #[must_use]
    pub fn new(level: u8, at: UnixTime) -> Self {
        let level = level.min(Self::MAX_LEVEL);
        Self { level, key_in_hardware: false, types: Vec::new(), at, result_digest: None }
    }

    /// Hardware holds the key of the token: the evidence names this key.
    #[must_use]
    pub fn with_key_in_hardware(mut self) -> Self {
        self.key_in_hardware = true;
        self
    }

    /// With the types of the evidence, by their names; those beyond the sixteenth are left out.
    #[must_use]
    pub fn with_types(mut self, types: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.types = types.into_iter().map(Into::into).take(MAX_TYPES).collect();
        self
    }

    /// With what names the result in the records of the issuer.
    #[must_use]
    pub fn with_result_digest(mut self, digest: [u8; 32]) -> Self {
        self.result_digest = Some(digest);
        self
    }

    /// `level`: what the evidence is worth, from 0 to 5.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.level
    }

    /// `key`: whether hardware holds the key, by evidence that names it.
    #[must_use]
    pub fn is_key_in_hardware(&self) -> bool {
        self.key_in_hardware
    }

    /// `types`: the types of the evidence.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.types.iter().map(String::as_str)
    }

    /// `iat`: when it was appraised.
    #[must_use]
    pub fn at(&self) -> UnixTime {
        self.at
    }

    /// `result_digest`: what names the result in the records of the issuer.
    #[must_use]
    pub fn result_digest(&self) -> Option<&[u8; 32]> {
        self.result_digest.as_ref()
    }

    pub(super) fn write(&self, to: &mut ObjectWriter) {
        to.object(CLAIM, |claim| {
            claim.u64("level", self.level.into());
            claim.str("key", if self.key_in_hardware { HARDWARE } else { SOFTWARE });
            claim.strs("types", &self.types).u64("iat", self.at.as_secs());
            if let Some(digest) = &self.result_digest {
                claim.str("result_digest", &base64url::encode(digest));
            }
        });
    }

    /// Of a claim that is not what it should be, nothing counts.
    pub(super) fn read(claim: Value<'_>) -> Option<Self> {
        if claim.kind() != Kind::Object {
            return None;
        }
        let number = |name| claim.get(name).and_then(|value| value.as_number()).and_then(Number::as_u64);
        let level = u8::try_from(number("level")?).ok().filter(|level| *level <= Self::MAX_LEVEL)?;
        let key = claim.get("key")?.as_str()?;
        let key_in_hardware = *key == *HARDWARE;
        if !key_in_hardware && *key != *SOFTWARE {
            return None;
        }
        let types = claim.get("types")?.as_array()?;
        let types: Option<Vec<String>> =
            types.take(MAX_TYPES + 1).map(|kind| Some(kind.as_str()?.into_owned())).collect();
        let types = types.filter(|types| types.len() <= MAX_TYPES)?;
        let result_digest = match claim.get("result_digest") {
            Some(digest) => Some(base64url::decode(&*digest.as_str()?).ok()?.try_into().ok()?),
            None => None,
        };
        let at = UnixTime::from_secs(number("iat")?);
        Some(Self { level, key_in_hardware, types, at, result_digest })
    }
}

pub(super) const CLAIM: &str = "attest";

const HARDWARE: &str = "hardware";

const SOFTWARE: &str = "software";

/// ATT-5: items in a bundle.
const MAX_TYPES: usize = 16;
