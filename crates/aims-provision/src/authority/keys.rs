//! The keys of an authority, all three kinds.

use std::fmt;
use std::sync::Arc;

use aims_credential::x509::{SvidIssuer, X509Authority};
use aims_credential::{JwtSvidIssuer, TrustBundle, WitIssuer, WitProfile};
use aims_id::{Origin, TrustDomain};
use aims_jose::{Jwk, JwkSet};
use aims_keys::store::{DeleteKeys, GenerateKeys, KeyHandle, KeyId};
use aims_keys::{Backend, UnixTime};

use super::line::{Line, Step};
use super::revoked::Revoked;
use super::{AuthorityError, AuthoritySettings};
use crate::CredentialType;

/// What signs now, and what others know of it.
pub(super) struct Current {
    pub(super) x509: SvidIssuer,
    pub(super) jwt: JwtSvidIssuer,
    pub(super) wit: WitIssuer,
    pub(super) bundle: Arc<TrustBundle>,
}

/// The keys in all their stages.
pub(super) struct Keys {
    makes: Makes,
    x509: Line<X509Key>,
    jwt: Line<TokenKey<JwtSvidIssuer>>,
    wit: Line<TokenKey<WitIssuer>>,
    revoked: Revoked,
    /// The edition of the bundle.
    sequence: u64,
    /// Whether it differs from the one that was given out last, or its revocation lists do.
    changed: bool,
}

/// Makes keys and what they sign with.
pub(super) struct Makes {
    pub(super) origin: Origin,
    pub(super) trust_domain: TrustDomain,
    pub(super) settings: AuthoritySettings,
    pub(super) store: Box<dyn Store>,
    pub(super) backend: Backend,
}

pub(super) trait Store: GenerateKeys + DeleteKeys {}

impl<S: GenerateKeys + DeleteKeys> Store for S {}

pub(super) struct X509Key {
    pub(super) issuer: SvidIssuer,
    authority: X509Authority,
    id: KeyId,
    begins: UnixTime,
    ends: UnixTime,
}

struct TokenKey<I> {
    issuer: I,
    jwk: Jwk,
    id: KeyId,
}

impl Keys {
    pub(super) fn new(makes: Makes, now: UnixTime) -> Result<Self, AuthorityError> {
        Ok(Self {
            x509: Line::new(makes.x509(now)?, now),
            jwt: Line::new(makes.jwt()?, now),
            wit: Line::new(makes.wit()?, now),
            revoked: Revoked::default(),
            // Greater than that of any bundle that an authority of this name published before this one (BND-10).
            sequence: now.as_secs(),
            changed: true,
            makes,
        })
    }

    /// What counts from now on; the bundle of `before`, if it is still the same.
    pub(super) fn current(&mut self, before: Option<&Current>) -> Result<Current, AuthorityError> {
        let bundle = match before {
            Some(before) if !self.changed => Arc::clone(&before.bundle),
            _ => Arc::new(self.bundle()?),
        };
        self.changed = false;
        Ok(Current {
            x509: self.x509.current().issuer.clone(),
            jwt: self.jwt.current().issuer.clone(),
            wit: self.wit.current().issuer.clone(),
            bundle,
        })
    }

    pub(super) fn next_step(&self) -> UnixTime {
        let timing = |kind| self.makes.settings.timing(kind);
        self.x509
            .next_step(&timing(CredentialType::X509))
            .min(self.jwt.next_step(&timing(CredentialType::Jwt)))
            .min(self.wit.next_step(&timing(CredentialType::Wit)))
            .min(self.revoked.next_step())
    }

    pub(super) fn advance(&mut self, now: UnixTime) -> Result<(), AuthorityError> {
        let Self { makes, x509, jwt, wit, .. } = self;
        let timing = |kind| makes.settings.timing(kind);
        let lifetime = makes.settings.lifetime(CredentialType::X509);
        let mut gone = Gone::default();
        let serves = |key: &X509Key| key.begins <= now && now + lifetime <= key.ends;
        // What one kind of key lacks does not keep the others from going on.
        let (of_x509, of_jwt, of_wit) =
            (timing(CredentialType::X509), timing(CredentialType::Jwt), timing(CredentialType::Wit));
        let mut step = Step::default();
        let made = [
            x509.advance(now, &of_x509, serves, || makes.x509(now), &mut gone.x509, &mut step),
            jwt.advance(now, &of_jwt, |_| true, || makes.jwt(), &mut gone.jwt, &mut step),
            wit.advance(now, &of_wit, |_| true, || makes.wit(), &mut gone.wit, &mut step),
        ];
        let deleted = gone.delete(&*makes.store);
        let noted = self.note(Ok(step)).and(made.into_iter().fold(Ok(()), Result::and));
        noted.and(self.sign_lists(now)).and(deleted)
    }

    pub(super) fn rotate(&mut self, now: UnixTime) -> Result<(), AuthorityError> {
        let Self { makes, x509, jwt, wit, .. } = self;
        let timing = |kind| makes.settings.timing(kind);
        let steps = [
            x509.rotate(now, &timing(CredentialType::X509), || makes.x509(now)),
            jwt.rotate(now, &timing(CredentialType::Jwt), || makes.jwt()),
            wit.rotate(now, &timing(CredentialType::Wit), || makes.wit()),
        ];
        let noted = self.note_all(steps);
        noted.and(self.sign_lists(now))
    }

    pub(super) fn replace(&mut self, kind: CredentialType, now: UnixTime) -> Result<(), AuthorityError> {
        let Self { makes, x509, jwt, wit, .. } = self;
        let mut gone = Gone::default();
        let step = match kind {
            CredentialType::X509 => x509.replace(now, || makes.x509(now), &mut gone.x509),
            CredentialType::Jwt => jwt.replace(now, || makes.jwt(), &mut gone.jwt),
            CredentialType::Wit => wit.replace(now, || makes.wit(), &mut gone.wit),
        };
        let deleted = gone.delete(&*makes.store);
        if kind == CredentialType::X509 && step.is_ok() {
            // They were for certificates that nobody trusts any more.
            self.revoked = Revoked::default();
        }
        self.note(step).and(self.sign_lists(now)).and(deleted)
    }

    pub(super) fn revoke(&mut self, serial: &str, now: UnixTime) -> Result<(), AuthorityError> {
        let lifetime = self.makes.settings.timing(CredentialType::X509).lingers;
        if !self.revoked.add(serial, now, lifetime)? {
            return Ok(());
        }
        let signed = self.sign_lists(now);
        if signed.is_err() {
            // Whoever called is told; what cannot be listed must not keep the others from being.
            self.revoked.forget(serial);
        }
        signed
    }

    fn sign_lists(&mut self, now: UnixTime) -> Result<(), AuthorityError> {
        let issuers = self.x509.published().map(|key| &key.issuer);
        if self.revoked.sign(issuers, now)? {
            self.changed = true;
        }
        Ok(())
    }

    /// What was done counts, though something else failed.
    fn note_all(&mut self, steps: [Result<Step, AuthorityError>; 3]) -> Result<(), AuthorityError> {
        let mut noted = Ok(());
        for step in steps {
            noted = noted.and(self.note(step));
        }
        noted
    }

    fn note(&mut self, step: Result<Step, AuthorityError>) -> Result<(), AuthorityError> {
        if step?.published {
            self.sequence += 1;
            self.changed = true;
            self.revoked.outdate();
        }
        Ok(())
    }

    fn bundle(&self) -> Result<TrustBundle, AuthorityError> {
        let wit = self.wit.published().map(|key| key.jwk.clone()).collect();
        let jwt = self.jwt.published().map(|key| key.jwk.clone()).collect();
        let bundle =
            TrustBundle::new(self.makes.origin.clone(), JwkSet::new(wit).map_err(AuthorityError::Key)?)
                .with_profile(WitProfile::WitSvid)
                .with_jwt_keys(JwkSet::new(jwt).map_err(AuthorityError::Key)?)
                .with_x509_authorities(self.x509.published().map(|key| key.authority.clone()).collect())
                .with_sequence(self.sequence)
                .with_refresh_hint(self.makes.settings.refresh_hint);
        Ok(bundle.with_revocation_lists(self.revoked.lists().to_vec()))
    }
}

impl Makes {
    fn x509(&self, now: UnixTime) -> Result<X509Key, AuthorityError> {
        let lifetime = self.settings.authority_lifetime();
        let key = self.key(CredentialType::X509)?;
        let id = key.id().clone();
        let most = self.settings.lifetime(CredentialType::X509);
        let issuer = SvidIssuer::root(self.origin.clone(), Arc::clone(key.signer()), lifetime, now)?
            .with_max_lifetime(most)
            .with_lifetime(most);
        Ok(X509Key { authority: issuer.authority()?, issuer, id, begins: now, ends: now + lifetime })
    }

    fn jwt(&self) -> Result<TokenKey<JwtSvidIssuer>, AuthorityError> {
        let key = self.key(CredentialType::Jwt)?;
        let (id, jwk) = named(&key)?;
        let issuer = JwtSvidIssuer::new(self.trust_domain.clone(), Arc::clone(key.signer()), id.as_str())?
            .with_max_lifetime(self.settings.lifetime(CredentialType::Jwt));
        Ok(TokenKey { issuer, jwk, id })
    }

    fn wit(&self) -> Result<TokenKey<WitIssuer>, AuthorityError> {
        let key = self.key(CredentialType::Wit)?;
        let (id, jwk) = named(&key)?;
        let issuer = WitIssuer::new(self.origin.clone(), Arc::clone(key.signer()), id.as_str())?
            .with_profile(WitProfile::WitSvid)?
            .with_max_lifetime(self.settings.lifetime(CredentialType::Wit));
        Ok(TokenKey { issuer, jwk, id })
    }

    /// A key of a name that no other has, in this process or the one before it.
    fn key(&self, kind: CredentialType) -> Result<KeyHandle, AuthorityError> {
        let mut random = [0; 8];
        self.backend.fill_random(&mut random).map_err(AuthorityError::Random)?;
        let name = format!("{}-{:016x}", kind.name(), u64::from_be_bytes(random));
        // INVARIANT: letters, digits and a dash.
        let id: KeyId = name.parse().map_err(|_| AuthorityError::Random(aims_keys::KeyError::Malformed))?;
        Ok(self.store.generate(&id, self.settings.algorithm)?)
    }
}

fn named(key: &KeyHandle) -> Result<(KeyId, Jwk), AuthorityError> {
    let id = key.id().clone();
    let jwk = Jwk::new(key.public_key().clone()).with_key_id(id.as_str()).map_err(AuthorityError::Key)?;
    Ok((id, jwk))
}

/// Keys that are done.
#[derive(Default)]
struct Gone {
    x509: Vec<X509Key>,
    jwt: Vec<TokenKey<JwtSvidIssuer>>,
    wit: Vec<TokenKey<WitIssuer>>,
}

impl Gone {
    fn delete(&self, store: &dyn Store) -> Result<(), AuthorityError> {
        let ids = self.x509.iter().map(|key| &key.id);
        let ids = ids.chain(self.jwt.iter().map(|key| &key.id)).chain(self.wit.iter().map(|key| &key.id));
        // One that stays behind keeps no other.
        ids.map(|id| store.delete(id)).fold(Ok(()), Result::and).map_err(AuthorityError::from)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("origin", &self.makes.origin).finish_non_exhaustive()
    }
}
