//! What somebody tries who has a key, a directory, or a request of somebody else.

use aims_httpsig::{Component, Context, NewSignature, RawMessage};
use aims_keys::SoftwareKey;
use aims_proof::web_bot_auth::{BotOutcome, BotSigner, BotVerifier, KeySource};
use aims_testkit::assert_refused;

use super::support::*;

const EVIL: &str = "https://evil.example/.well-known/http-message-signatures-directory";

/// A signature by `key` that covers these members of this field.
fn naming(key: &SoftwareKey, field: &str, members: &[&str]) -> RawMessage {
    let message = request().with_header("signature-agent", field);
    let members =
        members.iter().map(|name| Component::field("signature-agent").unwrap().member(*name).unwrap());
    let signature = NewSignature::covering([Component::authority()].into_iter().chain(members))
        .created(NOW)
        .expires_after(secs(60))
        .key_id(thumbprint(key).to_string())
        .tag("web-bot-auth");
    signed_as(message, signature, key)
}

#[test]
fn hs_atk_15_hs_wba_07_a_key_of_one_url_says_nothing_about_another() {
    let (victim, evil) = (ed25519(), ed25519());
    let web = Web::serving(DIRECTORY, directory_of(&[&victim]));
    web.set(EVIL, Ok(directory_of(&[&evil])));
    let site = site(&web);
    // The site knows both, each by its own URL.
    attributed(verify(&site, &signed(&victim)), DIRECTORY);
    let own = BotSigner::new(KeySource::directory("https://evil.example").unwrap(), &public(&evil)).unwrap();
    let message = request();
    let fields = own.request(&message).prepare(NOW).unwrap().sign(&evil).unwrap();
    attributed(verify(&site, &with(message.clone(), fields.iter())), EVIL);
    // By the key that is remembered under its own URL, evil says to be the victim.
    unverified(
        verify(&site, &naming(&evil, "a=\"https://bot.example\"", &["a"])),
        "key_not_provided",
        "HS-WBA-07",
    );
    // And where the victim's directory cannot be fetched, it is not attributed either.
    web.set(DIRECTORY, Err(aims_credential::FetchError::Timeout));
    let later = NOW + secs(59);
    unverified(
        verify_at(&site, &naming(&evil, "a=\"https://bot.example\"", &["a"]), later),
        "key_not_provided",
        "HS-WBA-07",
    );
    // A key that evil copied from the victim's directory signs nothing for evil.
    web.set(EVIL, Ok(directory_of(&[&victim])));
    let copied = naming(&evil, "a=\"https://evil.example\"", &["a"]);
    attributed(verify(&site, &copied), EVIL);
    let stolen = {
        let signature = NewSignature::covering([
            Component::authority(),
            Component::field("signature-agent").unwrap().member("a").unwrap(),
        ])
        .created(NOW)
        .expires_after(secs(60))
        .key_id(thumbprint(&victim).to_string())
        .tag("web-bot-auth");
        signed_as(request().with_header("signature-agent", "a=\"https://bot.example\""), signature, &evil)
    };
    assert_refused!(verify(&site, &stolen), "bad_signature", "HS-BASE-06");
}

#[test]
fn hs_wba_04_a_signature_is_attributed_to_a_member_that_it_covers_and_to_no_other() {
    let (victim, evil) = (ed25519(), ed25519());
    // Evil even lists the victim's key, and the victim lists none of evil's.
    let web = Web::serving(DIRECTORY, directory_of(&[&victim]));
    web.set(EVIL, Ok(directory_of(&[&evil, &victim])));
    let site = site(&web);
    // A member that is added on the way belongs to no signature.
    let added = signed(&victim).with_header("signature-agent", "evil=\"https://evil.example\"");
    attributed(verify(&site, &added), DIRECTORY);
    // Nothing covered: whatever stands there counts for nothing.
    let bare = naming(&evil, "sig1=\"https://evil.example\"", &[]);
    unverified(verify(&site, &bare), "no_signature_agent", "HS-WBA-04");
    // The member of the label is not covered, another one is.
    let beside = naming(&evil, "sig1=\"https://bot.example\", b=\"https://evil.example\"", &["b"]);
    attributed(verify(&site, &beside), EVIL);
    // Evil covers the member of the victim, too: it is not the victim's key.
    let both = naming(&evil, "a=\"https://bot.example\", b=\"https://evil.example\"", &["a", "b"]);
    attributed(verify(&site, &both), EVIL);
    // In trailers, or joined with another parameter, it is another component.
    for component in [
        Component::field("signature-agent").unwrap().member("a").unwrap().in_trailers().unwrap(),
        Component::field("signature-agent").unwrap().structured().unwrap(),
    ] {
        let field = "a=\"https://bot.example\"";
        let message = request().with_header("signature-agent", field).with_trailer("signature-agent", field);
        let signature = NewSignature::covering([Component::authority(), component])
            .created(NOW)
            .expires_after(secs(60))
            .key_id(thumbprint(&victim).to_string())
            .tag("web-bot-auth");
        unverified(verify(&site, &signed_as(message, signature, &victim)), "no_signature_agent", "HS-WBA-04");
    }
}

#[test]
fn hs_ver_01_what_is_wrong_anyway_has_nothing_fetched() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let site = site(&web);
    let expired = signed(&key);
    assert_refused!(verify_at(&site, &expired, NOW + secs(999)), "expired", "HS-PAR-03");
    let absent = naming(&key, "a=\"https://bot.example\"", &["a"]);
    let context = Context::request(&absent);
    assert!(context.value(&Component::authority()).is_ok());
    let moved = RawMessage::request("GET", "/")
        .with_scheme("https")
        .with_authority("shop.example")
        .with_header("signature", "s=:AA==:")
        .with_header(
            "signature-input",
            format!(
                "s=(\"@authority\" \"x\" \"signature-agent\";key=\"a\");created=1790000000;expires=1790000060;keyid=\"{}\";tag=\"web-bot-auth\"",
                thumbprint(&key)
            ),
        )
        .with_header("signature-agent", "a=\"https://bot.example\"");
    assert_refused!(verify(&site, &moved), "field_absent", "HS-VAL-04");
    assert_eq!(web.count(), 0);
}

#[test]
fn hs_fld_05_one_wrong_signature_does_not_make_another_fail() {
    let (key, evil) = (ed25519(), ed25519());
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let site = site(&web);
    let id = thumbprint(&key);
    let forged = format!(
        "evil=(\"@authority\");created=1790000000;expires=1790000060;keyid=\"{id}\";tag=\"web-bot-auth\""
    );
    let message =
        signed(&key).with_header("signature-input", &forged).with_header("signature", "evil=:AAAA:");
    assert_refused!(verify(&site, &message), "ambiguous_signature", "HS-FLD-04");
    let each = ready(site.verify_each(&Context::request(&message), NOW)).unwrap();
    let [first, second] = <[_; 2]>::try_from(each).unwrap();
    attributed(first, DIRECTORY);
    unverified(second, "no_signature_agent", "HS-WBA-04");
    // A signature of another application is none of a bot.
    let other = NewSignature::covering([Component::method()]).label("x").created(NOW).tag("orders");
    let message = signed_as(signed(&key), other, &evil);
    attributed(verify(&site, &message), DIRECTORY);
}

#[test]
fn any_change_of_what_is_covered_is_refused() {
    let key = ed25519();
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let site = site(&web);
    let message = request();
    let fields = signer(&key).request(&message).prepare(NOW).unwrap().sign(&key).unwrap();
    for (method, target) in [("POST", "/prices?page=2"), ("GET", "/prices?page=3"), ("GET", "/admin")] {
        let other = RawMessage::request(method, target).with_scheme("https").with_authority("shop.example");
        let refused = verify(&site, &with(other, fields.iter()));
        assert_refused!(refused, "bad_signature", "HS-BASE-06", "{method} {target}");
    }
    for (from, to) in [
        ("created=1790000000", "created=1790000001"),
        ("expires=1790000300", "expires=1790000301"),
        ("nonce=\"", "nonce=\"x"),
        ("\"@method\" ", ""),
    ] {
        let input = fields.signature_input().replacen(from, to, 1);
        assert_ne!(input, fields.signature_input());
        let changed = message
            .clone()
            .with_header("signature-agent", fields.signature_agent())
            .with_header("signature-input", input)
            .with_header("signature", fields.signature());
        assert_refused!(verify(&site, &changed), "bad_signature", "HS-BASE-06", "{from}");
    }
    let elsewhere = message
        .clone()
        .with_header("signature-agent", "sig1=\"https://evil.example\"")
        .with_header("signature-input", fields.signature_input())
        .with_header("signature", fields.signature());
    // Evil can publish the key of somebody, and nothing that it signed for another URL.
    web.set(EVIL, Ok(directory_of(&[&key])));
    assert_refused!(verify(&site, &elsewhere), "bad_signature", "HS-BASE-06");
}

#[test]
fn hs_atk_16_many_members_have_few_places_looked_up() {
    let key = ed25519();
    let web = Web::default();
    let names: Vec<String> = (0..16).map(|at| format!("m{at}")).collect();
    let field: Vec<_> = names.iter().map(|name| format!("{name}=\"https://{name}.example\"")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let message = naming(&key, &field.join(", "), &names);
    unverified(verify(&site(&web), &message), "http_status", "FED-6");
    assert_eq!(web.count(), 3);
}

#[test]
fn hs_wba_11_a_key_that_everybody_has_is_nobodys() {
    let key = rfc_8037_key();
    assert_refused!(BotSigner::new(bot_source(), &public(&key)), "test_key", "HS-WBA-11");
    let own = BotVerifier::builder(["shop.example"], Web::default().directories()).own_key(public(&key));
    assert_refused!(own, "test_key", "HS-WBA-11");
    let web = Web::default();
    let signature = NewSignature::covering([Component::authority()])
        .created(NOW)
        .expires_after(secs(60))
        .key_id(thumbprint(&key).to_string())
        .tag("web-bot-auth");
    let outcome = verify(&site(&web), &signed_as(request(), signature, &key));
    assert!(!matches!(outcome, Ok(BotOutcome::KeyOnly(_))));
    assert_refused!(outcome, "test_key", "HS-WBA-11");
    assert_eq!(web.count(), 0);
}
