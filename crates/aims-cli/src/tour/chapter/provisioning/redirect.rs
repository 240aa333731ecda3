//! A server of the web that sends everybody elsewhere.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use aims::backend;
use aims::credential::x509::{NewSvid, SvidIssuer};
use aims::jose::base64;
use aims::keys::{Algorithm, PrivateKey, Signer, SoftwareKey, UnixTime};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::tour::account::Fault;

/// Where it is, and who vouches for its name.
pub(super) struct Elsewhere {
    pub(super) url: String,
    /// A certificate in base64.
    pub(super) authority: String,
    asked: Arc<AtomicBool>,
}

impl Elsewhere {
    /// Whether anybody came, and was sent on.
    pub(super) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Answers requests over TLS, for `localhost`, with a redirect to `target`.
pub(super) async fn serve(target: &str) -> Result<Elsewhere, Fault> {
    let origin = "spiffe://evil.example";
    let now = UnixTime::try_from(SystemTime::now())?;
    let root = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
    let issuer = SvidIssuer::root(origin.parse()?, root, Duration::from_secs(86_400), now)?;
    let key = PrivateKey::generate(Algorithm::Es256, backend::ring())?;
    let signer = key.load(Algorithm::Es256, backend::ring())?;
    let subject = format!("{origin}/web").parse()?;
    let chain =
        issuer.sign(&NewSvid::new(&subject, Signer::public_key(&signer)).dns_name("localhost"), now)?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.expose_pkcs8().to_vec()).into())?;

    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("https://localhost:{}/bundle", tcp.local_addr()?.port());
    let asked = Arc::new(AtomicBool::new(false));
    let (was_asked, acceptor) = (Arc::clone(&asked), TlsAcceptor::from(Arc::new(config)));
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
    tokio::spawn(async move {
        // Whoever fetches may come more than once.
        while let Ok((tcp, _)) = tcp.accept().await {
            // Best effort: whoever breaks off comes again, or does not.
            let _ = send_on(&acceptor, tcp, &answer, &was_asked).await;
        }
    });
    Ok(Elsewhere { url, authority: base64::encode(issuer.authority()?.der()), asked })
}

/// Reads a request, and answers it.
async fn send_on(acceptor: &TlsAcceptor, tcp: TcpStream, answer: &str, asked: &AtomicBool) -> io::Result<()> {
    let mut stream = acceptor.accept(tcp).await?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && request.len() < 4096 {
        request.push(stream.read_u8().await?);
    }
    asked.store(true, Ordering::SeqCst);
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
