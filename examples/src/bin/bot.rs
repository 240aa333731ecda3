//! A bot that says who it is to public sites, with `aims-proof` (Web Bot Auth): `bot URL` signs a request for the URL, and shows what the site
//! makes of it. The keys of the bot are published at `https://bot.example`; here, a function stands in for the web.

use std::error::Error;
use std::time::SystemTime;

use aims_credential::{Fetch, FetchError, FetchRequest, Fetched};
use aims_httpsig::{Context, HttpRequest};
use aims_keys::{Algorithm, BoxFuture, SoftwareKey, UnixTime, backend};
use aims_proof::ReplayMemory;
use aims_proof::web_bot_auth::{
    BotOutcome, BotSigner, BotVerifier, Directories, DirectoryKey, KeySource, KnownBots, PublishedDirectory,
    Unaffiliated,
};
use http::{Request, Uri};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url: Uri = std::env::args().nth(1).ok_or("usage: bot URL")?.parse()?;
    let authority = url.authority().ok_or("the URL has no host")?.to_string();
    let now = UnixTime::try_from(SystemTime::now())?;

    // Once: a key, and the document that the bot's own site serves.
    let key = SoftwareKey::generate(Algorithm::Ed25519, backend::ring())?;
    let source = KeySource::directory("https://bot.example")?;
    let own = DirectoryKey::new(key.public_key().clone());
    let published = PublishedDirectory::new(source.clone(), vec![own], backend::ring())?.sign(&key, now)?;
    println!("published at {}: {}", source.url(), published.body());

    // For each request: a signature.
    let bot = BotSigner::new(source, key.public_key())?;
    let request = signed(&bot, &key, url.clone(), now)?;
    for name in ["signature-agent", "signature-input", "signature"] {
        println!("{name}: {}", request.headers()[name].to_str()?);
    }

    // The site knows this bot by the URL of its keys, and admits it. Outside of this example its `Fetch` is a `GuardedFetch`.
    let directories = Directories::builder(Web(published), backend::ring()).requiring_possession().build();
    let site = BotVerifier::builder([authority], directories).once(ReplayMemory::with_capacity(1000)).build();
    let admitted = KnownBots::new().directory("https://bot.example")?;
    println!("the site: {}", visit(&site, &admitted, &request, now).await);
    println!("a copy of it: {}", visit(&site, &admitted, &request, now).await);

    // Somebody else says to be that bot.
    let other = SoftwareKey::generate(Algorithm::Ed25519, backend::ring())?;
    let pretender = BotSigner::new(KeySource::directory("https://bot.example")?, other.public_key())?;
    let request = signed(&pretender, &other, url.clone(), now)?;
    println!("a pretender: {}", visit(&site, &admitted, &request, now).await);
    let unsigned = Request::get(url).body(())?;
    println!("anybody: {}", visit(&site, &admitted, &unsigned, now).await);
    Ok(())
}

fn signed(
    bot: &BotSigner,
    key: &SoftwareKey,
    url: Uri,
    now: UnixTime,
) -> Result<Request<()>, Box<dyn Error>> {
    let mut request = Request::get(url).body(())?;
    let fields = bot.request(&HttpRequest::outgoing(&request)).prepare(now)?.sign(key)?;
    fields.append_to(request.headers_mut())?;
    Ok(request)
}

/// What the site says of a request.
async fn visit(site: &BotVerifier, admitted: &KnownBots, request: &Request<()>, now: UnixTime) -> String {
    let message = HttpRequest::received(request, "https");
    match site.verify(&Context::request(&message), now).await {
        Ok(BotOutcome::Attributed(bot)) => {
            let caller = Unaffiliated::by_web_bot_auth(&bot);
            let agent = bot.agent().map(ToString::to_string).unwrap_or_default();
            format!("{agent}, {}", if admitted.admit(&caller) { "admitted" } else { "not admitted" })
        }
        Ok(BotOutcome::KeyOnly(bot)) => format!("whoever has the key {}", bot.thumbprint()),
        Ok(BotOutcome::Unverified(reason)) => format!("unverified, {} ({})", reason.code(), reason.rule()),
        Err(refusal) => format!("refused, {} ({})", refusal.code(), refusal.rule()),
    }
}

/// The web: one document.
#[derive(Debug)]
struct Web(PublishedDirectory);

impl Fetch for Web {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let Self(published) = self;
        let answer = if request.url() == published.source().url() {
            let fields: Vec<_> = published.fields().collect();
            let content_type = fields.iter().find(|(name, _)| *name == "content-type");
            let content_type = content_type.map(|(_, value)| &**value);
            let fetched = Fetched::new(request.url().clone(), content_type, published.body().into());
            Ok(fields.iter().fold(fetched, |fetched, (name, line)| fetched.with_field(name, line.as_bytes())))
        } else {
            Err(FetchError::Status(404))
        };
        Box::pin(std::future::ready(answer))
    }
}
