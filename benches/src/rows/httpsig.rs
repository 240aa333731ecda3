//! HTTP message signatures over eight components.

use std::rc::Rc;
use std::time::Duration;

use aims_httpsig::sf::{Dictionary, Limits};
use aims_httpsig::{Component, Context, Digests, HttpRequest, NewSignature, Policy, SignatureFields, Tag};
use aims_keys::{AlgorithmSet, backend};
use http::Request;
use ring::rand::SystemRandom;

use crate::fixtures::{NOW, P256};
use crate::row::Row;

/// A signed request, and what is verified with.
struct Signed {
    key: P256,
    request: Request<Vec<u8>>,
    policy: Policy,
    base: String,
    signature: Vec<u8>,
}

impl Signed {
    fn new(body: usize) -> Self {
        let key = P256::generate(backend::ring());
        let mut request = unsigned(body);
        let fields = {
            let message = HttpRequest::outgoing(&request);
            signature()
                .prepare(&Context::request(&message))
                .expect("a base")
                .sign(&*key.ours)
                .expect("a signature")
        };
        let headers = request.headers_mut();
        headers.insert("signature-input", fields.signature_input().parse().expect("a value"));
        headers.insert("signature", fields.signature().parse().expect("a value"));
        // As a server gets it: the authority is in `Host`.
        *request.uri_mut() =
            request.uri().path_and_query().expect("a path").as_str().parse().expect("a target");
        let policy = Policy::new(Tag::Is("bench".into()), covered(), AlgorithmSet::STANDARD);
        let (base, signature) = {
            let message = HttpRequest::received(&request, "https");
            let context = Context::request(&message);
            let selected = SignatureFields::of(&context).expect("fields");
            let base = selected.select(&policy, *NOW).expect("a candidate").base().expect("a base");
            let dictionary =
                Dictionary::parse(fields.signature().as_bytes(), &Limits::new()).expect("a dictionary");
            let member = dictionary.get("sig1").and_then(|member| member.as_item()).expect("a member");
            (base, member.bare().as_bytes().expect("bytes").to_vec())
        };
        Self { key, request, policy, base, signature }
    }

    fn verify(&self) {
        let message = HttpRequest::received(&self.request, "https");
        let context = Context::request(&message);
        let fields = SignatureFields::of(&context).expect("fields");
        let verified = fields.select(&self.policy, *NOW).expect("a candidate").verify(self.key.public());
        let verified = verified.expect("a signature");
        if self.request.body().is_empty() {
            let _ = std::hint::black_box(verified);
        } else {
            let _ = std::hint::black_box(
                verified.with_content(self.request.body(), backend::ring()).expect("content"),
            );
        }
    }

    fn raw(&self) -> impl FnMut() + 'static {
        let (raw, base, signature) = (self.key.ring_public(), self.base.clone(), self.signature.clone());
        move || raw.verify(base.as_bytes(), &signature).expect("a good signature")
    }
}

/// A request as an agent sends it, with what proxies add.
fn unsigned(body: usize) -> Request<Vec<u8>> {
    let body = vec![b'x'; body];
    let digest = Digests::field(&body, backend::ring());
    let mut request = Request::post("https://tools.example/v1/search?to=LIS&on=2026-12-01");
    for (name, value) in [
        ("host", "tools.example"),
        ("content-type", "application/json"),
        ("content-digest", &*digest),
        ("authorization", "Bearer 0123456789abcdef0123456789abcdef"),
        ("accept", "application/json"),
        ("user-agent", "bench/1"),
        ("x-forwarded-for", "192.0.2.7"),
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ] {
        request = request.header(name, value);
    }
    request.body(body).expect("a request")
}

fn covered() -> Vec<Component<'static>> {
    let fields = ["content-type", "content-digest", "authorization", "date"];
    let fields = fields.map(|name| Component::field(name).expect("a name"));
    [Component::method(), Component::authority(), Component::path(), Component::query()]
        .into_iter()
        .chain(fields)
        .collect()
}

fn signature() -> NewSignature<'static> {
    NewSignature::covering(covered())
        .created(*NOW)
        .expires_after(Duration::from_secs(60))
        .nonce("q83vEjRWeJASNFZ4kBI0Vg")
        .tag("bench")
}

pub(super) fn verify() -> Row {
    let signed = Rc::new(Signed::new(0));
    let raw = signed.raw();
    Row::new(move || signed.verify()).raw(raw).goal(4000.0).goal_allocs(10.0)
}

pub(super) fn verify_with_content() -> Row {
    let signed = Rc::new(Signed::new(1024 * 1024));
    let (mut raw, body) = (signed.raw(), signed.request.body().clone());
    Row::new(move || signed.verify())
        .raw(move || {
            raw();
            std::hint::black_box(ring::digest::digest(&ring::digest::SHA256, &body));
        })
        .goal(4000.0)
}

pub(super) fn sign() -> Row {
    let signed = Signed::new(0);
    let (raw, random, base) = (signed.key.ring(), SystemRandom::new(), signed.base.clone());
    let request = unsigned(0);
    Row::new(move || {
        let message = HttpRequest::outgoing(&request);
        let unsigned = signature().prepare(&Context::request(&message)).expect("a base");
        std::hint::black_box(unsigned.sign(&*signed.key.ours).expect("a signature"));
    })
    .raw(move || {
        std::hint::black_box(raw.sign(&random, base.as_bytes()).expect("a signature"));
    })
}

pub(super) fn base() -> Row {
    let signed = Signed::new(0);
    Row::short(move || {
        let message = HttpRequest::received(&signed.request, "https");
        let context = Context::request(&message);
        let fields = SignatureFields::of(&context).expect("fields");
        fields.select(&signed.policy, *NOW).expect("a candidate").base().expect("a base")
    })
}

pub(super) fn fields() -> Row {
    let signed = Signed::new(0);
    let input = signed.request.headers()["signature-input"].as_bytes().to_vec();
    Row::short(move || Dictionary::parse(&input, &Limits::new()).expect("a dictionary").len())
}
