//! Tokens that travel encrypted to whoever they are for: a signed token inside an encrypted one (`docs/spec/jose.md` section 11).
//!
//! For ID Tokens, for what is said of opaque tokens (RFC 9701 §5) and for grants of other domains, where their recipient asked for that; an access token is never
//! encrypted here. The verifiers take none of it, and look for none (SEC-9): whoever expects an encrypted token has it decrypted first, by name, and what comes out goes
//! through the verifier of its type. Everybody has the key that it was encrypted to, so that it is nobody's word before.

use std::sync::Arc;

use aims_jose::JwsError;
use aims_jose::jwe::{self, Decrypter, EncryptionKey, JweError};
use aims_keys::BoxFuture;

use self::sealed::Nested;
use crate::{AccessToken, IdToken, Introspect, IntrospectError, IntrospectionAnswer, SecurityToken};

/// The keys of whoever tokens are encrypted to: a client, a resource server, an authorization server of another domain. Cloning is cheap.
///
/// ```
/// use aims_jose::JwkSet;
/// use aims_jose::jwe::{Decrypter, DecryptionKey, KeyManagement};
/// use aims_keys::{Algorithm, PrivateKey, SoftwareKey, UnixTime, backend};
/// use aims_oauth::{ExpectedIdToken, IdTokenIssuer, IdTokenRequest, IdTokenVerifier, TokenRecipient, TrustedIssuer, encrypt_to};
/// # use std::sync::Arc;
/// # use aims_jose::Jwk;
/// # let now = UnixTime::from_secs(1_790_000_000);
/// # let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
/// # let keys = JwkSet::new(vec![Jwk::new(key.public_key().clone()).with_key_id("as-1")?])?;
/// # let issuer = IdTokenIssuer::new("https://as.example".parse()?, key, "as-1")?;
/// # let verifier = IdTokenVerifier::builder("travel-app", TrustedIssuer::new("https://as.example".parse()?, keys), backend::ring()).build();
///
/// // The client: a key for this alone, of which it publishes the public half.
/// let own = DecryptionKey::load(&PrivateKey::generate(Algorithm::Es256, backend::ring())?, KeyManagement::EcdhEsA256Kw)?.with_key_id("enc-1")?;
/// let published = own.encryption_key().clone();
/// let recipient = TokenRecipient::new(Decrypter::new(vec![own])?);
///
/// // The server: signs, then encrypts.
/// let token = issuer.issue(&IdTokenRequest::new("user-1", "travel-app").nonce("n-0S6"), now)?.into_token();
/// let sent = encrypt_to(&token, &published)?;
///
/// // The client: decrypts what it asked for, then verifies.
/// let expected = ExpectedIdToken::with_nonce("n-0S6");
/// let user = verifier.verify(&recipient.decrypt(&sent)?, &expected, now)?;
/// assert_eq!(&*user.subject(), "user-1");
///
/// // No verifier decrypts, and a recipient that asked for encryption takes nothing else.
/// assert_eq!(verifier.verify(&sent, &expected, now).unwrap_err().code(), "malformed");
/// assert_eq!(recipient.decrypt(&token).unwrap_err().code(), "malformed_token");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenRecipient(Arc<Decrypter>);

impl TokenRecipient {
    /// With these keys, and these bounds.
    #[must_use]
    pub fn new(decrypter: Decrypter) -> Self {
        Self(Arc::new(decrypter))
    }

    /// The signed token inside an encrypted one. Nobody has verified it.
    ///
    /// # Errors
    ///
    /// [`JweError`]: it is not encrypted, or not to this recipient, or there is no signed token inside. Whoever sent it is told no more than of a signature that does not
    /// verify: of a grant, `invalid_grant` (JBG-4).
    pub fn decrypt<T: Encryptable>(&self, token: &T) -> Result<T, JweError> {
        T::read(self.0.decrypt(token.text().ok_or(JweError::Form)?)?.unverified())
    }

    /// Asks `server` about tokens, whose answers are encrypted to this resource server: for [`Introspection::new`](crate::Introspection::new). Answers that are not are
    /// none, whoever signed them.
    #[must_use]
    pub fn introspecting<I: Introspect>(self, server: I) -> EncryptedIntrospection<I> {
        EncryptedIntrospection { server, recipient: self }
    }
}

/// The same token, encrypted to the recipient who has this key.
///
/// # Errors
///
/// [`JweError`]: it is no signed token, or would be longer than anybody reads.
pub fn encrypt_to<T: Encryptable>(token: &T, key: &EncryptionKey) -> Result<T, JweError> {
    let signed = token.text().ok_or(JweError::Content(JwsError::Form))?;
    T::read(&jwe::encrypt(signed, key)?)
}

/// What may travel encrypted: [`IdToken`], [`SecurityToken`] (a grant), [`IntrospectionAnswer`] (one that is signed). Nothing else can be.
pub trait Encryptable: Nested {}

impl Encryptable for IdToken {}

impl Encryptable for IntrospectionAnswer {}

impl Encryptable for SecurityToken {}

/// An introspection endpoint whose answers are encrypted to the resource server that asks.
#[derive(Clone, Debug)]
pub struct EncryptedIntrospection<I> {
    server: I,
    recipient: TokenRecipient,
}

impl<I: Introspect> Introspect for EncryptedIntrospection<I> {
    fn introspect<'a>(
        &'a self,
        token: &'a AccessToken,
    ) -> BoxFuture<'a, Result<IntrospectionAnswer, IntrospectError>> {
        Box::pin(async move {
            let answer = self.server.introspect(token).await?;
            // Whoever sent the token is not at fault.
            self.recipient.decrypt(&answer).map_err(|_| IntrospectError::Unavailable)
        })
    }
}

mod sealed {
    use aims_jose::JwsError;
    use aims_jose::jwe::JweError;

    use crate::{IdToken, IntrospectionAnswer, SecurityToken};

    /// A text in compact form.
    #[expect(unnameable_types, reason = "nobody else implements it")]
    pub trait Nested: Sized {
        /// Nothing, where it has another form.
        fn text(&self) -> Option<&str>;

        fn read(text: &str) -> Result<Self, JweError>;
    }

    impl Nested for IdToken {
        fn text(&self) -> Option<&str> {
            Some(self.expose())
        }

        fn read(text: &str) -> Result<Self, JweError> {
            text.parse().map_err(|_| TOO_LONG)
        }
    }

    impl Nested for SecurityToken {
        fn text(&self) -> Option<&str> {
            Some(self.expose())
        }

        fn read(text: &str) -> Result<Self, JweError> {
            text.parse().map_err(|_| TOO_LONG)
        }
    }

    impl Nested for IntrospectionAnswer {
        fn text(&self) -> Option<&str> {
            match self {
                Self::Json(_) => None,
                Self::Jwt(answer) => Some(answer),
            }
        }

        fn read(text: &str) -> Result<Self, JweError> {
            Ok(Self::Jwt(text.to_owned()))
        }
    }

    /// A token in compact form is refused for nothing else.
    const TOO_LONG: JweError = JweError::Content(JwsError::TooLong);
}
