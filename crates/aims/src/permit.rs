//! What lets a handler run.

use std::fmt;
use std::sync::Arc;

use aims_credential::Lapsed;

use crate::caller::Caller;
use crate::guard::Admitted;
use crate::record::TraceParent;

/// A request that a [`Decide`](crate::Decide) admitted, and that is not recorded yet.
///
/// A [`Recorder`](crate::Recorder) turns it into a [`Permit`] once its record is written. It can be used once, and made only
/// by [`Guard`](crate::Guard).
pub struct Authorized(Permit);

impl Authorized {
    /// Also what tells the permit of this request from every other.
    pub(crate) fn new(admitted: Admitted, trace: TraceParent) -> (Self, PermitIdentity) {
        let facts = Arc::new(Facts { admitted, trace });
        (Self(Permit(facts.clone())), PermitIdentity(facts))
    }

    /// Says that the record of the decision is written, as durably as the recorder promises.
    #[must_use]
    pub fn recorded(self) -> Permit {
        self.0
    }
}

/// Shows the caller.
impl fmt::Debug for Authorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorized").field(self.0.caller()).finish()
    }
}

/// What a handler runs under: who called, authenticated, admitted and recorded. Cloning is cheap.
///
/// [`Guard`](crate::Guard) puts it among the extensions of the request; no handler behind a guard runs without one.
#[derive(Clone)]
pub struct Permit(Arc<Facts>);

struct Facts {
    admitted: Admitted,
    trace: TraceParent,
}

impl Permit {
    /// Who called.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        self.0.admitted.caller()
    }

    /// What its access token says: for whom it acts, and what it may do. `None`, where the guard wants no token.
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn authorization(&self) -> Option<&aims_oauth::Authorized> {
        self.0.admitted.authorization()
    }

    /// Whether its access token is good for this scope, all of it. A request without one is good for none, not even for an empty scope: where nothing says what a
    /// caller may do, it may do nothing. [`Guard::step_up`](crate::Guard::step_up) makes the answer of what is missing.
    ///
    /// ```
    /// use aims::oauth::Scope;
    /// use aims::{Guard, Permit};
    ///
    /// fn may_book(permit: &Permit, guard: &Guard, needed: &Scope) -> Result<(), http::Response<String>> {
    ///     permit.require_scope(needed).map_err(|shortfall| guard.step_up(shortfall).to_response())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Shortfall::Scope`](aims_oauth::Shortfall::Scope), which says all that the operation needs (CHA-3).
    #[cfg(feature = "oauth")]
    pub fn require_scope(&self, needed: &aims_oauth::Scope) -> Result<(), aims_oauth::Shortfall> {
        match self.authorization() {
            Some(authorization) => authorization.require_scope(needed),
            None => Err(aims_oauth::Shortfall::Scope(needed.clone())),
        }
    }

    /// What to send with the response, in the field `DPoP-Nonce`, where the caller should use another nonce from now on. The [layer](crate::Guard::layer) sends it.
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<&str> {
        self.0.admitted.dpop_nonce()
    }

    /// The span of this request, as it was recorded: the parent of what the handler calls in turn.
    #[must_use]
    pub fn trace(&self) -> &TraceParent {
        &self.0.trace
    }

    /// Whether the caller still counts, now, with what is trusted now, and so does the connection that the request came over, if that
    /// is known. A handler that streams asks before each message: a credential may end, be cut off, or lose its authority, while it
    /// does.
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it; [`Lapsed::MarksUnavailable`] also when the clock stands before 1970, for nobody can say
    /// then.
    pub fn still_valid(&self) -> Result<(), Lapsed> {
        self.0.admitted.still_valid()
    }
}

impl Permit {
    /// The same as [`still_valid`](Self::still_valid), for whoever needs no reason; what it asks may panic.
    pub(crate) fn counts(&self) -> bool {
        self.0.admitted.counts()
    }
}

/// Shows the caller.
impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(self.caller()).finish()
    }
}

/// Tells one permit from every other, those for the same caller included.
pub(crate) struct PermitIdentity(Arc<Facts>);

impl PermitIdentity {
    /// A recorder that mixes up what it is given must not let one request run as the caller of another.
    pub(crate) fn is(&self, permit: &Permit) -> bool {
        Arc::ptr_eq(&self.0, &permit.0)
    }
}
