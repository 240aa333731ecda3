//! The current credential of one kind.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aims_credential::{CredentialSource, Holder, HolderError};
use aims_id::WorkloadId;
use aims_keys::Clock;

use super::Choice;
use crate::WorkloadIdentity;

/// A credential that is replaced now and then. It is given out as long as it is valid, and not a second longer (AIMS-18).
pub(crate) struct Slot {
    clock: Arc<dyn Clock>,
    choice: Choice,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// Stays when the credential goes: a workload has one identifier for life (AIMS-4).
    subject: Option<WorkloadId>,
    holder: Option<Holder>,
}

impl Slot {
    pub(crate) fn new(clock: &Arc<dyn Clock>, choice: &Choice) -> Arc<Self> {
        Arc::new(Self { clock: Arc::clone(clock), choice: choice.clone(), state: RwLock::default() })
    }

    /// Takes the identity that was chosen, and afterwards the same one; where it is not among these, there is none.
    pub(crate) fn replace(&self, identities: &[WorkloadIdentity]) -> Option<Holder> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let is_same = |identity: &&WorkloadIdentity| match &state.subject {
            Some(subject) => identity.holder.subject() == subject,
            None => match &self.choice {
                Choice::First => true,
                Choice::Hint(hint) => identity.hint.as_ref() == Some(hint),
                Choice::Id(id) => identity.holder.subject() == id.as_workload_id(),
            },
        };
        let holder = identities.iter().find(is_same).map(|identity| identity.holder.clone());
        if let Some(holder) = &holder {
            state.subject = Some(holder.subject().clone());
        }
        state.holder.clone_from(&holder);
        holder
    }

    pub(crate) fn withdraw(&self) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).holder = None;
    }
}

impl CredentialSource for Slot {
    fn holder(&self) -> Result<Holder, HolderError> {
        let holder = self.state.read().unwrap_or_else(PoisonError::into_inner).holder.clone();
        let holder = holder.ok_or(HolderError::None)?;
        // Without a clock nobody knows whether it has expired.
        let now = self.clock.unix_time().map_err(|_| HolderError::Expired)?;
        holder.signer(now)?;
        Ok(holder)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Slot").field("holder", &state.holder).finish_non_exhaustive()
    }
}
