//! What a Workload API does in a second: identities issued, answers to clients, rotations pushed to many streams; and what a stream costs in memory.
//!
//! One run, each figure the median of several rounds. `spiffe` 0.19's client is asked beside ours, at the same server.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aims_attest::{Appraisal, Evidence, EvidenceType};
use aims_keys::{Algorithm, PrivateKey, UnixTime, backend};
use aims_provision::{Authority, AuthoritySettings, Entries, Entry, Grant, Phase, Provisioner};
use aims_workload_api::proto::workload as wire;
use aims_workload_api::{Endpoint, UnixAttestor, WorkloadApi, WorkloadApiServer};
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint as Target, Uri};
use tonic::{Request, Streaming};
use wire::spiffe_workload_api_client::SpiffeWorkloadApiClient as Client;

type Failure = Box<dyn Error + Send + Sync>;

type Stream = Streaming<wire::X509svidResponse>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    println!("| what | figure |\n|---|--:|");
    issuing()?;
    let served = Served::new()?;
    answers(&served).await?;
    for streams in [1, 100, 1000] {
        push(&served, streams).await?;
    }
    Ok(())
}

/// Keys and signatures, without a socket.
fn issuing() -> Result<(), Failure> {
    let (authority, grant) = granted()?;
    let now = now()?;
    let x509 = median(50, 20, || {
        let key = PrivateKey::generate(Algorithm::Es256, backend::ring())?;
        let signer = key.load(Algorithm::Es256, backend::ring())?;
        authority.issue_x509(&grant, signer.public_key(), now)?;
        Ok(())
    })?;
    row("X.509-SVIDs issued, a fresh key each, in process", &per_second(x509));
    let wit = median(50, 20, || {
        let key = PrivateKey::generate(Algorithm::Es256, backend::ring())?;
        let signer = key.load(Algorithm::Es256, backend::ring())?;
        authority.issue_wit(&grant, signer.public_key(), now)?;
        Ok(())
    })?;
    row("WITs issued, a fresh key each, in process", &per_second(wit));
    let jwt = median(50, 20, || {
        authority.issue_jwt(&grant, &["https://tools.example"], now)?;
        Ok(())
    })?;
    row("JWT-SVIDs issued, in process", &per_second(jwt));
    Ok(())
}

/// One client after another, over a connection that stands.
async fn answers(served: &Served) -> Result<(), Failure> {
    let api = WorkloadApi::new(&Endpoint::Unix(served.path.clone()), backend::ring());
    let theirs = spiffe::WorkloadApiClient::connect_to(format!("unix://{}", served.path.display())).await?;
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let began = Instant::now();
        api.fetch_x509().await?;
        ours.push(began.elapsed());
        let began = Instant::now();
        theirs.fetch_x509_context().await?;
        peers.push(began.elapsed());
    }
    row("X.509-SVID and bundle fetched, caller attested, our client", &micros(middle(&mut ours)));
    row("the same, the client of `spiffe` 0.19", &micros(middle(&mut peers)));
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let began = Instant::now();
        api.fetch_jwt(&["https://tools.example"], None).await?;
        ours.push(began.elapsed());
        let began = Instant::now();
        theirs.fetch_jwt_svid(["https://tools.example"], None).await?;
        peers.push(began.elapsed());
    }
    row("JWT-SVID fetched, our client", &micros(middle(&mut ours)));
    row("the same, the client of `spiffe` 0.19", &micros(middle(&mut peers)));
    Ok(())
}

/// From a change until every stream has its new certificate.
async fn push(served: &Served, count: usize) -> Result<(), Failure> {
    let before = memory()?;
    let mut streams = Vec::with_capacity(count);
    let mut client = connect(served).await?;
    for number in 0..count {
        // A server lets 64 be open on one connection.
        if number % 50 == 49 {
            client = connect(served).await?;
        }
        let mut stream = client.fetch_x509svid(request()).await?.into_inner();
        stream.message().await?.ok_or("no message")?;
        streams.push(stream);
    }
    let after = memory()?;
    let mut rounds = Vec::new();
    for _ in 0..7 {
        let began = Instant::now();
        // The bundle is another one, for everybody.
        let authority = served.server.authority();
        authority.replace_compromised(aims_provision::CredentialType::Jwt, now()?)?;
        served.server.bundles_changed();
        let waiting = streams.into_iter().map(|mut stream: Stream| {
            tokio::spawn(async move {
                stream.message().await?.ok_or("no message")?;
                Ok::<_, Failure>(stream)
            })
        });
        let waiting: Vec<_> = waiting.collect();
        streams = Vec::with_capacity(count);
        for task in waiting {
            streams.push(task.await??);
        }
        rounds.push(began.elapsed());
    }
    let time = middle(&mut rounds);
    row(
        &format!("a rotation pushed to {count} streams, a fresh certificate each"),
        &format!("{:.1} ms", time.as_secs_f64() * 1e3),
    );
    if count >= 1000 {
        let each = after.saturating_sub(before) / u64::try_from(count)?;
        row("memory of a stream, both ends in this process", &format!("{each} KiB"));
    }
    Ok(())
}

struct Served {
    server: WorkloadApiServer,
    path: PathBuf,
}

impl Served {
    fn new() -> Result<Self, Failure> {
        let uid = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self")?);
        let (authority, _) = granted()?;
        let entry = Entry::builder(AGENT.parse()?).selector(format!("unix:uid:{uid}").parse()?).build()?;
        let entries = Entries::new(authority.origin().clone(), [entry])?;
        let attestor = UnixAttestor::new(backend::ring());
        let server = WorkloadApiServer::builder(Arc::new(authority), entries, attestor, backend::ring())
            .quota(100_000, u32::MAX, u32::MAX)
            .build();
        let path = std::env::temp_dir().join(format!("aims-bench-{}.sock", std::process::id()));
        let listener = UnixListener::bind(&path)?;
        let serving = server.clone();
        tokio::spawn(async move { serving.serve_unix(listener).await });
        Ok(Self { server, path })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn granted() -> Result<(Authority, Grant), Failure> {
    let now = now()?;
    let authority =
        Authority::in_memory("acme.example".parse()?, AuthoritySettings::new(), backend::ring(), now)?;
    let entry = Entry::builder(AGENT.parse()?).selector("unix:uid:1".parse()?).build()?;
    let entries = Entries::new(authority.origin().clone(), [entry])?;
    let evidence = Evidence::new(EvidenceType::UnixPeer, Vec::new(), now)?;
    let until = now + Duration::from_hours(24);
    let appraisal = Appraisal::accepted(&evidence, "bench", (now, until), backend::ring());
    let appraisal = appraisal.selector("unix:uid:1".parse()?).build();
    let mut grants = Provisioner::new().decide(&entries, &[appraisal], Phase::Initial, now)?;
    Ok((authority, grants.remove(0)))
}

async fn connect(served: &Served) -> Result<Client<Channel>, Failure> {
    let path = served.path.clone();
    let connect = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Ok(Client::new(Target::from_static("http://localhost").connect_with_connector(connect).await?))
}

fn request() -> Request<wire::X509svidRequest> {
    let mut request = Request::new(wire::X509svidRequest {});
    request.metadata_mut().insert("workload.spiffe.io", MetadataValue::from_static("true"));
    request
}

/// Of so many rounds of so many calls, the time of one call in the middle round.
fn median(
    rounds: u32,
    calls: u32,
    mut call: impl FnMut() -> Result<(), Failure>,
) -> Result<Duration, Failure> {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let began = Instant::now();
        for _ in 0..calls {
            call()?;
        }
        times.push(began.elapsed() / calls);
    }
    Ok(middle(&mut times))
}

fn middle(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn per_second(each: Duration) -> String {
    format!("{:.0} per second and core", 1.0 / each.as_secs_f64())
}

fn micros(each: Duration) -> String {
    format!("{:.0} µs", each.as_secs_f64() * 1e6)
}

fn row(what: &str, figure: &str) {
    println!("| {what} | {figure} |");
}

/// Resident memory of this process, in KiB.
fn memory() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().next().ok_or("no VmRSS")?.parse()?)
}

fn now() -> Result<UnixTime, Failure> {
    Ok(UnixTime::try_from(SystemTime::now())?)
}

const AGENT: &str = "spiffe://acme.example/agents/travel";
