//! The issuer of a trust domain, as the tour sees it from outside: its operator, and whoever stole its keys.

use std::path::PathBuf;

use aims::backend;
use aims::jose::base64;
use aims::workload_api::{Endpoint, WorkloadApi};
use serde_json::{Value, json};

use super::account::{Fault, Seen};
use super::laptop::Laptop;
use super::process::Process;
use super::role::Role;

/// A Workload API in a process of its own, and a bundle endpoint beside it.
pub(super) struct Issuer {
    pub(super) process: Process,
    pub(super) origin: &'static str,
    pub(super) socket: PathBuf,
    /// Where others fetch its bundle.
    pub(super) url: String,
    /// Its own entry: it serves its bundle as a workload.
    own: String,
}

/// Whom the register names: the program, the identity, and further lines of TOML.
pub(super) struct Entry<'a>(pub(super) &'a str, pub(super) &'a str, pub(super) &'a str);

impl Issuer {
    pub(super) async fn start(
        laptop: &Laptop,
        name: &'static str,
        origin: &'static str,
        entries: &[Entry<'_>],
    ) -> Result<Self, Fault> {
        Self::start_with(laptop, name, origin, entries, json!({})).await
    }

    /// As [`start`](Self::start), with more in its configuration.
    pub(super) async fn start_with(
        laptop: &Laptop,
        name: &'static str,
        origin: &'static str,
        entries: &[Entry<'_>],
        more: Value,
    ) -> Result<Self, Fault> {
        let socket = laptop.socket(name);
        let endpoint = format!("{origin}{ENDPOINT}");
        let own = register(laptop, &[Entry(name, &endpoint, "")])?;
        let path = socket.to_str().ok_or_else(|| Fault::new("a path that is no text"))?;
        let config = with(more, "origin", origin);
        let config = with(with(config, "socket", path), "endpoint", endpoint);
        let config = with(config, "register", own.clone() + &register(laptop, entries)?);
        let (process, first) = Process::start(Role::Issuer, laptop, name, Some(&socket), &config).await?;
        Ok(Self { process, origin, socket, url: text(&first, "url")?, own })
    }

    /// Puts another register in force, besides its own entry; or not, where it is none.
    pub(super) async fn put_in_force(&mut self, register: &str) -> Result<Value, Fault> {
        let message = json!({ "do": "register", "register": self.own.clone() + register });
        self.process.ask(&message).await
    }

    /// How often it refused for this reason.
    pub(super) async fn refused(&mut self, reason: &str) -> Result<u64, Fault> {
        let counts = member(&self.process.ask(&json!({ "do": "refused" })).await?, "refused")?;
        Ok(counts.get(reason).and_then(Value::as_u64).unwrap_or_default())
    }

    /// Starts a program whose Workload API this is.
    pub(super) async fn workload(
        &self,
        laptop: &Laptop,
        role: Role,
        name: &'static str,
        config: &Value,
    ) -> Result<(Process, Value), Fault> {
        Process::start(role, laptop, name, Some(&self.socket), config).await
    }

    /// The Workload API, for whoever asks from the process of the tour itself.
    pub(super) fn api(&self) -> WorkloadApi {
        WorkloadApi::new(&Endpoint::Unix(self.socket.clone()), backend::ring())
    }

    /// Its bundle, as its operator would send it to others.
    pub(super) async fn bundle(&mut self) -> Result<Value, Fault> {
        member(&self.process.ask(&json!({ "do": "bundle" })).await?, "bundle")
    }

    /// Federates with another trust domain, whose operator said what its bundle is, and who serves it.
    pub(super) async fn federate(&mut self, other: &mut Self) -> Result<Value, Fault> {
        let message = json!({
            "do": "federate",
            "origin": other.origin,
            "url": other.url,
            "endpoint": format!("{}{ENDPOINT}", other.origin),
            "bundle": other.bundle().await?,
        });
        self.process.ask(&message).await
    }

    /// Refuses the workloads of another trust domain from now on.
    pub(super) async fn end_federation(&mut self, origin: &str) -> Result<(), Fault> {
        self.process.ask(&json!({ "do": "end_federation", "origin": origin })).await.map(drop)
    }

    /// A certificate for whoever made the request, `ago` seconds ago.
    pub(super) async fn issue(&mut self, subject: &str, request: &Value, ago: u64) -> Result<Value, Fault> {
        let message = json!({ "do": "certificate", "subject": subject, "request": request, "ago": ago });
        member(&self.process.ask(&message).await?, "chain")
    }

    /// Signs whatever it is told to, by the key for certificates.
    pub(super) async fn sign(&mut self, body: &[u8]) -> Result<Vec<u8>, Fault> {
        let message = json!({ "do": "sign", "body": base64::encode(body) });
        Ok(base64::decode(&text(&self.process.ask(&message).await?, "signature")?)?)
    }
}

/// A register in which each program, run by this user, has its identity.
pub(super) fn register(laptop: &Laptop, entries: &[Entry<'_>]) -> Result<String, Fault> {
    entries.iter().try_fold(String::new(), |register, Entry(program, subject, more)| {
        let path = laptop.program(program)?;
        let path = path.to_str().ok_or_else(|| Fault::new("a path that is no text"))?;
        let user = laptop.user();
        let selectors = json!([format!("unix:uid:{user}"), format!("unix:path:{path}")]);
        Ok(format!("{register}[[entry]]\nspiffe_id = {subject:?}\nselectors = {selectors}\n{more}\n"))
    })
}

/// What a caller is told, and whether the issuer counted it for the right reason, once.
pub(super) async fn refused(
    issuer: &mut Issuer,
    (noted, before): (&str, u64),
    answer: &Value,
) -> Result<Seen, Fault> {
    let more = issuer.refused(noted).await?.saturating_sub(before);
    let fault = (more != 1).then(|| format!("the issuer noted {noted} {more} times"));
    let got = answer.get("refused").and_then(Value::as_str);
    let got = got.map_or_else(|| answer.to_string(), |code| format!("refused: {code}"));
    Ok(Seen { got, note: format!("noted: {noted}"), faults: fault.into_iter().collect(), value: () })
}

/// An object with one more member.
pub(super) fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
    object
}

/// A member of an answer.
pub(super) fn member(answer: &Value, name: &str) -> Result<Value, Fault> {
    answer.get(name).cloned().ok_or_else(|| Fault::new(format!("an answer without `{name}`")))
}

/// A member of an answer that is a string.
pub(super) fn text(answer: &Value, name: &str) -> Result<String, Fault> {
    let text = answer.get(name).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| Fault::new(format!("an answer without the string `{name}`")))
}

/// The workload of each trust domain that serves its bundle.
const ENDPOINT: &str = "/bundle-endpoint";
