//! Workloads that talk over mutual TLS: a tool, agents, and a proxy between them.

mod agent;
mod delegation;
mod gateway;
mod proxy;
mod tool;

use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use aims::id::IdSet;
use aims::jose::Jwk;
use aims::workload_api::{Endpoint, WorkloadApi, WorkloadSource};
use aims::{Acceptor, BundleSource, Connector, CredentialSource, Listener, TrustBundle, backend};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use self::agent::Agent;
use self::delegation::Deputy;
use super::caller::Caller;
use super::{Control, Message, Outcome, say};

/// Does what it is told until the input ends. What it serves ends with the process.
pub(super) async fn run(mut control: Control) -> Outcome<()> {
    control.config().await?;
    let mut workload = Workload::start().await?;
    let (mut agent, mut gateway, mut deputy) = (Agent::default(), None, None);
    say(&json!({ "subject": workload.subject()? }))?;
    while let Some(message) = control.next().await? {
        let answer = match &*message.text("do")? {
            "renewed" => workload.renewed().await?,
            "knows" => workload.knows(&message).await?,
            "forgot" => workload.forgot(&message).await?,
            "serve" => tool::serve(&workload, &message).await?,
            "serve_signed" => tool::serve_signed(&workload, &message).await?,
            "forward" => proxy::serve(&workload, &message).await?,
            "gateway" => {
                let (serving, answer) = gateway::serve(&workload, &message).await?;
                gateway = Some(serving);
                answer
            }
            "meddle" => gateway.as_ref().ok_or("not a gateway")?.meddle(&message)?,
            "serve_tickets" => delegation::serve_tickets(&workload, &message).await?,
            "serve_trips" => delegation::serve_trips(&workload, &message).await?,
            "act_for_users" => {
                deputy = Some(Deputy::new(&workload, &message)?);
                json!({})
            }
            _ => match &mut deputy {
                Some(deputy) => deputy.obey(&workload, &message).await?,
                None => agent.obey(&workload, &message).await?,
            },
        };
        say(&answer)?;
    }
    Ok(())
}

/// Who this workload is, and whom it trusts: what its Workload API says.
pub(super) struct Workload(WorkloadSource);

impl Workload {
    /// Gets an identity.
    pub(super) async fn start() -> Outcome<Self> {
        let api = WorkloadApi::new(&Endpoint::from_env()?, backend::ring());
        Ok(Self(WorkloadSource::builder(api).with_wit().start().await?))
    }

    pub(super) fn subject(&self) -> Outcome<String> {
        Ok(self.0.x509().holder()?.subject().as_str().to_owned())
    }

    /// What its trust domain is known by.
    pub(super) fn bundle(&self) -> Outcome<TrustBundle> {
        let holder = self.0.x509().holder()?;
        let bundle = self.0.bundles().bundle(holder.subject().origin_str());
        Ok(bundle.map(|bundle| TrustBundle::clone(&bundle)).ok_or("no bundle of the own trust domain")?)
    }

    /// Waits until it has another certificate than now, and says for which keys they are.
    async fn renewed(&mut self) -> Outcome<Value> {
        let (updates, before) = (self.updates(), self.key()?);
        while self.updates() == updates {
            self.0.changed().await;
        }
        Ok(json!({ "before": before, "after": self.key()? }))
    }

    fn key(&self) -> Outcome<String> {
        let holder = self.0.x509().holder()?;
        let key = holder.signer(SystemTime::now().try_into()?)?.public_key().clone();
        Ok(Jwk::new(key).thumbprint().to_string())
    }

    fn updates(&self) -> Option<u64> {
        self.0.status().streams.get("x509").map(|stream| stream.updates)
    }

    /// Waits until it can verify certificates of another trust domain.
    async fn knows(&mut self, message: &Message) -> Outcome<Value> {
        let origin = message.text("origin")?;
        // A bundle comes in parts, for certificates and for tokens.
        while self.0.bundles().bundle(&origin).is_none_or(|bundle| bundle.x509_authorities().is_empty()) {
            self.0.changed().await;
        }
        Ok(json!({}))
    }

    /// Waits until nothing of another trust domain counts any more.
    async fn forgot(&mut self, message: &Message) -> Outcome<Value> {
        let origin = message.text("origin")?;
        while self.0.bundles().bundle(&origin).is_some() {
            self.0.changed().await;
        }
        Ok(json!({}))
    }

    /// Who it is when it calls.
    fn caller(&self) -> Caller {
        Caller { x509: self.0.x509(), wit: self.0.wit(), bundles: self.0.bundles() }
    }

    /// Listens on loopback for anybody who is trusted, and writes down whom it refuses.
    pub(super) async fn listen(&self, peers: IdSet) -> Outcome<(Listener, String)> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("https://{}", tcp.local_addr()?);
        let acceptor = Acceptor::new(self.caller().mutual_tls(peers).server()?).check_every(LOOK);
        let listener = Listener::new(tcp, acceptor).on_refused(|refused| {
            let line = json!({
                "kind": "connection", "refused": refused.error.code(), "rule": refused.error.rule(),
            });
            eprintln!("{line}");
        });
        Ok((listener, url))
    }

    fn connector(&self, expected: &str) -> Outcome<Connector> {
        self.caller().connector(expected)
    }
}

/// A list of identifiers and patterns.
pub(super) fn patterns(message: &Message, name: &'static str) -> Outcome<IdSet> {
    let patterns = message.get(name)?.as_array().ok_or("not a list")?;
    patterns.into_iter().try_fold(IdSet::new(), |set, pattern| {
        Ok(set.pattern(pattern.as_str().ok_or("a pattern is not a string")?.parse()?))
    })
}

/// How often a tool looks at those who are connected.
const LOOK: Duration = Duration::from_millis(100);
