//! Verifying a proof.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::x509::CertificateRequest;
use aims_jose::jwt::claim;
use aims_keys::{Algorithm, AlgorithmSet, UnixTime};
use subtle::ConstantTimeEq;

use super::challenge::read_nonce;
use super::proof::Token;
use super::{ChallengeError, Challenges, KeyProof, KeyProofError, ProvenKey, TakenChallenge};

/// Verifies that a peer holds the key it wants certified, in either form of [`KeyProof`].
///
/// ```
/// use std::sync::Arc;
///
/// use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
/// use aims_provision::{Challenge, Challenges, KeyProof, KeyProofVerifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let challenges = Arc::new(Challenges::builder(backend::ring()).build());
/// let verifier = KeyProofVerifier::builder(challenges.clone()).build();
/// let now = UnixTime::from_secs(1_790_000_000);
/// let (audience, session) = ("spiffe://acme.example", b"connection 7");
///
/// // The issuer sends a challenge, ...
/// let nonce = challenges.issue(audience, session, now)?.nonce();
///
/// // ... the workload answers with a key of its own, ...
/// let key = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
/// let proof = Challenge::new(audience, &nonce)?.prepare_proof(key.public_key(), now)?.sign(&key)?;
///
/// // ... and the issuer knows that it holds it.
/// let proven = verifier.verify(&KeyProof::jws(&proof), audience, session, now)?;
/// let subject = "spiffe://acme.example/agents/travel".parse()?;
/// assert_eq!(proven.key_for(&subject, &[], now)?, key.public_key());
/// assert!(verifier.verify(&KeyProof::jws(&proof), audience, session, now).is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct KeyProofVerifier {
    challenges: Arc<Challenges>,
    algorithms: AlgorithmSet,
    leeway: Duration,
}

impl KeyProofVerifier {
    /// Starts from the challenges that were handed out, which are to be those of the same issuer.
    pub fn builder(challenges: Arc<Challenges>) -> KeyProofVerifierBuilder {
        KeyProofVerifierBuilder(Self { challenges, algorithms: DEFAULT_ALGORITHMS, leeway: DEFAULT_LEEWAY })
    }

    /// Checks that the peer of `session` holds the key of `proof`, and has shown so to `audience`, at time `now`, for this challenge and for
    /// the first time.
    ///
    /// The challenge is taken after the signature was checked and before anything else that the proof says. Earlier, text that nobody
    /// signed would decide about it; later, of two uses at once both could pass. What was not signed by its own key leaves the
    /// challenge as it was, until its time is over, and gains nothing by trying again. What was signed, and is wrong, has used it up. And only
    /// in its own session: who saw or guessed the challenge of another cannot use it up.
    ///
    /// # Errors
    ///
    /// [`KeyProofError`] names the first check that failed: form, type and algorithm, the key, its signature, the claims or the
    /// attributes, the challenge, and then whether the proof answers it.
    pub fn verify(
        &self,
        proof: &KeyProof<'_>,
        audience: &str,
        session: &[u8],
        now: UnixTime,
    ) -> Result<ProvenKey, KeyProofError> {
        let answer = self.signed(proof)?;
        let challenge = self.challenges.take(&answer.nonce(), audience, session, now)?;
        self.prove(answer, challenge, now)
    }

    /// As [`verify`](Self::verify), for a challenge that was taken already, because evidence holds it, too (ATT-22). Appraise the evidence
    /// first: the challenge is used up here.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify); [`ChallengeError::Unknown`] when the proof answers another challenge, and
    /// [`ChallengeError::Expired`] when this one has ended meanwhile.
    pub fn verify_taken(
        &self,
        proof: &KeyProof<'_>,
        challenge: TakenChallenge,
        now: UnixTime,
    ) -> Result<ProvenKey, KeyProofError> {
        let answer = self.signed(proof)?;
        if now >= challenge.not_after() {
            return Err(ChallengeError::Expired.into());
        }
        if !bool::from(read_nonce(&answer.nonce())?.ct_eq(challenge.challenge().nonce_bytes())) {
            return Err(ChallengeError::Unknown.into());
        }
        self.prove(answer, challenge, now)
    }

    /// Reads a proof and checks that its own key has signed it.
    fn signed<'p>(&self, proof: &KeyProof<'p>) -> Result<Answer<'p>, KeyProofError> {
        match *proof {
            KeyProof::Jws(text) => {
                Ok(Answer::Token(Token::verify(text, self.algorithms, self.challenges.backend())?))
            }
            KeyProof::Request { der, nonce } => {
                let request = CertificateRequest::verify(der, self.challenges.backend())?;
                if !self.algorithms.contains(request.key().algorithm()) {
                    return Err(KeyProofError::AlgorithmNotAllowed);
                }
                let binding = request.challenge().ok_or(KeyProofError::NoChallenge)?.into();
                Ok(Answer::Request { request: Box::new(request), binding, nonce })
            }
        }
    }

    /// Checks that it answers this challenge.
    fn prove(
        &self,
        answer: Answer<'_>,
        challenge: TakenChallenge,
        now: UnixTime,
    ) -> Result<ProvenKey, KeyProofError> {
        let not_after = challenge.not_after();
        let (key, request) = match answer {
            Answer::Token(token) => {
                self.check_token(&token, &challenge, now)?;
                (token.key, None)
            }
            Answer::Request { request, binding, .. } => {
                if !challenge.challenge().binding(request.key()).matches(&binding) {
                    return Err(KeyProofError::BindingMismatch);
                }
                (request.key().clone(), Some(request))
            }
        };
        let binding = challenge.challenge().binding(&key);
        Ok(ProvenKey { key, binding, session: challenge.into_session(), not_after, request })
    }

    /// What the claims of a token say, against the challenge they name.
    fn check_token(
        &self,
        token: &Token,
        challenge: &TakenChallenge,
        now: UnixTime,
    ) -> Result<(), KeyProofError> {
        if token.audience() != challenge.challenge().audience() {
            return Err(KeyProofError::AudienceMismatch);
        }
        if !challenge.challenge().binding(&token.key).matches(&token.binding()) {
            return Err(KeyProofError::BindingMismatch);
        }
        claim::check_issued_at(token.issued_at, now, self.leeway)?;
        if token.issued_at + self.leeway < challenge.issued_at() {
            return Err(KeyProofError::TooOld);
        }
        Ok(())
    }
}

/// A proof that its own key has signed.
enum Answer<'a> {
    Token(Token),
    Request { request: Box<CertificateRequest>, binding: Box<str>, nonce: &'a str },
}

impl Answer<'_> {
    fn nonce(&self) -> Cow<'_, str> {
        match self {
            Self::Token(token) => token.nonce(),
            Self::Request { nonce, .. } => Cow::Borrowed(nonce),
        }
    }
}

/// Options of a [`KeyProofVerifier`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct KeyProofVerifierBuilder(KeyProofVerifier);

impl KeyProofVerifierBuilder {
    /// The algorithms of the keys that are accepted. Default: ES256, ES384, and Ed25519 under both names.
    pub fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.0.algorithms = algorithms;
        self
    }

    /// How far the clock of a workload may differ from ours. Default: 30 s; at most 120 s. The life of a challenge goes by our clock
    /// alone, and has none.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.0.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> KeyProofVerifier {
        self.0
    }
}

const DEFAULT_ALGORITHMS: AlgorithmSet =
    AlgorithmSet::of(&[Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::Es256, Algorithm::Es384]);

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

const MAX_LEEWAY: Duration = Duration::from_secs(120);
