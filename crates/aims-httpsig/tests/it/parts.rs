//! What the parts say of themselves, and where their limits are.

use aims_httpsig::{
    AcceptSignature, Component, Context, Digests, Message, NewSignature, Part, RawMessage,
    registered_algorithm, registered_name,
};
use aims_keys::{Algorithm, backend};
use aims_testkit::assert_refused;

use crate::world::*;

/// A message of which nothing is known but its fields.
struct Bare;

impl Message for Bare {
    fn lines<'m>(&'m self, _: Part, _: &str, _: &mut dyn FnMut(&'m [u8])) {}
}

/// One that knows its target besides.
struct Targeted;

impl Message for Targeted {
    fn target(&self) -> Option<&str> {
        Some("/v1/orders")
    }

    fn lines<'m>(&'m self, _: Part, _: &str, _: &mut dyn FnMut(&'m [u8])) {}
}

#[test]
fn hs_base_05_a_message_that_says_nothing_of_itself_has_no_derived_components() {
    let context = Context::request(&Bare);
    for component in [
        Component::method(),
        Component::scheme(),
        Component::authority(),
        Component::path(),
        Component::query(),
        Component::request_target(),
        Component::target_uri(),
    ] {
        assert_refused!(context.value(&component), "component_unavailable", "HS-BASE-05", "{component}");
        assert!(!context.has(&component));
    }
    let targeted = Context::request(&Targeted);
    assert_eq!(targeted.value(&Component::path()).unwrap(), "/v1/orders");
    for component in [Component::scheme(), Component::authority(), Component::target_uri()] {
        assert_refused!(targeted.value(&component), "component_unavailable", "HS-BASE-05", "{component}");
    }
    let response = Context::response(&Bare);
    assert_refused!(response.value(&Component::status()), "component_unavailable", "HS-BASE-05");
    assert!(!format!("{context:?}").is_empty() && format!("{response:?}").contains("is_response: true"));
}

#[test]
fn hs_ver_02_a_message_has_what_it_has() {
    let message = request().with_header("x-empty", "").with_trailer("x-late", "1");
    let context = Context::request(&message);
    for component in [Component::method(), Component::authority(), Component::query(), field("x-empty")] {
        assert!(context.has(&component), "{component}");
    }
    assert!(context.has(&field("x-late").in_trailers().unwrap()));
    for component in [Component::status(), field("x-late"), field("x-none")] {
        assert!(!context.has(&component), "{component}");
    }
    assert!(!context.has(&Component::method().of_request().unwrap()));
}

#[test]
fn hs_acc_01_a_wish_says_what_it_wishes() {
    let wished = AcceptSignature::parse(br#"a=("@method";req "@status");nonce="n", b=()"#).unwrap();
    assert_eq!([wished[0].label(), wished[1].label()], ["a", "b"]);
    let components = [Component::method().of_request().unwrap(), Component::status()];
    assert_eq!(wished[0].components(), components);
    assert!(wished[1].components().is_empty());
    assert!(!wished[0].wants_created() && !wished[0].wants_expires());
    assert_eq!(wished[0].parameters().iter().map(|(name, _)| name).collect::<Vec<_>>(), ["nonce"]);
    assert!(wished[1].parameters().is_empty());
    let eight = (0..8).map(|at| format!("s{at}=()")).collect::<Vec<_>>().join(", ");
    assert_eq!(AcceptSignature::parse(eight.as_bytes()).unwrap().len(), 8);
}

#[test]
fn hs_fld_07_hs_id_04_sixty_four_components_and_none_twice() {
    let message = (0..70).fold(request(), |message, at| message.with_header(&format!("x-{at}"), "1"));
    let context = Context::request(&message);
    let prepare = |covered: Vec<Component<'static>>| NewSignature::covering(covered).prepare(&context);
    let fields = |count: usize| (0..count).map(|at| field(&format!("x-{at}"))).collect::<Vec<_>>();
    let _ = prepare(fields(64)).unwrap();
    assert_refused!(prepare(fields(65)), "too_many_components", "HS-FLD-07");
    // Few are compared with each other, many are looked up: twice is twice either way.
    for count in [1, 2, 15, 16, 17, 18, 40, 63] {
        let mut covered = fields(count);
        covered.push(field("x-0"));
        assert_refused!(prepare(covered), "component_duplicate", "HS-ID-04", "{count}");
    }
    let wish = |count: usize| {
        let components = fields(count).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        AcceptSignature::parse(format!("s=({components})").as_bytes()).map(drop)
    };
    wish(64).unwrap();
    assert_refused!(wish(65), "too_many_components", "HS-FLD-07");
}

#[test]
fn hs_id_06_hs_id_07_the_text_of_a_parameter_is_printable() {
    for text in ["\n", "é", "\u{7f}"] {
        assert_refused!(Component::query_param(text), "component_parameter_type", "HS-ID-06", "{text:?}");
        assert_refused!(field("x").member(text), "component_parameter_type", "HS-ID-06", "{text:?}");
    }
    let component = field("x").member("a b").unwrap().in_trailers().unwrap();
    let names: Vec<_> = component.parameters().iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["key", "tr"]);
}

#[test]
fn hs_alg_01_the_registry_has_these_names() {
    let named = |algorithm| registered_name(algorithm);
    assert_eq!(named(Algorithm::Es256), Some("ecdsa-p256-sha256"));
    assert_eq!(named(Algorithm::Es384), Some("ecdsa-p384-sha384"));
    assert_eq!((named(Algorithm::Ed25519), named(Algorithm::EdDsa)), (Some("ed25519"), Some("ed25519")));
    assert_eq!(named(Algorithm::Ps512), Some("rsa-pss-sha512"));
    assert_eq!(named(Algorithm::Rs256), Some("rsa-v1_5-sha256"));
    assert_eq!((named(Algorithm::Ps256), named(Algorithm::MlDsa44)), (None, None));
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::EdDsa) {
        let back = named(algorithm).and_then(registered_algorithm);
        assert_eq!(back, named(algorithm).map(|_| algorithm), "{algorithm}");
    }
    for name in ["hmac-sha256", "RSA-PSS-SHA512", "PS512", ""] {
        assert_eq!(registered_algorithm(name), None, "{name}");
    }
}

#[test]
fn hs_id_10_the_types_of_known_fields_are_known() {
    let message = request()
        .with_header("client-cert", ":AAAA:")
        .with_header("client-cert-chain", ":AAAA:,:BBBB:")
        .with_header("cache-status", "a;hit,b")
        .with_header("proxy-status", "a,  b")
        .with_header("priority", "u=1,i");
    let context = Context::request(&message);
    for (name, value) in [
        ("client-cert", ":AAAA:"),
        ("client-cert-chain", ":AAAA:, :BBBB:"),
        ("cache-status", "a;hit, b"),
        ("proxy-status", "a, b"),
        ("priority", "u=1, i"),
    ] {
        assert_eq!(context.value(&field(name).structured().unwrap()).unwrap(), value, "{name}");
    }
    assert_refused!(context.value(&field("x-other").structured().unwrap()), "field_type_unknown", "HS-ID-10");
}

#[test]
fn hs_fld_06_the_parameters_of_what_was_verified_are_all_there() {
    let key = key();
    let message = signed(request(), new_signature().nonce("n-1"), &key);
    verify(&message, &policy(), aims_keys::Signer::public_key(&key), NOW, |verified| {
        let parameters = verified.parameters();
        assert_eq!((parameters.tag(), parameters.nonce()), (Some("orders"), Some("n-1")));
        let names: Vec<_> = parameters.iter().map(|(name, _)| name).collect();
        assert!(
            names.contains(&"created") && names.contains(&"nonce") && names.contains(&"tag"),
            "{names:?}"
        );
        Ok(())
    })
    .unwrap();
}

#[test]
fn hs_sign_01_the_first_label_that_is_free_is_taken() {
    let label = |message: &RawMessage| {
        let unsigned = new_signature().any_label().prepare(&Context::request(message)).unwrap();
        let input = unsigned.sign(&key()).unwrap().signature_input().to_owned();
        input.split('=').next().unwrap().to_owned()
    };
    assert_eq!(label(&request()), "sig1");
    let message = request().with_header("signature-input", "sig1=(), sig2=()");
    assert_eq!(label(&message), "sig3");
    let message = message.with_trailer("signature-input", "sig3=()");
    assert_eq!(label(&message), "sig4");
    let all = (1..9).map(|at| format!("sig{at}=()")).collect::<Vec<_>>().join(", ");
    let full = request().with_header("signature-input", all);
    let refused = new_signature().any_label().prepare(&Context::request(&full));
    assert_refused!(refused, "label_in_use", "HS-SIGN-01");
}

#[test]
fn hs_fld_07_hs_sf_06_fields_may_be_so_long() {
    let wish = |len: usize| {
        let start = r#"s=();nonce=""#;
        let text = format!("{start}{}\"", "n".repeat(len - start.len() - 1));
        assert_eq!(text.len(), len);
        AcceptSignature::parse(text.as_bytes()).map(drop)
    };
    wish(16 * 1024).unwrap();
    assert_refused!(wish(16 * 1024 + 1), "malformed_accept_signature", "HS-SF-06");
    let digest = |len: usize| {
        let field = Digests::field(b"", backend::ring());
        let text = format!("{field}, x=\"{}\"", "n".repeat(len - field.len() - 6));
        assert_eq!(text.len(), len);
        Digests::parse(text.as_bytes()).map(drop)
    };
    digest(8 * 1024).unwrap();
    let key = key();
    let signature_input = |len: usize| {
        let message_with = |nonce: usize| signed(request(), new_signature().nonce("n".repeat(nonce)), &key);
        let without = line(&message_with(0), "signature-input").len();
        let message = message_with(len - without);
        assert_eq!(line(&message, "signature-input").len(), len);
        judge(&message, BODY, &policy(), &key)
    };
    signature_input(16 * 1024).unwrap();
    assert_refused!(signature_input(16 * 1024 + 1), "too_many_signatures", "HS-FLD-07");
    assert_refused!(digest(8 * 1024 + 1), "digest_malformed", "HS-DIG-01");
}

fn line(message: &RawMessage, name: &str) -> Vec<u8> {
    let mut lines = Vec::new();
    message.lines(Part::Headers, name, &mut |line| lines.extend_from_slice(line));
    lines
}
