//! Credentials that stay current, from a Workload API.

mod bundles;
mod follow;
mod slot;
mod status;

pub use self::status::{SourceStatus, StreamStatus};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{BundleSet, CredentialSource};
use aims_id::SpiffeId;
use aims_keys::{Clock, SystemClock};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::bundles::Bundles;
use self::follow::Follow;
pub(crate) use self::slot::Slot;
use crate::{WorkloadApi, WorkloadApiError};

/// A workload's credentials and bundles, kept current by a Workload API.
///
/// It follows the streams of the API for as long as it lives. A new message takes the place of the old state as a whole, and one that does not
/// count is reported and changes nothing. While the API is away what is there serves on, credentials until they expire; where the API
/// says that there is nothing for this workload any more, nothing is left. Everything else is in [`status`](Self::status).
///
/// ```no_run
/// use aims_keys::backend;
/// use aims_workload_api::{Endpoint, WorkloadApi, WorkloadSource};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let api = WorkloadApi::new(&Endpoint::from_env()?, backend::ring());
/// let source = WorkloadSource::builder(api).start().await?;
///
/// let identity = source.x509(); // a `CredentialSource`: for `MutualTls`, for `Agent`
/// let bundles = source.bundles(); // a `BundleSource`: for every verifier
/// # let _ = (identity, bundles);
/// # Ok(()) }
/// ```
pub struct WorkloadSource {
    x509: Arc<Slot>,
    wit: Arc<Slot>,
    bundles: BundleSet,
    status: watch::Receiver<SourceStatus>,
    /// So that [`changed`](Self::changed) waits where all streams have ended.
    _sender: Arc<watch::Sender<SourceStatus>>,
    /// Ended when this is dropped.
    _streams: JoinSet<()>,
}

impl WorkloadSource {
    /// Follows `api`: X.509-SVIDs and the bundles of all kinds, unless told otherwise.
    pub fn builder(api: WorkloadApi) -> WorkloadSourceBuilder {
        WorkloadSourceBuilder {
            api,
            follows_x509: true,
            follows_wit: false,
            bundles_only: false,
            choice: Choice::First,
            clock: Arc::new(SystemClock::default()),
            ready_within: Duration::from_secs(30),
        }
    }

    /// The current X.509-SVID. It goes on following the source after this value is dropped, as long as the [`WorkloadSource`] lives.
    #[must_use]
    pub fn x509(&self) -> Arc<dyn CredentialSource> {
        Arc::<Slot>::clone(&self.x509)
    }

    /// The current WIT, where the source [follows](WorkloadSourceBuilder::with_wit) it.
    #[must_use]
    pub fn wit(&self) -> Arc<dyn CredentialSource> {
        Arc::<Slot>::clone(&self.wit)
    }

    /// The bundles of this workload's trust domain and of those it is federated with: for certificates, JWT-SVIDs and WITs.
    #[must_use]
    pub fn bundles(&self) -> BundleSet {
        self.bundles.clone()
    }

    /// How each stream stands.
    #[must_use]
    pub fn status(&self) -> SourceStatus {
        self.status.borrow().clone()
    }

    /// Waits until the status is another one, and returns it: a new credential, a new bundle, an error.
    pub async fn changed(&mut self) -> SourceStatus {
        // The sender lives as long as this value does.
        let _ = self.status.changed().await;
        self.status.borrow_and_update().clone()
    }
}

impl fmt::Debug for WorkloadSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadSource").field("status", &*self.status.borrow()).finish_non_exhaustive()
    }
}

/// Options of a [`WorkloadSource`].
#[must_use = "a builder does nothing until `start` is called"]
pub struct WorkloadSourceBuilder {
    api: WorkloadApi,
    follows_x509: bool,
    follows_wit: bool,
    bundles_only: bool,
    choice: Choice,
    clock: Arc<dyn Clock>,
    ready_within: Duration,
}

/// Which of several identities.
#[derive(Clone, Debug)]
pub(crate) enum Choice {
    First,
    Hint(String),
    Id(SpiffeId),
}

impl WorkloadSourceBuilder {
    /// Follows WITs, too. Default: no; an API that has none is asked once.
    pub fn with_wit(mut self) -> Self {
        self.follows_wit = true;
        self
    }

    /// Follows no X.509-SVIDs.
    pub fn without_x509(mut self) -> Self {
        self.follows_x509 = false;
        self
    }

    /// Follows bundles and no credentials: for a workload that gets those elsewhere, by a [`HeldKeySource`](crate::HeldKeySource). The bundles for WITs are
    /// followed if [`with_wit`](Self::with_wit) says so.
    pub fn bundles_only(mut self) -> Self {
        self.bundles_only = true;
        self
    }

    /// Takes this identity, where the workload has several. Default: the first one it is given, and that one for life.
    pub fn id(mut self, id: SpiffeId) -> Self {
        self.choice = Choice::Id(id);
        self
    }

    /// Takes the identity with this hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.choice = Choice::Hint(hint.into());
        self
    }

    /// The time by which credentials expire. Default: the system's.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long [`start`](Self::start) waits for the first credentials. Default: 30 s.
    pub fn ready_within(mut self, timeout: Duration) -> Self {
        self.ready_within = timeout;
        self
    }

    /// Begins to follow, and waits until every credential that is followed is there, and the bundles to verify others with.
    ///
    /// # Errors
    ///
    /// [`WorkloadApiError`]: what kept a stream from beginning, when the time is over, or at once where trying again does not help.
    /// [`Unavailable`](WorkloadApiError::Unavailable) and [`PermissionDenied`](WorkloadApiError::PermissionDenied) may pass, and so take all of
    /// [`ready_within`](Self::ready_within): a service that starts before its API does not fail.
    pub async fn start(self) -> Result<WorkloadSource, WorkloadApiError> {
        let wait = self.ready_within;
        let mut source = self.start_without_waiting();
        let ready = async {
            loop {
                let status = source.status.borrow_and_update().clone();
                if let Some(error) = status.hopeless() {
                    return Err(error);
                }
                if status.is_ready() {
                    return Ok(());
                }
                let _ = source.status.changed().await;
            }
        };
        let waited = timeout(wait, ready).await;
        match waited {
            Ok(ready) => ready?,
            Err(_) => {
                return Err(source.status().last_error().cloned().unwrap_or(WorkloadApiError::TimedOut));
            }
        }
        Ok(source)
    }

    /// Begins to follow. Until the first message there are no credentials, and nobody is trusted.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime: the streams are tasks of it.
    #[must_use]
    pub fn start_without_waiting(self) -> WorkloadSource {
        let (x509, wit) = (Slot::new(&self.clock, &self.choice), Slot::new(&self.clock, &self.choice));
        let bundles = Bundles::default();
        let is_whole = !self.bundles_only;
        let names = [
            ("x509", is_whole && self.follows_x509),
            ("x509_bundles", self.bundles_only),
            ("wit", is_whole && self.follows_wit),
            ("wit_bundles", self.follows_wit),
        ];
        let followed = names.into_iter().filter(|(_, follows)| *follows).map(|(name, _)| name);
        let followed: Vec<_> = followed.chain(["jwt_bundles"]).collect();
        let (sender, status) = watch::channel(SourceStatus::of(&followed));
        let mut streams = JoinSet::new();
        let sender = Arc::new(sender);
        let follow = Follow::new(self.api, self.clock, bundles.clone(), Arc::clone(&sender));
        for name in followed {
            let follow = follow.clone();
            match name {
                "x509" => streams.spawn(follow.x509(Arc::clone(&x509))),
                "x509_bundles" => streams.spawn(follow.x509_bundles()),
                "wit" => streams.spawn(follow.wit(Arc::clone(&wit))),
                "wit_bundles" => streams.spawn(follow.wit_bundles()),
                _ => streams.spawn(follow.jwt_bundles()),
            };
        }
        WorkloadSource { x509, wit, bundles: bundles.set(), status, _sender: sender, _streams: streams }
    }
}

impl fmt::Debug for WorkloadSourceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadSourceBuilder").field("choice", &self.choice).finish_non_exhaustive()
    }
}
