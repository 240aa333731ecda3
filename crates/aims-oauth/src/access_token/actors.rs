//! `act`: who acts for the subject, and who had acted before (RFC 8693 §4.1).

use std::borrow::Cow;

use aims_jose::Claims;
use aims_jose::json::{Object, Span, Value};

use super::AccessTokenError;

/// Those who act for the subject of a token, the one that acts now first.
///
/// Decisions rest on the first alone; the others are for records, but that a token ends with each of them that is cut off (EXC-4).
#[derive(Clone, Copy)]
pub struct ActorChain<'t> {
    object: &'t Object,
    first: Option<Span>,
}

/// One that acts, or acted.
#[derive(Clone, Copy)]
pub struct Actor<'t>(Value<'t>);

impl<'t> ActorChain<'t> {
    /// Whether nobody acts but the client itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The one that acts now.
    #[must_use]
    pub fn current(&self) -> Option<Actor<'t>> {
        self.iter().next()
    }

    /// All of them, from the one that acts now to the one that acted first.
    pub fn iter(&self) -> impl Iterator<Item = Actor<'t>> + use<'t> {
        let first = self.first.and_then(|span| self.object.at(span));
        std::iter::successors(first, |actor| actor.get("act")).map(Actor)
    }

    /// Each by whose name it has, and the name: that of `issuer`, where it says no other.
    pub(crate) fn names<'i>(&self, issuer: &'i str) -> Vec<(Cow<'i, str>, Cow<'i, str>)>
    where
        't: 'i,
    {
        self.iter().map(|actor| (actor.issuer().unwrap_or(issuer.into()), actor.subject())).collect()
    }

    /// INVARIANT: they were checked.
    pub(crate) fn of_claims(claims: &'t Claims) -> Self {
        Self { object: claims.as_object(), first: claims.get("act").map(|act| act.span()) }
    }

    pub(super) fn new(object: &'t Object, first: Option<Span>) -> Self {
        Self { object, first }
    }
}

impl<'t> Actor<'t> {
    /// INVARIANT: it was checked.
    pub(super) fn new(value: Value<'t>) -> Self {
        Self(value)
    }

    /// `sub`: never empty.
    #[must_use]
    pub fn subject(&self) -> Cow<'t, str> {
        self.0.get("sub").and_then(|sub| sub.as_str()).unwrap_or_default()
    }

    /// `iss`: who knows it by that name, if that is another than who issued the token.
    #[must_use]
    pub fn issuer(&self) -> Option<Cow<'t, str>> {
        self.0.get("iss").and_then(|iss| iss.as_str())
    }
}

impl std::fmt::Debug for ActorChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl std::fmt::Debug for Actor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actor").field("subject", &self.subject()).field("issuer", &self.issuer()).finish()
    }
}

/// EXC-4, EXC-8: at each depth an object that names somebody, and at most so many.
pub(crate) fn check(act: Value<'_>) -> Result<(), AccessTokenError> {
    let mut next = Some(act);
    for _ in 0..MAX_DEPTH {
        let Some(actor) = next else { return Ok(()) };
        check_party(actor)?;
        next = actor.get("act");
    }
    if next.is_none() { Ok(()) } else { Err(AccessTokenError::ActorsTooDeep) }
}

/// An object with a `sub` that says something, and an `iss` that is a text, if there is one.
pub(super) fn check_party(party: Value<'_>) -> Result<(), AccessTokenError> {
    let names = |name: &str| party.get(name).map(|value| value.as_str().is_some_and(|text| !text.is_empty()));
    let is_sound = party.as_object().is_some() && names("sub") == Some(true) && names("iss") != Some(false);
    if is_sound { Ok(()) } else { Err(AccessTokenError::Actor) }
}

/// WIR-9.
pub(crate) const MAX_DEPTH: usize = 8;
