//! Evidence in files.

use aims_jose::json::{self, JsonError, Limits, Number, Object, ObjectWriter};
use aims_keys::UnixTime;

use super::{Evidence, EvidenceTooLarge, EvidenceType, UnknownEvidenceType};

/// Evidence whose payload is JSON, as a file: one JSON object of these members and no others.
///
/// | Member | What it is |
/// |---|---|
/// | `type` | the name of the [type](EvidenceType), such as `tpm2-quote`; a media type, of a type of one's own |
/// | `format_version` | the version of the format of the payload, a whole number |
/// | `payload` | the payload, byte for byte as it stands there: that is what records name it by |
///
/// When it was collected does not stand there: nobody would believe it.
impl Evidence {
    /// Reads a file of 1.5 MiB at most. Nothing in it is believed.
    ///
    /// ```
    /// use aims_attest::{Evidence, EvidenceType};
    /// use aims_keys::UnixTime;
    ///
    /// let now = UnixTime::from_secs(1_790_000_000);
    /// let evidence = Evidence::from_json(br#"{"type":"tpm2-quote","format_version":1,"payload":{"ak":"AAs"}}"#, now)?;
    /// assert_eq!((evidence.evidence_type(), evidence.payload()), (&EvidenceType::Tpm2Quote, br#"{"ak":"AAs"}"#.as_slice()));
    ///
    /// let refused = Evidence::from_json(br#"{"type":"tpm2-qoute","format_version":1,"payload":{}}"#, now).unwrap_err();
    /// assert_eq!((refused.code(), refused.rule()), ("unsupported_type", "ATT-2"));
    /// # Ok::<(), aims_attest::EvidenceJsonError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EvidenceJsonError`].
    pub fn from_json(text: &[u8], now: UnixTime) -> Result<Self, EvidenceJsonError> {
        use EvidenceJsonError as E;

        let (mut kind, mut version, mut payload) = (None, None, None);
        json::read_object(text, &LIMITS, |name, value| {
            match &*name.as_str() {
                "type" => kind = Some(value.as_str().ok_or(E::Malformed)?.parse()?),
                "format_version" => {
                    let number = value.as_number().and_then(Number::as_u64);
                    version = Some(number.and_then(|number| u32::try_from(number).ok()).ok_or(E::Malformed)?);
                }
                "payload" => payload = Some(value.raw().as_bytes().to_vec()),
                _ => return Err(E::Malformed),
            }
            Ok(())
        })?;
        let (kind, payload): (EvidenceType, _) = (kind.ok_or(E::Malformed)?, payload.ok_or(E::Malformed)?);
        Ok(Self::new(kind, payload, now)?.with_format_version(version.ok_or(E::Malformed)?))
    }

    /// As a file. Its payload is a JSON object, as that of evidence of TPMs is.
    ///
    /// # Errors
    ///
    /// [`EvidenceJsonError::Json`], when it is not.
    pub fn to_json(&self) -> Result<String, EvidenceJsonError> {
        let payload = Object::parse(self.payload(), &LIMITS)?;
        let mut writer = ObjectWriter::with_capacity(self.payload().len() + 128);
        writer.str("type", self.evidence_type().name());
        writer.u64("format_version", self.format_version().into());
        writer.value("payload", payload.as_value());
        Ok(writer.finish()?)
    }
}

/// Why a text is not evidence, or evidence has no form as one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceJsonError {
    /// It is not one JSON object.
    #[error("the evidence is not a JSON object")]
    Json(#[from] JsonError),
    /// It has not exactly the members that it has to have.
    #[error("the evidence is malformed: it has `type`, `format_version` and `payload`")]
    Malformed,
    /// The payload is longer than that of its type may be.
    #[error(transparent)]
    TooLarge(#[from] EvidenceTooLarge),
    /// Its type is none.
    #[error(transparent)]
    Type(#[from] UnknownEvidenceType),
}

impl EvidenceJsonError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::Malformed => "malformed",
            Self::TooLarge(error) => error.code(),
            Self::Type(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Json(error) => error.rule(),
            Self::Malformed => "ATT-2",
            Self::TooLarge(error) => error.rule(),
            Self::Type(error) => error.rule(),
        }
    }
}

/// The longest log of a firmware, in base64url, and all that is beside it.
const MAX_TEXT: usize = 1536 * 1024;

const LIMITS: Limits = Limits::new().bytes(MAX_TEXT).string(MAX_TEXT).depth(8).members(256);
