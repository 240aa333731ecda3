//! What a site demands.

use std::sync::Arc;

use aims_credential::ReplayError;
use aims_httpsig::sf::BareItem;
use aims_httpsig::{Component, Context, NewSignature, RawMessage};
use aims_keys::{Algorithm, AlgorithmSet, UnixTime, backend};
use aims_proof::ReplayMemory;
use aims_proof::web_bot_auth::{BotVerifier, KeySource, SignatureAgent};
use aims_testkit::assert_refused;

use super::support::*;
use crate::support::Broken;

/// A signature as other software makes it, to be changed.
fn usual(key: &aims_keys::SoftwareKey) -> NewSignature<'static> {
    covering(&[Component::authority()], key)
}

fn covering(components: &[Component<'static>], key: &aims_keys::SoftwareKey) -> NewSignature<'static> {
    let member = Component::field("signature-agent").unwrap().member("a").unwrap();
    NewSignature::covering(components.iter().cloned().chain([member]))
        .created(NOW)
        .expires_after(secs(60))
        .key_id(thumbprint(key).to_string())
        .tag("web-bot-auth")
}

fn agent_request() -> RawMessage {
    request().with_header("signature-agent", "a=\"https://bot.example\"")
}

#[test]
fn hs_wba_01_the_authority_is_covered_and_the_parameters_are_there() {
    let key = ed25519();
    let site = site(&Web::serving(DIRECTORY, directory_of(&[&key])));
    let judge = |signature| verify(&site, &signed_as(agent_request(), signature, &key));
    let bot = attributed(judge(usual(&key)), DIRECTORY);
    assert!(!bot.is_for_request(), "a signature for whatever is sent to this host");
    let bot = attributed(judge(covering(&[Component::target_uri(), Component::method()], &key)), DIRECTORY);
    assert!(bot.is_for_request());
    let parts = [Component::authority(), Component::path(), Component::query(), Component::method()];
    assert!(attributed(judge(covering(&parts, &key)), DIRECTORY).is_for_request());
    for some in [
        &[Component::target_uri()][..],
        &[Component::authority(), Component::method()],
        &[Component::authority(), Component::method(), Component::path()],
        &[Component::authority(), Component::method(), Component::query()],
        &[Component::authority(), Component::path(), Component::query()],
    ] {
        assert!(!attributed(judge(covering(some, &key)), DIRECTORY).is_for_request());
    }
    let parts = [Component::method(), Component::path(), Component::query(), Component::scheme()];
    assert_refused!(judge(covering(&parts, &key)), "authority_not_covered", "HS-WBA-01");

    let member = Component::field("signature-agent").unwrap().member("a").unwrap();
    let bare = || NewSignature::covering([Component::authority(), member.clone()]).tag("web-bot-auth");
    let id = thumbprint(&key).to_string();
    for (signature, missing) in [
        (bare().key_id(id.clone()).parameter("expires", BareItem::Integer(1_790_000_060)), "created"),
        (bare().key_id(id).created(NOW), "expires"),
        (bare().created(NOW).expires_after(secs(60)), "keyid"),
    ] {
        let refused = assert_refused!(judge(signature), "missing_parameter", "HS-PAR-04", "{missing}");
        assert!(refused.to_string().contains(missing), "{refused}");
    }
    // Another tag is a signature for somebody else, and so is none.
    let other = NewSignature::covering([Component::authority()]).created(NOW).expires_after(secs(60));
    unverified(judge(other.clone().tag("web-bot-auth2")), "unsigned", "HS-WBA-12");
    unverified(judge(other), "unsigned", "HS-WBA-12");
}

#[test]
fn hs_wba_01_a_signature_ends_within_a_day_or_sooner_where_a_site_says_so() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let long = |seconds: i64| {
        let member = Component::field("signature-agent").unwrap().member("a").unwrap();
        let end = i64::try_from(NOW.as_secs()).unwrap() + seconds;
        let signature = NewSignature::covering([Component::authority(), member])
            .created(NOW)
            .parameter("expires", BareItem::Integer(end))
            .key_id(thumbprint(&key).to_string())
            .tag("web-bot-auth");
        signed_as(agent_request(), signature, &key)
    };
    let day = 24 * 3600;
    let usual = site(&web);
    attributed(verify(&usual, &long(day)), DIRECTORY);
    attributed(verify_at(&usual, &long(day), NOW + secs(24 * 3600 - 1)), DIRECTORY);
    assert_refused!(verify(&usual, &long(day + 1)), "lifetime_too_long", "HS-WBA-01");
    assert_refused!(verify(&usual, &long(99_999_999_999)), "lifetime_too_long", "HS-WBA-01");
    let strict = BotVerifier::builder(["shop.example"], web.directories()).max_lifetime(secs(300)).build();
    attributed(verify(&strict, &long(300)), DIRECTORY);
    assert_refused!(verify(&strict, &long(301)), "lifetime_too_long", "HS-WBA-01");
    // Nobody can make it longer than a day.
    let lax = BotVerifier::builder(["shop.example"], web.directories()).max_lifetime(secs(u64::MAX)).build();
    assert_refused!(verify(&lax, &long(day + 1)), "lifetime_too_long", "HS-WBA-01");

    assert_refused!(verify(&usual, &long(-1)), "bad_times", "HS-PAR-02");
    let minute = long(60);
    for (now, code) in
        [(NOW - secs(31), "not_yet_valid"), (NOW + secs(90), "expired"), (UnixTime::MAX, "too_old")]
    {
        assert_refused!(verify_at(&usual, &minute, now), code, "HS-PAR-03");
    }
    attributed(verify_at(&usual, &minute, NOW + secs(89)), DIRECTORY);
    let exact = BotVerifier::builder(["shop.example"], web.directories()).leeway(secs(0)).build();
    assert_refused!(verify_at(&exact, &minute, NOW + secs(60)), "expired", "HS-PAR-03");
}

#[test]
fn hs_wba_02_the_key_is_named_by_its_thumbprint() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let site = site(&web);
    let id = thumbprint(&key).to_string();
    for name in [
        "",
        "a",
        "2026-11",
        id.split_at(1).1,
        &format!("{id}="),
        &format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{id}"),
    ] {
        let member = Component::field("signature-agent").unwrap().member("a").unwrap();
        let signature = NewSignature::covering([Component::authority(), member])
            .created(NOW)
            .expires_after(secs(60))
            .key_id(name.to_owned())
            .tag("web-bot-auth");
        let refused = verify(&site, &signed_as(agent_request(), signature, &key));
        assert_refused!(refused, "key_id_not_thumbprint", "HS-WBA-02", "{name}");
    }
    assert_eq!(web.count(), 0, "nothing is fetched for what is wrong anyway");
}

#[test]
fn a_signature_counts_at_the_authority_that_it_is_for() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    // Evil was visited by the bot, and sends on what it got.
    let at_evil =
        RawMessage::request("GET", "/prices?page=2").with_scheme("https").with_authority("evil.example");
    let fields = signer(&key).request(&at_evil).prepare(NOW).unwrap().sign(&key).unwrap();
    let sent_on = with(at_evil.clone(), fields.iter());
    assert_refused!(verify(&site(&web), &sent_on), "authority_mismatch", "HS-WBA-01");
    assert_eq!(web.count(), 0);
    let renamed = with(request(), fields.iter());
    assert_refused!(verify(&site(&web), &renamed), "bad_signature", "HS-BASE-06");
    // A site behind a proxy says what it is called.
    let behind = BotVerifier::builder(["EVIL.example:443", "b.example"], web.directories()).build();
    attributed(verify(&behind, &sent_on), DIRECTORY);
    let context = Context::request(&sent_on).with_authority("evil.example");
    attributed(ready(behind.verify(&context, NOW)), DIRECTORY);
}

#[test]
fn hs_wba_03_the_older_form_counts_where_a_site_asks_for_it() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let whole = Component::field("signature-agent").unwrap();
    let signature = || {
        NewSignature::covering([Component::authority(), whole.clone()])
            .created(NOW)
            .expires_after(secs(60))
            .key_id(thumbprint(&key).to_string())
            .tag("web-bot-auth")
    };
    let bare = request().with_header("signature-agent", "\"https://bot.example\"");
    let bare = signed_as(bare, signature(), &key);
    assert_refused!(verify(&site(&web), &bare), "signature_agent_bare", "HS-WBA-03");
    let lax =
        BotVerifier::builder(["shop.example"], web.directories()).accepting_bare_signature_agent().build();
    attributed(verify(&lax, &bare), DIRECTORY);
    // In a dictionary, a member is covered by its key, and nothing else says whose it is.
    let dictionary = request().with_header("signature-agent", "sig1=\"https://bot.example\"");
    let dictionary = signed_as(dictionary, signature(), &key);
    for site in [&lax, &site(&web)] {
        unverified(verify(site, &dictionary), "no_signature_agent", "HS-WBA-04");
    }
    // A bare string that is not covered is nobody's.
    let plain = NewSignature::covering([Component::authority()])
        .created(NOW)
        .expires_after(secs(60))
        .key_id(thumbprint(&key).to_string())
        .tag("web-bot-auth");
    let uncovered =
        signed_as(request(), plain, &key).with_header("signature-agent", "\"https://bot.example\"");
    unverified(verify(&lax, &uncovered), "no_signature_agent", "HS-WBA-04");
    // And the new form counts as ever.
    attributed(verify(&lax, &signed(&key)), DIRECTORY);
}

#[test]
fn hs_wba_03_what_leads_to_no_keys_is_ignored() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let judge = |field: &str| {
        let message = request().with_header("signature-agent", field);
        verify(&site(&web), &signed_as(message, usual(&key), &key))
    };
    unverified(judge("a=\"https://bot.example\";type=later"), "no_signature_agent", "HS-WBA-04");
    unverified(judge("a=\"http://bot.example\""), "no_signature_agent", "HS-WBA-04");
    unverified(judge("a=\"https://bot.example/x\""), "no_signature_agent", "HS-WBA-04");
    unverified(judge("a=\"https://bot.example/c\";type=cimd"), "discovery_unsupported", "HS-WBA-03");
    assert_eq!(web.count(), 0);
    assert_refused!(
        judge("a=\"https://bot.example\", a=\"https://bot.example\""),
        "signature_agent_duplicate",
        "HS-WBA-03"
    );
    attributed(judge("a=\"https://bot.example\", b=1"), DIRECTORY);
    assert!(SignatureAgent::parse("a=\"https://bot.example\", b=1").unwrap().get("a").is_some());
}

#[test]
fn hs_wba_05_a_relabelled_signature_is_attributed_as_before() {
    let key = ed25519();
    let message = request();
    let fields = signer(&key).request(&message).prepare(NOW).unwrap().sign(&key).unwrap();
    let relabelled = message
        .clone()
        .with_header("signature-agent", fields.signature_agent())
        .with_header("signature-input", fields.signature_input().replacen("sig1=", "proxy7=", 1))
        .with_header("signature", fields.signature().replacen("sig1=", "proxy7=", 1));
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    attributed(verify(&site(&web), &relabelled), DIRECTORY);
    // The key of the member is signed, and cannot follow.
    let renamed = message
        .clone()
        .with_header("signature-agent", fields.signature_agent().replacen("sig1=", "proxy7=", 1))
        .with_header("signature-input", fields.signature_input().replacen("sig1", "proxy7", 1))
        .with_header("signature", fields.signature().replacen("sig1=", "proxy7=", 1));
    assert_refused!(verify(&site(&web), &renamed), "member_absent", "HS-ID-11");
    let renamed = message
        .with_header("signature-agent", fields.signature_agent().replacen("sig1=", "proxy7=", 1))
        .with_header("signature-input", fields.signature_input().replace("sig1", "proxy7"))
        .with_header("signature", fields.signature().replacen("sig1=", "proxy7=", 1));
    assert_refused!(verify(&site(&web), &renamed), "bad_signature", "HS-BASE-06");
}

#[test]
fn hs_par_05_a_signature_counts_once_where_a_site_remembers() {
    let (key, other) = (ed25519(), ed25519());
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let memory = Arc::new(ReplayMemory::with_capacity(100));
    let once = BotVerifier::builder(["shop.example"], web.directories()).once(memory.clone()).build();
    let message = signed(&key);
    // What does not verify takes no room.
    let forged = {
        let fields = usual(&other).key_id("x");
        drop(fields);
        let wrong = covering(&[Component::authority()], &key).nonce("n-1");
        signed_as(agent_request(), wrong, &other)
    };
    assert_refused!(verify(&once, &forged), "bad_signature", "HS-BASE-06");
    assert!(memory.is_empty());
    attributed(verify(&once, &message), DIRECTORY);
    assert_refused!(verify(&once, &message), "replay", "HS-PAR-05");
    assert_refused!(verify_at(&once, &message, NOW + secs(300 + 29)), "replay", "HS-PAR-05");
    attributed(verify(&once, &signed(&key)), DIRECTORY);
    // The same under another URL that has the key, too: it is the same signature.
    let other_url = "https://b.example/k";
    web.set(other_url, Ok(Answer::json(&String::from_utf8(directory_of(&[&key]).body).unwrap())));
    let again = request().with_header(
        "signature-agent",
        format!("a=\"{other_url}\";type=jwks_uri, b=\"https://bot.example\""),
    );
    let covered = ["a", "b"].map(|name| Component::field("signature-agent").unwrap().member(name).unwrap());
    let signature = NewSignature::covering([Component::authority()].into_iter().chain(covered))
        .created(NOW)
        .expires_after(secs(60))
        .key_id(thumbprint(&key).to_string())
        .nonce("n-2")
        .tag("web-bot-auth");
    let again = signed_as(again, signature, &key);
    attributed(verify(&once, &again), other_url);
    web.set(other_url, Ok(Answer::json("{\"keys\":[]}")));
    assert_refused!(verify_at(&once, &again, NOW + secs(61)), "replay", "HS-PAR-05");

    let without = signed_as(agent_request(), usual(&key), &key);
    assert_refused!(verify(&once, &without), "missing_parameter", "HS-PAR-04");
    let lost =
        BotVerifier::builder(["shop.example"], web.directories()).once(Broken(ReplayError::Full)).build();
    assert_refused!(verify(&lost, &message), "replay_store_full", "HS-PAR-05");
}

#[test]
fn a_site_can_demand_more() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let strict = BotVerifier::builder(["shop.example"], web.directories())
        .covering(Component::method())
        .covering(Component::target_uri())
        .covering_if_present(Component::field("purpose").unwrap())
        .build();
    attributed(verify(&strict, &signed(&key)), DIRECTORY);
    let host_alone = signed_as(agent_request(), usual(&key), &key);
    assert_refused!(verify(&strict, &host_alone), "missing_coverage", "HS-VER-02");
    let added = signed(&key).with_header("purpose", "training");
    assert_refused!(verify(&strict, &added), "missing_coverage", "HS-VER-02");
    let few = AlgorithmSet::of(&[Algorithm::Es256]);
    let few = BotVerifier::builder(["shop.example"], web.directories()).algorithms(few).build();
    assert_refused!(verify(&few, &signed(&key)), "algorithm_not_allowed", "HS-ALG-01");
}

#[test]
fn hs_dig_04_content_counts_with_its_digest_alone() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let body = b"{\"ask\": 1}";
    let post = RawMessage::request("POST", "/ask").with_scheme("https").with_authority("shop.example");
    let fields = signer(&key).request(&post).content(body).prepare(NOW).unwrap().sign(&key).unwrap();
    let bot = attributed(verify(&site(&web), &with(post.clone(), fields.iter())), DIRECTORY);
    assert_eq!(bot.content(body, backend::ring()).unwrap(), body);
    assert_refused!(bot.content(b"{\"ask\": 2}", backend::ring()), "digest_mismatch", "HS-DIG-03");
    let mut check = bot.check_content(backend::ring()).unwrap();
    check.update(&body[..4]);
    check.update(&body[4..]);
    check.finish().unwrap();
    let fields =
        signer(&key).request(&post).without_content_digest().prepare(NOW).unwrap().sign(&key).unwrap();
    let bot = attributed(verify(&site(&web), &with(post.clone(), fields.iter())), DIRECTORY);
    assert_refused!(bot.content(body, backend::ring()), "digest_not_covered", "HS-DIG-04");
    assert_refused!(bot.check_content(backend::ring()), "digest_not_covered", "HS-DIG-04");
}

/// A server holds the request while it waits for keys, on whatever thread.
#[test]
fn verifying_moves_between_threads() {
    fn moves<T: Send>(value: T) -> T {
        value
    }
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let (site, message) = (site(&web), signed(&key));
    let context = Context::request(&message);
    attributed(ready(moves(site.verify(&context, NOW))), DIRECTORY);
    assert_eq!(ready(moves(site.verify_each(&context, NOW))).unwrap().len(), 1);
    let source: KeySource = bot_source();
    moves(source);
}
