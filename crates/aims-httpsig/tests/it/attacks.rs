//! What somebody tries who has a signed message (HS-ATK).

use aims_httpsig::sf::BareItem;
use aims_httpsig::{
    Component, Context, Digests, NewSignature, Policy, RawMessage, SharedSecret, SignatureFields, Tag,
};
use aims_keys::{Algorithm, AlgorithmSet, PublicKey, PublicNumbers, Signer, SoftwareKey, UnixTime, backend};
use aims_testkit::assert_refused;
use zeroize::Zeroizing;

use crate::world::*;

/// The request, signed, but for one thing.
fn changed(method: &str, target: &str, authority: &str, key: &SoftwareKey) -> RawMessage {
    let honest = request();
    let fields = new_signature().prepare(&Context::request(&honest)).unwrap().sign(key).unwrap();
    RawMessage::request(method, target)
        .with_scheme("https")
        .with_authority(authority)
        .with_header("content-digest", Digests::field(BODY, backend::ring()))
        .with_header("signature-input", fields.signature_input())
        .with_header("signature", fields.signature())
}

#[test]
fn hs_atk_10_a_signature_is_good_for_its_own_message_alone() {
    let key = key();
    let is_good = |message: &RawMessage| judge(message, BODY, &policy(), &key);
    is_good(&changed("POST", "/v1/orders?shop=3", "shop.example", &key)).unwrap();
    for (method, target, authority) in [
        ("PUT", "/v1/orders?shop=3", "shop.example"),
        ("post", "/v1/orders?shop=3", "shop.example"),
        ("POST", "/v1/order?shop=3", "shop.example"),
        ("POST", "/v1/orders?shop=4", "shop.example"),
        ("POST", "/v1/orders?shop=3&", "shop.example"),
        ("POST", "/v1/orders", "shop.example"),
        ("POST", "/v1/orders?shop=3", "other.example"),
        ("POST", "/v1/orders?shop=3", "shop.example:8443"),
    ] {
        let message = changed(method, target, authority, &key);
        assert_refused!(is_good(&message), "bad_signature", "HS-BASE-06", "{method} {target} {authority}");
    }
    let other = self::key();
    let message = changed("POST", "/v1/orders?shop=3", "shop.example", &other);
    assert_refused!(is_good(&message), "bad_signature", "HS-BASE-06");
}

#[test]
fn hs_dig_03_hs_dig_04_hs_atk_09_content_counts_with_its_digest_alone() {
    let key = key();
    let message = signed(request(), new_signature(), &key);
    assert_refused!(judge(&message, b"{\"order\": 8}", &policy(), &key), "digest_mismatch", "HS-DIG-03");
    assert_refused!(judge(&message, b"", &policy(), &key), "digest_mismatch", "HS-DIG-03");
    // One more digest, of something else.
    let more = message.clone().with_header("content-digest", "sha-512=:AAAA:");
    assert_refused!(judge(&more, BODY, &policy(), &key), "bad_signature", "HS-BASE-06");
    // Not covered.
    let some = vec![Component::method(), Component::authority()];
    let policy = Policy::new(Tag::Any, some.clone(), AlgorithmSet::STANDARD);
    let message = signed(request(), NewSignature::covering(some).created(NOW), &key);
    assert_refused!(judge(&message, BODY, &policy, &key), "digest_not_covered", "HS-DIG-04");
    // By an algorithm that is none any more.
    let old =
        RawMessage::request("POST", "/").with_header("content-digest", "md5=:Sd/dVLAcvNLSq16eXua5uQ==:");
    let covered = [Component::method(), field("content-digest")];
    let policy = Policy::new(Tag::Any, covered.clone(), AlgorithmSet::STANDARD);
    let old = signed(old, NewSignature::covering(covered).created(NOW), &key);
    assert_refused!(judge(&old, BODY, &policy, &key), "digest_unsupported", "HS-DIG-02");
}

#[test]
fn hs_dig_05_content_that_comes_in_pieces_is_bounded_and_counts_at_its_end() {
    let key = key();
    let message = signed(request(), new_signature(), &key);
    let check = |max: u64, pieces: &[&[u8]]| {
        verify(&message, &policy(), Signer::public_key(&key), NOW, |verified| {
            let mut check = verified.check_content(max, backend::ring())?;
            for piece in pieces {
                check.update(piece)?;
            }
            check.finish().map(drop)
        })
    };
    let (first, rest) = BODY.split_at(5);
    check(12, &[first, rest]).unwrap();
    assert_refused!(check(11, &[first, rest]), "content_too_large", "HS-DIG-05");
    assert_refused!(check(12, &[first]), "digest_mismatch", "HS-DIG-03");
}

#[test]
fn hs_ver_02_what_the_policy_asks_for_must_be_covered_as_it_is_asked_for() {
    let key = key();
    for missing in 0..5 {
        let mut some = covered();
        let left_out = some.remove(missing);
        let message = signed(request(), NewSignature::covering(some).created(NOW).tag("orders"), &key);
        let refused = judge(&message, BODY, &policy(), &key);
        assert_refused!(refused, "missing_coverage", "HS-VER-02", "{left_out}");
    }
    // Another spelling of the same field is another component.
    let mut some = covered();
    some[4] = field("content-digest").structured().unwrap();
    let message = signed(request(), NewSignature::covering(some).created(NOW).tag("orders"), &key);
    assert_refused!(judge(&message, BODY, &policy(), &key), "missing_coverage", "HS-VER-02");
    // What is there must be covered; what is not need not be.
    let policy = policy().covering_if_present(field("authorization"));
    judge(&signed(request(), new_signature(), &key), BODY, &policy, &key).unwrap();
    let with_token = request().with_header("authorization", "Bearer x");
    let message = signed(with_token.clone(), new_signature(), &key);
    assert_refused!(judge(&message, BODY, &policy, &key), "missing_coverage", "HS-VER-02");
    let message = signed(with_token, new_signature().and_covering(field("authorization")), &key);
    judge(&message, BODY, &policy, &key).unwrap();
    // Added on the way.
    let message = signed(request(), new_signature(), &key).with_header("authorization", "Bearer x");
    assert_refused!(judge(&message, BODY, &policy, &key), "missing_coverage", "HS-VER-02");
}

#[test]
fn hs_par_04_a_signature_that_covers_nothing_counts_only_where_that_is_asked_for() {
    let key = key();
    let nothing = || NewSignature::covering([]).created(NOW);
    let message = signed(request(), nothing(), &key);
    let policy = Policy::new(Tag::Any, [], AlgorithmSet::STANDARD);
    let judged = |policy: &Policy| verify(&message, policy, Signer::public_key(&key), NOW, |_| Ok(()));
    assert_refused!(judged(&policy), "covers_nothing", "HS-PAR-04");
    judged(&policy.dangerous_allowing_no_coverage()).unwrap();
    let timeless = signed(request(), NewSignature::covering([Component::method()]), &key);
    let policy = Policy::new(Tag::Any, [], AlgorithmSet::STANDARD);
    let judged = |policy: &Policy| verify(&timeless, policy, Signer::public_key(&key), NOW, |_| Ok(()));
    assert_refused!(judged(&policy), "missing_parameter", "HS-PAR-04");
}

#[test]
fn hs_par_02_hs_par_03_times_are_checked_by_the_clock_that_is_given() {
    let key = key();
    let at = |message: &RawMessage, now: u64| {
        verify(message, &policy(), Signer::public_key(&key), UnixTime::from_secs(now), |_| Ok(()))
    };
    let now = NOW.as_secs();
    let minute = signed(request(), new_signature(), &key);
    at(&minute, now).unwrap();
    at(&minute, now - 30).unwrap();
    assert_refused!(at(&minute, now - 31), "not_yet_valid", "HS-PAR-03");
    at(&minute, now + 89).unwrap();
    assert_refused!(at(&minute, now + 90), "expired", "HS-PAR-03");
    assert_refused!(at(&minute, u64::MAX), "too_old", "HS-PAR-03");
    let endless = signed(request(), NewSignature::covering(covered()).created(NOW).tag("orders"), &key);
    at(&endless, now + 330).unwrap();
    assert_refused!(at(&endless, now + 331), "too_old", "HS-PAR-03");
    // Hostile numbers.
    for (created, expires, code) in [
        (-1, 5, "bad_times"),
        (5, -1, "bad_times"),
        (10, 9, "bad_times"),
        (999_999_999_999_999, 999_999_999_999_999, "not_yet_valid"),
        (0, 999_999_999_999_999, "too_old"),
    ] {
        let signature = NewSignature::covering(covered())
            .parameter("created", BareItem::Integer(created))
            .parameter("expires", BareItem::Integer(expires))
            .tag("orders");
        let rule = if code == "bad_times" { "HS-PAR-02" } else { "HS-PAR-03" };
        assert_refused!(at(&signed(request(), signature, &key), now), code, rule, "{created} {expires}");
    }
}

#[test]
fn hs_atk_12_labels_mean_nothing() {
    let key = key();
    let fields = new_signature().prepare(&Context::request(&request())).unwrap().sign(&key).unwrap();
    let relabelled = |text: &str| text.replacen("sig1=", "proxy-7=", 1);
    let message = request()
        .with_header("signature-input", relabelled(fields.signature_input()))
        .with_header("signature", relabelled(fields.signature()));
    judge(&message, BODY, &policy(), &key).unwrap();
    let mixed = request()
        .with_header("signature-input", fields.signature_input())
        .with_header("signature", relabelled(fields.signature()));
    assert_refused!(judge(&mixed, BODY, &policy(), &key), "label_mismatch", "HS-FLD-02");
    let twice =
        signed(request(), new_signature(), &key).with_header("signature-input", fields.signature_input());
    assert_refused!(judge(&twice, BODY, &policy(), &key), "duplicate_label", "HS-FLD-02");
    // HS-FLD-03: in headers and trailers.
    let twice =
        signed(request(), new_signature(), &key).with_trailer("signature-input", fields.signature_input());
    assert_refused!(judge(&twice, BODY, &policy(), &key), "duplicate_label", "HS-FLD-02");
    assert_refused!(judge(&request(), BODY, &policy(), &key), "missing_signature", "HS-FLD-02");
    let half = request().with_header("signature-input", fields.signature_input());
    assert_refused!(judge(&half, BODY, &policy(), &key), "missing_signature", "HS-FLD-02");
    // As trailers they are as good.
    let trailing = request()
        .with_trailer("signature-input", fields.signature_input())
        .with_trailer("signature", fields.signature());
    judge(&trailing, BODY, &policy(), &key).unwrap();
}

#[test]
fn hs_fld_04_hs_fld_05_hs_atk_11_signatures_of_others_neither_count_nor_harm() {
    let (key, other) = (key(), key());
    let message = signed(request(), new_signature(), &key);
    // Of another application, and broken.
    let harmless = message
        .clone()
        .with_header(
            "signature-input",
            r#"a=("@nothing" "@nothing");created="x";tag="else", b=(1);tag=orders"#,
        )
        .with_header("signature", "a=:AA==:, b=:AA==:");
    judge(&harmless, BODY, &policy(), &key).unwrap();
    // Of the same application, by somebody else: one too many; each by itself is told apart.
    let both = signed(message, new_signature().label("sig2"), &other);
    assert_refused!(judge(&both, BODY, &policy(), &key), "ambiguous_signature", "HS-FLD-04");
    let context = Context::request(&both);
    let fields = SignatureFields::of(&context).unwrap();
    let verified: Vec<_> = fields
        .candidates(&policy(), NOW)
        .unwrap()
        .into_iter()
        .map(|candidate| candidate.unwrap().verify(Signer::public_key(&key)).is_ok())
        .collect();
    assert_eq!(verified, [true, false]);
    // None at all.
    let alone = signed(request(), NewSignature::covering(covered()).created(NOW).tag("else"), &key);
    assert_refused!(judge(&alone, BODY, &policy(), &key), "no_candidate", "HS-FLD-04");
    let untagged = Policy::new(Tag::Absent, covered(), AlgorithmSet::STANDARD);
    assert_refused!(judge(&alone, BODY, &untagged, &key), "no_candidate", "HS-FLD-04");
    let by_key = Policy::new(Tag::Any, covered(), AlgorithmSet::STANDARD).with_key_id("k1");
    judge(&signed(request(), new_signature(), &key), BODY, &by_key, &key).unwrap();
    let by_key = by_key.with_key_id("k2");
    assert_refused!(
        judge(&signed(request(), new_signature(), &key), BODY, &by_key, &key),
        "no_candidate",
        "HS-FLD-04"
    );
}

#[test]
fn hs_alg_01_hs_alg_02_hs_atk_07_the_key_decides_about_the_algorithm() {
    let key = key();
    let public = Signer::public_key(&key);
    let named = signed(request(), new_signature().algorithm(Algorithm::Es256), &key);
    judge(&named, BODY, &policy(), &key).unwrap();
    let refused =
        new_signature().algorithm(Algorithm::Ed25519).prepare(&Context::request(&request())).unwrap();
    assert_refused!(refused.sign(&key), "algorithm_mismatch", "HS-ALG-01");
    for lie in ["ed25519", "hmac-sha256", "none", "ES256", "rsa-v1_5-sha256"] {
        let lying = new_signature().parameter("alg", BareItem::string(lie));
        let unsigned = lying.prepare(&Context::request(&request())).unwrap();
        let signature = Signer::sign(&key, aims_keys::SignInput::Message(unsigned.signing_input())).unwrap();
        let bytes = BareItem::Bytes(signature.as_bytes().into());
        let input = format!(
            r#"sig1=("@method" "@authority" "@path" "@query" "content-digest");created={0};expires={1};keyid="k1";tag="orders";alg="{lie}""#,
            NOW.as_secs(),
            NOW.as_secs() + 60,
        );
        let message =
            request().with_header("signature-input", input).with_header("signature", format!("sig1={bytes}"));
        assert_refused!(judge(&message, BODY, &policy(), &key), "algorithm_mismatch", "HS-ALG-01", "{lie}");
    }
    let narrow = Policy::new(Tag::Any, covered(), AlgorithmSet::of(&[Algorithm::Ed25519]));
    assert_refused!(judge(&named, BODY, &narrow, &key), "algorithm_not_allowed", "HS-ALG-01");

    // The bytes of the public key as a secret.
    let PublicNumbers::P256 { x, .. } = public.numbers() else { panic!("another key") };
    let secret = SharedSecret::new(Zeroizing::new(x.to_vec()), backend::ring()).unwrap();
    let fields =
        new_signature().prepare(&Context::request(&request())).unwrap().sign_shared(&secret).unwrap();
    let forged = request()
        .with_header("signature-input", fields.signature_input())
        .with_header("signature", fields.signature());
    assert_refused!(judge(&forged, BODY, &policy(), &key), "bad_signature", "HS-BASE-06");
    let context = Context::request(&forged);
    let fields = SignatureFields::of(&context).unwrap();
    let select = |policy: &Policy| fields.select(policy, NOW).unwrap();
    assert_refused!(select(&policy()).verify(&secret), "algorithm_not_allowed", "HS-ALG-01");
    assert!(select(&policy().allowing_shared_secrets()).verify(&secret).is_ok());
    let short = SharedSecret::new(Zeroizing::new(vec![7; 31]), backend::ring());
    assert_refused!(short, "secret_too_short", "HS-ALG-02");
    let other = SharedSecret::new(Zeroizing::new(vec![7; 32]), backend::ring()).unwrap();
    let refused = select(&policy().allowing_shared_secrets()).verify(&other);
    assert_refused!(refused, "bad_signature", "HS-BASE-06");
}

#[test]
fn hs_atk_01_a_field_named_like_a_derived_component_is_never_looked_at() {
    let message =
        RawMessage::request("GET", "/").with_header("@method", "DELETE").with_header("@unknown", "x");
    let context = Context::request(&message);
    assert_eq!(context.value(&Component::method()).unwrap(), "GET");
    assert_refused!(Component::field("@method"), "field_name", "HS-ID-02");
    assert_refused!("\"@unknown\"".parse::<Component<'_>>(), "unknown_derived_component", "HS-ID-08");
}

#[test]
fn hs_atk_02_hs_val_02_a_line_break_in_a_field_forges_no_line_of_the_base() {
    for value in [
        "a\n\"@method\": DELETE",
        "a\r\"@method\": DELETE",
        "a\r\n\"@method\": DELETE",
        "a\0b",
        "a\x7fb",
        "a\x1bb",
    ] {
        let message = RawMessage::request("GET", "/").with_header("x", value);
        let context = Context::request(&message);
        for component in [field("x"), field("x").binary().unwrap()] {
            assert_refused!(
                context.value(&component),
                "control_character",
                "HS-VAL-02",
                "{value:?} {component}"
            );
        }
    }
    // A fold is one space, wherever it is.
    let message = RawMessage::request("GET", "/").with_header("x", "a \t\r\n \t b\r\n\tc");
    assert_eq!(Context::request(&message).value(&field("x")).unwrap(), "a b c");
}

#[test]
fn hs_atk_03_lines_of_a_covered_field_cannot_be_added_or_reordered() {
    let key = key();
    let covered = [Component::method(), field("x")];
    let policy = Policy::new(Tag::Any, covered.clone(), AlgorithmSet::STANDARD);
    let two = || RawMessage::request("GET", "/").with_header("x", "a").with_header("x", "b");
    let fields = NewSignature::covering(covered)
        .created(NOW)
        .prepare(&Context::request(&two()))
        .unwrap()
        .sign(&key)
        .unwrap();
    let with = |message: RawMessage| {
        let message = message
            .with_header("signature-input", fields.signature_input())
            .with_header("signature", fields.signature());
        verify(&message, &policy, Signer::public_key(&key), NOW, |_| Ok(()))
    };
    with(two()).unwrap();
    // One line or two: the same list.
    with(RawMessage::request("GET", "/").with_header("x", "a, b")).unwrap();
    for message in [
        two().with_header("x", "c"),
        RawMessage::request("GET", "/").with_header("x", "b").with_header("x", "a"),
        RawMessage::request("GET", "/").with_header("x", "a"),
        RawMessage::request("GET", "/").with_header("x", "a").with_trailer("x", "b"),
    ] {
        assert_refused!(with(message), "bad_signature", "HS-BASE-06");
    }
    assert_refused!(with(RawMessage::request("GET", "/")), "field_absent", "HS-VAL-04");
}

#[test]
fn hs_atk_06_what_stands_in_a_parameter_stays_in_it() {
    let key = key();
    let nonce = "a\"b\\c;created=1";
    let message = signed(request(), new_signature().nonce(nonce), &key);
    verify(&message, &policy(), Signer::public_key(&key), NOW, |verified| {
        assert_eq!(verified.parameters().nonce(), Some(nonce));
        Ok(())
    })
    .unwrap();
    for bad in ["ü", "a\nb", "\u{7f}"] {
        let refused = new_signature().nonce(bad).prepare(&Context::request(&request()));
        assert_refused!(refused, "parameter_value", "HS-SIGN-02", "{bad:?}");
    }
}

#[test]
fn hs_atk_13_hs_alg_04_signatures_of_another_form_are_refused() {
    let key = key();
    let fields = new_signature().prepare(&Context::request(&request())).unwrap().sign(&key).unwrap();
    let bytes = BareItem::Bytes(vec![0; 64].into());
    for signature in [
        "sig1=::".to_owned(),
        "sig1=:AA==:".to_owned(),
        format!("sig1={bytes}"),
        fields.signature().replacen("sig1=:", "sig1=:AAAA", 1),
    ] {
        let message = request()
            .with_header("signature-input", fields.signature_input())
            .with_header("signature", &signature);
        assert_refused!(judge(&message, BODY, &policy(), &key), "bad_signature", "HS-BASE-06", "{signature}");
    }
}

#[test]
fn hs_atk_14_a_response_is_bound_to_its_request_by_what_it_covers_of_it() {
    let key = key();
    let (one, other) = (
        RawMessage::request("GET", "/a").with_scheme("https").with_authority("shop.example"),
        RawMessage::request("GET", "/b").with_scheme("https").with_authority("shop.example"),
    );
    let covered = [Component::status(), Component::path().of_request().unwrap()];
    let response = RawMessage::response(200);
    let fields = NewSignature::covering(covered.clone())
        .created(NOW)
        .prepare(&Context::response(&response).to(&one))
        .unwrap()
        .sign(&key)
        .unwrap();
    let response = response
        .with_header("signature-input", fields.signature_input())
        .with_header("signature", fields.signature());
    let policy = Policy::new(Tag::Any, covered, AlgorithmSet::STANDARD);
    let judged = |context: Context<'_>| {
        SignatureFields::of(&context)?.select(&policy, NOW)?.verify(Signer::public_key(&key)).map(drop)
    };
    judged(Context::response(&response).to(&one)).unwrap();
    assert_refused!(judged(Context::response(&response).to(&other)), "bad_signature", "HS-BASE-06");
    assert_refused!(judged(Context::response(&response)), "no_request", "HS-ID-05");
}

#[test]
fn hs_fld_06_nothing_can_be_read_that_was_not_covered() {
    let key = key();
    let message = signed(request().with_header("x-price", "1"), new_signature(), &key);
    verify(&message, &policy(), Signer::public_key(&key), NOW, |verified| {
        assert_eq!(verified.value(&Component::path()), Some("/v1/orders"));
        assert_eq!(verified.value(&field("x-price")), None);
        assert_eq!(verified.value(&Component::scheme()), None);
        assert_eq!(verified.covered().count(), 5);
        assert_eq!((verified.label(), verified.parameters().key_id()), ("sig1", Some("k1")));
        let all: Vec<_> =
            verified.covered().map(|(component, value)| (component.to_string(), value.to_owned())).collect();
        let kept = verified.into_covered().without(|name| matches!(name, "@method" | "content-digest"));
        let rest: Vec<_> = kept.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let is_kept = |name: &str| !name.contains("@method") && !name.contains("content-digest");
        let expected: Vec<_> = all.into_iter().filter(|(name, _)| is_kept(name)).collect();
        assert!(rest == expected && rest.len() == 3, "{rest:?}");
        assert_eq!(kept.value(&Component::method()), None);
        assert_eq!(kept.value(&Component::path()), Some("/v1/orders"));
        assert!(!format!("{kept:?}").contains("sha-256="), "what is gone is gone");
        assert_eq!(kept.without(|_| true).iter().count(), 0);
        Ok(())
    })
    .unwrap();
}

#[test]
fn hs_ver_03_what_is_printed_on_the_way_shows_no_values() {
    let key = key();
    let message = request().with_header("authorization", "Bearer s3cr3t");
    let new = new_signature().and_covering(field("authorization"));
    let unsigned = new.clone().prepare(&Context::request(&message)).unwrap();
    let shown = format!("{unsigned:?} {message:?} {:?}", Context::request(&message));
    assert!(!shown.contains("s3cr3t") && shown.contains("sig1"), "{shown}");
    let message = signed(message, new, &key);
    let context = Context::request(&message);
    let fields = SignatureFields::of(&context).unwrap();
    let candidate = fields.select(&policy(), NOW).unwrap();
    let shown = format!("{fields:?} {candidate:?}");
    let verified = candidate.verify(Signer::public_key(&key)).unwrap();
    let shown = format!("{shown} {verified:?}");
    let shown = format!("{shown} {:?}", verified.into_covered());
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn a_key_is_no_other_key() {
    let (key, other) = (key(), key());
    let public: &PublicKey = Signer::public_key(&other);
    let message = signed(request(), new_signature(), &key);
    assert_refused!(verify(&message, &policy(), public, NOW, |_| Ok(())), "bad_signature", "HS-BASE-06");
}
