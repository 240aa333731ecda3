//! Verifying an attestation.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::ReplayStore;
use aims_jose::json::Value;
use aims_jose::{Claims, ClaimsError, Confirmation, Jwk, Thumbprint};
use aims_keys::{AlgorithmSet, Backend, PublicKey, UnixTime};

use super::attester::Attesters;
use super::pop::{OpenedPop, PopKey, PopVerifier};
use super::verified::Facts;
use super::{AttestationError, AttestationProof, PresentedAttestation, TrustedAttester, VerifiedAttestation};
use crate::{DpopNonces, VerifiedDpopProof};

/// Verifies the attestations of clients, with the proofs by their keys, at an authorization server or a resource server.
///
/// An authorization server takes a [`ClientAuthenticator`](crate::ClientAuthenticator), which has one.
///
/// ```
/// use aims_jose::JwkSet;
/// use aims_keys::{UnixTime, backend};
/// use aims_oauth::{AttestationVerifier, PresentedAttestation, TrustedAttester};
/// # use aims_proof::ReplayMemory;
///
/// # let published = r#"{"keys":[]}"#;
/// let attester = TrustedAttester::new("https://attester.example", JwkSet::parse(published, backend::ring())?);
/// let replay = ReplayMemory::with_capacity(100_000);
/// let verifier = AttestationVerifier::builder("https://tools.example", attester, replay, backend::ring()).build();
///
/// let fields: [(&str, &[u8]); 1] = [("OAuth-Client-Attestation", b"not-a-jwt")];
/// let refused = PresentedAttestation::read(fields).unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("malformed", "ABC-1"));
/// # let _ = (verifier, UnixTime::from_secs(0));
/// # Ok::<(), aims_jose::JwkError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AttestationVerifier {
    attesters: Attesters,
    pub(in crate::client_auth) proofs: PopVerifier,
    pub(in crate::client_auth) leeway: Duration,
    max_age: Option<Duration>,
}

impl AttestationVerifier {
    /// Starts from what has no safe default: who this server is (its issuer identifier, or its resource identifier), whom it believes, what remembers
    /// proofs, and the backend that keys are loaded with.
    pub fn builder(
        audience: impl Into<Arc<str>>,
        attester: TrustedAttester,
        replay: impl ReplayStore + 'static,
        backend: Backend,
    ) -> AttestationVerifierBuilder {
        let mut verifier = Self::none(audience.into(), Arc::new(replay), backend);
        verifier.trust(attester);
        AttestationVerifierBuilder(verifier)
    }

    /// Checks an attestation and its proof, or the `DPoP` proof of the request in its place. A proof counts once.
    ///
    /// # Errors
    ///
    /// [`AttestationError`] names the first check that failed.
    pub fn verify(
        &self,
        presented: PresentedAttestation<'_>,
        dpop: Option<&VerifiedDpopProof>,
        now: UnixTime,
    ) -> Result<VerifiedAttestation, AttestationError> {
        let (attestation, proof) = self.open(presented, dpop, now)?;
        self.remember(proof.as_ref(), now)?;
        Ok(attestation)
    }

    /// The challenge that is to be used now, if this server wants any: for the challenge endpoint, and for the field
    /// [`ATTESTATION_CHALLENGE_FIELD`](super::ATTESTATION_CHALLENGE_FIELD).
    #[must_use]
    pub fn challenge(&self, now: UnixTime) -> Option<String> {
        self.proofs.challenges.as_ref().map(|challenges| challenges.current(now))
    }

    /// One that believes nobody.
    pub(in crate::client_auth) fn none(
        audience: Arc<str>,
        replay: Arc<dyn ReplayStore>,
        backend: Backend,
    ) -> Self {
        let proofs = PopVerifier::new(audience, replay, backend);
        Self { attesters: Attesters::default(), proofs, leeway: DEFAULT_LEEWAY, max_age: None }
    }

    pub(in crate::client_auth) fn trust(&mut self, attester: TrustedAttester) {
        self.attesters.add(attester);
    }

    pub(in crate::client_auth) fn limit_age(&mut self, age: Duration) {
        self.max_age = Some(age);
    }

    /// Everything but whether the proof was used before.
    pub(in crate::client_auth) fn open(
        &self,
        presented: PresentedAttestation<'_>,
        dpop: Option<&VerifiedDpopProof>,
        now: UnixTime,
    ) -> Result<(VerifiedAttestation, Option<OpenedPop>), AttestationError> {
        let attester = self.attesters.find(presented.claims.issuer().as_deref(), presented.header())?;
        if !attester.algorithms().contains(presented.header().algorithm()) {
            return Err(AttestationError::UnsupportedAlgorithm);
        }
        let key = attester.find(presented.header())?;
        let PresentedAttestation { jws, claims, expires, proof } = presented;
        jws.verify(key, attester.algorithms())?;
        claims.check_times(now, self.leeway)?;
        self.check_age(&claims, now)?;

        let jwk = self.confirmation(&claims)?;
        let (key, opened) = match (proof, dpop) {
            (Some(proof), _) => {
                let opened = self.proofs.open(proof, PopKey::Jwk(jwk), now)?;
                (opened.key.clone(), Some(opened))
            }
            (None, Some(dpop)) => (self.check_dpop(jwk, dpop, now)?, None),
            (None, None) => return Err(AttestationError::PopMissing),
        };
        let verified = VerifiedAttestation::new(Facts {
            attester: Arc::clone(attester.shared_name()),
            thumbprint: Thumbprint::of(&key),
            key,
            expires,
            proof: if opened.is_some() { AttestationProof::Pop } else { AttestationProof::Dpop },
            claims,
        });
        Ok((verified, opened))
    }

    /// What remembers `DPoP` proofs has done so already.
    pub(in crate::client_auth) fn remember(
        &self,
        proof: Option<&OpenedPop>,
        now: UnixTime,
    ) -> Result<(), AttestationError> {
        proof.map_or(Ok(()), |proof| self.proofs.remember(proof, now))
    }

    /// Fresh enough for this server: what says not when it was made is not.
    fn check_age(&self, claims: &Claims, now: UnixTime) -> Result<(), AttestationError> {
        let Some(max_age) = self.max_age else { return Ok(()) };
        let is_fresh =
            claims.issued_at().is_some_and(|iat| now.since(iat) <= max_age.saturating_add(self.leeway));
        if is_fresh { Ok(()) } else { Err(AttestationError::Stale) }
    }

    /// JO-KEY-10: `jwk`, and no other key beside it.
    fn confirmation<'c>(&self, claims: &'c Claims) -> Result<Value<'c>, AttestationError> {
        let cnf = claims.get("cnf").ok_or(ClaimsError::Missing("cnf"))?;
        match Confirmation::read(cnf, self.proofs.backend()) {
            // Its algorithm may be missing: then it is that of the proof.
            Ok(Confirmation::Jwk(_))
            | Err(ClaimsError::ConfirmationKey(aims_jose::JwkError::AlgorithmMissing)) => {}
            Err(ClaimsError::ConfirmationKey(error)) => return Err(AttestationError::Key(error)),
            Err(malformed @ ClaimsError::WrongType(_)) => return Err(malformed.into()),
            _ => return Err(AttestationError::Confirmation),
        }
        cnf.get("jwk").ok_or(AttestationError::Confirmation)
    }

    /// ABC-3.
    fn check_dpop(
        &self,
        jwk: Value<'_>,
        dpop: &VerifiedDpopProof,
        now: UnixTime,
    ) -> Result<PublicKey, AttestationError> {
        let key = Jwk::from_value(jwk, Some(dpop.key().algorithm()), self.proofs.backend());
        match key {
            Ok(key) if key.public_key() == dpop.key() => {}
            // The key of the attestation is good; the one of the proof is of another kind.
            Ok(_) | Err(_) => return Err(AttestationError::DpopKeyMismatch),
        }
        self.proofs.check_challenge(dpop.nonce(), now)?;
        Ok(dpop.key().clone())
    }
}

/// Options of an [`AttestationVerifier`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct AttestationVerifierBuilder(AttestationVerifier);

impl AttestationVerifierBuilder {
    /// Believes this attester, too. One of the same name is replaced.
    pub fn trust(mut self, attester: TrustedAttester) -> Self {
        self.0.trust(attester);
        self
    }

    /// Wants a challenge of this server in every proof, or in the nonce of the `DPoP` proof that stands for it. Default: none.
    pub fn require_challenges(mut self, challenges: impl DpopNonces + 'static) -> Self {
        self.0.proofs.challenges = Some(Arc::new(challenges));
        self
    }

    /// The algorithms that proofs may have. Default: [`AlgorithmSet::STANDARD`].
    pub fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.0.proofs.algorithms = algorithms;
        self
    }

    /// Takes no attestation that is older, or that does not say. Default: until it expires.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.0.limit_age(age);
        self
    }

    /// How far the clocks of attesters may be wrong. Default: 30 s; at most 60 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.0.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> AttestationVerifier {
        self.0
    }
}

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// JO-CLM-03.
const MAX_LEEWAY: Duration = Duration::from_secs(60);
