//! A blocking signer behind a queue (TPM-43).

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use aims_keys::{
    Algorithm, AsyncSigner, Blocking, Protection, PublicKey, SignError, SignInput, Signature, Signer,
    SoftwareKey, backend,
};
use aims_testkit::assert_refused;

#[test]
fn tpm_43_signs_for_asynchronous_and_blocking_callers_over_one_queue() {
    let (device, gate) = Device::new();
    let key = Blocking::new(device).unwrap();
    for _ in 0..4 {
        gate.open();
    }
    let message = SignInput::Message(b"message");
    for _ in 0..2 {
        let signature = block_on(AsyncSigner::sign(&key, message)).unwrap();
        assert_eq!(AsyncSigner::public_key(&key).verify(b"message", signature.as_bytes()), Ok(()));
        let signature = Signer::sign(&key, message).unwrap();
        assert_eq!(Signer::public_key(&key).verify(b"message", signature.as_bytes()), Ok(()));
    }
    assert_eq!((Signer::algorithm(&key), Signer::protection(&key)), (Algorithm::Es256, Protection::Tpm));
    assert_eq!(AsyncSigner::protection(&key), Protection::Tpm);
    assert_eq!(gate.begun(), 4);
}

#[test]
fn tpm_43_many_threads_share_one_device() {
    let (device, gate) = Device::new();
    let key = Blocking::builder(device).queue(100).start().unwrap();
    (0..100).for_each(|_| gate.open());
    thread::scope(|scope| {
        for _ in 0..4 {
            let key = key.clone();
            scope.spawn(move || {
                for round in 0..25_u8 {
                    let message = [round; 9];
                    let signature = block_on(AsyncSigner::sign(&key, SignInput::Message(&message))).unwrap();
                    assert_eq!(Signer::public_key(&key).verify(&message, signature.as_bytes()), Ok(()));
                }
            });
        }
    });
    assert_eq!(gate.begun(), 100);
}

#[test]
fn tpm_41_digests_reach_the_device_as_digests() {
    let (device, gate) = Device::new();
    let key = Blocking::new(device).unwrap();
    gate.open();
    let refused = Signer::sign(&key, SignInput::Digest(&[0; 32]));
    assert_refused!(refused, "unsupported_input", "TPM-41");
}

#[test]
fn tpm_43_tpm_44_a_full_queue_is_busy() {
    let (device, gate) = Device::new();
    let key = Blocking::builder(device).queue(2).start().unwrap();
    let mut running = AsyncSigner::sign(&key, SignInput::Message(b"running"));
    assert!(poll_once(&mut running).is_pending());
    gate.wait_begun(1);
    let mut waiting: Vec<_> =
        (0..2).map(|_| AsyncSigner::sign(&key, SignInput::Message(b"waiting"))).collect();
    for future in &mut waiting {
        assert!(poll_once(future).is_pending());
    }

    let refused = block_on(AsyncSigner::sign(&key, SignInput::Message(b"one too many")));
    assert_refused!(refused, "key_busy", "TPM-44");
    let refused = Signer::sign(&key, SignInput::Message(b"one too many"));
    assert_refused!(refused, "key_busy", "TPM-44");

    (0..3).for_each(|_| gate.open());
    assert!(block_on(running).is_ok());
    assert!(waiting.into_iter().all(|future| block_on(future).is_ok()));
}

#[test]
fn tpm_43_a_dropped_future_never_reaches_the_device() {
    let (device, gate) = Device::new();
    let key = Blocking::builder(device).queue(1).start().unwrap();
    let mut running = AsyncSigner::sign(&key, SignInput::Message(b"running"));
    assert!(poll_once(&mut running).is_pending());
    gate.wait_begun(1);

    let mut cancelled = AsyncSigner::sign(&key, SignInput::Message(b"cancelled"));
    assert!(poll_once(&mut cancelled).is_pending());
    drop(cancelled);
    // Its place is free again.
    let mut next = AsyncSigner::sign(&key, SignInput::Message(b"next"));
    assert!(poll_once(&mut next).is_pending());

    (0..2).for_each(|_| gate.open());
    assert!(block_on(running).is_ok());
    assert!(block_on(next).is_ok());
    assert_eq!(gate.begun(), 2);
    assert_eq!(gate.messages(), [b"running".to_vec(), b"next".to_vec()]);
}

#[test]
fn tpm_43_a_future_dropped_while_the_device_works_harms_nobody() {
    let (device, gate) = Device::new();
    let key = Blocking::new(device).unwrap();
    let mut running = AsyncSigner::sign(&key, SignInput::Message(b"running"));
    assert!(poll_once(&mut running).is_pending());
    gate.wait_begun(1);
    drop(running);
    (0..2).for_each(|_| gate.open());
    assert!(block_on(AsyncSigner::sign(&key, SignInput::Message(b"next"))).is_ok());
}

#[test]
fn tpm_43_a_future_that_is_never_polled_asks_for_nothing() {
    let (device, gate) = Device::new();
    let key = Blocking::new(device).unwrap();
    drop(AsyncSigner::sign(&key, SignInput::Message(b"unpolled")));
    gate.open();
    assert!(Signer::sign(&key, SignInput::Message(b"polled")).is_ok());
    assert_eq!(gate.messages(), [b"polled".to_vec()]);
}

#[test]
fn tpm_43_tpm_44_the_timeout_ends_the_wait_and_not_the_device() {
    let (device, gate) = Device::new();
    let timeout = Duration::from_millis(60);
    let key = Blocking::builder(device).timeout(timeout).start().unwrap();

    let started = Instant::now();
    let (running, waiting) = thread::scope(|scope| {
        let running = scope.spawn(|| Signer::sign(&key, SignInput::Message(b"running")));
        gate.wait_begun(1);
        let waiting = scope.spawn(|| block_on(AsyncSigner::sign(&key, SignInput::Message(b"waiting"))));
        (running.join().unwrap(), waiting.join().unwrap())
    });
    assert!(started.elapsed() >= timeout);
    assert_refused!(running, "key_busy", "TPM-44");
    assert_refused!(waiting, "key_busy", "TPM-44");

    // The device wakes up: what waited was never begun, and it serves again.
    (0..2).for_each(|_| gate.open());
    assert!(Signer::sign(&key, SignInput::Message(b"next")).is_ok());
    assert_eq!(gate.messages(), [b"running".to_vec(), b"next".to_vec()]);
}

#[test]
fn tpm_43_a_timeout_far_away_refuses_nothing() {
    let (device, gate) = Device::new();
    let key = Blocking::builder(device).timeout(Duration::MAX).queue(0).start().unwrap();
    gate.open();
    assert!(Signer::sign(&key, SignInput::Message(b"m")).is_ok());
}

#[test]
fn tpm_44_a_panic_in_the_device_is_a_device_gone_for_all() {
    let (device, gate) = Device::new();
    let key = Blocking::builder(device).timeout(Duration::from_secs(60)).start().unwrap();
    let mut running = AsyncSigner::sign(&key, SignInput::Message(b"panic"));
    let mut waiting = AsyncSigner::sign(&key, SignInput::Message(b"waiting"));
    assert!(poll_once(&mut running).is_pending());
    assert!(poll_once(&mut waiting).is_pending());
    gate.open();
    assert_refused!(block_on(running), "device_gone", "TPM-44");
    assert_refused!(block_on(waiting), "device_gone", "TPM-44");
    assert_refused!(Signer::sign(&key, SignInput::Message(b"later")), "device_gone", "TPM-44");
}

#[test]
fn tpm_43_the_threads_end_with_the_last_handle() {
    let (device, gate) = Device::new();
    let key = Blocking::builder(device).timeout(Duration::from_secs(60)).start().unwrap();
    let clone = key.clone();
    drop(key);
    gate.open();
    assert!(Signer::sign(&clone, SignInput::Message(b"m")).is_ok());
    assert!(!gate.is_dropped());
    drop(clone);
    // Both threads let go of the device.
    let patience = Instant::now() + Duration::from_secs(20);
    while !gate.is_dropped() {
        assert!(Instant::now() < patience, "a thread outlives its handles");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn tpm_44_debug_shows_the_signer_only() {
    let (device, _gate) = Device::new();
    let key = Blocking::new(device).unwrap();
    assert_eq!(format!("{key:?}"), "Blocking(Device)");
}

/// A device that signs when its gate is opened.
struct Device {
    key: SoftwareKey,
    gate: Mutex<Receiver<()>>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    begun: AtomicUsize,
    messages: Mutex<Vec<Vec<u8>>>,
}

struct Gate {
    open: Sender<()>,
    seen: Arc<Seen>,
}

impl Device {
    fn new() -> (Self, Gate) {
        let (open, gate) = channel();
        let seen = Arc::new(Seen::default());
        let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
        (Self { key, gate: Mutex::new(gate), seen: Arc::clone(&seen) }, Gate { open, seen })
    }
}

impl Gate {
    fn open(&self) {
        self.open.send(()).unwrap();
    }

    fn begun(&self) -> usize {
        self.seen.begun.load(Ordering::SeqCst)
    }

    fn messages(&self) -> Vec<Vec<u8>> {
        self.seen.messages.lock().unwrap().clone()
    }

    fn wait_begun(&self, count: usize) {
        while self.begun() < count {
            thread::yield_now();
        }
    }

    fn is_dropped(&self) -> bool {
        Arc::strong_count(&self.seen) == 1
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Device")
    }
}

impl Signer for Device {
    fn public_key(&self) -> &PublicKey {
        Signer::public_key(&self.key)
    }

    fn protection(&self) -> Protection {
        Protection::Tpm
    }

    fn sign(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        if let SignInput::Message(message) = input {
            self.seen.messages.lock().unwrap().push(message.to_vec());
        }
        self.seen.begun.fetch_add(1, Ordering::SeqCst);
        self.gate.lock().unwrap().recv().map_err(|_| SignError::DeviceGone)?;
        assert!(!matches!(input, SignInput::Message(b"panic")), "the device was told to panic");
        Signer::sign(&self.key, input)
    }
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}
