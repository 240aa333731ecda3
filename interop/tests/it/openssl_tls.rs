//! `openssl s_server` and `s_client` at the other end of mutual TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aims_credential::x509::{Svid, SvidIssuer, SvidVerifier};
use aims_credential::{BundleSet, CurrentCredential, Holder, TrustBundle};
use aims_id::IdSet;
use aims_keys::{Algorithm, PrivateKey, backend};
use aims_testkit::assert_refused;
use aims_tls::MutualTls;
use rustls::{ClientConnection, ServerConnection, StreamOwned};

use crate::support::{key, now, pem};

const AGENT: &str = "spiffe://acme.example/agents/travel";
const TOOL: &str = "spiffe://acme.example/tools/search";

/// An issuer, what OpenSSL needs of it in files, and our own end.
struct World {
    folder: PathBuf,
    issuer: SvidIssuer,
    bundles: BundleSet,
}

impl World {
    /// `theirs` is who OpenSSL is.
    fn new(name: &str, theirs: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let day = Duration::from_secs(86_400);
        let root = SvidIssuer::root("spiffe://acme.example".parse().unwrap(), key(), day, now()).unwrap();
        let issuer = root.intermediate(key(), day, now()).unwrap();
        let authority = root.authority().unwrap();

        let own = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
        let public = own.load(Algorithm::Es256, backend::ring()).unwrap();
        let chain = issuer.issue(&theirs.parse().unwrap(), public.public_key(), now()).unwrap();
        for (name, der) in [("root", authority.der()), ("leaf", &chain[0]), ("middle", &chain[1])] {
            std::fs::write(folder.join(format!("{name}.pem")), pem(der)).unwrap();
        }
        std::fs::write(folder.join("key.pem"), own.expose_pem().as_bytes()).unwrap();
        let bundles = BundleSet::from(TrustBundle::for_x509(root.origin().clone(), vec![authority]));
        Self { folder, issuer, bundles }
    }

    fn tls(&self, own: &str, peer: &str) -> MutualTls {
        let key = key();
        let chain = self.issuer.issue(&own.parse().unwrap(), key.public_key(), now()).unwrap();
        let holder = Holder::for_svid(Svid::from_issuer(chain, backend::ring()).unwrap(), key).unwrap();
        let svids = SvidVerifier::builder(self.bundles.clone(), backend::ring()).build();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let peers = IdSet::new().id(peer.parse().unwrap());
        MutualTls::new(CurrentCredential::new(holder), svids, peers, provider)
    }

    fn openssl(&self, arguments: &[&str]) -> Running {
        let common =
            ["-cert", "leaf.pem", "-key", "key.pem", "-cert_chain", "middle.pem", "-CAfile", "root.pem"];
        let child = Command::new("openssl")
            .args(arguments)
            .args(common)
            .args(["-tls1_3", "-verify_return_error"])
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs");
        Running(child)
    }
}

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// To where the server says that it listens.
fn connect(server: &mut Running) -> TcpStream {
    let mut lines = BufReader::new(server.0.stdout.as_mut().unwrap()).lines();
    let port = lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT 127.0.0.1:").map(str::to_owned));
    let tcp = TcpStream::connect(format!("127.0.0.1:{}", port.expect("a port"))).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    tcp
}

#[test]
fn openssl_serves_our_client() {
    let world = World::new("tls-server", TOOL);
    let serve = ["s_server", "-accept", "127.0.0.1:0", "-Verify", "4", "-www"];
    let client = world.tls(AGENT, TOOL).client().unwrap();
    let mut server = world.openssl(&serve);
    let tcp = connect(&mut server);
    let connection =
        ClientConnection::new(client.config().clone(), "tools.example".try_into().unwrap()).unwrap();
    let mut tls = StreamOwned::new(connection, tcp);
    tls.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    // Some versions close without saying so.
    let _ = tls.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert_eq!(client.peer(&tls.conn, now()).unwrap().subject().as_str(), TOOL);

    // Whom we do not expect, we do not talk to.
    let other = world.tls(AGENT, "spiffe://acme.example/tools/other").client().unwrap();
    let mut server = world.openssl(&serve);
    let tcp = connect(&mut server);
    let connection =
        ClientConnection::new(other.config().clone(), "tools.example".try_into().unwrap()).unwrap();
    let mut tls = StreamOwned::new(connection, tcp);
    tls.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap_err();
    assert_refused!(other.peer(&tls.conn, now()), "handshaking", "MTLS-7");
}

#[test]
fn openssl_calls_our_server() {
    let world = World::new("tls-client", AGENT);
    let server = world.tls(TOOL, AGENT).server().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut client = world.openssl(&["s_client", "-connect", &address, "-quiet"]);
    let (tcp, _) = listener.accept().unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut tls = StreamOwned::new(ServerConnection::new(server.config().clone()).unwrap(), tcp);
    client.0.stdin.as_mut().unwrap().write_all(b"hello\n").unwrap();
    let mut heard = [0; 6];
    tls.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello\n");
    let caller = server.peer(&tls.conn, now()).unwrap();
    assert_eq!(caller.subject().as_str(), AGENT);
}
