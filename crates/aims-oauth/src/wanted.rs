//! What a token shall be good for, as requests say it.

use crate::{AuthorizationDetails, DetailsError, MessageError, NewParameters, Parameters, Resource, Scope};

/// The parameters that authorization requests and token requests share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) resources: Vec<Resource>,
    pub(crate) scope: Option<Scope>,
    pub(crate) details: Option<AuthorizationDetails>,
}

impl Wanted {
    pub(crate) fn read(form: &Parameters) -> Result<Self, MessageError> {
        let mut resources = Vec::new();
        for resource in form.all("resource") {
            if resources.len() >= MAX_RESOURCES {
                return Err(MessageError::TooMany("resource"));
            }
            resources.push(resource.parse()?);
        }
        let scope = form.get("scope")?.map(str::parse).transpose()?;
        let details = form.get("authorization_details")?.map(AuthorizationDetails::parse).transpose()?;
        Ok(Self { resources, scope, details })
    }

    /// The same where nothing was granted yet: the word of a user is given by the server, and brought by nobody (HIL-41).
    pub(crate) fn read_first(form: &Parameters) -> Result<Self, MessageError> {
        let wanted = Self::read(form)?;
        match &wanted.details {
            Some(details) if details.have_confirmation() => Err(DetailsError::Confirmed.into()),
            _ => Ok(wanted),
        }
    }

    pub(crate) fn write(&self, form: &mut NewParameters) {
        for resource in &self.resources {
            form.add("resource", resource.as_str());
        }
        form.add_some("scope", self.scope.as_ref().map(Scope::as_str));
        form.add_some("authorization_details", self.details.as_ref().map(AuthorizationDetails::as_json));
    }

    /// An empty scope is none (WIR-2).
    pub(crate) fn set_scope(&mut self, scope: Scope) {
        self.scope = Some(scope).filter(|scope| !scope.is_empty());
    }
}

/// WIR-9.
const MAX_RESOURCES: usize = 16;
