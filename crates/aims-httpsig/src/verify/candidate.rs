//! A signature that may do, before its key is known.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::time::Duration;

use aims_keys::{AlgorithmSet, UnixTime};

use super::fields::Eligible;
use super::{Headers, Policy, Verified, VerifyError};
use crate::base::{Base, components};
use crate::key::HMAC;
use crate::{Component, Context, SignatureParameters, VerifyingKey, registered_name};

/// A signature whose parameters and coverage are as the policy demands; whether it verifies, nobody has looked yet. What it says is good for finding the
/// key and for nothing else.
#[derive(Debug)]
#[must_use = "nothing is verified yet"]
pub struct Candidate<'f> {
    context: Context<'f>,
    algorithms: AlgorithmSet,
    allows_hmac: bool,
    label: Cow<'f, str>,
    components: Vec<Component<'f>>,
    parameters: SignatureParameters<'f>,
    signature: Cow<'f, [u8]>,
    until: UnixTime,
}

impl<'f> Candidate<'f> {
    /// What costs nothing comes before keys are looked for (HS-VER-01).
    pub(super) fn check(
        context: &Context<'f>,
        eligible: Eligible<'f>,
        policy: &Policy,
        now: UnixTime,
    ) -> Result<Self, VerifyError> {
        let Eligible { label, list, signature } = eligible;
        let (items, parameters) = list.into_parts();
        let components = components(items)?;
        let parameters = SignatureParameters::of(parameters)?;
        let until = check_parameters(&parameters, policy, now)?;
        check_coverage(context, &components, policy)?;
        Ok(Self {
            context: context.clone(),
            algorithms: policy.algorithms,
            allows_hmac: policy.allows_hmac,
            label,
            components,
            parameters,
            signature,
            until,
        })
    }

    /// The label, which anybody can change.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it says of its key.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.parameters.key_id()
    }

    /// Its parameters.
    #[must_use]
    pub fn parameters(&self) -> &SignatureParameters<'f> {
        &self.parameters
    }

    /// What it covers.
    #[must_use]
    pub fn components(&self) -> &[Component<'f>] {
        &self.components
    }

    /// The signature base, for people who look for a difference; it is not verified, and never part of an answer (HS-VER-04).
    ///
    /// # Errors
    ///
    /// [`BaseError`](crate::BaseError) when there is none.
    pub fn base(&self) -> Result<String, crate::BaseError> {
        Base::build(&self.context, &self.components, self.parameters.fields()).map(|base| base.text)
    }

    /// Verifies it with a key from a source that is trusted (steps 7 to 9 of HS-VER). The base is built anew from the message (HS-BASE-06).
    ///
    /// # Errors
    ///
    /// [`VerifyError`].
    pub fn verify<'k>(self, key: impl Into<VerifyingKey<'k>>) -> Result<Verified<'f, Headers>, VerifyError> {
        let key = key.into();
        // HS-ALG-01: the key decides, and whatever else speaks agrees.
        let name = match key {
            VerifyingKey::Public(key) => {
                if !self.algorithms.contains(key.algorithm()) {
                    return Err(VerifyError::AlgorithmNotAllowed);
                }
                registered_name(key.algorithm())
            }
            VerifyingKey::Shared(_) if self.allows_hmac => Some(HMAC),
            VerifyingKey::Shared(_) => return Err(VerifyError::AlgorithmNotAllowed),
        };
        if self.parameters.algorithm_name().is_some_and(|said| Some(said) != name) {
            return Err(VerifyError::AlgorithmMismatch);
        }
        let base = Base::build(&self.context, &self.components, self.parameters.fields())?;
        let verifies = match key {
            VerifyingKey::Public(key) => key.verify(base.text.as_bytes(), &self.signature).is_ok(),
            VerifyingKey::Shared(secret) => secret.verify(base.text.as_bytes(), &self.signature),
        };
        if !verifies {
            return Err(VerifyError::BadSignature);
        }
        Ok(Verified {
            context: self.context,
            label: self.label,
            components: self.components,
            parameters: self.parameters,
            base,
            until: self.until,
            content: Headers(PhantomData),
        })
    }
}

/// HS-PAR-02 to HS-PAR-04. Until when the signature counts, leeway included.
fn check_parameters(
    parameters: &SignatureParameters<'_>,
    policy: &Policy,
    now: UnixTime,
) -> Result<UnixTime, VerifyError> {
    let missing = policy.required.iter().find(|name| parameters.get(name).is_none());
    if let Some(name) = missing {
        return Err(VerifyError::MissingParameter(name.to_string()));
    }
    let forbidden = policy.forbidden.iter().find(|name| parameters.get(name).is_some());
    if let Some(name) = forbidden {
        return Err(VerifyError::ForbiddenParameter(name.to_string()));
    }
    let time = |seconds: Option<i64>| match seconds {
        Some(seconds) => u64::try_from(seconds).map(|seconds| Some(UnixTime::from_secs(seconds))),
        None => Ok(None),
    };
    let (Ok(created), Ok(expires)) = (time(parameters.created()), time(parameters.expires())) else {
        return Err(VerifyError::BadTimes);
    };
    if let (Some(created), Some(expires)) = (created, expires)
        && expires < created
    {
        return Err(VerifyError::BadTimes);
    }
    let later = |time: UnixTime, by: Duration| time + by;
    if let Some(created) = created {
        if created > later(now, policy.leeway) {
            return Err(VerifyError::NotYetValid);
        }
        if now > later(later(created, policy.max_age), policy.leeway) {
            return Err(VerifyError::TooOld);
        }
    }
    match expires {
        Some(expires) if now >= later(expires, policy.leeway) => return Err(VerifyError::Expired),
        _ => {}
    }
    // At its greatest age it still counts, at its end not any more.
    let by_age = created
        .map(|created| later(later(later(created, policy.max_age), policy.leeway), Duration::from_secs(1)));
    let by_end = expires.map(|expires| later(expires, policy.leeway));
    Ok(by_age.into_iter().chain(by_end).min().unwrap_or(UnixTime::MAX))
}

/// HS-VER-02: by the whole identifier.
fn check_coverage(
    context: &Context<'_>,
    covered: &[Component<'_>],
    policy: &Policy,
) -> Result<(), VerifyError> {
    if covered.is_empty() && !policy.allows_nothing {
        return Err(VerifyError::CoversNothing);
    }
    // Mostly in the order of the policy.
    let is_covered = |(at, component): &(usize, &Component<'_>)| {
        covered.get(*at).is_some_and(|known| known == *component) || covered.contains(component)
    };
    let present = policy.if_present.iter().filter(|component| context.has(component));
    match policy.covered.iter().chain(present).enumerate().find(|component| !is_covered(component)) {
        Some((_, component)) => Err(VerifyError::MissingCoverage(component.to_string())),
        None => Ok(()),
    }
}
