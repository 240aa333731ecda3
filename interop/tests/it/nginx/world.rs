//! An issuer, nginx with certificates of it, and our server behind it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aims_credential::x509::{NewSvid, Svid, SvidIssuer, SvidVerifier};
use aims_credential::{BundleSet, CurrentCredential, Holder, TrustBundle};
use aims_id::IdSet;
use aims_keys::{Algorithm, PrivateKey, backend};
use aims_proof::{ForwardedError, ForwardedPeer, ForwardedVerifier};
use aims_tls::{MutualTls, TlsClient, TlsServer};
use rustls::{ClientConnection, ServerConnection, StreamOwned};

use super::process::{self, Nginx};
use crate::support::{key, now, pem};

pub(super) const AGENT: &str = "spiffe://acme.example/agents/travel";
pub(super) const PROXY: &str = "spiffe://acme.example/proxies/edge";
pub(super) const TOOL: &str = "spiffe://acme.example/tools/search";

const DAY: Duration = Duration::from_secs(86_400);

/// How many lines of Base64 a certificate in PEM may have for nginx to put them into one.
const LINES: usize = 60;

pub(super) struct World {
    pub(super) root: SvidIssuer,
    pub(super) issuer: SvidIssuer,
    bundles: BundleSet,
    nginx: Nginx,
}

/// One for all tests; nothing where there is no nginx.
pub(super) fn world() -> Option<&'static World> {
    static WORLD: LazyLock<Option<World>> = LazyLock::new(|| process::program().map(World::new));
    let world = WORLD.as_ref();
    if world.is_none() {
        assert!(std::env::var_os("CI").is_none(), "no nginx: apt-get install nginx");
        // Not by `eprintln!`, which a passing test keeps to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED, no nginx: apt-get install nginx");
    }
    world
}

impl World {
    fn new(program: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nginx");
        // What an earlier run left.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let root = issuer("spiffe://acme.example");
        let issuer = root.intermediate(key(), DAY, now()).unwrap();
        let authority = root.authority().unwrap();
        std::fs::write(folder.join("root.pem"), pem(authority.der())).unwrap();
        certify(&issuer, &folder);
        let bundles = BundleSet::from(TrustBundle::for_x509(root.origin().clone(), vec![authority]));

        let behind = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = behind.local_addr().unwrap().port();
        let server = server(&root, &issuer, &bundles);
        std::thread::spawn(move || {
            for tcp in behind.incoming() {
                server.answer(tcp.unwrap());
            }
        });
        let nginx = Nginx::start(program, &folder, |port| configuration(port, upstream));
        Self { root, issuer, bundles, nginx }
    }

    /// A client of nginx with a certificate of `issuer`, that expects `peer`.
    pub(super) fn client(&self, issuer: &SvidIssuer, own: &str, peer: &str) -> Client {
        let tls = tls(issuer, &self.bundles, &NewId(own, None), peer).client().unwrap();
        let tcp = TcpStream::connect(("127.0.0.1", self.nginx.port)).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let connection =
            ClientConnection::new(tls.config().clone(), "edge.example".try_into().unwrap()).unwrap();
        Client { tls, stream: StreamOwned::new(connection, tcp) }
    }
}

pub(super) struct Client {
    pub(super) tls: TlsClient,
    pub(super) stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Client {
    /// Status line, fields and body of the answer.
    pub(super) fn get(&mut self, path: &str, fields: &str) -> std::io::Result<String> {
        write!(self.stream, "GET {path} HTTP/1.0\r\nHost: edge.example\r\n{fields}\r\n")?;
        let mut answer = Vec::new();
        // Some versions close without saying so.
        let _ = self.stream.read_to_end(&mut answer);
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

pub(super) fn issuer(origin: &str) -> SvidIssuer {
    SvidIssuer::root(origin.parse().unwrap(), key(), DAY, now()).unwrap()
}

/// What nginx is.
fn certify(issuer: &SvidIssuer, folder: &Path) {
    let own = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let public = own.load(Algorithm::Es256, backend::ring()).unwrap();
    let chain = issuer.issue(&PROXY.parse().unwrap(), public.public_key(), now()).unwrap();
    let file = |name: &str| -> PathBuf { folder.join(name) };
    std::fs::write(file("chain.pem"), chain.iter().map(|der| pem(der)).collect::<String>()).unwrap();
    std::fs::write(file("key.pem"), own.expose_pem().as_bytes()).unwrap();
}

/// An identifier, and perhaps a host name beside it.
struct NewId<'a>(&'a str, Option<&'a str>);

fn tls(issuer: &SvidIssuer, bundles: &BundleSet, own: &NewId<'_>, peer: &str) -> MutualTls {
    let key = key();
    let id = own.0.parse().unwrap();
    let request = own.1.into_iter().fold(NewSvid::new(&id, key.public_key()), NewSvid::dns_name);
    let chain = issuer.sign(&request, now()).unwrap();
    let holder = Holder::for_svid(Svid::from_issuer(chain, backend::ring()).unwrap(), key).unwrap();
    let svids = SvidVerifier::builder(bundles.clone(), backend::ring()).build();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    MutualTls::new(CurrentCredential::new(holder), svids, IdSet::new().id(peer.parse().unwrap()), provider)
}

fn server(root: &SvidIssuer, issuer: &SvidIssuer, bundles: &BundleSet) -> Server {
    let proxy = || -> aims_id::WorkloadId { PROXY.parse().unwrap() };
    let svids = |bundles: BundleSet| SvidVerifier::builder(bundles, backend::ring()).build();
    let both = vec![root.authority().unwrap(), issuer.authority().unwrap()];
    let with_issuer = BundleSet::from(TrustBundle::for_x509(root.origin().clone(), both));
    Server {
        tls: tls(issuer, bundles, &NewId(TOOL, Some("tools.example")), PROXY).server().unwrap(),
        forwarded: [
            ("xfcc", ForwardedVerifier::xfcc(proxy(), svids(bundles.clone()))),
            ("client-cert", ForwardedVerifier::client_cert(proxy(), svids(bundles.clone()))),
            ("xfcc with the issuer trusted", ForwardedVerifier::xfcc(proxy(), svids(with_issuer))),
        ],
    }
}

/// Our server behind nginx: it answers with whom it has seen.
struct Server {
    tls: TlsServer,
    forwarded: [(&'static str, ForwardedVerifier); 3],
}

impl Server {
    fn answer(&self, tcp: TcpStream) {
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(self.tls.config().clone()).unwrap(), tcp);
        let lines: Vec<String> = BufReader::new(&mut stream)
            .lines()
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty())
            .collect();
        let Ok(proxy) = self.tls.peer(&stream.conn, now()) else { return };
        let fields: Vec<(&str, &str)> = lines
            .iter()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name, value.trim()))
            .collect();
        let mut seen = format!("proxy: {}\n", proxy.subject());
        for (name, verifier) in &self.forwarded {
            let said = says(&verifier.verify(&proxy, &fields[..], now()));
            writeln!(seen, "{name}: {said}").unwrap();
        }
        let _ = write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{seen}", seen.len());
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }
}

fn says(outcome: &Result<ForwardedPeer, ForwardedError>) -> String {
    match outcome {
        Ok(peer) => peer.subject().to_string(),
        Err(error) => format!("{} {}", error.code(), error.rule()),
    }
}

fn configuration(port: u16, upstream: u16) -> String {
    // RFC 9440 wants the Base64 without line ends, and nginx has no variable for that: one group a line.
    let mut pattern = r"^-+BEGIN CERTIFICATE-+\s+".to_owned();
    let mut joined = String::new();
    for line in 0..LINES {
        let optional = if line == 0 { "" } else { "?" };
        write!(pattern, r"(?:(?<line{line}>[A-Za-z0-9+/=]+)\s+){optional}").unwrap();
        write!(joined, "${{line{line}}}").unwrap();
    }
    pattern.push_str("-+END CERTIFICATE-+");
    format!(
        r#"
daemon off;
master_process off;
pid nginx.pid;
events {{ }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;

    map $ssl_client_raw_cert $client_cert {{
        "~{pattern}" ":{joined}:";
    }}

    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_protocols TLSv1.3;
        ssl_certificate chain.pem;
        ssl_certificate_key key.pem;
        ssl_client_certificate root.pem;
        ssl_verify_client on;
        ssl_verify_depth 2;

        location = /own {{ return 200 "nginx has seen $ssl_client_verify"; }}

        location / {{
            proxy_pass https://127.0.0.1:{upstream};
            proxy_ssl_protocols TLSv1.3;
            proxy_ssl_certificate chain.pem;
            proxy_ssl_certificate_key key.pem;
            proxy_ssl_trusted_certificate root.pem;
            proxy_ssl_verify on;
            proxy_ssl_verify_depth 2;
            proxy_ssl_server_name on;
            proxy_ssl_name tools.example;
            proxy_set_header X-Forwarded-Client-Cert "Cert=$ssl_client_escaped_cert";
            proxy_set_header Client-Cert $client_cert;
            # Else what a client sends arrives.
            proxy_set_header Client-Cert-Chain "";

            location = /wrong-name {{
                proxy_pass https://127.0.0.1:{upstream};
                proxy_ssl_name other.example;
            }}
        }}
    }}
}}
"#
    )
}
