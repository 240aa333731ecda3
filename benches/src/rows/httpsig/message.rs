//! Requests as agents send them, signed.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Duration;

use aims_httpsig::sf::{Dictionary, Limits};
use aims_httpsig::{Component, Context, Digests, HttpRequest, NewSignature, Policy, SignatureFields, Tag};
use aims_keys::{AlgorithmSet, SoftwareKey, backend};
use http::Request;

use crate::fixtures::{Ed25519, NOW, P256};

pub(super) const NONCE: &str = "q83vEjRWeJASNFZ4kBI0Vg";

pub(super) const TAG: &str = "bench";

/// How long it counts, in seconds.
pub(super) const LIFETIME: u64 = 3600;

/// A key, for ours and for its backend alone.
pub(super) trait Key {
    fn generate() -> Self;

    fn ours(&self) -> &SoftwareKey;

    /// Verifies what it is called with.
    fn raw_verify(&self) -> impl Fn(&[u8], &[u8]) + 'static;
}

impl Key for P256 {
    fn generate() -> Self {
        Self::generate(backend::ring())
    }

    fn ours(&self) -> &SoftwareKey {
        &self.ours
    }

    fn raw_verify(&self) -> impl Fn(&[u8], &[u8]) + 'static {
        let key = self.ring_public();
        move |message, signature| key.verify(message, signature).expect("a good signature")
    }
}

impl Key for Ed25519 {
    fn generate() -> Self {
        Self::generate(backend::ring())
    }

    fn ours(&self) -> &SoftwareKey {
        &self.ours
    }

    fn raw_verify(&self) -> impl Fn(&[u8], &[u8]) + 'static {
        let key = self.ring_public();
        move |message, signature| key.verify(message, signature).expect("a good signature")
    }
}

/// The same kind of key, by AWS-LC.
pub(super) struct AwsLc(pub(super) Ed25519);

impl Key for AwsLc {
    fn generate() -> Self {
        Self(Ed25519::generate(backend::aws_lc()))
    }

    fn ours(&self) -> &SoftwareKey {
        &self.0.ours
    }

    fn raw_verify(&self) -> impl Fn(&[u8], &[u8]) + 'static {
        let key = self.0.aws_lc_public();
        move |message, signature| key.verify_sig(message, signature).expect("a good signature")
    }
}

/// A signed request as a server gets it, and what it is verified with.
pub(super) struct Signed<K = P256> {
    pub(super) key: K,
    pub(super) request: Request<Vec<u8>>,
    pub(super) policy: Policy,
    /// How many components are covered.
    pub(super) components: usize,
    /// `Signature-Input`.
    pub(super) input: String,
    pub(super) base: String,
    pub(super) signature: Vec<u8>,
}

impl<K: Key> Signed<K> {
    /// Covers so many components; there are so many header lines beside those of every request.
    pub(super) fn new(components: usize, lines: usize, content: usize) -> Self {
        let key = K::generate();
        let mut request = unsigned(components, lines, content);
        let fields = {
            let message = HttpRequest::outgoing(&request);
            let prepared = with_parameters(NewSignature::covering(covered(components)))
                .prepare(&Context::request(&message))
                .expect("a base");
            prepared.sign(key.ours()).expect("a signature")
        };
        // In HTTP/1.1 a server gets the path, and the host as a field.
        let path = request.uri().path_and_query().expect("a path").as_str().parse().expect("a target");
        *request.uri_mut() = path;
        let headers = request.headers_mut();
        headers.insert("signature-input", fields.signature_input().parse().expect("a value"));
        headers.insert("signature", fields.signature().parse().expect("a value"));
        let policy = Policy::new(Tag::Is(TAG.into()), covered(components), AlgorithmSet::STANDARD);
        let base = {
            let message = HttpRequest::received(&request, "https");
            let fields = SignatureFields::of(&Context::request(&message)).expect("fields");
            fields.select(&policy, *NOW).expect("a candidate").base().expect("a base")
        };
        let dictionary =
            Dictionary::parse(fields.signature().as_bytes(), &Limits::new()).expect("a dictionary");
        let member = dictionary.get("sig1").and_then(|member| member.as_item()).expect("a member");
        let signature = member.bare().as_bytes().expect("bytes").to_vec();
        let input = fields.signature_input().to_owned();
        Self { key, request, policy, components, input, base, signature }
    }

    pub(super) fn verify(&self) {
        let message = HttpRequest::received(&self.request, "https");
        let fields = SignatureFields::of(&Context::request(&message)).expect("fields");
        let verified =
            fields.select(&self.policy, *NOW).expect("a candidate").verify(self.key.ours().public_key());
        let verified = verified.expect("a signature");
        if self.request.body().is_empty() {
            drop(black_box(verified));
        } else {
            drop(black_box(verified.with_content(self.request.body(), backend::ring()).expect("content")));
        }
    }

    pub(super) fn raw(&self) -> impl FnMut() + 'static {
        let (raw, base, signature) = (self.key.raw_verify(), self.base.clone(), self.signature.clone());
        move || raw(base.as_bytes(), &signature)
    }
}

/// A request as an agent sends it, with what proxies add.
pub(super) fn unsigned(components: usize, lines: usize, content: usize) -> Request<Vec<u8>> {
    let content = vec![b'x'; content];
    let digest = Digests::field(&content, backend::ring());
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
    for name in more_fields(components) {
        request = request.header(name, "a value of some length");
    }
    for number in 0..lines {
        request = request.header(format!("x-other-{number}"), "another value of some length");
    }
    request.body(content).expect("a request")
}

pub(super) fn covered(components: usize) -> Vec<Component<'static>> {
    let fields = ["content-type", "content-digest", "authorization", "date"].map(Cow::Borrowed);
    let fields = fields.into_iter().chain(more_fields(components).map(Cow::Owned));
    [Component::method(), Component::authority(), Component::path(), Component::query()]
        .into_iter()
        .chain(fields.map(|name| Component::field(name).expect("a name")))
        .collect()
}

/// Beyond the first eight.
fn more_fields(components: usize) -> impl Iterator<Item = String> {
    (8..components).map(|number| format!("x-field-{number}"))
}

pub(super) fn with_parameters(signature: NewSignature<'static>) -> NewSignature<'static> {
    signature.created(*NOW).expires_after(Duration::from_secs(LIFETIME)).nonce(NONCE).tag(TAG)
}
