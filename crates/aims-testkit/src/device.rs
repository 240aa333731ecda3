//! A key that behaves like one in a device.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use aims_keys::{
    Algorithm, AsyncSigner, BoxFuture, Protection, PublicKey, SignError, SignInput, Signature, SoftwareKey,
    backend,
};

/// A software key that says it is in a device, and takes as long as a test wants: for what must go on meanwhile, and for devices
/// that are busy or gone.
///
/// Its signatures are real ones. It counts how many are under way at once.
///
/// ```
/// use std::time::Duration;
/// use aims_keys::{AsyncSigner, Protection};
/// use aims_testkit::TestDevice;
///
/// let slow = TestDevice::new(|| {
///     // As some devices do, it holds up the thread; a key service would `await` something.
///     std::thread::sleep(Duration::from_millis(50));
///     Box::pin(std::future::ready(Ok(())))
/// });
/// assert_eq!((slow.protection(), slow.signed()), (Protection::Tpm, 0));
/// ```
pub struct TestDevice {
    key: SoftwareKey,
    protection: Protection,
    before: Box<dyn Fn() -> BoxFuture<'static, Result<(), SignError>> + Send + Sync>,
    under_way: AtomicUsize,
    most: AtomicUsize,
    signed: AtomicUsize,
}

impl TestDevice {
    /// An ES256 key. `before` runs before each signature, and what it yields is awaited; after an error nothing is signed.
    ///
    /// # Panics
    ///
    /// When the system has no randomness.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test helper: a system without randomness must fail the test")]
    pub fn new(
        before: impl Fn() -> BoxFuture<'static, Result<(), SignError>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            key: SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a key"),
            protection: Protection::Tpm,
            before: Box::new(before),
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            signed: AtomicUsize::new(0),
        }
    }

    /// What it says of itself. Default: [`Protection::Tpm`].
    #[must_use]
    pub fn guarded_by(mut self, protection: Protection) -> Self {
        self.protection = protection;
        self
    }

    /// How many signatures it has made.
    #[must_use]
    pub fn signed(&self) -> usize {
        self.signed.load(Ordering::SeqCst)
    }

    /// How many are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }

    /// How many were under way at once at most.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

impl AsyncSigner for TestDevice {
    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    fn protection(&self) -> Protection {
        self.protection
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(async move {
            let _under_way = UnderWay::begin(self);
            (self.before)().await?;
            let signature = self.key.sign(input)?;
            self.signed.fetch_add(1, Ordering::SeqCst);
            Ok(signature)
        })
    }
}

/// Counted until it is dropped, in a panic too.
struct UnderWay<'a>(&'a TestDevice);

impl<'a> UnderWay<'a> {
    fn begin(device: &'a TestDevice) -> Self {
        let now = device.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        device.most.fetch_max(now, Ordering::SeqCst);
        Self(device)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

impl fmt::Debug for TestDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDevice").field("key", &self.key).finish_non_exhaustive()
    }
}
