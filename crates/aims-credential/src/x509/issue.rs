//! Issuing X.509 credentials.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_id::{Origin, WorkloadId};
use aims_keys::der::{SEQUENCE, write};
use aims_keys::{AsyncSigner, PublicKey, PublicNumbers, Signer, UnixTime};
use rustls_pki_types::CertificateDer;

use super::certificate::{Certificate, KeyUsage};
use super::name_constraints::permitting;
use super::tbs::{authority_extensions, authority_name, is_dns_name, key_id, leaf_extensions, unsigned};
use super::write::algorithm_identifier;
use super::{NewSvid, SvidIssueError, UnsignedCertificate, X509Authority};

/// Issues the X.509-SVIDs, or Workload Identity Certificates, of one trust domain.
///
/// An authority signs them itself, or with an [intermediate](Self::intermediate) whose key can be replaced while the bundle stays
/// as it is.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use aims_credential::x509::{Role, SvidIssuer, SvidVerifier};
/// use aims_credential::{BundleSet, TrustBundle};
/// use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let now = UnixTime::from_secs(1_790_000_000);
/// let key = || SoftwareKey::generate(Algorithm::Es256, backend::ring()).map(Arc::new);
/// let root = SvidIssuer::root("spiffe://acme.example".parse()?, key()?, Duration::from_secs(86_400 * 365), now)?;
/// let issuer = root.intermediate(key()?, Duration::from_secs(86_400 * 7), now)?;
///
/// let workload = key()?;
/// let chain = issuer.issue(&"spiffe://acme.example/agents/travel".parse()?, workload.public_key(), now)?;
///
/// let bundle = TrustBundle::for_x509("spiffe://acme.example".parse()?, vec![root.authority()?]);
/// let verifier = SvidVerifier::builder(BundleSet::from(bundle), backend::ring()).build();
/// let svid = verifier.verify(&chain[0], &chain[1..], Role::Client, now)?;
/// assert_eq!(svid.subject().as_str(), "spiffe://acme.example/agents/travel");
/// # Ok(()) }
/// ```
pub struct SvidIssuer<S: ?Sized = dyn Signer> {
    pub(super) signer: Arc<S>,
    pub(super) settings: Settings,
}

/// Who issues, whoever holds the key.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    origin: Origin,
    pub(super) key: PublicKey,
    /// The issuer's own certificate, and those between it and the authority in the bundle.
    chain: Vec<CertificateDer<'static>>,
    pub(super) subject: Vec<u8>,
    pub(super) key_id: Vec<u8>,
    pub(super) signs_lists: bool,
    not_before: UnixTime,
    pub(super) not_after: UnixTime,
    is_root: bool,
    constrains_names: bool,
    lifetime: Duration,
    max_lifetime: Duration,
}

impl SvidIssuer {
    /// An issuer that signs with `signer`; `chain` is its own certificate, and after it those that lead to the authority in the
    /// bundle, which is left out itself.
    ///
    /// # Errors
    ///
    /// [`SvidIssueError::Authority`], [`SvidIssueError::AuthorityKey`] or [`SvidIssueError::AuthorityDomain`] when the first
    /// certificate is not one that `signer` may sign with for `origin`; [`SvidIssueError::KeyAlgorithm`].
    pub fn new(
        origin: Origin,
        signer: Arc<dyn Signer>,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<Self, SvidIssueError> {
        let settings = Settings::new(origin, signer.public_key(), chain, false)?;
        Ok(Self { signer, settings })
    }

    /// A new authority with a certificate signed by itself, to be put into the bundle.
    ///
    /// # Errors
    ///
    /// [`SvidIssueError::KeyAlgorithm`], [`SvidIssueError::Lifetime`], [`SvidIssueError::Random`], [`SvidIssueError::Sign`].
    pub fn root(
        origin: Origin,
        signer: Arc<dyn Signer>,
        lifetime: Duration,
        now: UnixTime,
    ) -> Result<Self, SvidIssueError> {
        let key = signer.public_key();
        let backend = key.backend();
        let key_id = key_id(backend, key.numbers());
        let subject = authority_name(&key_id);
        let extensions = authority_extensions(&origin, &key_id, &key_id, None, None);
        let unsigned =
            unsigned(key, &subject, &subject, key.numbers(), (now, later(now, lifetime)?), &extensions)?;
        let certificate = CertificateDer::from(unsigned.sign(&*signer)?);
        let settings = Settings::new(origin, key, vec![certificate], true)?;
        Ok(Self { signer, settings })
    }

    /// An issuer below this one: it signs workloads only (`pathLenConstraint` 0), and not beyond this one's end.
    ///
    /// # Errors
    ///
    /// As [`root`](Self::root), and [`SvidIssueError::Expired`]; [`SvidIssueError::PathLength`] where this issuer, or one above it, signs
    /// workloads only, or the chain would be longer than verifiers read; [`SvidIssueError::NameConstraint`].
    pub fn intermediate(
        &self,
        signer: Arc<dyn Signer>,
        lifetime: Duration,
        now: UnixTime,
    ) -> Result<Self, SvidIssueError> {
        let settings = &self.settings;
        settings.check_now(now)?;
        settings.check_path_len()?;
        let key = signer.public_key();
        if key == &settings.key {
            return Err(SvidIssueError::IssuersKey);
        }
        algorithm_identifier(key.algorithm()).ok_or(SvidIssueError::KeyAlgorithm(key.algorithm()))?;
        let key_id = key_id(settings.key.backend(), key.numbers());
        let subject = authority_name(&key_id);
        let constraints = settings.constraints()?;
        let extensions = authority_extensions(
            &settings.origin,
            &key_id,
            &settings.key_id,
            Some(0),
            constraints.as_deref(),
        );
        let ends = later(now, lifetime)?.min(settings.not_after);
        let unsigned =
            unsigned(&settings.key, &settings.subject, &subject, key.numbers(), (now, ends), &extensions)?;
        let mut chain = vec![CertificateDer::from(unsigned.sign(&*self.signer)?)];
        chain.extend(settings.chain_below_root().iter().cloned());
        let settings = Settings::new(settings.origin.clone(), key, chain, false)?;
        Ok(Self { signer, settings })
    }

    /// Issues a certificate with the defaults of this issuer, and returns the chain to present: the certificate first, without
    /// the authority in the bundle.
    ///
    /// The caller has seen a proof that the workload holds `key`, such as a [`CertificateRequest`](super::CertificateRequest).
    ///
    /// # Errors
    ///
    /// [`SvidIssueError`] names the first check that failed.
    pub fn issue(
        &self,
        subject: &WorkloadId,
        key: &PublicKey,
        now: UnixTime,
    ) -> Result<Vec<CertificateDer<'static>>, SvidIssueError> {
        self.sign(&NewSvid::new(subject, key), now)
    }

    /// Issues what `request` asks for.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub fn sign(
        &self,
        request: &NewSvid<'_>,
        now: UnixTime,
    ) -> Result<Vec<CertificateDer<'static>>, SvidIssueError> {
        let leaf = self.settings.prepare(request, now)?.0.sign(&*self.signer)?;
        Ok(self.settings.chain_of(leaf))
    }
}

impl SvidIssuer<dyn AsyncSigner> {
    /// As [`new`](SvidIssuer::new), for a key in a device behind a queue, or in a key service.
    ///
    /// # Errors
    ///
    /// As [`new`](SvidIssuer::new).
    pub fn with_async_signer(
        origin: Origin,
        signer: Arc<dyn AsyncSigner>,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<Self, SvidIssueError> {
        let settings = Settings::new(origin, signer.public_key(), chain, false)?;
        Ok(Self { signer, settings })
    }

    /// As [`sign`](SvidIssuer::sign), without blocking.
    ///
    /// # Errors
    ///
    /// As [`issue`](SvidIssuer::issue).
    pub async fn sign_async(
        &self,
        request: &NewSvid<'_>,
        now: UnixTime,
    ) -> Result<Vec<CertificateDer<'static>>, SvidIssueError> {
        let leaf = self.settings.prepare(request, now)?.0.sign_async(&*self.signer).await?;
        Ok(self.settings.chain_of(leaf))
    }
}

impl SvidIssuer<PublicKey> {
    /// An issuer that only [prepares](Self::prepare) certificates: the owner of `key` signs them elsewhere.
    ///
    /// # Errors
    ///
    /// As [`new`](SvidIssuer::new).
    pub fn external(
        origin: Origin,
        key: PublicKey,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<Self, SvidIssueError> {
        let settings = Settings::new(origin, &key, chain, false)?;
        Ok(Self { signer: Arc::new(key), settings })
    }
}

impl<S: ?Sized> SvidIssuer<S> {
    /// How long certificates are valid unless a request says otherwise. Default: 1 h; at most [`with_max_lifetime`]'s.
    ///
    /// [`with_max_lifetime`]: Self::with_max_lifetime
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.lifetime = lifetime.min(self.settings.max_lifetime);
        self
    }

    /// The longest lifetime that a request may ask for. Default and maximum: 24 h.
    #[must_use]
    pub fn with_max_lifetime(mut self, lifetime: Duration) -> Self {
        let settings = &mut self.settings;
        settings.max_lifetime = lifetime.min(MAX_LIFETIME);
        settings.lifetime = settings.lifetime.min(settings.max_lifetime);
        self
    }

    /// Puts a critical name constraint into the certificates of [intermediates](SvidIssuer::intermediate): they issue for this trust domain only,
    /// whoever trusts the authority, and for what (X5-11). Default: none, because it is not every library that processes constraints
    /// on URIs. This one does, OpenSSL and Go's do; rustls-webpki by itself refuses all that is below.
    #[must_use]
    pub fn with_name_constraints(mut self) -> Self {
        self.settings.constrains_names = true;
        self
    }

    /// The issuer's own certificate.
    ///
    /// # Errors
    ///
    /// None that was not found when the issuer was made.
    pub fn authority(&self) -> Result<X509Authority, SvidIssueError> {
        let own = self.settings.chain.first().map(|der| &**der).unwrap_or_default();
        Ok(X509Authority::from_der(own)?)
    }

    /// The trust domain.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.settings.origin
    }

    /// What goes after a certificate of this issuer in the chain that is presented.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        self.settings.chain_below_root()
    }

    /// Writes what `request` asks for, to be signed by whoever has the issuer's key.
    ///
    /// # Errors
    ///
    /// As [`issue`](SvidIssuer::issue).
    pub fn prepare(
        &self,
        request: &NewSvid<'_>,
        now: UnixTime,
    ) -> Result<UnsignedCertificate, SvidIssueError> {
        self.settings.prepare(request, now)
    }
}

impl<S: ?Sized> Clone for SvidIssuer<S> {
    fn clone(&self) -> Self {
        Self { signer: Arc::clone(&self.signer), settings: self.settings.clone() }
    }
}

impl<S: ?Sized> fmt::Debug for SvidIssuer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SvidIssuer")
            .field("origin", &self.settings.origin)
            .field("not_after", &self.settings.not_after)
            .finish_non_exhaustive()
    }
}

impl Settings {
    fn new(
        origin: Origin,
        key: &PublicKey,
        chain: Vec<CertificateDer<'static>>,
        is_root: bool,
    ) -> Result<Self, SvidIssueError> {
        algorithm_identifier(key.algorithm()).ok_or(SvidIssueError::KeyAlgorithm(key.algorithm()))?;
        let own = chain.first().map(|der| &**der).unwrap_or_default();
        let authority = X509Authority::from_der(own)?;
        if authority.public_numbers() != key.numbers() {
            return Err(SvidIssueError::AuthorityKey);
        }
        // INVARIANT: it was just read as an authority's.
        let certificate =
            Certificate::read(own).ok_or(SvidIssueError::Authority(super::X509AuthorityError::Malformed))?;
        if !certificate.fits_origin(origin.as_str()) {
            return Err(SvidIssueError::AuthorityDomain);
        }
        let key_id = match certificate.subject_key_id {
            Some(id) => id.to_vec(),
            None => key_id(key.backend(), key.numbers()),
        };
        let (not_before, not_after) = (certificate.not_before, certificate.not_after);
        Ok(Self {
            subject: certificate.subject.to_vec(),
            key_id,
            signs_lists: certificate.key_usage.is_some_and(|usage| usage.has(KeyUsage::CRL_SIGN)),
            not_before,
            not_after,
            key: key.clone(),
            origin,
            chain,
            is_root,
            constrains_names: false,
            lifetime: DEFAULT_LIFETIME,
            max_lifetime: MAX_LIFETIME,
        })
    }

    pub(super) fn check_now(&self, now: UnixTime) -> Result<(), SvidIssueError> {
        if (self.not_before..=self.not_after).contains(&now) { Ok(()) } else { Err(SvidIssueError::Expired) }
    }

    /// The value of the extension, for an intermediate.
    fn constraints(&self) -> Result<Option<Vec<u8>>, SvidIssueError> {
        if !self.constrains_names {
            return Ok(None);
        }
        permitting(self.origin.trust_domain()).ok_or(SvidIssueError::NameConstraint).map(Some)
    }

    /// Whether one more may come below: by `pathLenConstraint` of each above, and of what verifiers read.
    fn check_path_len(&self) -> Result<(), SvidIssueError> {
        let path_len = |der: &CertificateDer<'_>| Certificate::read(der).and_then(|it| it.path_len);
        let allows = |(above, der): (usize, &CertificateDer<'_>)| {
            path_len(der).is_none_or(|len| usize::from(len) > above)
        };
        if self.chain_below_root().len() < MAX_INTERMEDIATES && self.chain.iter().enumerate().all(allows) {
            Ok(())
        } else {
            Err(SvidIssueError::PathLength)
        }
    }

    fn prepare(&self, request: &NewSvid<'_>, now: UnixTime) -> Result<UnsignedCertificate, SvidIssueError> {
        self.check_now(now)?;
        let (subject, key) = (request.subject(), request.key());
        if !subject.is_in(&self.origin) {
            return Err(SvidIssueError::ForeignSubject);
        }
        if !subject.has_path() {
            return Err(SvidIssueError::SubjectWithoutPath);
        }
        if matches!(key.numbers(), PublicNumbers::MlDsa { .. }) {
            return Err(SvidIssueError::KeyAlgorithm(key.algorithm()));
        }
        if key.numbers() == self.key.numbers() {
            return Err(SvidIssueError::IssuersKey);
        }
        if request.dns_names().len() > MAX_DNS_NAMES {
            return Err(SvidIssueError::TooManyNames);
        }
        if !request.dns_names().iter().all(|name| is_dns_name(name)) {
            return Err(SvidIssueError::DnsName);
        }
        let lifetime = request.asked_lifetime().unwrap_or(self.lifetime).min(self.max_lifetime);
        let ends = later(now, lifetime)?.min(self.not_after);
        let extensions = leaf_extensions(request, &self.key_id);
        let body = unsigned(
            &self.key,
            &self.subject,
            &write(SEQUENCE, &[]),
            key.numbers(),
            (now, ends),
            &extensions,
        )?;
        Ok(UnsignedCertificate(body))
    }

    fn chain_below_root(&self) -> &[CertificateDer<'static>] {
        if self.is_root { &[] } else { &self.chain }
    }

    fn chain_of(&self, leaf: Vec<u8>) -> Vec<CertificateDer<'static>> {
        let mut chain = vec![CertificateDer::from(leaf)];
        chain.extend(self.chain_below_root().iter().cloned());
        chain
    }
}

pub(super) fn later(now: UnixTime, lifetime: Duration) -> Result<UnixTime, SvidIssueError> {
    if lifetime.as_secs() == 0 { Err(SvidIssueError::Lifetime) } else { Ok(now + lifetime) }
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Between a workload and its authority: the path library goes no further.
const MAX_INTERMEDIATES: usize = 6;

const MAX_DNS_NAMES: usize = 64;
