//! The directories of bots, over the guarded fetcher.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aims_httpsig::{Context, RawMessage};
use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
use aims_proof::web_bot_auth::{
    BotOutcome, BotSigner, BotVerifier, DIRECTORY_PATH, Directories, DirectoryKey, KeySource,
    PublishedDirectory, Unverified,
};
use aims_workload_api::fetch::GuardedFetch;

use super::support::{Reply, Server, WebAuthority, guarded, redirect, reply};

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

struct Bot {
    key: SoftwareKey,
    source: KeySource,
}

impl Bot {
    fn at(origin: &str) -> Self {
        let key = SoftwareKey::generate(Algorithm::Ed25519, backend::ring()).unwrap();
        Self { key, source: KeySource::directory(origin).unwrap() }
    }

    /// The answer of its origin.
    fn directory(&self) -> Reply {
        let keys = vec![DirectoryKey::new(self.key.public_key().clone())];
        let published = PublishedDirectory::new(self.source.clone(), keys, backend::ring()).unwrap();
        let published = published.sign(&self.key, NOW).unwrap();
        let fields: Vec<_> = published.fields().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        reply("200 OK", &fields.concat(), published.body())
    }

    /// What a site makes of its request, that fetches with `fetch`.
    async fn visits(&self, fetch: GuardedFetch) -> BotOutcome {
        let request = RawMessage::request("GET", "/").with_scheme("https").with_authority("shop.example");
        let bot = BotSigner::new(self.source.clone(), self.key.public_key()).unwrap();
        let fields = bot.request(&request).prepare(NOW).unwrap().sign(&self.key).unwrap();
        let request =
            fields.iter().fold(request.clone(), |request, (name, value)| request.with_header(name, value));
        let directories = Directories::builder(fetch, backend::ring())
            .timeout(Duration::from_secs(2))
            .requiring_possession()
            .build();
        let site = Arc::new(BotVerifier::builder(["shop.example"], directories).build());
        // On another thread, as in a server.
        let verified = tokio::spawn(async move { site.verify(&Context::request(&request), NOW).await });
        verified.await.unwrap().unwrap()
    }
}

/// A server that answers at the place of the directory.
async fn serving(answer: Arc<OnceLock<Reply>>) -> (WebAuthority, Server) {
    let authority = WebAuthority::new();
    let server = Server::start(authority.server(&["a.test", "private.test", "127.0.0.1"]), move |path| {
        if path == DIRECTORY_PATH { answer.get().unwrap().clone() } else { reply("404 Not Found", "", "") }
    });
    (authority, server.await)
}

#[tokio::test]
async fn hs_wba_06_hs_wba_09_a_bot_is_known_by_its_directory() {
    let answer = Arc::<OnceLock<Reply>>::default();
    let (authority, server) = serving(Arc::clone(&answer)).await;
    let bot = Bot::at(server.url("a.test", "").as_str());
    answer.set(bot.directory()).ok().unwrap();
    match bot.visits(guarded(authority.trust(), &[&server]).build().unwrap()).await {
        BotOutcome::Attributed(verified) => assert_eq!(verified.agent(), Some(bot.source.agent())),
        other => panic!("{other:?}"),
    }
    let head = server.heads()[0].to_ascii_lowercase();
    assert!(head.contains("accept: application/http-message-signatures-directory+json\r\n"), "{head}");
}

#[tokio::test]
async fn hs_wba_08_nothing_inside_and_nothing_elsewhere_is_a_directory() {
    for (host, answer, code) in [
        ("private.test", None, "address_not_allowed"),
        ("127.0.0.1", None, "address_not_allowed"),
        ("a.test", Some(redirect("https://a.test/keys")), "too_many_redirects"),
        ("a.test", Some(reply("204 No Content", "", "")), "http_status"),
        (
            "a.test",
            Some(reply("200 OK", "content-type: application/json\r\n", "{\"keys\":[]}")),
            "media_type",
        ),
        ("a.test", Some(Reply::Never), "timed_out"),
    ] {
        let said = Arc::<OnceLock<Reply>>::default();
        let (authority, server) = serving(Arc::clone(&said)).await;
        let bot = Bot::at(server.url(host, "").as_str());
        said.set(answer.unwrap_or_else(|| bot.directory())).ok().unwrap();
        match bot.visits(guarded(authority.trust(), &[&server]).build().unwrap()).await {
            BotOutcome::Unverified(Unverified::Discovery(error)) => assert_eq!(error.code(), code, "{host}"),
            other => panic!("{host}: {other:?}"),
        }
    }
}
