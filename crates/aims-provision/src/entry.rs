//! Registration entries: who gets which identity.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_attest::{Policy, Selector};
use aims_credential::x509::is_dns_name;
use aims_id::{Origin, SpiffeId};

use crate::{CredentialType, CredentialTypes};

/// One line of the register: a workload that shows all of these selectors gets this identity. Cloning is cheap.
///
/// ```
/// use std::time::Duration;
/// use aims_provision::{CredentialType, Entry};
///
/// let entry = Entry::builder("spiffe://acme.example/agents/travel".parse()?)
///     .selector("unix:uid:1000".parse()?)
///     .selector("unix:path:/usr/bin/travel".parse()?)
///     .lifetime(CredentialType::X509, Duration::from_secs(1800))
///     .build()?;
/// assert_eq!(entry.spiffe_id().path(), "/agents/travel");
///
/// // Without selectors it would be anybody's.
/// let anybody = Entry::builder("spiffe://acme.example/agents/travel".parse()?).build().unwrap_err();
/// assert_eq!((anybody.code(), anybody.rule()), ("no_selectors", "ATT-102"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Entry(Arc<Fields>);

#[derive(Clone)]
struct Fields {
    spiffe_id: SpiffeId,
    selectors: Vec<Selector>,
    types: CredentialTypes,
    lifetimes: [Option<Duration>; 3],
    dns_names: Vec<String>,
    hint: Option<String>,
    federates_with: Vec<Origin>,
    evidence: Option<Policy>,
}

impl Entry {
    /// An entry for this workload; selectors are to be added.
    pub fn builder(spiffe_id: SpiffeId) -> EntryBuilder {
        EntryBuilder(Fields {
            spiffe_id,
            selectors: Vec::new(),
            types: CredentialTypes::ALL,
            lifetimes: [None; 3],
            dns_names: Vec::new(),
            hint: None,
            federates_with: Vec::new(),
            evidence: None,
        })
    }

    /// The identity.
    #[must_use]
    pub fn spiffe_id(&self) -> &SpiffeId {
        &self.0.spiffe_id
    }

    /// What must be proven, all of it; at least one, none twice, in order.
    #[must_use]
    pub fn selectors(&self) -> &[Selector] {
        &self.0.selectors
    }

    /// The kinds of credential.
    #[must_use]
    pub fn types(&self) -> CredentialTypes {
        self.0.types
    }

    /// How long credentials of this kind live, if the entry says so.
    #[must_use]
    pub fn lifetime(&self, kind: CredentialType) -> Option<Duration> {
        lifetime_of(&self.0.lifetimes, kind)
    }

    /// The DNS names in certificates.
    #[must_use]
    pub fn dns_names(&self) -> &[String] {
        &self.0.dns_names
    }

    /// What a workload with several identities tells them apart by.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The other trust domains whose bundles the workload gets.
    #[must_use]
    pub fn federates_with(&self) -> &[Origin] {
        &self.0.federates_with
    }

    /// What the evidence has to come to, besides proving the selectors.
    #[must_use]
    pub fn evidence(&self) -> Option<&Policy> {
        self.0.evidence.as_ref()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("spiffe_id", self.spiffe_id())
            .field("selectors", &self.selectors())
            .field("types", &self.types())
            .finish_non_exhaustive()
    }
}

/// By what they say.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&*self.0, &*other.0);
        a.spiffe_id == b.spiffe_id
            && a.selectors == b.selectors
            && a.types == b.types
            && a.lifetimes == b.lifetimes
            && a.dns_names == b.dns_names
            && a.hint == b.hint
            && a.federates_with == b.federates_with
            && a.evidence == b.evidence
    }
}

impl Eq for Entry {}

/// What an [`Entry`] says.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct EntryBuilder(Fields);

impl EntryBuilder {
    /// Adds something that must be proven. At least one is needed, at most 64.
    pub fn selector(mut self, selector: Selector) -> Self {
        self.0.selectors.push(selector);
        self
    }

    /// The kinds of credential. Default: all.
    pub fn types(mut self, types: impl IntoIterator<Item = CredentialType>) -> Self {
        self.0.types = types.into_iter().collect();
        self
    }

    /// How long credentials of this kind live: from 1 s to 24 h, and no longer than the authority allows. Default: what it allows.
    pub fn lifetime(mut self, kind: CredentialType, lifetime: Duration) -> Self {
        *lifetime_mut(&mut self.0.lifetimes, kind) = Some(lifetime);
        self
    }

    /// Adds a DNS name to certificates. At most 64.
    pub fn dns_name(mut self, name: impl Into<String>) -> Self {
        self.0.dns_names.push(name.into());
        self
    }

    /// What the workload tells its identities apart by; at most 1024 bytes, without control characters (WA-12).
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Gives the workload the bundle of another trust domain, too.
    pub fn federates_with(mut self, origin: Origin) -> Self {
        self.0.federates_with.push(origin);
        self
    }

    /// Asks this of the evidence, at the first issue and at each renewal. All that counts, for the selectors too, is about one key and answers one challenge then (ATT-112),
    /// and what is issued is issued for that key alone, lives no longer than the evidence, and than evidence of its level is worth (ATT-115).
    pub fn evidence(mut self, policy: Policy) -> Self {
        self.0.evidence = Some(policy);
        self
    }

    /// Finishes.
    ///
    /// # Errors
    ///
    /// [`EntryError`] names the first check that failed.
    pub fn build(self) -> Result<Entry, EntryError> {
        use EntryError as E;

        let mut fields = self.0;
        if fields.selectors.is_empty() {
            return Err(E::NoSelectors);
        }
        fields.selectors.sort();
        fields.selectors.dedup();
        if fields.selectors.len() > MAX_SELECTORS {
            return Err(E::TooManySelectors);
        }
        if !fields.spiffe_id.has_path() {
            return Err(E::NoPath);
        }
        if fields.types.is_empty() {
            return Err(E::NoTypes);
        }
        let in_range = |lifetime: &Duration| (1..=MAX_LIFETIME_SECS).contains(&lifetime.as_secs());
        if !fields.lifetimes.iter().flatten().all(in_range) {
            return Err(E::Lifetime);
        }
        if fields.dns_names.len() > MAX_DNS_NAMES {
            return Err(E::TooManyNames);
        }
        if !fields.dns_names.iter().all(|name| is_dns_name(name)) {
            return Err(E::DnsName);
        }
        let is_hint = |hint: &str| (1..=MAX_HINT).contains(&hint.len()) && !hint.contains(char::is_control);
        if !fields.hint.as_deref().is_none_or(is_hint) {
            return Err(E::Hint);
        }
        if fields.federates_with.len() > MAX_FEDERATED {
            return Err(E::TooManyTrustDomains);
        }
        let own = fields.spiffe_id.origin_str();
        if fields.federates_with.iter().any(|other| other.as_str() == own) {
            return Err(E::FederatesWithItself);
        }
        Ok(Entry(Arc::new(fields)))
    }
}

impl fmt::Debug for EntryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryBuilder").field("spiffe_id", &self.0.spiffe_id).finish_non_exhaustive()
    }
}

/// Why an entry is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// A DNS name is not one.
    #[error("a DNS name is not well-formed")]
    DnsName,
    /// The trust domain of the workload is among those it is to be federated with.
    #[error("the trust domain is federated with itself")]
    FederatesWithItself,
    /// The hint is empty, longer than 1024 bytes, or has control characters.
    #[error("the hint is empty, too long, or has control characters")]
    Hint,
    /// A lifetime is below a second or above 24 hours.
    #[error("a lifetime is not from 1 s to 24 h")]
    Lifetime,
    /// The identifier names a trust domain, not a workload.
    #[error("the identifier has no path: it names a trust domain, not a workload")]
    NoPath,
    /// There is no selector.
    #[error("there are no selectors")]
    NoSelectors,
    /// There is no kind of credential.
    #[error("there are no kinds of credential")]
    NoTypes,
    /// There are more than 64 DNS names.
    #[error("there are too many DNS names")]
    TooManyNames,
    /// There are more than 64 selectors.
    #[error("there are too many selectors")]
    TooManySelectors,
    /// There are more than 1000 trust domains.
    #[error("there are too many trust domains")]
    TooManyTrustDomains,
}

impl EntryError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::DnsName => "bad_dns_name",
            Self::FederatesWithItself => "federates_with_itself",
            Self::Hint => "bad_hint",
            Self::Lifetime => "bad_lifetime",
            Self::NoPath => "no_path",
            Self::NoSelectors => "no_selectors",
            Self::NoTypes => "no_types",
            Self::TooManyNames => "too_many_names",
            Self::TooManySelectors => "too_many_selectors",
            Self::TooManyTrustDomains => "too_many_trust_domains",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::DnsName | Self::TooManyNames => "WIC-2",
            Self::FederatesWithItself | Self::TooManyTrustDomains => "FED-11",
            Self::Hint => "WA-12",
            Self::Lifetime => "AIMS-7",
            Self::NoPath => "WIT-4",
            Self::NoSelectors | Self::TooManySelectors => "ATT-102",
            Self::NoTypes => "AIMS-14",
        }
    }
}

fn lifetime_of(lifetimes: &[Option<Duration>; 3], kind: CredentialType) -> Option<Duration> {
    let [jwt, wit, x509] = *lifetimes;
    match kind {
        CredentialType::Jwt => jwt,
        CredentialType::Wit => wit,
        CredentialType::X509 => x509,
    }
}

fn lifetime_mut(lifetimes: &mut [Option<Duration>; 3], kind: CredentialType) -> &mut Option<Duration> {
    let [jwt, wit, x509] = lifetimes;
    match kind {
        CredentialType::Jwt => jwt,
        CredentialType::Wit => wit,
        CredentialType::X509 => x509,
    }
}

const MAX_SELECTORS: usize = 64;

const MAX_LIFETIME_SECS: u64 = 86_400;

const MAX_DNS_NAMES: usize = 64;

const MAX_HINT: usize = 1024;

const MAX_FEDERATED: usize = 1000;
