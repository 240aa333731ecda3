//! Following one stream.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Holder, TrustBundle};
use aims_keys::{Clock, UnixTime};
use aims_provision::Rotation;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tonic::Streaming;

use super::bundles::{Bundles, Kind};
use super::slot::Slot;
use super::{SourceStatus, StreamStatus};
use crate::client::response;
use crate::random::random;
use crate::{WorkloadApi, WorkloadApiError};

/// What the streams of a source share.
#[derive(Clone)]
pub(super) struct Follow {
    api: WorkloadApi,
    clock: Arc<dyn Clock>,
    bundles: Bundles,
    status: Arc<watch::Sender<SourceStatus>>,
}

/// What a message has brought.
enum Update {
    /// Something without an end.
    Bundles,
    /// A credential.
    Credential(Holder),
    /// Nothing for the identity that this workload has.
    Nothing,
}

impl Follow {
    pub(super) fn new(
        api: WorkloadApi,
        clock: Arc<dyn Clock>,
        bundles: Bundles,
        status: Arc<watch::Sender<SourceStatus>>,
    ) -> Self {
        Self { api, clock, bundles, status }
    }

    pub(super) async fn x509(self, slot: Arc<Slot>) {
        let backend = self.api.backend();
        let (bundles, slot) = (&self.bundles, &slot);
        let read = |message| {
            let context = response::read_x509(message, backend)?;
            // Bundles first: whoever is told of the new credential can verify others by then.
            bundles.replace(Kind::X509, context.bundles);
            Ok(slot.replace(&context.identities).map_or(Update::Nothing, Update::Credential))
        };
        let withdraw = || {
            slot.withdraw();
            bundles.replace(Kind::X509, Vec::new());
        };
        self.follow("x509", WorkloadApi::x509_stream, read, withdraw).await;
    }

    pub(super) async fn wit(self, slot: Arc<Slot>) {
        let (backend, slot) = (self.api.backend(), &slot);
        let read = |message| {
            let identities = response::read_wit(message, backend)?;
            Ok(slot.replace(&identities).map_or(Update::Nothing, Update::Credential))
        };
        self.follow("wit", WorkloadApi::wit_stream, read, || slot.withdraw()).await;
    }

    pub(super) async fn x509_bundles(self) {
        let bundles = &self.bundles;
        let read = |message| {
            bundles.replace(Kind::X509, response::read_x509_bundles(&message)?);
            Ok(Update::Bundles)
        };
        let withdraw = || bundles.replace(Kind::X509, Vec::<TrustBundle>::new());
        self.follow("x509_bundles", WorkloadApi::x509_bundle_stream, read, withdraw).await;
    }

    pub(super) async fn jwt_bundles(self) {
        let (backend, bundles) = (self.api.backend(), &self.bundles);
        let read = |message| {
            bundles.replace(Kind::Jwt, response::read_jwt_bundles(&message, backend)?);
            Ok(Update::Bundles)
        };
        let withdraw = || bundles.replace(Kind::Jwt, Vec::<TrustBundle>::new());
        self.follow("jwt_bundles", WorkloadApi::jwt_bundle_stream, read, withdraw).await;
    }

    pub(super) async fn wit_bundles(self) {
        let (backend, bundles) = (self.api.backend(), &self.bundles);
        let read = |message| {
            bundles.replace(Kind::Wit, response::read_wit_bundles(&message, backend)?);
            Ok(Update::Bundles)
        };
        let withdraw = || bundles.replace(Kind::Wit, Vec::<TrustBundle>::new());
        self.follow("wit_bundles", WorkloadApi::wit_bundle_stream, read, withdraw).await;
    }

    /// Opens the stream, again and again, until trying again does not help.
    async fn follow<M, F>(
        &self,
        name: &'static str,
        open: impl Fn(WorkloadApi) -> F,
        mut read: impl FnMut(M) -> Result<Update, WorkloadApiError>,
        withdraw: impl Fn(),
    ) where
        F: Future<Output = Result<Streaming<M>, WorkloadApiError>>,
    {
        let mut stream = Stream { rotation: Rotation::new(), name, updates: 0, follow: self };
        loop {
            let opened = Instant::now();
            let error = match timeout(self.api.timeout(), open(self.api.clone())).await {
                Err(_) => WorkloadApiError::TimedOut,
                Ok(Err(error)) => error,
                Ok(Ok(messages)) => match stream.read(messages, &mut read).await {
                    // It ended after it had begun: at once again (WA-3), if it lasted.
                    None => {
                        sleep(SHORTEST_STREAM.saturating_sub(opened.elapsed())).await;
                        continue;
                    }
                    Some(error) => error,
                },
            };
            let now = stream.now();
            if error == WorkloadApiError::PermissionDenied {
                // WA-9: what was given out before is not used any more.
                withdraw();
                stream.rotation.withdrawn(now, random());
            } else {
                stream.rotation.failed(now, random());
            }
            // An API that has answered once has the method: that it says otherwise passes, as whatever else is on the socket meanwhile does.
            let ends = !error.may_pass() && stream.updates == 0;
            let next_attempt = (!ends).then(|| stream.rotation.next());
            stream.report(Some(error), next_attempt);
            if ends {
                return;
            }
            stream.pause().await;
        }
    }
}

/// One stream, as it stands.
struct Stream<'f> {
    rotation: Rotation,
    name: &'static str,
    updates: u64,
    follow: &'f Follow,
}

impl Stream<'_> {
    /// Reads messages until the stream ends. `None` when it ended well after at least one that counted.
    async fn read<M>(
        &mut self,
        mut messages: Streaming<M>,
        read: &mut impl FnMut(M) -> Result<Update, WorkloadApiError>,
    ) -> Option<WorkloadApiError> {
        let mut counted = 0_u64;
        // The first message comes without delay (WA-4); the next one may take hours.
        let mut first = true;
        loop {
            let message = if first {
                match timeout(self.follow.api.timeout(), messages.message()).await {
                    Err(_) => return Some(WorkloadApiError::TimedOut),
                    Ok(message) => message,
                }
            } else {
                messages.message().await
            };
            first = false;
            match message {
                Err(status) => return Some(WorkloadApiError::of_status(&status)),
                Ok(None) if counted > 0 => return None,
                Ok(None) => return Some(WorkloadApiError::Ended),
                Ok(Some(message)) => match read(message) {
                    Ok(update) => {
                        counted += 1;
                        self.update(&update);
                    }
                    // WA-6: reported, and nothing of it counts.
                    Err(error) => self.report(Some(error), None),
                },
            }
            // What comes faster waits in the connection, and then at the API.
            sleep(BETWEEN_MESSAGES).await;
        }
    }

    fn update(&mut self, update: &Update) {
        let now = self.now();
        self.updates += 1;
        match update {
            Update::Bundles => self.rotation.issued(now, UnixTime::MAX, 0),
            Update::Credential(holder) => self.rotation.issued(now, holder.not_after(), random()),
            Update::Nothing => self.rotation.withdrawn(now, random()),
        }
        // Of several identities none is this workload's: for it, that is as if there were none.
        let error = matches!(update, Update::Nothing).then_some(WorkloadApiError::PermissionDenied);
        self.report(error, None);
    }

    /// Sleeps until it is time to try again.
    async fn pause(&self) {
        loop {
            let wait = self.rotation.wait(self.now());
            if wait.is_zero() {
                // A second is the least there is between two attempts.
                return sleep(Duration::from_millis(100)).await;
            }
            sleep(wait).await;
        }
    }

    fn now(&self) -> UnixTime {
        // A clock before 1970 is at the epoch for the pauses; for credentials the slot refuses it.
        self.follow.clock.unix_time().unwrap_or(UnixTime::EPOCH)
    }

    fn report(&self, last_error: Option<WorkloadApiError>, next_attempt: Option<UnixTime>) {
        let status = StreamStatus {
            state: self.rotation.state(self.now()),
            not_after: self.rotation.not_after().filter(|end| *end != UnixTime::MAX),
            next_attempt,
            updates: self.updates,
            last_error,
        };
        self.follow.status.send_modify(|all| {
            all.streams.insert(self.name, status);
        });
    }
}

/// An API that sends without end is not read faster than this.
const BETWEEN_MESSAGES: Duration = Duration::from_millis(50);

/// An API that ends every stream at once is not asked more often than this.
const SHORTEST_STREAM: Duration = Duration::from_secs(1);
