//! Who may do what.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aims_id::{IdPattern, IdSet, WorkloadId};
use aims_keys::UnixTime;
use http::Extensions;

use crate::caller::Caller;

/// Decides whether an authenticated caller may do what it asks for.
///
/// It is asked once per request, after the caller is known and before the handler runs; what it answers is recorded either
/// way. It reads what it is given and has no side effects. If it panics, the request is refused with 503, and that is
/// recorded too.
pub trait Decide: fmt::Debug + Send + Sync {
    /// Decides on one request.
    fn decide(&self, question: &Question<'_>) -> Decision;
}

impl<D: Decide + ?Sized> Decide for Arc<D> {
    fn decide(&self, question: &Question<'_>) -> Decision {
        (**self).decide(question)
    }
}

/// One request, put to a [`Decide`].
///
/// A message signature covers all of it, and a `DPoP` proof the method and the path. A Workload Proof Token covers the path, a transaction token, and the context fields that the guard was
/// [told of](crate::GuardBuilder::context_field); the latter two are in `caller`. Method and query are the caller's only as
/// far as the connection is protected, and no other field of the request is here: nothing that is not covered may decide
/// (WPT-15).
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Question<'a> {
    /// Who asks; the actor, never optional.
    pub caller: &'a Caller,
    /// What its access token says: for whom it acts, and what it may do. `None`, where the guard wants no token.
    #[cfg(feature = "oauth")]
    pub authorization: Option<&'a aims_oauth::Authorized>,
    /// The HTTP method.
    pub action: &'a str,
    /// The path of the request, as received.
    ///
    /// Nothing in it is decoded, while a router may decode: to axum, `/op/%62ook` is `/op/book`. A rule that *denies* by
    /// path can be walked around so; one that *admits* by path cannot. Better, decide by the route that matched: axum puts
    /// its `MatchedPath` among the [`extensions`](Self::extensions) of a request whose guard is a `Router::layer`.
    pub path: &'a str,
    /// The query of the request, as received, without its question mark.
    pub query: Option<&'a str>,
    /// The time at which the caller was authenticated.
    pub now: UnixTime,
    /// What the server attached to the request: the address of the peer, the matched route.
    pub extensions: &'a Extensions,
}

/// Shows who, what and when; not the query, which may carry what should not be logged.
impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("caller", self.caller)
            .field("action", &self.action)
            .field("path", &self.path)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// The answer of a [`Decide`].
///
/// Exhaustive on purpose: a new outcome must not be taken for one of these.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new outcome must break every caller")]
pub enum Decision {
    /// The request is refused.
    Deny {
        /// The rule that refused, or failed to admit.
        policy: Cow<'static, str>,
        /// Why, as a stable code.
        reason: Cow<'static, str>,
    },
    /// The request is admitted.
    Permit {
        /// The rule that admitted.
        policy: Cow<'static, str>,
    },
}

/// The callers that are admitted, by identifier or by pattern; for everything the service does.
///
/// ```
/// use aims::Callers;
///
/// let callers = Callers::new()
///     .id("spiffe://acme.example/agents/travel".parse()?)
///     .pattern("spiffe://acme.example/agents/booking/*".parse().unwrap());
/// # Ok::<(), aims::id::ParseIdError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Callers(IdSet);

impl Callers {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Admits one workload.
    #[must_use]
    pub fn id(self, id: WorkloadId) -> Self {
        Self(self.0.id(id))
    }

    /// Admits every workload that the pattern matches, segment by segment.
    #[must_use]
    pub fn pattern(self, pattern: IdPattern) -> Self {
        Self(self.0.pattern(pattern))
    }
}

impl Decide for Callers {
    fn decide(&self, question: &Question<'_>) -> Decision {
        if self.0.contains(question.caller.subject()) {
            Decision::Permit { policy: POLICY.into() }
        } else {
            Decision::Deny { policy: POLICY.into(), reason: "caller_not_listed".into() }
        }
    }
}

impl From<WorkloadId> for Callers {
    fn from(id: WorkloadId) -> Self {
        Self::new().id(id)
    }
}

impl From<IdPattern> for Callers {
    fn from(pattern: IdPattern) -> Self {
        Self::new().pattern(pattern)
    }
}

/// The name of the list in records.
const POLICY: &str = "callers";
