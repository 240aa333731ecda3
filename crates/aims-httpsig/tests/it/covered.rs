//! What a signature says before it is verified, and what is left of it afterwards.

use aims_httpsig::{Component, Context, Digests, NewSignature, Policy, RawMessage, SignatureFields, Tag};
use aims_keys::{AlgorithmSet, Signer, backend};
use aims_testkit::assert_refused;

use crate::world::*;

#[test]
fn hs_ver_01_a_candidate_says_what_helps_to_find_its_key() {
    let message = signed(request(), new_signature().nonce("n-1"), &key());
    let fields = SignatureFields::of(&Context::request(&message)).unwrap();
    let candidate = fields.select(&policy(), NOW).unwrap();
    assert_eq!((candidate.label(), candidate.key_id()), ("sig1", Some("k1")));
    assert_eq!(candidate.parameters().nonce(), Some("n-1"));
    assert_eq!(candidate.components(), covered());
    assert!(candidate.base().unwrap().starts_with("\"@method\": POST\n"));
}

#[test]
fn hs_sign_01_both_fields_are_handed_out_with_their_names() {
    let fields = new_signature().prepare(&Context::request(&request())).unwrap().sign(&key()).unwrap();
    let named: Vec<_> = fields.iter().collect();
    assert_eq!(named, [("signature-input", fields.signature_input()), ("signature", fields.signature())]);
    assert!(fields.signature().starts_with("sig1=:") && fields.signature_input().starts_with("sig1=("));
}

#[test]
fn hs_ver_02_components_are_covered_in_any_order() {
    let key = key();
    let order = covered().into_iter().rev();
    let turned = NewSignature::covering(order).created(NOW).key_id("k1").tag("orders");
    judge(&signed(request(), turned, &key), BODY, &policy(), &key).unwrap();
}

#[test]
fn hs_fld_06_what_is_covered_stays_without_the_message() {
    let key = key();
    let message = signed(request(), new_signature(), &key);
    let covered =
        verify(&message, &policy(), Signer::public_key(&key), NOW, |verified| Ok(verified.into_covered()))
            .unwrap();
    let digest = Digests::field(BODY, backend::ring());
    let all: Vec<_> = covered.iter().collect();
    assert_eq!(
        all,
        [
            ("\"@method\"", "POST"),
            ("\"@authority\"", "shop.example"),
            ("\"@path\"", "/v1/orders"),
            ("\"@query\"", "?shop=3"),
            ("\"content-digest\"", digest.as_str()),
        ]
    );
    assert_eq!(covered.value(&Component::query()), Some("?shop=3"));
    assert_eq!(covered.value(&field("content-digest")), Some(digest.as_str()));
    assert_eq!(covered.value(&field("content-digest").of_request().unwrap()), None);
    assert_eq!(covered.value(&Component::scheme()), None);
}

/// However the field was covered, the digest in it counts.
#[test]
fn hs_dig_04_a_digest_is_covered_as_lines_and_in_trailers_too() {
    let key = key();
    let digest = || field("content-digest");
    let check = |message: RawMessage, component: Component<'static>, body: &[u8]| {
        let new = NewSignature::covering([component.clone()]).created(NOW).tag("orders");
        let policy = Policy::new(Tag::Is("orders".into()), [component], AlgorithmSet::STANDARD);
        judge(&signed(message, new, &key), body, &policy, &key)
    };
    let trailing = || {
        RawMessage::request("POST", "/")
            .with_authority("shop.example")
            .with_trailer("content-digest", Digests::field(BODY, backend::ring()))
    };
    for body in [BODY, b"other".as_slice()] {
        for (message, component) in [
            (request(), digest()),
            (request(), digest().binary().unwrap()),
            (request(), digest().structured().unwrap()),
            (trailing(), digest().in_trailers().unwrap()),
            (trailing(), digest().in_trailers().unwrap().binary().unwrap()),
        ] {
            let name = component.to_string();
            let judged = check(message, component, body);
            if body == BODY {
                assert_eq!(judged, Ok(()), "{name}");
            } else {
                assert_refused!(judged, "digest_mismatch", "HS-DIG-03", "{name}");
            }
        }
    }
    // A member of it is not the whole of it.
    let member = digest().member("sha-256").unwrap();
    assert_refused!(check(request(), member, BODY), "digest_not_covered", "HS-DIG-04");
}
