//! A request object as it was sent.

use std::fmt;

use super::RequestObjectError;
use crate::{AuthenticatedClient, Parameters};

/// A request object that nobody has looked at yet, and the client whose keys to look up for it.
pub struct PresentedRequestObject<'r> {
    pub(super) token: &'r str,
    client_id: &'r str,
}

impl<'r> PresentedRequestObject<'r> {
    /// Reads the query of an authorization request: `client_id` stands beside the object (JAR-1). `None`, where the request is not signed. Whatever else stands
    /// there means nothing.
    ///
    /// # Errors
    ///
    /// [`RequestObjectError::Form`], [`RequestObjectError::RequestUri`].
    pub fn read(form: &'r Parameters) -> Result<Option<Self>, RequestObjectError> {
        let Some(token) = token(form)? else { return Ok(None) };
        Ok(Some(Self { token, client_id: form.require("client_id")? }))
    }

    /// Reads what this client has pushed: it said who it is when it authenticated, and need not say so again.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and [`RequestObjectError::ClientMismatch`].
    pub fn pushed(
        form: &'r Parameters,
        client: &'r AuthenticatedClient,
    ) -> Result<Option<Self>, RequestObjectError> {
        let Some(token) = token(form)? else { return Ok(None) };
        let client_id = client.client_id();
        if form.get("client_id")?.is_some_and(|said| said != client_id) {
            return Err(RequestObjectError::ClientMismatch);
        }
        Ok(Some(Self { token, client_id }))
    }

    /// Whose request it says that it is.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.client_id
    }
}

/// Shows whose it says that it is.
impl fmt::Debug for PresentedRequestObject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedRequestObject").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

fn token(form: &Parameters) -> Result<Option<&str>, RequestObjectError> {
    let token = form.get("request")?;
    if token.is_some() && form.get("request_uri")?.is_some() {
        return Err(RequestObjectError::RequestUri);
    }
    Ok(token)
}
