//! The authority of a trust domain: keys that take turns, the bundle that announces them, and what they sign.

mod error;
mod keys;
mod line;
mod revoked;
mod settings;

pub use self::error::AuthorityError;
pub use self::settings::AuthoritySettings;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aims_credential::x509::{CertificateDer, NewSvid};
use aims_credential::{BundleSource, JwtSvidRequest, TrustBundle, WitRequest};
use aims_id::{Origin, Scheme, TrustDomain};
use aims_jose::Thumbprint;
use aims_keys::store::{DeleteKeys, GenerateKeys, MemoryStore};
use aims_keys::{Backend, PublicKey, UnixTime};
use arc_swap::ArcSwap;

use self::keys::{Current, Keys, Makes};
use crate::{CredentialType, Grant};

/// Issues all kinds of credential for one SPIFFE trust domain, with keys that it replaces by itself.
///
/// Each kind has a key of its own (BND-14). A key is in the bundle for some refresh intervals before it signs anything, and until
/// all that it signed has expired (FED-10). [`advance`](Self::advance) does what is due; whoever runs the authority calls it now and then, at
/// [`next_step`](Self::next_step) for instance, and tells others when the bundle has changed. The keys are made in a
/// [key store](aims_keys::store), and deleted there when they are done; the authority itself does not outlive its process.
///
/// ```
/// use aims_keys::{UnixTime, backend};
/// use aims_provision::{Authority, AuthoritySettings};
///
/// let now = UnixTime::from_secs(1_790_000_000);
/// let authority = Authority::in_memory("acme.example".parse()?, AuthoritySettings::new(), backend::ring(), now)?;
/// assert_eq!(authority.trust_bundle().x509_authorities().len(), 1);
///
/// authority.rotate(now)?;
/// assert_eq!(authority.trust_bundle().x509_authorities().len(), 2, "the next one is published");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Authority {
    origin: Origin,
    settings: AuthoritySettings,
    keys: Mutex<Keys>,
    current: ArcSwap<Current>,
}

impl Authority {
    /// An authority with fresh keys in the memory of this process.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] when a key or the certificate could not be made.
    pub fn in_memory(
        trust_domain: TrustDomain,
        settings: AuthoritySettings,
        backend: Backend,
        now: UnixTime,
    ) -> Result<Self, AuthorityError> {
        Self::new(trust_domain, settings, MemoryStore::new(backend), backend, now)
    }

    /// An authority whose keys are made in `store`: in files, or in a device. `backend` makes their names.
    ///
    /// # Errors
    ///
    /// As [`in_memory`](Self::in_memory).
    pub fn new<S: GenerateKeys + DeleteKeys + 'static>(
        trust_domain: TrustDomain,
        settings: AuthoritySettings,
        store: S,
        backend: Backend,
        now: UnixTime,
    ) -> Result<Self, AuthorityError> {
        let origin = Origin::new(Scheme::Spiffe, &trust_domain).map_err(AuthorityError::TrustDomain)?;
        let makes = Makes {
            origin: origin.clone(),
            trust_domain,
            settings: settings.clone(),
            store: Box::new(store),
            backend,
        };
        let mut keys = Keys::new(makes, now)?;
        let current = ArcSwap::from_pointee(keys.current(None)?);
        Ok(Self { origin, settings, keys: Mutex::new(keys), current })
    }

    /// The trust domain.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What others verify credentials of this authority with.
    #[must_use]
    pub fn trust_bundle(&self) -> Arc<TrustBundle> {
        Arc::clone(&self.current.load().bundle)
    }

    /// Does what is due: publishes keys, lets them sign, takes them away. Says whether the bundle is another one now.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] when a key could not be made. The keys there are go on signing; try again soon.
    pub fn advance(&self, now: UnixTime) -> Result<bool, AuthorityError> {
        self.change(|keys| keys.advance(now))
    }

    /// When [`advance`](Self::advance) has something to do.
    #[must_use]
    pub fn next_step(&self) -> UnixTime {
        self.keys().next_step()
    }

    /// Publishes the next key of each kind now, ahead of its time; it signs once everybody can have it.
    ///
    /// # Errors
    ///
    /// As [`advance`](Self::advance).
    pub fn rotate(&self, now: UnixTime) -> Result<bool, AuthorityError> {
        self.change(|keys| keys.rotate(now))
    }

    /// The keys for this kind of credential are not the authority's alone any more: they are out of the bundle at once, and with them
    /// goes whatever they signed. A new one is published and signs in the same step, so some will see credentials before
    /// they see its key.
    ///
    /// # Errors
    ///
    /// As [`advance`](Self::advance); then nothing has changed.
    pub fn replace_compromised(&self, kind: CredentialType, now: UnixTime) -> Result<bool, AuthorityError> {
        self.change(|keys| keys.replace(kind, now))
    }

    /// Revokes a certificate by its serial number (hexadecimal digits): the bundle carries a revocation list from now on, until all that it
    /// names has expired.
    ///
    /// # Errors
    ///
    /// [`AuthorityError::Certificate`] when it is not a serial number, or the list could not be signed.
    pub fn revoke(&self, serial: &str, now: UnixTime) -> Result<(), AuthorityError> {
        self.change(|keys| keys.revoke(serial, now)).map(drop)
    }

    /// Signs a certificate for `key`: the chain to present. The caller has seen that the workload holds the key.
    ///
    /// # Errors
    ///
    /// [`AuthorityError::NotGranted`], [`AuthorityError::EvidenceExpired`], [`AuthorityError::OtherKey`], [`AuthorityError::Certificate`].
    pub fn issue_x509(
        &self,
        grant: &Grant,
        key: &PublicKey,
        now: UnixTime,
    ) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
        check_key(grant, key)?;
        let lifetime = self.lifetime(grant, CredentialType::X509, now)?;
        let request = NewSvid::new(grant.subject().as_workload_id(), key).lifetime(lifetime);
        let request = grant.dns_names().iter().fold(request, |request, name| request.dns_name(name));
        Ok(self.current.load().x509.sign(&request, now)?)
    }

    /// Signs a JWT-SVID for these audiences.
    ///
    /// # Errors
    ///
    /// [`AuthorityError::NotGranted`], [`AuthorityError::EvidenceExpired`], [`AuthorityError::OtherKey`], where the grant is for one key alone, [`AuthorityError::JwtSvid`],
    /// which is also what comes of no audience at all.
    pub fn issue_jwt(
        &self,
        grant: &Grant,
        audiences: &[&str],
        now: UnixTime,
    ) -> Result<String, AuthorityError> {
        // Whoever has it needs no key.
        if grant.key().is_some() {
            return Err(AuthorityError::OtherKey);
        }
        let lifetime = self.lifetime(grant, CredentialType::Jwt, now)?;
        let (first, others) =
            audiences.split_first().map_or(("", [].as_slice()), |(first, rest)| (*first, rest));
        let request = JwtSvidRequest::new(grant.subject(), first).lifetime(lifetime);
        let request = others.iter().fold(request, |request, audience| request.and_audience(audience));
        Ok(self.current.load().jwt.sign(&request, now)?)
    }

    /// Signs a WIT bound to `key`. The caller has seen that the workload holds the key.
    ///
    /// # Errors
    ///
    /// [`AuthorityError::NotGranted`], [`AuthorityError::EvidenceExpired`], [`AuthorityError::OtherKey`], [`AuthorityError::Wit`].
    pub fn issue_wit(&self, grant: &Grant, key: &PublicKey, now: UnixTime) -> Result<String, AuthorityError> {
        check_key(grant, key)?;
        let lifetime = self.lifetime(grant, CredentialType::Wit, now)?;
        let attested = grant.attested(key.backend());
        let request = WitRequest::new(grant.subject().as_workload_id(), key).lifetime(lifetime);
        let request = attested.iter().fold(request, WitRequest::attested);
        let request = grant
            .attributes()
            .iter()
            .fold(request, |request, (name, value)| request.claim(name, value.claim()));
        Ok(self.current.load().wit.sign(&request, now)?)
    }

    /// ATT-24: no longer than was granted, than the authority allows, and than the evidence lasts.
    fn lifetime(
        &self,
        grant: &Grant,
        kind: CredentialType,
        now: UnixTime,
    ) -> Result<Duration, AuthorityError> {
        if !grant.types().contains(kind) {
            return Err(AuthorityError::NotGranted(kind));
        }
        let evidence = grant.not_after().since(now);
        if evidence.is_zero() {
            return Err(AuthorityError::EvidenceExpired);
        }
        let granted = grant.lifetime(kind).unwrap_or(Duration::MAX);
        Ok(self.settings.lifetime(kind).min(granted).min(evidence))
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Keys) -> Result<(), AuthorityError>,
    ) -> Result<bool, AuthorityError> {
        let mut keys = self.keys();
        let changed = change(&mut keys);
        // What was done before something failed counts.
        let before = self.current.load_full();
        let after = keys.current(Some(&before))?;
        let is_another = !Arc::ptr_eq(&before.bundle, &after.bundle);
        // One store: whoever sees the key that signs now sees the bundle that it is in.
        self.current.store(Arc::new(after));
        changed.map(|()| is_another)
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// ATT-112: what is known of one key is not said of another.
fn check_key(grant: &Grant, key: &PublicKey) -> Result<(), AuthorityError> {
    match grant.key() {
        Some(known) if *known != Thumbprint::of(key) => Err(AuthorityError::OtherKey),
        _ => Ok(()),
    }
}

/// The bundle of its own trust domain.
impl BundleSource for Authority {
    fn bundle(&self, origin: &str) -> Option<Arc<TrustBundle>> {
        (origin == self.origin.as_str()).then(|| self.trust_bundle())
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("origin", &self.origin).finish_non_exhaustive()
    }
}
