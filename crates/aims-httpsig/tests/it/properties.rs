//! What holds for every message.

use aims_httpsig::sf::{Dictionary, Limits};
use aims_httpsig::{Component, Context, NewSignature, Policy, RawMessage, SignatureFields, Tag};
use aims_keys::{Algorithm, AlgorithmSet, Signer};
use proptest::prelude::*;

use crate::world::*;

/// Everything that the request below has.
fn all() -> Vec<Component<'static>> {
    vec![
        Component::method(),
        Component::authority(),
        Component::scheme(),
        Component::path(),
        Component::query(),
        Component::target_uri(),
        Component::request_target(),
        Component::query_param("shop").unwrap(),
        field("x-plain"),
        field("x-plain").binary().unwrap(),
        field("priority").structured().unwrap(),
        field("priority").member("u").unwrap(),
        field("x-late").in_trailers().unwrap(),
    ]
}

fn message(plain: &str, shop: &str) -> RawMessage {
    RawMessage::request("POST", &format!("/v1/orders?shop={shop}"))
        .with_scheme("https")
        .with_authority("shop.example")
        .with_header("x-plain", plain)
        .with_header("priority", "u=2, i")
        .with_trailer("x-late", "1")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn hs_base_01_what_is_signed_verifies_whatever_it_covers(
        chosen in prop::sample::subsequence(all(), 1..13).prop_shuffle(),
        plain in "[!-~]([ -~]{0,30}[!-~])?",
        shop in "[a-z0-9%]{1,8}",
        nonce in "[ -~]{0,20}",
    ) {
        let key = key();
        let signature = NewSignature::covering(chosen.clone()).created(NOW).nonce(nonce.clone()).algorithm(Algorithm::Es256);
        let message = signed(message(&plain, &shop), signature, &key);
        let policy = Policy::new(Tag::Absent, chosen.clone(), AlgorithmSet::STANDARD);
        let values: Vec<_> = chosen.iter().map(|one| Context::request(&message).value(one).unwrap()).collect();
        verify(&message, &policy, Signer::public_key(&key), NOW, |verified| {
            assert_eq!(verified.parameters().nonce(), Some(&*nonce));
            let covered: Vec<_> = verified.covered().map(|(_, value)| value.to_owned()).collect();
            assert_eq!(covered, values);
            Ok(())
        }).unwrap();
    }

    #[test]
    fn hs_base_06_any_changed_byte_of_a_covered_value_is_refused(
        plain in "[!-~]{1,30}",
        at in any::<prop::sample::Index>(),
        to in b'!'..=b'~',
    ) {
        let key = key();
        let covered = [Component::method(), field("x-plain")];
        let fields = NewSignature::covering(covered.clone()).created(NOW)
            .prepare(&Context::request(&message(&plain, "3"))).unwrap().sign(&key).unwrap();
        let mut changed = plain.clone().into_bytes();
        let at = at.index(changed.len());
        prop_assume!(changed[at] != to);
        changed[at] = to;
        let changed = message(str::from_utf8(&changed).unwrap(), "3")
            .with_header("signature-input", fields.signature_input())
            .with_header("signature", fields.signature());
        let policy = Policy::new(Tag::Absent, covered, AlgorithmSet::STANDARD);
        prop_assert!(verify(&changed, &policy, Signer::public_key(&key), NOW, |_| Ok(())).is_err());
    }

    #[test]
    fn hs_sf_05_hs_atk_05_any_fields_are_read_without_panic(
        input in "([ -~\u{e9}\t]|[(),;=\"@:?*]|created|sig){0,80}",
        signature in "([ -~]|:|=|,){0,40}",
    ) {
        let message = RawMessage::request("GET", "/")
            .with_header("signature-input", input)
            .with_header("signature", signature);
        let context = Context::request(&message);
        let policy = Policy::new(Tag::Any, [], AlgorithmSet::STANDARD).dangerous_allowing_no_coverage();
        if let Ok(candidates) = SignatureFields::of(&context).unwrap().candidates(&policy, NOW) {
            for candidate in candidates.into_iter().flatten() {
                let _ = candidate.base();
            }
        }
    }

    #[test]
    fn hs_sf_04_what_is_written_is_read_as_the_same(text in "([a-z*]|[=,; ]|[(]|[)]|[0-9.-]|\"[ -~]{0,5}\"|[?]1|:aGk=:|@5|%\"a%c3%bc\"){0,24}") {
        if let Ok(dictionary) = Dictionary::parse(text.as_bytes(), &Limits::default()) {
            let written = dictionary.to_string();
            let again = Dictionary::parse(written.as_bytes(), &Limits::default()).unwrap();
            prop_assert_eq!(again.to_string(), written);
            for (_, member) in dictionary.iter() {
                // HS-SF: the place of each member in the text, which means the same by itself.
                let span = member.span();
                prop_assert!(text.get(span).is_some());
            }
        }
    }
}
