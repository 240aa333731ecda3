//! A server whose callers are who the test says, and what speaks to it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aims_attest::{Appraisal, AppraisalBuilder, Evidence, EvidenceType, Level, Reason};
use aims_keys::{UnixTime, backend};
use aims_provision::{Authority, AuthoritySettings, Entries, Entry, EntryBuilder};
use aims_workload_api::{
    Attested, Attestor, Endpoint, NotAttested, Socket, WorkloadApi, WorkloadApiServer,
    WorkloadApiServerBuilder,
};
use tokio::net::UnixListener;
use tokio::runtime::Runtime;

pub(crate) const ORIGIN: &str = "spiffe://acme.example";

pub(crate) const AGENT: &str = "spiffe://acme.example/agents/travel";

pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) fn now() -> UnixTime {
    SystemTime::now().try_into().unwrap()
}

/// Says of every caller what it was told to.
#[derive(Clone, Debug)]
pub(crate) struct Says(Arc<Mutex<Result<Vec<String>, Reason>>>);

impl Says {
    pub(crate) fn new(selectors: &[&str]) -> Self {
        Self(Arc::new(Mutex::new(Ok(selectors.iter().map(ToString::to_string).collect()))))
    }

    pub(crate) fn set(&self, selectors: &[&str]) {
        *self.0.lock().unwrap() = Ok(selectors.iter().map(ToString::to_string).collect());
    }

    pub(crate) fn refuse(&self, reason: Reason) {
        *self.0.lock().unwrap() = Err(reason);
    }
}

impl Attestor for Says {
    fn accept(&self, _: &Socket<'_>) -> Result<Arc<dyn Attested>, NotAttested> {
        Ok(Arc::new(self.clone()))
    }
}

impl Attested for Says {
    fn appraise(&self, now: UnixTime) -> Result<Vec<Appraisal>, NotAttested> {
        let selectors = self.0.lock().unwrap().clone().map_err(NotAttested::new)?;
        let evidence = Evidence::new(EvidenceType::UnixPeer, b"test".to_vec(), now).unwrap();
        let until = now + Duration::from_secs(86_400);
        let builder =
            Appraisal::accepted(&evidence, "test", (now, until), backend::ring()).level(Level::OBSERVED);
        let builder =
            selectors.iter().map(|text| text.parse().unwrap()).fold(builder, AppraisalBuilder::selector);
        Ok(vec![builder.build()])
    }

    fn check(&self) -> Result<(), NotAttested> {
        self.0.lock().unwrap().as_ref().map(drop).map_err(|reason| NotAttested::new(*reason))
    }

    fn account(&self) -> String {
        "uid:1".into()
    }
}

pub(crate) fn entry(id: &str, selectors: &[&str]) -> EntryBuilder {
    let builder = Entry::builder(id.parse().unwrap());
    selectors.iter().fold(builder, |builder, selector| builder.selector(selector.parse().unwrap()))
}

pub(crate) fn entries(all: Vec<EntryBuilder>) -> Entries {
    let all = all.into_iter().map(|entry| entry.build().unwrap());
    Entries::new(ORIGIN.parse().unwrap(), all).unwrap()
}

pub(crate) fn authority() -> Arc<Authority> {
    let settings = AuthoritySettings::new();
    Arc::new(Authority::in_memory("acme.example".parse().unwrap(), settings, backend::ring(), now()).unwrap())
}

/// A server on a socket of its own, which ends with this.
pub(crate) struct Served {
    pub(crate) server: WorkloadApiServer,
    pub(crate) says: Says,
    pub(crate) path: PathBuf,
    /// As a process of its own: what ends it ends its connections.
    runtime: Option<Runtime>,
}

impl Served {
    pub(crate) fn new(all: Vec<EntryBuilder>) -> Self {
        Self::with(all, |builder| builder)
    }

    pub(crate) fn with(
        all: Vec<EntryBuilder>,
        configure: impl FnOnce(WorkloadApiServerBuilder) -> WorkloadApiServerBuilder,
    ) -> Self {
        let says = Says::new(&["unix:uid:1"]);
        let builder = WorkloadApiServer::builder(authority(), entries(all), says.clone(), backend::ring());
        Self::of(configure(builder).build(), says)
    }

    pub(crate) fn of(server: WorkloadApiServer, says: Says) -> Self {
        let path = socket_path();
        let runtime = Some(serve(&server, &path));
        Self { server, says, path, runtime }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.path.clone())
    }

    pub(crate) fn api(&self) -> WorkloadApi {
        WorkloadApi::new(&self.endpoint(), backend::ring())
    }

    /// Takes the server away: its socket, and every connection.
    pub(crate) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// Brings it back, on the same socket.
    pub(crate) fn start(&mut self) {
        self.runtime = Some(serve(&self.server, &self.path));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(server: &WorkloadApiServer, path: &Path) -> Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = {
        let _inside = runtime.enter();
        UnixListener::bind(path).unwrap()
    };
    let server = server.clone();
    runtime.spawn(async move { server.serve_unix(listener).await.unwrap() });
    runtime
}

pub(crate) fn socket_path() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = format!("aims-{}-{}.sock", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    std::env::temp_dir().join(name)
}
