//! What another domain gets to know (XD-6, AIMS-49).

use std::collections::BTreeMap;

use crate::{Issuer, VerifiedAccessToken};

/// What of a token another domain gets to know, besides what was asked for by name: no more than it needs for its decision (AIMS-49).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use = "nothing is told by itself"]
pub struct Transcription {
    pub(super) subject: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) actors: bool,
    pub(super) authentication: bool,
    pub(super) transaction: bool,
}

/// Decides what another domain gets to know of a token, and whether anything: which domains there are is configuration (XD-2). [`Targets`] is the usual one.
pub trait ClaimTranscriber: Send + Sync {
    /// What the server `audience` gets to know of `token`; `None`, where nothing is granted for that server.
    fn transcribe(&self, token: &VerifiedAccessToken, audience: &Issuer) -> Option<Transcription>;
}

/// The servers that grants are issued for, each with what it gets to know.
///
/// ```
/// use aims_oauth::{Targets, Transcription};
///
/// let targets = Targets::new()
///     .with("https://as.b.example".parse()?, Transcription::minimal())
///     // This one decides by how long ago the user was there, and calls her by another name.
///     .with("https://as.c.example".parse()?, Transcription::minimal().as_subject("u-77").with_authentication());
/// # let _ = targets;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use = "without targets no grant is issued"]
pub struct Targets(BTreeMap<Issuer, Transcription>);

impl Transcription {
    /// The subject by its own name, the scope, and who acts now; nothing else.
    pub fn minimal() -> Self {
        Self::default()
    }

    /// The subject by this name: the one that it goes by at that server. Default: by its own.
    pub fn as_subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
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
        self.0.insert(audience, told);
        self
    }
}

impl ClaimTranscriber for Targets {
    fn transcribe(&self, _: &VerifiedAccessToken, audience: &Issuer) -> Option<Transcription> {
        self.0.get(audience).cloned()
    }
}
