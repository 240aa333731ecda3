//! `Signature-Input` and `Signature` of a message, put together.

use std::borrow::Cow;

use aims_keys::UnixTime;

use super::{Candidate, Policy, SignatureOutline, VerifyError};
use crate::sf::{BareItem, Dictionary, InnerList, Limits};
use crate::{Context, Message, Part};

/// The signatures of a message, as it has them: nothing is verified.
#[derive(Clone, Debug)]
pub struct SignatureFields<'m> {
    context: Context<'m>,
    input: Cow<'m, [u8]>,
    signature: Cow<'m, [u8]>,
}

impl<'m> SignatureFields<'m> {
    /// Collects both fields of the message, from headers and trailers (HS-FLD-03).
    ///
    /// # Errors
    ///
    /// [`VerifyError::MissingField`], [`VerifyError::TooMany`].
    pub fn of(context: &Context<'m>) -> Result<Self, VerifyError> {
        let [input, signature] = ["signature-input", "signature"].map(|name| collect(context.target, name));
        Ok(Self { context: context.clone(), input: input?, signature: signature? })
    }

    /// The one signature that the policy is about, if its parameters and what it covers are as the policy demands (steps 2 to 5 of HS-VER).
    ///
    /// # Errors
    ///
    /// [`VerifyError`]: why there is none, or not exactly one.
    pub fn select(&self, policy: &Policy, now: UnixTime) -> Result<Candidate<'_>, VerifyError> {
        let (mut found, mut is_ambiguous) = (None, false);
        self.each_eligible(policy, |one| is_ambiguous |= found.replace(one).is_some())?;
        if is_ambiguous {
            return Err(VerifyError::Ambiguous);
        }
        Candidate::check(&self.context, found.ok_or(VerifyError::NoCandidate)?, policy, now)
    }

    /// All signatures that the policy is about, each with what speaks against it: for messages that several have signed, of which one will do (HS-FLD-05).
    ///
    /// # Errors
    ///
    /// [`VerifyError`] when the fields as a whole are malformed.
    pub fn candidates(
        &self,
        policy: &Policy,
        now: UnixTime,
    ) -> Result<Vec<Result<Candidate<'_>, VerifyError>>, VerifyError> {
        let mut all = Vec::new();
        self.each_eligible(policy, |one| all.push(one))?;
        Ok(all.into_iter().map(|one| Candidate::check(&self.context, one, policy, now)).collect())
    }

    /// All signatures, expired ones and those that no policy would take included, for people who look for what is wrong with one.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] when the fields as a whole are malformed; each has its own when it is.
    pub fn outlines(&self) -> Result<Vec<Result<SignatureOutline<'_>, VerifyError>>, VerifyError> {
        let mut all = Vec::new();
        self.each_member(|one| all.push(one))?;
        Ok(all.into_iter().map(|one| SignatureOutline::of(&self.context, one)).collect())
    }

    fn each_eligible<'s>(
        &'s self,
        policy: &Policy,
        mut each: impl FnMut(Eligible<'s>),
    ) -> Result<(), VerifyError> {
        self.each_member(|member| {
            if member.is_meant(policy) {
                each(member);
            }
        })
    }

    /// Nothing that `each` was given counts when this fails.
    fn each_member<'s>(&'s self, mut each: impl FnMut(Eligible<'s>)) -> Result<(), VerifyError> {
        let [inputs, signatures] = [&self.input, &self.signature].map(|text| parse(text));
        let (inputs, mut signatures) = (inputs?, signatures?);
        if inputs.len() > MAX_SIGNATURES || signatures.len() > MAX_SIGNATURES {
            return Err(VerifyError::TooMany);
        }
        // HS-FLD-01, for all members: whoever relies on one of them relies on the field.
        for (label, member) in inputs.into_members() {
            let list = member.into_inner_list().ok_or(VerifyError::MemberType)?;
            let signature = signatures.take(&label).ok_or(VerifyError::LabelMismatch)?;
            let item = signature.into_item().ok_or(VerifyError::MemberType)?;
            let BareItem::Bytes(signature) = item.into_parts().0 else { return Err(VerifyError::MemberType) };
            each(Eligible { label, list, signature });
        }
        if signatures.is_empty() { Ok(()) } else { Err(VerifyError::LabelMismatch) }
    }
}

/// A member of both fields.
pub(super) struct Eligible<'f> {
    pub(super) label: Cow<'f, str>,
    pub(super) list: InnerList<'f>,
    pub(super) signature: Cow<'f, [u8]>,
}

impl Eligible<'_> {
    /// By tag and key, never by label.
    fn is_meant(&self, policy: &Policy) -> bool {
        use super::Tag;

        let text = |name: &str| self.list.parameters().get(name).map(|value| value.as_string());
        let by_tag = match &policy.tag {
            Tag::Absent => text("tag").is_none(),
            Tag::Any => true,
            Tag::Is(tag) => text("tag").flatten() == Some(tag),
        };
        by_tag && policy.key_id.as_deref().is_none_or(|key_id| text("keyid").flatten() == Some(key_id))
    }
}

/// One line is taken as it stands, several are joined.
fn collect<'m>(message: &'m dyn Message, name: &str) -> Result<Cow<'m, [u8]>, VerifyError> {
    let mut text: Option<Cow<'m, [u8]>> = None;
    let mut is_too_long = false;
    for part in [Part::Headers, Part::Trailers] {
        message.lines(part, name, &mut |line| {
            let before = text.as_ref().map_or(0, |text| text.len());
            is_too_long |= before + line.len() > MAX_FIELD;
            if is_too_long {
                return;
            }
            match &mut text {
                None => text = Some(Cow::Borrowed(line)),
                Some(text) => {
                    let text = text.to_mut();
                    text.extend_from_slice(b", ");
                    text.extend_from_slice(line);
                }
            }
        });
    }
    if is_too_long { Err(VerifyError::TooMany) } else { text.ok_or(VerifyError::MissingField) }
}

/// HS-FLD-02: labels are there once, over all lines.
fn parse(text: &[u8]) -> Result<Dictionary<'_>, VerifyError> {
    let dictionary = Dictionary::parse(text, &LIMITS).map_err(VerifyError::Malformed)?;
    if dictionary.duplicate().is_some() { Err(VerifyError::DuplicateLabel) } else { Ok(dictionary) }
}

/// How many signatures of one message are read (HS-FLD-07).
pub const MAX_SIGNATURES: usize = 8;

const MAX_FIELD: usize = 16 * 1024;

/// The counts that matter are checked where they have errors of their own.
const LIMITS: Limits = Limits::new().bytes(MAX_FIELD).members(64).items(256).parameters(32);
