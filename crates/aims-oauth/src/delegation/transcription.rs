//! What another domain gets to know (XD-6, AIMS-49).

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::{Issuer, VerifiedAccessToken};

/// What of a token another domain gets to know, besides what was asked for by name: no more than it needs for its decision (AIMS-49).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use = "nothing is told by itself"]
pub struct Transcription {
    pub(super) tenant: Option<String>,
    pub(super) actors: bool,
    pub(super) authentication: bool,
    pub(super) transaction: bool,
}

/// Decides what another domain gets to know of a token, and whether anything: which domains there are is configuration (XD-2). [`Targets`] is the usual one.
pub trait ClaimTranscriber: Send + Sync {
    /// What the server `audience` gets to know of `token`; `None`, where nothing is granted for that server.
    fn transcribe(&self, token: &VerifiedAccessToken, audience: &Issuer) -> Option<Transcription>;

    /// By which name the subject of `token` goes at that server; `None`, where nothing is granted about it. Default: by its own.
    fn subject<'t>(&self, token: &'t VerifiedAccessToken, audience: &Issuer) -> Option<Cow<'t, str>> {
        let _ = audience;
        Some(token.subject())
    }
}

/// The servers that grants are issued for, each with what it gets to know.
///
/// ```
/// use aims_oauth::{Targets, Transcription};
///
/// let targets = Targets::new()
///     .with("https://as.b.example".parse()?, Transcription::minimal())
///     // This one decides by how long ago the user was there, and knows the users that it was told of, by names of its own.
///     .with("https://as.c.example".parse()?, Transcription::minimal().with_authentication())
///     .names("https://as.c.example".parse()?, [("user-1", "u-77")]);
/// # let _ = targets;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use = "without targets no grant is issued"]
pub struct Targets {
    told: BTreeMap<Issuer, Transcription>,
    names: BTreeMap<Issuer, BTreeMap<Box<str>, Box<str>>>,
}

impl Transcription {
    /// The subject, the scope, and who acts now; nothing else.
    pub fn minimal() -> Self {
        Self::default()
    }

    /// The part of this issuer that the subject belongs to (JAG-7).
    pub fn of_tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Those who acted before, too.
    pub fn with_all_actors(mut self) -> Self {
        self.actors = true;
        self
    }

    /// When and how strongly the user was authenticated: `auth_time`, `acr`.
    pub fn with_authentication(mut self) -> Self {
        self.authentication = true;
        self
    }

    /// The transaction: `txn`.
    pub fn with_transaction(mut self) -> Self {
        self.transaction = true;
        self
    }
}

impl Targets {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this one, which gets to know this.
    pub fn with(mut self, audience: Issuer, told: Transcription) -> Self {
        self.told.insert(audience, told);
        self
    }

    /// The names of subjects at that server, by those that they have here: nothing is granted about others. Default: they go by the same names there.
    pub fn names<'n>(
        mut self,
        audience: Issuer,
        names: impl IntoIterator<Item = (&'n str, &'n str)>,
    ) -> Self {
        let names = names.into_iter().map(|(here, there)| (here.into(), there.into()));
        self.names.entry(audience).or_default().extend(names);
        self
    }
}

impl ClaimTranscriber for Targets {
    fn transcribe(&self, _: &VerifiedAccessToken, audience: &Issuer) -> Option<Transcription> {
        self.told.get(audience).cloned()
    }

    fn subject<'t>(&self, token: &'t VerifiedAccessToken, audience: &Issuer) -> Option<Cow<'t, str>> {
        match self.names.get(audience) {
            Some(names) => names.get(&*token.subject()).map(|name| name.to_string().into()),
            None => Some(token.subject()),
        }
    }
}
