//! Signing (RFC 9421 section 3.1).

mod error;
mod unsigned;

pub use self::error::SignatureError;
pub use self::unsigned::{SignedFields, UnsignedSignature};

use std::borrow::Cow;
use std::time::Duration;

use aims_keys::{Algorithm, UnixTime};

use crate::base::{Base, check, components};
use crate::sf::{BareItem, Dictionary, Limits, Member, Parameters, check_key};
use crate::{Component, Context, Part, SignatureParameters, registered_name};

/// A signature to be made: what it covers, and its parameters, in the order in which they are named here.
///
/// ```
/// use std::time::Duration;
/// use aims_httpsig::{Component, Context, NewSignature, RawMessage};
/// use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
///
/// let request = RawMessage::request("GET", "/v1/orders?since=7").with_scheme("https").with_authority("shop.example");
/// let covered = [Component::method(), Component::authority(), Component::path(), Component::query()];
/// let now = UnixTime::from_secs(1_790_000_000);
/// let key = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
///
/// let signed = NewSignature::covering(covered)
///     .created(now)
///     .expires_after(Duration::from_secs(60))
///     .key_id("2026-11")
///     .tag("orders")
///     .prepare(&Context::request(&request))?
///     .sign(&key)?;
/// assert_eq!(
///     signed.signature_input(),
///     r#"sig1=("@method" "@authority" "@path" "@query");created=1790000000;expires=1790000060;keyid="2026-11";tag="orders""#
/// );
/// assert!(signed.signature().starts_with("sig1=:"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is signed until it is prepared, and signed"]
pub struct NewSignature<'a> {
    /// `None` for any that is free.
    label: Option<Cow<'a, str>>,
    covered: Vec<Component<'a>>,
    parameters: Parameters<'a>,
    created: Option<UnixTime>,
    error: Option<SignatureError>,
    signs_signatures: bool,
}

impl<'a> NewSignature<'a> {
    /// Covers these components, in this order.
    pub fn covering(components: impl IntoIterator<Item = Component<'a>>) -> Self {
        Self {
            label: Some(Cow::Borrowed("sig1")),
            covered: components.into_iter().collect(),
            parameters: Parameters::new(),
            created: None,
            error: None,
            signs_signatures: false,
        }
    }

    /// Covers one more.
    pub fn and_covering(mut self, component: Component<'a>) -> Self {
        self.covered.push(component);
        self
    }

    /// The label. Default: `sig1`. It is not signed.
    pub fn label(mut self, label: impl Into<Cow<'a, str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Under the first of the labels `sig1` to `sig8` that the message does not have yet.
    pub fn any_label(mut self) -> Self {
        self.label = None;
        self
    }

    /// `created`: made at this time.
    pub fn created(mut self, now: UnixTime) -> Self {
        self.created = Some(now);
        self.parameter("created", seconds(now))
    }

    /// `expires`: so long after it was created, for which that must be said before.
    pub fn expires_after(self, lifetime: Duration) -> Self {
        match self.created {
            Some(created) => self.parameter("expires", seconds(created + lifetime)),
            None => Self { error: Some(SignatureError::NoCreated), ..self },
        }
    }

    /// `nonce`.
    pub fn nonce(self, nonce: impl Into<Cow<'a, str>>) -> Self {
        self.parameter("nonce", BareItem::String(nonce.into()))
    }

    /// `keyid`.
    pub fn key_id(self, key_id: impl Into<Cow<'a, str>>) -> Self {
        self.parameter("keyid", BareItem::String(key_id.into()))
    }

    /// `tag`: the application that the signature is for.
    pub fn tag(self, tag: impl Into<Cow<'a, str>>) -> Self {
        self.parameter("tag", BareItem::String(tag.into()))
    }

    /// `alg`, by the registered name of the algorithm that the key must then have.
    pub fn algorithm(self, algorithm: Algorithm) -> Self {
        match registered_name(algorithm) {
            Some(name) => self.parameter("alg", BareItem::String(name.into())),
            None => Self { error: Some(SignatureError::NoName), ..self },
        }
    }

    /// `alg` of shared secrets.
    pub fn hmac_algorithm(self) -> Self {
        self.parameter("alg", BareItem::String(crate::key::HMAC.into()))
    }

    /// Any parameter, such as those of a profile.
    pub fn parameter(mut self, name: impl Into<Cow<'a, str>>, value: BareItem<'a>) -> Self {
        let name = name.into();
        if self.parameters.get(&name).is_some() {
            self.error.get_or_insert(SignatureError::ParameterDuplicate);
            return self;
        }
        // HS-SIGN-02, before anything is signed.
        if value.check().and_then(|()| self.parameters.set(name, value)).is_err() {
            self.error.get_or_insert(SignatureError::ParameterValue);
        }
        self
    }

    /// Covers signatures that the message already has: whoever does that vouches for them, and names their members of `Signature-Input` and all that they cover among what it
    /// covers itself (HS-SIGN-04).
    pub fn over_signatures(mut self) -> Self {
        self.signs_signatures = true;
        self
    }

    /// Builds what is to be signed.
    ///
    /// # Errors
    ///
    /// [`SignatureError`]: what is wrong with the signature that was asked for, or with the message.
    pub fn prepare(self, context: &Context<'_>) -> Result<UnsignedSignature, SignatureError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let label = match self.label {
            Some(label) => label,
            None => free_label(context)?,
        };
        check_key(&label).map_err(|_| SignatureError::Label)?;
        if is_used(context, &label) {
            return Err(SignatureError::LabelInUse);
        }
        let parameters = SignatureParameters::of(self.parameters).map_err(SignatureError::Parameter)?;
        let covered = self.covered;
        check(&covered).map_err(SignatureError::Base)?;
        if !self.signs_signatures {
            let is_signature = |component: &&Component<'_>| {
                matches!(component.name(), "signature" | "signature-input") && !component.flags.request
            };
            if covered.iter().any(|component| is_signature(&component)) {
                return Err(SignatureError::OverSignatures);
            }
        }
        check_signatures(context, &covered)?;
        let base = Base::build(context, &covered, parameters.fields()).map_err(SignatureError::Base)?;
        let input = [&label, "=", base.list()].concat();
        let algorithm = parameters.algorithm_name().map(ToOwned::to_owned);
        Ok(UnsignedSignature { label: label.into_owned(), base: base.text, input, algorithm })
    }
}

fn seconds(time: UnixTime) -> BareItem<'static> {
    BareItem::Integer(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

fn free_label(context: &Context<'_>) -> Result<Cow<'static, str>, SignatureError> {
    let labels = ["sig1", "sig2", "sig3", "sig4", "sig5", "sig6", "sig7", "sig8"];
    let free = labels.into_iter().find(|label| !is_used(context, label));
    free.map(Cow::Borrowed).ok_or(SignatureError::LabelInUse)
}

/// Whether the message has a signature of this label. A field that is malformed has all labels.
fn is_used(context: &Context<'_>, label: &str) -> bool {
    let text = inputs(context);
    !text.is_empty()
        && Dictionary::parse(&text, &Limits::new()).map_or(true, |known| known.get(label).is_some())
}

/// HS-SIGN-04: the bytes of a signature can be made to fit another message, by a key of one's own. Who covers them covers what they are said to be over.
fn check_signatures(context: &Context<'_>, covered: &[Component<'_>]) -> Result<(), SignatureError> {
    let of_message = |name: &'static str| {
        covered.iter().filter(move |component| component.name() == name && !component.flags.request)
    };
    let mut signatures = of_message("signature").peekable();
    if signatures.peek().is_none() {
        return Ok(());
    }
    let text = inputs(context);
    let inputs = Dictionary::parse(&text, &Limits::new()).map_err(|_| SignatureError::OverPart)?;
    let is_whole = |label: &str| {
        let has_input = of_message("signature-input")
            .any(|component| component.text("key").is_none_or(|key| key == label));
        let list = inputs.get(label).and_then(Member::as_inner_list);
        let inner = list.and_then(|list| components(list.items().to_vec()).ok());
        has_input && inner.is_some_and(|inner| inner.iter().all(|component| covered.contains(component)))
    };
    let are_whole = |component: &Component<'_>| match component.text("key") {
        Some(label) => is_whole(label),
        None => !inputs.is_empty() && inputs.iter().all(|(label, _)| is_whole(label)),
    };
    if signatures.all(are_whole) { Ok(()) } else { Err(SignatureError::OverPart) }
}

/// The field `Signature-Input` of the message, in headers and trailers.
fn inputs(context: &Context<'_>) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = Vec::new();
    for part in [Part::Headers, Part::Trailers] {
        context.target.lines(part, "signature-input", &mut |line| lines.push(line));
    }
    lines.join(b", ".as_slice())
}
