//! Something under way that others wait for. It needs no runtime.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// A fetch that one request makes, and that others wait for in place of making their own.
///
/// However it ends, whoever makes it calls [`end`](Self::end): from a `Drop`, for its request may be gone by then.
#[derive(Debug, Default)]
pub struct Flight(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_over: bool,
    waiting: Vec<Waker>,
}

impl Flight {
    /// Waits until it is over, one way or another.
    pub async fn over(&self) {
        poll_fn(|context| {
            let mut state = self.lock();
            if state.is_over {
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// It is over: whoever waits looks again.
    pub fn end(&self) {
        let waiting = {
            let mut state = self.lock();
            state.is_over = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
