//! What a guard is given may panic; the request it panicked over is refused then, and recorded.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// What `run` returns; `None` when it panics.
///
/// Unwind safety is asserted: of what was in the middle of something, only the same foreign code sees more, and it fails
/// closed again if it panics again.
pub(super) fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    // What was thrown is forgotten, not dropped: dropping it runs foreign code that may panic again.
    catch_unwind(AssertUnwindSafe(run)).map_err(std::mem::forget).ok()
}

/// What `future` yields; `None` when it panics.
pub(super) async fn caught_future<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match caught(|| future.as_mut().poll(cx)) {
        Some(poll) => poll.map(Some),
        None => Poll::Ready(None),
    })
    .await
}
