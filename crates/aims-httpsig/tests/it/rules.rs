//! Rules that the vectors and attacks do not name.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aims_httpsig::sf::{BareItem, Decimal, Dictionary, Item, Limits, List, Member, Parameters};
use aims_httpsig::{
    Component, Context, Digests, Headers, Message, NewSignature, NonceError, NonceStore, Part, Policy,
    RawMessage, SignatureFields, Tag, Verified, differences,
};
use aims_keys::{Algorithm, AlgorithmSet, PublicKey, PublicNumbers, SignInput, Signer, UnixTime, backend};
use aims_testkit::assert_refused;

use crate::world::*;

#[test]
fn hs_sf_02_hs_sf_03_hs_sf_07_lines_are_joined_and_what_is_there_twice_is_known() {
    let limits = Limits::default();
    let text = b"a=1, b=2;x=1;x=2, a=3";
    let dictionary = Dictionary::parse(text, &limits).unwrap();
    assert_eq!(dictionary.duplicate(), Some("a"));
    assert_eq!(dictionary.to_string(), "a=3, b=2;x=2");
    assert_eq!(dictionary.get("b").unwrap().parameters().duplicate(), Some("x"));
    assert_eq!(&text[dictionary.get("b").unwrap().span()], b"2;x=1;x=2");
    assert_eq!(&text[dictionary.get("b").unwrap().parameters().span()], b";x=1;x=2");
    for text in ["a=1, b=", "a=1 b=2", "a=1,, b"] {
        assert!(Dictionary::parse(text.as_bytes(), &limits).is_err(), "{text}");
    }
    // Padding that is missing, bits that are set behind the end; and nothing else.
    for text in [":aGk=:", ":aGk:", ":aGl=:", ":aGl:"] {
        let item = Item::parse(text.as_bytes(), &limits).unwrap();
        assert_eq!(item.bare().as_bytes(), Some(b"hi".as_slice()), "{text}");
        assert_eq!(item.to_string(), ":aGk=:");
    }
    for text in [":aGk==:", ":aGk-:", ":a:", ":aG k:", ":aGk=", ":=:"] {
        assert_refused!(Item::parse(text.as_bytes(), &limits), "bad_byte_sequence", "HS-SF-07", "{text}");
    }
}

#[test]
fn hs_sf_04_what_is_written_is_canonical() {
    for (text, canonical) in [
        ("1.50", "1.5"),
        ("-0.0", "0.0"),
        ("\"a\\\"b\\\\\"", "\"a\\\"b\\\\\""),
        ("x ; a=?1;   b", "x;a;b"),
        ("?1", "?1"),
    ] {
        match Item::parse(text.as_bytes(), &Limits::default()) {
            Ok(item) => assert_eq!(item.to_string(), canonical),
            // No space before a semicolon.
            Err(error) => assert_eq!((text, error.code()), ("x ; a=?1;   b", "trailing_characters")),
        }
    }
    let written = |bare: BareItem<'_>| bare.write(&mut String::new());
    for (bare, code, rule) in [
        (BareItem::Integer(1_000_000_000_000_000), "number_too_large", "HS-SF-04"),
        (BareItem::Date(-1_000_000_000_000_000), "number_too_large", "HS-SF-04"),
        (BareItem::Token("1a".into()), "bad_token", "HS-SF-04"),
        (BareItem::Token("a b".into()), "bad_token", "HS-SF-04"),
        (BareItem::Token("".into()), "bad_token", "HS-SF-04"),
        (BareItem::string("é"), "bad_string", "HS-SIGN-02"),
    ] {
        assert_refused!(written(bare), code, rule);
    }
    for key in ["", "A", "1", "a b", "é"] {
        assert_refused!(Parameters::new().with(key, true.into()), "bad_key", "HS-SF-04", "{key}");
        let member = || Member::Item(Item::new(true.into()));
        assert_refused!(Dictionary::new().with(key, member()), "bad_key", "HS-SF-04", "{key}");
    }
    assert_refused!(Decimal::from_thousandths(1_000_000_000_000_000), "number_too_large", "HS-SF-04");
    let list = List::parse(b"(  a   b ),x;y=?1", &Limits::default()).unwrap();
    assert_eq!(list.to_string(), "(a b), x;y");
}

#[test]
fn hs_sf_05_hs_sf_06_numbers_end_and_so_does_patience() {
    let limits = Limits::default();
    for (text, value) in
        [("999999999999999", 999_999_999_999_999), ("-999999999999999", -999_999_999_999_999), ("-0", 0)]
    {
        assert_eq!(Item::parse(text.as_bytes(), &limits).unwrap().bare().as_integer(), Some(value));
    }
    for text in
        ["1000000000000000", "9223372036854775808", "-", "1.", "1.2345", "1234567890123.1", "--1", "-a"]
    {
        assert_refused!(Item::parse(text.as_bytes(), &limits), "bad_number", "HS-SF-05", "{text}");
    }
    let many = |count: usize| vec!["a"; count].join(",");
    List::parse(many(1024).as_bytes(), &limits).unwrap();
    assert_refused!(List::parse(many(1025).as_bytes(), &limits), "too_many_values", "HS-SF-06");
    let keys = |count: usize| (0..count).map(|at| format!("k{at}")).collect::<Vec<_>>().join(",");
    assert_eq!(Dictionary::parse(keys(1024).as_bytes(), &limits).unwrap().len(), 1024);
    assert_refused!(Dictionary::parse(keys(1025).as_bytes(), &limits), "too_many_values", "HS-SF-06");
    let items = |count: usize| format!("({})", vec!["1"; count].join(" "));
    List::parse(items(256).as_bytes(), &limits).unwrap();
    assert_refused!(List::parse(items(257).as_bytes(), &limits), "too_many_values", "HS-SF-06");
    let parameters = |count: usize| format!("a{}", ";b".repeat(count));
    Item::parse(parameters(256).as_bytes(), &limits).unwrap();
    assert_refused!(Item::parse(parameters(257).as_bytes(), &limits), "too_many_values", "HS-SF-06");
    assert_refused!(Item::parse(b"1234", &limits.bytes(3)), "field_too_long", "HS-SF-06");
}

#[test]
fn hs_val_12_hs_val_13_one_query_feeds_all_that_is_derived_from_it() {
    let request = RawMessage::request("POST", "/a%20b?x=%41&x2=%C3%BC+1")
        .with_scheme("HTTPS")
        .with_authority("Shop.Example:443")
        .with_header("content-type", "application/x-www-form-urlencoded");
    let context = Context::request(&request);
    for (component, value) in [
        (Component::target_uri(), "https://Shop.Example:443/a%20b?x=%41&x2=%C3%BC+1"),
        (Component::authority(), "shop.example"),
        (Component::path(), "/a%20b"),
        (Component::query(), "?x=%41&x2=%C3%BC+1"),
        (Component::request_target(), "/a%20b?x=%41&x2=%C3%BC+1"),
        (Component::query_param("x").unwrap(), "A"),
        (Component::query_param("x2").unwrap(), "%C3%BC%201"),
    ] {
        assert_eq!(context.value(&component).unwrap(), value, "{component}");
    }
}

#[test]
fn hs_base_03_hs_base_04_the_base_is_ascii_without_label_and_last_line_feed() {
    let message = RawMessage::request("GET", "/ü").with_scheme("https").with_authority("a.example");
    assert_refused!(Context::request(&message).value(&Component::path()), "bad_value", "HS-VAL-15");
    let unsigned = NewSignature::covering([Component::method()])
        .label("secret-label")
        .created(NOW)
        .prepare(&Context::request(&request()))
        .unwrap();
    let base = str::from_utf8(unsigned.signing_input()).unwrap();
    assert_eq!(base, "\"@method\": POST\n\"@signature-params\": (\"@method\");created=1790000000");
}

/// Counts how often its fields are looked up.
#[derive(Debug)]
struct Counting(RawMessage, AtomicUsize);

impl Message for Counting {
    fn method(&self) -> Option<&str> {
        self.0.method()
    }

    fn lines<'m>(&'m self, part: Part, name: &str, each: &mut dyn FnMut(&'m [u8])) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.lines(part, name, each);
    }
}

#[test]
fn hs_base_07_each_covered_field_is_looked_up_once() {
    let all = (0..60).map(|at| format!("x{at}"));
    let message =
        all.clone().fold(RawMessage::request("GET", "/"), |message, name| message.with_header(&name, "1"));
    let counting = Counting(message, AtomicUsize::new(0));
    let covered: Vec<_> = all.map(|name| Component::field(name).unwrap()).collect();
    let unsigned =
        NewSignature::covering(covered).created(NOW).prepare(&Context::request(&counting)).unwrap();
    assert_eq!(unsigned.signing_input().split(|byte| *byte == b'\n').count(), 61);
    // And the labels that are in use, in headers and trailers.
    assert_eq!(counting.1.load(Ordering::Relaxed), 60 + 2);
}

#[test]
fn hs_base_07_hs_atk_16_a_query_is_read_once_however_much_of_it_is_covered() {
    let names: Vec<_> = (0..64).map(|at| format!("z{at}")).collect();
    let query = ["%&".repeat(20_000), names.join("&")].concat();
    let request = RawMessage::request("GET", &format!("/?{query}"));
    let time = |count: usize| {
        let covered = names.iter().take(count).map(|name| Component::query_param(&**name).unwrap());
        let signature = NewSignature::covering(covered).created(NOW);
        let took = (0..5).map(|_| {
            let began = Instant::now();
            assert!(signature.clone().prepare(&Context::request(&request)).is_ok());
            began.elapsed()
        });
        took.min().unwrap()
    };
    let (one, many) = (time(1), time(64));
    assert!(many < one * 16, "{one:?} for one, {many:?} for 64");

    // Those of the response's own request are apart.
    let (asked, answer) = (RawMessage::request("GET", "/?a=1&b=%32"), RawMessage::response(200));
    let covered = ["a", "b"].map(|name| Component::query_param(name).unwrap().of_request().unwrap());
    let unsigned = NewSignature::covering(covered).created(NOW);
    let unsigned = unsigned.prepare(&Context::response(&answer).to(&asked)).unwrap();
    let base = str::from_utf8(unsigned.signing_input()).unwrap();
    assert!(
        base.starts_with("\"@query-param\";name=\"a\";req: 1\n\"@query-param\";name=\"b\";req: 2\n"),
        "{base}"
    );
}

#[derive(Debug, Default)]
struct Nonces(Mutex<HashSet<(Vec<u8>, String)>>, Mutex<Option<UnixTime>>);

impl NonceStore for Nonces {
    fn remember(&self, scope: &[u8], nonce: &str, until: UnixTime, _: UnixTime) -> Result<(), NonceError> {
        *self.1.lock().unwrap() = Some(until);
        if self.0.lock().unwrap().insert((scope.to_vec(), nonce.to_owned())) {
            Ok(())
        } else {
            Err(NonceError::Replayed)
        }
    }
}

#[test]
fn hs_par_05_a_nonce_counts_once_and_only_after_its_signature_verified() {
    let (key, other, nonces) = (key(), key(), Nonces::default());
    let message = signed(request(), new_signature().nonce("n-1"), &key);
    let once = |key: &PublicKey, scope: &[u8]| {
        verify(&message, &policy(), key, NOW, |verified| verified.use_nonce(&nonces, scope, NOW))
    };
    assert_refused!(once(Signer::public_key(&other), b""), "bad_signature", "HS-BASE-06");
    assert!(nonces.0.lock().unwrap().is_empty());
    once(Signer::public_key(&key), b"").unwrap();
    assert_refused!(once(Signer::public_key(&key), b""), "replay", "HS-PAR-05");
    once(Signer::public_key(&key), b"another scope").unwrap();
    // As long as anybody would take it: to its end, with leeway.
    assert_eq!(*nonces.1.lock().unwrap(), Some(NOW + Duration::from_secs(90)));
    let endless =
        signed(request(), NewSignature::covering(covered()).created(NOW).nonce("n-2").tag("orders"), &key);
    verify(&endless, &policy(), Signer::public_key(&key), NOW, |verified| {
        // At its greatest age, 300 s and 30 s of leeway, it is taken the last time.
        assert_eq!(verified.counts_until(), NOW + Duration::from_secs(331));
        verified.use_nonce(&nonces, b"", NOW)
    })
    .unwrap();
    for message in [&message, &endless] {
        let (mut last, mut until) = (NOW, NOW);
        for seconds in 0..400 {
            let now = NOW + Duration::from_secs(seconds);
            let counts = |verified: Verified<'_, Headers>| Ok(verified.counts_until());
            if let Ok(counts_until) = verify(message, &policy(), Signer::public_key(&key), now, counts) {
                (last, until) = (now, counts_until);
            }
        }
        assert!(last < until, "it is taken when its nonce may be forgotten");
    }
    // It was verified in time, and its content came when the store had forgotten it.
    let late = verify(&message, &policy(), Signer::public_key(&key), NOW, |verified| {
        verified.use_nonce(&Nonces::default(), b"", verified.counts_until())
    });
    assert_refused!(late, "expired", "HS-PAR-03");
    let without = signed(request(), new_signature(), &key);
    let refused = verify(&without, &policy(), Signer::public_key(&key), NOW, |verified| {
        verified.use_nonce(&nonces, b"", NOW)
    });
    assert_refused!(refused, "missing_parameter", "HS-PAR-04");
}

#[test]
fn hs_alg_05_hs_alg_06_signatures_are_verified_and_weak_keys_are_not_loaded() {
    let key = key();
    let unsigned = || new_signature().prepare(&Context::request(&request())).unwrap();
    let sign = || Signer::sign(&key, SignInput::Message(unsigned().signing_input())).unwrap();
    let (one, other) = (sign(), sign());
    assert_ne!(one.as_bytes(), other.as_bytes(), "ECDSA is randomised");
    for signature in [one, other] {
        let fields = unsigned().attach(signature.as_bytes(), Signer::public_key(&key)).unwrap();
        let message = request()
            .with_header("signature-input", fields.signature_input())
            .with_header("signature", fields.signature());
        judge(&message, BODY, &policy(), &key).unwrap();
    }
    // The neutral element, and a number beyond the field.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    for x in [neutral, [0xff; 32], [0; 32]] {
        let loaded = PublicKey::load(PublicNumbers::Ed25519 { x }, Algorithm::Ed25519, backend::ring());
        assert!(loaded.is_err(), "{x:?}");
    }
}

#[test]
fn hs_fld_03_both_fields_may_be_trailers() {
    let key = key();
    let fields = new_signature().prepare(&Context::request(&request())).unwrap().sign(&key).unwrap();
    let message = request()
        .with_trailer("signature-input", fields.signature_input())
        .with_trailer("signature", fields.signature());
    judge(&message, BODY, &policy(), &key).unwrap();
}

#[test]
fn hs_acc_04_what_cannot_be_met_is_an_error_of_this_member() {
    let all = aims_httpsig::AcceptSignature::parse(br#"a=("@status"), b=("@method")"#).unwrap();
    let request = request();
    let context = Context::request(&request);
    assert_refused!(all[0].answer().created(NOW).prepare(&context), "not_in_this_message", "HS-ID-05");
    assert!(all[1].answer().created(NOW).prepare(&context).is_ok());
}

#[test]
fn hs_dig_01_hs_dig_06_the_form_of_digests() {
    for (field, code, rule) in [
        ("sha-256=:AAAA:", "digest_form", "HS-DIG-01"),
        ("sha-256=1", "digest_form", "HS-DIG-01"),
        ("sha-256=(:AAAA:)", "digest_form", "HS-DIG-01"),
        ("sha-512=:AAAA:", "digest_form", "HS-DIG-01"),
        ("SHA-256=AAAA", "digest_malformed", "HS-DIG-01"),
        ("", "digest_unsupported", "HS-DIG-02"),
    ] {
        assert_refused!(Digests::parse(field.as_bytes()), code, rule, "{field}");
    }
    // The old field stands for nothing: what counts is the one that is covered.
    let key = key();
    let old = RawMessage::request("POST", "/")
        .with_header("digest", "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=");
    let covered = [Component::method(), field("digest")];
    let message = signed(old, NewSignature::covering(covered.clone()).created(NOW), &key);
    let policy = Policy::new(Tag::Any, covered, AlgorithmSet::STANDARD);
    assert_refused!(judge(&message, BODY, &policy, &key), "digest_not_covered", "HS-DIG-04");
}

#[test]
fn hs_ver_04_a_difference_is_found_line_by_line() {
    let key = key();
    let message = signed(request(), new_signature(), &key);
    let context = Context::request(&message);
    let fields = SignatureFields::of(&context).unwrap();
    let base = fields.select(&policy(), NOW).unwrap().base().unwrap();
    assert_eq!(differences(&base, &base), []);
    let other = base.replace("?shop=3", "?shop=4").replace("\"content-digest\"", "\"x\"");
    let lines: Vec<_> = differences(&base, &other).iter().map(|found| found.line).collect();
    assert_eq!(lines, [4, 5, 6]);
    let more = format!("{base}\nmore");
    assert_eq!(differences(&base, &more)[0].own, None);
}

#[test]
fn hs_id_03_hs_id_04_hs_atk_04_an_identifier_is_there_once_however_its_parameters_stand() {
    let one: Component<'_> = "\"x\";req;key=\"a\";sf".parse().unwrap();
    let other: Component<'_> = "\"x\";sf;key=\"a\";req".parse().unwrap();
    assert_eq!(one, other);
    assert_ne!(one.to_string(), other.to_string(), "the order is kept");
    assert_ne!(one, "\"x\";req;key=\"b\";sf".parse().unwrap());
    let (response, request) = (RawMessage::response(200), request());
    // Few or many between them, and others with the same name.
    for between in [0, 1, 14, 15, 62] {
        let others = (0..between).map(|at| format!("\"x\";req;sf;key=\"{at}\"").parse().unwrap());
        let twice = NewSignature::covering([one.clone()].into_iter().chain(others).chain([other.clone()]));
        assert_refused!(
            twice.created(NOW).prepare(&Context::response(&response).to(&request)),
            "component_duplicate",
            "HS-ID-04",
            "{between}"
        );
    }
    // HS-ID-03: the name of a derived component is looked up nowhere else.
    assert_refused!(aims_httpsig::Component::field("@path"), "field_name", "HS-ID-02");
}

#[test]
fn hs_atk_08_a_query_parameter_is_there_once_however_it_is_written() {
    for query in ["a=1&a=1", "a=1&%61=2", "%61=1&a=2", "a&a"] {
        let message = RawMessage::request("GET", &format!("/?{query}"));
        let value = Context::request(&message).value(&Component::query_param("a").unwrap());
        assert_refused!(value, "query_param_repeated", "HS-VAL-14", "{query}");
    }
    let message = RawMessage::request("GET", "/?&&a=1&b=2&&");
    assert_eq!(Context::request(&message).value(&Component::query_param("a").unwrap()).unwrap(), "1");
}

#[test]
fn hs_ver_04_the_base_of_a_signature_that_nobody_takes_can_be_looked_at() {
    let key = key();
    let future =
        NewSignature::covering([Component::method()]).created(UnixTime::from_secs(999_999_999_999_999));
    let message = signed(request(), new_signature(), &key);
    let message = signed(message, future.label("other"), &key).with_header("x-later", "1");
    let context = Context::request(&message);
    let fields = SignatureFields::of(&context).unwrap();
    let outlines: Vec<_> = fields.outlines().unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!((outlines[0].label(), outlines[1].label()), ("sig1", "other"));
    assert_eq!(outlines[0].components(), covered());
    assert_eq!(outlines[0].parameters().key_id(), Some("k1"));
    assert_eq!(outlines[0].base(), fields.select(&policy(), NOW).unwrap().base());
    assert!(outlines[1].base().unwrap().starts_with("\"@method\": POST\n\"@signature-params\": "));

    let absent =
        message.with_header("signature-input", "gone=(\"x-gone\")").with_header("signature", "gone=:AA==:");
    let context = Context::request(&absent);
    let fields = SignatureFields::of(&context).unwrap();
    let outlines = fields.outlines().unwrap();
    assert_refused!(outlines[2].as_ref().unwrap().base(), "field_absent", "HS-VAL-04");
    let twice = absent.with_header("signature-input", "b=(\"a\" \"a\")").with_header("signature", "b=:AA==:");
    let context = Context::request(&twice);
    let fields = SignatureFields::of(&context).unwrap();
    assert_refused!(fields.outlines().unwrap().remove(3), "component_duplicate", "HS-ID-04");
}
