//! The two steps of signing (HS-SIGN-03).

use std::fmt;

use aims_keys::{AsyncSigner, Protection, PublicKey, SignInput, Signer};

use super::SignatureError;
use crate::sf::encode_bytes;
use crate::{SharedSecret, registered_name};

/// A signature without its bytes: sign [`signing_input`](Self::signing_input), wherever the key is, and [`attach`](Self::attach) what comes of it.
#[derive(Clone)]
#[must_use = "nothing is signed yet"]
pub struct UnsignedSignature {
    pub(super) label: String,
    pub(super) base: String,
    pub(super) input: String,
    pub(super) algorithm: Option<String>,
}

/// The values of the two fields that a signature is. Append each as a line of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedFields {
    input: String,
    signature: String,
}

impl SignedFields {
    /// A line of `Signature-Input`.
    #[must_use]
    pub fn signature_input(&self) -> &str {
        &self.input
    }

    /// A line of `Signature`.
    #[must_use]
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// Both fields: names, in lower case, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("signature-input", self.signature_input()), ("signature", self.signature())].into_iter()
    }
}

/// Shows no values: credentials may be among them.
impl fmt::Debug for UnsignedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsignedSignature").field("input", &self.input).finish_non_exhaustive()
    }
}

impl UnsignedSignature {
    /// The signature base.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.base.as_bytes()
    }

    /// Puts in a signature that was made elsewhere, if it is one by this key.
    ///
    /// # Errors
    ///
    /// [`SignatureError::AlgorithmMismatch`], [`SignatureError::BadSignature`].
    pub fn attach(self, signature: &[u8], key: &PublicKey) -> Result<SignedFields, SignatureError> {
        self.check(registered_name(key.algorithm()))?;
        if key.verify(self.signing_input(), signature).is_err() {
            return Err(SignatureError::BadSignature);
        }
        Ok(self.fields(signature))
    }

    /// Signs with a key that is at hand.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Sign`], and those of [`attach`](Self::attach).
    pub fn sign<S: Signer + ?Sized>(self, signer: &S) -> Result<SignedFields, SignatureError> {
        self.check(registered_name(signer.algorithm()))?;
        let signature =
            signer.sign(SignInput::Message(self.signing_input())).map_err(SignatureError::Sign)?;
        self.finish(signature.as_bytes(), signer.public_key(), signer.protection())
    }

    /// Signs with a key that takes its time.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub async fn sign_async<S: AsyncSigner + ?Sized>(
        self,
        signer: &S,
    ) -> Result<SignedFields, SignatureError> {
        self.check(registered_name(signer.algorithm()))?;
        let signature =
            signer.sign(SignInput::Message(self.signing_input())).await.map_err(SignatureError::Sign)?;
        self.finish(signature.as_bytes(), signer.public_key(), signer.protection())
    }

    /// Signs with a secret that the verifier has, too: `hmac-sha256`.
    ///
    /// # Errors
    ///
    /// [`SignatureError::AlgorithmMismatch`] when `alg` says something else.
    pub fn sign_shared(self, secret: &SharedSecret) -> Result<SignedFields, SignatureError> {
        self.check(Some(crate::key::HMAC))?;
        let tag = secret.tag(self.signing_input());
        Ok(self.fields(&tag))
    }

    /// Trusts the software of this process, and no device, not to be wrong.
    fn finish(
        self,
        signature: &[u8],
        key: &PublicKey,
        protection: Protection,
    ) -> Result<SignedFields, SignatureError> {
        if protection == Protection::Software {
            Ok(self.fields(signature))
        } else {
            self.attach(signature, key)
        }
    }

    fn check(&self, name: Option<&str>) -> Result<(), SignatureError> {
        match &self.algorithm {
            Some(said) if name != Some(said) => Err(SignatureError::AlgorithmMismatch),
            _ => Ok(()),
        }
    }

    fn fields(self, signature: &[u8]) -> SignedFields {
        let mut text = String::with_capacity(self.label.len() + signature.len().div_ceil(3) * 4 + 3);
        text.push_str(&self.label);
        text.push_str("=:");
        encode_bytes(signature, &mut text);
        text.push(':');
        SignedFields { input: self.input, signature: text }
    }
}
