//! Messages of the crate `http`.

use aims_httpsig::{Component, Context, HttpRequest, HttpResponse, Message, NewSignature};
use aims_testkit::assert_refused;
use http::{HeaderMap, Request, Response, Version};

use crate::world::{field, key};

fn value(message: &dyn Message, component: &Component<'_>) -> String {
    Context::request(message).value(component).unwrap()
}

#[test]
fn hs_val_10_a_request_says_the_same_on_both_sides() {
    let sent = Request::post("https://Shop.Example:443/a%2Fb?c=1")
        .header("x", "1")
        .header("X", " 2")
        .body(())
        .unwrap();
    let sent = HttpRequest::outgoing(&sent);
    let origin =
        Request::post("/a%2Fb?c=1").header("host", "shop.example").header("x", "1, 2").body(()).unwrap();
    let http1 = HttpRequest::received(&origin, "https");
    let pseudo = Request::post("https://shop.example/a%2Fb?c=1")
        .version(Version::HTTP_2)
        .header("x", "1, 2")
        .body(())
        .unwrap();
    let http2 = HttpRequest::received(&pseudo, "https");
    for component in [
        Component::method(),
        Component::authority(),
        Component::scheme(),
        Component::path(),
        Component::query(),
        Component::request_target(),
        field("x"),
    ] {
        let expected = value(&sent, &component);
        assert_eq!(value(&http1, &component), expected, "{component}");
        assert_eq!(value(&http2, &component), expected, "{component}");
    }
    assert_eq!(value(&http2, &Component::target_uri()), "https://shop.example/a%2Fb?c=1");
}

#[test]
fn hs_sign_01_a_signature_is_added_behind_the_ones_that_are_there() {
    let mut request =
        Request::get("https://shop.example/").header("signature", "sig1=:AAAA:").body(()).unwrap();
    request.headers_mut().append("signature-input", "sig1=()".parse().unwrap());
    let signed = {
        let message = HttpRequest::outgoing(&request);
        let signature = NewSignature::covering([Component::method()]).any_label();
        signature.prepare(&Context::request(&message)).unwrap().sign(&key()).unwrap()
    };
    signed.append_to(request.headers_mut()).unwrap();
    for (name, value) in signed.iter() {
        let lines: Vec<_> = request.headers().get_all(name).iter().collect();
        assert!(lines.len() == 2 && lines[1] == value && value.starts_with("sig2="), "{lines:?}");
    }
}

#[test]
fn hs_val_10_another_host_is_found() {
    let absolute = Request::get("https://a.example/x").header("host", "b.example").body(()).unwrap();
    let received = HttpRequest::received(&absolute, "https");
    let refused = Context::request(&received).value(&Component::authority());
    assert_refused!(refused, "authority_mismatch", "HS-VAL-10");
    assert_eq!(value(&received, &Component::request_target()), "https://a.example/x");
    // Before it is sent, the field is what will be sent.
    assert_eq!(value(&HttpRequest::outgoing(&absolute), &Component::authority()), "b.example");
    let two = Request::get("/x").header("host", "a.example").header("host", "b.example").body(()).unwrap();
    let refused = Context::request(&HttpRequest::received(&two, "https")).value(&Component::authority());
    assert_refused!(refused, "component_unavailable", "HS-BASE-05");
}

#[test]
fn hs_val_10_nobody_chooses_which_of_several_authorities_was_signed() {
    // What is routed by one field and verified by another was signed for somebody else.
    for hosts in
        [&["b.example"][..], &["a.example", "b.example"], &["b.example", "b.example"], &["\u{e4}"], &[""]]
    {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let request = Request::get("https://a.example/x").version(version);
            let request = hosts.iter().fold(request, |request, host| request.header("host", *host));
            let request = request.body(()).unwrap();
            let received = HttpRequest::received(&request, "https");
            let context = Context::request(&received);
            for component in [Component::authority(), Component::target_uri()] {
                let refused = context.value(&component);
                assert_refused!(refused, "authority_mismatch", "HS-VAL-10", "{version:?} {hosts:?}");
            }
            assert_eq!(context.with_any_host().value(&Component::authority()).unwrap(), "a.example");
        }
        let two = hosts.len() > 1 || !hosts[0].is_ascii() || hosts[0].is_empty();
        let request = Request::get("https://a.example/x");
        let request = hosts.iter().fold(request, |request, host| request.header("host", *host));
        let request = request.body(()).unwrap();
        // What is sent names one host.
        let outgoing = HttpRequest::outgoing(&request);
        assert_eq!(Context::request(&outgoing).value(&Component::authority()).is_err(), two, "{hosts:?}");
    }
    let same = Request::get("https://a.example/x")
        .version(Version::HTTP_2)
        .header("host", "A.Example:443")
        .body(())
        .unwrap();
    assert_eq!(value(&HttpRequest::received(&same, "https"), &Component::authority()), "a.example");
}

#[test]
fn the_other_forms_of_targets() {
    let connect = Request::connect("proxy.example:443").body(()).unwrap();
    let connect = HttpRequest::received(&connect, "https");
    assert_eq!(value(&connect, &Component::request_target()), "proxy.example:443");
    // HS-VAL-10: it has no scheme, and so no port that is left out.
    assert_eq!(value(&connect, &Component::authority()), "proxy.example:443");
    assert_refused!(
        Context::request(&connect).value(&Component::path()),
        "component_unavailable",
        "HS-BASE-05"
    );
    let options = Request::options("*").header("host", "a.example").body(()).unwrap();
    let options = HttpRequest::received(&options, "https");
    assert_eq!(value(&options, &Component::request_target()), "*");
    assert_refused!(
        Context::request(&options).value(&Component::query()),
        "component_unavailable",
        "HS-BASE-05"
    );
    let bare = Request::get("https://a.example").body(()).unwrap();
    assert_eq!(value(&HttpRequest::outgoing(&bare), &Component::path()), "/");
}

#[test]
fn hs_val_05_responses_have_a_status_and_trailers() {
    let response = Response::builder().status(404).header("x", "h").body(()).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x", "t".parse().unwrap());
    let response = HttpResponse::new(&response).with_trailers(&trailers);
    let context = Context::response(&response);
    assert_eq!(context.value(&Component::status()).unwrap(), "404");
    assert_eq!(context.value(&field("x")).unwrap(), "h");
    assert_eq!(context.value(&field("x").in_trailers().unwrap()).unwrap(), "t");
    assert_refused!(context.value(&Component::method()), "not_in_this_message", "HS-ID-05");
}
