//! Who acts for the subject of a token that is to be issued (RFC 8693 §4.1).

use aims_jose::json::{ObjectWriter, Value};

use crate::{VerifiedAccessToken, VerifiedGrant};

/// Who acts for the subject of a token that is to be issued.
#[derive(Clone, Copy, Debug)]
pub struct NewActor<'a> {
    subject: &'a str,
    issuer: Option<&'a str>,
    before: Option<Before<'a>>,
}

/// Who acted before.
#[derive(Clone, Copy, Debug)]
enum Before<'a> {
    /// Those in this claim.
    Actors(Value<'a>),
    /// This client: the token names no actor, and is about somebody else.
    Client(Value<'a>),
    /// Those in this claim, each known to this issuer, where it names none.
    Elsewhere(Value<'a>, &'a str),
}

impl<'a> NewActor<'a> {
    /// This one, as the issuer of the token knows it.
    #[must_use]
    pub fn new(subject: &'a str) -> Self {
        Self { subject, issuer: None, before: None }
    }

    /// As another issuer knows it.
    #[must_use]
    pub fn known_to(mut self, issuer: &'a str) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// In front of those who acted before: each exchange is a hop, also by who acts already (EXC-8). Where a token for a user names no actor, its client is the one:
    /// an agent that a tool was called by does not get lost in what the tool does next.
    #[must_use]
    pub fn after(mut self, token: &'a VerifiedAccessToken) -> Self {
        self.before = match token.act() {
            Some(actors) => Some(Before::Actors(actors)),
            None if token.is_autonomous() => None,
            None => token.claims().get("client_id").map(Before::Client),
        };
        self
    }

    /// In front of those who acted in another domain, by the names that they have there.
    #[must_use]
    pub fn after_grant(mut self, grant: &'a VerifiedGrant) -> Self {
        self.before = grant.act().map(|actors| Before::Elsewhere(actors, grant.issuer().as_str()));
        self
    }

    pub(crate) fn write(&self, to: &mut ObjectWriter) {
        to.object("act", |act| {
            act.str("sub", self.subject);
            if let Some(issuer) = self.issuer {
                act.str("iss", issuer);
            }
            match self.before {
                None => {}
                Some(Before::Actors(actors)) => {
                    act.value("act", actors);
                }
                Some(Before::Client(client)) => {
                    act.object("act", |before| {
                        before.value("sub", client);
                    });
                }
                Some(Before::Elsewhere(actors, issuer)) => write_elsewhere(act, actors, issuer),
            }
        });
    }
}

/// INVARIANT: they were checked, their depth too. No more is told of them than who they are.
fn write_elsewhere(to: &mut ObjectWriter, actor: Value<'_>, issuer: &str) {
    to.object("act", |act| {
        if let Some(subject) = actor.get("sub") {
            act.value("sub", subject);
        }
        match actor.get("iss") {
            Some(own) => act.value("iss", own),
            None => act.str("iss", issuer),
        };
        if let Some(before) = actor.get("act") {
            write_elsewhere(act, before, issuer);
        }
    });
}
