//! Requests that say to be of bots: every place of keys has one spelling, what a signer writes is read, and nobody is known who signed nothing.

use std::sync::LazyLock;

use aims_httpsig::{Context, RawMessage};
use aims_keys::{Algorithm, Signer, SoftwareKey, backend};
use aims_proof::web_bot_auth::{
    AgentUrl, BotOutcome, BotSigner, BotVerifier, Discovery, KeySource, NoDiscovery, SignatureAgent,
};

use super::world::{NOW, at_once};

static KEY: LazyLock<SoftwareKey> =
    LazyLock::new(|| SoftwareKey::generate(Algorithm::Ed25519, backend::ring()).expect("a key"));

static SITE: LazyLock<BotVerifier> = LazyLock::new(|| {
    let site = BotVerifier::builder(["a.example"], NoDiscovery::default()).accepting_bare_signature_agent();
    site.own_key(Signer::public_key(&*KEY).clone()).expect("a key").build()
});

/// Up to three parts, with a zero byte between them: `Signature-Agent`, `Signature-Input`, `Signature`.
pub(super) fn run(input: &[u8]) {
    let mut parts = input.split(|byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (agent, signature_input, signature) = (part(), part(), part());
    let request = || RawMessage::request("GET", "/").with_scheme("https").with_authority("a.example");

    if let Ok(text) = str::from_utf8(agent) {
        for parsed in [SignatureAgent::parse(text), SignatureAgent::parse_bare(text, "s")] {
            match parsed {
                Ok(agents) => agents.iter().for_each(|(_, source)| check(source)),
                Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
            }
        }
        for source in [KeySource::directory(text), KeySource::jwks_uri(text)] {
            let Ok(source) = source else { continue };
            check(&source);
            // What can be written as a string is signed and read again.
            let signer = BotSigner::new(source.clone(), Signer::public_key(&*KEY)).expect("a signer");
            let message = request();
            let fields =
                signer.request(&message).prepare(NOW).expect("a request").sign(&*KEY).expect("a signature");
            let read = SignatureAgent::parse(fields.signature_agent()).expect("our own spelling");
            assert_eq!(read.get("sig1"), Some(&source));
            let message = fields
                .iter()
                .fold(message.clone(), |message, (name, value)| message.with_header(name, value));
            assert!(matches!(judge(&message), Some(BotOutcome::KeyOnly(_))), "what was signed verifies");
        }
    }
    let message = request()
        .with_header("signature-agent", agent)
        .with_header("signature-input", signature_input)
        .with_header("signature", signature);
    let outcome = judge(&message);
    assert!(matches!(outcome, None | Some(BotOutcome::Unverified(_))), "signed by nobody: {outcome:?}");
}

/// `None` for a signature that is wrong.
fn judge(message: &RawMessage) -> Option<BotOutcome> {
    let context = Context::request(message);
    match at_once(SITE.verify(&context, NOW)) {
        Ok(outcome) => Some(outcome),
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            None
        }
    }
}

fn check(source: &KeySource) {
    let (url, agent) = (source.url().as_str(), source.agent().as_str());
    assert!(url.starts_with("https://") && url.starts_with(agent), "{url} is not of {agent}");
    assert!(!agent.contains(['?', '#', '\\', ' ']));
    let again: AgentUrl = agent.parse().expect("a normal form");
    assert_eq!(&again, source.agent(), "a second normal form");
    assert_eq!(url.parse::<AgentUrl>().as_ref(), Ok(source.agent()));
    let is_well_known = source.url().path() == aims_proof::web_bot_auth::DIRECTORY_PATH;
    assert_eq!(is_well_known, source.discovery() == Discovery::Directory);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "sig1=\"https://bot.example\", b=\"https://b.example:8443/k/%2e%2E/%6b?v=1#x\";type=jwks_uri\0sig1=(\"@authority\" \"signature-agent\";key=\"sig1\");created=1790000000;expires=1790000060;keyid=\"oD0HwocPBSfpNy5W3bpJeyFGY_IQ_YpqxSjQ3Yd-CLB\";tag=\"web-bot-auth\"\0sig1=:AAAA:",
        "\"https://bot.example/\"\0s=(\"@target-uri\" \"signature-agent\");created=1790000000;expires=1790000060;keyid=\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\";tag=\"web-bot-auth\"\0s=:AAAA:",
        "https://bot.example",
        "hTTps://Bot.Example:443/a/./b/../%7e%2f?q",
        "https://bot.example/.well-known/http-message-signatures-directory",
        "a=\"https://c.example/c\";type=cimd, a=1, b;x=\"y\"",
    ])
}
