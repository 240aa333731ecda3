//! Who may use a device, and how many may wait for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::TpmError;

/// Whether a worker may still use its device. One that was given up may not, when the device lets go of it: another is in its place, whose
/// keys and sessions have the numbers that its own had (TPM-5).
#[derive(Clone, Debug, Default)]
pub(crate) struct Tenure(Arc<AtomicBool>);

impl Tenure {
    pub(super) fn end(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Of one worker in this process. Those that wait for a device that never answers keep theirs, whatever became of the handles.
pub(super) struct Place(&'static AtomicUsize);

impl Place {
    pub(super) fn take() -> Result<Self, TpmError> {
        Self::take_from(&TAKEN)
    }

    fn take_from(places: &'static AtomicUsize) -> Result<Self, TpmError> {
        let taken = places
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| (taken < PLACES).then_some(taken + 1));
        taken.map(|_| Self(places)).map_err(|_| TpmError::Busy { retry_after: None })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// A machine has one TPM, and a process one connection to it.
const PLACES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// TPM-43: workers that a device never lets go of are not added to without end, whoever connects to it.
    #[test]
    fn tpm_43_there_are_so_many_workers_and_no_more() {
        static PLACES_OF_THIS_TEST: AtomicUsize = AtomicUsize::new(0);
        let take = || Place::take_from(&PLACES_OF_THIS_TEST);
        let mut places: Vec<Place> = (0..PLACES).map(|_| take().unwrap()).collect();
        assert_eq!(take().err(), Some(TpmError::Busy { retry_after: None }));
        drop(places.pop());
        places.push(take().unwrap());
        assert_eq!(take().err(), Some(TpmError::Busy { retry_after: None }));
    }
}
