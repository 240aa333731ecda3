//! The agent for `reqwest`.

use std::mem;

use http::Uri;
use reqwest::redirect::Policy;
use reqwest::{Body, Client, ClientBuilder, Request, Response, ResponseBuilderExt, Url};

#[cfg(feature = "oauth")]
use super::TokenAgent;
use super::{Agent, AgentError, AttachError, SigningAgent};
#[cfg(feature = "oauth")]
use aims_oauth::TokenNeed;

impl Agent {
    /// Begins a client for [`send`](Self::send): one that follows no redirects, and otherwise as reqwest makes it. It has TLS where reqwest has that, by one of its features,
    /// such as `rustls`: this crate turns on none.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let client = aims::Agent::client().timeout(Duration::from_secs(10)).build()?;
    /// # Ok::<(), reqwest::Error>(())
    /// ```
    pub fn client() -> ClientBuilder {
        Client::builder().redirect(Policy::none())
    }

    /// Sends a request as this agent.
    ///
    /// The client must not follow redirects, as one of [`client`](Self::client) does not: a proof is for one target, and the
    /// credential is for nobody else's eyes.
    ///
    /// # Errors
    ///
    /// [`AgentError::Attach`] when the request was not sent, [`AgentError::Client`] when it failed,
    /// [`AgentError::Redirected`] when the answer came from another URL, because the client followed a redirect all the
    /// same. That is too late: the other host has had the credential. A redirect that leads back is not seen.
    pub async fn send(
        &self,
        client: &Client,
        mut request: Request,
    ) -> Result<Response, AgentError<reqwest::Error>> {
        let target: Uri =
            request.url().as_str().parse().map_err(|_| AgentError::Attach(AttachError::RelativeTarget))?;
        self.attach(&target, request.headers_mut()).await.map_err(AgentError::Attach)?;
        let asked = without_fragment(request.url());
        let response = client.execute(request).await.map_err(AgentError::Client)?;
        if without_fragment(response.url()) == asked { Ok(response) } else { Err(AgentError::Redirected) }
    }
}

impl SigningAgent {
    /// Sends a request, signed by this agent, and verifies what is answered.
    ///
    /// The client must not follow redirects, as one of [`Agent::client`] does not. The content of the request has to be in memory, and within
    /// [the bound](Self::with_max_content). That of a signed response is read as a whole; what was verified is a [`VerifiedResponse`](aims_proof::VerifiedResponse) among its extensions.
    ///
    /// # Errors
    ///
    /// [`AgentError::Attach`] when the request was not sent, [`AgentError::Client`] when it failed, [`AgentError::Response`] when the response is not to be believed,
    /// [`AgentError::Redirected`] as with [`Agent::send`].
    pub async fn send(
        &self,
        client: &Client,
        mut request: Request,
    ) -> Result<Response, AgentError<reqwest::Error>> {
        let asked = without_fragment(request.url());
        let content = match request.body() {
            Some(body) => body.as_bytes().ok_or(AgentError::Attach(AttachError::Streaming))?,
            None => b"",
        };
        if content.len() > self.max_content() {
            return Err(AgentError::Attach(AttachError::ContentTooLarge));
        }
        let target: Uri =
            request.url().as_str().parse().map_err(|_| AgentError::Attach(AttachError::RelativeTarget))?;
        let (mut head, ()) = http::Request::new(()).into_parts();
        (head.method, head.uri, head.headers) = (request.method().clone(), target, request.headers().clone());
        let expected = self.attach(&mut head, content).await.map_err(AgentError::Attach)?;
        *request.headers_mut() = head.headers;
        let response = client.execute(request).await.map_err(AgentError::Client)?;
        if without_fragment(response.url()) != asked {
            return Err(AgentError::Redirected);
        }
        // reqwest keeps the URL outside of the response proper, and would lose it here.
        let mut kept = http::Response::builder().url(response.url().clone());
        let (mut head, body) = http::Response::from(response).into_parts();
        if let Some(url) = kept.extensions_mut() {
            head.extensions.extend(mem::take(url));
        }
        let response = self.checked(&expected, head, body).await?;
        Ok(Response::from(response.map(Body::wrap)))
    }
}

#[cfg(feature = "oauth")]
impl TokenAgent {
    /// Sends a request with a token for `need`, as often as it takes.
    ///
    /// The client must not follow redirects, as one of [`Agent::client`] does not. The content of the request has to be in memory, for it may be sent again.
    ///
    /// # Errors
    ///
    /// [`AgentError::Attach`] when the request was not sent, [`AgentError::StepUp`] when a user has to be asked, [`AgentError::Client`] when it failed,
    /// [`AgentError::Redirected`] as with [`Agent::send`].
    pub async fn send(
        &self,
        client: &Client,
        request: Request,
        need: &TokenNeed,
    ) -> Result<Response, AgentError<reqwest::Error>> {
        self.send_by(request, need, async |request: Request| {
            let asked = without_fragment(request.url());
            let response = client.execute(request).await.map_err(AgentError::Client)?;
            if without_fragment(response.url()) == asked { Ok(response) } else { Err(AgentError::Redirected) }
        })
        .await
    }

    /// The same, signed by this agent: for tokens that are bound to the key of its WIT.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send) and [`SigningAgent::send`].
    pub async fn send_signed(
        &self,
        signing: &SigningAgent,
        client: &Client,
        request: Request,
        need: &TokenNeed,
    ) -> Result<Response, AgentError<reqwest::Error>> {
        self.send_by(request, need, async |request: Request| signing.send(client, request).await).await
    }

    async fn send_by(
        &self,
        request: Request,
        need: &TokenNeed,
        send: impl AsyncFn(Request) -> Result<Response, AgentError<reqwest::Error>>,
    ) -> Result<Response, AgentError<reqwest::Error>> {
        let target: Uri =
            request.url().as_str().parse().map_err(|_| AgentError::Attach(AttachError::RelativeTarget))?;
        let mut tries = self.tries(&target, need.clone());
        loop {
            let mut attempt = request.try_clone().ok_or(AgentError::Attach(AttachError::Streaming))?;
            let attached = tries.attach(request.method().as_str(), attempt.headers_mut()).await;
            attached.map_err(AgentError::Attach)?;
            let response = send(attempt).await?;
            if !tries.again(response.status(), response.headers()).await? {
                return Ok(response);
            }
        }
    }
}

fn without_fragment(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    url
}
