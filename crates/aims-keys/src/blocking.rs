//! Signers that block, behind a queue that does not.

use core::fmt;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::Instant;

use crate::public::PublicKey;
use crate::signer::{AsyncSigner, BoxFuture, Protection, SignError, SignInput, Signature, Signer};

/// A [`Signer`] on a thread of its own, behind a bounded queue: an [`AsyncSigner`] for TPMs, tokens, RSA keys (which take
/// milliseconds for each signature) and whatever else blocks.
///
/// It needs no particular executor. Signatures are made one after another, in the order in which they were asked for. It
/// is a [`Signer`] too, over the same queue, so both kinds of callers take turns.
///
/// - A full queue refuses with [`SignError::Busy`].
/// - A future that is dropped takes its work out of the queue. What the device has begun is finished, and thrown away.
/// - If the signer panics, this and every later call yields [`SignError::DeviceGone`].
/// - Clones share one thread; it ends when the last of them is dropped.
///
/// ```
/// use aims_keys::{Algorithm, AsyncSigner, Blocking, SignInput, SoftwareKey, backend};
///
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let mut future = std::pin::pin!(future);
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop {
/// #         if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
/// #             return output;
/// #         }
/// #         std::thread::yield_now();
/// #     }
/// # }
/// let device = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
/// let key = Blocking::new(device)?;
/// let signature = block_on(AsyncSigner::sign(&key, SignInput::Message(b"over these bytes")))?;
/// assert!(AsyncSigner::public_key(&key).verify(b"over these bytes", signature.as_bytes()).is_ok());
/// # Ok::<(), aims_keys::SignError>(())
/// ```
pub struct Blocking<S: Signer + 'static>(Arc<LastHandle<S>>);

impl<S: Signer + 'static> Blocking<S> {
    /// Starts the thread, with a queue of 64 and without a timeout.
    ///
    /// # Errors
    ///
    /// [`SignError::Backend`] when the system starts no thread.
    pub fn new(signer: S) -> Result<Self, SignError> {
        Self::builder(signer).start()
    }

    /// Starts from the signer; everything else has a default.
    pub fn builder(signer: S) -> BlockingBuilder<S> {
        BlockingBuilder { signer, queue: 64, timeout: None }
    }
}

impl<S: Signer + 'static> Clone for Blocking<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Signer + 'static> fmt::Debug for Blocking<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Blocking").field(&self.0.0.signer).finish()
    }
}

impl<S: Signer + 'static> AsyncSigner for Blocking<S> {
    fn public_key(&self) -> &PublicKey {
        self.0.0.signer.public_key()
    }

    fn protection(&self) -> Protection {
        self.0.0.signer.protection()
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(Signing { shared: &self.0.0, state: SigningState::New(input) })
    }
}

/// Waits in the calling thread.
impl<S: Signer + 'static> Signer for Blocking<S> {
    fn public_key(&self) -> &PublicKey {
        self.0.0.signer.public_key()
    }

    fn protection(&self) -> Protection {
        self.0.0.signer.protection()
    }

    fn sign(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        let mut signing = pin!(Signing { shared: &self.0.0, state: SigningState::New(input) });
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match signing.as_mut().poll(&mut context) {
                Poll::Ready(result) => return result,
                Poll::Pending => thread::park(),
            }
        }
    }
}

/// Options of a [`Blocking`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `start` is called"]
pub struct BlockingBuilder<S: Signer + 'static> {
    signer: S,
    queue: usize,
    timeout: Option<Duration>,
}

impl<S: Signer + 'static> BlockingBuilder<S> {
    /// How many signatures may wait, beside the one that is being made. Default: 64, at least 1.
    pub fn queue(mut self, len: usize) -> Self {
        self.queue = len.max(1);
        self
    }

    /// Answers [`SignError::Busy`] after this long, counted from the first poll, whether the work waits or was begun.
    ///
    /// Work that waits is taken out of the queue; work that was begun goes on in the device, which is not interrupted.
    /// Default: no timeout. With one, a second thread keeps the time.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// [`SignError::Backend`] when the system starts no thread.
    pub fn start(self) -> Result<Blocking<S>, SignError> {
        let shared = Arc::new(Shared {
            signer: self.signer,
            room: self.queue,
            timeout: self.timeout,
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            tick: Condvar::new(),
        });
        // From here on, leaving ends the threads.
        let handle = Blocking(Arc::new(LastHandle(Arc::clone(&shared))));
        if self.timeout.is_some() {
            spawn("aims-keys timer", &shared, Shared::keep_time)?;
        }
        spawn("aims-keys signer", &shared, Shared::work)?;
        Ok(handle)
    }
}

fn spawn<S: Signer + 'static>(
    name: &str,
    shared: &Arc<Shared<S>>,
    run: fn(&Shared<S>),
) -> Result<(), SignError> {
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let gone = GoneOnDrop(&shared);
            run(gone.0);
        })
        .map_err(|_| SignError::Backend)?;
    Ok(())
}

/// Owned by the handles alone, and not by the threads: its end is theirs.
struct LastHandle<S: Signer + 'static>(Arc<Shared<S>>);

impl<S: Signer + 'static> Drop for LastHandle<S> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Held by each thread: when one of them ends, in a panic too, nobody is left waiting.
struct GoneOnDrop<'a, S: Signer + 'static>(&'a Shared<S>);

impl<S: Signer + 'static> Drop for GoneOnDrop<'_, S> {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Shared<S> {
    signer: S,
    room: usize,
    timeout: Option<Duration>,
    state: Mutex<State>,
    /// Wakes the signer thread.
    work: Condvar,
    /// Wakes the timer thread.
    tick: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Job>>,
    /// What the signer works on, until it is done or out of time.
    running: Option<Arc<Job>>,
    ended: bool,
}

struct Job {
    input: OwnedInput,
    deadline: Option<Instant>,
    slot: Mutex<Slot>,
}

enum Slot {
    Waiting(Waker),
    Done(Result<Signature, SignError>),
    Taken,
}

impl<S: Signer + 'static> Shared<S> {
    fn enqueue(&self, input: SignInput<'_>, waker: Waker) -> Result<Arc<Job>, SignError> {
        let mut state = self.lock();
        if state.ended {
            return Err(SignError::DeviceGone);
        }
        if state.queue.len() >= self.room {
            return Err(SignError::Busy { retry_after: None });
        }
        let job = Arc::new(Job {
            input: input.into(),
            deadline: self.timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
            slot: Mutex::new(Slot::Waiting(waker)),
        });
        state.queue.push_back(Arc::clone(&job));
        drop(state);
        self.work.notify_one();
        self.tick.notify_one();
        Ok(job)
    }

    fn cancel(&self, job: &Arc<Job>) {
        let mut state = self.lock();
        let position = state.queue.iter().position(|queued| Arc::ptr_eq(queued, job));
        let cancelled = position.and_then(|position| state.queue.remove(position));
        drop(state);
        // Its waker is foreign code, and may come back here.
        drop(cancelled);
    }

    /// The signer thread.
    fn work(&self) {
        while let Some(job) = self.next_job() {
            let result = self.signer.sign(job.input.borrow());
            self.lock().running = None;
            job.finish(result);
        }
    }

    fn next_job(&self) -> Option<Arc<Job>> {
        let mut state = self.lock();
        while !state.ended {
            if let Some(job) = state.queue.pop_front() {
                state.running = Some(Arc::clone(&job));
                return Some(job);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// The timer thread. All jobs have the same timeout, so the oldest is the first to run out of time.
    fn keep_time(&self) {
        let mut state = self.lock();
        while !state.ended {
            let oldest = state.running.as_ref().or(state.queue.front());
            let Some(deadline) = oldest.and_then(|job| job.deadline) else {
                state = self.tick.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                let waited = self.tick.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let expired = state.running.take().or_else(|| state.queue.pop_front());
            drop(state);
            if let Some(job) = expired {
                job.finish(Err(SignError::Busy { retry_after: None }));
            }
            state = self.lock();
        }
    }

    fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let left: Vec<_> = state.running.take().into_iter().chain(state.queue.drain(..)).collect();
        drop(state);
        self.work.notify_all();
        self.tick.notify_all();
        for job in left {
            job.finish(Err(SignError::DeviceGone));
        }
    }

    /// No foreign code runs under this lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// The first result counts: a job may be done and out of time at once.
    fn finish(&self, result: Result<Signature, SignError>) {
        let mut slot = self.lock();
        if matches!(*slot, Slot::Waiting(_))
            && let Slot::Waiting(waker) = core::mem::replace(&mut *slot, Slot::Done(result))
        {
            drop(slot);
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A signature that was asked for. It joins the queue when it is first polled.
struct Signing<'a, S: Signer + 'static> {
    shared: &'a Shared<S>,
    state: SigningState<'a>,
}

enum SigningState<'a> {
    New(SignInput<'a>),
    Queued(Arc<Job>),
    Done,
}

impl<S: Signer + 'static> Future for Signing<'_, S> {
    type Output = Result<Signature, SignError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &self.state {
            SigningState::New(input) => match self.shared.enqueue(*input, context.waker().clone()) {
                Ok(job) => {
                    self.state = SigningState::Queued(job);
                    return Poll::Pending;
                }
                Err(refused) => Err(refused),
            },
            SigningState::Queued(job) => {
                let waker = context.waker().clone();
                let mut slot = job.lock();
                let next = if matches!(*slot, Slot::Waiting(_)) { Slot::Waiting(waker) } else { Slot::Taken };
                let before = core::mem::replace(&mut *slot, next);
                drop(slot);
                match before {
                    Slot::Waiting(_) => return Poll::Pending,
                    Slot::Done(result) => result,
                    Slot::Taken => Err(SignError::Backend),
                }
            }
            // Polled again after its end, against the contract of futures.
            SigningState::Done => Err(SignError::Backend),
        };
        self.state = SigningState::Done;
        Poll::Ready(result)
    }
}

impl<S: Signer + 'static> Drop for Signing<'_, S> {
    fn drop(&mut self) {
        if let SigningState::Queued(job) = &self.state {
            self.shared.cancel(job);
        }
    }
}

enum OwnedInput {
    Digest(Vec<u8>),
    Message(Vec<u8>),
}

impl OwnedInput {
    fn borrow(&self) -> SignInput<'_> {
        match self {
            Self::Digest(bytes) => SignInput::Digest(bytes),
            Self::Message(bytes) => SignInput::Message(bytes),
        }
    }
}

impl From<SignInput<'_>> for OwnedInput {
    fn from(input: SignInput<'_>) -> Self {
        match input {
            SignInput::Digest(bytes) => Self::Digest(bytes.to_vec()),
            SignInput::Message(bytes) => Self::Message(bytes.to_vec()),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
