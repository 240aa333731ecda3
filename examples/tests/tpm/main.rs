#![cfg(test)]
#![cfg(target_os = "linux")]
//! An agent with its keys in a TPM, an issuer that asks for evidence of that, and a tool that asks for keys in hardware.
//!
//! A program of its own, and one test at a time: the libraries of the TPM Software Stack open connections that a program inherits which another test starts meanwhile, and a TPM in software
//! waits for such a program to end.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aims::{Audiences, BundleSet, Callers, Guard, HardwareKeys, JsonLines, Permit, TrustBundle, backend};
use aims_attest::tpm::{EndorsementRoots, EndorsementVerifier, Enrolment, PcrValue};
use aims_keys::Algorithm;
use aims_keys::UnixTime;
use aims_keys::store::GenerateKeys as _;
use aims_testkit::{SoftTpm, SoftTpmCa};
use aims_tpm::{EndorsementKind, PcrBank, PcrSelection, Tpm, TpmKeyStore, TpmSettings};
use axum::routing::get;
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

const ISSUER: &str = "spiffe://acme.example";

/// Held by the test that runs.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The directory of an issuer, and in it that of an agent's keys. It is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn made(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("aims-tpm-agent-{}-{name}", std::process::id()));
        fs::create_dir_all(path.join("devices")).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The files of keys.
    fn keys(&self) -> Vec<String> {
        let entries = fs::read_dir(self.join("keys")).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a program says on standard error, as far as it has come.
#[derive(Clone, Default)]
struct Said(Arc<std::sync::Mutex<String>>);

impl Said {
    fn by(process: &mut Child) -> Self {
        let (said, stream) = (Self::default(), process.stderr.take().unwrap());
        let heard = said.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                heard.0.lock().unwrap_or_else(PoisonError::into_inner).extend([&line, "\n"]);
            }
        });
        said
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has said this.
    async fn until(&self, text: &str) {
        let begun = Instant::now();
        while !self.text().contains(text) {
            assert!(begun.elapsed() < Duration::from_secs(30), "no {text} in: {}", self.text());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The issuer, as its operator runs it.
struct Issuer {
    process: Child,
    says: Said,
}

impl Issuer {
    /// One that asks for evidence that is no older than this.
    fn start(folder: &Folder, max_age: u64) -> Self {
        let register = format!(
            "[[entry]]\nspiffe_id = \"{ISSUER}/agents/travel\"\nselectors = [\"unix:uid:{}\"]\n\
             evidence = [{{ type = \"tpm2-quote\", key = \"hardware\", max_age = {max_age} }}]\nevidence_policy = \"laptops-1\"\n",
            fs::metadata("/proc/self").unwrap().uid()
        );
        fs::write(folder.join("register.toml"), register).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tpm_issuer"));
        command.arg(&folder.0).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let says = Said::by(&mut process);
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.into_iter().any(|line| line.starts_with("serving on unix://")), "{}", says.text());
        Self { process, says }
    }
}

/// By which the issuer's credentials are verified.
fn bundles(folder: &Folder) -> BundleSet {
    let jwks = fs::read_to_string(folder.join("trust.json")).unwrap();
    BundleSet::from(TrustBundle::from_jwks(ISSUER.parse().unwrap(), &jwks, backend::ring()).unwrap())
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The agent, as its user runs it.
struct Agent {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    says: Said,
}

impl Agent {
    fn start(tcti: &str, folder: &Folder, (issuer, tool): (&str, &str)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tpm_agent"));
        command.arg(tcti).arg(folder.join("keys")).args([issuer, tool]);
        command.env("SPIFFE_ENDPOINT_SOCKET", format!("unix://{}", folder.join("api.sock").display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let says = Said::by(&mut process);
        Self { process, input, output: BufReader::new(output), says }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "it ended: {}", self.says.text());
        line.trim_end().to_owned()
    }

    /// The keys of its WIT and its certificate.
    fn begins(&mut self) -> [String; 2] {
        ["wit", "x509"].map(|kind| {
            let line = self.line();
            assert!(line.starts_with(&format!("{kind}: {ISSUER}/agents/travel until ")), "{line}");
            line.split_once(", key ").unwrap().1.to_owned()
        })
    }

    /// The key that it had, the status and the answer.
    fn call(&mut self) -> (String, String) {
        self.input.write_all(b"/v1/search\n").unwrap();
        let line = self.line();
        let (key, answer) = line.split_once(' ').unwrap();
        (key.to_owned(), answer.to_owned())
    }

    /// Whether it ends well, and what it has said.
    fn end(mut self) -> (bool, String) {
        drop(self.input);
        let ended = self.process.wait().unwrap().success();
        (ended, self.says.text())
    }
}

fn now() -> UnixTime {
    SystemTime::now().try_into().unwrap()
}

fn connect(soft: &SoftTpm) -> Tpm {
    Tpm::connect(TpmSettings::new(soft.tcti().parse().unwrap())).unwrap()
}

/// What is done once on each machine.
fn provision(soft: &SoftTpm, folder: &Folder) {
    let tpm = connect(soft);
    TpmKeyStore::open(&tpm, folder.join("keys")).unwrap().attestation_key().unwrap();
    tpm.close().unwrap();
}

/// What an operator does once for each machine. The policy is about how it was started.
fn enrol(soft: &SoftTpm, ca: &SoftTpmCa, folder: &Folder) {
    let tpm = connect(soft);
    let ak = TpmKeyStore::open(&tpm, folder.join("keys")).unwrap().attestation_key().unwrap();
    let ek = tpm.endorsement(EndorsementKind::EccP384).unwrap();
    let roots = EndorsementRoots::new("test", [ca.root().to_vec()]).unwrap();
    let enrolment = Enrolment::new(EndorsementVerifier::builder(roots, backend::ring()).build());
    let chain = [ek.certificate.unwrap(), ca.issuer().to_vec()];
    let (credential, pending) = enrolment.begin(&chain, &ek.public, ak.public(), now()).unwrap();
    let (id, secret) = (credential.id_object(), credential.encrypted_secret());
    let secret = tpm.activate(&ak, EndorsementKind::EccP384, id, secret).unwrap();
    let good = tpm.pcr_read(PcrSelection::new(PcrBank::Sha256, &[4]).unwrap()).unwrap();
    tpm.close().unwrap();
    let enrolled = pending.finish(&secret, now()).unwrap();
    fs::write(folder.join("devices/machine-17.json"), enrolled.to_json()).unwrap();
    let good = PcrValue::new(aims_attest::tpm::PcrBank::Sha256, &good[0].digest).unwrap();
    let policy = format!(r#"{{"name":"laptops","version":1,"pcrs":{{"sha256":{{"4":["{good}"]}}}}}}"#);
    fs::write(folder.join("pcr-policy.json"), policy).unwrap();
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

/// AIMS-10, TPM-30: what the tool admits is a key that a TPM holds, by evidence that its issuer has seen; each credential has a fresh one (CRD-9).
#[tokio::test(flavor = "multi_thread")]
async fn aims_10_tpm_30_an_agent_calls_a_tool_with_a_fresh_key_in_its_tpm_for_each_credential() {
    let _alone = ALONE.lock().await;
    let Some((soft, ca)) = SoftTpm::with_endorsement() else { return };
    let folder = Folder::made("renewed");
    enrol(&soft, &ca, &folder);
    // A key of somebody else, in the same directory.
    let tpm = connect(&soft);
    let store = TpmKeyStore::open(&tpm, folder.join("keys")).unwrap();
    store.generate(&"other".parse().unwrap(), Algorithm::Es256).unwrap();
    tpm.close().unwrap();
    let others = ["attestation.ak", "other.tpm"];
    assert_eq!(folder.keys(), others);
    let _issuer = Issuer::start(&folder, 10);
    let url = tool(bundles(&folder)).await;

    let mut agent = Agent::start(&soft.tcti(), &folder, (ISSUER, &url));
    let [wit, x509] = agent.begins();
    assert_ne!(wit, x509);
    let admitted = "200 for spiffe://acme.example/agents/travel";
    let (first, answer) = agent.call();
    assert_eq!((&first, &*answer), (&wit, admitted));
    let (begun, mut seen) = (Instant::now(), vec![first]);
    while seen.len() < 3 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no renewals: {seen:?}, {}", agent.says.text());
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (key, answer) = agent.call();
        assert_eq!(answer, admitted);
        if !seen.contains(&key) {
            seen.push(key);
        }
    }
    assert!(!seen.contains(&x509));
    assert_eq!(agent.end(), (true, String::new()));
    // Nothing of its own is left, and nothing of others is gone.
    assert_eq!(folder.keys(), others);

    // The next run begins anew, with the attestation key that was enrolled.
    let mut agent = Agent::start(&soft.tcti(), &folder, (ISSUER, &url));
    agent.begins();
    let (key, answer) = agent.call();
    assert_eq!(answer, admitted);
    assert!(!seen.contains(&key));
    assert_eq!(agent.end(), (true, String::new()));
    assert_eq!(folder.keys(), others);

    // WE-2: who calls the issuer by another name is refused however often it asks, and does not go on.
    let begun = Instant::now();
    let agent = Agent::start(&soft.tcti(), &folder, ("spiffe://other.example", &url));
    agent.says.until("tpm_agent: the Workload API refuses the request").await;
    assert!(begun.elapsed() < Duration::from_secs(20));
    let (ended, said) = agent.end();
    assert!(
        !ended && said.contains("tpm_agent: no credential: ") && said.contains("(invalid_argument)"),
        "{said}"
    );
}

/// TPM-22: a machine that nobody enrolled gets nothing, and whoever looks on is told.
#[tokio::test(flavor = "multi_thread")]
async fn tpm_22_an_agent_on_a_machine_that_was_not_enrolled_gets_no_credential() {
    let _alone = ALONE.lock().await;
    let Some(soft) = SoftTpm::start() else { return };
    let folder = Folder::made("unknown");
    provision(&soft, &folder);
    let issuer = Issuer::start(&folder, 60);
    let mut agent = Agent::start(&soft.tcti(), &folder, (ISSUER, "http://127.0.0.1:1"));
    // It goes on asking for a while: an enrolment may be under way.
    let denied =
        "tpm_agent: no credential: the Workload API has no identity for this workload (permission_denied)\n";
    agent.says.until(&denied.repeat(2)).await;
    issuer.says.until("\"subject_not_allowed\": ").await;
    issuer.says.until("missing last: evidence_missing (tpm2-quote)").await;
    assert!(agent.process.try_wait().unwrap().is_none());
    agent.process.kill().unwrap();
    agent.process.wait().unwrap();
}

/// An agent says what its user has to do, before it uses a TPM.
#[tokio::test]
async fn tpm_44_an_agent_that_cannot_begin_says_what_is_missing_and_changes_nothing() {
    let folder = Folder::made("bare");
    let run = |endpoint: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tpm_agent"));
        command
            .arg("swtpm:host=127.0.0.1,port=1")
            .arg(folder.join("keys"))
            .args([ISSUER, "http://127.0.0.1:1"]);
        command.env_remove("SPIFFE_ENDPOINT_SOCKET").envs(endpoint.map(|at| ("SPIFFE_ENDPOINT_SOCKET", at)));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = run(None);
    assert!(said.starts_with("tpm_agent: ") && said.contains("SPIFFE_ENDPOINT_SOCKET"), "{said}");
    let said = run(Some("unix:///nonexistent/api.sock"));
    assert!(said.contains("this machine was not provisioned") && said.contains("attestation.ak"), "{said}");
    assert!(!folder.join("keys").exists());
}
