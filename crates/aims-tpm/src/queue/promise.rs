//! What a caller holds until its answer is there.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::thread::{self, Thread};

use crate::error::TpmError;

/// The place of one answer. The first that comes counts.
pub(super) struct Promise<T>(Mutex<Slot<T>>);

enum Slot<T> {
    Waiting(Option<Waker>),
    Done(Result<T, TpmError>),
    Taken,
}

/// A promise without the type of its answer: it can only fail.
pub(super) trait Fail: Send + Sync {
    fn fail(&self, error: TpmError);
}

impl<T> Promise<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Slot::Waiting(None)))
    }

    pub(super) fn finish(&self, result: Result<T, TpmError>) {
        let mut slot = self.lock();
        if matches!(*slot, Slot::Waiting(_))
            && let Slot::Waiting(waker) = core::mem::replace(&mut *slot, Slot::Done(result))
        {
            drop(slot);
            // Foreign code, so not under the lock; and a panic of it is not the end of the thread that keeps the time of all.
            if let Some(waker) = waker {
                let _ = panic::catch_unwind(AssertUnwindSafe(|| waker.wake()));
            }
        }
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Result<T, TpmError>> {
        let waker = context.waker().clone();
        let mut slot = self.lock();
        let next = match *slot {
            Slot::Waiting(_) => Slot::Waiting(Some(waker)),
            _ => Slot::Taken,
        };
        let before = core::mem::replace(&mut *slot, next);
        drop(slot);
        match before {
            Slot::Waiting(_) => Poll::Pending,
            Slot::Done(result) => Poll::Ready(result),
            // Polled again after its end, against the contract of futures.
            Slot::Taken => Poll::Ready(Err(TpmError::Backend)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> Fail for Promise<T> {
    fn fail(&self, error: TpmError) {
        self.finish(Err(error));
    }
}

/// An answer that is awaited. Who drops it gives up: work that waits is taken out of the queue.
pub(crate) struct Answer<T> {
    promise: Arc<Promise<T>>,
    give_up: Option<Box<dyn FnOnce() + Send>>,
}

impl<T> Answer<T> {
    pub(super) fn new(promise: Arc<Promise<T>>, give_up: impl FnOnce() + Send + 'static) -> Self {
        Self { promise, give_up: Some(Box::new(give_up)) }
    }

    /// Waits in the calling thread.
    pub(crate) fn wait(mut self) -> Result<T, TpmError> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut self).poll(&mut context) {
                Poll::Ready(result) => return result,
                Poll::Pending => thread::park(),
            }
        }
    }
}

impl<T> Future for Answer<T> {
    type Output = Result<T, TpmError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = self.promise.poll(context);
        if answer.is_ready() {
            self.give_up = None;
        }
        answer
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        if let Some(give_up) = self.give_up.take() {
            give_up();
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
