//! An agent that acts for users, by what they granted; and for itself.

use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aims::keys::SealingKey;
use aims::oauth::{
    BackchannelRequest, Issuer, Parameters, PendingApproval, PendingAuthorization, RedirectUri, Resource,
    TokenClient, TokenNeed, UserGrant, UserHint,
};
use aims::{SigningAgent, TokenAgent, TraceParent, backend};
use axum::body::Body;
use http::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tower::Layer;
use zeroize::Zeroizing;

use super::stolen::Thief;
use super::{Message, Outcome, Workload, refused, send, signing, tokens};

/// What an agent has of the users that it acts for: handles, by whatever it calls them. There is no token in any of them.
pub(in super::super) struct Deputy {
    issuer: Issuer,
    tokens: TokenClient,
    signing: SigningAgent,
    grants: HashMap<String, UserGrant>,
    /// Users who were sent to the authority, by the session of their browser; sealed, as if they were kept there.
    sent: HashMap<String, String>,
    key: SealingKey,
    home: PathBuf,
    thief: Thief,
}

impl Deputy {
    /// Keeps what must outlive the process in this directory.
    pub(in super::super) fn new(workload: &Workload, message: &Message) -> Outcome<Self> {
        let (issuer, tokens) = tokens(workload, message)?;
        let home = PathBuf::from(message.text("home")?);
        fs::create_dir_all(&home)?;
        let mut deputy = Self {
            thief: Thief::new(issuer.clone(), tokens.clone()),
            issuer,
            tokens,
            signing: signing(workload),
            grants: HashMap::new(),
            sent: HashMap::new(),
            key: sealing_key(&home.join("key"))?,
            home,
        };
        deputy.take_up()?;
        Ok(deputy)
    }

    /// Has the grants that an earlier process put away.
    fn take_up(&mut self) -> Outcome<()> {
        let Ok(kept) = fs::read_to_string(self.home.join(GRANTS)) else { return Ok(()) };
        for line in kept.lines() {
            let (name, sealed) = line.split_once(' ').ok_or("a line is not a grant")?;
            self.grants.insert(name.to_owned(), UserGrant::open(sealed, &self.key)?);
        }
        // There is one of each: by two at once, the authority would take one of them for stolen.
        Ok(fs::remove_file(self.home.join(GRANTS))?)
    }

    /// Writes the grants down, sealed, and uses them no more.
    fn put_away(&mut self) -> Outcome<Value> {
        let mut kept = Vec::new();
        for (name, grant) in self.grants.drain() {
            kept.push(format!("{name} {}", grant.seal(&self.key)?));
        }
        fs::write(self.home.join(GRANTS), kept.join("\n"))?;
        Ok(json!({}))
    }

    pub(in super::super) async fn obey(&mut self, workload: &Workload, message: &Message) -> Outcome<Value> {
        match &*message.text("do")? {
            "send_user" => self.send_user(message).await,
            "user_back" => self.user_back(message).await,
            "call" => self.call(workload, message).await,
            "put_away" => self.put_away(),
            "ask_user" => self.ask_user(message).await,
            "await_user" => self.await_user(message).await,
            _ => self.thief.obey(workload, message).await,
        }
    }

    /// Wants to act for a user: the request goes to the authority, and the user's browser after it.
    async fn send_user(&mut self, message: &Message) -> Outcome<Value> {
        let redirect: RedirectUri = message.text("redirect")?.parse()?;
        let session = message.text("session")?;
        let client = self.tokens.client(&self.issuer).await?;
        let flow = client.authorize(&redirect)?.session(&session);
        let flow = flow.resource(message.text("resource")?.parse()?).scope(message.text("scope")?.parse()?);
        let pending = self.tokens.begin(flow).await?;
        let url = pending.url().to_owned();
        self.sent.insert(session, pending.seal(&self.key)?);
        Ok(json!({ "url": url }))
    }

    /// The browser is back in this session. What it brings counts once, unless the host forgets to forget.
    async fn user_back(&mut self, message: &Message) -> Outcome<Value> {
        let session = message.text("session")?;
        let sealed = match message.get("again") {
            Ok(_) => self.sent.get(&session).cloned(),
            Err(_) => self.sent.remove(&session),
        };
        let pending = PendingAuthorization::open(&sealed.ok_or("no user of this session")?, &self.key)?;
        let query = Parameters::parse(message.text("query")?.as_bytes())?;
        match self.tokens.redeem(pending, &query).await {
            Ok(grant) => Ok(self.keep(session, grant)),
            Err(error) => Ok(refused(&error)),
        }
    }

    /// What it tells whoever plans the trip, a model perhaps, is that there is a grant.
    fn keep(&mut self, name: String, grant: UserGrant) -> Value {
        let first = grant.first_token();
        let scope = first.as_ref().and_then(|token| token.scope()).map(ToString::to_string);
        let answer = json!({ "grant": format!("{grant:?}"), "scope": scope });
        self.grants.insert(name, grant);
        answer
    }

    /// Calls the tool: for a user, by the name of the grant, or else in its own right.
    async fn call(&self, workload: &Workload, message: &Message) -> Outcome<Value> {
        let tool: Resource = message.text("tool")?.parse()?;
        let need = TokenNeed::of(tool).from(self.issuer.clone());
        let need = match message.text("scope") {
            Ok(scope) => need.scope(scope.parse()?),
            Err(_) => need,
        };
        let need = match message.text("grant") {
            Ok(name) => need.by(self.grants.get(&name).ok_or("no such grant")?),
            Err(_) => need,
        };
        let trace = TraceParent::begin().to_string();
        let method = message.text("method")?;
        let order = message.text("order").unwrap_or_default();
        let request = Request::builder().method(&*method).uri(message.text("url")?);
        let request = request.header("traceparent", &trace).extension(need).body(Body::from(order))?;
        let client =
            Client::builder(TokioExecutor::new()).build(workload.connector(&message.text("expect")?)?);
        let agent = TokenAgent::new(self.tokens.clone());
        let http = agent.layer().layer(self.signing.layer().layer(client));
        let mut answer = send(http, request).await?;
        if let Some(members) = answer.as_object_mut() {
            members.insert("traceparent".into(), json!(trace));
        }
        Ok(answer)
    }

    /// Has a user asked elsewhere, and writes down, sealed, what it waits for.
    async fn ask_user(&self, message: &Message) -> Outcome<Value> {
        let user = UserHint::Login(message.text("user")?);
        let request = BackchannelRequest::new(message.text("scope")?.parse()?, user)
            .resource(message.text("tool")?.parse()?)
            .binding_message(message.text("words")?.parse()?);
        let pending = self.tokens.ask_user(&self.issuer, request).await?;
        fs::write(self.home.join(APPROVAL), pending.seal(&self.key)?)?;
        Ok(json!({ "asked": format!("{pending:?}") }))
    }

    /// Waits for what the user says; whoever asked may have been an earlier process.
    async fn await_user(&mut self, message: &Message) -> Outcome<Value> {
        let approval = self.home.join(APPROVAL);
        let mut pending = PendingApproval::open(&fs::read_to_string(&approval)?, &self.key)?;
        fs::remove_file(approval)?;
        loop {
            tokio::time::sleep(pending.next_poll().since(self.tokens.now()?)).await;
            match self.tokens.poll(&mut pending).await {
                Ok(None) => {}
                Ok(Some(grant)) => return Ok(self.keep(message.text("grant")?, grant)),
                Err(error) => return Ok(refused(&error)),
            }
        }
    }
}

/// The key of this machine for what is kept here.
fn sealing_key(path: &Path) -> Outcome<SealingKey> {
    let mut secret = Zeroizing::new([0; 32]);
    match fs::read(path).map(Zeroizing::new) {
        Ok(kept) => *secret = <[u8; 32]>::try_from(kept.as_slice())?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            backend::ring().fill_random(&mut *secret)?;
            let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            file?.write_all(&*secret)?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(SealingKey::from_bytes(secret, backend::ring())?)
}

/// Files of the agent's own.
const APPROVAL: &str = "approval";
const GRANTS: &str = "grants";
