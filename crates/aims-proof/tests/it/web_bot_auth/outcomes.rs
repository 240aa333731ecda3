//! The three outcomes.

use std::sync::Arc;

use aims_credential::FetchError;
use aims_httpsig::{Component, NewSignature, RawMessage};
use aims_jose::Thumbprint;
use aims_keys::{BoxFuture, UnixTime};
use aims_proof::web_bot_auth::{
    BotKey, BotKeys, BotOutcome, BotSigner, BotVerifier, DirectoryKey, DiscoveryError, KeySource,
    NoDiscovery, Unverified,
};
use aims_testkit::assert_refused;

use super::support::*;

#[test]
fn hs_wba_12_attributed_to_a_url_or_known_by_a_key_or_unverified() {
    let (key, own) = (ed25519(), ed25519());
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let site =
        BotVerifier::builder(["shop.example"], web.directories()).own_key(public(&own)).unwrap().build();
    let outcome = verify(&site, &signed(&key)).unwrap();
    assert_eq!(outcome.name(), "attributed");
    let bot = outcome.bot().unwrap();
    assert_eq!(bot.thumbprint(), &thumbprint(&key));
    assert_eq!((bot.algorithm(), bot.created()), (aims_keys::Algorithm::Ed25519, NOW));
    assert_eq!((bot.not_after(), bot.key_as_of()), (NOW + secs(300), Some(NOW)));
    assert_eq!(bot.nonce().map(str::len), Some(22), "16 bytes");
    let uri = "https://shop.example/prices?page=2";
    assert_eq!(bot.value(&Component::target_uri()), Some(uri));
    assert_eq!(bot.value(&Component::authority()), None, "not covered");
    let covered: Vec<_> = bot.covered().map(|(component, value)| (component.to_string(), value)).collect();
    let member = ("\"signature-agent\";key=\"sig1\"".to_owned(), "\"https://bot.example\"");
    assert_eq!(covered, [("\"@method\"".to_owned(), "GET"), ("\"@target-uri\"".to_owned(), uri), member]);

    // The site has the key; the directory does not.
    let outcome = verify(&site, &signed(&own)).unwrap();
    assert_eq!(outcome.name(), "key_only");
    let bot = outcome.bot().unwrap();
    assert_eq!((bot.agent(), bot.thumbprint(), bot.key_as_of()), (None, &thumbprint(&own), None));

    // Nobody has it.
    let outcome = verify(&site, &signed(&ed25519())).unwrap();
    assert_eq!((outcome.name(), outcome.bot().is_none()), ("unverified", true));
    unverified(Ok(outcome), "key_not_provided", "HS-WBA-07");
}

#[test]
fn hs_ver_03_what_is_printed_of_a_bot_shows_no_values() {
    let key = ed25519();
    let message = request().with_header("cookie", "session=s3cr3t");
    let bot = BotSigner::new(bot_source(), &public(&key)).unwrap();
    let cookie = Component::field("cookie").unwrap();
    let unsigned = bot.request(&message).and_covering(cookie.clone()).prepare(NOW).unwrap();
    let shown = format!("{unsigned:?}");
    let fields = unsigned.sign(&key).unwrap();
    let site = site(&Web::serving(DIRECTORY, directory_of(&[&key])));
    let outcome = verify(&site, &with(message.clone(), fields.iter())).unwrap();
    assert_eq!(outcome.bot().unwrap().value(&cookie), Some("session=s3cr3t"));
    let shown = format!("{shown} {outcome:?}");
    assert!(
        !shown.contains("s3cr3t") && shown.contains("bot.example") && shown.contains("cookie"),
        "{shown}"
    );
}

#[test]
fn hs_wba_12_a_request_without_a_signature_is_no_error() {
    let site = site(&Web::default());
    unverified(verify(&site, &request()), "unsigned", "HS-WBA-12");
    let named = request().with_header("signature-agent", "sig1=\"https://bot.example\"");
    unverified(verify(&site, &named), "unsigned", "HS-WBA-12");
    assert!(ready(site.verify_each(&aims_httpsig::Context::request(&named), NOW)).unwrap().is_empty());
    // Half a signature is a wrong one.
    for name in ["signature", "signature-input"] {
        let half = request().with_header(name, "sig1=:AAAA:");
        assert_refused!(verify(&site, &half), "missing_signature", "HS-FLD-02");
        let half = request().with_trailer(name, "sig1=:AAAA:");
        assert_refused!(verify(&site, &half), "missing_signature", "HS-FLD-02");
    }
    let malformed = request().with_header("signature", "sig1=?").with_header("signature-input", "sig1=()");
    assert_refused!(verify(&site, &malformed), "malformed_signature_field", "HS-SF-01");
}

#[test]
fn hs_wba_12_a_directory_that_fails_says_nothing_about_the_signer() {
    let key = ed25519();
    for (answer, code, rule) in [
        (Err(FetchError::Timeout), "timed_out", "FED-14"),
        (Err(FetchError::Status(500)), "http_status", "FED-6"),
        (Err(FetchError::Redirects), "too_many_redirects", "FED-7"),
        (Err(FetchError::Address([127, 0, 0, 1].into())), "address_not_allowed", "FED-14"),
        (Ok(Answer::json("{\"keys\":[]}")), "media_type", "FED-6"),
        (Ok(Answer { body: b"<html>".into(), ..directory_of(&[]) }), "json_not_an_object", "JO-JSON-01"),
    ] {
        let web = Web::default();
        web.set(DIRECTORY, answer);
        match verify(&site(&web), &signed(&key)) {
            Ok(BotOutcome::Unverified(Unverified::Discovery(error))) => {
                assert_eq!((error.code(), error.rule()), (code, rule));
            }
            other => panic!("{other:?}"),
        }
        // Whoever has the key can still know it again.
        let web = Web::default();
        let own = BotVerifier::builder(["shop.example"], web.directories()).own_key(public(&key)).unwrap();
        assert_eq!(verify(&own.build(), &signed(&key)).unwrap().name(), "key_only");
    }
}

#[test]
fn hs_wba_12_a_site_that_asks_nobody_knows_its_own_keys() {
    let (key, other) = (ed25519(), ed25519());
    let site =
        BotVerifier::builder(["shop.example"], NoDiscovery::default()).own_key(public(&key)).unwrap().build();
    assert_eq!(verify(&site, &signed(&key)).unwrap().name(), "key_only");
    unverified(verify(&site, &signed(&other)), "agent_unknown", "HS-WBA-08");
    // Without a place of keys at all.
    let plain = |key| {
        let signature = NewSignature::covering([Component::authority()])
            .created(NOW)
            .expires_after(secs(60))
            .key_id(thumbprint(key).to_string())
            .tag("web-bot-auth");
        signed_as(request(), signature, key)
    };
    assert_eq!(verify(&site, &plain(&key)).unwrap().name(), "key_only");
    unverified(verify(&site, &plain(&other)), "no_signature_agent", "HS-WBA-04");
    // By the wrong key, it is wrong, and not unknown.
    let signature = NewSignature::covering([Component::authority()])
        .created(NOW)
        .expires_after(secs(60))
        .key_id(thumbprint(&key).to_string())
        .tag("web-bot-auth");
    let forged: RawMessage = signed_as(request(), signature, &other);
    assert_refused!(verify(&site, &forged), "bad_signature", "HS-BASE-06");
}

/// Whoever knows the keys of a company, and is wrong.
#[derive(Debug)]
struct Wrong(aims_keys::PublicKey, Option<UnixTime>);

impl BotKeys for Wrong {
    fn key<'a>(
        &'a self,
        _: &'a KeySource,
        _: &'a Thumbprint,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<BotKey, DiscoveryError>> {
        let key = DirectoryKey::new(self.0.clone());
        let key = self.1.into_iter().fold(key, DirectoryKey::not_after);
        Box::pin(std::future::ready(Ok(BotKey::new(&key, now))))
    }
}

#[test]
fn hs_wba_07_a_key_that_was_not_asked_for_is_not_taken() {
    let (key, other) = (ed25519(), ed25519());
    let wrong = BotVerifier::builder(["shop.example"], Wrong(public(&other), None)).build();
    assert_refused!(verify(&wrong, &signed(&key)), "other_key", "HS-WBA-07");
    let right = BotVerifier::builder(["shop.example"], Arc::new(Wrong(public(&key), None))).build();
    attributed(verify(&right, &signed(&key)), DIRECTORY);
    let over = BotVerifier::builder(["shop.example"], Wrong(public(&key), Some(NOW))).build();
    unverified(verify(&over, &signed(&key)), "key_not_provided", "HS-WBA-07");
    let until = BotVerifier::builder(["shop.example"], Wrong(public(&key), Some(NOW + secs(9)))).build();
    let bot = attributed(verify(&until, &signed(&key)), DIRECTORY);
    assert_eq!(bot.not_after(), NOW + secs(9), "nothing lasts longer than the key");
}
