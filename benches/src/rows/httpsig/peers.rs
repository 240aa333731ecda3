//! Message signatures by other libraries. Each has its own type of message, which is made beforehand where it holds values of its own; what is left to callers there (finding
//! components in the message) is here as their documentation has it.

use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use ed25519_dalek::{Signer as _, Verifier as _};
use http::Request;
use httpsig::prelude::message_component::{
    DerivedComponentName, HttpMessageComponent, HttpMessageComponentId, HttpMessageComponentName,
};
use httpsig::prelude::{
    AlgorithmName, HttpSignatureBase, HttpSignatureHeaders, HttpSignatureParams, PublicKey, SecretKey,
    SigningKey as _, VerifyingKey as _,
};
use indexmap::IndexMap;
use web_bot_auth::components::{CoveredComponent, DerivedComponent, HTTPField, HTTPFieldParametersSet};
use web_bot_auth::keyring::{Algorithm, KeyRing};
use web_bot_auth::message_signatures::{MessageSigner, MessageVerifier, SignedMessage, UnsignedMessage};
use wimsey_httpsig::{Component, HttpRequest, SignatureParams, VerifyConfig};

use super::message::{Key, LIFETIME, NONCE, Signed, TAG, covered};
use crate::fixtures::NOW;

const HOST: &str = "tools.example";

/// It looks at times and coverage as ours does, and at no tag.
struct Wimsey {
    request: HttpRequest,
    components: Vec<Component>,
    parameters: SignatureParams,
}

impl Wimsey {
    fn new(signed: &Signed) -> Self {
        let uri = signed.request.uri();
        let headers = signed.request.headers().iter();
        let text = |value: &http::HeaderValue| value.to_str().expect("text").to_owned();
        Self {
            request: HttpRequest {
                method: signed.request.method().to_string(),
                authority: HOST.to_owned(),
                path: uri.path().to_owned(),
                query: uri.query().map(ToOwned::to_owned),
                headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
            },
            components: identifiers(signed)
                .map(|id| Component::from_quoted_id(&id).expect("a component"))
                .collect(),
            parameters: SignatureParams {
                created: Some(NOW.as_secs()),
                expires: Some(NOW.as_secs() + LIFETIME),
                nonce: Some(NONCE.to_owned()),
                tag: Some(TAG.to_owned()),
                ..SignatureParams::default()
            },
        }
    }
}

pub(super) fn wimsey_verify(signed: &Signed) -> impl FnMut() + 'static {
    let Wimsey { request, components, .. } = Wimsey::new(signed);
    let key = signed.key.wimsey().verifying_key();
    let config = VerifyConfig {
        now: Some(NOW.as_secs()),
        leeway: 30,
        max_age: Some(300),
        required_components: components,
        ..VerifyConfig::default()
    };
    let line = |name| request.component_value(&Component::header(name)).expect("a field");
    let (input, signature) = (line("signature-input"), line("signature"));
    move || {
        let verified = wimsey_httpsig::verify(&request, &input, &signature, &key, &config);
        black_box(verified.expect("a good signature"));
    }
}

pub(super) fn wimsey_raw(signed: &Signed) -> impl FnMut() + 'static {
    let (key, base) = (signed.key.wimsey().verifying_key(), signed.base.clone());
    let signature = signed.signature.clone();
    move || key.verify(base.as_bytes(), &signature).expect("a good signature")
}

pub(super) fn wimsey_sign(signed: &Signed) -> (impl FnMut() + 'static, impl FnMut() + 'static) {
    let Wimsey { request, components, parameters } = Wimsey::new(signed);
    let (key, same, base) = (signed.key.wimsey(), signed.key.wimsey(), signed.base.clone());
    let sign = move || {
        let signed = wimsey_httpsig::sign(&request, &components, &parameters, "sig1", &key);
        black_box(signed.expect("a signature"));
    };
    let raw = move || {
        black_box(same.sign(base.as_bytes()));
    };
    (sign, raw)
}

pub(super) fn wimsey_base(signed: &Signed) -> impl FnMut() -> String + 'static {
    let Wimsey { request, components, parameters } = Wimsey::new(signed);
    let expected = signed.base.clone();
    let base = move || wimsey_httpsig::signature_base(&request, &components, &parameters).expect("a base");
    assert_eq!(base(), expected, "another base");
    base
}

pub(super) fn sha256(content: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;

    sha2::Sha256::digest(content).into()
}

/// Callers take the values from the message. It looks at `expires`, by the clock, and at nothing else of what ours looks at.
struct Httpsig {
    request: Request<()>,
    public: PublicKey,
    secret: SecretKey,
}

impl Httpsig {
    fn new(signed: &Signed) -> Self {
        let (parts, _) = signed.request.clone().into_parts();
        let scalar = &signed.key.pkcs8[36..68];
        Self {
            request: Request::from_parts(parts, ()),
            public: PublicKey::from_bytes(&AlgorithmName::EcdsaP256Sha256, &signed.key.point).expect("a key"),
            secret: SecretKey::from_bytes(&AlgorithmName::EcdsaP256Sha256, scalar).expect("a key"),
        }
    }

    fn line(&self, name: &str) -> &str {
        self.request.headers()[name].to_str().expect("text")
    }

    fn base(&self, parameters: &HttpSignatureParams) -> HttpSignatureBase {
        let components = parameters.covered_components.iter().map(|id| self.component(id));
        HttpSignatureBase::try_new(&components.collect::<Vec<_>>(), parameters).expect("a base")
    }

    fn component(&self, id: &HttpMessageComponentId) -> HttpMessageComponent {
        let values = match &id.name {
            HttpMessageComponentName::HttpField(name) => {
                let lines = self.request.headers().get_all(name).iter();
                lines.map(|line| line.to_str().expect("text").to_owned()).collect()
            }
            HttpMessageComponentName::Derived(name) => vec![match name {
                DerivedComponentName::Method => self.request.method().to_string(),
                DerivedComponentName::Authority => self.line("host").to_owned(),
                DerivedComponentName::Path => self.request.uri().path().to_owned(),
                DerivedComponentName::Query => format!("?{}", self.request.uri().query().unwrap_or_default()),
                other => panic!("{other:?} is not covered here"),
            }],
        };
        HttpMessageComponent::try_from((id, values.as_slice())).expect("a component")
    }

    fn parameters(signed: &Signed) -> HttpSignatureParams {
        let list = signed.input.strip_prefix("sig1=").expect("a label");
        HttpSignatureParams::try_from(list).expect("parameters")
    }
}

pub(super) fn httpsig_verify(signed: &Signed) -> impl FnMut() + 'static {
    let own = Httpsig::new(signed);
    move || {
        let found = HttpSignatureHeaders::try_parse(own.line("signature"), own.line("signature-input"));
        let found = found.expect("fields");
        let headers = found.get("sig1").expect("a signature");
        let base = own.base(headers.signature_params());
        base.verify_signature_headers(&own.public, headers).expect("a good signature");
    }
}

pub(super) fn httpsig_raw(signed: &Signed) -> impl FnMut() + 'static {
    let (own, base, signature) = (Httpsig::new(signed), signed.base.clone(), signed.signature.clone());
    move || own.public.verify(base.as_bytes(), &signature).expect("a good signature")
}

pub(super) fn httpsig_sign(signed: &Signed) -> (impl FnMut() + 'static, impl FnMut() + 'static) {
    let own = Rc::new(Httpsig::new(signed));
    let (same, parameters, base) = (Rc::clone(&own), Httpsig::parameters(signed), signed.base.clone());
    let sign = move || {
        let headers = own.base(&parameters).build_signature_headers(&own.secret, Some("sig1"));
        let headers = headers.expect("a signature");
        black_box((headers.signature_input_header_value(), headers.signature_header_value()));
    };
    let raw = move || {
        black_box(same.secret.sign(base.as_bytes()).expect("a signature"));
    };
    (sign, raw)
}

pub(super) fn httpsig_base(signed: &Signed) -> impl FnMut() -> Vec<u8> + 'static {
    let (own, parameters) = (Httpsig::new(signed), Httpsig::parameters(signed));
    let expected = signed.base.clone();
    let base = move || own.base(&parameters).as_bytes();
    assert_eq!(base(), expected.as_bytes(), "another base");
    base
}

/// Ed25519 alone. Its traits ask callers for the values. It looks at the tag, by our closure, and at neither times nor coverage.
struct WebBotAuth {
    request: Request<()>,
    components: IndexMap<CoveredComponent, String>,
    fields: Option<(String, String)>,
}

impl WebBotAuth {
    fn new<K: Key>(signed: &Signed<K>) -> Self {
        let (mut parts, _) = signed.request.clone().into_parts();
        parts.headers.remove("signature");
        parts.headers.remove("signature-input");
        let mut own =
            Self { request: Request::from_parts(parts, ()), components: IndexMap::new(), fields: None };
        for component in covered(signed.components) {
            let component = match component.name() {
                "@method" => CoveredComponent::Derived(DerivedComponent::Method { req: false }),
                "@authority" => CoveredComponent::Derived(DerivedComponent::Authority { req: false }),
                "@path" => CoveredComponent::Derived(DerivedComponent::Path { req: false }),
                "@query" => CoveredComponent::Derived(DerivedComponent::Query { req: false }),
                name => CoveredComponent::HTTP(HTTPField {
                    name: name.to_owned(),
                    parameters: HTTPFieldParametersSet(Vec::new()),
                }),
            };
            let [value] = own.lookup_component(&component).try_into().expect("one value");
            own.components.insert(component, value);
        }
        own
    }

    fn sign(&mut self, secret: &[u8]) {
        let signer = MessageSigner { keyid: "k1".to_owned(), nonce: NONCE.to_owned(), tag: TAG.to_owned() };
        let lifetime = Duration::from_secs(LIFETIME);
        let done = signer.generate_signature_headers_content(self, lifetime, Algorithm::Ed25519, secret);
        done.expect("a signature");
    }
}

impl SignedMessage for WebBotAuth {
    fn lookup_component(&self, component: &CoveredComponent) -> Vec<String> {
        let line = |line: &http::HeaderValue| line.to_str().expect("text").to_owned();
        match component {
            CoveredComponent::HTTP(field) => {
                self.request.headers().get_all(&field.name).iter().map(line).collect()
            }
            CoveredComponent::Derived(DerivedComponent::Method { .. }) => {
                vec![self.request.method().to_string()]
            }
            CoveredComponent::Derived(DerivedComponent::Authority { .. }) => {
                vec![line(&self.request.headers()["host"])]
            }
            CoveredComponent::Derived(DerivedComponent::Path { .. }) => {
                vec![self.request.uri().path().to_owned()]
            }
            CoveredComponent::Derived(DerivedComponent::Query { .. }) => {
                vec![format!("?{}", self.request.uri().query().unwrap_or_default())]
            }
            CoveredComponent::Derived(_) => Vec::new(),
        }
    }
}

impl UnsignedMessage for WebBotAuth {
    fn fetch_components_to_cover(&self) -> IndexMap<CoveredComponent, String> {
        self.components.clone()
    }

    fn register_header_contents(&mut self, input: String, signature: String) {
        self.fields = Some((input, signature));
    }
}

const SEED: [u8; 32] = [7; 32];

pub(super) fn web_bot_auth_verify<K: Key>(
    signed: &Signed<K>,
) -> (impl FnMut() + 'static, impl FnMut() + 'static) {
    let mut own = WebBotAuth::new(signed);
    own.sign(&SEED);
    let (input, signature) = own.fields.take().expect("fields");
    let headers = own.request.headers_mut();
    headers.insert("signature-input", format!("sig1={input}").parse().expect("a value"));
    headers.insert("signature", format!("sig1={signature}").parse().expect("a value"));
    let key = ed25519_dalek::SigningKey::from_bytes(&SEED);
    let mut keys = KeyRing::default();
    assert!(keys.import_raw("k1".to_owned(), Algorithm::Ed25519, key.verifying_key().to_bytes().to_vec()));
    let base = signed.base.clone();
    let (own_key, own_signature) = (key.verifying_key(), key.sign(base.as_bytes()));
    let verify = move || {
        let verifier = MessageVerifier::parse(&own, |(_, list)| {
            list.params.get("tag").and_then(|tag| tag.as_string()).is_some_and(|tag| tag.as_str() == TAG)
        });
        black_box(verifier.expect("a signature").verify(&keys, None).expect("a good signature"));
    };
    let raw = move || own_key.verify(base.as_bytes(), &own_signature).expect("a good signature");
    (verify, raw)
}

pub(super) fn web_bot_auth_sign<K: Key>(
    signed: &Signed<K>,
) -> (impl FnMut() + 'static, impl FnMut() + 'static) {
    let (mut own, base) = (WebBotAuth::new(signed), signed.base.clone());
    let key = ed25519_dalek::SigningKey::from_bytes(&SEED);
    let sign = move || own.sign(&SEED);
    let raw = move || {
        black_box(key.sign(base.as_bytes()));
    };
    (sign, raw)
}

fn identifiers(signed: &Signed) -> impl Iterator<Item = String> {
    covered(signed.components).into_iter().map(|component| component.to_string())
}
