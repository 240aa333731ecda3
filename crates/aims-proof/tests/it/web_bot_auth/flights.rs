//! Many requests at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use aims_credential::FetchError;
use aims_keys::backend;
use aims_proof::web_bot_auth::{BotKey, BotKeys, Directories, DiscoveryError, KeySource};
use aims_testkit::assert_refused;

use super::support::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

type Asking<'a> = Pin<Box<dyn Future<Output = Result<BotKey, DiscoveryError>> + Send + 'a>>;

/// A request, and how often it was told to look again.
struct Request<'a>(Asking<'a>, Arc<Count>);

impl<'a> Request<'a> {
    fn of(asking: Asking<'a>) -> Self {
        Self(asking, Arc::default())
    }

    fn poll(&mut self) -> Option<Result<BotKey, DiscoveryError>> {
        let waker = Waker::from(Arc::clone(&self.1));
        match self.0.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    fn woken(&self) -> bool {
        self.1.0.load(Ordering::SeqCst) > 0
    }
}

#[test]
fn hs_wba_08_requests_for_one_directory_wait_for_one_fetch() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    web.hold();
    let directories = web.directories();
    let (source, known, unknown) = (bot_source(), thumbprint(&key), thumbprint(&ed25519()));
    let mut requests: Vec<_> = (0..100).map(|_| Request::of(directories.key(&source, &known, NOW))).collect();
    let mut other = Request::of(directories.key(&source, &unknown, NOW));
    for _ in 0..3 {
        assert!(requests.iter_mut().all(|request| request.poll().is_none()));
        assert!(other.poll().is_none());
    }
    assert_eq!(web.count(), 1);
    web.let_go();
    // The one that fetches is told, and tells the others.
    assert!(requests[0].woken() && !requests[1].woken());
    requests[0].poll().unwrap().unwrap();
    for request in &mut requests[1..] {
        assert!(request.woken());
        request.poll().unwrap().unwrap();
    }
    assert_refused!(other.poll().unwrap(), "key_not_provided", "HS-WBA-07");
    assert_eq!(web.count(), 1);
}

#[test]
fn hs_wba_08_when_the_request_that_fetches_is_gone_another_one_does() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    web.hold();
    let directories = web.directories();
    let (source, known) = (bot_source(), thumbprint(&key));
    let mut first = Request::of(directories.key(&source, &known, NOW));
    let mut second = Request::of(directories.key(&source, &known, NOW));
    let mut third = Request::of(directories.key(&source, &known, NOW));
    assert!(first.poll().is_none() && second.poll().is_none() && third.poll().is_none());
    drop(first);
    assert!(second.woken() && third.woken());
    assert!(second.poll().is_none() && third.poll().is_none());
    assert_eq!(web.count(), 2);
    web.let_go();
    second.poll().unwrap().unwrap();
    third.poll().unwrap().unwrap();
    assert_eq!(web.count(), 2);
}

#[test]
fn hs_wba_08_who_asks_and_hangs_up_has_little_fetched() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let directories = Directories::builder(web.clone(), backend::ring()).known(bot_source()).build();
    web.hold();
    let (source, known) = (bot_source(), thumbprint(&key));
    for _ in 0..100 {
        let _ = Request::of(directories.key(&source, &known, NOW)).poll();
    }
    assert_eq!(web.count(), 6);
    web.let_go();
    let mut later = Request::of(directories.key(&source, &known, NOW + secs(60)));
    later.poll().unwrap().unwrap();
}

#[test]
fn hs_wba_08_few_fetches_go_on_at_once_and_fewer_to_one_host() {
    let key = thumbprint(&ed25519());
    let web = Web::default();
    web.hold();
    let directories = Directories::builder(web.clone(), backend::ring()).max_concurrent(6).build();
    let one_host: Vec<_> =
        (0..8).map(|at| KeySource::jwks_uri(&format!("https://victim.example/{at}")).unwrap()).collect();
    let mut requests: Vec<_> =
        one_host.iter().map(|source| Request::of(directories.key(source, &key, NOW))).collect();
    let outcomes: Vec<_> = requests.iter_mut().map(Request::poll).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_none()).count(), 4);
    for outcome in outcomes.into_iter().flatten() {
        assert_refused!(outcome, "discovery_busy", "HS-WBA-08");
    }
    let hosts: Vec<_> =
        (0..8).map(|at| KeySource::directory(&format!("https://b{at}.example")).unwrap()).collect();
    let mut others: Vec<_> =
        hosts.iter().map(|source| Request::of(directories.key(source, &key, NOW))).collect();
    let waiting = others.iter_mut().filter_map(|request| request.poll().is_none().then_some(())).count();
    assert_eq!((waiting, web.count()), (2, 6));
    drop((requests, others));
    // Whoever hung up makes room.
    let mut again = Request::of(directories.key(&hosts[7], &key, NOW));
    assert!(again.poll().is_none());
    web.let_go();
    assert_eq!(again.poll().unwrap().unwrap_err(), DiscoveryError::Fetch(FetchError::Status(404)));
}

#[test]
fn hs_wba_08_threads_share_one_fetch() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let directories = web.directories();
    let (source, known) = (bot_source(), thumbprint(&key));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut request = Request::of(directories.key(&source, &known, NOW));
                loop {
                    match request.poll() {
                        Some(outcome) => return drop(outcome.unwrap()),
                        None => std::thread::yield_now(),
                    }
                }
            });
        }
    });
    assert_eq!(web.count(), 1);
}
