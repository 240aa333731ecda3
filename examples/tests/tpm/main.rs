#![cfg(test)]
#![cfg(target_os = "linux")]
//! An agent with its keys in a TPM, an issuer that asks for evidence of that, and a tool that asks for keys in hardware.
//!
//! A program of its own, and one test at a time: the libraries of the TPM Software Stack open connections that a program inherits which another test starts meanwhile, and a TPM in software
//! waits for such a program to end.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aims::workload_api::{UnixAttestor, WorkloadApiServer};
use aims::{Audiences, BundleSet, Callers, Guard, HardwareKeys, JsonLines, Permit, TrustBundle, backend};
use aims_attest::Verifiers;
use aims_attest::tpm::{EndorsementRoots, EndorsementVerifier, EnrolledDevices, Enrolment, TpmVerifier};
use aims_keys::UnixTime;
use aims_provision::{Authority, AuthoritySettings, Entries};
use aims_testkit::{SoftTpm, SoftTpmCa};
use aims_tpm::{EndorsementKind, Tpm, TpmKeyStore, TpmSettings};
use axum::routing::get;
use axum::{Extension, Router};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Mutex;

const ISSUER: &str = "spiffe://acme.example";

/// Held by the test that runs.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn made(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("aims-tpm-agent-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The agent, as its user runs it.
struct Agent {
    process: Child,
    input: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Agent {
    fn start(soft: &SoftTpm, folder: &Path, tool: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tpm_agent"));
        let tcti = soft.tcti();
        command.arg(tcti).arg(folder.join("keys")).args([ISSUER, tool]);
        command.env("SPIFFE_ENDPOINT_SOCKET", format!("unix://{}", folder.join("api.sock").display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, says: BufReader::new(output) }
    }

    /// The key that it had, the status and the answer.
    fn call(&mut self) -> (String, String) {
        self.input.write_all(b"/v1/search\n").unwrap();
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        let (key, answer) = line.trim_end().split_once(' ').expect("it ended");
        (key.to_owned(), answer.to_owned())
    }

    fn end(mut self) -> bool {
        drop(self.input);
        self.process.wait().unwrap().success()
    }
}

fn now() -> UnixTime {
    SystemTime::now().try_into().unwrap()
}

/// What an operator does once for each machine.
fn enrol(soft: &SoftTpm, ca: &SoftTpmCa, keys: &Path, devices: &EnrolledDevices) {
    let tpm = Tpm::connect(TpmSettings::new(soft.tcti().parse().unwrap())).unwrap();
    let ak = TpmKeyStore::open(&tpm, keys).unwrap().attestation_key().unwrap();
    let ek = tpm.endorsement(EndorsementKind::EccP384).unwrap();
    let roots = EndorsementRoots::new("test", [ca.root().to_vec()]).unwrap();
    let enrolment = Enrolment::new(EndorsementVerifier::builder(roots, backend::ring()).build());
    let chain = [ek.certificate.unwrap(), ca.issuer().to_vec()];
    let (credential, pending) = enrolment.begin(&chain, &ek.public, ak.public(), now()).unwrap();
    let (id, secret) = (credential.id_object(), credential.encrypted_secret());
    let secret = tpm.activate(&ak, EndorsementKind::EccP384, id, secret).unwrap();
    tpm.close().unwrap();
    devices.enrol(pending.finish(&secret, now()).unwrap().device().clone());
}

/// A server on a socket in the folder, whose credentials live for so long.
fn issuer(folder: &Path, devices: Arc<EnrolledDevices>, lifetime: Duration) -> WorkloadApiServer {
    let settings = AuthoritySettings::new();
    let domain = ISSUER.strip_prefix("spiffe://").unwrap().parse().unwrap();
    let authority = Authority::in_memory(domain, settings, backend::ring(), now()).unwrap();
    let register = format!(
        "[[entry]]\nspiffe_id = \"{ISSUER}/agents/travel\"\nselectors = [\"unix:uid:{}\"]\n\
         evidence = [{{ type = \"tpm2-quote\", key = \"hardware\", max_age = 3600 }}]\nevidence_policy = \"laptops-1\"\n",
        fs::metadata("/proc/self").unwrap().uid()
    );
    let entries = Entries::from_toml(ISSUER.parse().unwrap(), &register).unwrap();
    let attestor = UnixAttestor::new(backend::ring());
    let tpm = TpmVerifier::builder(devices, backend::ring()).max_age(lifetime).build();
    let server = WorkloadApiServer::builder(Arc::new(authority), entries, attestor, backend::ring())
        .key_holders(ISSUER)
        .evidence(Verifiers::new(backend::ring()).with(tpm))
        .build();
    let listener = UnixListener::bind(folder.join("api.sock")).unwrap();
    let serve = server.clone();
    tokio::spawn(async move { serve.serve_unix(listener).await });
    server
}

async fn tool(bundles: BundleSet) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse().unwrap());
    let rule = HardwareKeys::and(callers);
    let guard = Guard::builder(Audiences::http(&url).unwrap(), bundles, rule)
        .recorder(JsonLines::new(std::io::sink()))
        .build()
        .unwrap();
    let search = async |Extension(permit): Extension<Permit>| format!("for {}", permit.caller().subject());
    let app = Router::new().route("/v1/search", get(search)).layer(guard.layer());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// The files of keys.
fn files(keys: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(keys).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|kind| kind == "tpm")).collect()
}

/// AIMS-10, TPM-30: what the tool admits is a key that a TPM holds, by evidence that its issuer has seen; each credential has a fresh one.
#[tokio::test(flavor = "multi_thread")]
async fn aims_10_tpm_30_an_agent_calls_a_tool_with_a_fresh_key_in_its_tpm_for_each_credential() {
    let _alone = ALONE.lock().await;
    let Some((soft, ca)) = SoftTpm::with_endorsement() else { return };
    let folder = Folder::made("renewed");
    let keys = folder.path().join("keys");
    let devices = Arc::new(EnrolledDevices::new());
    enrol(&soft, &ca, &keys, &devices);
    let server = issuer(folder.path(), devices, Duration::from_secs(10));
    let url = tool(BundleSet::from(TrustBundle::clone(&server.authority().trust_bundle()))).await;

    let mut agent = Agent::start(&soft, folder.path(), &url);
    let admitted = "200 for spiffe://acme.example/agents/travel";
    let (first, answer) = agent.call();
    assert_eq!(answer, admitted);
    // Two renewals: by then the first key is deleted.
    let (begun, mut seen, made) = (Instant::now(), vec![first], files(&keys));
    while seen.len() < 3 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no renewals: {seen:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (key, answer) = agent.call();
        assert_eq!(answer, admitted);
        if !seen.contains(&key) {
            seen.push(key);
        }
    }
    let kept = files(&keys);
    assert!(kept.len() <= 2 && made.iter().any(|file| !kept.contains(file)), "{made:?}, {kept:?}");
    assert!(agent.end());

    // The next run begins anew, with the attestation key that was enrolled.
    let mut agent = Agent::start(&soft, folder.path(), &url);
    let (key, answer) = agent.call();
    assert_eq!(answer, admitted);
    assert!(!seen.contains(&key) && files(&keys).iter().all(|file| !kept.contains(file)));
    assert!(agent.end());
}

/// TPM-22: a machine that nobody enrolled gets nothing.
#[tokio::test(flavor = "multi_thread")]
async fn tpm_22_an_agent_on_a_machine_that_was_not_enrolled_gets_no_credential() {
    let _alone = ALONE.lock().await;
    let Some(soft) = SoftTpm::start() else { return };
    let folder = Folder::made("unknown");
    let server = issuer(folder.path(), Arc::default(), Duration::from_secs(60));
    let mut agent = Agent::start(&soft, folder.path(), "http://127.0.0.1:1");
    let begun = Instant::now();
    // It goes on asking for a while: an enrolment may be under way.
    while !server.status().refused.contains_key("subject_not_allowed") {
        let refused = server.status().refused;
        assert!(begun.elapsed() < Duration::from_secs(30), "{refused:?}");
        assert!(agent.process.try_wait().unwrap().is_none());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    agent.process.kill().unwrap();
    agent.process.wait().unwrap();
}
