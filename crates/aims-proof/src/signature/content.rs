//! The content of a signed message.

use aims_httpsig::{DigestCheck, Digests};
use aims_keys::Backend;

use super::MessageSignatureError as E;

/// What the signature of a message says about its content.
#[derive(Clone, Debug)]
pub(super) struct Content {
    digests: Option<Digests>,
    may_be_absent: bool,
    backend: Backend,
}

impl Content {
    /// `digests` are those that the signature covers.
    pub(super) fn new(digests: Option<Digests>, backend: Backend) -> Self {
        Self { digests, may_be_absent: false, backend }
    }

    /// The digest may be of content that does not come.
    pub(super) fn may_be_absent(self) -> Self {
        Self { may_be_absent: true, ..self }
    }

    /// HSIG-9: content is what its digest says, and where there is no digest there is no content.
    pub(super) fn check(&self, content: &[u8]) -> Result<(), E> {
        match &self.digests {
            Some(_) if self.may_be_absent && content.is_empty() => Ok(()),
            Some(digests) => digests.verify(content, self.backend).map_err(E::Digest),
            None if content.is_empty() => Ok(()),
            None => Err(E::NoDigest),
        }
    }

    pub(super) fn begin(self, max: u64) -> SignedContent {
        let check = self.digests.map(|digests| digests.check(self.backend));
        SignedContent { check, may_be_absent: self.may_be_absent, left: max }
    }

    pub(super) fn is_expected(&self) -> bool {
        self.digests.is_some()
    }
}

/// The content of a signed message on its way, compared with the digest that the signature covers. Nothing of it is verified before
/// [`finish`](Self::finish) said so.
#[derive(Debug)]
#[must_use = "the content is not verified before `finish`"]
pub struct SignedContent {
    check: Option<DigestCheck>,
    /// Until some of it is there.
    may_be_absent: bool,
    left: u64,
}

impl SignedContent {
    /// Takes in more of it.
    ///
    /// # Errors
    ///
    /// [`MessageSignatureError::ContentTooLarge`](E::ContentTooLarge), and [`NoDigest`](E::NoDigest) where the signature covers no content.
    pub fn update(&mut self, content: &[u8]) -> Result<(), E> {
        if content.is_empty() {
            return Ok(());
        }
        self.may_be_absent = false;
        self.left = self.left.checked_sub(content.len() as u64).ok_or(E::ContentTooLarge)?;
        self.check.as_mut().ok_or(E::NoDigest)?.update(content);
        Ok(())
    }

    /// Whether that was all of it, and the content that was signed.
    ///
    /// # Errors
    ///
    /// [`MessageSignatureError::Digest`](E::Digest).
    pub fn finish(self) -> Result<(), E> {
        match self.check {
            Some(check) if !self.may_be_absent => check.finish().map_err(E::Digest),
            _ => Ok(()),
        }
    }
}
