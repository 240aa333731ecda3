//! Servers on loopback that say whatever a test wants, and certificates of the web for them.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims_credential::{Fetch, FetchError, FetchRequest, Fetched, HttpsUrl};
use aims_keys::BoxFuture;
use aims_workload_api::fetch::{GuardedFetch, GuardedFetchBuilder, Resolve, WebTrust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// An authority of the web, as there are many.
pub(crate) struct WebAuthority(CertifiedIssuer<'static, KeyPair>);

impl WebAuthority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        // Of a name of its own, or a signature by another's key would be what is wrong.
        let name = MADE.fetch_add(1, Ordering::Relaxed).to_string();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn trust(&self) -> WebTrust {
        WebTrust::anchors([self.0.der().clone()]).unwrap()
    }

    #[cfg(feature = "federation")]
    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// Chain and key as PEM, for these host names.
    #[cfg(feature = "federation")]
    pub(crate) fn pem(&self, names: &[&str]) -> (String, String) {
        let (certificate, key) = self.certificate(names, |_| {});
        (certificate.pem(), key.serialize_pem())
    }

    fn certificate(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    pub(crate) fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        self.server_with(names, |_| {})
    }

    pub(crate) fn server_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Arc<ServerConfig> {
        let (certificate, key) = self.certificate(names, change);
        let chain = vec![CertificateDer::from(certificate)];
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap());
        Arc::new(config.unwrap())
    }
}

/// What a server says, in bytes.
#[derive(Clone)]
pub(crate) enum Reply {
    Bytes(Vec<u8>),
    /// One byte at a time, with a pause after each.
    Slowly(Vec<u8>),
    /// Nothing at all.
    Never,
}

pub(crate) fn ok(body: &str) -> Reply {
    reply("200 OK", "content-type: application/json\r\n", body)
}

pub(crate) fn reply(status: &str, fields: &str, body: &str) -> Reply {
    let len = body.len();
    Reply::Bytes(format!("HTTP/1.1 {status}\r\n{fields}content-length: {len}\r\n\r\n{body}").into_bytes())
}

pub(crate) fn redirect(location: &str) -> Reply {
    reply("302 Found", &format!("location: {location}\r\n"), "")
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl Server {
    /// Answers each path as `answer` says.
    pub(crate) async fn start(
        config: Arc<ServerConfig>,
        answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&heads), Arc::new(answer));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = tcp.accept().await.unwrap();
                let (acceptor, seen, answer) =
                    (TlsAcceptor::from(Arc::clone(&config)), Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = vec![0; 16 * 1024];
                    let len = stream.read(&mut head).await.unwrap_or(0);
                    let head = String::from_utf8_lossy(&head[..len]).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    seen.lock().unwrap().push(head);
                    match answer(&path) {
                        Reply::Bytes(bytes) => {
                            let _ = stream.write_all(&bytes).await;
                            let _ = stream.shutdown().await;
                        }
                        Reply::Slowly(bytes) => {
                            for byte in bytes {
                                if stream.write_all(&[byte]).await.is_err() || stream.flush().await.is_err() {
                                    return;
                                }
                                tokio::time::sleep(Duration::from_millis(50)).await;
                            }
                        }
                        Reply::Never => tokio::time::sleep(Duration::from_secs(3600)).await,
                    }
                });
            }
        });
        Self { address, heads, task: task.abort_handle() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// `https://{host}:{port}{path}`
    pub(crate) fn url(&self, host: &str, path: &str) -> HttpsUrl {
        format!("https://{host}:{}{path}", self.port()).parse().unwrap()
    }

    /// What it was asked, so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A resolver that knows what it was told, and counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    known: HashMap<String, Vec<IpAddr>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Names {
    pub(crate) fn loopback(names: &[&str]) -> Self {
        names.iter().fold(Self::default(), |known, name| known.with(name, &[Ipv4Addr::LOCALHOST.into()]))
    }

    pub(crate) fn with(mut self, name: &str, addresses: &[IpAddr]) -> Self {
        self.known.insert(name.to_owned(), addresses.to_vec());
        self
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let found = self.known.get(host).cloned().ok_or_else(|| io::Error::other("no such host"));
        Box::pin(std::future::ready(found))
    }
}

/// A fetcher that may reach `a.test` and `b.test` on loopback, on the ports of these servers.
pub(crate) fn guarded(trust: WebTrust, servers: &[&Server]) -> GuardedFetchBuilder {
    let guarded = GuardedFetch::builder(trust, provider())
        .resolver(Names::loopback(&["a.test", "b.test", "private.test"]))
        .allow_private_host("a.test")
        .allow_private_host("b.test");
    servers.iter().fold(guarded, |guarded, server| guarded.allow_port(server.port()))
}

pub(crate) async fn get(fetch: &GuardedFetch, url: &HttpsUrl) -> Result<Fetched, FetchError> {
    fetch.fetch(FetchRequest::new(url).timeout(Duration::from_secs(5))).await
}

static MADE: AtomicUsize = AtomicUsize::new(0);
