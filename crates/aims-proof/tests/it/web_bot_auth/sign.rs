//! What a bot sends.

use aims_httpsig::{Component, Context, Digests, RawMessage};
use aims_keys::{
    Algorithm, AsyncSigner, Protection, PublicKey, SignError, SignInput, Signature, Signer, SoftwareKey,
    backend,
};
use aims_proof::web_bot_auth::{BotSigner, KeySource, NewBotSignature};
use aims_testkit::assert_refused;

use super::support::*;

#[test]
fn hs_wba_01_hs_wba_02_hs_wba_03_hs_wba_04_what_a_bot_sends() {
    let key = ed25519();
    let bot = signer(&key);
    let message = request();
    let fields = bot.request(&message).nonce("n-1").prepare(NOW).unwrap().sign(&key).unwrap();
    assert_eq!(fields.signature_agent(), "sig1=\"https://bot.example\"");
    assert_eq!(
        fields.signature_input(),
        format!(
            "sig1=(\"@method\" \"@target-uri\" \"signature-agent\";key=\"sig1\");created=1790000000;expires=1790000300;\
             keyid=\"{}\";nonce=\"n-1\";tag=\"web-bot-auth\"",
            thumbprint(&key)
        )
    );
    assert!(fields.signature().starts_with("sig1=:"));
    let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["signature-agent", "signature-input", "signature"]);
    assert_eq!((bot.thumbprint(), bot.source()), (&thumbprint(&key), &bot_source()));

    let other =
        BotSigner::new(KeySource::jwks_uri("https://bot.example/k?v=1").unwrap(), &public(&key)).unwrap();
    let fields = other.label("b*").request(&message).prepare(NOW).unwrap().sign(&key).unwrap();
    assert_eq!(fields.signature_agent(), "b*=\"https://bot.example/k?v=1\";type=jwks_uri");
    assert!(fields.signature_input().contains("\"signature-agent\";key=\"b*\""));
    // A nonce of its own each time.
    let nonce = |fields: &str| fields.split("nonce=").nth(1).unwrap().to_owned();
    let again = signer(&key).request(&message).prepare(NOW).unwrap().sign(&key).unwrap();
    assert_ne!(nonce(fields.signature_input()), nonce(again.signature_input()));
}

#[test]
fn hs_wba_01_a_signature_ends_within_a_day() {
    let key = ed25519();
    let message = request();
    for (lifetime, expires) in [(60, 60), (0, 1), (24 * 3600, 24 * 3600), (365 * 24 * 3600, 24 * 3600)] {
        let bot = signer(&key).lifetime(secs(lifetime));
        let fields = bot.request(&message).prepare(NOW).unwrap().sign(&key).unwrap();
        let expires = format!("expires={};", NOW.as_secs() + expires);
        assert!(fields.signature_input().contains(&expires), "{}", fields.signature_input());
    }
}

#[test]
fn hs_wba_10_the_request_is_covered_and_not_only_its_host() {
    let key = ed25519();
    let covered = |bot: &BotSigner, message: &RawMessage, content: Option<&[u8]>| {
        let new = bot.request(message);
        let new = content.into_iter().fold(new, NewBotSignature::content);
        let fields = new.prepare(NOW).unwrap().sign(&key).unwrap();
        let input = fields.signature_input().to_owned();
        let digest =
            fields.iter().find(|(name, _)| *name == "content-digest").map(|(_, value)| value.to_owned());
        (input.split(')').next().unwrap().to_owned(), digest)
    };
    let (get, bot) = (request(), signer(&key));
    let usual = r#"sig1=("@method" "@target-uri" "signature-agent";key="sig1""#;
    assert_eq!(covered(&bot, &get, None), (usual.to_owned(), None));
    let parts = r#"sig1=("@method" "@authority" "@path" "@query" "signature-agent";key="sig1""#;
    assert_eq!(covered(&bot.clone().by_parts(), &get, None).0, parts);

    let body = b"{\"ask\": 1}";
    let post = RawMessage::request("POST", "/ask").with_scheme("https").with_authority("shop.example");
    let digest = Digests::field(body, backend::ring());
    let with_content = format!("{usual} \"content-digest\"");
    assert_eq!(covered(&bot, &post, Some(body)), (with_content.clone(), Some(digest.clone())));
    // A digest that is there already is covered, and not added.
    let streamed = post.clone().with_header("content-digest", &digest);
    assert_eq!(covered(&bot, &streamed, None), (with_content.clone(), None));
    assert_eq!(covered(&bot, &streamed, Some(body)), (with_content, None));
    let refused = bot.request(&streamed).content(b"other").prepare(NOW);
    assert_refused!(refused, "digest_mismatch", "HS-DIG-03");
    let odd = post.clone().with_header("content-digest", "md5=:AAAA:");
    assert_refused!(bot.request(&odd).content(body).prepare(NOW), "digest_unsupported", "HS-DIG-02");
    assert_refused!(bot.request(&odd).prepare(NOW), "digest_unsupported", "HS-DIG-02");

    // What was forgotten is not left open.
    for message in [
        post.clone(),
        get.clone().with_header("content-length", "7"),
        get.clone().with_header("transfer-encoding", "chunked"),
    ] {
        assert_refused!(bot.request(&message).prepare(NOW), "content_unsaid", "HS-WBA-10");
        let fields = bot.request(&message).without_content_digest().prepare(NOW).unwrap().sign(&key).unwrap();
        assert!(!fields.signature_input().contains("content-digest"));
    }
    bot.request(&get.with_header("content-length", "0")).prepare(NOW).map(drop).unwrap();
}

#[test]
fn more_components_are_covered_where_a_site_asks_for_them() {
    let key = ed25519();
    let message = request().with_header("purpose", "price comparison");
    let bot = signer(&key);
    let new = bot.request(&message).and_covering(Component::field("purpose").unwrap());
    let fields = new.and_covering(Component::method()).prepare(NOW).unwrap().sign(&key).unwrap();
    assert!(fields.signature_input().contains(r#""signature-agent";key="sig1" "purpose");"#));
    let missing = bot.request(&message).and_covering(Component::field("x").unwrap()).prepare(NOW);
    assert_refused!(missing, "field_absent", "HS-VAL-04");
}

#[test]
fn hs_wba_05_a_second_signer_adds_to_what_is_there() {
    let (agent, browser) = (ed25519(), new_key(Algorithm::Es256));
    let message = signed(&agent);
    // The same label is taken.
    let source = || KeySource::directory("https://browser.example").unwrap();
    let bot = BotSigner::new(source(), &public(&browser)).unwrap();
    assert_refused!(bot.request(&message).prepare(NOW), "signature_agent_in_use", "HS-WBA-03");
    let bot = bot.label("browser");
    let fields = bot.request(&message).prepare(NOW).unwrap().sign(&browser).unwrap();
    let message = with(message.clone(), fields.iter());
    let web = Web::serving(DIRECTORY, directory_of(&[&agent]));
    web.set(
        "https://browser.example/.well-known/http-message-signatures-directory",
        Ok(directory_of(&[&browser])),
    );
    let site = site(&web);
    assert_refused!(verify(&site, &message), "ambiguous_signature", "HS-FLD-04");
    let each = ready(site.verify_each(&Context::request(&message), NOW)).unwrap();
    let mut each = each.into_iter();
    attributed(each.next().unwrap(), DIRECTORY);
    attributed(each.next().unwrap(), "https://browser.example/.well-known/http-message-signatures-directory");
    assert!(each.next().is_none());
    // A field of the older form has no room for another member, and a taken label none for another signature.
    let bare = request().with_header("signature-agent", "\"https://a.example\"");
    assert_refused!(bot.request(&bare).prepare(NOW), "signature_agent_in_use", "HS-WBA-03");
    let taken =
        request().with_header("signature-input", "browser=()").with_header("signature", "browser=:AA==:");
    assert_refused!(bot.request(&taken).prepare(NOW), "label_in_use", "HS-SIGN-01");
    assert_refused!(bot.clone().label("B").request(&request()).prepare(NOW), "bad_label", "HS-SIGN-01");
}

#[test]
fn hs_val_12_the_authority_is_sent_in_its_normal_form() {
    let key = ed25519();
    let bot = signer(&key);
    for authority in ["Shop.example", "shop.example:443", "shop.example:"] {
        let message = RawMessage::request("GET", "/").with_scheme("https").with_authority(authority);
        assert_refused!(
            bot.request(&message).prepare(NOW),
            "authority_not_normal",
            "HS-VAL-12",
            "{authority}"
        );
        // Where it is normalised by rule, nothing is left open.
        bot.clone().by_parts().request(&message).prepare(NOW).map(drop).unwrap();
    }
    let message = RawMessage::request("GET", "/").with_scheme("https").with_authority("shop.example:8443");
    bot.request(&message).prepare(NOW).map(drop).unwrap();
    let nowhere = RawMessage::request("GET", "/");
    assert_refused!(bot.request(&nowhere).prepare(NOW), "component_unavailable", "HS-BASE-05");
}

#[test]
fn hs_alg_02_hs_wba_06_bots_have_key_pairs_of_the_registry() {
    for algorithm in [Algorithm::Ed25519, Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384] {
        let key = new_key(algorithm);
        let message = signed(&key);
        attributed(verify(&site(&Web::serving(DIRECTORY, directory_of(&[&key]))), &message), DIRECTORY);
    }
    // A shared secret has no public half: `BotSigner::new` takes a `PublicKey`, and a `Signer` has one.
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        let key = PublicKey::load(rsa_numbers(), algorithm, backend::ring()).unwrap();
        assert_refused!(BotSigner::new(bot_source(), &key), "algorithm_not_allowed", "HS-WBA-06");
    }
    let key = PublicKey::load(rsa_numbers(), Algorithm::Ps512, backend::ring()).unwrap();
    BotSigner::new(bot_source(), &key).unwrap();
}

/// A key on a device, which may be wrong.
#[derive(Debug)]
struct Device(SoftwareKey, bool);

impl AsyncSigner for Device {
    fn public_key(&self) -> &PublicKey {
        Signer::public_key(&self.0)
    }

    fn protection(&self) -> Protection {
        Protection::Hsm
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> aims_keys::BoxFuture<'a, Result<Signature, SignError>> {
        let wrong = SignInput::Message(b"something else");
        Box::pin(std::future::ready(Signer::sign(&self.0, if self.1 { wrong } else { input })))
    }
}

#[test]
fn hs_sign_03_the_key_may_be_anywhere_and_is_the_one_that_is_named() {
    let (message, key) = (request(), ed25519());
    let bot = signer(&key);
    let web = Web::serving(DIRECTORY, directory_of(&[&key]));
    let prepare = || bot.request(&message).prepare(NOW).unwrap();

    let unsigned = prepare();
    let signature = Signer::sign(&key, SignInput::Message(unsigned.signing_input())).unwrap();
    let fields = unsigned.attach(signature.as_bytes()).unwrap();
    attributed(verify(&site(&web), &with(message.clone(), fields.iter())), DIRECTORY);
    assert_refused!(prepare().attach(&[0; 64]), "bad_signature", "HS-SIGN-03");

    let other = ed25519();
    assert_refused!(prepare().sign(&other), "other_key", "HS-WBA-02");
    let device = Device(key, false);
    let fields = ready(prepare().sign_async(&device)).unwrap();
    attributed(verify(&site(&web), &with(message.clone(), fields.iter())), DIRECTORY);
    assert_refused!(ready(prepare().sign_async(&Device(other, false))), "other_key", "HS-WBA-02");
    let Device(key, _) = device;
    assert_refused!(ready(prepare().sign_async(&Device(key, true))), "bad_signature", "HS-SIGN-03");
}

#[cfg(feature = "http")]
#[test]
fn hs_wba_03_fields_go_behind_what_a_request_of_the_crate_http_has() {
    use aims_httpsig::HttpRequest;

    let key = ed25519();
    let agent = "other=\"https://other.example\"";
    let mut request =
        http::Request::get("https://shop.example/").header("signature-agent", agent).body(()).unwrap();
    let fields =
        signer(&key).request(&HttpRequest::outgoing(&request)).prepare(NOW).unwrap().sign(&key).unwrap();
    fields.append_to(request.headers_mut()).unwrap();
    let lines: Vec<_> = request.headers().get_all("signature-agent").iter().collect();
    assert_eq!(lines, [agent, fields.signature_agent()]);
    for (name, value) in fields.iter().skip(1) {
        assert_eq!(request.headers()[name], value);
    }
}
