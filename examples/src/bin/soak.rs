//! A soak of identities that are renewed all the time: `soak [SECONDS] [CALLERS]` (300 and 200).
//!
//! A Workload API gives a tool and many callers credentials of 30 seconds. Each caller has a source of its own and calls the tool once a second, over a new connection with mutual
//! TLS and with a WIT and a proof in each request. The keys of the authority are replaced on the way. Whatever fails is counted. It ends with 1 if anything did, or if the memory in use grew by more than a
//! quarter in the last third of the run.

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aims::credential::x509::SvidVerifier;
use aims::id::IdSet;
use aims::keys::UnixTime;
use aims::tls::MutualTls;
#[cfg(target_os = "linux")]
use aims::workload_api::UnixAttestor;
use aims::workload_api::{Endpoint, WorkloadApi, WorkloadApiServer, WorkloadSource};
use aims::{
    Acceptor, Agent, Audiences, Callers, Connection, Connector, Guard, JsonLines, Listener, Permit, backend,
};
use aims_provision::{Authority, AuthoritySettings, CredentialType, Entries, Entry};
use axum::body::Body;
use axum::routing::get;
use axum::{Extension, Router};
use http::{Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UnixListener};
use tokio::time::{Instant, sleep, sleep_until, timeout};

type Failure = Box<dyn Error + Send + Sync>;

const AGENT: &str = "spiffe://acme.example/agents/travel";

const TOOL: &str = "spiffe://acme.example/tools/search";

const LIFETIME: Duration = Duration::from_secs(30);

/// What was counted.
#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    failures: AtomicU64,
    /// The first few reasons.
    reasons: Mutex<Vec<String>>,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(300), |text| text.parse())?;
    let callers: u64 = arguments.next().map_or(Ok(200), |text| text.parse())?;

    let (server, endpoint) = workload_api(callers)?;
    let tool = source(&endpoint, TOOL).await?;
    let url = serve_tool(&tool).await?;

    let counts = Arc::new(Counts::default());
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut tasks = Vec::new();
    for number in 0..callers {
        let (endpoint, url, counts) = (endpoint.clone(), url.clone(), Arc::clone(&counts));
        tasks.push(tokio::spawn(async move {
            // Not all in one moment.
            sleep(Duration::from_millis(number * 1000 / callers)).await;
            caller(&endpoint, &url, &counts, end).await
        }));
    }

    let third = Duration::from_secs(seconds) / 3;
    sleep_until(end - third * 2).await;
    // New keys, published at once and in use three intervals later.
    server.authority().rotate(now()?)?;
    server.bundles_changed();
    sleep_until(end - third).await;
    let before = memory()?;
    sleep_until(end).await;
    let after = memory()?;
    let mut renewals = 0;
    for task in tasks {
        renewals += task.await??;
    }

    let status = server.status();
    let (requests, failures) =
        (counts.requests.load(Ordering::Relaxed), counts.failures.load(Ordering::Relaxed));
    println!("callers: {callers}, seconds: {seconds}, lifetime of credentials: {} s", LIFETIME.as_secs());
    println!("requests: {requests}, failed: {failures}");
    println!("renewals seen: {renewals}, issued: {:?}, refused: {:?}", status.issued, status.refused);
    println!("memory: {before} KiB after two thirds, {after} KiB at the end");
    for reason in counts.reasons.lock().map_err(|_| "poisoned")?.iter() {
        println!("failure: {reason}");
    }
    let is_flat = after <= before + before / 4;
    let is_busy = requests >= callers * (seconds / 2).max(1);
    if failures == 0 && is_flat && is_busy { Ok(ExitCode::SUCCESS) } else { Ok(ExitCode::FAILURE) }
}

/// The API, with an entry for each of the two.
fn workload_api(callers: u64) -> Result<(WorkloadApiServer, Endpoint), Failure> {
    // The keys of a caller's trust domain change on the way: published ahead by three intervals of a second.
    let settings = AuthoritySettings::new().refresh_hint(Duration::from_secs(1)).publish_ahead(3);
    let authority = Authority::in_memory("acme.example".parse()?, settings, backend::ring(), now()?)?;
    let uid = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self")?);
    let entry = |id: &str| -> Result<Entry, Failure> {
        Ok(Entry::builder(id.parse()?)
            .selector(format!("unix:uid:{uid}").parse()?)
            .lifetime(CredentialType::X509, LIFETIME)
            .lifetime(CredentialType::Wit, LIFETIME)
            .build()?)
    };
    let entries = Entries::new(authority.origin().clone(), [entry(AGENT)?, entry(TOOL)?])?;
    #[cfg(target_os = "linux")]
    let attestor = UnixAttestor::new(backend::ring());
    // Elsewhere nobody is known, and nobody gets anything.
    #[cfg(not(target_os = "linux"))]
    let attestor = aims::workload_api::Unattested::default();
    let each = u32::try_from(callers)?;
    let server = WorkloadApiServer::builder(Arc::new(authority), entries, attestor, backend::ring())
        .quota(100_000, 1000 + each * 16, 100 + each * 16)
        .build();
    let path = std::env::temp_dir().join(format!("aims-soak-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path)?;
    let serving = server.clone();
    tokio::spawn(async move { serving.serve_unix(listener).await });
    Ok((server, Endpoint::Unix(path)))
}

async fn source(endpoint: &Endpoint, id: &str) -> Result<WorkloadSource, Failure> {
    let api = WorkloadApi::new(endpoint, backend::ring());
    Ok(WorkloadSource::builder(api).with_wit().id(id.parse()?).start().await?)
}

fn tls(source: &WorkloadSource, peer: &str) -> Result<MutualTls, Failure> {
    let svids = SvidVerifier::builder(source.bundles(), backend::ring()).build();
    let peers = IdSet::new().pattern(peer.parse()?);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(MutualTls::new(source.x509(), svids, peers, provider))
}

/// The tool; where it listens.
async fn serve_tool(source: &WorkloadSource) -> Result<String, Failure> {
    let acceptor = Acceptor::new(tls(source, AGENT)?.server()?).grace(Duration::from_secs(5));
    let listener = Listener::new(TcpListener::bind("127.0.0.1:0").await?, acceptor);
    let address = listener.local_addr()?;
    let callers = Callers::new().pattern(AGENT.parse()?);
    let audiences = Audiences::http(&format!("https://{address}"))?;
    let guard = Guard::builder(audiences, source.bundles(), callers)
        .recorder(JsonLines::new(std::io::sink()))
        .build()?;
    let app = Router::new().route("/v1/search", get(search)).layer(guard.layer());
    let app = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("https://{address}/v1/search"))
}

async fn search(Extension(permit): Extension<Permit>) -> String {
    format!("found it for {}", permit.caller().subject())
}

/// One caller, until the end; how many renewals it saw.
async fn caller(endpoint: &Endpoint, url: &str, counts: &Counts, end: Instant) -> Result<u64, Failure> {
    let source = source(endpoint, AGENT).await?;
    let connector = Connector::new(tls(&source, TOOL)?.client()?).protocols(["http/1.1"]);
    let agent = Agent::new(source.wit());
    let mut next = Instant::now();
    while next < end {
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let call = timeout(Duration::from_secs(10), call(&connector, &agent, url)).await;
        let error = match call {
            Ok(Ok(StatusCode::OK)) => None,
            Ok(Ok(status)) => Some(status.to_string()),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer in 10 s".to_owned()),
        };
        if let Some(error) = error {
            counts.failures.fetch_add(1, Ordering::Relaxed);
            let mut reasons = counts.reasons.lock().map_err(|_| "poisoned")?;
            if reasons.len() < 10 {
                reasons.push(error);
            }
        }
        next += Duration::from_secs(1);
        sleep_until(next).await;
    }
    Ok(source.status().streams.values().map(|stream| stream.updates.saturating_sub(1)).sum())
}

/// A request with credential and proof, over a connection of its own.
async fn call(connector: &Connector, agent: &Agent, url: &str) -> Result<StatusCode, Failure> {
    let stream = connector.connect(&url.parse()?).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let target: Uri = url.parse()?;
    let authority = target.authority().ok_or("no host")?.as_str();
    let mut request = Request::get(target.path()).header("host", authority).body(Body::empty())?;
    agent.attach(&target, request.headers_mut()).await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    response.into_body().collect().await?;
    drop(sender);
    connection.abort();
    Ok(status)
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
