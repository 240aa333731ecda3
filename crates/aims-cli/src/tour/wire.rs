//! Requests and answers as they travel, for whoever has a copy of the traffic.

use std::fmt;

use aims::credential::WIT_FIELD;
use aims::{Agent, TraceParent};
use http::header::AUTHORIZATION;
use reqwest::{Client, Response};
use serde_json::Value;

use super::account::Fault;

/// The tour's own way to send requests.
pub(super) struct Wire(Client);

impl Wire {
    pub(super) fn new() -> Result<Self, Fault> {
        Ok(Self(Agent::client().no_proxy().build()?))
    }

    /// Sends a request to a tool, exactly as it stands.
    pub(super) async fn send(&self, request: &Request) -> Result<Answer, Fault> {
        let sent = self
            .0
            .get(&request.url)
            .header("traceparent", &request.traceparent)
            .header(AUTHORIZATION, &request.authorization)
            .header(WIT_FIELD, &request.wit);
        Answer::read(sent.send().await?).await
    }

    /// Sends a request that proves nothing.
    pub(super) async fn get(&self, url: &str) -> Result<Answer, Fault> {
        Answer::read(self.0.get(url).send().await?).await
    }
}

/// A request to a tool: what an eavesdropper has of it.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) authorization: String,
    pub(super) wit: String,
    pub(super) traceparent: String,
}

impl Request {
    /// Reads what an agent says it sent.
    pub(super) fn from_json(sent: &Value) -> Result<Self, Fault> {
        let member = |name: &str| {
            let text = sent.get(name).and_then(Value::as_str).map(str::to_owned);
            text.ok_or_else(|| Fault::new(format!("the agent does not say its {name}")))
        };
        Ok(Self {
            url: member("url")?,
            authorization: member("authorization")?,
            wit: member("wit")?,
            traceparent: member("traceparent")?,
        })
    }

    /// The proof alone.
    pub(super) fn proof(&self) -> &str {
        self.authorization.strip_prefix("WPT ").unwrap_or_default()
    }

    /// The same request with another proof.
    pub(super) fn with_proof(self, proof: &str) -> Self {
        Self { authorization: format!("WPT {proof}"), ..self }
    }

    /// The identifier by which its records are found.
    pub(super) fn trace_id(&self) -> Result<String, Fault> {
        Ok(TraceParent::parse(&self.traceparent)?.trace_id())
    }
}

/// An answer, as it came.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    async fn read(response: Response) -> Result<Self, Fault> {
        let status = response.status().as_u16();
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok(Self { status, body })
    }

    /// Reads what an agent says came back.
    pub(super) fn from_json(answer: &Value) -> Result<Self, Fault> {
        let status =
            answer.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        let status = status.ok_or_else(|| Fault::new("the agent does not say the status"))?;
        Ok(Self { status, body: answer.get("body").cloned().unwrap_or_default() })
    }

    /// A member of the body that is a string.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name)?.as_str()
    }
}

/// `refused: CODE`, or the status and who the tool says called.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, self.text("code"), self.text("caller")) {
            (400.., Some(code), _) => write!(f, "refused: {code}"),
            (status, _, Some(caller)) => write!(f, "{status} {caller}"),
            (status, ..) => write!(f, "{status}"),
        }
    }
}
