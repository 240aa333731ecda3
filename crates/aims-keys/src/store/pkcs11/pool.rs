//! Sessions with a token, no more than so many at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::session::Session;

use super::fault::Fault;
use super::module::Token;

/// The sessions of one store.
pub(super) struct Pool {
    pub(super) token: Arc<Token>,
    most: usize,
    patience: Duration,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Session>,
    in_use: usize,
    /// Counts up whenever sessions turned out to be lost: what was known of the token before is known no more.
    generation: u64,
}

impl Pool {
    pub(super) fn new(token: Arc<Token>, most: usize, patience: Duration) -> Self {
        Self { token, most, patience, state: Mutex::default(), returned: Condvar::new() }
    }

    /// Does something that only reads from the token (a signature does), with a session of its own. It is done a second time,
    /// and no third, when the session, the login or a handle was lost.
    pub(super) fn read<T>(&self, task: impl Fn(&Session, u64) -> Result<T, Fault>) -> Result<T, Fault> {
        match self.once(false, &task) {
            Err(fault) if fault.may_pass() => self.once(false, &task),
            result => result,
        }
    }

    /// Does something that changes the token; once, for nobody knows how far it came.
    pub(super) fn write<T>(&self, task: impl Fn(&Session, u64) -> Result<T, Fault>) -> Result<T, Fault> {
        self.once(true, &task)
    }

    fn once<T>(&self, writes: bool, task: &impl Fn(&Session, u64) -> Result<T, Fault>) -> Result<T, Fault> {
        let (idle, place) = self.place()?;
        let session = match idle.filter(|_| !writes) {
            Some(session) => session,
            None => self.token.session(writes).map_err(|fault| self.look_at(fault))?,
        };
        let result = task(&session, place.generation).map_err(|fault| {
            let hidden = fault == Fault::NoObject && self.token.check_login(&session).is_err();
            self.look_at(if hidden { Fault::LoggedOut } else { fault })
        });
        // After an error an operation may be under way in the session: it is closed.
        place.leave(if result.is_ok() && !writes { Some(session) } else { None });
        result
    }

    /// A place among those who may have a session, and one that is idle, if there is any.
    fn place(&self) -> Result<(Option<Session>, Place<'_>), Fault> {
        let until = Instant::now().checked_add(self.patience);
        let mut state = self.lock();
        while state.in_use >= self.most {
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Err(Fault::Busy);
            }
            // Time is looked at anew in each round, so whether it ran out does not matter here.
            state = self.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.in_use += 1;
        let generation = state.generation;
        let idle = state.idle.pop();
        Ok((idle, Place { pool: self, generation }))
    }

    /// Whatever may be lost is taken for lost.
    fn look_at(&self, fault: Fault) -> Fault {
        let fault = self.token.gone_or(fault);
        if !fault.may_pass() && fault != Fault::DeviceGone {
            return fault;
        }
        self.token.look_at_login();
        let mut state = self.lock();
        state.generation += 1;
        let lost = std::mem::take(&mut state.idle);
        drop(state);
        // Closing calls into the module: not under the lock.
        drop(lost);
        fault
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Given back when it is dropped, in a panic too.
struct Place<'a> {
    pool: &'a Pool,
    generation: u64,
}

impl Place<'_> {
    fn leave(self, session: Option<Session>) {
        let mut state = self.pool.lock();
        if state.generation == self.generation {
            state.idle.extend(session);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.lock().in_use -= 1;
        self.pool.returned.notify_one();
    }
}
