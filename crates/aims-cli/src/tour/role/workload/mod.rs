//! Workloads that talk over mutual TLS: a tool, agents, and a proxy between them.

mod agent;
mod proxy;
mod tool;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use aims::credential::x509::{CertificateRequest, Svid, SvidVerifier};
use aims::id::IdSet;
use aims::jose::base64;
use aims::keys::{Algorithm, SoftwareKey};
use aims::tls::{MutualTls, TlsClient};
use aims::{Acceptor, BundleSet, Connector, CurrentCredential, Holder, Listener, TrustBundle, backend};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use self::agent::Agent;
use super::{Control, Message, Outcome, say};

/// Does what it is told until the input ends. What it serves ends with the process.
pub(super) async fn run(mut control: Control) -> Outcome<()> {
    control.config().await?;
    let mut workload = Workload::default();
    let mut agent = Agent::default();
    say(&json!({}))?;
    while let Some(message) = control.next().await? {
        let answer = match &*message.text("do")? {
            "request" => workload.request()?,
            "certificate" => workload.certificate(&message)?,
            "trust" => workload.trust(&message)?,
            "distrust" => workload.distrust(&message)?,
            "serve" => tool::serve(&workload, &message).await?,
            "forward" => proxy::serve(&workload, &message).await?,
            _ => agent.obey(&workload, &message).await?,
        };
        say(&answer)?;
    }
    Ok(())
}

/// Who this workload is, and whom it trusts.
#[derive(Default)]
struct Workload {
    /// The key of the certificate that was asked for last.
    next_key: Option<Arc<SoftwareKey>>,
    credential: CurrentCredential,
    bundles: BundleSet,
}

impl Workload {
    /// Makes a key, and asks for a certificate for it; the key never leaves this process.
    fn request(&mut self) -> Outcome<Value> {
        let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
        let request = CertificateRequest::prepare(key.public_key())?.sign(&*key)?;
        self.next_key = Some(key);
        Ok(json!({ "request": base64::encode(&request) }))
    }

    /// From here on, handshakes present this certificate.
    fn certificate(&mut self, message: &Message) -> Outcome<Value> {
        let chain = message.get("chain")?.as_array().ok_or("`chain` is not a list")?;
        let chain = chain.map(|der| {
            let text = der.as_str().ok_or("a certificate is not a string")?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(base64::decode(&text)?.into())
        });
        let svid = Svid::from_issuer(chain.collect::<Result<_, _>>()?, backend::ring())?;
        let key = self.next_key.take().ok_or("no certificate was asked for")?;
        let answer = json!({ "subject": svid.subject().as_str() });
        self.credential.replace(Holder::for_svid(svid, key)?)?;
        Ok(answer)
    }

    fn trust(&mut self, message: &Message) -> Outcome<Value> {
        let origin = message.text("origin")?.parse()?;
        let bundle = TrustBundle::from_spiffe(origin, message.get("bundle")?.raw(), backend::ring())?;
        self.bundles.insert(bundle);
        Ok(json!({}))
    }

    fn distrust(&mut self, message: &Message) -> Outcome<Value> {
        Ok(json!({ "removed": self.bundles.remove(&message.text("origin")?.parse()?) }))
    }

    fn svids(&self) -> SvidVerifier {
        SvidVerifier::builder(self.bundles.clone(), backend::ring()).build()
    }

    fn mutual_tls(&self, peers: IdSet) -> MutualTls {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        MutualTls::new(self.credential.clone(), self.svids(), peers, provider)
    }

    /// Listens on loopback for anybody who is trusted, and writes down whom it refuses.
    async fn listen(&self, peers: IdSet) -> Outcome<(Listener, String)> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("https://{}", tcp.local_addr()?);
        let acceptor = Acceptor::new(self.mutual_tls(peers).server()?).check_every(LOOK);
        let listener = Listener::new(tcp, acceptor).on_refused(|refused| {
            let line = json!({
                "kind": "connection", "refused": refused.error.code(), "rule": refused.error.rule(),
            });
            eprintln!("{line}");
        });
        Ok((listener, url))
    }

    /// Connects to whoever shows to be `expected`, and nobody else.
    fn client(&self, expected: &str) -> Outcome<TlsClient> {
        Ok(self.mutual_tls(IdSet::from(expected.parse::<aims::id::WorkloadId>()?)).client()?)
    }

    fn connector(&self, expected: &str) -> Outcome<Connector> {
        Ok(Connector::new(self.client(expected)?))
    }
}

/// How often a tool looks at those who are connected.
const LOOK: Duration = Duration::from_millis(100);
