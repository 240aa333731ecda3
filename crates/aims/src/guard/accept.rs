//! Which proofs are taken.

/// Which proofs of a caller's are taken: one of several, or several at once.
///
/// Whatever a request shows has to be good, whether it is asked for or not (CRD-14). What no request can ever show is not accepted either: a guard is
/// [not built](crate::GuardError) with an alternative that its other settings leave no way for.
///
/// ```
/// use aims::Accept;
///
/// // What a guard takes, unless it is told otherwise.
/// let either = Accept::wpt().or(Accept::signature());
/// // For what must not be altered on the way, over connections of workloads.
/// # #[cfg(feature = "mtls")]
/// let both = Accept::signature().with_connection();
/// # let _ = either;
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accept(Vec<Shown>);

impl Accept {
    /// A message signature.
    #[must_use]
    pub fn signature() -> Self {
        Self(vec![Shown::SIGNATURE])
    }

    /// A Workload Proof Token.
    #[must_use]
    pub fn wpt() -> Self {
        Self(vec![Shown::WPT])
    }

    /// A connection over mutual TLS, or what a proxy that is believed says of one. Alone, it reaches no further than an intermediary that ends TLS.
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn connection() -> Self {
        Self(vec![Shown::CONNECTION])
    }

    /// An access token that a `DPoP` proof shows to be the sender's own, and nothing else: for agents that have no credential that this service knows. The caller is
    /// then the one that the token was given to, on the word of its issuer: who takes such requests lets every authorization server that it believes say who calls,
    /// unless [`IssuerAgents`](aims_oauth::IssuerAgents) say which workloads each may speak for: itself, also where `act.iss` of its token names another. The resource has to take such tokens, and to
    /// [verify](aims_oauth::ResourceServer::with_dpop) the proofs. A proof covers method, URI and token, once; not the
    /// query, no content, and no other field: a transaction token, and what the service [relies on](crate::GuardBuilder::context_field), is refused with it. Where tokens
    /// are opaque, anybody makes the guard ask for them.
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn dpop() -> Self {
        Self(vec![Shown::DPOP])
    }

    /// An access token, and nothing that shows that it is the sender's own: for clients that have no key, as most of the Model Context Protocol do. Whoever steals such a
    /// token, on the way or where it is kept, *is* the agent until it ends. The caller is the one that the token was given to, on the word of its issuer, as with
    /// [`dpop`](Self::dpop), and is known to have [proved nothing](aims_proof::Method::Bearer). The
    /// [policy](aims_oauth::BindingPolicy::dangerous_or_bearer) of the resource has to take such tokens, too; tokens that are bound to a key are taken with that key alone.
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn dangerous_bearer() -> Self {
        Self(vec![Shown::BEARER])
    }

    /// Either.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Each of them over mutual TLS, and not without: whoever is at the other end is known, which behind a proxy that is believed is whom the proxy names. It need not be the
    /// caller, who may be further away: they are two facts (ARCH-1).
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn with_connection(self) -> Self {
        Self(self.0.into_iter().map(|set| set.and(Shown::CONNECTION)).collect())
    }

    pub(super) fn takes(&self, shown: Shown) -> bool {
        self.0.iter().any(|set| shown.holds(*set))
    }

    /// The alternatives, each with all that it asks for.
    #[cfg(feature = "oauth")]
    pub(super) fn alternatives(&self) -> impl Iterator<Item = Shown> {
        self.0.iter().copied()
    }

    /// Whether they are taken for this one among them.
    #[cfg(feature = "oauth")]
    pub(super) fn takes_by(&self, shown: Shown, one: Shown) -> bool {
        self.0.iter().any(|set| set.holds(one) && shown.holds(*set))
    }
}

/// Proofs that a request shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Shown(u8);

impl Shown {
    pub(super) const NONE: Self = Self(0);
    pub(super) const WPT: Self = Self(1);
    pub(super) const SIGNATURE: Self = Self(2);
    #[cfg(feature = "mtls")]
    pub(super) const CONNECTION: Self = Self(4);

    #[cfg(feature = "oauth")]
    pub(super) const DPOP: Self = Self(8);
    #[cfg(feature = "oauth")]
    pub(super) const BEARER: Self = Self(16);

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn holds(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }
}
