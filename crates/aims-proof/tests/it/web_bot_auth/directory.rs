//! Directory documents, as they are read and as they are published.

use aims_httpsig::sf::BareItem;
use aims_httpsig::{Component, Context, Digests, NewSignature, RawMessage};
use aims_keys::{Algorithm, PublicKey, SoftwareKey, backend};
use aims_proof::web_bot_auth::{
    DirectoryKey, Discovery, KeyDirectory, KeySource, PublishedDirectory, SIGNATURE_AGENT_FIELD,
};
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use super::support::*;

fn parse(
    keys: &Value,
    discovery: Discovery,
) -> Result<KeyDirectory, aims_proof::web_bot_auth::DirectoryError> {
    KeyDirectory::parse(&json!({ "keys": keys }).to_string(), discovery, backend::ring())
}

/// The key as its own directory writes it.
fn jwk(key: &SoftwareKey) -> Value {
    let document: Value = serde_json::from_slice(&directory_of(&[key]).body).unwrap();
    document["keys"][0].clone()
}

fn edited(key: &SoftwareKey, member: &str, value: &Value) -> Value {
    let mut jwk = jwk(key);
    jwk[member] = value.clone();
    jwk
}

#[test]
fn hs_wba_06_a_directory_is_a_set_of_keys_of_the_registry() {
    let keys = [Algorithm::Ed25519, Algorithm::Es256, Algorithm::Es384].map(new_key);
    let directory = parse(&json!(keys.iter().map(jwk).collect::<Vec<_>>()), Discovery::Directory).unwrap();
    assert_eq!((directory.keys().len(), directory.skipped().len()), (3, 0));
    for key in &keys {
        let found = directory.get(&thumbprint(key)).unwrap();
        assert_eq!((found.public_key(), found.thumbprint()), (&public(key), &thumbprint(key)));
    }
    assert!(directory.get(&thumbprint(&ed25519())).is_none());

    // What names an algorithm names it as JOSE does, or as the registry.
    let [ed, es, _] = &keys;
    for (key, alg, algorithm) in [
        (ed, "EdDSA", Algorithm::EdDsa),
        (ed, "Ed25519", Algorithm::Ed25519),
        (ed, "ed25519", Algorithm::Ed25519),
        (es, "ES256", Algorithm::Es256),
        (es, "ecdsa-p256-sha256", Algorithm::Es256),
    ] {
        let directory = parse(&json!([edited(key, "alg", &json!(alg))]), Discovery::Directory).unwrap();
        assert_eq!(directory.keys()[0].public_key().algorithm(), algorithm, "{alg}");
    }
    let rsa = PublicKey::load(rsa_numbers(), Algorithm::Ps512, backend::ring()).unwrap();
    let rsa = PublishedDirectory::new(bot_source(), vec![DirectoryKey::new(rsa)], backend::ring()).unwrap();
    let rsa = KeyDirectory::parse(rsa.body(), Discovery::Directory, backend::ring()).unwrap();
    assert_eq!(rsa.keys()[0].public_key().algorithm(), Algorithm::Ps512);
}

#[test]
fn hs_wba_06_a_key_that_cannot_be_used_is_left_out() {
    let (key, good) = (ed25519(), new_key(Algorithm::Es256));
    for (bad, code, rule) in [
        (json!("x"), "key_type", "JO-KEY-02"),
        (json!({}), "key_type", "JO-KEY-02"),
        (edited(&key, "crv", &json!("Ed448")), "key_curve", "JO-KEY-02"),
        (edited(&key, "kty", &json!("LWE")), "key_type", "JO-KEY-02"),
        (edited(&key, "x", &json!("AAAA")), "key_length", "JO-KEY-05"),
        (edited(&key, "use", &json!("enc")), "key_use", "JO-KEY-02"),
        (edited(&key, "key_ops", &json!(["sign"])), "key_operations", "JO-KEY-02"),
        (edited(&key, "alg", &json!("HS256")), "unknown_algorithm", "JO-ALG-01"),
        (edited(&key, "alg", &json!("hmac-sha256")), "unknown_algorithm", "JO-ALG-01"),
        (edited(&key, "alg", &json!("ES256")), "key_type", "JO-KEY-02"),
        (edited(&key, "alg", &json!(5)), "key_algorithm_missing", "JO-KEY-02"),
        (edited(&key, "nbf", &json!("1790000000")), "directory_key_times", "HS-WBA-06"),
        (edited(&key, "exp", &json!(-1)), "directory_key_times", "HS-WBA-06"),
        (edited(&key, "exp", &json!(1.5)), "directory_key_times", "HS-WBA-06"),
        (edited(&key, "exp", &json!(null)), "directory_key_times", "HS-WBA-06"),
    ] {
        let directory = parse(&json!([bad, jwk(&good)]), Discovery::Directory).unwrap();
        assert_eq!(directory.keys().len(), 1, "{bad}");
        let skipped = &directory.skipped()[0];
        assert_eq!((skipped.index, skipped.reason.code(), skipped.reason.rule()), (0, code, rule), "{bad}");
        assert!(!skipped.reason.to_string().is_empty());
    }
    let twice = parse(&json!([jwk(&key), jwk(&key)]), Discovery::Directory).unwrap();
    assert_eq!((twice.keys().len(), twice.skipped()[0].reason.code()), (1, "directory_key_repeated"));
}

#[test]
fn hs_wba_02_a_key_goes_by_its_thumbprint_in_a_directory_and_by_any_name_elsewhere() {
    let key = ed25519();
    let named = json!([edited(&key, "kid", &json!("2026-11"))]);
    let directory = parse(&named, Discovery::Directory).unwrap();
    assert!(directory.keys().is_empty());
    let reason = &directory.skipped()[0].reason;
    assert_eq!((reason.code(), reason.rule()), ("directory_key_id", "HS-WBA-02"));
    // The name of another key.
    let named_so = json!([edited(&key, "kid", &json!(thumbprint(&ed25519()).to_string()))]);
    assert!(parse(&named_so, Discovery::Directory).unwrap().keys().is_empty());
    let elsewhere = parse(&named, Discovery::JwksUri).unwrap();
    assert_eq!(elsewhere.get(&thumbprint(&key)).unwrap().public_key(), &public(&key));
    let mut unnamed = jwk(&key);
    unnamed.as_object_mut().unwrap().remove("kid");
    assert!(parse(&json!([unnamed]), Discovery::Directory).unwrap().get(&thumbprint(&key)).is_some());
}

#[test]
fn hs_wba_06_hs_wba_08_what_casts_doubt_on_a_document_refuses_it() {
    let key = ed25519();
    for (text, code, rule) in [
        (json!({ "keys": [jwk(&key), edited(&key, "d", &json!("AAAA"))] }), "private_key", "JO-KEY-03"),
        (json!({ "keys": [{ "kty": "RSA", "alg": "none", "d": "AAAA" }] }), "private_key", "JO-KEY-03"),
        (json!({ "keys": [jwk(&key), { "kty": "oct", "k": "AAAA" }] }), "symmetric_key", "JO-ALG-05"),
        (json!({ "keys": [{ "kty": "oct", "alg": "HS256", "k": "AAAA" }] }), "symmetric_key", "JO-ALG-05"),
        (json!({ "keys": {} }), "no_keys", "JO-KEY-02"),
        (json!({}), "no_keys", "JO-KEY-02"),
        (json!([jwk(&key)]), "json_not_an_object", "JO-JSON-01"),
    ] {
        let refused = KeyDirectory::parse(&text.to_string(), Discovery::Directory, backend::ring());
        assert_refused!(refused, code, rule, "{text}");
    }
    let twice = format!(r#"{{"keys":[],"keys":[{}]}}"#, jwk(&key));
    let refused = KeyDirectory::parse(&twice, Discovery::Directory, backend::ring());
    assert_refused!(refused, "json_duplicate_name", "JO-JSON-02");

    // As many keys as are allowed; whether they can be used makes no difference.
    let many = |count: usize| parse(&json!(vec![json!({}); count]), Discovery::JwksUri);
    assert_eq!(many(64).unwrap().skipped().len(), 64);
    assert_refused!(many(65), "directory_too_large", "HS-WBA-08");
    let long = format!(r#"{{"keys":[],"x":"{}"}}"#, "a".repeat(64 * 1024));
    let refused = KeyDirectory::parse(&long, Discovery::JwksUri, backend::ring());
    assert_refused!(refused, "directory_too_large", "HS-WBA-08");

    let of =
        |answer: &Answer| KeyDirectory::of(&bot_source(), &answer.fetched(DIRECTORY), NOW, backend::ring());
    assert_eq!(of(&directory_of(&[&key])).unwrap().keys().len(), 1);
    let answer = Answer { media_type: Some("application/json"), ..directory_of(&[&key]) };
    assert_refused!(of(&answer), "directory_media_type", "HS-WBA-06");
    let answer = Answer { media_type: None, ..directory_of(&[&key]) };
    assert_refused!(of(&answer), "directory_media_type", "HS-WBA-06");
    let answer = Answer { body: vec![0xff], ..directory_of(&[&key]) };
    assert_refused!(of(&answer), "directory_encoding", "HS-WBA-06");
    // A JWK Set may be served as anything.
    let source = KeySource::jwks_uri("https://bot.example/k").unwrap();
    let answer = Answer { media_type: Some("text/plain"), ..directory_of(&[&key]) };
    let read = KeyDirectory::of(&source, &answer.fetched("https://bot.example/k"), NOW, backend::ring());
    assert_eq!(read.unwrap().keys().len(), 1);
}

#[test]
fn hs_wba_06_a_key_counts_in_its_time() {
    let key = ed25519();
    let own = DirectoryKey::new(public(&key)).not_before(NOW).not_after(NOW + secs(60));
    assert_eq!(own.times(), (Some(NOW), Some(NOW + secs(60))));
    let published = PublishedDirectory::new(bot_source(), vec![own], backend::ring()).unwrap();
    let read = KeyDirectory::parse(published.body(), Discovery::Directory, backend::ring()).unwrap();
    let read = read.get(&thumbprint(&key)).unwrap();
    assert_eq!(read.times(), (Some(NOW), Some(NOW + secs(60))));
    for (now, counts) in
        [(NOW - secs(1), false), (NOW, true), (NOW + secs(59), true), (NOW + secs(60), false)]
    {
        assert_eq!(read.counts_at(now), counts);
    }
    let web = Web::serving(DIRECTORY, Answer::of(&published));
    let site = site(&web);
    let bot = attributed(verify(&site, &signed(&key)), DIRECTORY);
    assert_eq!(bot.not_after(), NOW + secs(60));
    unverified(verify_at(&site, &signed(&key), NOW + secs(60)), "key_not_provided", "HS-WBA-07");
}

#[test]
fn hs_wba_11_test_keys_are_left_out_of_directories() {
    let key = rfc_8037_key();
    let mut jwk = jwk(&ed25519());
    jwk["x"] = json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    jwk["kid"] = json!("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    for discovery in [Discovery::Directory, Discovery::JwksUri] {
        let directory = parse(&json!([jwk]), discovery).unwrap();
        assert!(directory.get(&thumbprint(&key)).is_none());
        let reason = &directory.skipped()[0].reason;
        assert_eq!((reason.code(), reason.rule()), ("test_key", "HS-WBA-11"));
    }
    let keys = vec![DirectoryKey::new(public(&key))];
    assert_refused!(PublishedDirectory::new(bot_source(), keys, backend::ring()), "test_key", "HS-WBA-11");
}

#[test]
fn hs_wba_06_hs_wba_09_what_is_published_is_read() {
    let (one, other) = (ed25519(), new_key(Algorithm::Es256));
    let keys = || vec![DirectoryKey::new(public(&one)), DirectoryKey::new(public(&other))];
    let published = PublishedDirectory::new(bot_source(), keys(), backend::ring()).unwrap();
    let published = published.max_age(secs(600)).lifetime(secs(3600)).sign(&one, NOW).unwrap();
    let published = ready(published.sign_async(&other, NOW)).unwrap();
    assert_eq!(published.source().url().as_str(), DIRECTORY);
    let fields: Vec<_> = published.fields().map(|(name, value)| format!("{name}: {value}")).collect();
    assert!(fields.contains(&format!("content-type: {MEDIA_TYPE}")), "{fields:?}");
    assert!(fields.contains(&"cache-control: max-age=600".to_owned()), "{fields:?}");
    let input = format!(
        "signature-input: key0=(\"@authority\";req \"content-digest\");created=1790000000;expires=1790003600;keyid=\"{}\";tag=\"http-message-signatures-directory\"",
        thumbprint(&one)
    );
    assert!(fields.contains(&input), "{fields:?}");

    let of = |now| {
        KeyDirectory::of(&bot_source(), &Answer::of(&published).fetched(DIRECTORY), now, backend::ring())
            .unwrap()
    };
    let read = of(NOW);
    assert_eq!((read.keys().len(), read.skipped().len(), read.possessions().len()), (2, 0, 2));
    for key in read.keys() {
        assert_eq!(key.shown_until(), Some(NOW + secs(3600)));
    }
    let shown = read.possessions()[0].as_ref().unwrap();
    assert_eq!((shown.thumbprint, shown.created, shown.expires), (thumbprint(&one), NOW, NOW + secs(3600)));
    // From elsewhere, and in two steps.
    let published = PublishedDirectory::new(bot_source(), keys(), backend::ring()).unwrap();
    let unsigned = published.prepare(&public(&one), NOW).unwrap();
    let signed = unsigned.sign(&one).unwrap();
    let published = published.with_signature(signed);
    let answer = Answer::of(&published).fetched(DIRECTORY);
    let read = KeyDirectory::of(&bot_source(), &answer, NOW, backend::ring()).unwrap();
    let shown: Vec<_> = read.keys().iter().map(DirectoryKey::shown_until).collect();
    let week = NOW + secs(7 * 24 * 3600);
    assert_eq!(shown, [Some(week), None], "the signature of one key says nothing of another");

    assert_refused!(published.clone().sign(&ed25519(), NOW), "other_key", "HS-WBA-02");
    let refused = |source: KeySource, keys| PublishedDirectory::new(source, keys, backend::ring());
    assert_refused!(refused(bot_source(), vec![]), "not_a_directory", "HS-WBA-06");
    let many = vec![DirectoryKey::new(public(&one)); 65];
    assert_refused!(refused(bot_source(), many), "not_a_directory", "HS-WBA-06");
    let jwks = KeySource::jwks_uri("https://bot.example/k").unwrap();
    assert_refused!(refused(jwks, keys()), "not_a_directory", "HS-WBA-06");
    let rsa = PublicKey::load(rsa_numbers(), Algorithm::Rs256, backend::ring()).unwrap();
    let refused = refused(bot_source(), vec![DirectoryKey::new(rsa)]);
    assert_refused!(refused, "algorithm_not_allowed", "HS-WBA-06");
}

/// An answer with a signature of this shape.
fn answer_signed(
    key: &SoftwareKey,
    host: &str,
    shape: impl FnOnce(NewSignature<'static>) -> NewSignature<'static>,
    covered: Vec<Component<'static>>,
) -> Answer {
    let mut answer = directory_of(&[key]);
    let digest = Digests::field(&answer.body, backend::ring());
    let response = RawMessage::response(200).with_header("content-digest", &digest).with_header("x", "1");
    let request = RawMessage::request("GET", "/").with_scheme("https").with_authority(host);
    let signature = shape(NewSignature::covering(covered));
    let signed = signature.prepare(&Context::response(&response).to(&request)).unwrap().sign(key).unwrap();
    answer.fields.push(("signature-input".to_owned(), signed.signature_input().to_owned()));
    answer.fields.push(("signature".to_owned(), signed.signature().to_owned()));
    answer
}

#[test]
fn hs_wba_09_a_signature_shows_possession_at_this_authority_now_and_of_this_document() {
    let key = ed25519();
    let covered =
        || vec![Component::authority().of_request().unwrap(), Component::field("content-digest").unwrap()];
    let id = thumbprint(&key).to_string();
    let usual = {
        let id = id.clone();
        move |signature: NewSignature<'static>| {
            signature.created(NOW).expires_after(secs(60)).key_id(id).tag("http-message-signatures-directory")
        }
    };
    let judge = |answer: &Answer, now| {
        let read = KeyDirectory::of(&bot_source(), &answer.fetched(DIRECTORY), now, backend::ring()).unwrap();
        // The directory counts, whatever signs it.
        assert_eq!(read.keys().len(), 1);
        let outcome = read.possessions().first().cloned();
        assert_eq!(read.keys()[0].shown_until().is_some(), matches!(outcome, Some(Ok(_))));
        outcome
    };
    let good = answer_signed(&key, "bot.example", usual.clone(), covered());
    judge(&good, NOW).unwrap().unwrap();
    let refused = |answer: &Answer, now, code: &str, rule: &str| {
        assert_refused!(judge(answer, now).unwrap(), code, rule);
    };
    // Served by somebody else.
    let copied = answer_signed(&key, "other.example", usual.clone(), covered());
    refused(&copied, NOW, "bad_signature", "HS-BASE-06");
    // Not yet, by however little, or not any more.
    refused(&good, NOW - secs(1), "not_yet_valid", "HS-PAR-03");
    refused(&good, NOW + secs(60), "expired", "HS-PAR-03");
    // Another document, or another digest of it.
    let mut other = good.clone();
    other.body.push(b'\n');
    refused(&other, NOW, "digest_mismatch", "HS-DIG-03");
    let other = good.clone().with("content-digest", &Digests::field(b"{}", backend::ring()));
    refused(&other, NOW, "bad_signature", "HS-BASE-06");
    let mut without = good.clone();
    without.fields.retain(|(name, _)| name != "content-digest");
    refused(&without, NOW, "field_absent", "HS-VAL-04");
    // Not over what it must be over.
    for (left, code) in [(0, "missing_coverage"), (1, "missing_coverage")] {
        let mut some = covered();
        some.remove(left);
        let answer = answer_signed(&key, "bot.example", usual.clone(), some);
        refused(&answer, NOW, code, "HS-VER-02");
    }
    // Without an end, a beginning or a name; or for something else.
    let tag = "http-message-signatures-directory";
    let answer = |shape: &dyn Fn(NewSignature<'static>) -> NewSignature<'static>| {
        answer_signed(&key, "bot.example", shape, covered())
    };
    let endless = answer(&|new| new.created(NOW).key_id(id.clone()).tag(tag));
    refused(&endless, NOW, "missing_parameter", "HS-PAR-04");
    let end = || BareItem::Integer(1_790_000_060);
    let timeless = answer(&|new| new.parameter("expires", end()).key_id(id.clone()).tag(tag));
    refused(&timeless, NOW, "missing_parameter", "HS-PAR-04");
    let nameless = answer(&|new| new.created(NOW).expires_after(secs(60)).tag(tag));
    refused(&nameless, NOW, "missing_parameter", "HS-PAR-04");
    let stranger = thumbprint(&ed25519()).to_string();
    let strange = answer(&|new| new.created(NOW).expires_after(secs(60)).key_id(stranger.clone()).tag(tag));
    refused(&strange, NOW, "directory_signature_key", "HS-WBA-09");
    let misnamed = answer(&|new| new.created(NOW).expires_after(secs(60)).key_id("x").tag(tag));
    refused(&misnamed, NOW, "directory_signature_key", "HS-WBA-09");
    let request =
        answer(&|new| new.created(NOW).expires_after(secs(60)).key_id(id.clone()).tag("web-bot-auth"));
    assert_eq!(judge(&request, NOW), None);
    // By another key under this name.
    let forged = {
        let signed = answer_signed(&ed25519(), "bot.example", usual.clone(), covered());
        Answer { body: good.body.clone(), ..signed }
    };
    let forged = forged.with("content-digest", &Digests::field(&good.body, backend::ring()));
    refused(&forged, NOW, "bad_signature", "HS-BASE-06");
    // Malformed, or half of it.
    let half = directory_of(&[&key]).with("signature", "a=:AA==:");
    assert_eq!(judge(&half, NOW), None);
    let odd = directory_of(&[&key]).with("signature", "a=?").with("signature-input", "a=()");
    refused(&odd, NOW, "malformed_signature_field", "HS-SF-01");
    // It lasts as long as it says, since others pass it on.
    let year = answer(&|new| {
        new.created(NOW - secs(99_999_999)).parameter("expires", end()).key_id(id.clone()).tag(tag)
    });
    judge(&year, NOW).unwrap().unwrap();
    assert_eq!(SIGNATURE_AGENT_FIELD, "signature-agent");
}

#[test]
fn hs_wba_09_hs_fld_07_a_directory_has_no_more_signatures_than_anybody_reads() {
    let keys: Vec<_> = (0..9).map(|_| ed25519()).collect();
    let listed = keys.iter().map(|key| DirectoryKey::new(public(key))).collect();
    let published = PublishedDirectory::new(bot_source(), listed, backend::ring()).unwrap();
    let signed = keys.iter().take(8).fold(published, |published, key| published.sign(key, NOW).unwrap());
    let answer = Answer::of(&signed).fetched(DIRECTORY);
    let read = KeyDirectory::of(&bot_source(), &answer, NOW, backend::ring()).unwrap();
    assert_eq!(read.possessions().iter().filter(|shown| shown.is_ok()).count(), 8);
    // One more, and nobody would read any.
    assert_refused!(signed.sign(&keys[8], NOW), "too_many_signatures", "HS-FLD-07");
}

#[test]
fn hs_wba_09_a_site_can_insist_on_possession() {
    let (key, copied) = (ed25519(), new_key(Algorithm::Es256));
    let keys = vec![DirectoryKey::new(public(&key)), DirectoryKey::new(public(&copied))];
    let published = PublishedDirectory::new(bot_source(), keys, backend::ring()).unwrap();
    let published = published.lifetime(secs(120)).sign(&key, NOW).unwrap();
    let web = Web::serving(DIRECTORY, Answer::of(&published));
    let strict = aims_proof::web_bot_auth::Directories::builder(web.clone(), backend::ring());
    let strict = strict.requiring_possession().build();
    let strict = aims_proof::web_bot_auth::BotVerifier::builder(["shop.example"], strict).build();
    attributed(verify(&strict, &signed(&key)), DIRECTORY);
    unverified(verify(&strict, &signed(&copied)), "key_not_shown", "HS-WBA-09");
    attributed(verify(&site(&web), &signed(&copied)), DIRECTORY);
    // And not for longer than it is shown.
    let later = NOW + secs(121);
    unverified(verify_at(&strict, &signed(&key), later), "key_not_shown", "HS-WBA-09");
}
