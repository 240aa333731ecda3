//! An agent that shows what is not its own.

use std::sync::Arc;
use std::time::SystemTime;

use aims::credential::CredentialSource;
use aims::jose::Thumbprint;
use aims::keys::{Algorithm, AsyncSigner, SoftwareKey};
use aims::oauth::{AccessTokenIssuer, AccessTokenRequest, Issuer, TokenBinding, TokenClient, TokenNeed};
use aims::{TraceParent, backend};
use axum::body::Body;
use http::Request;
use http::header::AUTHORIZATION;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tower::Layer;
use zeroize::Zeroizing;

use super::{Message, Outcome, Workload, answer, send, signing};

/// A workload with an identity, and tokens that are somebody else's, or for something else.
pub(super) struct Thief {
    issuer: Issuer,
    tokens: TokenClient,
}

impl Thief {
    pub(super) fn new(issuer: Issuer, tokens: TokenClient) -> Self {
        Self { issuer, tokens }
    }

    pub(super) async fn obey(&self, workload: &Workload, message: &Message) -> Outcome<Value> {
        match &*message.text("do")? {
            "show" => self.show(workload, message, Zeroizing::new(message.text("token")?)).await,
            "show_own" => {
                let need = TokenNeed::of(message.text("resource")?.parse()?).from(self.issuer.clone());
                let held = self.tokens.token(&need).await?;
                self.show(workload, message, Zeroizing::new(held.token().expose().to_owned())).await
            }
            "show_made" => {
                let token = Self::make(workload, message)?;
                self.show(workload, message, token).await
            }
            other => Err(format!("`{other}` is not a command").into()),
        }
    }

    /// A token of an issuer of its own, that says what a good one would: of a name of its own, or of another's.
    fn make(workload: &Workload, message: &Message) -> Outcome<Zeroizing<String>> {
        let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
        let issuer = AccessTokenIssuer::new(message.text("of")?.parse()?, key, &message.text("kid")?)?;
        let now = SystemTime::now().try_into()?;
        let holder = workload.0.wit().holder()?;
        let own = Thumbprint::of(AsyncSigner::public_key(holder.signer(now)?));
        let request =
            AccessTokenRequest::new("user-1", workload.subject()?, message.text("resource")?.parse()?)
                .scope("trips:book".parse()?)
                .bound_to(TokenBinding::Key(own));
        Ok(Zeroizing::new(issuer.issue(&request, now)?.into_token().expose().to_owned()))
    }

    /// Shows a token to the tool: with its own good signature, or with nothing.
    async fn show(&self, workload: &Workload, message: &Message, token: Zeroizing<String>) -> Outcome<Value> {
        let trace = TraceParent::begin().to_string();
        let request = Request::post(message.text("url")?)
            .header(AUTHORIZATION, format!("Bearer {}", *token))
            .header("traceparent", &trace)
            .body(Body::from(r#"{"price": 300}"#))?;
        let client =
            Client::builder(TokioExecutor::new()).build(workload.connector(&message.text("expect")?)?);
        let mut answer = if message.get("unsigned").is_ok() {
            answer(client.request(request).await?).await?
        } else {
            send(signing(workload).layer().layer(client), request).await?
        };
        if let Some(members) = answer.as_object_mut() {
            members.insert("traceparent".into(), json!(trace));
        }
        Ok(answer)
    }
}
