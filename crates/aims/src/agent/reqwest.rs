//! The agent for `reqwest`.

use reqwest::{Client, Request, Response};

use super::{Agent, AgentError};

impl Agent {
    /// Sends a request as this agent.
    ///
    /// The client should not follow redirects (`redirect::Policy::none()`): a proof is for one target, and another one
    /// refuses it.
    ///
    /// # Errors
    ///
    /// [`AgentError::Attach`] when the request was not sent, [`AgentError::Client`] when it failed.
    pub async fn send(
        &self,
        client: &Client,
        mut request: Request,
    ) -> Result<Response, AgentError<reqwest::Error>> {
        let audience = aims_proof::http_audience(request.url().as_str()).to_owned();
        self.attach_for(&audience, request.headers_mut()).await.map_err(AgentError::Attach)?;
        client.execute(request).await.map_err(AgentError::Client)
    }
}
