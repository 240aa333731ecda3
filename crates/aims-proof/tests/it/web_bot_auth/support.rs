//! A bot, a site, and a web that does what it is told.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use aims_credential::{Fetch, FetchError, FetchRequest, Fetched};
use aims_httpsig::{Context, NewSignature, RawMessage};
use aims_jose::{PrivateJwk, Thumbprint};
use aims_keys::{Algorithm, BoxFuture, PublicKey, PublicNumbers, Signer, SoftwareKey, UnixTime, backend};
use aims_proof::web_bot_auth::{
    AgentUrl, BotError, BotOutcome, BotSigner, BotVerifier, Directories, DirectoryKey, KeySource,
    PublishedDirectory, VerifiedBot,
};

pub(super) use crate::support::{NOW, new_key, ready, secs};

pub(super) const BOT: &str = "https://bot.example";

pub(super) const DIRECTORY: &str = "https://bot.example/.well-known/http-message-signatures-directory";

pub(super) const MEDIA_TYPE: &str = "application/http-message-signatures-directory+json";

pub(super) fn bot_source() -> KeySource {
    KeySource::directory(BOT).unwrap()
}

pub(super) fn public(key: &SoftwareKey) -> PublicKey {
    Signer::public_key(key).clone()
}

pub(super) fn thumbprint(key: &SoftwareKey) -> Thumbprint {
    Thumbprint::of(Signer::public_key(key))
}

pub(super) fn ed25519() -> SoftwareKey {
    new_key(Algorithm::Ed25519)
}

/// Of a modulus that has the right length and nothing else.
pub(super) fn rsa_numbers() -> PublicNumbers {
    PublicNumbers::Rsa { n: vec![0xc5; 256], e: vec![1, 0, 1] }
}

/// RFC 8037 appendix A.1.
pub(super) fn rfc_8037_key() -> SoftwareKey {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","alg":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    PrivateJwk::parse(jwk).unwrap().load(backend::ring()).unwrap()
}

pub(super) fn request() -> RawMessage {
    RawMessage::request("GET", "/prices?page=2").with_scheme("https").with_authority("shop.example")
}

/// With fields of a bot added.
pub(super) fn with<'f>(
    message: RawMessage,
    fields: impl IntoIterator<Item = (&'static str, &'f str)>,
) -> RawMessage {
    fields.into_iter().fold(message, |message, (name, value)| message.with_header(name, value))
}

pub(super) fn signer(key: &SoftwareKey) -> BotSigner {
    BotSigner::new(bot_source(), Signer::public_key(key)).unwrap()
}

/// The request, signed by the bot.
pub(super) fn signed(key: &SoftwareKey) -> RawMessage {
    let message = request();
    let fields = signer(key).request(&message).prepare(NOW).unwrap().sign(key).unwrap();
    with(message.clone(), fields.iter())
}

/// A signature of another shape, as somebody else makes it.
pub(super) fn signed_as(message: RawMessage, signature: NewSignature<'_>, key: &SoftwareKey) -> RawMessage {
    let fields = signature.prepare(&Context::request(&message)).unwrap().sign(key).unwrap();
    message
        .with_header("signature-input", fields.signature_input())
        .with_header("signature", fields.signature())
}

/// A directory with these keys, signed by none.
pub(super) fn directory_of(keys: &[&SoftwareKey]) -> Answer {
    if keys.is_empty() {
        return Answer { media_type: Some(MEDIA_TYPE), fields: Vec::new(), body: b"{\"keys\":[]}".into() };
    }
    let keys = keys.iter().map(|key| DirectoryKey::new(public(key))).collect();
    Answer::of(&PublishedDirectory::new(bot_source(), keys, backend::ring()).unwrap())
}

/// What a URL answers with.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) media_type: Option<&'static str>,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn of(directory: &PublishedDirectory) -> Self {
        let fields = directory.fields().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { media_type: Some(MEDIA_TYPE), fields, body: directory.body().into() }
    }

    pub(super) fn json(body: &str) -> Self {
        Self { media_type: Some("application/json"), fields: Vec::new(), body: body.into() }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn fetched(&self, url: &str) -> Fetched {
        let fetched = Fetched::new(url.parse().unwrap(), self.media_type, self.body.clone());
        self.fields.iter().fold(fetched, |fetched, (name, value)| fetched.with_field(name, value.as_bytes()))
    }
}

/// A web in which every URL is told what to answer. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Web(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    answers: HashMap<String, Result<Answer, FetchError>>,
    asked: Vec<String>,
    is_held: bool,
    waiting: Vec<Waker>,
}

impl Web {
    pub(super) fn serving(url: &str, answer: Answer) -> Self {
        let web = Self::default();
        web.set(url, Ok(answer));
        web
    }

    pub(super) fn set(&self, url: &str, answer: Result<Answer, FetchError>) {
        self.0.lock().unwrap().answers.insert(url.to_owned(), answer);
    }

    /// From now on nothing answers, until it is let go.
    pub(super) fn hold(&self) {
        self.0.lock().unwrap().is_held = true;
    }

    pub(super) fn let_go(&self) {
        let mut state = self.0.lock().unwrap();
        state.is_held = false;
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// What was asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    pub(super) fn count(&self) -> usize {
        self.asked().len()
    }

    pub(super) fn directories(&self) -> Directories {
        Directories::builder(self.clone(), backend::ring()).build()
    }
}

impl Fetch for Web {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        assert_eq!((request.redirects(), request.longest(), request.time()), (0, 64 * 1024, secs(5)));
        let url = request.url().as_str();
        self.0.lock().unwrap().asked.push(url.to_owned());
        Box::pin(async move {
            poll_fn(|context| {
                let mut state = self.0.lock().unwrap();
                if !state.is_held {
                    return Poll::Ready(());
                }
                state.waiting.push(context.waker().clone());
                Poll::Pending
            })
            .await;
            let answer = self.0.lock().unwrap().answers.get(url).cloned();
            let fetched = answer.unwrap_or(Err(FetchError::Status(404)))?.fetched(url);
            if !request.takes(fetched.media_type()) {
                return Err(FetchError::MediaType(fetched.media_type().map(ToOwned::to_owned)));
            }
            Ok(fetched)
        })
    }
}

/// The site, which finds keys on this web.
pub(super) fn site(web: &Web) -> BotVerifier {
    BotVerifier::builder(["shop.example"], web.directories()).build()
}

pub(super) fn verify(site: &BotVerifier, message: &RawMessage) -> Result<BotOutcome, BotError> {
    verify_at(site, message, NOW)
}

pub(super) fn verify_at(
    site: &BotVerifier,
    message: &RawMessage,
    now: UnixTime,
) -> Result<BotOutcome, BotError> {
    ready(site.verify(&Context::request(message), now))
}

/// The bot, attributed to this URL.
pub(super) fn attributed(outcome: Result<BotOutcome, BotError>, url: &str) -> VerifiedBot {
    match outcome {
        Ok(BotOutcome::Attributed(bot)) => {
            assert_eq!(bot.agent().map(AgentUrl::as_str), Some(url));
            bot
        }
        other => panic!("not attributed to {url}: {other:?}"),
    }
}

/// Asserts that nothing is known of the sender, for this reason.
pub(super) fn unverified(outcome: Result<BotOutcome, BotError>, code: &str, rule: &str) {
    match outcome {
        Ok(BotOutcome::Unverified(reason)) => {
            assert_eq!((reason.code(), reason.rule()), (code, rule), "{reason:?}");
        }
        other => panic!("not unverified with {code}: {other:?}"),
    }
}
