//! Message signatures of workloads (HSIG).

mod attacks;
mod make;
mod request;
mod response;
mod vectors;

use std::sync::Arc;

use aims_httpsig::sf::BareItem;
use aims_httpsig::{Component, Context, Digests, NewSignature, RawMessage, SignedFields};
use aims_keys::{SoftwareKey, UnixTime, backend};
use aims_proof::{
    Audiences, MessageSignatureError, ReplayMemory, SignatureVerifier, SignatureVerifierBuilder,
    SignedRequest, VerifiedSignature,
};

use crate::support::{Agent, NOW, TXN, World};

pub(crate) const BODY: &[u8] = br#"{"to": "LIS"}"#;

pub(crate) fn verifier() -> (SignatureVerifierBuilder, Arc<ReplayMemory>) {
    let memory = Arc::new(ReplayMemory::with_capacity(100));
    let own = Audiences::http("https://tools.example").unwrap().and_exact("tools-alias").unwrap();
    (SignatureVerifier::builder(own, memory.clone()), memory)
}

/// A request, as its recipient gets it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) authority: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) now: UnixTime,
}

impl Request {
    pub(crate) fn message(&self) -> RawMessage {
        let message = RawMessage::request(&self.method, &self.target)
            .with_scheme("https")
            .with_authority(&self.authority);
        self.fields.iter().fold(message, |message, (name, value)| message.with_header(name, value))
    }

    pub(crate) fn field(&mut self, name: &str) -> &mut String {
        let (_, value) = self.fields.iter_mut().find(|(field, _)| field == name).unwrap();
        value
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn drop_field(&mut self, name: &str) {
        self.fields.retain(|(field, _)| field != name);
    }

    pub(crate) fn attach(&mut self, fields: &SignedFields) {
        self.add("signature-input", fields.signature_input());
        self.add("signature", fields.signature());
    }

    pub(crate) fn verify_head(
        &self,
        world: &World,
        verifier: &SignatureVerifier,
    ) -> Result<SignedRequest, MessageSignatureError> {
        verifier.verify_request(&world.wits, &self.message(), self.now)
    }

    pub(crate) fn verify(
        &self,
        world: &World,
        verifier: &SignatureVerifier,
    ) -> Result<VerifiedSignature, MessageSignatureError> {
        self.verify_head(world, verifier)?.with_content(&self.body, self.now)
    }
}

/// A request, as its sender makes it: all of it can be changed before it is signed.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) request: Request,
    pub(crate) covered: Vec<String>,
    pub(crate) label: &'static str,
    pub(crate) parameters: Vec<(String, BareItem<'static>)>,
    pub(crate) key: Arc<SoftwareKey>,
}

impl Draft {
    /// A request with content and tokens, all of it in order.
    pub(crate) fn new(agent: &Agent) -> Self {
        let fields = [
            ("content-type", "application/json"),
            ("content-digest", &Digests::field(BODY, backend::ring())),
            ("authorization", "Bearer an-access-token"),
            ("txn-token", TXN),
            ("workload-identity-token", agent.wit.token()),
        ];
        let covered = ["@method", "@path", "@query"].into_iter().chain(fields.map(|(name, _)| name));
        Self {
            covered: covered.map(|name| format!("{name:?}")).collect(),
            request: Request {
                method: "POST".into(),
                target: "/v1/search?lang=en".into(),
                authority: "tools.example".into(),
                fields: fields.map(|(name, value)| (name.into(), value.into())).into(),
                body: BODY.into(),
                now: NOW,
            },
            label: "sig1",
            parameters: vec![
                ("created".into(), int(NOW.as_secs())),
                ("expires".into(), int(NOW.as_secs() + 60)),
                ("nonce".into(), text("q83vEjRWeJASNFZ4kBI0Vg")),
                ("tag".into(), text("wimse-workload-to-workload")),
                ("wimse-aud".into(), text("https://tools.example/v1/search")),
            ],
            key: agent.key.clone(),
        }
    }

    /// One without content or tokens of others.
    pub(crate) fn plain(agent: &Agent) -> Self {
        let mut draft = Self::new(agent);
        draft.request.method = "GET".into();
        draft.request.body.clear();
        for name in ["content-type", "content-digest", "authorization", "txn-token"] {
            draft.request.drop_field(name);
            draft.uncover(name);
        }
        draft
    }

    pub(crate) fn uncover(&mut self, name: &str) {
        let before = self.covered.len();
        self.covered.retain(|component| *component != format!("{name:?}"));
        assert_ne!(self.covered.len(), before);
    }

    pub(crate) fn set(&mut self, name: &str, value: BareItem<'static>) {
        self.unset(name);
        self.parameters.push((name.into(), value));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.parameters.retain(|(parameter, _)| parameter != name);
    }

    pub(crate) fn fields(&self) -> SignedFields {
        let message = self.request.message();
        sign(&self.covered, self.label, &self.parameters, &self.key, &Context::request(&message))
    }

    pub(crate) fn send(&self) -> Request {
        let mut request = self.request.clone();
        request.attach(&self.fields());
        request
    }
}

pub(crate) fn sign(
    covered: &[String],
    label: &str,
    parameters: &[(String, BareItem<'static>)],
    key: &SoftwareKey,
    context: &Context<'_>,
) -> SignedFields {
    let covered = covered.iter().map(|component| component.parse::<Component<'static>>().unwrap());
    let signature = NewSignature::covering(covered).label(label);
    let signature = parameters
        .iter()
        .fold(signature, |signature, (name, value)| signature.parameter(name.clone(), value.clone()));
    signature.prepare(context).unwrap().sign(key).unwrap()
}

pub(crate) fn text(text: &str) -> BareItem<'static> {
    BareItem::String(text.to_owned().into())
}

pub(crate) fn int(value: u64) -> BareItem<'static> {
    BareItem::Integer(value.cast_signed())
}
