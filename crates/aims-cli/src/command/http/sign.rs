//! `aims http sign`.

use std::time::Duration;

use aims::backend;
use aims::keys::{Signer, UnixTime};
use aims_httpsig::sf::{BareItem, Item, Limits};
use aims_httpsig::{Component, Digests, NewSignature, SignedFields};

use super::exchange::{Exchange, Source, components, is_digest};
use super::key::{Bound, Signing, SigningKey};
use crate::failure::Failure;
use crate::input::Inputs;
use crate::message::TextMessage;
use crate::output::{Facts, Report};
use crate::time;

/// What to sign.
#[derive(clap::Args, Debug)]
pub(crate) struct Sign {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    key: SigningKey,
    #[command(flatten)]
    bound: Bound,
    /// The components to cover, as in `Signature-Input`: '"@method" "content-digest";req'. May be repeated.
    #[arg(long = "cover", value_name = "COMPONENTS", required = true)]
    covered: Vec<String>,
    /// Adds Content-Digest, the SHA-256 of the content, where the message has none. It is not covered by that.
    #[arg(long)]
    content_digest: bool,
    /// The label. Default: the first of sig1 to sig8 that the message does not have.
    #[arg(long)]
    label: Option<String>,
    /// `created`, in seconds since 1970. Default: now.
    #[arg(long, value_name = "UNIXTIME")]
    created: Option<u64>,
    /// `expires`: so long after it was created, such as 60 or 5m.
    #[arg(long, value_name = "DURATION", value_parser = time::duration)]
    expires: Option<Duration>,
    /// `nonce`.
    #[arg(long)]
    nonce: Option<String>,
    /// `keyid`.
    #[arg(long)]
    keyid: Option<String>,
    /// `tag`: the application that the signature is for.
    #[arg(long)]
    tag: Option<String>,
    /// `alg`: the registered name of the algorithm that the key has.
    #[arg(long)]
    name_alg: bool,
    /// Another parameter, its value a structured field: 5, ?1, a-token, "a text". May be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, BareItem<'static>)>,
    /// Covers signatures that the message already has: whoever does that vouches for them, and covers their members of Signature-Input and all that they cover, too.
    #[arg(long)]
    over_signatures: bool,
}

impl Sign {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let covered = components(&self.covered, "--cover")?;
        let key = self.key.read(self.bound.alg, inputs)?;
        let created = self.created.map_or_else(time::now, |seconds| Ok(UnixTime::from_secs(seconds)))?;
        let source = &self.source;
        source.with(
            inputs,
            |text| self.digest(text, &covered),
            |exchange, _| {
                let signed = self.sign(exchange, &covered, created, &key)?;
                let digest = exchange.digest.as_deref();
                let fields = digest.map(|digest| ("Content-Digest", digest)).into_iter();
                let fields = fields.chain([
                    ("Signature-Input", signed.signature_input()),
                    ("Signature", signed.signature()),
                ]);
                let facts = Facts::new()
                    .with_some("content_digest", digest)
                    .with("signature_input", signed.signature_input())
                    .with("signature", signed.signature());
                Ok(Report::Bytes(exchange.text.with_headers(fields), facts))
            },
        )
    }

    /// The digest to add. One that is there, and relied on, is that of the content: nobody would take the message otherwise.
    fn digest(&self, text: &TextMessage<'_>, covered: &[Component<'_>]) -> Result<Option<String>, Failure> {
        let lines: Vec<&[u8]> = text.values("content-digest").collect();
        if lines.is_empty() {
            return Ok(self.content_digest.then(|| Digests::field(text.content(), backend::ring())));
        }
        if self.content_digest || covered.iter().any(is_digest) {
            Digests::parse(&lines.join(b", ".as_slice()))?.verify(text.content(), backend::ring())?;
        }
        Ok(None)
    }

    fn sign(
        &self,
        exchange: &Exchange<'_>,
        covered: &[Component<'static>],
        created: UnixTime,
        key: &Signing,
    ) -> Result<SignedFields, Failure> {
        let mut signature = NewSignature::covering(covered.to_vec()).created(created);
        signature = match &self.label {
            Some(label) => signature.label(label),
            None => signature.any_label(),
        };
        if let Some(lifetime) = self.expires {
            signature = signature.expires_after(lifetime);
        }
        if let Some(nonce) = &self.nonce {
            signature = signature.nonce(nonce);
        }
        if let Some(keyid) = &self.keyid {
            signature = signature.key_id(keyid);
        }
        if let Some(tag) = &self.tag {
            signature = signature.tag(tag);
        }
        if self.name_alg {
            signature = match key {
                Signing::Private(key) => signature.algorithm(Signer::algorithm(&**key)),
                Signing::Shared(_) => signature.hmac_algorithm(),
            };
        }
        for (name, value) in &self.parameters {
            signature = signature.parameter(name, value.clone());
        }
        if self.over_signatures {
            signature = signature.over_signatures();
        }
        let unsigned = signature.prepare(&exchange.context)?;
        Ok(match key {
            Signing::Private(key) => unsigned.sign(&**key),
            Signing::Shared(secret) => unsigned.sign_shared(secret),
        }?)
    }
}

/// `NAME=VALUE`, or a name alone for what is true.
fn parameter(text: &str) -> Result<(String, BareItem<'static>), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, "?1"));
    let item = Item::parse(value.as_bytes(), &Limits::new())
        .map_err(|error| format!("{error}: {WHAT_A_VALUE_IS}"))?;
    let (value, parameters) = item.into_owned().into_parts();
    if parameters.is_empty() { Ok((name.to_owned(), value)) } else { Err(WHAT_A_VALUE_IS.into()) }
}

const WHAT_A_VALUE_IS: &str =
    "a value is an item without parameters, such as 5, ?1, a-token, or \"a text\" with its quotes";
