//! What comes out is no identity.

use aims_credential::{Lapsed, Mark, MarkKey, MarkTable};
use aims_proof::Layer;
use aims_proof::web_bot_auth::{BotVerifier, KnownBots, NoDiscovery, Unaffiliated};
use aims_testkit::assert_refused;

use super::support::*;

fn bot(key: &aims_keys::SoftwareKey) -> Unaffiliated {
    let web = Web::serving(DIRECTORY, directory_of(&[key]));
    let verified = attributed(verify(&site(&web), &signed(key)), DIRECTORY);
    Unaffiliated::by_web_bot_auth(&verified)
}

fn by_key(key: &aims_keys::SoftwareKey) -> Unaffiliated {
    let site =
        BotVerifier::builder(["shop.example"], NoDiscovery::default()).own_key(public(key)).unwrap().build();
    Unaffiliated::by_web_bot_auth(verify(&site, &signed(key)).unwrap().bot().unwrap())
}

#[test]
fn aims_2_a_bot_is_admitted_by_those_who_name_it() {
    let key = ed25519();
    let (bot, by_key) = (bot(&key), by_key(&key));
    assert_eq!((bot.agent().unwrap().as_str(), by_key.agent()), (DIRECTORY, None));
    assert_eq!((bot.method(), bot.layer()), ("web_bot_auth", Layer::Application));
    assert!(!KnownBots::new().admit(&bot) && !KnownBots::default().admit(&by_key));
    let url = KnownBots::new().directory(BOT).unwrap();
    assert!(url.admit(&bot));
    assert!(!url.admit(&by_key), "the URL did not say so");
    let spelled = KnownBots::new()
        .url("https://BOT.example/.well-known/http-message-signatures-directory".parse().unwrap());
    assert!(spelled.admit(&bot));
    let other = KnownBots::new()
        .directory("https://bot.example:8443")
        .unwrap()
        .url("https://bot.example/".parse().unwrap());
    assert!(!other.admit(&bot));
    let keys = KnownBots::new().key(thumbprint(&key));
    assert!(keys.admit(&bot) && keys.admit(&by_key));
    assert!(!KnownBots::new().key(thumbprint(&ed25519())).admit(&bot));
    assert_refused!(KnownBots::new().directory("https://bot.example/x"), "not_an_origin", "HS-WBA-06");
}

#[test]
fn aims_8_aims_55_it_ends_with_its_signature_or_a_mark() {
    let key = ed25519();
    let bot = bot(&key);
    let marks = MarkTable::with_capacity(10);
    assert_eq!(bot.not_after(), NOW + secs(300));
    bot.still_valid(NOW, &marks).unwrap();
    bot.still_valid(NOW + secs(329), &marks).unwrap();
    assert_refused!(bot.still_valid(NOW + secs(330), &marks), "expired", "AIMS-8");

    let id = thumbprint(&key);
    assert_eq!(bot.mark_keys().collect::<Vec<_>>(), [MarkKey::Key(&id), MarkKey::Url(DIRECTORY)]);
    assert_eq!(by_key(&key).mark_keys().collect::<Vec<_>>(), [MarkKey::Key(&id)]);
    for mark_key in [MarkKey::Key(&id), MarkKey::Url(DIRECTORY)] {
        marks.set(&mark_key, Mark::suspended()).unwrap();
        assert_eq!(bot.still_valid(NOW, &marks), Err(Lapsed::Suspended));
        marks.set(&mark_key, Mark::not_before(NOW - secs(31))).unwrap();
        bot.still_valid(NOW, &marks).unwrap();
        marks.set(&mark_key, Mark::not_before(NOW - secs(30))).unwrap();
        assert_refused!(bot.still_valid(NOW, &marks), "superseded", "AIMS-55");
        marks.clear(&mark_key);
    }
    marks.lost();
    assert_refused!(bot.still_valid(NOW, &marks), "marks_unavailable", "AIMS-55");
}

/// Each file has one way to evidence without a check, and must not compile.
#[test]
fn aims_2_aims_6_evidence_is_not_built_by_hand() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/web_bot_auth/*.rs");
}
