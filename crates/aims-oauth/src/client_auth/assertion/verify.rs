//! Verifying an assertion (RFC 7523 §3).

use std::sync::Arc;
use std::time::Duration;

use aims_credential::ReplayStore;
use aims_jose::{Claims, ClaimsError, Header, Thumbprint};
use aims_keys::{AlgorithmSet, Backend, PublicKey, UnixTime};

use super::decoy::Decoys;
use super::presented::PresentedAssertion;
use super::{AudiencePolicy, ClientAssertionError, ClientKeys};
use crate::Issuer;
use crate::client_auth::ClientAuthError;

/// Verifies the assertions that are for one server.
#[derive(Clone, Debug)]
pub(in crate::client_auth) struct AssertionVerifier {
    issuer: Issuer,
    pub(in crate::client_auth) audiences: AudiencePolicy,
    replay: Arc<dyn ReplayStore>,
    decoys: Arc<Decoys>,
    pub(in crate::client_auth) leeway: Duration,
    pub(in crate::client_auth) max_lifetime: Duration,
}

/// What the keys of a client come to.
pub(in crate::client_auth) enum Keys<'k> {
    /// The client has these.
    Of(&'k ClientKeys),
    /// There is no client with keys, for this reason.
    None(ClientAuthError),
}

impl AssertionVerifier {
    pub(in crate::client_auth) fn new(
        issuer: Issuer,
        replay: Arc<dyn ReplayStore>,
        backend: Backend,
        leeway: Duration,
    ) -> Self {
        Self {
            issuer,
            audiences: AudiencePolicy::Strict,
            replay,
            decoys: Arc::new(Decoys::new(backend)),
            leeway,
            max_lifetime: MAX_LIFETIME,
        }
    }

    /// Checks an assertion with the keys of the client that it names. Says since when it counts.
    ///
    /// One signature is verified, whether there is such a client or not (CJA-6).
    pub(in crate::client_auth) fn verify(
        &self,
        presented: PresentedAssertion<'_>,
        keys: Keys<'_>,
        now: UnixTime,
    ) -> Result<UnixTime, ClientAuthError> {
        let PresentedAssertion { jws, claims, expires } = presented;
        let (key, refusal) = self.choose(keys, jws.header());
        let algorithm = AlgorithmSet::of(&[jws.header().algorithm()]);
        let verified = key.map(|key| jws.verify(key, algorithm).map(|_| key.clone()));
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let verified = verified.ok_or(ClientAssertionError::Signature)?;
        let key = verified.map_err(ClientAssertionError::from)?;

        self.check_audience(&claims)?;
        claims.check_times(now, self.leeway).map_err(ClientAssertionError::from)?;
        // What says not when it was made was made now.
        let latest = now + self.leeway;
        let begun = claims.issued_at().map_or(latest, |iat| iat.min(latest));
        if expires.since(begun) > self.max_lifetime {
            return Err(ClientAssertionError::LifetimeTooLong.into());
        }
        let (client_id, id) = (claims.subject().unwrap_or_default(), claims.token_id().unwrap_or_default());
        let id = format!("client_assertion {client_id} {id}");
        // Nobody accepts it after this.
        let until = expires + self.leeway;
        let remembered = self.replay.remember(&Thumbprint::of(&key), &id, until, now);
        remembered.map_err(ClientAssertionError::Replay)?;
        Ok(begun.min(now))
    }

    /// A key to verify with, and why the assertion is refused whatever comes of it.
    fn choose<'k>(
        &'k self,
        keys: Keys<'k>,
        header: &Header,
    ) -> (Option<&'k PublicKey>, Option<ClientAuthError>) {
        let refusal = match keys {
            Keys::Of(keys) => match keys.find(header) {
                Ok(key) => return (Some(key), None),
                Err(refusal) => ClientAssertionError::from(refusal).into(),
            },
            Keys::None(refusal) => refusal,
        };
        (self.decoys.key(header.algorithm()), Some(refusal))
    }

    /// CJA-3.
    fn check_audience(&self, claims: &Claims) -> Result<(), ClientAssertionError> {
        let audience = claims.audience().ok_or(ClaimsError::Missing("aud"))?;
        let only = match audience.as_array() {
            None => audience,
            Some(mut all) => match (all.next(), all.next()) {
                (Some(only), None) => only,
                _ => return Err(ClientAssertionError::MultipleAudiences),
            },
        };
        if self.audiences.accepts(only, &self.issuer) {
            Ok(())
        } else {
            Err(ClientAssertionError::AudienceMismatch)
        }
    }
}

/// CJA-2.
const MAX_LIFETIME: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use aims_jose::{Jwk, JwkSet, Limits, NewHeader, UnverifiedJws};
    use aims_keys::{Algorithm, SoftwareKey, backend};
    use aims_proof::ReplayMemory;

    use super::*;

    #[test]
    fn cja_6_whoever_is_named_one_signature_of_the_same_algorithm_is_verified() {
        let (issuer, replay) = ("https://as.example".parse().unwrap(), ReplayMemory::with_capacity(0));
        let verifier = AssertionVerifier::new(issuer, Arc::new(replay), backend::ring(), Duration::ZERO);
        let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
        let other = SoftwareKey::generate(Algorithm::Ed25519, backend::ring()).unwrap();
        let set = |key: &SoftwareKey, kid| {
            let jwk = Jwk::new(key.public_key().clone()).with_key_id(kid).unwrap();
            ClientKeys::new(JwkSet::new(vec![jwk]).unwrap())
        };
        let token = NewHeader::with_key_id("client-authentication+jwt", key.public_key(), "k").unwrap();
        let token = token.unsigned("{}").sign(&key).unwrap();
        let jws = UnverifiedJws::parse(&token, &Limits::new()).unwrap();
        let good = set(&key, "k");
        for keys in [
            Keys::None(ClientAuthError::UnknownClient),
            Keys::Of(&set(&key, "other")),
            Keys::Of(&set(&other, "k")),
            Keys::Of(&good.clone().with_algorithms(AlgorithmSet::EMPTY)),
            Keys::Of(&ClientKeys::new(JwkSet::default())),
        ] {
            let (decoy, refusal) = verifier.choose(keys, jws.header());
            assert_eq!(decoy.unwrap().algorithm(), Algorithm::Es256);
            assert!(refusal.is_some() && decoy != Some(key.public_key()));
        }
        let (chosen, refusal) = verifier.choose(Keys::Of(&good), jws.header());
        assert!(chosen == Some(key.public_key()) && refusal.is_none());
    }
}
