//! The field `Signature-Agent`.

use aims_httpsig::sf::{BareItem, Dictionary, Item, Limits, Member, Parameters, ParseError, WriteError};

use super::{Discovery, KeySource, KeySourceError};

/// The field `Signature-Agent` of a request (HS-WBA-03): where signers say that their keys are. Nothing of it counts that no signature
/// covers, and nothing is true of it before the keys are there.
///
/// ```
/// use aims_proof::web_bot_auth::{Discovery, SignatureAgent};
///
/// let field = SignatureAgent::parse(r#"sig1="https://bot.example", sig2="https://b.example/jwks";type=jwks_uri"#)?;
/// assert_eq!(field.get("sig1").unwrap().as_str(), "https://bot.example");
/// assert_eq!(field.get("sig2").unwrap().discovery(), Discovery::JwksUri);
/// # Ok::<(), aims_proof::web_bot_auth::SignatureAgentError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SignatureAgent {
    members: Vec<(Box<str>, KeySource)>,
    ignored: Vec<(Box<str>, IgnoredMember)>,
}

impl SignatureAgent {
    /// Reads the field; several lines joined with `, `. A member that is not what it must be is [ignored](Self::ignored), and the others
    /// count.
    ///
    /// # Errors
    ///
    /// [`SignatureAgentError`] when the field is not a dictionary: the older form, one bare string, among them.
    pub fn parse(field: &str) -> Result<Self, SignatureAgentError> {
        if is_bare(field) {
            return Err(SignatureAgentError::Bare);
        }
        let dictionary =
            Dictionary::parse(field.as_bytes(), &LIMITS).map_err(SignatureAgentError::Malformed)?;
        if dictionary.duplicate().is_some() {
            return Err(SignatureAgentError::Duplicate);
        }
        let mut agents = Self::default();
        for (key, member) in dictionary.iter() {
            agents.add(key, member.as_item());
        }
        Ok(agents)
    }

    /// Reads the field in its older form, one bare string, as a member that goes by `label`, the label of the signature that covers the
    /// field.
    ///
    /// # Errors
    ///
    /// [`SignatureAgentError::Malformed`].
    pub fn parse_bare(field: &str, label: &str) -> Result<Self, SignatureAgentError> {
        let item = Item::parse(field.as_bytes(), &LIMITS).map_err(SignatureAgentError::Malformed)?;
        let mut agents = Self::default();
        agents.add(label, Some(&item));
        Ok(agents)
    }

    /// The member that goes by this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&KeySource> {
        self.members.iter().find(|(known, _)| **known == *key).map(|(_, source)| source)
    }

    /// All members that count, by their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &KeySource)> {
        self.members.iter().map(|(key, source)| (&**key, source))
    }

    /// The members that do not count, and why.
    pub fn ignored(&self) -> impl Iterator<Item = (&str, IgnoredMember)> {
        self.ignored.iter().map(|(key, reason)| (&**key, *reason))
    }

    /// A field with one member, for a signer.
    pub(super) fn write(key: &str, source: &KeySource) -> Result<String, WriteError> {
        let parameters = match source.discovery() {
            Discovery::Directory => Parameters::new(),
            other => Parameters::new().with("type", BareItem::Token(other.name().into()))?,
        };
        let item = Item::new(BareItem::string(source.as_str())).with_parameters(parameters);
        let mut field = String::new();
        Dictionary::new().with(key, Member::Item(item))?.write(&mut field)?;
        Ok(field)
    }

    fn add(&mut self, key: &str, item: Option<&Item<'_>>) {
        match read(item) {
            Ok(source) => self.members.push((key.into(), source)),
            Err(reason) => self.ignored.push((key.into(), reason)),
        }
    }
}

/// Whether the field is in its older form. No key of a dictionary begins with a quote.
pub(super) fn is_bare(field: &str) -> bool {
    field.trim_start_matches(' ').starts_with('"')
}

/// Why a field is not `Signature-Agent`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureAgentError {
    /// It is in its older form, one bare string, which counts only where it is asked for.
    #[error("the field Signature-Agent is a bare string")]
    Bare,
    /// A key is there twice.
    #[error("a key of the field Signature-Agent is there twice")]
    Duplicate,
    /// It is no structured field of its type, or too long.
    #[error("the field Signature-Agent is malformed")]
    Malformed(#[source] ParseError),
}

impl SignatureAgentError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bare => "signature_agent_bare",
            Self::Duplicate => "signature_agent_duplicate",
            Self::Malformed(_) => "signature_agent_malformed",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "HS-WBA-03"
    }
}

/// Why a member of `Signature-Agent` does not count.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IgnoredMember {
    /// It is not a string.
    #[error("the member is not a string")]
    NotAString,
    /// It names no place for keys.
    #[error(transparent)]
    Source(KeySourceError),
    /// Its `type` is not a token, or there twice.
    #[error("the type of the member is not one token")]
    Type,
    /// Its `type` is none that is known here. What was meant is never guessed.
    #[error("the type of the member is not known")]
    UnknownType,
}

impl IgnoredMember {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAString => "member_not_a_string",
            Self::Source(error) => error.code(),
            Self::Type => "member_type",
            Self::UnknownType => "member_type_unknown",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Source(error) => error.rule(),
            Self::NotAString | Self::Type | Self::UnknownType => "HS-WBA-03",
        }
    }
}

fn read(item: Option<&Item<'_>>) -> Result<KeySource, IgnoredMember> {
    let item = item.ok_or(IgnoredMember::NotAString)?;
    let text = item.bare().as_string().ok_or(IgnoredMember::NotAString)?;
    if item.parameters().duplicate().is_some() {
        return Err(IgnoredMember::Type);
    }
    let discovery = match item.parameters().get("type") {
        None => Discovery::Directory,
        Some(kind) => {
            Discovery::of(kind.as_token().ok_or(IgnoredMember::Type)?).ok_or(IgnoredMember::UnknownType)?
        }
    };
    KeySource::new(text, discovery).map_err(IgnoredMember::Source)
}

/// A member for each signature that a message may have, and some more.
const LIMITS: Limits = Limits::new().bytes(8 * 1024).members(16).items(16).parameters(16);
