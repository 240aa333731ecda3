//! What a user granted.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use aims_credential::Flight;
use aims_jose::base64url;
use aims_keys::{Backend, SealError, SealingKey, UnixTime};
use zeroize::Zeroizing;

use super::TokenNeed;
use crate::client::sealed::{open, seal};
use crate::{
    ClientError, ErrorCode, HeldToken, Issuer, NewParameters, OAuthClient, RefreshToken, Resource,
    VerifiedIdToken,
};

/// What a user granted: tokens come by it for as long as the server lets them. Cloning is cheap, and clones share it.
///
/// A server that rotates refresh tokens takes one that comes twice for stolen, and ends the grant (RFT-1). So one request at a time uses it: others wait. Keep the one
/// value, or what it was [sealed](Self::seal) to last, and not two. Let a request for a token end by itself: where its future is dropped after the server has given the
/// next refresh token, and before that is here, the user has to be asked again.
#[derive(Clone)]
pub struct UserGrant(Arc<Inner>);

struct Inner {
    id: Box<str>,
    issuer: Issuer,
    client_id: Box<str>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    subject: Option<Box<str>>,
    user: Option<VerifiedIdToken>,
    /// What came with the grant itself.
    first: Option<HeldToken>,
    refresh: Option<RefreshToken>,
    flight: Option<Arc<Flight>>,
    /// It was forgotten: what is still on its way by it counts for nothing.
    is_over: bool,
}

impl UserGrant {
    pub(super) fn new(first: &HeldToken, client_id: &str, backend: Backend) -> Result<Self, ClientError> {
        let mut id = Zeroizing::new([0; 16]);
        backend.fill_random(&mut *id)?;
        let refresh = first.refresh_token().cloned();
        let state = State { refresh, first: Some(first.clone()), ..State::default() };
        Ok(Self(Arc::new(Inner {
            id: base64url::encode(*id).into(),
            issuer: first.issuer().clone(),
            client_id: client_id.into(),
            state: Mutex::new(state),
        })))
    }

    /// Says whom it is of, at its server: what is marked as cut off under that name is not used any more (AZR-10).
    pub fn set_subject(&self, subject: &str) {
        self.lock().subject = Some(subject.into());
    }

    /// The user, where `openid` was granted: what the ID Token says that came with the grant. It is not there after a restart.
    #[must_use]
    pub fn user(&self) -> Option<VerifiedIdToken> {
        self.lock().user.clone()
    }

    pub(super) fn set_user(&self, user: VerifiedIdToken) {
        let mut state = self.lock();
        state.subject = Some(user.subject().into());
        state.user = Some(user);
    }

    /// The server.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// Whom it is of, if that was said.
    #[must_use]
    pub fn subject(&self) -> Option<Box<str>> {
        self.lock().subject.clone()
    }

    /// The token that came with it: with the ID Token, if there is one.
    #[must_use]
    pub fn first_token(&self) -> Option<HeldToken> {
        self.lock().first.clone()
    }

    /// Whether more tokens can be had by it, beyond the first.
    #[must_use]
    pub fn can_be_refreshed(&self) -> bool {
        self.lock().refresh.is_some()
    }

    /// Seals it, so that the host can store it: as text of base64url. The token that came with it is not in it, and not needed.
    ///
    /// # Errors
    ///
    /// [`ClientError::UserNeeded`] when no more tokens come by it; [`ClientError::Seal`].
    pub fn seal(&self, key: &SealingKey) -> Result<String, ClientError> {
        let refresh = self.lock().refresh.clone().ok_or(ClientError::UserNeeded)?;
        let mut form = NewParameters::new();
        form.add("id", &self.0.id).add("issuer", self.0.issuer.as_str()).add("client_id", &self.0.client_id);
        form.add_some("subject", self.subject().as_deref()).add("refresh_token", refresh.expose());
        seal(key, PURPOSE, &form)
    }

    /// Opens one that was sealed. Whoever stores several users' can mistake one for another: [`subject`](Self::subject) says whose it is, where that was known.
    ///
    /// # Errors
    ///
    /// [`ClientError::Seal`].
    pub fn open(sealed: &str, key: &SealingKey) -> Result<Self, ClientError> {
        let form = open(key, PURPOSE, sealed)?;
        let refresh = form.require("refresh_token")?.parse().map_err(|_| SealError::Closed)?;
        let subject = form.get("subject")?.map(Into::into);
        let state = State { subject, refresh: Some(refresh), ..State::default() };
        Ok(Self(Arc::new(Inner {
            id: form.require("id")?.into(),
            issuer: form.require("issuer")?.parse().map_err(|_| SealError::Closed)?,
            client_id: form.require("client_id")?.into(),
            state: Mutex::new(state),
        })))
    }

    pub(super) fn refresh_token(&self) -> Option<RefreshToken> {
        self.lock().refresh.clone()
    }

    pub(super) fn id(&self) -> &str {
        &self.0.id
    }

    /// Nothing comes by it any more, and what came with it is used no more.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        (state.is_over, state.refresh) = (true, None);
        if let Some(first) = state.first.take() {
            first.discard();
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    pub(super) fn downgrade(&self) -> WeakGrant {
        WeakGrant(Arc::downgrade(&self.0))
    }

    /// Shows the secrets in it.
    pub(super) fn visit(&self, visit: &mut dyn FnMut(&HeldToken), refresh: &mut dyn FnMut(&RefreshToken)) {
        // It is not locked while somebody looks.
        let (first, last) = {
            let state = self.lock();
            (state.first.clone(), state.refresh.clone())
        };
        first.iter().for_each(visit);
        last.iter().for_each(refresh);
    }

    /// The token that came with it, where it serves for this.
    pub(super) fn first_for(
        &self,
        client: &OAuthClient,
        need: &TokenNeed,
        resource: &Resource,
        now: UnixTime,
    ) -> Result<Option<HeldToken>, ClientError> {
        self.check(client)?;
        let binding = client.binding(now)?;
        let wanted = need.wanted(resource);
        let serves = |token: &HeldToken| {
            let has_scope = match (&wanted.scope, token.scope()) {
                (None, _) => true,
                (Some(wanted), Some(granted)) => wanted.is_subset_of(granted),
                (Some(_), None) => false,
            };
            let has_details = match (&wanted.details, token.details()) {
                (None, _) => true,
                (Some(wanted), Some(granted)) => granted.are_granted_of(wanted),
                (Some(_), None) => false,
            };
            let can_wait = !token.is_due(now) || !self.can_be_refreshed();
            token.resources() == [resource.clone()]
                && token.binding() == binding
                && has_scope
                && has_details
                && token.is_live(now)
                && can_wait
        };
        let first = self.first_token();
        Ok(first.filter(serves))
    }

    /// Uses the refresh token, by `run`, and keeps the one that comes in its place: one use at a time.
    pub(super) async fn refresh(
        &self,
        client: &OAuthClient,
        run: impl AsyncFnOnce(RefreshToken) -> Result<HeldToken, ClientError>,
    ) -> Result<HeldToken, ClientError> {
        self.check(client)?;
        let (token, using) = self.take().await?;
        let outcome = run(token).await;
        let mut state = self.lock();
        match &outcome {
            Ok(held) if state.is_over => {
                held.discard();
                return Err(ClientError::UserNeeded);
            }
            Ok(held) => {
                if let Some(next) = held.refresh_token() {
                    state.refresh = Some(next.clone());
                }
            }
            // The server knows it no more: nobody asks again, and the user has to be asked.
            Err(error) if error.error_code() == Some(ErrorCode::InvalidGrant) => state.refresh = None,
            Err(_) => {}
        }
        drop(state);
        drop(using);
        outcome
    }

    async fn take(&self) -> Result<(RefreshToken, Using<'_>), ClientError> {
        loop {
            let flight = {
                let mut state = self.lock();
                if let Some(flight) = &state.flight {
                    Arc::clone(flight)
                } else {
                    let token = state.refresh.clone().ok_or(ClientError::UserNeeded)?;
                    let flight = Arc::<Flight>::default();
                    state.flight = Some(Arc::clone(&flight));
                    return Ok((token, Using { grant: self, flight }));
                }
            };
            flight.over().await;
        }
    }

    /// A refresh token is its client's alone (RFT-2).
    fn check(&self, client: &OAuthClient) -> Result<(), ClientError> {
        let is_its = *client.issuer() == self.0.issuer && *client.client_id() == *self.0.client_id;
        if is_its { Ok(()) } else { Err(ClientError::OtherClient) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A grant that whoever has it may have dropped.
pub(super) struct WeakGrant(Weak<Inner>);

impl WeakGrant {
    pub(super) fn upgrade(&self) -> Option<UserGrant> {
        self.0.upgrade().map(UserGrant)
    }
}

/// However a use ends, the next one may begin: whoever made the request may be gone.
struct Using<'g> {
    grant: &'g UserGrant,
    flight: Arc<Flight>,
}

impl Drop for Using<'_> {
    fn drop(&mut self) {
        self.grant.lock().flight = None;
        self.flight.end();
    }
}

/// Shows whose it is.
impl fmt::Debug for UserGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserGrant")
            .field("issuer", &self.0.issuer)
            .field("client_id", &self.0.client_id)
            .field("subject", &self.subject())
            .finish_non_exhaustive()
    }
}

const PURPOSE: &str = "aims-oauth, grant of a user, 1";
