//! What was verified, and nothing else.

use std::borrow::Cow;
use std::marker::PhantomData;

use aims_keys::{Backend, UnixTime};

use super::VerifyError;
use crate::base::Base;
use crate::digest::DigestCheck;
use crate::{Component, Context, DigestError, Digests, NonceStore, SignatureParameters};

/// A signature that verified, and what it covers. Only a verifier makes one.
///
/// What is not covered cannot be asked for here. Of the content nothing is known until it was compared with its digest: `C` says how far that is.
#[derive(Debug)]
#[must_use = "what is not read from here was not verified"]
pub struct Verified<'f, C = Headers> {
    pub(super) context: Context<'f>,
    pub(super) label: Cow<'f, str>,
    pub(super) components: Vec<Component<'f>>,
    pub(super) parameters: SignatureParameters<'f>,
    pub(super) base: Base,
    /// From when on nobody takes it any more.
    pub(super) until: UnixTime,
    pub(super) content: C,
}

/// The content was not looked at.
#[derive(Debug)]
pub struct Headers(pub(super) PhantomData<()>);

/// The content was read from beginning to end, and is what its covered digest says.
#[derive(Debug)]
pub struct Streamed(PhantomData<()>);

/// The content is there, and is what its covered digest says.
#[derive(Debug)]
pub struct WithContent<'b>(&'b [u8]);

/// The representation that the message is about is there, and is what its covered digest says. Of the content nothing is known.
#[derive(Debug)]
pub struct WithRepresentation<'b>(&'b [u8]);

impl<'f, C> Verified<'f, C> {
    /// The value of a covered component, as it was signed; `None` for whatever is not covered.
    #[must_use]
    pub fn value(&self, component: &Component<'_>) -> Option<&str> {
        let at = self.components.iter().position(|known| known == component)?;
        self.base.text.get(self.base.values.get(at)?.clone())
    }

    /// All that is covered, with the values that were signed.
    pub fn covered(&self) -> impl Iterator<Item = (&Component<'f>, &str)> {
        let values = self.base.values.iter().filter_map(|span| self.base.text.get(span.clone()));
        self.components.iter().zip(values)
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &SignatureParameters<'f> {
        &self.parameters
    }

    /// The label, which is not covered.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// From when on nobody would take the signature any more, whatever clocks say: a nonce is remembered until then.
    #[must_use]
    pub fn counts_until(&self) -> UnixTime {
        self.until
    }

    /// Uses its nonce up (HS-PAR-05): after the signature was verified, so that nobody fills the store who has no key, and while it counts, as long as which the store remembers it.
    ///
    /// # Errors
    ///
    /// [`VerifyError::MissingParameter`] without a nonce; [`VerifyError::Expired`] when nobody takes the signature any more: content may have been long in coming;
    /// [`VerifyError::Nonce`].
    pub fn use_nonce(
        &self,
        store: &(impl NonceStore + ?Sized),
        scope: &[u8],
        now: UnixTime,
    ) -> Result<(), VerifyError> {
        let missing = || VerifyError::MissingParameter("nonce".to_owned());
        let nonce = self.parameters.nonce().ok_or_else(missing)?;
        if now >= self.until {
            return Err(VerifyError::Expired);
        }
        Ok(store.remember(scope, nonce, self.until, now)?)
    }

    /// What is covered, on its own: without the message, the parameters, or a word about the content.
    #[must_use]
    pub fn into_covered(self) -> Covered {
        Covered { base: self.base }
    }

    fn with<D>(self, content: D) -> Verified<'f, D> {
        Verified {
            context: self.context,
            label: self.label,
            components: self.components,
            parameters: self.parameters,
            base: self.base,
            until: self.until,
            content,
        }
    }
}

impl<'f> Verified<'f, Headers> {
    /// Compares the whole content with its digest, which must be covered (HS-DIG-04).
    ///
    /// # Errors
    ///
    /// [`VerifyError::DigestNotCovered`], [`VerifyError::Digest`].
    pub fn with_content<'b>(
        self,
        content: &'b [u8],
        backend: Backend,
    ) -> Result<Verified<'f, WithContent<'b>>, VerifyError> {
        self.digests()?.verify(content, backend)?;
        Ok(self.with(WithContent(content)))
    }

    /// Compares the representation that the message is about with its digest, `Repr-Digest`, which must be covered: all of the resource, put together by the caller
    /// where messages have parts of it.
    ///
    /// # Errors
    ///
    /// [`VerifyError::DigestNotCovered`], [`VerifyError::Digest`].
    pub fn with_representation<'b>(
        self,
        representation: &'b [u8],
        backend: Backend,
    ) -> Result<Verified<'f, WithRepresentation<'b>>, VerifyError> {
        self.covered_digests("repr-digest")?.verify(representation, backend)?;
        Ok(self.with(WithRepresentation(representation)))
    }

    /// Compares content that comes in pieces, at most `max` bytes of it.
    ///
    /// # Errors
    ///
    /// [`VerifyError::DigestNotCovered`], [`VerifyError::Digest`].
    pub fn check_content(self, max: u64, backend: Backend) -> Result<ContentCheck<'f>, VerifyError> {
        let check = self.digests()?.check(backend);
        Ok(ContentCheck { verified: self, check, left: max })
    }

    /// The digests that were covered, of this message and not of its request.
    ///
    /// # Errors
    ///
    /// [`VerifyError::DigestNotCovered`] when there are none; [`VerifyError::Digest`] when none counts.
    pub fn digests(&self) -> Result<Digests, VerifyError> {
        self.covered_digests("content-digest")
    }

    fn covered_digests(&self, name: &'static str) -> Result<Digests, VerifyError> {
        let covered = self.components.iter().position(|component| {
            component.name() == name && !component.flags.request && component.text("key").is_none()
        });
        let at = covered.ok_or(VerifyError::DigestNotCovered)?;
        let component = self.components.get(at).ok_or(VerifyError::DigestNotCovered)?;
        if component.flags.binary || component.flags.trailer {
            // What was covered are the lines: they are read anew.
            let plain = Component::field(name)
                .and_then(|plain| if component.flags.trailer { plain.in_trailers() } else { Ok(plain) });
            let value = plain.and_then(|plain| self.context.value(&plain));
            let value = value.map_err(|_| VerifyError::DigestNotCovered)?;
            return Ok(Digests::parse(value.as_bytes())?);
        }
        let value = self.base.values.get(at).and_then(|span| self.base.text.get(span.clone()));
        Ok(Digests::parse(value.unwrap_or_default().as_bytes())?)
    }
}

/// What a signature that verified covers: components and the values that were signed. Only a verifier makes one.
#[derive(Clone, Debug)]
pub struct Covered {
    base: Base,
}

impl Covered {
    /// The value of a covered component; `None` for whatever is not covered.
    #[must_use]
    pub fn value(&self, component: &Component<'_>) -> Option<&str> {
        let is_it =
            |identifier: &str| identifier.parse::<Component<'_>>().is_ok_and(|covered| covered == *component);
        self.iter().find(|(identifier, _)| is_it(identifier)).map(|(_, value)| value)
    }

    /// All of them, by identifier as it was signed: `"@method"`, `"content-digest";req`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.base.values.iter().filter_map(move |span| {
            // A line is an identifier, a colon, a space, the value and its end.
            let identifier = self.base.text.get(start..span.start.checked_sub(2)?)?;
            start = span.end + 1;
            Some((identifier, self.base.text.get(span.clone())?))
        })
    }

    /// The same, rid of all components of these names, whatever their parameters: for who keeps what was covered, and must not keep what is secret of it.
    #[must_use]
    pub fn without(mut self, is_secret: impl Fn(&str) -> bool) -> Self {
        let Base { text, values, list } = &mut self.base;
        let (mut start, mut gone) = (0, 0);
        values.retain_mut(|span| {
            *span = span.start.saturating_sub(gone)..span.end.saturating_sub(gone);
            let line = start..span.end + 1;
            let identifier = text.get(start..span.start.saturating_sub(2)).unwrap_or_default();
            let component = identifier.parse::<Component<'_>>();
            // An identifier that cannot be read back is of nothing that anybody asks for.
            if component.is_ok_and(|component| !is_secret(component.name())) {
                start = line.end;
                return true;
            }
            if text.get(line.clone()).is_some() {
                gone += line.len();
                text.replace_range(line, "");
            }
            false
        });
        *list = list.saturating_sub(gone);
        self
    }
}

impl<'b> Verified<'_, WithContent<'b>> {
    /// The content, as it was signed.
    #[must_use]
    pub fn content(&self) -> &'b [u8] {
        self.content.0
    }
}

impl<'b> Verified<'_, WithRepresentation<'b>> {
    /// The representation, as it was signed.
    #[must_use]
    pub fn representation(&self) -> &'b [u8] {
        self.content.0
    }
}

/// Content on its way; what was handed on before [`finish`](Self::finish) was not verified.
#[derive(Debug)]
#[must_use = "the content is not verified before `finish`"]
pub struct ContentCheck<'f> {
    verified: Verified<'f, Headers>,
    check: DigestCheck,
    left: u64,
}

impl<'f> ContentCheck<'f> {
    /// Takes in more of it.
    ///
    /// # Errors
    ///
    /// [`VerifyError::TooLarge`] when it is more than was allowed.
    pub fn update(&mut self, content: &[u8]) -> Result<(), VerifyError> {
        self.left = self.left.checked_sub(content.len() as u64).ok_or(VerifyError::TooLarge)?;
        self.check.update(content);
        Ok(())
    }

    /// Whether that was all of it, and the right content.
    ///
    /// # Errors
    ///
    /// [`VerifyError::Digest`].
    pub fn finish(self) -> Result<Verified<'f, Streamed>, VerifyError> {
        self.check.finish().map_err(|error: DigestError| error)?;
        Ok(self.verified.with(Streamed(PhantomData)))
    }
}
