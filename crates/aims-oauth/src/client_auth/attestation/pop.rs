//! Verifying the proof by the key of an attestation.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::ReplayStore;
use aims_jose::json::Value;
use aims_jose::{Claims, ClaimsError, Jwk, JwsError, Limits, Thumbprint, UnverifiedJws, json};
use aims_keys::{Algorithm, AlgorithmSet, Backend, PublicKey, UnixTime};

use super::{AttestationError, POP_TYPE};
use crate::DpopNonces;

/// Verifies proofs that are for one server.
#[derive(Clone, Debug)]
pub(in crate::client_auth) struct PopVerifier {
    audience: Arc<str>,
    replay: Arc<dyn ReplayStore>,
    backend: Backend,
    pub(in crate::client_auth) challenges: Option<Arc<dyn DpopNonces>>,
    pub(in crate::client_auth) algorithms: AlgorithmSet,
    pub(in crate::client_auth) past: Duration,
}

/// The key that a proof has to be by.
#[derive(Clone, Copy, Debug)]
pub(in crate::client_auth) enum PopKey<'k> {
    /// This one, and by the algorithm that it is bound to (OSC-5, WS-6).
    #[cfg(feature = "wit-svid")]
    Exactly(&'k PublicKey),
    /// `jwk` of an attestation, which need not name its algorithm: the proof does.
    Jwk(Value<'k>),
}

/// A proof that was verified, and not remembered yet.
#[derive(Debug)]
pub(in crate::client_auth) struct OpenedPop {
    pub(super) key: PublicKey,
    id: Box<str>,
    issued_at: UnixTime,
}

impl PopVerifier {
    pub(in crate::client_auth) fn new(
        audience: Arc<str>,
        replay: Arc<dyn ReplayStore>,
        backend: Backend,
    ) -> Self {
        let algorithms = AlgorithmSet::STANDARD;
        Self { audience, replay, backend, challenges: None, algorithms, past: PAST }
    }

    /// Checks everything but whether the proof was used before.
    pub(in crate::client_auth) fn open(
        &self,
        proof: &str,
        key: PopKey<'_>,
        now: UnixTime,
    ) -> Result<OpenedPop, AttestationError> {
        let jws = UnverifiedJws::parse(proof, &LIMITS).map_err(AttestationError::of_pop)?;
        let header = jws.header();
        header.require_media_type(POP_TYPE).map_err(AttestationError::of_pop)?;
        if header.is_nested() {
            return Err(AttestationError::of_pop(JwsError::Nested));
        }
        if !self.algorithms.contains(header.algorithm()) {
            return Err(AttestationError::PopAlgorithm);
        }
        let key = self.key(key, header.algorithm())?;
        let verified = jws.verify(&key, self.algorithms).map_err(AttestationError::of_pop)?;
        let claims = Claims::read(verified.into_parts().1, &json::Limits::new())
            .map_err(AttestationError::PopMalformedClaims)?;
        self.check(&claims, now)?;
        let id = claims.token_id().ok_or(missing("jti"))?.into();
        let issued_at = claims.issued_at().ok_or(missing("iat"))?;
        Ok(OpenedPop { key, id, issued_at })
    }

    /// A proof counts once.
    pub(in crate::client_auth) fn remember(
        &self,
        proof: &OpenedPop,
        now: UnixTime,
    ) -> Result<(), AttestationError> {
        // Nobody accepts it after this.
        let until = proof.issued_at + self.past + Duration::from_secs(1);
        let id = format!("attestation_pop {} {}", self.audience, proof.id);
        self.replay.remember(&Thumbprint::of(&proof.key), &id, until, now).map_err(AttestationError::Replay)
    }

    /// Whether a challenge, if this server wants any, is one that it gave out not long ago.
    pub(super) fn check_challenge(
        &self,
        challenge: Option<&str>,
        now: UnixTime,
    ) -> Result<(), AttestationError> {
        let Some(challenges) = &self.challenges else { return Ok(()) };
        if challenge.is_some_and(|challenge| challenges.accepts(challenge, now)) {
            Ok(())
        } else {
            Err(AttestationError::ChallengeWanted)
        }
    }

    pub(super) fn backend(&self) -> Backend {
        self.backend
    }

    fn key(&self, key: PopKey<'_>, algorithm: Algorithm) -> Result<PublicKey, AttestationError> {
        match key {
            #[cfg(feature = "wit-svid")]
            PopKey::Exactly(key) => Ok(key.clone()),
            PopKey::Jwk(jwk) => {
                let jwk = Jwk::from_value(jwk, Some(algorithm), self.backend);
                Ok(jwk.map_err(AttestationError::Key)?.public_key().clone())
            }
        }
    }

    /// ABC-2, and the time first (ABC-6).
    fn check(&self, claims: &Claims, now: UnixTime) -> Result<(), AttestationError> {
        let issued_at = claims.issued_at().ok_or(missing("iat"))?;
        claims.token_id().ok_or(missing("jti"))?;
        if now + AHEAD < issued_at {
            return Err(AttestationError::PopNotYetValid);
        }
        if issued_at + self.past < now {
            return Err(AttestationError::PopTooOld);
        }
        // What else the proof says of its time.
        claims.check_times(now, AHEAD).map_err(|error| match error {
            ClaimsError::Expired => AttestationError::PopTooOld,
            _ => AttestationError::PopNotYetValid,
        })?;
        let audience = claims.audience().ok_or(missing("aud"))?;
        let mut all = audience.as_array();
        let only = match &mut all {
            None => Some(audience),
            Some(all) => all.next().filter(|_| all.next().is_none()),
        };
        if !only.is_some_and(|only| only.is_str(&self.audience)) {
            return Err(AttestationError::PopAudienceMismatch);
        }
        let challenge = match claims.get("challenge") {
            None => None,
            Some(challenge) => Some(
                challenge
                    .as_str()
                    .ok_or(AttestationError::PopMalformedClaims(ClaimsError::WrongType("challenge")))?,
            ),
        };
        self.check_challenge(challenge.as_deref(), now)
    }
}

fn missing(claim: &'static str) -> AttestationError {
    AttestationError::PopMalformedClaims(ClaimsError::Missing(claim))
}

/// ABC-6.
const PAST: Duration = Duration::from_secs(60);

const AHEAD: Duration = Duration::from_secs(5);

/// A proof says little.
const LIMITS: Limits = Limits::new().token(8 * 1024);
