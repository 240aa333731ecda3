//! What may be asked for: no more than there is.

use aims_id::WorkloadId;
use aims_keys::UnixTime;

use super::DerivationError;
use crate::{AuthorizationDetails, DetailRule, NewActor, Scope, VerifiedAccessToken};

/// What is asked for, of a token.
#[derive(Clone, Debug)]
pub(super) struct Asked<'a> {
    pub(super) parent: &'a VerifiedAccessToken,
    /// Who acts from now on, and the issuer that knows it by this name, if that is another than the one of the token that is to come.
    pub(super) actor: &'a str,
    pub(super) known_to: Option<&'a str>,
    pub(super) scope: Option<Scope>,
    pub(super) details: Option<AuthorizationDetails>,
}

/// What was asked for, and is within what there is.
#[derive(Clone, Debug)]
pub(super) struct Within {
    pub(super) scope: Scope,
    pub(super) details: Option<AuthorizationDetails>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(parent: &'a VerifiedAccessToken, actor: &'a str) -> Self {
        Self { parent, actor, known_to: None, scope: None, details: None }
    }

    /// EXC-3, EXC-5: `unasked` are the details where none were asked for.
    pub(super) fn within(
        &self,
        unasked: Option<&AuthorizationDetails>,
        rule: &dyn DetailRule,
        now: UnixTime,
    ) -> Result<Within, DerivationError> {
        use DerivationError as E;

        let parent = self.parent;
        if let Some(may_act) = parent.may_act() {
            let own = parent.issuer().as_str();
            let known_to = self.known_to.unwrap_or(own);
            let is_meant = match may_act.issuer() {
                Some(issuer) => *issuer == *known_to,
                // A name without an issuer is one of this issuer's; that of a workload is the same everywhere.
                None => known_to == own || self.actor.parse::<WorkloadId>().is_ok(),
            };
            if may_act.subject() != self.actor || !is_meant {
                return Err(E::NotTheActor);
            }
        }
        let scope = self.scope.as_ref().unwrap_or(parent.scope());
        if !scope.is_subset_of(parent.scope()) {
            return Err(E::Scope(scope.without(parent.scope())));
        }
        let details = match (&self.details, parent.details()) {
            (None, _) => unasked,
            (Some(asked), Some(granted)) if asked.is_within(granted, rule) => Some(asked),
            (Some(_), _) => return Err(E::Details),
        };
        if parent.not_after() <= now {
            return Err(E::Expired);
        }
        Ok(Within { scope: scope.clone(), details: details.cloned() })
    }

    /// The new actor in front of those before it, of which there may be so many and no more.
    pub(super) fn actor_after_all(&self) -> Result<NewActor<'a>, DerivationError> {
        if actors_of(self.parent) >= crate::access_token::MAX_ACTORS {
            return Err(DerivationError::TooManyActors);
        }
        Ok(self.actor_alone().after(self.parent))
    }

    pub(super) fn actor_alone(&self) -> NewActor<'a> {
        let actor = NewActor::new(self.actor);
        match self.known_to {
            Some(issuer) => actor.known_to(issuer),
            None => actor,
        }
    }
}

impl Within {
    /// How many details are left out.
    pub(super) fn details_less_than(&self, parent: &VerifiedAccessToken) -> usize {
        let count = |details: Option<&AuthorizationDetails>| details.map_or(0, AuthorizationDetails::len);
        count(parent.details()).saturating_sub(count(self.details.as_ref()))
    }
}

/// Those who acted, its client among them where it names none and is about somebody else.
fn actors_of(token: &VerifiedAccessToken) -> usize {
    match token.actors().iter().count() {
        0 => usize::from(!token.is_autonomous()),
        named => named,
    }
}
