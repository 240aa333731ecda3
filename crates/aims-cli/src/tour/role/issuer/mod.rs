//! The issuer of a trust domain: a Workload API on a socket, beside it a bundle endpoint, and an operator at its console.

mod federation;
#[cfg(feature = "tpm")]
mod hardware;
mod stolen;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims::id::Origin;
use aims::keys::UnixTime;
#[cfg(target_os = "linux")]
use aims::workload_api::UnixAttestor;
use aims::workload_api::{Attestor, Endpoint, WorkloadApi, WorkloadApiServer, WorkloadSource};
use aims::{BundleSet, backend};
use aims_provision::{Authority, AuthoritySettings, Entries, JoinTokens};
use serde_json::{Value, json};
use tokio::net::UnixListener;

use self::federation::Partners;
use self::stolen::{Keys, SharedStore};
use super::{Control, Message, Outcome, say};

/// Serves, and does what its operator says, until the input ends.
pub(super) async fn run(mut control: Control) -> Outcome<()> {
    let config = control.config().await?;
    let issuer = Issuer::start(&config)?;
    let source = issuer.own_identity(Path::new(&config.text("socket")?), &config.text("endpoint")?).await?;
    let url = federation::serve_bundle(Arc::clone(&issuer.authority), &source).await?;
    say(&json!({ "url": url }))?;
    while let Some(message) = control.next().await? {
        say(&issuer.obey(&message).await?)?;
    }
    Ok(())
}

struct Issuer {
    authority: Arc<Authority>,
    server: WorkloadApiServer,
    tokens: Arc<JoinTokens>,
    partners: Partners,
    /// What somebody has who got hold of the keys.
    keys: Keys,
    #[cfg(feature = "tpm")]
    hardware: Option<hardware::Hardware>,
}

impl Issuer {
    /// Begins to serve.
    fn start(config: &Message) -> Outcome<Self> {
        let origin: Origin = config.text("origin")?.parse()?;
        let store = SharedStore::new(backend::ring());
        let keys = store.keys();
        // Since yesterday, so that it can also have signed what has expired by now.
        let begun = UnixTime::try_from(SystemTime::now())? - Duration::from_secs(86_400);
        let trust_domain = origin.trust_domain().parse()?;
        let authority =
            Authority::new(trust_domain, AuthoritySettings::new(), store, backend::ring(), begun)?;
        let authority = Arc::new(authority);

        let entries = Entries::from_toml(origin, &config.text("register")?)?;
        let tokens = Arc::new(JoinTokens::new(backend::ring()));
        let bundles = BundleSet::new();
        let builder =
            WorkloadApiServer::builder(Arc::clone(&authority), entries, attestor()?, backend::ring())
                .federated(bundles.clone())
                .key_holders_by_token(AUDIENCE, Arc::clone(&tokens), JOINED_FOR);
        #[cfg(feature = "tpm")]
        let (builder, hardware) = match hardware::Hardware::new(config)? {
            Some((hardware, verifiers)) => (builder.evidence(verifiers), Some(hardware)),
            None => (builder, None),
        };
        let server = builder.build();
        let listener = UnixListener::bind(config.text("socket")?)?;
        let serve = server.clone();
        tokio::spawn(async move { serve.serve_unix(listener).await });
        let partners = Partners::new(Arc::clone(&authority), bundles);
        Ok(Self {
            authority,
            server,
            tokens,
            partners,
            keys,
            #[cfg(feature = "tpm")]
            hardware,
        })
    }

    /// It is a workload of its own trust domain, too: whoever fetches its bundle wants to know from whom.
    async fn own_identity(&self, socket: &Path, id: &str) -> Outcome<WorkloadSource> {
        let api = WorkloadApi::new(&Endpoint::Unix(socket.to_owned()), backend::ring());
        Ok(WorkloadSource::builder(api).id(id.parse()?).start().await?)
    }

    async fn obey(&self, message: &Message) -> Outcome<Value> {
        match &*message.text("do")? {
            "bundle" => self.bundle(),
            "register" => self.register(message),
            "join_token" => self.join_token(message),
            "refused" => Ok(json!({ "refused": self.server.status().refused })),
            "federate" => self.told(self.partners.federate(message).await),
            "end_federation" => self.told(self.partners.end(message).await),
            #[cfg(feature = "tpm")]
            "enrol" => self.hardware()?.begin(message),
            #[cfg(feature = "tpm")]
            "activated" => self.hardware()?.finish(message),
            "wit" => self.keys.wit(&self.authority, message),
            "certificate" => self.keys.certificate(&self.authority, message),
            "sign" => self.keys.sign(&self.authority, message),
            other => Err(format!("`{other}` is not a command").into()),
        }
    }

    #[cfg(feature = "tpm")]
    fn hardware(&self) -> Outcome<&hardware::Hardware> {
        self.hardware.as_ref().ok_or_else(|| "it believes no maker of TPMs".into())
    }

    fn bundle(&self) -> Outcome<Value> {
        let bundle = self.authority.trust_bundle().to_spiffe_json()?;
        Ok(json!({ "bundle": serde_json::from_str::<Value>(&bundle)? }))
    }

    /// Puts another register in force, if it is one.
    fn register(&self, message: &Message) -> Outcome<Value> {
        let entries = Entries::from_toml(self.authority.origin().clone(), &message.text("register")?);
        Ok(match entries {
            Ok(entries) => {
                self.server.set_entries(entries);
                json!({ "entries": self.server.status().entries })
            }
            Err(error) => json!({
                "refused": error.code(), "line": error.line(), "entries": self.server.status().entries,
            }),
        })
    }

    fn join_token(&self, message: &Message) -> Outcome<Value> {
        let now = SystemTime::now().try_into()?;
        let token = self.tokens.create([message.text("selector")?.parse()?], now)?;
        Ok(json!({ "token": token.expose() }))
    }

    /// Lets the workloads know about what may be another bundle.
    fn told(&self, answer: Outcome<Value>) -> Outcome<Value> {
        self.server.bundles_changed();
        answer
    }
}

#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there is none")]
fn attestor() -> Outcome<impl Attestor> {
    Ok(UnixAttestor::new(backend::ring()))
}

#[cfg(not(target_os = "linux"))]
fn attestor() -> Outcome<aims::workload_api::Unattested> {
    Err("the tour needs Linux: elsewhere nobody says what process is at the other end of a socket".into())
}

/// By what name proofs of possession call an issuer of the story.
pub(crate) const AUDIENCE: &str = "urn:aims:tour:issuer";

const JOINED_FOR: Duration = Duration::from_secs(3600);
