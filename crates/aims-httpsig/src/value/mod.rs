//! The values of components (RFC 9421 sections 2.1 and 2.2).

mod authority;
mod field;
mod query;
mod target;

pub(crate) use self::query::Queries;

use self::target::Target;
use crate::component::Kind;
use crate::{Component, ComponentError, Context, Message, Part};

impl Context<'_> {
    /// The value of a component, as it stands in the signature base.
    ///
    /// # Errors
    ///
    /// [`ComponentError`] when the message has none.
    pub fn value(&self, component: &Component<'_>) -> Result<String, ComponentError> {
        let mut value = String::new();
        self.write_value(component, &mut Queries::default(), &mut value)?;
        Ok(value)
    }

    /// Whether the message has the component at all, whatever its value is worth.
    #[must_use]
    pub fn has(&self, component: &Component<'_>) -> bool {
        let Ok(message) = self.message_of(component) else { return false };
        if component.kind != Kind::Field {
            return self.value(component).is_ok();
        }
        let part = if component.flags.trailer { Part::Trailers } else { Part::Headers };
        let mut is_there = false;
        message.lines(part, component.name(), &mut |_| is_there = true);
        is_there
    }

    /// Appends the value of a component.
    pub(crate) fn write_value<'c>(
        &'c self,
        component: &Component<'_>,
        queries: &mut Queries<'c>,
        to: &mut String,
    ) -> Result<(), ComponentError> {
        let message = self.message_of(component)?;
        if component.kind == Kind::Field {
            return field::write(self, message, component, to);
        }
        let start = to.len();
        self.write_derived(message, component, queries, to)?;
        // HS-VAL-15
        let value = to.get(start..).unwrap_or_default();
        let is_sound = value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            && !value.starts_with(' ')
            && !value.ends_with(' ');
        if is_sound { Ok(()) } else { Err(ComponentError::BadValue) }
    }

    /// The message that a component is taken from, if it has components of this kind.
    fn message_of(&self, component: &Component<'_>) -> Result<&dyn Message, ComponentError> {
        let of_request = match component.kind {
            Kind::Field => None,
            Kind::Status => Some(false),
            _ => Some(true),
        };
        match (self.is_response, component.flags.request) {
            // A request answers nothing.
            (false, true) => Err(ComponentError::ParameterNotApplicable),
            (true, true) => self.request.ok_or(ComponentError::NoRequest),
            (is_response, false) if of_request == Some(is_response) => Err(ComponentError::NotInThisMessage),
            (_, false) => Ok(self.target),
        }
    }

    fn write_derived<'c>(
        &'c self,
        message: &'c dyn Message,
        component: &Component<'_>,
        queries: &mut Queries<'c>,
        to: &mut String,
    ) -> Result<(), ComponentError> {
        use ComponentError as E;

        let target = || message.target().map(Target::of).ok_or(E::Unavailable);
        match component.kind {
            Kind::Authority => {
                let target = target()?;
                let scheme = scheme_of(message, &target);
                authority::write(self.authority_of(message, &target)?, scheme, to)?;
            }
            Kind::Method => to.push_str(message.method().ok_or(E::Unavailable)?),
            Kind::Path => to.push_str(target()?.path().ok_or(E::Unavailable)?),
            Kind::Query => {
                to.push('?');
                to.push_str(target()?.query().ok_or(E::Unavailable)?);
            }
            Kind::QueryParam => {
                let name = component.text("name").ok_or(E::NameMissing)?;
                let query = target()?.query().ok_or(E::Unavailable)?;
                let known = if component.flags.request { &mut queries.of_request } else { &mut queries.own };
                known.get_or_insert_with(|| query::Parameters::of(query)).write(name, to)?;
            }
            Kind::RequestTarget => to.push_str(message.target().ok_or(E::Unavailable)?),
            Kind::Scheme => Self::write_scheme(message, &target()?, to)?,
            Kind::Status => {
                let status = message.status().filter(|status| (100..1000).contains(status));
                to.push_str(&status.ok_or(E::Unavailable)?.to_string());
            }
            Kind::TargetUri => self.write_uri(message, &target()?, to)?,
            // INVARIANT: fields have been dealt with.
            Kind::Field => return Err(E::UnknownDerived),
        }
        Ok(())
    }

    /// HS-VAL-10: who the request is for, as it was sent.
    fn authority_of<'a>(
        &'a self,
        message: &'a dyn Message,
        target: &Target<'a>,
    ) -> Result<&'a str, ComponentError> {
        let is_other = |one: &str, other: &str| !authority::are_equal(one, other, scheme_of(message, target));
        let sent = target.authority().or_else(|| message.authority());
        let beside = if target.authority().is_some() { message.authority() } else { None };
        let mut others = [beside, message.host()].into_iter().flatten();
        // What is configured is about the message as this server got it, and about no request that it made itself.
        if let Some(sent) = sent
            && !self.any_host
            && others.any(|other| is_other(sent, other))
        {
            return Err(ComponentError::AuthorityMismatch);
        }
        let received = sent.filter(|authority| target.authority().is_some() || !authority.is_empty());
        self.authority.or(received).ok_or(ComponentError::Unavailable)
    }

    fn write_scheme(
        message: &dyn Message,
        target: &Target<'_>,
        to: &mut String,
    ) -> Result<(), ComponentError> {
        let scheme = target.scheme().or_else(|| message.scheme()).ok_or(ComponentError::Unavailable)?;
        to.extend(scheme.chars().map(|letter| letter.to_ascii_lowercase()));
        Ok(())
    }

    /// HS-VAL-12: as it was sent, nothing normalised.
    fn write_uri(
        &self,
        message: &dyn Message,
        target: &Target<'_>,
        to: &mut String,
    ) -> Result<(), ComponentError> {
        let authority = self.authority_of(message, target)?;
        authority::check(authority)?;
        Self::write_scheme(message, target, to)?;
        to.push_str("://");
        to.push_str(authority);
        to.push_str(target.rest());
        Ok(())
    }
}

/// The scheme whose usual port is left out. The target of CONNECT is a host and a port, and has no scheme (RFC 9110 section 7.1).
fn scheme_of<'a>(message: &'a dyn Message, target: &Target<'a>) -> Option<&'a str> {
    if message.method() == Some("CONNECT") { None } else { target.scheme().or_else(|| message.scheme()) }
}
