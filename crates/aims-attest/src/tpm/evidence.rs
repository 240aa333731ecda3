//! The format of evidence `tpm2-quote`, version 1.

use aims_jose::base64url::{self, Base64Error};
use aims_jose::json::{self, JsonError, Limits, Name, ObjectWriter, Value};
use aims_keys::UnixTime;

use super::{PcrBank, PcrError, PcrValues, TpmName};
use crate::{Evidence, EvidenceTooLarge, EvidenceType};

/// What a collector has to bring from a TPM: evidence `tpm2-quote` in version 1 of its format, with nothing in it believed.
///
/// It is one JSON object of these members and no others; bytes are base64url without padding, in one spelling:
///
/// | Member | What it is |
/// |---|---|
/// | `ak` | the name of the attestation key, two bytes of algorithm and a digest: it says whose signature to expect, and proves nothing |
/// | `quote` | an object: `attest`, the `TPMS_ATTEST` of `TPM2_Quote`, and `signature`, the `TPMT_SIGNATURE` over it |
/// | `pcrs` | an object with a member for each bank that was quoted, `sha256`, `sha384` or `sha512`: an object with the value of each PCR by its number |
/// | `certify` | may be left out; an object: `public`, the `TPMT_PUBLIC` of the key to be certified, and `attest` and `signature` of `TPM2_Certify` |
/// | `event_log` | may be left out; the log of the firmware |
///
/// Both `extraData` are the 32 bytes of the challenge of the verifier (ATT-21).
///
/// ```
/// use aims_attest::tpm::{PcrBank, TpmEvidence};
/// use aims_keys::UnixTime;
///
/// // As a TPM gives them; of `aims-tpm` the values are `(pcr.bank.algorithm_id(), pcr.index, &pcr.digest)`.
/// let ak_name = [&[0x00, 0x0b][..], &[7; 32]].concat();
/// let pcrs = [(PcrBank::Sha256.id(), 0, [0; 32])];
/// let made = TpmEvidence::of_quote(&ak_name, (b"attest", b"signature"), pcrs)?.certify(b"public", (b"attest", b"signature"));
/// let evidence = made.to_evidence(UnixTime::from_secs(1_790_000_000))?;
/// assert_eq!(TpmEvidence::parse(evidence.payload())?, made);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct TpmEvidence {
    ak: TpmName,
    quote: Signed,
    pcrs: PcrValues,
    certify: Option<Certify>,
    event_log: Option<Vec<u8>>,
}

/// What a TPM signed, and how.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct Signed {
    pub(super) attest: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

#[derive(Clone, Eq, PartialEq)]
pub(super) struct Certify {
    pub(super) public: Vec<u8>,
    pub(super) signed: Signed,
}

impl TpmEvidence {
    /// For collectors: a quote by the attestation key of this name, as `TPMS_ATTEST` and `TPMT_SIGNATURE`, and the values of the PCRs that it is about.
    #[must_use]
    pub fn new(
        ak: TpmName,
        (attest, signature): (impl AsRef<[u8]>, impl AsRef<[u8]>),
        pcrs: PcrValues,
    ) -> Self {
        Self { ak, quote: Signed::of(attest, signature), pcrs, certify: None, event_log: None }
    }

    /// For collectors, from the bytes that a TPM gives: the name of the attestation key, `TPMS_ATTEST` and `TPMT_SIGNATURE` of the quote, and of each PCR that it is about the
    /// `TPM_ALG_ID` of its bank, its number and its value.
    ///
    /// # Errors
    ///
    /// [`TpmEvidenceError::AkName`], and [`TpmEvidenceError::Pcr`] of a value that no verifier takes: of a bank of SHA-1, for instance.
    pub fn of_quote(
        ak_name: &[u8],
        quote: (impl AsRef<[u8]>, impl AsRef<[u8]>),
        pcrs: impl IntoIterator<Item = (u16, u8, impl AsRef<[u8]>)>,
    ) -> Result<Self, TpmEvidenceError> {
        let ak = TpmName::from_bytes(ak_name).map_err(|_| TpmEvidenceError::AkName)?;
        let mut values = PcrValues::new();
        for (bank, index, value) in pcrs {
            let bank = PcrBank::from_id(bank).ok_or(TpmEvidenceError::Pcr(PcrError::WeakBank))?;
            values.insert(bank, index, value.as_ref()).map_err(TpmEvidenceError::Pcr)?;
        }
        Ok(Self::new(ak, quote, values))
    }

    /// Adds that the same attestation key certified the key for which a credential is wanted, whose `TPMT_PUBLIC` this is.
    #[must_use]
    pub fn certify(
        mut self,
        public: impl AsRef<[u8]>,
        (attest, signature): (impl AsRef<[u8]>, impl AsRef<[u8]>),
    ) -> Self {
        let public = public.as_ref().to_vec();
        self.certify = Some(Certify { public, signed: Signed::of(attest, signature) });
        self
    }

    /// Adds the log of the firmware.
    #[must_use]
    pub fn event_log(mut self, log: impl Into<Vec<u8>>) -> Self {
        self.event_log = Some(log.into());
        self
    }

    /// As evidence.
    ///
    /// # Errors
    ///
    /// [`EvidenceTooLarge`], when the event log is.
    pub fn to_evidence(&self, now: UnixTime) -> Result<Evidence, EvidenceTooLarge> {
        let mut writer = ObjectWriter::with_capacity(2048);
        let text = |bytes: &[u8]| base64url::encode(bytes);
        let signed = |writer: &mut ObjectWriter, signed: &Signed| {
            writer.str("attest", &text(&signed.attest)).str("signature", &text(&signed.signature));
        };
        writer.str("ak", &text(self.ak.as_bytes()));
        writer.object("quote", |quote| signed(quote, &self.quote));
        writer.object("pcrs", |banks| {
            for bank in self.pcrs.banks() {
                banks.object(bank.name(), |values| {
                    for (_, index, value) in self.pcrs.iter().filter(|(of, _, _)| *of == bank) {
                        values.str(&index.to_string(), &text(value.as_bytes()));
                    }
                });
            }
        });
        if let Some(certify) = &self.certify {
            writer.object("certify", |object| {
                object.str("public", &text(&certify.public));
                signed(object, &certify.signed);
            });
        }
        if let Some(log) = &self.event_log {
            writer.str("event_log", &text(log));
        }
        // INVARIANT: the names differ, the only thing `finish` can object to.
        let payload = writer.finish().unwrap_or_default();
        Evidence::new(EvidenceType::Tpm2Quote, payload.into_bytes(), now)
    }

    /// Reads the payload of evidence.
    ///
    /// # Errors
    ///
    /// [`TpmEvidenceError`].
    pub fn parse(payload: &[u8]) -> Result<Self, TpmEvidenceError> {
        use TpmEvidenceError as E;

        let (mut ak, mut quote, mut pcrs, mut certify, mut event_log) = (None, None, None, None, None);
        json::read_object(payload, &LIMITS, |name, value| {
            match &*name.as_str() {
                "ak" => ak = Some(TpmName::from_bytes(&bytes(value, MAX_FIELD)?).map_err(|_| E::AkName)?),
                "quote" => match read_signed(value)? {
                    (signed, None) => quote = Some(signed),
                    (_, Some(_)) => return Err(E::Member),
                },
                "pcrs" => pcrs = Some(read_pcrs(value)?),
                "certify" => {
                    let (signed, public) = read_signed(value)?;
                    certify = Some(Certify { public: public.ok_or(E::Missing)?, signed });
                }
                "event_log" => event_log = Some(bytes(value, MAX_LOG)?),
                _ => return Err(E::Member),
            }
            Ok(())
        })?;
        let (ak, quote) = (ak.ok_or(E::Missing)?, quote.ok_or(E::Missing)?);
        Ok(Self { ak, quote, pcrs: pcrs.ok_or(E::Missing)?, certify, event_log })
    }

    /// The name of the attestation key that is said to have signed.
    #[must_use]
    pub fn claimed_ak(&self) -> &TpmName {
        &self.ak
    }

    pub(super) fn quote(&self) -> &Signed {
        &self.quote
    }

    pub(super) fn claimed_pcrs(&self) -> &PcrValues {
        &self.pcrs
    }

    pub(super) fn certification(&self) -> Option<&Certify> {
        self.certify.as_ref()
    }

    /// All that is signed.
    pub(super) fn signed(&self) -> impl Iterator<Item = &Signed> {
        std::iter::once(&self.quote).chain(self.certify.as_ref().map(|certify| &certify.signed))
    }

    pub(super) fn log(&self) -> Option<&[u8]> {
        self.event_log.as_deref()
    }
}

impl Signed {
    fn of(attest: impl AsRef<[u8]>, signature: impl AsRef<[u8]>) -> Self {
        Self { attest: attest.as_ref().to_vec(), signature: signature.as_ref().to_vec() }
    }
}

/// Shows what there is, and not of which machine (ATT-123).
impl std::fmt::Debug for TpmEvidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TpmEvidence")
            .field("certify", &self.certify.is_some())
            .field("event_log", &self.event_log.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

/// `attest` and `signature`; of a certification also `public`, and a quote has none.
fn read_signed(value: Value<'_>) -> Result<(Signed, Option<Vec<u8>>), TpmEvidenceError> {
    let (mut attest, mut signature, mut public) = (None, None, None);
    for (name, value) in value.as_object().ok_or(TpmEvidenceError::Member)? {
        let slot = match &*name.as_str() {
            "attest" => &mut attest,
            "signature" => &mut signature,
            "public" => &mut public,
            _ => return Err(TpmEvidenceError::Member),
        };
        *slot = Some(bytes(value, MAX_FIELD)?);
    }
    let missing = TpmEvidenceError::Missing;
    Ok((Signed { attest: attest.ok_or(missing)?, signature: signature.ok_or(missing)? }, public))
}

fn read_pcrs(value: Value<'_>) -> Result<PcrValues, TpmEvidenceError> {
    let mut pcrs = PcrValues::new();
    for (bank, values) in value.as_object().ok_or(TpmEvidenceError::Member)? {
        let bank = PcrBank::from_name(&bank.as_str()).ok_or(TpmEvidenceError::Pcr(PcrError::WeakBank))?;
        let values = values.as_object().ok_or(TpmEvidenceError::Member)?;
        for (index, value) in values {
            let index = pcr_number(index).ok_or(TpmEvidenceError::Pcr(PcrError::Index))?;
            let value = bytes(value, MAX_FIELD)?;
            pcrs.insert(bank, index, &value).map_err(TpmEvidenceError::Pcr)?;
        }
    }
    Ok(pcrs)
}

/// In its one spelling.
pub(super) fn pcr_number(name: Name<'_>) -> Option<u8> {
    let text = name.as_str();
    let index: u8 = text.parse().ok()?;
    (index.to_string() == *text).then_some(index)
}

fn bytes(value: Value<'_>, max: usize) -> Result<Vec<u8>, TpmEvidenceError> {
    // No escapes either: they would be a second spelling.
    let text = value.as_raw_str().ok_or(TpmEvidenceError::Member)?;
    if base64url::decoded_len(text.len()).is_some_and(|len| len > max) {
        return Err(TpmEvidenceError::TooLarge);
    }
    base64url::decode(text).map_err(TpmEvidenceError::Base64)
}

/// Why bytes are not evidence `tpm2-quote` of version 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TpmEvidenceError {
    /// `ak` is not a name by a hash function that is accepted.
    #[error("the name of the attestation key is malformed")]
    AkName,
    /// A text is not base64url.
    #[error("a member of the evidence is not base64url")]
    Base64(#[source] Base64Error),
    /// The payload is not one JSON object.
    #[error("the evidence is not a JSON object")]
    Json(#[source] JsonError),
    /// A member is unknown, or of another type.
    #[error("a member of the evidence is unknown or of another type")]
    Member,
    /// A member is missing.
    #[error("a member of the evidence is missing")]
    Missing,
    /// A value of a PCR is none.
    #[error("a value of a PCR in the evidence is not acceptable")]
    Pcr(#[source] PcrError),
    /// A member is longer than any can be.
    #[error("a member of the evidence is too large")]
    TooLarge,
}

impl TpmEvidenceError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AkName => "tpm_ak_name",
            Self::Base64(error) => error.code(),
            Self::Json(error) => error.code(),
            Self::Member => "tpm_evidence_member",
            Self::Missing => "tpm_evidence_missing",
            Self::Pcr(error) => error.code(),
            Self::TooLarge => "too_large",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AkName => "TPM-23",
            Self::Base64(error) => error.rule(),
            Self::Json(error) => error.rule(),
            Self::Member | Self::Missing => "ATT-2",
            Self::Pcr(error) => error.rule(),
            Self::TooLarge => "ATT-5",
        }
    }
}

impl From<JsonError> for TpmEvidenceError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

/// ATT-5: the evidence itself, and a log in base64url.
const LIMITS: Limits = Limits::new().bytes(MAX_PAYLOAD).string(MAX_PAYLOAD).depth(4).members(128);

const MAX_PAYLOAD: usize = 64 * 1024 + MAX_LOG.div_ceil(3) * 4;

const MAX_LOG: usize = 1024 * 1024;

/// A public area; whatever is read knows its own limit besides.
const MAX_FIELD: usize = 2048;
