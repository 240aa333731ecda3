//! What a resource server takes.

use super::Shown;

/// How a token must be shown to be used by whom it was given to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "ways that are independent of each other")]
pub struct BindingPolicy {
    bearer: bool,
    certificate: bool,
    dpop: bool,
    signature: bool,
}

impl BindingPolicy {
    /// By a message signature, by mutual TLS, or by `DPoP`; tokens that whoever has them can use are refused (SEC-4).
    #[must_use]
    pub fn bound() -> Self {
        Self { bearer: false, certificate: true, dpop: true, signature: true }
    }

    /// Takes tokens that whoever has them can use, too. Whoever steals one is the agent, until it ends.
    #[must_use]
    pub fn dangerous_or_bearer(mut self) -> Self {
        self.bearer = true;
        self
    }

    /// In one of these ways alone.
    #[must_use]
    pub fn only(ways: &[Shown]) -> Self {
        let has = |way| ways.contains(&way);
        Self {
            bearer: has(Shown::Bearer),
            certificate: has(Shown::Certificate),
            dpop: has(Shown::Dpop),
            signature: has(Shown::Signature),
        }
    }

    /// What both take.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            bearer: self.bearer && other.bearer,
            certificate: self.certificate && other.certificate,
            dpop: self.dpop && other.dpop,
            signature: self.signature && other.signature,
        }
    }

    /// Whether every token has to come with a `DPoP` proof (DPO-10).
    #[must_use]
    pub fn requires_dpop(&self) -> bool {
        self.dpop && !(self.bearer || self.certificate || self.signature)
    }

    /// Whether tokens come with the scheme `Bearer` (DPO-9): those that something else than a `DPoP` proof shows to be their sender's own.
    #[must_use]
    pub fn takes_bearer_scheme(&self) -> bool {
        self.bearer || self.certificate || self.signature
    }

    /// Whether this way is one of them.
    #[must_use]
    pub fn accepts(&self, shown: Shown) -> bool {
        match shown {
            Shown::Bearer => self.bearer,
            Shown::Certificate => self.certificate,
            Shown::Dpop => self.dpop,
            Shown::Signature => self.signature,
        }
    }
}
