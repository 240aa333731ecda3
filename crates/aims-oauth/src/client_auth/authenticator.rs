//! Deciding whether a request is of the client that it names.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "wit-svid")]
use aims_credential::WitVerifier;
#[cfg(feature = "mtls")]
use aims_credential::x509::VerifiedSvid;
use aims_credential::{BundleSource, JwtSvidVerifier, MarkKey, Marks, ReplayStore};
use aims_id::WorkloadId;
use aims_keys::{AlgorithmSet, Backend, UnixTime};

#[cfg(any(feature = "client-secret", feature = "mtls"))]
use super::RegisteredMethod;
use super::assertion::{AssertionVerifier, Keys, PresentedAssertion};
use super::authenticated::Facts;
use super::presented::Presented;
#[cfg(feature = "client-secret")]
use super::secret::PresentedSecret;
use super::spiffe::{PresentedJwtSvid, SvidAssertionVerifier};
#[cfg(feature = "wit-svid")]
use super::spiffe::{PresentedWit, WitClientVerifier};
#[cfg(feature = "mtls")]
use super::tls::Peer;
use super::{
    AttestationProof, AttestationVerifier, AudiencePolicy, AuthenticatedClient, ClientAuthError, ClientProof,
    PresentedAttestation, PresentedClient, RegisteredClient, SpiffeClientError, SpiffeProof, SvidReplay,
    TrustedAttester,
};
use crate::{DpopNonces, Issuer, TokenBinding, VerifiedDpopProof};

/// Authenticates the clients of one authorization server, at each of its endpoints.
///
/// ```
/// use aims_keys::{UnixTime, backend};
/// use aims_oauth::{ClientAuthenticator, ErrorCode, Parameters, PresentedClient, RegisteredClient};
/// # use aims_proof::ReplayMemory;
///
/// let replay = ReplayMemory::with_capacity(100_000);
/// let clients = ClientAuthenticator::builder("https://as.example".parse()?, replay, backend::ring()).build();
/// let now = UnixTime::from_secs(1_790_000_000);
///
/// let form = Parameters::parse(b"client_id=app-1")?;
/// let presented = PresentedClient::read(&form, [])?;
/// // Found by `presented.lookup()`, at the server's leisure.
/// let registered = RegisteredClient::public("app-1");
/// let client = clients.authenticate(presented, Some(&registered), now)?;
/// assert!(client.client_id() == "app-1" && client.is_public());
///
/// let refused = clients.authenticate(PresentedClient::read(&form, [])?, None, now).unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("unknown_client", "CJA-6"));
/// assert_eq!(refused.error_code(), ErrorCode::InvalidClient);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientAuthenticator {
    issuer: Issuer,
    assertions: AssertionVerifier,
    attestations: AttestationVerifier,
    svids: Option<SvidAssertionVerifier>,
    #[cfg(feature = "wit-svid")]
    wits: Option<WitClientVerifier>,
    marks: Option<Arc<dyn Marks>>,
    leeway: Duration,
}

impl ClientAuthenticator {
    /// Starts from what has no safe default: who the server is, what remembers assertions and proofs, and the backend that keys are loaded with.
    ///
    /// No workload is a client, and nobody vouches for one, until the builder is told whom to trust.
    pub fn builder(
        issuer: Issuer,
        replay: impl ReplayStore + 'static,
        backend: Backend,
    ) -> ClientAuthenticatorBuilder {
        let replay: Arc<dyn ReplayStore> = Arc::new(replay);
        let attestations = AttestationVerifier::none(issuer.as_str().into(), Arc::clone(&replay), backend);
        ClientAuthenticatorBuilder {
            issuer,
            replay,
            backend,
            attestations,
            audiences: AudiencePolicy::Strict,
            bundles: None,
            accepts_rs256_svids: false,
            svid_replay: SvidReplay::default(),
            marks: None,
            leeway: DEFAULT_LEEWAY,
        }
    }

    /// Decides whether a request is of this client, the one that its [`lookup`](PresentedClient::lookup) found, if there is one, at time `now`.
    ///
    /// An assertion or a proof counts once.
    ///
    /// # Errors
    ///
    /// [`ClientAuthError`] names the first check that failed. Whether there is such a client, what is told of it does not tell, nor the time that this takes
    /// (CJA-6).
    pub fn authenticate(
        &self,
        presented: PresentedClient<'_>,
        registered: Option<&RegisteredClient>,
        now: UnixTime,
    ) -> Result<AuthenticatedClient, ClientAuthError> {
        let client_id = presented.client_id;
        #[cfg(feature = "mtls")]
        let peer = presented.certificate.map(super::PeerCertificate::peer);
        let (facts, begun) = match presented.proof {
            Presented::Assertion(assertion) => self.by_assertion(assertion, registered, now)?,
            Presented::Attestation(attestation) => {
                self.by_attestation(attestation, presented.dpop, registered, now)?
            }
            Presented::JwtSvid(svid) => self.by_jwt_svid(&svid, client_id, registered, now)?,
            #[cfg(feature = "wit-svid")]
            Presented::Wit(wit) => self.by_wit(&wit, client_id, registered, now)?,
            #[cfg(feature = "client-secret")]
            Presented::Secret(secret) => by_secret(secret, registered, now)?,
            Presented::Id(client_id) => {
                let registered = registered.ok_or(ClientAuthError::UnknownClient)?;
                match public(client_id, registered) {
                    Some(facts) => (facts?, now),
                    #[cfg(feature = "mtls")]
                    None => by_certificate(peer, client_id, registered, now)?,
                    #[cfg(not(feature = "mtls"))]
                    None => return Err(ClientAuthError::CredentialsMissing),
                }
            }
        };
        self.check_marks(&facts, begun)?;
        Ok(AuthenticatedClient(facts))
    }

    /// The challenge that proofs of attested clients are to have now, if this server wants any (ABC-5).
    #[must_use]
    pub fn attestation_challenge(&self, now: UnixTime) -> Option<String> {
        self.attestations.challenge(now)
    }

    fn by_assertion(
        &self,
        presented: PresentedAssertion<'_>,
        registered: Option<&RegisteredClient>,
        now: UnixTime,
    ) -> Result<(Facts, UnixTime), ClientAuthError> {
        let client_id: Box<str> = presented.client_id().into();
        let keys = match registered.filter(|client| client.is_called(&client_id)) {
            None => Keys::None(ClientAuthError::UnknownClient),
            Some(client) => client.keys().map_or(Keys::None(ClientAuthError::MethodNotRegistered), Keys::Of),
        };
        let begun = self.assertions.verify(presented, keys, now)?;
        Ok((Facts::new(client_id, ClientProof::PrivateKeyJwt), begun))
    }

    fn by_attestation(
        &self,
        presented: PresentedAttestation<'_>,
        dpop: Option<&VerifiedDpopProof>,
        registered: Option<&RegisteredClient>,
        now: UnixTime,
    ) -> Result<(Facts, UnixTime), ClientAuthError> {
        let client_id: Box<str> = presented.client_id().into();
        let (attestation, proof) = self.attestations.open(presented, dpop, now)?;
        let client = registered.filter(|client| client.is_called(&client_id));
        let attesters = client.ok_or(ClientAuthError::UnknownClient)?.attesters();
        if !attesters.ok_or(ClientAuthError::MethodNotRegistered)?.contains(attestation.attester()) {
            return Err(super::AttestationError::StrangeAttester.into());
        }
        self.attestations.remember(proof.as_ref(), now)?;
        let proof = match attestation.proof() {
            AttestationProof::Dpop => ClientProof::AttestationDpop,
            AttestationProof::Pop => ClientProof::AttestationPop,
        };
        let facts = Facts {
            binding: Some(TokenBinding::Key(*attestation.thumbprint())),
            not_after: Some(attestation.not_after()),
            ..Facts::new(client_id, proof)
        };
        // What says not when it began is ended by every cut.
        Ok((facts, attestation.issued_at().unwrap_or(UnixTime::EPOCH)))
    }

    fn by_jwt_svid(
        &self,
        presented: &PresentedJwtSvid<'_>,
        client_id: Option<&str>,
        registered: Option<&RegisteredClient>,
        now: UnixTime,
    ) -> Result<(Facts, UnixTime), ClientAuthError> {
        let verifier = self.svids.as_ref().ok_or(SpiffeClientError::NotOffered)?;
        let admit = |workload: &WorkloadId| admit(workload, client_id, registered, SpiffeProof::JwtSvid);
        let (svid, id) = verifier.verify(presented, admit, now)?;
        let facts = Facts {
            agent: Some(svid.subject().as_workload_id().clone()),
            not_after: Some(svid.not_after()),
            ..Facts::new(id, ClientProof::JwtSvid)
        };
        Ok((facts, svid.begun()))
    }

    #[cfg(feature = "wit-svid")]
    fn by_wit(
        &self,
        presented: &PresentedWit<'_>,
        client_id: Option<&str>,
        registered: Option<&RegisteredClient>,
        now: UnixTime,
    ) -> Result<(Facts, UnixTime), ClientAuthError> {
        let verifier = self.wits.as_ref().ok_or(SpiffeClientError::NotOffered)?;
        let admit = |workload: &WorkloadId| admit(workload, client_id, registered, SpiffeProof::WitSvid);
        let (wit, id) = verifier.verify(presented, &self.attestations.proofs, admit, now)?;
        let facts = Facts {
            agent: Some(wit.subject().clone()),
            binding: Some(TokenBinding::Key(*wit.thumbprint())),
            not_after: Some(wit.not_after()),
            ..Facts::new(id, ClientProof::WitSvid)
        };
        Ok((facts, wit.begun()))
    }

    fn check_marks(&self, facts: &Facts, begun: UnixTime) -> Result<(), ClientAuthError> {
        let Some(marks) = &self.marks else { return Ok(()) };
        let client = MarkKey::Client { issuer: self.issuer.as_str(), client: &facts.client_id };
        let agent = facts.agent.as_ref().map(MarkKey::Agent);
        let key = match &facts.binding {
            Some(TokenBinding::Key(key)) => Some(MarkKey::Key(key)),
            _ => None,
        };
        let mut all = std::iter::once(client).chain(agent).chain(key);
        marks.check_each(&mut all, &|mark| mark.check(begun, self.leeway)).map_err(ClientAuthError::Lapsed)
    }
}

impl Facts {
    fn new(client_id: Box<str>, proof: ClientProof) -> Self {
        Self { client_id, proof, binding: None, agent: None, not_after: None }
    }
}

/// SPC-3: what the client is called that this workload is, if it is the one that was found.
fn admit(
    workload: &WorkloadId,
    client_id: Option<&str>,
    registered: Option<&RegisteredClient>,
    proof: SpiffeProof,
) -> Result<Box<str>, SpiffeClientError> {
    let client = registered.filter(|client| client.is_workload(workload, proof));
    let client = client.ok_or(SpiffeClientError::Unregistered)?;
    client.named(client_id).check(workload)?;
    Ok(client.id_of(workload))
}

/// `none`; nothing, where the client has to authenticate.
fn public(client_id: &str, registered: &RegisteredClient) -> Option<Result<Facts, ClientAuthError>> {
    if !registered.is_public() {
        return None;
    }
    let is_it = registered.is_called(client_id);
    let facts = Facts::new(client_id.into(), ClientProof::None);
    Some(if is_it { Ok(facts) } else { Err(ClientAuthError::UnknownClient) })
}

/// MTL-1, OSC-4.
#[cfg(feature = "mtls")]
fn by_certificate(
    peer: Option<Peer<'_>>,
    client_id: &str,
    registered: &RegisteredClient,
    now: UnixTime,
) -> Result<(Facts, UnixTime), ClientAuthError> {
    let peer = peer.ok_or(ClientAuthError::CredentialsMissing)?;
    let is_called = registered.is_called(client_id);
    let mut refusal = ClientAuthError::MethodNotRegistered;
    for method in registered.methods() {
        let found = match (method, peer) {
            (RegisteredMethod::Spiffe(_), Peer::Verified(svid)) => {
                by_svid(svid, client_id, registered, now).map(|id| (id, ClientProof::X509Svid))
            }
            (RegisteredMethod::Tls(name), _) if is_called => peer
                .check_name(name, now)
                .map(|()| (client_id.into(), ClientProof::Certificate))
                .map_err(Into::into),
            (RegisteredMethod::SelfSignedTls(keys), _) if is_called => peer
                .check_key(keys)
                .map(|()| (client_id.into(), ClientProof::SelfSignedCertificate))
                .map_err(Into::into),
            _ => continue,
        };
        match found {
            Ok((id, proof)) => return Ok((of_certificate(peer, id, proof), now)),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

#[cfg(feature = "mtls")]
fn by_svid(
    svid: &VerifiedSvid,
    client_id: &str,
    registered: &RegisteredClient,
    now: UnixTime,
) -> Result<Box<str>, ClientAuthError> {
    super::spiffe::check_svid(svid, client_id, now)?;
    Ok(admit(svid.subject(), Some(client_id), Some(registered), SpiffeProof::X509Svid)?)
}

#[cfg(feature = "mtls")]
fn of_certificate(peer: Peer<'_>, id: Box<str>, proof: ClientProof) -> Facts {
    let mut facts = Facts::new(id, proof);
    facts.binding = Some(TokenBinding::Certificate(peer.fingerprint()));
    if let Peer::Verified(svid) = peer {
        facts.not_after = Some(svid.not_after());
        facts.agent = (proof != ClientProof::SelfSignedCertificate).then(|| svid.subject().clone());
    }
    facts
}

#[cfg(feature = "client-secret")]
fn by_secret(
    presented: PresentedSecret,
    registered: Option<&RegisteredClient>,
    now: UnixTime,
) -> Result<(Facts, UnixTime), ClientAuthError> {
    let client = registered.filter(|client| client.is_called(&presented.client_id));
    let secret = client.and_then(|client| {
        client.methods().find_map(|method| match method {
            RegisteredMethod::Secret(secret) => Some(secret),
            _ => None,
        })
    });
    if !presented.check(secret) {
        return Err(ClientAuthError::Secret { is_basic: presented.is_basic });
    }
    let proof = if presented.is_basic { ClientProof::SecretBasic } else { ClientProof::SecretPost };
    Ok((Facts::new(presented.client_id.into(), proof), now))
}

/// Options of a [`ClientAuthenticator`]; every default is the strict one.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientAuthenticatorBuilder {
    issuer: Issuer,
    replay: Arc<dyn ReplayStore>,
    backend: Backend,
    attestations: AttestationVerifier,
    audiences: AudiencePolicy,
    bundles: Option<Arc<dyn BundleSource>>,
    accepts_rs256_svids: bool,
    svid_replay: SvidReplay,
    marks: Option<Arc<dyn Marks>>,
    leeway: Duration,
}

impl ClientAuthenticatorBuilder {
    /// Which audience assertions may have. Default: [`AudiencePolicy::Strict`].
    pub fn audience_policy(mut self, policy: AudiencePolicy) -> Self {
        self.audiences = policy;
        self
    }

    /// Takes workloads of these trust domains for clients, where they are registered: by JWT-SVID and, with the feature `wit-svid`, by WIT-SVID. The bundles
    /// are configured by the operator, and come from nothing that a client says (SPC-2, OSC-9 to OSC-12).
    pub fn bundles(mut self, bundles: impl BundleSource + 'static) -> Self {
        self.bundles = Some(Arc::new(bundles));
        self
    }

    /// Takes JWT-SVIDs by RS256, too, which older issuers sign with. Default: ES256, ES384 and PS256.
    pub fn accept_rs256_svids(mut self) -> Self {
        self.accepts_rs256_svids = true;
        self
    }

    /// Whether a JWT-SVID can be shown again. Default: [`SvidReplay::AllowWithinLifetime`].
    pub fn svid_replay(mut self, replay: SvidReplay) -> Self {
        self.svid_replay = replay;
        self
    }

    /// Believes this attester, for clients that name it. One of the same name is replaced.
    pub fn attester(mut self, attester: TrustedAttester) -> Self {
        self.attestations.trust(attester);
        self
    }

    /// Wants a challenge of this server in the proofs of attested clients and of WIT-SVIDs. Default: none (ABC-5).
    pub fn require_attestation_challenges(mut self, challenges: impl DpopNonces + 'static) -> Self {
        self.attestations.proofs.challenges = Some(Arc::new(challenges));
        self
    }

    /// The algorithms that the proofs of attested clients and of WIT-SVIDs may have. Default: [`AlgorithmSet::STANDARD`].
    pub fn attestation_pop_algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.attestations.proofs.algorithms = algorithms;
        self
    }

    /// Takes no attestation that is older, or that does not say. Default: until it expires.
    pub fn max_attestation_age(mut self, age: Duration) -> Self {
        self.attestations.limit_age(age);
        self
    }

    /// Refuses clients, keys and workloads that were cut off. Default: nothing is known to be.
    pub fn marks(mut self, marks: impl Marks + 'static) -> Self {
        self.marks = Some(Arc::new(marks));
        self
    }

    /// How far clocks may disagree. Default: 30 s; at most 60 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> ClientAuthenticator {
        let Self { issuer, replay, backend, mut attestations, bundles, marks, leeway, .. } = self;
        attestations.leeway = leeway;
        let mut assertions = AssertionVerifier::new(issuer.clone(), Arc::clone(&replay), backend, leeway);
        assertions.audiences = self.audiences;
        let svids = bundles.as_ref().map(|bundles| {
            let mut svids = JwtSvidVerifier::builder(Arc::clone(bundles), issuer.as_str());
            svids = svids.single_audience().leeway(leeway);
            if self.accepts_rs256_svids {
                svids = svids.accept_rs256();
            }
            if let Some(marks) = &marks {
                svids = svids.marks(Arc::clone(marks));
            }
            SvidAssertionVerifier { svids: svids.build(), replays: self.svid_replay, replay, backend }
        });
        #[cfg(feature = "wit-svid")]
        let wits = bundles.map(|bundles| {
            let mut wits = WitVerifier::builder(Arc::clone(&bundles), backend).leeway(leeway);
            if let Some(marks) = &marks {
                wits = wits.marks(Arc::clone(marks));
            }
            WitClientVerifier { wits: wits.build(), bundles }
        });
        ClientAuthenticator {
            issuer,
            assertions,
            attestations,
            svids,
            #[cfg(feature = "wit-svid")]
            wits,
            marks,
            leeway,
        }
    }
}

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// JO-CLM-03.
const MAX_LEEWAY: Duration = Duration::from_secs(60);
