//! `Accept-Signature`: asking the other side to sign (RFC 9421 section 5).

use std::borrow::Cow;

use crate::base::{BaseError, components, write_list};
use crate::sf::{BareItem, Dictionary, Limits, Parameters, ParseError, check_key};
use crate::{Component, MAX_SIGNATURES, NewSignature};

/// A signature that is asked for: of a response, when a request asks; of the next request, when a response does.
///
/// ```
/// use aims_httpsig::{AcceptSignature, Component};
///
/// let wanted = AcceptSignature::parse(br#"sig1=("@status" "@method";req);created;tag="orders""#)?;
/// let wanted = &wanted[0];
/// assert_eq!(wanted.label(), "sig1");
/// assert_eq!(wanted.components()[0], Component::status());
/// assert!(wanted.wants_created() && !wanted.wants_expires());
/// assert_eq!(wanted.tag(), Some("orders"));
/// # Ok::<(), aims_httpsig::AcceptError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AcceptSignature<'a> {
    label: Cow<'a, str>,
    components: Vec<Component<'a>>,
    parameters: Parameters<'a>,
}

impl<'a> AcceptSignature<'a> {
    /// Asks for a signature under this label that covers these components.
    #[must_use]
    pub fn new(label: impl Into<Cow<'a, str>>, components: impl IntoIterator<Item = Component<'a>>) -> Self {
        Self {
            label: label.into(),
            components: components.into_iter().collect(),
            parameters: Parameters::new(),
        }
    }

    /// Reads the field, several lines joined with `, `: at most eight signatures.
    ///
    /// # Errors
    ///
    /// [`AcceptError`]: nothing of a field with an error in it counts.
    pub fn parse(field: &'a [u8]) -> Result<Vec<Self>, AcceptError> {
        use AcceptError as E;

        let dictionary = Dictionary::parse(field, &LIMITS).map_err(E::Malformed)?;
        if dictionary.duplicate().is_some() {
            return Err(E::DuplicateLabel);
        }
        if dictionary.len() > MAX_SIGNATURES {
            return Err(E::TooMany);
        }
        let all = dictionary.into_members().map(|(label, member)| {
            let list = member.into_inner_list().ok_or(E::MemberType)?;
            let (items, parameters) = list.into_parts();
            let components = components(items).map_err(E::Components)?;
            check(&parameters)?;
            Ok(Self { label, components, parameters })
        });
        all.collect()
    }

    /// Asks for `created`.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Parameter`].
    pub fn with_created(self) -> Result<Self, AcceptError> {
        self.with("created", true.into())
    }

    /// Asks for `expires`.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Parameter`].
    pub fn with_expires(self) -> Result<Self, AcceptError> {
        self.with("expires", true.into())
    }

    /// Asks for this `nonce`, `keyid`, `tag` or `alg`, or for another parameter.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Parameter`] when it is of another type than it must have, or cannot be written.
    pub fn with(mut self, name: impl Into<Cow<'a, str>>, value: BareItem<'a>) -> Result<Self, AcceptError> {
        value.check().map_err(|_| AcceptError::Parameter)?;
        self.parameters = self.parameters.with(name, value).map_err(|_| AcceptError::Parameter)?;
        check(&self.parameters)?;
        Ok(self)
    }

    /// The label, under which the answer is to come.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What is to be covered, in this order.
    #[must_use]
    pub fn components(&self) -> &[Component<'a>] {
        &self.components
    }

    /// Whether it is to say when it was made.
    #[must_use]
    pub fn wants_created(&self) -> bool {
        self.parameters.get("created").is_some()
    }

    /// Whether it is to have an end.
    #[must_use]
    pub fn wants_expires(&self) -> bool {
        self.parameters.get("expires").is_some()
    }

    /// The nonce that it is to have.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.parameters.get("nonce").and_then(BareItem::as_string)
    }

    /// The key that is asked for. Which key signs is for the signer to say (HS-ACC-05).
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.parameters.get("keyid").and_then(BareItem::as_string)
    }

    /// The tag that it is to have.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.parameters.get("tag").and_then(BareItem::as_string)
    }

    /// The parameters, in order.
    #[must_use]
    pub fn parameters(&self) -> &Parameters<'a> {
        &self.parameters
    }

    /// The answer, as far as the request decides: label, components, and all parameters that have a value. `created` and `expires` are for the signer to set, and so are key and
    /// algorithm.
    ///
    /// All of that is the word of whoever asks, the [tag](Self::tag) among it, which says what the signature is good for. Answer what you know, and by a key that signs nothing
    /// else: a signature under the tag of another application would be good there, for whoever asked for it.
    pub fn answer(&self) -> NewSignature<'_> {
        let answer = NewSignature::covering(self.components.iter().cloned()).label(&*self.label);
        let said = self
            .parameters
            .iter()
            .filter(|(name, _)| !matches!(*name, "alg" | "created" | "expires" | "keyid"));
        said.fold(answer, |answer, (name, value)| answer.parameter(name, value.clone()))
    }

    /// The value of the field; several are joined with `, `.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Components`] when a component is there twice; [`AcceptError::Label`].
    pub fn to_field(&self) -> Result<String, AcceptError> {
        crate::base::check(&self.components).map_err(AcceptError::Components)?;
        check_key(&self.label).map_err(|_| AcceptError::Label)?;
        let mut text = format!("{}=", self.label);
        write_list(&self.components, &self.parameters, &mut text).map_err(AcceptError::Components)?;
        Ok(text)
    }
}

/// HS-ACC-02.
fn check(parameters: &Parameters<'_>) -> Result<(), AcceptError> {
    if parameters.duplicate().is_some() {
        return Err(AcceptError::Parameter);
    }
    let is_sound = |(name, value): (&str, &BareItem<'_>)| match name {
        "created" | "expires" => *value == BareItem::Boolean(true),
        "alg" | "keyid" | "nonce" | "tag" => value.as_string().is_some(),
        _ => true,
    };
    if parameters.iter().all(is_sound) { Ok(()) } else { Err(AcceptError::Parameter) }
}

/// Why it is not known what is asked for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// A component is none, or there twice.
    #[error("a component that is asked for is none")]
    Components(#[source] BaseError),
    /// A label is there twice.
    #[error("a label is there twice")]
    DuplicateLabel,
    /// The label is no key of a dictionary.
    #[error("the label is not a key")]
    Label,
    /// The field is not a dictionary.
    #[error("the field is malformed")]
    Malformed(#[source] ParseError),
    /// A member is not a list of components.
    #[error("a member is not a list of components")]
    MemberType,
    /// A parameter is of another type than it must have.
    #[error("a parameter is of another type")]
    Parameter,
    /// More signatures are asked for than anybody makes.
    #[error("too many signatures are asked for")]
    TooMany,
}

impl AcceptError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Components(error) => error.code(),
            Self::DuplicateLabel => "duplicate_label",
            Self::Label => "bad_label",
            Self::Malformed(_) => "malformed_accept_signature",
            Self::MemberType => "member_type",
            Self::Parameter => "parameter_type",
            Self::TooMany => "too_many_signatures",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Components(error) => error.rule(),
            Self::DuplicateLabel => "HS-SF-03",
            Self::Label | Self::MemberType => "HS-ACC-01",
            Self::Malformed(error) => error.rule(),
            Self::Parameter => "HS-ACC-02",
            Self::TooMany => "HS-ACC-05",
        }
    }
}

const LIMITS: Limits = Limits::new().bytes(16 * 1024).members(64).items(256).parameters(32);
