//! How an authority goes about it.

use std::time::Duration;

use aims_keys::Algorithm;

use super::line::Timing;
use crate::CredentialType;

/// How long keys and credentials live, and with which algorithms they sign.
///
/// ```
/// use std::time::Duration;
/// use aims_provision::{AuthoritySettings, CredentialType};
///
/// let settings = AuthoritySettings::new()
///     .keys_sign_for(Duration::from_secs(86_400))
///     .max_lifetime(CredentialType::X509, Duration::from_secs(1800));
/// # let _ = settings;
/// ```
#[derive(Clone, Debug)]
pub struct AuthoritySettings {
    pub(super) algorithm: Algorithm,
    signs_for: Duration,
    pub(super) refresh_hint: Duration,
    ahead: u32,
    jwt: Duration,
    wit: Duration,
    x509: Duration,
}

impl AuthoritySettings {
    /// ES256 keys that sign for a week each, a bundle that is looked at every five minutes, credentials of an hour at most, JWT-SVIDs of
    /// five minutes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            algorithm: Algorithm::Es256,
            signs_for: Duration::from_secs(7 * 86_400),
            refresh_hint: Duration::from_secs(300),
            ahead: 5,
            jwt: Duration::from_secs(300),
            wit: Duration::from_secs(3600),
            x509: Duration::from_secs(3600),
        }
    }

    /// The algorithm of all keys. Default: ES256.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// How long each key signs. Default: a week; at least as long as it is published before, at most ten years.
    #[must_use]
    pub fn keys_sign_for(mut self, time: Duration) -> Self {
        self.signs_for = time.min(Duration::from_secs(10 * 365 * 86_400));
        self
    }

    /// How often others look for a new bundle: `spiffe_refresh_hint`. Default: 5 min; at least 1 s.
    #[must_use]
    pub fn refresh_hint(mut self, hint: Duration) -> Self {
        self.refresh_hint = hint.clamp(Duration::from_secs(1), Duration::from_secs(86_400));
        self
    }

    /// For how many of these intervals a key is published before it signs (FED-10). Default: 5; from 3 to 100.
    #[must_use]
    pub fn publish_ahead(mut self, intervals: u32) -> Self {
        self.ahead = intervals.clamp(3, 100);
        self
    }

    /// The longest lifetime of a kind of credential. Default: an hour, of JWT-SVIDs five minutes; from 1 s to 24 h.
    #[must_use]
    pub fn max_lifetime(mut self, kind: CredentialType, lifetime: Duration) -> Self {
        let lifetime = lifetime.clamp(Duration::from_secs(1), Duration::from_secs(86_400));
        match kind {
            CredentialType::Jwt => self.jwt = lifetime,
            CredentialType::Wit => self.wit = lifetime,
            CredentialType::X509 => self.x509 = lifetime,
        }
        self
    }

    pub(super) fn lifetime(&self, kind: CredentialType) -> Duration {
        match kind {
            CredentialType::Jwt => self.jwt,
            CredentialType::Wit => self.wit,
            CredentialType::X509 => self.x509,
        }
    }

    pub(super) fn timing(&self, kind: CredentialType) -> Timing {
        let ahead = self.refresh_hint * self.ahead;
        Timing { signs_for: self.signs_for.max(ahead * 2), ahead, lingers: self.lifetime(kind) + LEEWAY }
    }

    /// How long the certificate of an authority is valid: as long as anything it signed, though its successor be late.
    pub(super) fn authority_lifetime(&self) -> Duration {
        let timing = self.timing(CredentialType::X509);
        timing.ahead + timing.signs_for * 2 + timing.lingers
    }
}

impl Default for AuthoritySettings {
    fn default() -> Self {
        Self::new()
    }
}

/// For clocks that disagree: verifiers have it too.
const LEEWAY: Duration = Duration::from_secs(120);
