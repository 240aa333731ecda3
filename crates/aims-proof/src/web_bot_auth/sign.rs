//! Signing as a bot.

use std::time::Duration;

use aims_httpsig::{
    Component, Context, DigestError, Digests, Message, NewSignature, Part, SignatureError, SignedFields,
    UnsignedSignature,
};
use aims_jose::{Thumbprint, base64url};
use aims_keys::{AsyncSigner, PublicKey, SignError, Signer, UnixTime};

use super::algorithms::ALGORITHMS;
use super::test_keys::is_test_key;
use super::{KeySource, SIGNATURE_AGENT_FIELD, SignatureAgent, TAG};

/// Signs the requests of a bot (HS-WBA-01 to HS-WBA-04): a fresh signature for each, over the method and the whole target, and over the
/// content where there is some (HS-WBA-10).
///
/// ```
/// use aims_httpsig::RawMessage;
/// use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
/// use aims_proof::web_bot_auth::{BotSigner, KeySource};
///
/// let key = SoftwareKey::generate(Algorithm::Ed25519, backend::ring())?;
/// let bot = BotSigner::new(KeySource::directory("https://bot.example")?, key.public_key())?;
///
/// let now = UnixTime::from_secs(1_790_000_000);
/// let request = RawMessage::request("GET", "/prices?page=2").with_scheme("https").with_authority("shop.example");
/// let fields = bot.request(&request).prepare(now)?.sign(&key)?;
/// let request = fields.iter().fold(request, |request, (name, value)| request.with_header(name, value));
/// # let _ = request;
/// assert_eq!(fields.signature_agent(), r#"sig1="https://bot.example""#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BotSigner {
    source: KeySource,
    key: PublicKey,
    thumbprint: Thumbprint,
    label: String,
    lifetime: Duration,
    by_parts: bool,
}

impl BotSigner {
    /// A bot whose keys are published at `source`, this one among them. A shared secret is no key of a bot, and no type here takes one
    /// (HS-ALG-02).
    ///
    /// # Errors
    ///
    /// [`BotSignError::Algorithm`], [`BotSignError::TestKey`].
    pub fn new(source: KeySource, key: &PublicKey) -> Result<Self, BotSignError> {
        let thumbprint = usable(key)?;
        let (label, lifetime) = ("sig1".to_owned(), DEFAULT_LIFETIME);
        Ok(Self { source, key: key.clone(), thumbprint, label, lifetime, by_parts: false })
    }

    /// The label of its signatures, and the key of its member of `Signature-Agent`. Default: `sig1`.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// How long a signature can be used: as long, whoever saw it can send the same request again. Default: 5 minutes; at most 24 hours.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.clamp(Duration::from_secs(1), MAX_LIFETIME);
        self
    }

    /// Covers `@authority`, `@path` and `@query` in place of `@target-uri`: for sites behind proxies that change the scheme.
    #[must_use]
    pub fn by_parts(mut self) -> Self {
        self.by_parts = true;
        self
    }

    /// Where its keys are.
    #[must_use]
    pub fn source(&self) -> &KeySource {
        &self.source
    }

    /// `keyid`: the thumbprint of its key (HS-WBA-02).
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// Signs this request, which goes over TLS.
    pub fn request<'a>(&'a self, message: &'a dyn Message) -> NewBotSignature<'a> {
        NewBotSignature { signer: self, message, content: Content::Unsaid, nonce: None, covered: Vec::new() }
    }
}

/// Whether bots may have such a key; what it is named by.
pub(super) fn usable(key: &PublicKey) -> Result<Thumbprint, BotSignError> {
    let thumbprint = Thumbprint::of(key);
    if !ALGORITHMS.contains(key.algorithm()) {
        return Err(BotSignError::Algorithm);
    }
    if is_test_key(&thumbprint) {
        return Err(BotSignError::TestKey);
    }
    Ok(thumbprint)
}

/// A request that a bot will sign.
#[derive(Clone)]
#[must_use = "nothing is signed until it is prepared, and signed"]
pub struct NewBotSignature<'a> {
    signer: &'a BotSigner,
    message: &'a dyn Message,
    content: Content<'a>,
    nonce: Option<&'a str>,
    covered: Vec<Component<'a>>,
}

#[derive(Clone, Copy)]
enum Content<'a> {
    Unsaid,
    Is(&'a [u8]),
    Uncovered,
}

impl<'a> NewBotSignature<'a> {
    /// The content of the request: its digest is sent, and covered. Content that comes in pieces has its `Content-Digest` in the request
    /// already, which is covered then.
    pub fn content(mut self, content: &'a [u8]) -> Self {
        self.content = Content::Is(content);
        self
    }

    /// Sends content that is not covered: whoever sees the request can send it with other content, until it expires.
    pub fn without_content_digest(mut self) -> Self {
        self.content = Content::Uncovered;
        self
    }

    /// The nonce that the site asked for. Default: a fresh one, so that a site that remembers them takes the request once.
    pub fn nonce(mut self, nonce: &'a str) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// Covers one more component.
    pub fn and_covering(mut self, component: Component<'a>) -> Self {
        self.covered.push(component);
        self
    }

    /// Builds what is to be signed.
    ///
    /// # Errors
    ///
    /// [`BotSignError`].
    pub fn prepare(self, now: UnixTime) -> Result<UnsignedBotSignature, BotSignError> {
        let Self { signer, message, nonce, .. } = self;
        let mut added = Vec::with_capacity(2);
        let has_digest = self.digest(&mut added)?;
        let agent =
            SignatureAgent::write(&signer.label, &signer.source).map_err(|_| SignatureError::Label)?;
        added.push((SIGNATURE_AGENT_FIELD, agent));
        let extended = Extended { message, added: &added };
        let context = Context::request(&extended);
        check_agents(&context, &signer.label)?;

        let mut covered = vec![Component::method()];
        if signer.by_parts {
            covered.extend([Component::authority(), Component::path(), Component::query()]);
        } else {
            check_authority(&context)?;
            covered.push(Component::target_uri());
        }
        let agent = Component::field(SIGNATURE_AGENT_FIELD).and_then(|field| field.member(&*signer.label));
        let digest = has_digest.then(|| Component::field("content-digest"));
        for component in [Some(agent), digest].into_iter().flatten() {
            covered.push(component.map_err(|_| SignatureError::Label)?);
        }
        for component in self.covered {
            if !covered.contains(&component) {
                covered.push(component);
            }
        }
        let fresh = if nonce.is_none() { fresh_nonce(&signer.key)? } else { String::new() };
        let unsigned = NewSignature::covering(covered)
            .label(&*signer.label)
            .created(now)
            .expires_after(signer.lifetime)
            .key_id(signer.thumbprint.to_string())
            .nonce(nonce.unwrap_or(&fresh))
            .tag(TAG)
            .prepare(&context)?;
        Ok(UnsignedBotSignature { unsigned, added, key: signer.key.clone() })
    }

    /// Whether the content is covered; its digest, where the request has none yet.
    fn digest(&self, added: &mut Vec<(&'static str, String)>) -> Result<bool, BotSignError> {
        let message = Context::request(self.message);
        let field = Component::field("content-digest").and_then(|field| message.value(&field));
        match (self.content, field) {
            (Content::Is(content), Ok(field)) => {
                let digests = Digests::parse(field.as_bytes()).map_err(BotSignError::Digest)?;
                digests.verify(content, self.signer.key.backend()).map_err(BotSignError::Digest)?;
                Ok(true)
            }
            (Content::Is(content), Err(_)) => {
                added.push(("content-digest", Digests::field(content, self.signer.key.backend())));
                Ok(true)
            }
            (Content::Unsaid, Ok(field)) => {
                // One that counts for nothing covers nothing.
                Digests::parse(field.as_bytes()).map_err(BotSignError::Digest)?;
                Ok(true)
            }
            (Content::Unsaid, Err(_)) if has_content(self.message) => Err(BotSignError::ContentUnsaid),
            (Content::Uncovered, _) | (Content::Unsaid, Err(_)) => Ok(false),
        }
    }
}

impl std::fmt::Debug for NewBotSignature<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewBotSignature").field("signer", &self.signer).finish_non_exhaustive()
    }
}

/// A signature of a bot without its bytes: sign [`signing_input`](Self::signing_input), wherever the key is, and [`attach`](Self::attach)
/// what comes of it.
#[derive(Clone, Debug)]
#[must_use = "nothing is signed yet"]
pub struct UnsignedBotSignature {
    unsigned: UnsignedSignature,
    added: Vec<(&'static str, String)>,
    key: PublicKey,
}

impl UnsignedBotSignature {
    /// The signature base.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.unsigned.signing_input()
    }

    /// Puts in a signature that was made elsewhere, if it is one by the key of the bot.
    ///
    /// # Errors
    ///
    /// [`BotSignError::Signature`].
    pub fn attach(self, signature: &[u8]) -> Result<BotFields, BotSignError> {
        let signed = self.unsigned.attach(signature, &self.key)?;
        Ok(BotFields::new(self.added, &signed))
    }

    /// Signs with the key of the bot.
    ///
    /// # Errors
    ///
    /// [`BotSignError::OtherKey`], [`BotSignError::Signature`].
    pub fn sign<S: Signer + ?Sized>(self, signer: &S) -> Result<BotFields, BotSignError> {
        check_key(&self.key, signer.public_key())?;
        let fields = self.unsigned.sign(signer)?;
        Ok(BotFields::new(self.added, &fields))
    }

    /// Signs with the key of the bot, if that takes its time.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub async fn sign_async<S: AsyncSigner + ?Sized>(self, signer: &S) -> Result<BotFields, BotSignError> {
        check_key(&self.key, signer.public_key())?;
        let fields = self.unsigned.sign_async(signer).await?;
        Ok(BotFields::new(self.added, &fields))
    }
}

/// The fields that a bot adds to its request, each as a line of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BotFields(Vec<(&'static str, String)>);

impl BotFields {
    fn new(mut fields: Vec<(&'static str, String)>, signed: &SignedFields) -> Self {
        fields.push(("signature-input", signed.signature_input().to_owned()));
        fields.push(("signature", signed.signature().to_owned()));
        Self(fields)
    }

    /// Names, in lower case, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, &**value))
    }

    /// The line of `Signature-Agent`.
    #[must_use]
    pub fn signature_agent(&self) -> &str {
        self.get(SIGNATURE_AGENT_FIELD)
    }

    /// The line of `Signature-Input`.
    #[must_use]
    pub fn signature_input(&self) -> &str {
        self.get("signature-input")
    }

    /// The line of `Signature`.
    #[must_use]
    pub fn signature(&self) -> &str {
        self.get("signature")
    }

    /// Adds them to those of a request of the crate `http`, behind what is there.
    ///
    /// ```
    /// # use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
    /// # use aims_proof::web_bot_auth::{BotSigner, KeySource};
    /// # let (key, now) = (SoftwareKey::generate(Algorithm::Ed25519, backend::ring())?, UnixTime::from_secs(1_790_000_000));
    /// # let bot = BotSigner::new(KeySource::directory("https://bot.example")?, key.public_key())?;
    /// use aims_httpsig::HttpRequest;
    ///
    /// let mut request = http::Request::get("https://shop.example/prices?page=2").body(())?;
    /// let fields = bot.request(&HttpRequest::outgoing(&request)).prepare(now)?.sign(&key)?;
    /// fields.append_to(request.headers_mut())?;
    /// assert!(request.headers().contains_key("signature-agent"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`http::Error`] when the map has no room: nothing was added, or the request is to be thrown away.
    #[cfg(feature = "http")]
    pub fn append_to(&self, fields: &mut http::HeaderMap) -> Result<(), http::Error> {
        for (name, value) in self.iter() {
            fields.try_append(name, http::HeaderValue::try_from(value)?)?;
        }
        Ok(())
    }

    fn get(&self, name: &str) -> &str {
        self.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }
}

/// Why a bot does not sign.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BotSignError {
    /// The key is for an algorithm that is none of bots.
    #[error("bots do not sign by this algorithm")]
    Algorithm,
    /// The authority is not in its normal form: sites might read another one.
    #[error("the authority of the request is not in lower case and without the usual port")]
    Authority,
    /// The request may have content, of which nothing was said.
    #[error("nothing was said of the content of the request")]
    ContentUnsaid,
    /// The content is not what the `Content-Digest` of the request says.
    #[error(transparent)]
    Digest(DigestError),
    /// The request has a member of `Signature-Agent` of this name, or a field of that name that is malformed.
    #[error("the member of Signature-Agent cannot be added")]
    MemberInUse,
    /// There is no directory of it: it is not for an origin, or has no keys, or too many.
    #[error("there is no directory of this kind")]
    NotADirectory,
    /// It is another key than the one that the signature names.
    #[error("the key is another one than the signature names")]
    OtherKey,
    /// There is no signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The key is published with its private half.
    #[error("the private half of the key is published")]
    TestKey,
    /// Nobody reads so many signatures.
    #[error("there are more signatures than anybody reads")]
    TooManySignatures,
}

impl BotSignError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm_not_allowed",
            Self::Authority => "authority_not_normal",
            Self::ContentUnsaid => "content_unsaid",
            Self::Digest(error) => error.code(),
            Self::MemberInUse => "signature_agent_in_use",
            Self::NotADirectory => "not_a_directory",
            Self::OtherKey => "other_key",
            Self::Signature(error) => error.code(),
            Self::TestKey => "test_key",
            Self::TooManySignatures => "too_many_signatures",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Algorithm | Self::NotADirectory => "HS-WBA-06",
            Self::Authority => "HS-VAL-12",
            Self::ContentUnsaid => "HS-WBA-10",
            Self::Digest(error) => error.rule(),
            Self::MemberInUse => "HS-WBA-03",
            Self::OtherKey => "HS-WBA-02",
            Self::Signature(error) => error.rule(),
            Self::TestKey => "HS-WBA-11",
            Self::TooManySignatures => "HS-FLD-07",
        }
    }
}

/// A message with the lines that are added to it.
struct Extended<'a> {
    message: &'a dyn Message,
    added: &'a [(&'static str, String)],
}

impl Message for Extended<'_> {
    fn method(&self) -> Option<&str> {
        self.message.method()
    }

    fn scheme(&self) -> Option<&str> {
        self.message.scheme()
    }

    fn authority(&self) -> Option<&str> {
        self.message.authority()
    }

    fn host(&self) -> Option<&str> {
        self.message.host()
    }

    fn target(&self) -> Option<&str> {
        self.message.target()
    }

    fn lines<'m>(&'m self, part: Part, name: &str, each: &mut dyn FnMut(&'m [u8])) {
        self.message.lines(part, name, each);
        let added = self.added.iter().filter(|(known, _)| part == Part::Headers && *known == name);
        added.for_each(|(_, value)| each(value.as_bytes()));
    }
}

/// Whether the request has content, as far as its head tells. Of these methods, requests without content are the exception.
fn has_content(message: &dyn Message) -> bool {
    let mut has_length = false;
    message.lines(Part::Headers, "transfer-encoding", &mut |_| has_length = true);
    message.lines(Part::Headers, "content-length", &mut |line| has_length |= line.trim_ascii() != b"0");
    let is_usual =
        !matches!(message.method(), Some("CONNECT" | "DELETE" | "GET" | "HEAD" | "OPTIONS" | "TRACE") | None);
    has_length || is_usual
}

/// The field with the new member is one dictionary, in which nothing is there twice.
fn check_agents(context: &Context<'_>, label: &str) -> Result<(), BotSignError> {
    let field = Component::field(SIGNATURE_AGENT_FIELD).and_then(|field| context.value(&field));
    let agents = field.ok().and_then(|field| SignatureAgent::parse(&field).ok());
    if agents.is_some_and(|agents| agents.get(label).is_some()) {
        Ok(())
    } else {
        Err(BotSignError::MemberInUse)
    }
}

/// HS-VAL-12: there is no rule for how verifiers normalise, so nothing is left to normalise.
fn check_authority(context: &Context<'_>) -> Result<(), BotSignError> {
    let value = |component| context.value(&component).ok();
    let (Some(uri), Some(scheme), Some(authority)) =
        (value(Component::target_uri()), value(Component::scheme()), value(Component::authority()))
    else {
        // The signature says what is missing.
        return Ok(());
    };
    let rest = uri.strip_prefix(&format!("{scheme}://{authority}"));
    match rest {
        Some(rest) if rest.is_empty() || rest.starts_with(['/', '?']) => Ok(()),
        _ => Err(BotSignError::Authority),
    }
}

fn check_key(own: &PublicKey, other: &PublicKey) -> Result<(), BotSignError> {
    if own == other { Ok(()) } else { Err(BotSignError::OtherKey) }
}

fn fresh_nonce(key: &PublicKey) -> Result<String, BotSignError> {
    let mut nonce = [0; 16];
    let filled = key.backend().fill_random(&mut nonce);
    filled.map_err(|_| SignatureError::Sign(SignError::Backend))?;
    Ok(base64url::encode(nonce))
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);
