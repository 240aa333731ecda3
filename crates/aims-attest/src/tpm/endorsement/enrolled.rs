//! TPMs that were enrolled, and the form in which an operator keeps them.

use std::borrow::Cow;
use std::fmt;

use aims_jose::base64url;
use aims_jose::json::{self, JsonError, Limits, Number, ObjectWriter, Value};
use aims_keys::{Backend, UnixTime};

use super::identity::is_text;
use super::roots::is_id;
use super::{Endorsement, EnrolledTpmError};
use crate::hex::{digest, hexadecimal};
use crate::tpm::{TpmDevice, TpmName, TpmPublic};

/// A TPM of which an attestation key is known: what an [`Enrolment`](super::Enrolment) ends with, and what an operator keeps.
///
/// Its form is one JSON object with these members and no others:
///
/// | Member | What it is |
/// |---|---|
/// | `version` | `1` |
/// | `ek_sha256` | SHA-256 of the `SubjectPublicKeyInfo` of the endorsement key, in hexadecimal digits |
/// | `ak_public` | the `TPMT_PUBLIC` of the attestation key, in base64url |
/// | `manufacturer`, `model`, `tpm_version` | as the endorsement certificate has them |
/// | `roots` | the set of authorities it was verified with |
/// | `enrolled_at`, `not_after` | from when on, and the last second to which the endorsement counts, in seconds since 1970 |
///
/// The file is believed: whoever can write it enrols TPMs. The name of the attestation key is not in it, but computed.
#[derive(Clone)]
pub struct EnrolledTpm {
    device: TpmDevice,
    ak: TpmPublic,
    manufacturer: String,
    model: String,
    version: String,
    roots: String,
    enrolled_at: UnixTime,
    not_after: UnixTime,
}

impl EnrolledTpm {
    pub(super) fn new(
        endorsement: &Endorsement,
        ak: &TpmPublic,
        now: UnixTime,
        backend: Backend,
    ) -> Result<Self, EnrolledTpmError> {
        let (manufacturer, model) = (endorsement.manufacturer().to_owned(), endorsement.model().to_owned());
        let device = TpmDevice::new(ak.as_bytes(), *endorsement.ek_sha256(), backend)?
            .with_manufacturer(&manufacturer)
            .with_not_after(endorsement.not_after());
        Ok(Self {
            device,
            ak: ak.clone(),
            manufacturer,
            model,
            version: endorsement.version().to_owned(),
            roots: endorsement.roots_id().to_owned(),
            enrolled_at: now,
            not_after: endorsement.not_after(),
        })
    }

    /// Reads what [`to_json`](Self::to_json) wrote, of 8 KiB at most; the attestation key is checked as when it was enrolled (TPM-23).
    ///
    /// # Errors
    ///
    /// [`EnrolledTpmError`].
    pub fn from_json(text: &[u8], backend: Backend) -> Result<Self, EnrolledTpmError> {
        use EnrolledTpmError as E;

        if text.len() > MAX_TEXT {
            return Err(E::TooLarge);
        }
        let mut members = Members::default();
        json::read_object(text, &Limits::new().bytes(MAX_TEXT).depth(1), |name, value| {
            members.read(&name.as_str(), value).ok_or(Unreadable)
        })
        .map_err(|Unreadable| E::Malformed)?;
        if members.format.ok_or(E::Malformed)? != FORMAT {
            return Err(E::UnsupportedVersion);
        }
        members.enrolled(backend)
    }

    /// Its form in a file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut writer = ObjectWriter::with_capacity(512);
        writer.u64("version", FORMAT).str("ek_sha256", &hexadecimal(self.device.ek_sha256()));
        writer.str("ak_public", &base64url::encode(self.ak.as_bytes()));
        writer.str("manufacturer", &self.manufacturer).str("model", &self.model);
        writer.str("tpm_version", &self.version).str("roots", &self.roots);
        writer.u64("enrolled_at", self.enrolled_at.as_secs()).u64("not_after", self.not_after.as_secs());
        // INVARIANT: the names differ, the only thing `finish` can object to.
        writer.finish().unwrap_or_default()
    }

    /// As evidence is verified with it.
    #[must_use]
    pub fn device(&self) -> &TpmDevice {
        &self.device
    }

    /// SHA-256 of the `SubjectPublicKeyInfo` of the endorsement key: which TPM it is.
    #[must_use]
    pub fn ek_sha256(&self) -> &[u8; 32] {
        self.device.ek_sha256()
    }

    /// The attestation key, as its TPM describes it.
    #[must_use]
    pub fn ak_public(&self) -> &TpmPublic {
        &self.ak
    }

    /// The name of the attestation key.
    #[must_use]
    pub fn ak_name(&self) -> &TpmName {
        self.device.ak()
    }

    /// Who made the TPM.
    #[must_use]
    pub fn manufacturer(&self) -> &str {
        &self.manufacturer
    }

    /// Which model it is.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Of which version it is.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The set of authorities that the endorsement was verified with.
    #[must_use]
    pub fn roots_id(&self) -> &str {
        &self.roots
    }

    /// When it was enrolled.
    #[must_use]
    pub fn enrolled_at(&self) -> UnixTime {
        self.enrolled_at
    }

    /// The last second to which the endorsement counts.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }
}

/// Two are the same when all that is kept of them is.
impl PartialEq for EnrolledTpm {
    fn eq(&self, other: &Self) -> bool {
        self.to_json() == other.to_json()
    }
}

impl Eq for EnrolledTpm {}

/// Shows the times: which machine it is shows in records that are kept for that (ATT-123).
impl fmt::Debug for EnrolledTpm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolledTpm")
            .field("roots", &self.roots)
            .field("enrolled_at", &self.enrolled_at)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// What was read so far.
#[derive(Default)]
struct Members<'a> {
    format: Option<u64>,
    ek_sha256: Option<[u8; 32]>,
    ak_public: Option<Vec<u8>>,
    manufacturer: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    version: Option<Cow<'a, str>>,
    roots: Option<Cow<'a, str>>,
    enrolled_at: Option<u64>,
    not_after: Option<u64>,
}

impl<'a> Members<'a> {
    /// One more. That a name is there once is for the reader of JSON to see.
    fn read(&mut self, name: &str, value: Value<'a>) -> Option<()> {
        let number = || value.as_number().and_then(Number::as_u64);
        let text = || value.as_str().filter(|text| is_text(text));
        match name {
            "version" => self.format = Some(number()?),
            "ek_sha256" => self.ek_sha256 = Some(digest(&value.as_str()?)?),
            "ak_public" => self.ak_public = Some(base64url::decode(&*value.as_str()?).ok()?),
            "manufacturer" => self.manufacturer = Some(text()?),
            "model" => self.model = Some(text()?),
            "tpm_version" => self.version = Some(text()?),
            "roots" => self.roots = Some(value.as_str().filter(|id| is_id(id))?),
            "enrolled_at" => self.enrolled_at = Some(number()?),
            "not_after" => self.not_after = Some(number()?),
            _ => return None,
        }
        Some(())
    }

    fn enrolled(self, backend: Backend) -> Result<EnrolledTpm, EnrolledTpmError> {
        use EnrolledTpmError as E;

        let ak_public = self.ak_public.ok_or(E::Malformed)?;
        let ek_sha256 = self.ek_sha256.ok_or(E::Malformed)?;
        let manufacturer = self.manufacturer.ok_or(E::Malformed)?.into_owned();
        let enrolled_at = UnixTime::from_secs(self.enrolled_at.ok_or(E::Malformed)?);
        let not_after = UnixTime::from_secs(self.not_after.ok_or(E::Malformed)?);
        let (model, version) = (self.model.ok_or(E::Malformed)?, self.version.ok_or(E::Malformed)?);
        let roots = self.roots.ok_or(E::Malformed)?.into_owned();
        // What ended before it was enrolled was not enrolled.
        if not_after < enrolled_at {
            return Err(E::Malformed);
        }
        let ak = TpmPublic::parse(&ak_public).map_err(E::AttestationKey)?;
        let device = TpmDevice::new(&ak_public, ek_sha256, backend)?
            .with_manufacturer(&manufacturer)
            .with_not_after(not_after);
        let (model, version) = (model.into_owned(), version.into_owned());
        Ok(EnrolledTpm { device, ak, manufacturer, model, version, roots, enrolled_at, not_after })
    }
}

/// The text has a member that cannot be there.
struct Unreadable;

impl From<JsonError> for Unreadable {
    fn from(_: JsonError) -> Self {
        Self
    }
}

/// Of the form, not of the TPM.
const FORMAT: u64 = 1;

/// An attestation key of 8192 bits, and some more.
const MAX_TEXT: usize = 8 * 1024;
