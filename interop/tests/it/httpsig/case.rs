//! A message, and what is signed of it.

use std::time::Duration;

use aims_httpsig::sf::BareItem;
use aims_httpsig::{Component, Context, NewSignature, Policy, RawMessage, SignatureFields, Tag, VerifyError};
use aims_keys::{AlgorithmSet, Signer, UnixTime, backend};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Map, Value, json};

use super::keys::{Keys, Own};
use crate::support::now;

pub(super) const KEY_ID: &str = "k1";

pub(super) const LABEL: &str = "sig1";

pub(super) const TAG: &str = "interop";

const NONCE: &str = "q83vEjRWeJASNFZ4kBI0Vg";

/// A message, and what is signed of it: the case's own name, too, so that there is always something to change.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) message: Parts,
    /// The request that a response answers.
    pub(super) request: Option<Parts>,
    pub(super) covered: Vec<Component<'static>>,
    pub(super) content: Option<&'static [u8]>,
    /// Parameters of the signature, beside those that all have here.
    pub(super) parameters: Vec<(&'static str, BareItem<'static>)>,
    /// Now, or what is said to be.
    pub(super) created: UnixTime,
    says_algorithm: bool,
}

/// A request, or with a status a response.
#[derive(Clone, Default)]
pub(super) struct Parts {
    pub(super) method: &'static str,
    pub(super) scheme: &'static str,
    pub(super) authority: &'static str,
    pub(super) target: String,
    pub(super) status: Option<u16>,
    pub(super) fields: Vec<(String, String)>,
}

/// Lines of the two fields.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) input: String,
    pub(super) signature: String,
}

impl Case {
    /// Covers these identifiers, as they stand in `Signature-Input`.
    pub(super) fn new(name: &'static str, message: Parts, covered: &[&str]) -> Self {
        let covered = covered.iter().chain(&[r#""x-case""#]).map(|id| id.parse().unwrap()).collect();
        Self {
            name,
            message: message.with("X-Case", name),
            request: None,
            covered,
            content: None,
            parameters: Vec::new(),
            created: now(),
            says_algorithm: false,
        }
    }

    pub(super) fn to(self, request: Parts) -> Self {
        Self { request: Some(request), ..self }
    }

    pub(super) fn content(self, content: &'static [u8]) -> Self {
        Self { content: Some(content), ..self }
    }

    pub(super) fn parameter(mut self, name: &'static str, value: BareItem<'static>) -> Self {
        self.parameters.push((name, value));
        self
    }

    pub(super) fn saying_algorithm(self) -> Self {
        Self { says_algorithm: true, ..self }
    }

    /// What an attacker makes of it: another covered field, and for a response another request that it would answer.
    pub(super) fn changed(&self) -> Vec<Self> {
        let mut field = self.clone();
        field
            .message
            .fields
            .iter_mut()
            .filter(|(name, _)| name == "X-Case")
            .for_each(|(_, value)| value.push('!'));
        let mut answer = self.clone();
        let covers = |part: &str| self.covered.iter().any(|component| component.to_string() == part);
        match &mut answer.request {
            Some(request) if covers(r#""@path";req"#) => request.target = "/v1/other".to_owned(),
            _ => return vec![field],
        }
        vec![field, answer]
    }

    /// Ours.
    pub(super) fn sign(&self, keys: &Keys) -> Signature {
        let signature = NewSignature::covering(self.covered.clone())
            .label(LABEL)
            .created(self.created)
            .expires_after(Duration::from_secs(60))
            .nonce(NONCE)
            .key_id(KEY_ID)
            .tag(TAG);
        let signature = match &keys.own {
            Own::Pair(key) if self.says_algorithm => signature.algorithm(key.algorithm()),
            Own::Shared(_) if self.says_algorithm => signature.hmac_algorithm(),
            _ => signature,
        };
        let signature = self
            .parameters
            .iter()
            .fold(signature, |signature, (name, value)| signature.parameter(*name, value.clone()));
        let unsigned = self.with_context(&[], |context| signature.prepare(context)).unwrap();
        let fields = match &keys.own {
            Own::Pair(key) => unsigned.sign(key),
            Own::Shared(secret) => unsigned.sign_shared(secret),
        };
        let fields = fields.unwrap();
        Signature { input: fields.signature_input().to_owned(), signature: fields.signature().to_owned() }
    }

    /// Ours. All that was to be covered is, with the values that we find in the message, and all parameters are there.
    pub(super) fn verify(&self, keys: &Keys, signature: &Signature) -> Result<(), VerifyError> {
        let set = match &keys.own {
            Own::Pair(key) => AlgorithmSet::of(&[key.algorithm()]),
            Own::Shared(_) => AlgorithmSet::STANDARD,
        };
        let policy = Policy::new(Tag::Is(TAG.into()), self.covered.clone(), set).with_key_id(KEY_ID);
        let policy = if let Own::Shared(_) = keys.own { policy.allowing_shared_secrets() } else { policy };
        self.with_context(std::slice::from_ref(signature), |context| {
            let fields = SignatureFields::of(context)?;
            let candidate = fields.select(&policy, now())?;
            let verified = match &keys.own {
                Own::Pair(key) => candidate.verify(key.public_key())?,
                Own::Shared(secret) => candidate.verify(secret)?,
            };
            assert!(verified.covered().all(|(component, value)| context.value(component).unwrap() == value));
            assert!(
                self.parameters.iter().all(|(name, value)| verified.parameters().get(name) == Some(value))
            );
            if let Some(content) = self.content {
                assert_eq!(verified.with_content(content, backend::ring())?.content(), content);
            }
            Ok(())
        })
    }

    /// As `Context::value` has them.
    pub(super) fn values(&self) -> Map<String, Value> {
        self.with_context(&[], |context| {
            let value = |component: &Component<'_>| context.value(component).unwrap().into();
            self.covered.iter().map(|component| (component.to_string(), value(component))).collect()
        })
    }

    /// The message with these signatures.
    fn with_context<T>(&self, signatures: &[Signature], of: impl FnOnce(&Context<'_>) -> T) -> T {
        let message = self.message.raw();
        let message = signatures.iter().fold(message, |message, Signature { input, signature }| {
            message.with_header("signature-input", input).with_header("signature", signature)
        });
        let request = self.request.as_ref().map(Parts::raw);
        match &request {
            Some(request) => of(&Context::response(&message).to(request)),
            None if self.message.status.is_some() => of(&Context::response(&message)),
            None => of(&Context::request(&message)),
        }
    }

    /// For a program of another language: what is to be signed.
    fn question(&self, task: &str, keys: &Keys) -> Value {
        let components = self.covered.iter().map(|component| {
            let parameters: Map<String, Value> =
                component.parameters().iter().map(|(name, value)| (name.to_owned(), item(value))).collect();
            json!({ "name": component.name(), "parameters": parameters })
        });
        let covered: Vec<String> = self.covered.iter().map(ToString::to_string).collect();
        json!({
            "task": task,
            "algorithm": keys.name,
            "message": self.json(&[]),
            "components": components.collect::<Vec<_>>(),
            "covered": covered,
            "created": self.created.as_secs(),
            "expires": self.created.as_secs() + 60,
            "nonce": NONCE,
            "keyid": KEY_ID,
            "label": LABEL,
            "tag": TAG,
        })
    }

    /// To sign.
    pub(super) fn to_sign(&self, keys: &Keys) -> Value {
        let mut question = self.question("sign", keys);
        let parameters: Map<String, Value> =
            self.parameters.iter().map(|(name, value)| ((*name).to_owned(), item(value))).collect();
        question["parameters"] = parameters.into();
        question["private"] = BASE64_STANDARD.encode(&keys.private).into();
        question
    }

    /// To verify.
    pub(super) fn to_verify(&self, keys: &Keys, signatures: &[Signature]) -> Value {
        let mut question = self.question("verify", keys);
        question["message"] = self.json(signatures);
        question["public"] = BASE64_STANDARD.encode(&keys.public).into();
        if let Some(content) = self.content {
            question["content"] = BASE64_STANDARD.encode(content).into();
        }
        question
    }

    fn json(&self, signatures: &[Signature]) -> Value {
        let message =
            signatures.iter().fold(self.message.clone(), |message, Signature { input, signature }| {
                message.with("Signature-Input", input).with("Signature", signature)
            });
        let mut message = message.json();
        if let Some(request) = &self.request {
            message["request"] = request.json();
        }
        message
    }
}

impl Parts {
    /// Of `https://tools.example`.
    pub(super) fn request(method: &'static str, target: &str) -> Self {
        Self {
            method,
            scheme: "https",
            authority: "tools.example",
            target: target.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn response(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    pub(super) fn at(self, authority: &'static str) -> Self {
        Self { authority, ..self }
    }

    /// With one more field line.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    fn raw(&self) -> RawMessage {
        let message = match self.status {
            Some(status) => RawMessage::response(status),
            None => RawMessage::request(self.method, &self.target)
                .with_scheme(self.scheme)
                .with_authority(self.authority),
        };
        self.fields.iter().fold(message, |message, (name, value)| message.with_header(name, value))
    }

    /// Values of fields are bytes: each is a letter of Latin-1, as it is for Python and for browsers.
    fn json(&self) -> Value {
        let latin = |value: &str| value.bytes().map(char::from).collect::<String>();
        let fields: Vec<_> = self.fields.iter().map(|(name, value)| (name, latin(value))).collect();
        match self.status {
            Some(status) => json!({ "status": status, "fields": fields }),
            None => json!({
                "method": self.method,
                "scheme": self.scheme,
                "authority": self.authority,
                "target": self.target,
                "fields": fields,
            }),
        }
    }
}

/// What JSON has no form for becomes an object with one member.
fn item(value: &BareItem<'_>) -> Value {
    match value {
        BareItem::Boolean(value) => json!(value),
        BareItem::Bytes(bytes) => json!({ "bytes": BASE64_STANDARD.encode(bytes) }),
        BareItem::Decimal(_) => value.to_string().parse::<f64>().unwrap().into(),
        BareItem::Integer(value) => json!(value),
        BareItem::String(text) => json!(text),
        BareItem::Token(text) => json!({ "token": text }),
        BareItem::Date(_) | BareItem::DisplayString(_) => panic!("nobody here is asked to sign {value}"),
    }
}
