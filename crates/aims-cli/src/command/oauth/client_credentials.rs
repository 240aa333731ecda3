//! `aims oauth get client-credentials`.

use aims::oauth::{Grant, TokenRequest};

use super::get::{Asking, Target};
use super::obtained::Obtained;
use crate::failure::Failure;
use crate::input::Inputs;
use crate::output::Report;

/// In the agent's own right.
#[derive(clap::Args, Debug)]
pub(crate) struct ClientCredentials {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    asking: Asking,
}

impl ClientCredentials {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let request = TokenRequest::new(Grant::ClientCredentials);
        let request = request.resource(self.target.resource()?).scope(self.target.scope()?);
        let request = self.target.with_details(request, TokenRequest::details)?;
        let session = self.asking.session(&[], false, inputs)?;
        let token = super::block_on(session.access_token(request))?;
        self.asking.report(&session, Obtained::token(&token))
    }
}
