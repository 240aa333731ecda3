//! What is fetched, and what is remembered.

use aims_credential::FetchError;
use aims_keys::{SoftwareKey, UnixTime, backend};
use aims_proof::web_bot_auth::{BotKey, BotKeys, Directories, DiscoveryError, KeySource};
use aims_testkit::assert_refused;

use super::support::*;

fn find(
    directories: &Directories,
    source: &KeySource,
    key: &SoftwareKey,
    now: UnixTime,
) -> Result<BotKey, DiscoveryError> {
    ready(directories.key(source, &thumbprint(key), now))
}

fn found(directories: &Directories, key: &SoftwareKey, now: UnixTime) -> Result<BotKey, DiscoveryError> {
    find(directories, &bot_source(), key, now)
}

fn jwks(at: usize) -> (KeySource, String) {
    let url = format!("https://b{at}.example/k");
    (KeySource::jwks_uri(&url).unwrap(), url)
}

#[test]
fn hs_wba_08_a_directory_is_fetched_once_while_it_is_fresh() {
    let key = ed25519();
    for (field, fresh) in [
        (None, 3600),
        (Some("max-age=600"), 600),
        (Some("public, Max-Age=\"600\" , immutable"), 600),
        (Some("max-age=600, max-age=300"), 300),
        (Some("s-maxage=7"), 3600),
        (Some("max-age=0"), 60),
        (Some("max-age=-5"), 60),
        (Some("max-age"), 60),
        (Some("no-store, max-age=600"), 60),
        (Some("No-Cache"), 60),
        (Some("max-age=99999999999999999999"), 60),
        (Some("max-age=9999999999"), 24 * 3600),
    ] {
        let mut answer = directory_of(&[&key]);
        answer.fields.retain(|(name, _)| name != "cache-control");
        let answer = field.into_iter().fold(answer, |answer, value| answer.with("cache-control", value));
        let web = Web::serving(DIRECTORY, answer);
        let directories = web.directories();
        let known = found(&directories, &key, NOW).unwrap();
        assert_eq!((known.public_key(), known.as_of(), known.not_after()), (&public(&key), NOW, None));
        found(&directories, &key, NOW + secs(fresh - 1)).unwrap();
        assert_eq!(web.count(), 1, "{field:?}");
        assert_eq!(found(&directories, &key, NOW + secs(fresh)).unwrap().as_of(), NOW + secs(fresh));
        assert_eq!(web.count(), 2, "{field:?}");
    }
    let answer = directory_of(&[&key]).with("cache-control", "max-age=600").with("age", "500");
    let web = Web::serving(DIRECTORY, answer);
    let directories = web.directories();
    found(&directories, &key, NOW).unwrap();
    found(&directories, &key, NOW + secs(100)).unwrap();
    assert_eq!(web.count(), 2, "it was 500 s old when it came");
}

#[test]
fn hs_wba_08_a_fetch_that_fails_takes_nothing_away() {
    let key = ed25519();
    for failure in [
        Err(FetchError::Timeout),
        Err(FetchError::Status(404)),
        Err(FetchError::Status(503)),
        Err(FetchError::TooLarge),
        Err(FetchError::Tls),
        Ok(Answer::json("{\"keys\":[]}")),
        Ok(Answer { body: b"{\"keys\":7}".into(), ..directory_of(&[]) }),
    ] {
        let web = Web::serving(DIRECTORY, directory_of(&[&key]));
        let directories = web.directories();
        found(&directories, &key, NOW).unwrap();
        web.set(DIRECTORY, failure.clone());
        let mut now = NOW;
        for _ in 0..30 {
            now = now + secs(3600);
            assert_eq!(found(&directories, &key, now).unwrap().as_of(), NOW, "{failure:?}");
        }
        assert_eq!(web.count(), 31);
        // For as long as a site says.
        assert!(found(&directories, &key, NOW + secs(7 * 24 * 3600 + 3599)).is_ok());
        assert!(found(&directories, &key, NOW + secs(7 * 24 * 3600 + 3600)).is_err());
    }
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let short = Directories::builder(web.clone(), backend::ring()).max_stale(secs(0)).build();
    found(&short, &key, NOW).unwrap();
    web.set(DIRECTORY, Err(FetchError::Timeout));
    assert_refused!(found(&short, &key, NOW + secs(3600)), "timed_out", "FED-14");
}

#[test]
fn hs_wba_08_a_directory_without_the_key_takes_it_away() {
    let (key, next) = (ed25519(), ed25519());
    for answer in [directory_of(&[&next]), Answer { body: b"{\"keys\":[]}".into(), ..directory_of(&[&next]) }]
    {
        let web = Web::serving(DIRECTORY, directory_of(&[&key]));
        let directories = web.directories();
        found(&directories, &key, NOW).unwrap();
        web.set(DIRECTORY, Ok(answer));
        found(&directories, &key, NOW + secs(3599)).unwrap();
        assert_refused!(found(&directories, &key, NOW + secs(3600)), "key_not_provided", "HS-WBA-07");
        // Also while it cannot be fetched afterwards.
        web.set(DIRECTORY, Err(FetchError::Timeout));
        assert_refused!(found(&directories, &key, NOW + secs(3601)), "key_not_provided", "HS-WBA-07");
        assert_refused!(found(&directories, &key, NOW + secs(9999)), "timed_out", "FED-14");
    }
}

#[test]
fn hs_wba_08_a_new_key_is_found_within_a_minute_and_no_more_is_asked() {
    let (key, next) = (ed25519(), ed25519());
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let directories = web.directories();
    found(&directories, &key, NOW).unwrap();
    web.set(DIRECTORY, Ok(directory_of(&[&key, &next])));
    for after in [0, 1, 59] {
        assert_refused!(found(&directories, &next, NOW + secs(after)), "key_not_provided", "HS-WBA-07");
    }
    assert_eq!(web.count(), 1);
    found(&directories, &next, NOW + secs(60)).unwrap();
    assert_eq!(web.count(), 2);
    // Keys that nobody has are no reason to ask more often.
    for after in 60..180 {
        assert!(found(&directories, &ed25519(), NOW + secs(after)).is_err());
    }
    assert_eq!(web.count(), 3);
}

#[test]
fn hs_wba_08_what_fails_is_left_alone_for_longer_each_time() {
    let key = ed25519();
    let web = Web::default();
    let directories = web.directories();
    let mut asked = Vec::new();
    for after in 0..2000 {
        let before = web.count();
        assert_refused!(found(&directories, &key, NOW + secs(after)), "http_status", "FED-6");
        if web.count() > before {
            asked.push(after);
        }
    }
    assert_eq!(asked, [0, 10, 30, 70, 150, 310, 610, 910, 1210, 1510, 1810]);
    web.set(DIRECTORY, Ok(directory_of(&[&key])));
    found(&directories, &key, NOW + secs(2110)).unwrap();
    web.set(DIRECTORY, Err(FetchError::Timeout));
    // It starts anew.
    found(&directories, &key, NOW + secs(2110 + 3600)).unwrap();
    let before = web.count();
    found(&directories, &key, NOW + secs(2110 + 3609)).unwrap();
    assert_eq!(web.count(), before);
    found(&directories, &key, NOW + secs(2110 + 3610)).unwrap();
    assert_eq!(web.count(), before + 1);
}

#[test]
fn hs_wba_08_strangers_have_so_much_fetched_and_no_more() {
    let key = ed25519();
    let web = Web::default();
    let known = || KeySource::directory("https://bot.example").unwrap();
    web.set(DIRECTORY, Ok(directory_of(&[&key])));
    let directories = Directories::builder(web.clone(), backend::ring())
        .known(known())
        .max_fetches_per_minute(20)
        .max_directories(10)
        .build();
    assert_eq!((directories.len(), directories.is_empty()), (1, false));
    for at in 0..500 {
        let outcome = find(&directories, &jwks(at).0, &key, NOW + secs(at as u64 / 100));
        let (code, rule) = if at < 20 { ("http_status", "FED-6") } else { ("discovery_busy", "HS-WBA-08") };
        assert_refused!(outcome, code, rule, "{at}");
        assert!(directories.len() <= 10);
    }
    assert_eq!(web.count(), 20);
    // Whom the site knows is not among them.
    found(&directories, &key, NOW + secs(5)).unwrap();
    assert_refused!(find(&directories, &jwks(501).0, &key, NOW + secs(59)), "discovery_busy", "HS-WBA-08");
    assert_refused!(find(&directories, &jwks(501).0, &key, NOW + secs(60)), "http_status", "FED-6");
    // A clock that was set back starts a new minute, and one that steps does not.
    for at in 600..620 {
        let _ = find(&directories, &jwks(at).0, &key, NOW + secs(119));
    }
    assert_refused!(find(&directories, &jwks(502).0, &key, NOW + secs(60)), "discovery_busy", "HS-WBA-08");
    assert_refused!(find(&directories, &jwks(502).0, &key, NOW - secs(9999)), "http_status", "FED-6");
}

#[test]
fn hs_wba_08_what_is_held_of_a_stranger_counts_while_too_much_is_fetched() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let directories = Directories::builder(web.clone(), backend::ring()).max_fetches_per_minute(2).build();
    assert!(Directories::builder(web.clone(), backend::ring()).build().is_empty());
    found(&directories, &key, NOW).unwrap();
    let later = NOW + secs(3600);
    for at in 0..2 {
        assert!(find(&directories, &jwks(at).0, &key, later).is_err());
    }
    assert_eq!(found(&directories, &key, later).unwrap().as_of(), NOW);
    assert_refused!(found(&directories, &ed25519(), later), "discovery_busy", "HS-WBA-08");
    assert_eq!(web.count(), 3);
    assert_eq!(found(&directories, &key, later + secs(60)).unwrap().as_of(), later + secs(60));
}

#[test]
fn hs_wba_08_what_strangers_name_is_forgotten_before_what_has_keys() {
    let key = ed25519();
    let web = Web::default();
    let directories = Directories::builder(web.clone(), backend::ring()).max_directories(3).build();
    let body = String::from_utf8(directory_of(&[&key]).body).unwrap();
    for at in 0..2 {
        web.set(&jwks(at).1, Ok(Answer::json(&body)));
        find(&directories, &jwks(at).0, &key, NOW).unwrap();
    }
    for at in 2..40 {
        assert!(find(&directories, &jwks(at).0, &key, NOW).is_err());
    }
    let before = web.count();
    for at in 0..2 {
        find(&directories, &jwks(at).0, &key, NOW).unwrap();
    }
    assert_eq!((web.count(), directories.len()), (before, 3), "they are still there");
    // With keys in all places, the one that was not used for longest goes.
    for at in 40..42 {
        web.set(&jwks(at).1, Ok(Answer::json(&body)));
        find(&directories, &jwks(at).0, &key, NOW).unwrap();
    }
    let before = web.count();
    find(&directories, &jwks(1).0, &key, NOW).unwrap();
    assert_eq!(web.count(), before);
    find(&directories, &jwks(0).0, &key, NOW).unwrap();
    assert_eq!(web.count(), before + 1);
}

#[test]
fn hs_wba_08_a_site_may_ask_its_known_sources_alone() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let directories =
        Directories::builder(web.clone(), backend::ring()).known(bot_source()).only_known().build();
    found(&directories, &key, NOW).unwrap();
    assert_refused!(find(&directories, &jwks(0).0, &key, NOW), "agent_unknown", "HS-WBA-08");
    assert_eq!(web.asked(), [DIRECTORY]);
}

#[test]
fn hs_wba_07_another_query_is_another_document_and_the_same_bot() {
    let (key, other) = (ed25519(), ed25519());
    let body = |key| String::from_utf8(directory_of(&[key]).body).unwrap();
    let web = Web::default();
    web.set("https://host.example/k?of=a", Ok(Answer::json(&body(&key))));
    web.set("https://host.example/k?of=b", Ok(Answer::json(&body(&other))));
    let directories = web.directories();
    let [a, b] = ["https://HOST.example/k?of=a", "https://host.example/%6b?of=b#x"]
        .map(|url| KeySource::jwks_uri(url).unwrap());
    assert_eq!(a.agent(), b.agent());
    find(&directories, &a, &key, NOW).unwrap();
    // What one query brings takes nothing away from what the other brought.
    find(&directories, &b, &other, NOW).unwrap();
    find(&directories, &a, &key, NOW).unwrap();
    assert_refused!(find(&directories, &b, &key, NOW), "key_not_provided", "HS-WBA-07");
    assert_eq!(web.asked(), ["https://host.example/k?of=a", "https://host.example/k?of=b"]);
    // Two spellings are one place.
    let again = KeySource::jwks_uri("https://host.example:443/x/../k?of=a").unwrap();
    find(&directories, &again, &key, NOW).unwrap();
    assert_eq!(web.count(), 2);
}

/// What follows redirects although it was told not to.
#[derive(Debug)]
struct Follows(Web, &'static str);

impl aims_credential::Fetch for Follows {
    fn fetch<'a>(
        &'a self,
        request: aims_credential::FetchRequest<'a>,
    ) -> aims_keys::BoxFuture<'a, Result<aims_credential::Fetched, FetchError>> {
        Box::pin(async move {
            self.0.fetch(request).await?;
            Ok(directory_of(&[]).fetched(self.1))
        })
    }
}

#[test]
fn hs_wba_08_what_came_from_elsewhere_does_not_count() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let directories = Directories::builder(Follows(web, "https://evil.example/k"), backend::ring()).build();
    assert_refused!(found(&directories, &key, NOW), "too_many_redirects", "FED-7");
    // Of another type, it is refused before it is read; and longer ones, however they got here.
    let long = Answer { body: vec![b' '; 64 * 1024 + 1], ..directory_of(&[]) };
    let web = Web::serving(DIRECTORY, long);
    assert_refused!(found(&web.directories(), &key, NOW), "directory_too_large", "HS-WBA-08");
}

#[test]
fn a_clock_that_was_set_back_makes_nothing_fresh() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let directories = web.directories();
    found(&directories, &key, NOW).unwrap();
    // A step back is none.
    found(&directories, &key, NOW - secs(60)).unwrap();
    assert_eq!(web.count(), 1);
    found(&directories, &key, NOW - secs(1000)).unwrap();
    assert_eq!(web.count(), 2);
    assert!(format!("{directories:?}").contains("len: 1"));
}
