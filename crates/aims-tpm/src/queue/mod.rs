//! One worker for one device, behind a bounded queue (TPM-17, TPM-43).
//!
//! The library below blocks, and knows no time limit: a device that stalls would hold its caller for ever. So a second thread keeps
//! the time. A caller is answered when its time is over, whatever the device does; and a worker that is held for longer than one
//! call may take is given up: it ends when the device lets go of it, and another takes its place with a connection of its own.

mod promise;
mod tenure;

use core::time::Duration;
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

pub(crate) use self::promise::Answer;
use self::promise::{Fail, Promise};
use self::tenure::Place;
pub(crate) use self::tenure::Tenure;
use crate::error::TpmError;

/// So many workers may be held by a device at once; then there is none, until one of them comes back.
const MOST_HELD: usize = 3;

/// A handle to the worker and its queue. The last one that is dropped ends the threads.
pub(crate) struct Queue<D: 'static>(Arc<LastHandle<D>>);

impl<D: 'static> Clone for Queue<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: 'static> Queue<D> {
    /// Starts the threads. `make` makes the worker's end of the device, and connects to nothing yet.
    pub(crate) fn start(
        room: usize,
        make: impl Fn(&Tenure) -> D + Send + Sync + 'static,
    ) -> Result<Self, TpmError> {
        let shared = Arc::new(Shared {
            room,
            make: Box::new(make),
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            tick: Condvar::new(),
            gone: Condvar::new(),
        });
        // From here on, leaving ends the threads.
        let queue = Self(Arc::new(LastHandle(Arc::clone(&shared))));
        let timer = Arc::clone(&shared);
        spawn("aims-tpm timer", move || timer.keep_time())?;
        shared.start_worker(&mut shared.lock())?;
        Ok(queue)
    }

    /// Joins the queue. The answer comes within `limit`, which is also how long the device may take for it.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce(&mut D) -> Result<T, TpmError> + Send + 'static,
    ) -> Result<Answer<T>, TpmError> {
        let shared = &self.0.0;
        let promise = Arc::new(Promise::new());
        let keep = Arc::clone(&promise);
        let job = Job {
            promise: Arc::clone(&promise) as Arc<dyn Fail>,
            run: Box::new(move |device| keep.finish(work(device))),
            limit,
            deadline: Instant::now().checked_add(limit),
        };
        shared.enqueue(job)?;

        let (shared, queued) = (Arc::downgrade(shared), Arc::clone(&promise) as Arc<dyn Fail>);
        Ok(Answer::new(promise, move || {
            if let Some(shared) = shared.upgrade() {
                shared.cancel(&queued);
            }
        }))
    }

    /// Ends the queue for all handles, and waits until no worker is left. Whether that was within `limit`.
    pub(crate) fn close(&self, limit: Duration) -> bool {
        let shared = &self.0.0;
        shared.end();
        let waited = shared.gone.wait_timeout_while(shared.lock(), limit, |state| state.workers > 0);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.workers == 0
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), TpmError> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop).map_err(|_| TpmError::Backend)
}

/// Owned by the handles alone, and not by the threads: its end is theirs.
struct LastHandle<D: 'static>(Arc<Shared<D>>);

impl<D: 'static> Drop for LastHandle<D> {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Shared<D> {
    room: usize,
    make: Box<dyn Fn(&Tenure) -> D + Send + Sync>,
    state: Mutex<State<D>>,
    /// Wakes the worker.
    work: Condvar,
    /// Wakes the timer.
    tick: Condvar,
    /// Wakes whoever waits for the end of the workers.
    gone: Condvar,
}

struct State<D> {
    queue: VecDeque<Job<D>>,
    running: Option<Running>,
    /// That of the worker which may take work; others were given up.
    generation: u64,
    tenure: Tenure,
    has_worker: bool,
    /// All threads of workers, whether they may take work or not.
    workers: usize,
    /// Workers that were given up and are still held by the device.
    held: usize,
    ended: bool,
}

impl<D> Default for State<D> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            running: None,
            generation: 0,
            tenure: Tenure::default(),
            has_worker: false,
            workers: 0,
            held: 0,
            ended: false,
        }
    }
}

struct Job<D> {
    promise: Arc<dyn Fail>,
    run: Box<dyn FnOnce(&mut D) + Send>,
    limit: Duration,
    deadline: Option<Instant>,
}

struct Running {
    promise: Arc<dyn Fail>,
    /// When its caller stops waiting; none once it was told.
    deadline: Option<Instant>,
    /// When the worker is given up.
    held_at: Option<Instant>,
}

impl<D: 'static> Shared<D> {
    fn enqueue(self: &Arc<Self>, job: Job<D>) -> Result<(), TpmError> {
        let mut state = self.lock();
        if state.ended {
            return Err(TpmError::DeviceGone);
        }
        if !state.has_worker {
            // The device holds all that there may be, and answers nothing.
            if state.held >= MOST_HELD {
                return Err(TpmError::DeviceGone);
            }
            self.start_worker(&mut state)?;
        }
        if state.queue.len() >= self.room {
            return Err(TpmError::Busy { retry_after: None });
        }
        state.queue.push_back(job);
        drop(state);
        // Workers that were given up may wait there too, to see that they were.
        self.work.notify_all();
        self.tick.notify_one();
        Ok(())
    }

    fn cancel(&self, promise: &Arc<dyn Fail>) {
        let mut state = self.lock();
        let position = state.queue.iter().position(|job| Arc::ptr_eq(&job.promise, promise));
        let cancelled = position.and_then(|position| state.queue.remove(position));
        drop(state);
        // What it holds is foreign, and may come back here.
        drop(cancelled);
    }

    fn start_worker(self: &Arc<Self>, state: &mut State<D>) -> Result<(), TpmError> {
        let place = Place::take()?;
        let (shared, generation, tenure) = (Arc::clone(self), state.generation, Tenure::default());
        state.tenure = tenure.clone();
        spawn("aims-tpm worker", move || {
            let _place = place;
            shared.work(generation, &tenure);
        })?;
        state.has_worker = true;
        state.workers += 1;
        Ok(())
    }

    /// The worker.
    fn work(&self, generation: u64, tenure: &Tenure) {
        let mut device = (self.make)(tenure);
        while let Some(job) = self.next_job(generation) {
            let promise = Arc::clone(&job.promise);
            // A panic below is the end of this device, not of the queue.
            if panic::catch_unwind(AssertUnwindSafe(|| (job.run)(&mut device))).is_err() {
                promise.fail(TpmError::Backend);
                device = (self.make)(tenure);
            }
            let mut state = self.lock();
            if state.generation == generation {
                state.running = None;
            }
        }
        // It says farewell to the TPM, which may hold it once more.
        drop(device);
        let mut state = self.lock();
        if state.generation != generation {
            state.held = state.held.saturating_sub(1);
        }
        state.workers = state.workers.saturating_sub(1);
        drop(state);
        self.gone.notify_all();
    }

    fn next_job(&self, generation: u64) -> Option<Job<D>> {
        let mut state = self.lock();
        while !state.ended && state.generation == generation {
            if let Some(job) = state.queue.pop_front() {
                state.running = Some(Running {
                    promise: Arc::clone(&job.promise),
                    deadline: job.deadline,
                    held_at: Instant::now().checked_add(job.limit),
                });
                drop(state);
                self.tick.notify_one();
                return Some(job);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// The timer.
    fn keep_time(self: Arc<Self>) {
        let mut state = self.lock();
        while !state.ended {
            let now = Instant::now();
            let late = self.expire(&mut state, now);
            if !late.is_empty() {
                drop(state);
                for (promise, error) in late {
                    promise.fail(error);
                }
                state = self.lock();
                continue;
            }
            let next = state.next_event();
            state = match next {
                None => self.tick.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let left = at.saturating_duration_since(now);
                    self.tick.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Takes out what is out of time, and gives up a worker that was held too long.
    fn expire(self: &Arc<Self>, state: &mut State<D>, now: Instant) -> Vec<(Arc<dyn Fail>, TpmError)> {
        let is_over = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let mut late: Vec<(Arc<dyn Fail>, TpmError)> = Vec::new();
        if let Some(running) = &mut state.running
            && is_over(running.deadline)
        {
            running.deadline = None;
            late.push((Arc::clone(&running.promise), TpmError::Timeout));
        }
        if state.running.as_ref().is_some_and(|running| is_over(running.held_at)) {
            state.running = None;
            state.generation = state.generation.wrapping_add(1);
            state.tenure.end();
            state.held += 1;
            state.has_worker = false;
            let replaced = state.held < MOST_HELD && self.start_worker(state).is_ok();
            if !replaced {
                late.extend(state.queue.drain(..).map(|job| (job.promise, TpmError::DeviceGone)));
            }
        }
        while let Some(position) = state.queue.iter().position(|job| is_over(job.deadline)) {
            late.extend(state.queue.remove(position).map(|job| (job.promise, TpmError::Timeout)));
        }
        late
    }

    fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let running = state.running.take().map(|running| running.promise);
        let left: Vec<_> = running.into_iter().chain(state.queue.drain(..).map(|job| job.promise)).collect();
        drop(state);
        self.work.notify_all();
        self.tick.notify_all();
        for promise in left {
            promise.fail(TpmError::DeviceGone);
        }
    }

    /// No foreign code runs under this lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State<D>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D> State<D> {
    fn next_event(&self) -> Option<Instant> {
        let running = self.running.iter().flat_map(|running| [running.deadline, running.held_at]);
        let queued = self.queue.iter().map(|job| job.deadline);
        running.chain(queued).flatten().min()
    }
}
