//! Somebody at a tool's door, with a certificate or without.

use std::sync::Arc;

use aims::credential::CurrentCredential;
use aims::credential::x509::{CertificateDer, SvidVerifier};
use aims::id::{IdSet, WorkloadId};
use aims::jose::base64;
use aims::keys::PrivateKey;
use aims::tls::MutualTls;
use aims::{BundleSet, TrustBundle, backend};
use http::Uri;
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring::{default_provider, sign::any_ecdsa_type};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::account::Fault;
use super::process::Process;

/// Where a tool is, which it is, and what its trust domain is known by.
pub(super) struct Door<'a> {
    pub(super) url: &'a str,
    pub(super) tool: &'static str,
    pub(super) bundle: Value,
}

impl Door<'_> {
    /// Verifies certificates of the tool's trust domain.
    pub(super) fn svids(&self) -> Result<SvidVerifier, Fault> {
        let tool: WorkloadId = self.tool.parse()?;
        let bundle = TrustBundle::from_spiffe(tool.origin(), &self.bundle.to_string(), backend::ring())?;
        Ok(SvidVerifier::builder(BundleSet::from(bundle), backend::ring()).build())
    }
}

/// A chain, and a key: the one that the leaf is for, or not.
pub(super) struct Presented {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKey,
}

/// Connects without a certificate.
pub(super) async fn without_certificate(door: &Door<'_>) -> Result<(), Fault> {
    connect(door, None).await
}

/// Connects with this certificate and this key.
pub(super) async fn present(door: &Door<'_>, presented: Presented) -> Result<(), Fault> {
    let pkcs8 = PrivatePkcs8KeyDer::from(presented.key.expose_pkcs8().to_vec());
    let key = any_ecdsa_type(&pkcs8.into())?;
    connect(door, Some(CertifiedKey::new(presented.chain, key))).await
}

/// Connects, and waits until the server closes the connection; with TLS 1.3 the client is finished before it is looked at.
async fn connect(door: &Door<'_>, own: Option<CertifiedKey>) -> Result<(), Fault> {
    let tool: WorkloadId = door.tool.parse()?;
    let provider = Arc::new(default_provider());
    let tls = MutualTls::new(CurrentCredential::default(), door.svids()?, IdSet::from(tool), provider);
    let mut config = (**tls.client()?.config()).clone();
    config.client_auth_cert_resolver = match own {
        Some(own) => Arc::new(SingleCertAndKey::from(own)) as Arc<dyn ResolvesClientCert>,
        None => Arc::new(Nobody),
    };
    let url: Uri = door.url.parse()?;
    let authority = url.authority().ok_or_else(|| Fault::new("no address"))?.as_str().to_owned();
    let tcp = TcpStream::connect(authority).await?;
    let name = ServerName::try_from("tool.example")?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    match stream.read(&mut [0]).await {
        Err(_) | Ok(0) => Ok(()),
        Ok(_) => Err(Fault::new("the tool answered")),
    }
}

/// Has the tool refuse a connection, and says why it did: `refused: CODE`, and the rule.
pub(super) async fn refused_connection(
    tool: &Process,
    connecting: impl Future<Output = Result<(), Fault>>,
) -> Result<(String, String), Fault> {
    let before = connections(&tool.log().lines()).count();
    connecting.await?;
    let line = tool.log().wait_for(|lines| connections(lines).nth(before).cloned()).await?;
    let line: Value = serde_json::from_str(&line)?;
    let text = |name| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((format!("refused: {}", text("refused")), text("rule")))
}

/// A chain as issuers and workloads of the story write it.
pub(super) fn certificates(chain: &Value) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let chain = chain.as_array().ok_or_else(|| Fault::new("not a chain"))?;
    chain.iter().map(|der| Ok(base64::decode(der.as_str().unwrap_or_default())?.into())).collect()
}

fn connections(lines: &[String]) -> impl Iterator<Item = &String> {
    lines.iter().filter(|line| line.contains(r#""kind":"connection""#))
}

/// Has no certificate.
#[derive(Debug)]
struct Nobody;

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
