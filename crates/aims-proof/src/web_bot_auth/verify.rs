//! Verifying the signatures of bots.

mod error;

pub use self::error::BotError;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aims_credential::ReplayStore;
use aims_httpsig::{
    Candidate, Component, ComponentError, Context, Policy, SignatureFields, Tag, VerifyError,
};
use aims_jose::Thumbprint;
use aims_keys::{AlgorithmSet, PublicKey, UnixTime};

use super::algorithms::ALGORITHMS;
use super::outcome::Found;
use super::signature_agent::is_bare;
use super::test_keys::is_test_key;
use super::{
    BotKeys, BotOutcome, DiscoveryError, KeySource, SIGNATURE_AGENT_FIELD, SignatureAgent, TAG, Unverified,
    VerifiedBot,
};

/// Verifies the signatures of bots for one site (HS-WBA-01 to HS-WBA-07, HS-WBA-12).
///
/// What the profile asks for has no switch: the tag, the authority, `created`, `expires` and `keyid`, and an end within a day. So does what
/// makes a site of its own out of any other: a signature is for the authority that it covers, and counts at that one alone.
#[derive(Clone, Debug)]
pub struct BotVerifier {
    authorities: BTreeSet<String>,
    keys: Arc<dyn BotKeys>,
    own_keys: HashMap<Thumbprint, PublicKey>,
    policy: Policy,
    max_lifetime: Duration,
    leeway: Duration,
    replay: Option<Arc<dyn ReplayStore>>,
    takes_bare: bool,
}

impl BotVerifier {
    /// Starts from what has no safe default: the authorities that the site answers to, such as `shop.example` or `shop.example:8443`, without a scheme; and who knows the keys of bots: [`Directories`](super::Directories), or [`NoDiscovery`](super::NoDiscovery).
    pub fn builder<A: Into<String>>(
        authorities: impl IntoIterator<Item = A>,
        keys: impl BotKeys + 'static,
    ) -> BotVerifierBuilder {
        BotVerifierBuilder {
            verifier: Self {
                authorities: authorities.into_iter().map(|authority| normal(&authority.into())).collect(),
                keys: Arc::new(keys),
                own_keys: HashMap::new(),
                policy: Policy::new(Tag::Is(TAG.into()), [], ALGORITHMS),
                max_lifetime: MAX_LIFETIME,
                leeway: DEFAULT_LEEWAY,
                replay: None,
                takes_bare: false,
            },
            covered: Vec::new(),
            if_present: Vec::new(),
            algorithms: ALGORITHMS,
        }
    }

    /// Verifies the one signature of a bot that a request has.
    ///
    /// The future is `Send`; it waits where keys have to be fetched, and nowhere else.
    ///
    /// # Errors
    ///
    /// [`BotError`]: there is one and it is wrong, or there are several.
    pub async fn verify(&self, context: &Context<'_>, now: UnixTime) -> Result<BotOutcome, BotError> {
        let Some(fields) = signatures(context)? else {
            return Ok(BotOutcome::Unverified(Unverified::Unsigned));
        };
        match fields.select(&self.policy, now) {
            Ok(candidate) => self.judge(context, candidate, now).await,
            Err(VerifyError::NoCandidate) => Ok(BotOutcome::Unverified(Unverified::Unsigned)),
            Err(error) => Err(error.into()),
        }
    }

    /// Verifies each signature of a bot that a request has, by itself: of an agent, and of the remote browser that it used. None says
    /// anything about another.
    ///
    /// # Errors
    ///
    /// [`BotError`] when the fields as a whole are malformed. What is wrong with one signature stands in its place.
    pub async fn verify_each(
        &self,
        context: &Context<'_>,
        now: UnixTime,
    ) -> Result<Vec<Result<BotOutcome, BotError>>, BotError> {
        let Some(fields) = signatures(context)? else { return Ok(Vec::new()) };
        let mut outcomes = Vec::new();
        for candidate in fields.candidates(&self.policy, now)? {
            outcomes.push(match candidate {
                Ok(candidate) => self.judge(context, candidate, now).await,
                Err(error) => Err(error.into()),
            });
        }
        Ok(outcomes)
    }

    /// What costs nothing comes before keys are looked for (HS-VER-01).
    async fn judge(
        &self,
        context: &Context<'_>,
        candidate: Candidate<'_>,
        now: UnixTime,
    ) -> Result<BotOutcome, BotError> {
        let times = self.check_times(&candidate)?;
        self.check_authority(context, &candidate)?;
        let named = candidate.key_id().and_then(|name| name.parse().ok());
        let thumbprint: Thumbprint = named.ok_or(BotError::KeyId)?;
        if is_test_key(&thumbprint) {
            return Err(BotError::TestKey);
        }
        let sources = self.sources(context, &candidate)?;
        candidate.base().map_err(VerifyError::Base)?;

        let (key, found) = match self.find(&sources, thumbprint, now).await {
            Ok(found) => found,
            Err(unknown) => return Ok(BotOutcome::Unverified(unknown)),
        };
        // Whoever knows the keys is not asked to compare them.
        if Thumbprint::of(&key) != thumbprint {
            return Err(BotError::OtherKey);
        }
        let verified = candidate.verify(&key)?;
        if let Some(replay) = &self.replay {
            let nonce = verified.parameters().nonce();
            let nonce = nonce.ok_or_else(|| VerifyError::MissingParameter("nonce".to_owned()))?;
            replay.remember(&thumbprint, nonce, verified.counts_until(), now).map_err(BotError::Replay)?;
        }
        let is_attributed = found.agent.is_some();
        let bot = VerifiedBot::new(&verified, found, key.algorithm(), times, self.leeway);
        Ok(if is_attributed { BotOutcome::Attributed(bot) } else { BotOutcome::KeyOnly(bot) })
    }

    /// HS-WBA-01: it ends, and soon.
    fn check_times(&self, candidate: &Candidate<'_>) -> Result<(UnixTime, UnixTime), BotError> {
        let seconds = |time: Option<i64>, name: &str| {
            let time = time.ok_or_else(|| VerifyError::MissingParameter(name.to_owned()))?;
            u64::try_from(time).map(UnixTime::from_secs).map_err(|_| VerifyError::BadTimes)
        };
        let created = seconds(candidate.parameters().created(), "created")?;
        let expires = seconds(candidate.parameters().expires(), "expires")?;
        if expires.since(created) > self.max_lifetime {
            return Err(BotError::Lifetime);
        }
        Ok((created, expires))
    }

    /// HS-WBA-01: it is for an authority, and for one of this site. Who got a signed request can send it on, as it is, to anybody.
    fn check_authority(&self, context: &Context<'_>, candidate: &Candidate<'_>) -> Result<(), BotError> {
        let covers = |component| candidate.components().contains(&component);
        if !covers(Component::authority()) && !covers(Component::target_uri()) {
            return Err(BotError::NoAuthority);
        }
        let authority = context.value(&Component::authority());
        if authority.is_ok_and(|authority| self.authorities.contains(&authority)) {
            Ok(())
        } else {
            Err(BotError::Authority)
        }
    }

    /// HS-WBA-04, HS-WBA-05: the places of keys that the signature covers, whatever its label is.
    fn sources(&self, context: &Context<'_>, candidate: &Candidate<'_>) -> Result<Vec<KeySource>, BotError> {
        let whole = Component::field(SIGNATURE_AGENT_FIELD).map_err(BotError::of)?;
        let about =
            candidate.components().iter().filter(|component| component.name() == SIGNATURE_AGENT_FIELD);
        let about: Vec<&Component<'_>> = about.collect();
        if about.is_empty() {
            return Ok(Vec::new());
        }
        let field = context.value(&whole).map_err(BotError::of)?;
        if is_bare(&field) && self.takes_bare {
            let agents = SignatureAgent::parse_bare(&field, candidate.label())?;
            let is_covered = about.iter().any(|component| **component == whole);
            let source = agents.get(candidate.label()).filter(|_| is_covered);
            return Ok(source.into_iter().cloned().collect());
        }
        let agents = SignatureAgent::parse(&field)?;
        let mut sources = Vec::new();
        for component in about {
            let key = component.parameters().get("key").and_then(|key| key.as_string());
            // Other parameters make it another component, such as one of the trailers.
            let is_member =
                |key: &str| whole.clone().member(key.to_owned()).is_ok_and(|member| member == *component);
            let key = key.filter(|key| is_member(key));
            if let Some(source) = key.and_then(|key| agents.get(key))
                && sources.len() < MAX_SOURCES
            {
                sources.push(source.clone());
            }
        }
        Ok(sources)
    }

    /// The key, and whose it is: by the URL that provides it, or else as one that the site has.
    async fn find(
        &self,
        sources: &[KeySource],
        thumbprint: Thumbprint,
        now: UnixTime,
    ) -> Result<(PublicKey, Found), Unverified> {
        let mut unknown = Unverified::NoAgent;
        for source in sources {
            match self.keys.key(source, &thumbprint, now).await {
                Ok(key) if key.not_after().is_none_or(|end| now < end) => {
                    let found = Found::at(source.agent(), thumbprint, &key);
                    return Ok((key.public_key().clone(), found));
                }
                Ok(_) => unknown = Unverified::Discovery(DiscoveryError::NotProvided),
                Err(error) => unknown = Unverified::Discovery(error),
            }
        }
        match self.own_keys.get(&thumbprint) {
            Some(key) => Ok((key.clone(), Found::by_key(thumbprint))),
            None => Err(unknown),
        }
    }
}

/// Options of a [`BotVerifier`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct BotVerifierBuilder {
    verifier: BotVerifier,
    covered: Vec<Component<'static>>,
    if_present: Vec<Component<'static>>,
    algorithms: AlgorithmSet,
}

impl BotVerifierBuilder {
    /// A key that the site has from elsewhere. What it signs is known by the key alone, where no URL provides it.
    ///
    /// # Errors
    ///
    /// [`BotError::TestKey`].
    pub fn own_key(mut self, key: PublicKey) -> Result<Self, BotError> {
        let thumbprint = Thumbprint::of(&key);
        if is_test_key(&thumbprint) {
            return Err(BotError::TestKey);
        }
        self.verifier.own_keys.insert(thumbprint, key);
        Ok(self)
    }

    /// Takes each signature once, and none without a nonce. Nonces are remembered by key, whatever the URL is.
    pub fn once(mut self, memory: impl ReplayStore + 'static) -> Self {
        self.verifier.replay = Some(Arc::new(memory));
        self
    }

    /// Demands that this component is covered, too.
    pub fn covering(mut self, component: Component<'static>) -> Self {
        self.covered.push(component);
        self
    }

    /// Demands that this component is covered where the request has it.
    pub fn covering_if_present(mut self, component: Component<'static>) -> Self {
        self.if_present.push(component);
        self
    }

    /// How long a signature may be good for. Default, and the most: 24 hours.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.verifier.max_lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// By how much clocks may disagree. Default, and the most: 30 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.verifier.leeway = leeway.min(DEFAULT_LEEWAY);
        self
    }

    /// The algorithms that keys may have. Default: `ed25519`, `ecdsa-p256-sha256`, `ecdsa-p384-sha384`, `rsa-pss-sha512`.
    pub fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// Takes the older form of `Signature-Agent`, one bare string that is covered as a whole, besides the dictionary.
    pub fn accepting_bare_signature_agent(mut self) -> Self {
        self.verifier.takes_bare = true;
        self
    }

    /// Finishes.
    #[must_use]
    pub fn build(self) -> BotVerifier {
        let Self { mut verifier, covered, if_present, algorithms } = self;
        let policy = Policy::new(Tag::Is(TAG.into()), covered, algorithms)
            .requiring("expires")
            .requiring("keyid")
            .max_age(verifier.max_lifetime)
            .leeway(verifier.leeway);
        let policy = if_present.into_iter().fold(policy, Policy::covering_if_present);
        verifier.policy = if verifier.replay.is_some() { policy.requiring("nonce") } else { policy };
        verifier
    }
}

/// As the authority of a request comes out.
fn normal(authority: &str) -> String {
    let authority = authority.to_ascii_lowercase();
    authority.strip_suffix(":443").map(ToOwned::to_owned).unwrap_or(authority)
}

/// The signatures of a message; `None` where it has none at all.
fn signatures<'m>(context: &Context<'m>) -> Result<Option<SignatureFields<'m>>, BotError> {
    match SignatureFields::of(context) {
        Ok(fields) => Ok(Some(fields)),
        Err(VerifyError::MissingField) => {
            let is_absent = |name: &'static str| {
                let [header, trailer] =
                    [Component::field(name), Component::field(name).and_then(Component::in_trailers)];
                [header, trailer]
                    .into_iter()
                    .all(|field| field.and_then(|field| context.value(&field)) == Err(ComponentError::Absent))
            };
            if is_absent("signature") && is_absent("signature-input") {
                Ok(None)
            } else {
                Err(VerifyError::MissingField.into())
            }
        }
        Err(error) => Err(error.into()),
    }
}

const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// Places of keys that one signature has looked up: its own, and of those whose signatures it covers.
const MAX_SOURCES: usize = 3;
