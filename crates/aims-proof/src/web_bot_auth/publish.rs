//! A bot's own directory.

use std::time::Duration;

use aims_httpsig::{
    Component, Context, Digests, MAX_SIGNATURES, NewSignature, RawMessage, SignatureError, SignedFields,
    UnsignedSignature,
};
use aims_jose::Jwk;
use aims_jose::json::ObjectWriter;
use aims_keys::{AsyncSigner, Backend, PublicKey, Signer, UnixTime};

use super::possession::{covered, request};
use super::sign::usable;
use super::{
    BotSignError, DIRECTORY_MEDIA_TYPE, DIRECTORY_TAG, DirectoryKey, Discovery, KeyDirectory, KeySource,
};

/// The directory of a bot, as its origin serves it: the document, and signatures by its keys over it (HS-WBA-06, HS-WBA-09).
///
/// Serve [`body`](Self::body) with [`fields`](Self::fields) at [`DIRECTORY_PATH`](super::DIRECTORY_PATH), over TLS, to whoever asks, without
/// a signature of theirs. Its signatures [end](Self::lifetime): a server that runs for longer signs the document that [`new`](Self::new) gave
/// once more, well before that. To change keys, publish the new one beside the old one, sign with it once nobody has the old directory any more,
/// and leave the old one out when its last signature has expired.
///
/// ```
/// use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
/// use aims_proof::web_bot_auth::{DirectoryKey, KeySource, PublishedDirectory};
///
/// let key = SoftwareKey::generate(Algorithm::Ed25519, backend::ring())?;
/// let now = UnixTime::from_secs(1_790_000_000);
/// let source = KeySource::directory("https://bot.example")?;
/// let directory = PublishedDirectory::new(source, vec![DirectoryKey::new(key.public_key().clone())], backend::ring())?
///     .sign(&key, now)?;
/// assert!(directory.body().starts_with(r#"{"keys":[{"#));
/// assert!(directory.fields().any(|(name, _)| name == "signature-input"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PublishedDirectory {
    source: KeySource,
    keys: Vec<DirectoryKey>,
    body: String,
    digest: String,
    shown: Vec<SignedFields>,
    max_age: Duration,
    lifetime: Duration,
}

impl PublishedDirectory {
    /// The document with these keys, for an origin.
    ///
    /// # Errors
    ///
    /// [`BotSignError::Algorithm`], [`BotSignError::TestKey`]; [`BotSignError::NotADirectory`] for a source that is no directory, for no
    /// keys, and for more than [`KeyDirectory::MAX_KEYS`].
    pub fn new(source: KeySource, keys: Vec<DirectoryKey>, backend: Backend) -> Result<Self, BotSignError> {
        let is_directory = source.discovery() == Discovery::Directory;
        if !is_directory || keys.is_empty() || keys.len() > KeyDirectory::MAX_KEYS {
            return Err(BotSignError::NotADirectory);
        }
        for key in &keys {
            usable(key.public_key())?;
        }
        let body = document(&keys);
        if body.len() > KeyDirectory::MAX_LEN {
            return Err(BotSignError::NotADirectory);
        }
        let digest = Digests::field(body.as_bytes(), backend);
        let (max_age, lifetime) = (DEFAULT_MAX_AGE, DEFAULT_LIFETIME);
        Ok(Self { source, keys, body, digest, shown: Vec::new(), max_age, lifetime })
    }

    /// How long others may use the document without asking again: a key that is taken out counts as long. Default: 1 hour.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// How long the signatures count that are made from here on. Default: 7 days, since others pass the document on.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Signs the document by one of its keys: by eight of them at most, since sites read no more signatures of one message.
    ///
    /// # Errors
    ///
    /// [`BotSignError::OtherKey`] for a key that is not in it; [`BotSignError::TooManySignatures`]; [`BotSignError::Signature`].
    pub fn sign<S: Signer + ?Sized>(self, signer: &S, now: UnixTime) -> Result<Self, BotSignError> {
        let fields = self.prepare(signer.public_key(), now)?.sign(signer)?;
        Ok(self.with_signature(fields))
    }

    /// Signs the document by one of its keys, if that takes its time.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub async fn sign_async<S: AsyncSigner + ?Sized>(
        self,
        signer: &S,
        now: UnixTime,
    ) -> Result<Self, BotSignError> {
        let fields = self.prepare(signer.public_key(), now)?.sign_async(signer).await?;
        Ok(self.with_signature(fields))
    }

    /// What a key of the document signs, wherever it is; [`with_signature`](Self::with_signature) takes what comes of it.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub fn prepare(&self, key: &PublicKey, now: UnixTime) -> Result<UnsignedSignature, BotSignError> {
        let known = self.keys.iter().find(|known| known.public_key() == key).ok_or(BotSignError::OtherKey)?;
        if self.shown.len() >= MAX_SIGNATURES {
            return Err(BotSignError::TooManySignatures);
        }
        let response = RawMessage::response(200).with_header("content-digest", &self.digest);
        let request = request(&self.source);
        // INVARIANT: these are components.
        let covered: Vec<Component<'_>> = covered().into_iter().flatten().collect();
        let unsigned = NewSignature::covering(covered)
            .label(format!("key{}", self.shown.len()))
            .created(now)
            .expires_after(self.lifetime)
            .key_id(known.thumbprint().to_string())
            .tag(DIRECTORY_TAG)
            .prepare(&Context::response(&response).to(&request));
        unsigned.map_err(|error: SignatureError| error.into())
    }

    /// With a signature that was made over what [`prepare`](Self::prepare) gave.
    #[must_use]
    pub fn with_signature(mut self, signature: SignedFields) -> Self {
        self.shown.push(signature);
        self
    }

    /// The document.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The fields that it is served with: names, in lower case, and values, each a line of its own.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let fixed = [
            ("cache-control", format!("max-age={}", self.max_age.as_secs())),
            ("content-digest", self.digest.clone()),
            ("content-type", DIRECTORY_MEDIA_TYPE.to_owned()),
        ];
        let signed = self.shown.iter().flat_map(|signed| {
            let (input, signature) = (signed.signature_input().to_owned(), signed.signature().to_owned());
            [("signature-input", input), ("signature", signature)]
        });
        fixed.into_iter().chain(signed)
    }

    /// Where it is served.
    #[must_use]
    pub fn source(&self) -> &KeySource {
        &self.source
    }
}

/// Keys have no `alg`: their kind says which one of the registry is meant, and names of JOSE are none of it.
fn document(keys: &[DirectoryKey]) -> String {
    let mut writer = ObjectWriter::new();
    writer.array("keys", |array| {
        for key in keys {
            array.object(|members| {
                let (not_before, not_after) = key.times();
                members.str("kid", &key.thumbprint().to_string());
                Jwk::write_numbers(key.public_key().numbers(), members);
                members.str("use", "sig");
                for (name, time) in [("nbf", not_before), ("exp", not_after)] {
                    if let Some(time) = time {
                        members.u64(name, time.as_secs());
                    }
                }
            });
        }
    });
    // INVARIANT: the names of one key differ, the only thing `finish` can object to.
    writer.finish().unwrap_or_default()
}

const DEFAULT_MAX_AGE: Duration = Duration::from_secs(3600);
const DEFAULT_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
