//! Documents that are fetched again and again.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aims_credential::{RefreshError, Refreshed};
use aims_keys::UnixTime;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
const HOUR: Duration = Duration::from_secs(3600);

/// What comes of something that waits for nobody.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Counts what is asked, and answers with how often.
#[derive(Default)]
struct Origin {
    asked: Cell<u32>,
    is_down: Cell<bool>,
}

impl Origin {
    fn get(
        &self,
        rates: &Refreshed<u32, &'static str>,
        at: UnixTime,
        enough: u32,
    ) -> Result<u32, RefreshError<&'static str>> {
        let fetch = async || {
            self.asked.set(self.asked.get() + 1);
            if self.is_down.get() { Err("down") } else { Ok((self.asked.get(), HOUR)) }
        };
        ready(rates.get(at, |held| *held >= enough, fetch)).map(|held| *held)
    }
}

#[test]
fn act_6_what_is_held_is_asked_for_again_when_it_is_stale_or_not_enough() {
    let (rates, origin) = (Refreshed::default(), Origin::default());
    assert_eq!(origin.get(&rates, NOW, 1), Ok(1));
    assert_eq!(origin.get(&rates, NOW + HOUR - secs(1), 1), Ok(1));
    assert_eq!((origin.asked.get(), rates.held(NOW).map(|held| *held)), (1, Ok(1)));
    assert_eq!(origin.get(&rates, NOW + HOUR, 1), Ok(2));
    // What it lacks may have been added since; once a minute, somebody looks.
    assert_eq!(origin.get(&rates, NOW + HOUR + secs(59), 9), Ok(2));
    assert_eq!(origin.get(&rates, NOW + HOUR + secs(60), 9), Ok(3));
    assert_eq!(origin.asked.get(), 3);
}

#[test]
fn act_6_a_fetch_that_fails_takes_nothing_away_and_is_not_repeated_at_once() {
    let (rates, origin) = (Refreshed::default(), Origin::default());
    origin.is_down.set(true);
    assert_eq!(origin.get(&rates, NOW, 0), Err(RefreshError::Failed("down")));
    // 10 s, 20 s, 40 s.
    for (at, asked) in [(9, 1), (10, 2), (29, 2), (30, 3), (69, 3), (70, 4)] {
        assert_eq!(origin.get(&rates, NOW + secs(at), 0), Err(RefreshError::Failed("down")));
        assert_eq!(origin.asked.get(), asked, "{at}");
    }
    origin.is_down.set(false);
    assert_eq!(origin.get(&rates, NOW + secs(200), 0), Ok(5));
    origin.is_down.set(true);
    let stale = NOW + secs(200) + HOUR;
    assert_eq!(origin.get(&rates, stale, 0), Ok(5));
    assert_eq!(origin.get(&rates, stale + secs(24 * 3600 - 1), 0), Ok(5));
    // For a day; then nobody knows what is true.
    let too_old = stale + secs(24 * 3600);
    assert_eq!(rates.held(too_old), Err(RefreshError::Failed("down")));
    assert!(rates.held(too_old - secs(1)).is_ok());
    assert_eq!(origin.get(&rates, too_old, 0), Err(RefreshError::Failed("down")));
    let short = Refreshed::<u32, &str>::default().with_max_stale(Duration::ZERO);
    origin.is_down.set(false);
    assert!(origin.get(&short, NOW, 0).is_ok() && short.held(NOW + HOUR) == Err(RefreshError::NotFetched));
}

#[test]
fn act_6_a_clock_that_was_set_back_does_not_keep_a_document_fresh() {
    let (rates, origin) = (Refreshed::default(), Origin::default());
    assert_eq!(origin.get(&rates, NOW + secs(1_000_000), 0), Ok(1));
    assert_eq!(origin.get(&rates, NOW, 0), Ok(2));
    assert_eq!(origin.get(&rates, NOW, 0), Ok(2));
}

#[test]
fn act_6_requests_wait_for_one_fetch_and_one_that_goes_away_hands_over() {
    let rates = Refreshed::<u32, Infallible>::default();
    let (begun, is_done) = (AtomicU32::new(0), AtomicU32::new(0));
    let get = || {
        rates.get(
            NOW,
            |_| true,
            async || {
                begun.fetch_add(1, Ordering::SeqCst);
                std::future::poll_fn(|_| match is_done.load(Ordering::SeqCst) {
                    0 => Poll::Pending,
                    _ => Poll::Ready(()),
                })
                .await;
                Ok((7, HOUR))
            },
        )
    };
    let mut context = Context::from_waker(Waker::noop());
    let mut second = pin!(get());
    {
        let mut first = pin!(get());
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert_eq!(begun.load(Ordering::SeqCst), 1);
    }
    // The first is gone, and with it its fetch.
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert_eq!(begun.load(Ordering::SeqCst), 2);
    is_done.store(1, Ordering::SeqCst);
    assert!(matches!(second.as_mut().poll(&mut context), Poll::Ready(Ok(held)) if *held == 7));

    // Whoever asks and hangs up again and again has it fetched six times a minute.
    let (rates, begun) = (Refreshed::<u32, Infallible>::default(), AtomicU32::new(0));
    for _ in 0..20 {
        let fetch = async || {
            begun.fetch_add(1, Ordering::SeqCst);
            std::future::pending().await
        };
        let _ = pin!(rates.get(NOW, |_| true, fetch)).as_mut().poll(&mut context);
    }
    assert_eq!(begun.load(Ordering::SeqCst), 6);
    let busy = pin!(rates.get(NOW, |_| true, async || Ok((1, HOUR)))).as_mut().poll(&mut context);
    assert!(matches!(busy, Poll::Ready(Err(RefreshError::Busy))));
}
