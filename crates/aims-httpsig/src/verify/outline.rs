//! What a signature says, for people.

use std::borrow::Cow;

use super::VerifyError;
use super::fields::Eligible;
use crate::base::{Base, components};
use crate::{BaseError, Component, Context, SignatureParameters};

/// A signature as it stands in a message: its form was checked, and nothing else. Nothing can be verified with it, and it is never part of an answer (HS-VER-04).
#[derive(Debug)]
pub struct SignatureOutline<'f> {
    context: Context<'f>,
    label: Cow<'f, str>,
    components: Vec<Component<'f>>,
    parameters: SignatureParameters<'f>,
}

impl<'f> SignatureOutline<'f> {
    pub(super) fn of(context: &Context<'f>, eligible: Eligible<'f>) -> Result<Self, VerifyError> {
        let Eligible { label, list, .. } = eligible;
        let (items, parameters) = list.into_parts();
        let components = components(items)?;
        let parameters = SignatureParameters::of(parameters)?;
        Ok(Self { context: context.clone(), label, components, parameters })
    }

    /// The label, which anybody can change.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it says it covers.
    #[must_use]
    pub fn components(&self) -> &[Component<'f>] {
        &self.components
    }

    /// Its parameters, whatever they say.
    #[must_use]
    pub fn parameters(&self) -> &SignatureParameters<'f> {
        &self.parameters
    }

    /// The signature base, to be compared with another by [`differences`](crate::differences).
    ///
    /// # Errors
    ///
    /// [`BaseError`] when there is none.
    pub fn base(&self) -> Result<String, BaseError> {
        Base::build(&self.context, &self.components, self.parameters.fields()).map(|base| base.text)
    }
}
