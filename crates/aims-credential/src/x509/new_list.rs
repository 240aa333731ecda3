//! Issuing revocation lists.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aims_keys::der::{SEQUENCE, write};
use aims_keys::{AsyncSigner, UnixTime};

use super::certificate::MAX_SERIAL;
use super::issue::{Settings, later};
use super::tbs::{authority_key_id, backdated};
use super::time::write_time;
use super::write::{ToBeSigned, algorithm_identifier, extension, integer};
use super::{RevocationList, SvidIssueError, SvidIssuer, oid};

/// What a revocation list shall say: all that its issuer has revoked and that has not expired.
#[derive(Clone, Debug)]
pub struct NewRevocationList<'a> {
    number: u64,
    revoked: Vec<(&'a str, UnixTime)>,
    lifetime: Duration,
}

impl<'a> NewRevocationList<'a> {
    /// A list that revokes nothing yet; `number` is larger than that of any list that its issuer made before.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self { number, revoked: Vec::new(), lifetime: DEFAULT_LIFETIME }
    }

    /// Adds a certificate by its serial number, in hexadecimal digits as [`VerifiedSvid::serial`](super::VerifiedSvid::serial)
    /// has them, with the time at which it was revoked. The earliest counts, where it is added more than once.
    #[must_use]
    pub fn revoke(mut self, serial: &'a str, at: UnixTime) -> Self {
        self.revoked.push((serial, at));
        self
    }

    /// How long the list counts: then its successor is due (`nextUpdate`). Default: 24 h.
    ///
    /// Verifiers refuse every certificate of an issuer whose list is outdated: the successor is to be with them well before.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }
}

impl SvidIssuer {
    /// Issues a list of the certificates that this issuer has revoked, to be given out with the bundle.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use aims_credential::x509::{NewRevocationList, Role, SvidIssuer, SvidVerifier};
    /// # use aims_credential::{BundleSet, TrustBundle};
    /// # use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let now = UnixTime::from_secs(1_790_000_000);
    /// # let key = || SoftwareKey::generate(Algorithm::Es256, backend::ring()).map(Arc::new);
    /// # let issuer = SvidIssuer::root("spiffe://acme.example".parse()?, key()?, Duration::from_secs(86_400 * 365), now)?;
    /// # let bundles = BundleSet::from(TrustBundle::for_x509(issuer.origin().clone(), vec![issuer.authority()?]));
    /// # let verifier = SvidVerifier::builder(bundles.clone(), backend::ring()).build();
    /// # let chain = issuer.issue(&"spiffe://acme.example/agents/travel".parse()?, key()?.public_key(), now)?;
    /// let svid = verifier.verify(&chain[0], &chain[1..], Role::Client, now)?;
    /// let list = issuer.sign_list(&NewRevocationList::new(1).revoke(svid.serial(), now), now)?;
    /// bundles.set_revocation_lists(issuer.origin(), &[list]);
    /// assert_eq!(verifier.verify_again(&svid, Role::Client, now).unwrap_err().code(), "revoked");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SvidIssueError::ListUsage`], [`SvidIssueError::SerialNumber`], [`SvidIssueError::Lifetime`], [`SvidIssueError::Expired`],
    /// [`SvidIssueError::Sign`], [`SvidIssueError::List`].
    pub fn sign_list(
        &self,
        list: &NewRevocationList<'_>,
        now: UnixTime,
    ) -> Result<RevocationList, SvidIssueError> {
        let der = self.settings.prepare_list(list, now)?.0.sign(&*self.signer)?;
        Ok(RevocationList::from_der(&der)?)
    }
}

impl SvidIssuer<dyn AsyncSigner> {
    /// As [`sign_list`](SvidIssuer::sign_list), without blocking.
    ///
    /// # Errors
    ///
    /// As [`sign_list`](SvidIssuer::sign_list).
    pub async fn sign_list_async(
        &self,
        list: &NewRevocationList<'_>,
        now: UnixTime,
    ) -> Result<RevocationList, SvidIssueError> {
        let der = self.settings.prepare_list(list, now)?.0.sign_async(&*self.signer).await?;
        Ok(RevocationList::from_der(&der)?)
    }
}

impl<S: ?Sized> SvidIssuer<S> {
    /// Writes a list, to be signed by whoever has the issuer's key.
    ///
    /// # Errors
    ///
    /// As [`sign_list`](SvidIssuer::sign_list).
    pub fn prepare_list(
        &self,
        list: &NewRevocationList<'_>,
        now: UnixTime,
    ) -> Result<UnsignedRevocationList, SvidIssueError> {
        self.settings.prepare_list(list, now)
    }
}

/// A revocation list that lacks its signature.
pub struct UnsignedRevocationList(ToBeSigned);

impl UnsignedRevocationList {
    /// The bytes to be signed: the `TBSCertList`.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Completes the list with a signature made elsewhere, in the form of JOSE, which is verified first.
    ///
    /// # Errors
    ///
    /// [`SvidIssueError::Signature`], [`SvidIssueError::List`].
    pub fn attach(self, signature: &[u8]) -> Result<RevocationList, SvidIssueError> {
        let der = self.0.attach(signature).ok_or(SvidIssueError::Signature)?;
        Ok(RevocationList::from_der(&der)?)
    }
}

impl fmt::Debug for UnsignedRevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsignedRevocationList").field("key", self.0.key()).finish_non_exhaustive()
    }
}

impl Settings {
    /// `TBSCertList` (RFC 5280 §5.1.2).
    fn prepare_list(
        &self,
        list: &NewRevocationList<'_>,
        now: UnixTime,
    ) -> Result<UnsignedRevocationList, SvidIssueError> {
        self.check_now(now)?;
        if !self.signs_lists {
            return Err(SvidIssueError::ListUsage);
        }
        let algorithm = self.key.algorithm();
        let identifier = algorithm_identifier(algorithm).ok_or(SvidIssueError::KeyAlgorithm(algorithm))?;
        let time = |time| write_time(time).ok_or(SvidIssueError::Lifetime);
        let ends = later(now, list.lifetime)?.min(self.not_after);

        let mut revoked: BTreeMap<Vec<u8>, UnixTime> = BTreeMap::new();
        for (serial, at) in &list.revoked {
            let number = read_serial(serial).ok_or(SvidIssueError::SerialNumber)?;
            revoked.entry(number).and_modify(|first| *first = (*first).min(*at)).or_insert(*at);
        }
        let mut entries = Vec::new();
        for (number, at) in &revoked {
            entries.extend(write(SEQUENCE, &[&integer(number), &time(*at)?]));
        }
        // Where there are none, the list of them is left out (§5.1.2.6).
        let entries = if entries.is_empty() { entries } else { write(SEQUENCE, &[&entries]) };
        let extensions = [
            authority_key_id(&self.key_id),
            extension(oid::CRL_NUMBER, false, &integer(&signed(&list.number.to_be_bytes()))),
        ];
        let body = write(
            SEQUENCE,
            &[
                &integer(&[1]),
                identifier,
                &self.subject,
                &time(backdated(now))?,
                &time(ends)?,
                &entries,
                &write(0xa0, &[&write(SEQUENCE, &[&extensions.concat()])]),
            ],
        );
        Ok(UnsignedRevocationList(ToBeSigned::new(body, self.key.clone())))
    }
}

/// The content of an INTEGER.
fn read_serial(digits: &str) -> Option<Vec<u8>> {
    if digits.is_empty() || digits.len() > 2 * MAX_SERIAL || !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = digits
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect();
    Some(signed(&bytes?))
}

/// The shortest content of the INTEGER that is this number: without zeros in front, but for the byte of the sign.
fn signed(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    let number = number.get(zeros..).unwrap_or_default();
    let sign: &[u8] = if number.first().is_none_or(|&byte| byte >= 0x80) { &[0] } else { &[] };
    [sign, number].concat()
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
