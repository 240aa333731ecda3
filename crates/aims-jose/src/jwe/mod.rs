//! Encrypted tokens: a signed JWS inside a compact JWE (RFC 7516; nested JWT, RFC 7519 §5.2).
//!
//! For what travels past parties that must not read it: ID Tokens, introspection responses and grants whose recipient asked
//! for encryption. Encryption says nothing about the sender, since everybody has the public key. So what is encrypted is
//! always a signed token, and what comes out of a `Decrypter` is a `NestedJws`: text that must go through a verifier like
//! any other. No verifier here takes an encrypted token, and none looks whether a text might be one; the caller who expects
//! one says so by decrypting it first.
//!
//! ```
//! # #[cfg(feature = "jwe")] {
//! use aims_jose::jwe::{self, Decrypter, DecryptionKey, EncryptionKey, KeyManagement};
//! # use aims_jose::{Jwk, JwkSet, JwtVerifier, NewClaims, NewHeader};
//! # use aims_keys::{Algorithm, PrivateKey, SoftwareKey, UnixTime, backend};
//! # let now = UnixTime::from_secs(1_790_000_000);
//! # let signer = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
//! # let jwk = Jwk::new(signer.public_key().clone()).with_key_id("2026-09")?;
//! # let mut claims = NewClaims::new();
//! # claims.issuer("https://as.example").audience("https://rp.example").subject("alice").expires(now);
//! # let id_token = NewHeader::for_jwk("JWT", &jwk)?.unsigned(claims.finish()?).sign(&signer)?;
//! # let verifier = JwtVerifier::builder(JwkSet::new(vec![jwk])?, "JWT", "https://as.example");
//! # let verifier = verifier.audience("https://rp.example").build();
//!
//! // The recipient: a key on P-256, of which it publishes the public half.
//! let key = PrivateKey::generate(Algorithm::Es256, backend::ring())?;
//! let key = DecryptionKey::load(&key, KeyManagement::EcdhEsA256Kw)?.with_key_id("enc-1")?;
//! let published = key.encryption_key().to_json();
//!
//! // The issuer encrypts what it has signed.
//! let token = jwe::encrypt(&id_token, &EncryptionKey::parse(&published)?)?;
//!
//! // The recipient decrypts, and then verifies.
//! let decrypter = Decrypter::new(vec![key])?;
//! let nested = decrypter.decrypt(&token)?;
//! let verified = verifier.verify(nested.unverified(), now)?;
//! assert_eq!(verified.claims().subject().as_deref(), Some("alice"));
//!
//! // A verifier takes no encrypted token, and a decrypter no other.
//! assert_eq!(verifier.verify(&token, now).unwrap_err().code(), "malformed_token");
//! assert_eq!(decrypter.decrypt(&id_token).unwrap_err().code(), "malformed_token");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Two ways to manage keys, [`KeyManagement::EcdhEsA256Kw`] and [`KeyManagement::RsaOaep256`], and one way to encrypt,
//! `A256GCM`: closed lists, none of which a header can extend. Form and header are read by this crate alone, as strictly as
//! those of a JWS (`docs/spec/jose.md` section 11); the primitives are those of OpenSSL, by way of josekit, which sees the
//! parts of a token that passed. There is no `dir`, no RSA with PKCS #1 v1.5, no password, no compression, no JSON
//! serialization and no second recipient: not a switch, but no code.

mod algorithm;
#[cfg(feature = "jwe")]
mod decrypter;
#[cfg(feature = "jwe")]
mod encrypt;
mod error;
mod header;
#[cfg(feature = "jwe")]
mod key;
#[cfg(feature = "jwe")]
mod primitives;
#[cfg(feature = "jwe")]
mod private;
mod token;

pub use self::algorithm::{KeyManagement, UnknownKeyManagement};
#[cfg(feature = "jwe")]
pub use self::decrypter::{Decrypter, NestedJws};
#[cfg(feature = "jwe")]
pub use self::encrypt::encrypt;
pub use self::error::JweError;
#[cfg(feature = "jwe")]
pub use self::key::EncryptionKey;
#[cfg(feature = "jwe")]
pub use self::private::DecryptionKey;
pub use self::token::EncryptedJws;
