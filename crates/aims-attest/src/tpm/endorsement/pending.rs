//! Enrolments that wait for their secret, and the form in which one waits in a file.

use std::borrow::Cow;
use std::fmt;

use aims_jose::base64url;
use aims_jose::json::{self, JsonError, Limits, Number, ObjectWriter, Value};
use aims_keys::{Backend, PublicNumbers, UnixTime};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::enrolment::{MAX_LIFETIME, SECRET_LEN};
use super::identity::is_text;
use super::roots::is_id;
use super::{Endorsement, EnrolledTpm, EnrolmentError, PendingEnrolmentError};
use crate::tpm::{TpmDevice, TpmPublic};

/// An enrolment that waits for its secret. It is good for one answer: whoever gives a wrong one begins anew.
///
/// Where another process takes the answer, it waits in a file: [`expose_json`](Self::expose_json) and [`from_json`](Self::from_json). One
/// answer for each file is then for the caller to see to: remove the file before the answer is looked at. The form is one JSON object with
/// these members and no others:
///
/// | Member | What it is |
/// |---|---|
/// | `version` | `1` |
/// | `secret` | what the TPM is to give out, 32 bytes in base64url |
/// | `begun`, `expires` | when it began, and the last second at which the secret is taken, in seconds since 1970; ten minutes apart at most |
/// | `ek` | the `SubjectPublicKeyInfo` of the endorsement key, in base64url |
/// | `ak_public` | the `TPMT_PUBLIC` of the attestation key, in base64url |
/// | `manufacturer`, `model`, `tpm_version`, `roots`, `not_after` | as an [`EnrolledTpm`] has them |
///
/// The file is believed, and its secret stands in it in the clear: whoever can read it before it lapses can have the attestation key of that
/// enrolment enrolled, wherever that key is. It belongs into a file that its owner alone can read, as the issuer's keys do. Sealing it would
/// move the question to another such file, and it counts for minutes.
pub struct PendingEnrolment {
    secret: Zeroizing<[u8; SECRET_LEN]>,
    begun: UnixTime,
    expires: UnixTime,
    endorsement: Endorsement,
    ak: TpmPublic,
    backend: Backend,
}

impl PendingEnrolment {
    pub(super) fn new(
        secret: Zeroizing<[u8; SECRET_LEN]>,
        (begun, expires): (UnixTime, UnixTime),
        endorsement: Endorsement,
        ak: TpmPublic,
        backend: Backend,
    ) -> Self {
        Self { secret, begun, expires, endorsement, ak, backend }
    }

    /// Takes what the TPM made of the credential.
    ///
    /// # Errors
    ///
    /// [`EnrolmentError::Lapsed`] when it took too long, [`EnrolmentError::Secret`] when it is not the secret: the attestation key is not in the TPM with the endorsement key, or has
    /// another name.
    pub fn finish(self, secret: &[u8], now: UnixTime) -> Result<EnrolledTpm, EnrolmentError> {
        // A clock that went back says nothing about how long it took.
        if now < self.begun || now > self.expires.min(self.endorsement.not_after()) {
            return Err(EnrolmentError::Lapsed);
        }
        if !bool::from(self.secret.ct_eq(secret)) {
            return Err(EnrolmentError::Secret);
        }
        Ok(EnrolledTpm::new(&self.endorsement, &self.ak, now, self.backend)?)
    }

    /// The last second at which the secret is taken.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.expires
    }

    /// Who made the TPM, if the secret comes back.
    #[must_use]
    pub fn endorsement(&self) -> &Endorsement {
        &self.endorsement
    }

    /// Its form in a file, secret included.
    #[must_use]
    pub fn expose_json(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(base64url::encode(*self.secret));
        // Room for all of it: a buffer that grows leaves a copy behind.
        let mut writer = ObjectWriter::with_capacity(MAX_TEXT);
        writer.u64("version", FORMAT).str("secret", &secret);
        writer.u64("begun", self.begun.as_secs()).u64("expires", self.expires.as_secs());
        writer.str("ek", &base64url::encode(self.endorsement.key.to_spki()));
        writer.str("ak_public", &base64url::encode(self.ak.as_bytes()));
        writer.str("manufacturer", self.endorsement.manufacturer()).str("model", self.endorsement.model());
        writer.str("tpm_version", self.endorsement.version()).str("roots", self.endorsement.roots_id());
        writer.u64("not_after", self.endorsement.not_after().as_secs());
        // INVARIANT: the names differ, the only thing `finish` can object to.
        Zeroizing::new(writer.finish().unwrap_or_default())
    }

    /// Reads what [`expose_json`](Self::expose_json) wrote, of 8 KiB at most; the attestation key is checked as when the enrolment began (TPM-23).
    ///
    /// # Errors
    ///
    /// [`PendingEnrolmentError`].
    pub fn from_json(text: &[u8], backend: Backend) -> Result<Self, PendingEnrolmentError> {
        use PendingEnrolmentError as E;

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
        members.pending(backend)
    }
}

/// Shows the time.
impl fmt::Debug for PendingEnrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingEnrolment").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// What was read so far.
#[derive(Default)]
struct Members<'a> {
    format: Option<u64>,
    secret: Option<Zeroizing<[u8; SECRET_LEN]>>,
    begun: Option<UnixTime>,
    expires: Option<UnixTime>,
    ek: Option<Vec<u8>>,
    ak_public: Option<Vec<u8>>,
    manufacturer: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    version: Option<Cow<'a, str>>,
    roots: Option<Cow<'a, str>>,
    not_after: Option<UnixTime>,
}

impl<'a> Members<'a> {
    /// One more. That a name is there once is for the reader of JSON to see.
    fn read(&mut self, name: &str, value: Value<'a>) -> Option<()> {
        let number = || value.as_number().and_then(Number::as_u64);
        let text = || value.as_str().filter(|text| is_text(text));
        let bytes = || base64url::decode(value.as_raw_str()?).ok();
        match name {
            "version" => self.format = Some(number()?),
            "secret" => self.secret = Some(read_secret(value.as_raw_str()?)?),
            "begun" => self.begun = Some(UnixTime::from_secs(number()?)),
            "expires" => self.expires = Some(UnixTime::from_secs(number()?)),
            "ek" => self.ek = Some(bytes()?),
            "ak_public" => self.ak_public = Some(bytes()?),
            "manufacturer" => self.manufacturer = Some(text()?),
            "model" => self.model = Some(text()?),
            "tpm_version" => self.version = Some(text()?),
            "roots" => self.roots = Some(value.as_str().filter(|id| is_id(id))?),
            "not_after" => self.not_after = Some(UnixTime::from_secs(number()?)),
            _ => return None,
        }
        Some(())
    }

    fn pending(self, backend: Backend) -> Result<PendingEnrolment, PendingEnrolmentError> {
        use PendingEnrolmentError as E;

        let secret = self.secret.ok_or(E::Malformed)?;
        let (begun, expires) = (self.begun.ok_or(E::Malformed)?, self.expires.ok_or(E::Malformed)?);
        let not_after = self.not_after.ok_or(E::Malformed)?;
        // Nobody begins what has ended, nor waits longer than an enrolment may.
        if expires < begun || expires > begun + MAX_LIFETIME || not_after < begun {
            return Err(E::Malformed);
        }
        let text = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned).ok_or(E::Malformed);
        let (manufacturer, model) = (text(self.manufacturer)?, text(self.model)?);
        let (version, roots) = (text(self.version)?, text(self.roots)?);

        let spki = self.ek.ok_or(E::Malformed)?;
        let key = PublicNumbers::from_spki(&spki).map_err(E::EndorsementKey)?;
        key.check().map_err(E::EndorsementKey)?;
        let ek_sha256 = backend.sha256(&spki);
        let ak_public = self.ak_public.ok_or(E::Malformed)?;
        let ak = TpmPublic::parse(&ak_public).map_err(E::AttestationKey)?;
        TpmDevice::new(&ak_public, ek_sha256, backend)?;
        let endorsement = Endorsement { ek_sha256, key, manufacturer, model, version, not_after, roots };
        Ok(PendingEnrolment { secret, begun, expires, endorsement, ak, backend })
    }
}

/// 32 bytes in base64url, in their one spelling.
fn read_secret(text: &str) -> Option<Zeroizing<[u8; SECRET_LEN]>> {
    let mut secret = Zeroizing::new([0; SECRET_LEN]);
    let len = base64url::decode_into(text, &mut *secret).ok()?;
    (len == SECRET_LEN).then_some(secret)
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

/// Two keys of 8192 bits, and some more.
const MAX_TEXT: usize = 8 * 1024;
