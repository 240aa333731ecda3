//! A user's word for an action: the server that asked writes it down, and the tool takes it once (`docs/spec/hitl.md` section 3).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::ReplayStore;
use aims_jose::base64url;
use aims_jose::json::ObjectWriter;
use aims_keys::{Backend, UnixTime};

use crate::{Action, ActionError, AuthorizationDetails, Authorized, Detail, MessageError, TokenBinding};

impl AuthorizationDetails {
    /// What is granted of these, after the user has confirmed the actions among them, at time `now`: each of the actions gets an identifier of 256 random bits and
    /// that time (HIL-41). Other details stay as they are.
    ///
    /// The server that asked the user calls this once, and keeps what it yields with the grant. Whatever comes of the grant has the same confirmation then: tokens by
    /// refresh, by exchange, or in another domain. It counts once, and for 120 s.
    ///
    /// ```
    /// use aims_keys::{UnixTime, backend};
    /// use aims_oauth::Action;
    ///
    /// let tool = "https://tools.example/v1".parse()?;
    /// let action = Action::new("pay", r#"{"amount": 12.50, "to": "hotel"}"#, &tool, "user-1")?;
    /// let asked = action.details("call-1", backend::ring())?;
    /// let granted = asked.confirmed(backend::ring(), UnixTime::from_secs(1_790_000_000))?;
    /// assert!(granted.as_json().ends_with(r#""confirmed_at":1790000000}]"#));
    ///
    /// let again = granted.confirmed(backend::ring(), UnixTime::from_secs(1_790_000_060)).unwrap_err();
    /// assert_eq!((again.code(), again.rule()), ("already_confirmed", "HIL-41"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ActionError::Confirmed`]: what was asked for has a confirmation, which nobody gives but the server. [`ActionError::Ambiguous`]. [`ActionError::Random`].
    pub fn confirmed(&self, backend: Backend, now: UnixTime) -> Result<Self, ActionError> {
        let confirm = |detail: Detail<'_>| {
            if is_action(&detail) {
                confirm(&detail, backend, now)
            } else {
                Ok(detail.as_value().raw().to_owned())
            }
        };
        let details = self.iter().map(confirm).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::parse(&format!("[{}]", details.join(",")))?)
    }

    /// Whether one of them says that a user confirmed it.
    pub(crate) fn have_confirmation(&self) -> bool {
        self.iter().any(|detail| is_action(&detail) && is_confirmed(&detail))
    }

    /// Whether these came of asking for `asked`: the same, but for the confirmations.
    pub(crate) fn are_granted_of(&self, asked: &Self) -> bool {
        self.len() == asked.len()
            && self.iter().zip(asked.iter()).all(|(granted, asked)| is_granted_of(&granted, &asked))
    }
}

/// Takes confirmations of users, each once: in a tool, before it does what was confirmed.
#[derive(Clone, Debug)]
pub struct ConfirmedActions {
    replay: Arc<dyn ReplayStore>,
    backend: Backend,
}

impl ConfirmedActions {
    /// Remembers in this store what was used. All instances of a tool share one.
    pub fn new(replay: impl ReplayStore + 'static, backend: Backend) -> Self {
        Self { replay: Arc::new(replay), backend }
    }

    /// Uses up the confirmation in the token of a request: the user has confirmed this very action, and it is done now. Of all requests with the same confirmation
    /// exactly one succeeds, whichever tokens they have (HIL-41).
    ///
    /// # Errors
    ///
    /// [`ActionError`]: the action must not be done then.
    pub fn redeem(
        &self,
        authorized: &Authorized,
        action: &Action<'_>,
        now: UnixTime,
    ) -> Result<(), ActionError> {
        use ActionError as E;

        let token = authorized.token();
        let details = token.details().ok_or(E::NotConfirmed)?;
        let mut confirmed = details.iter().filter(is_action);
        let (Some(detail), None) = (confirmed.next(), confirmed.next()) else {
            return Err(E::NotConfirmed);
        };
        if !action.is_confirmed_by(&detail, self.backend) {
            return Err(E::OtherAction);
        }
        let Some(TokenBinding::Key(key)) = token.binding() else { return Err(E::NotBound) };
        let lifetime = token.issued_at().map(|issued| token.not_after().since(issued));
        if lifetime.is_none_or(|lifetime| lifetime > MAX_LIFETIME) {
            return Err(E::TooLong);
        }
        let confirmation = Confirmation::read(&detail).ok_or(E::NoId)?;
        if !confirmation.counts_at(now) {
            return Err(E::OtherTime);
        }
        // By what every token that comes of the grant has in common: not by the token, nor by its key. The store is one for other things, too.
        let id = format!("{} {}", Action::DETAIL, confirmation.id);
        // Nobody takes it after this, whatever the clock.
        let until = confirmation.at + MAX_LIFETIME + MAX_LIFETIME;
        Ok(self.replay.remember_from_anyone(key, &id, until, now)?)
    }
}

/// What the server wrote down.
struct Confirmation<'d> {
    id: Cow<'d, str>,
    at: UnixTime,
}

impl<'d> Confirmation<'d> {
    fn read(detail: &Detail<'d>) -> Option<Self> {
        let id = detail.get(ID)?.as_str()?;
        let at = detail.get(AT)?.as_number()?.as_u64()?;
        let is_id = base64url::decode(&*id).is_ok_and(|id| id.len() == ID_BYTES);
        is_id.then_some(Self { id, at: UnixTime::from_secs(at) })
    }

    fn counts_at(&self, now: UnixTime) -> bool {
        self.at <= now + LEEWAY && now < self.at + MAX_LIFETIME
    }
}

fn confirm(detail: &Detail<'_>, backend: Backend, now: UnixTime) -> Result<String, ActionError> {
    if is_confirmed(detail) {
        return Err(ActionError::Confirmed);
    }
    // One action at one place: of several, nobody could say which it was that the user agreed to.
    if detail.actions().count() != 1 || detail.locations().count() != 1 {
        return Err(ActionError::Ambiguous);
    }
    let mut id = [0; ID_BYTES];
    backend.fill_random(&mut id).map_err(ActionError::Random)?;
    let mut confirmed = ObjectWriter::new();
    for (name, value) in detail.as_value().as_object().into_iter().flatten() {
        confirmed.value(&name.as_str(), value);
    }
    confirmed.str(ID, &base64url::encode(id)).u64(AT, now.as_secs());
    Ok(confirmed.finish().map_err(MessageError::from)?)
}

fn is_confirmed(detail: &Detail<'_>) -> bool {
    [ID, AT].iter().any(|name| detail.get(name).is_some())
}

fn is_granted_of(granted: &Detail<'_>, asked: &Detail<'_>) -> bool {
    if granted.as_value().raw() == asked.as_value().raw() {
        return true;
    }
    let without = members(granted).filter(|(name, _)| ![ID, AT].contains(&&**name));
    is_action(granted) && without.eq(members(asked))
}

/// As written.
fn members<'d>(detail: &Detail<'d>) -> impl Iterator<Item = (Cow<'d, str>, &'d str)> {
    let members = detail.as_value().as_object().into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), value.raw()))
}

fn is_action(detail: &Detail<'_>) -> bool {
    detail.kind() == Action::DETAIL
}

/// Which confirmation it is: base64url of 32 random bytes.
const ID: &str = "confirmation";

/// When the user gave it: a `NumericDate`, in whole seconds.
const AT: &str = "confirmed_at";

const ID_BYTES: usize = 32;

/// How far the clock of a server may be ahead: as that of whoever verifies its tokens.
const LEEWAY: Duration = Duration::from_secs(30);

/// Of a confirmation, and of a token that has one: HIL section 3, step 4.
const MAX_LIFETIME: Duration = Duration::from_secs(120);
