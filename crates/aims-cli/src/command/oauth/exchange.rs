//! `aims oauth get exchange`.

use std::path::PathBuf;

use aims::oauth::{Grant, TokenExchange, TokenRequest, TokenStep, TokenTypeUrn, TypedToken};

use super::get::{Asking, GoodFor, other_kind};
use super::obtained::Obtained;
use super::subject_token::{self, SubjectToken};
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::Report;

/// What is exchanged, and for what.
#[derive(clap::Args, Debug)]
pub(crate) struct Exchange {
    #[command(flatten)]
    subject: SubjectToken,
    /// The token of whom acts, where that is not the client; - is standard input.
    #[arg(long, value_name = "FILE", requires = "actor_token_type")]
    actor_token_file: Option<PathBuf>,
    /// What kind of token that is.
    #[arg(long, value_name = "TYPE", requires = "actor_token_file", value_parser = subject_token::kind)]
    actor_token_type: Option<TokenTypeUrn>,
    /// The resource that the token is for, such as `https://tools.example/v1`.
    #[arg(long, value_name = "URI", required_unless_present = "audience")]
    resource: Option<String>,
    /// Whom the token is for, by the name that the server knows it by: another server, for one that is taken there.
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
    /// What kind of token is wanted.
    #[arg(long, value_name = "TYPE", default_value = "access_token", value_parser = subject_token::kind)]
    requested_type: TokenTypeUrn,
    #[command(flatten)]
    good_for: GoodFor,
    #[command(flatten)]
    asking: Asking,
}

impl Exchange {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let mut exchange =
            TokenExchange::of(self.subject.read(inputs)?).requesting(self.requested_type.clone());
        if let (Some(path), Some(kind)) = (&self.actor_token_file, &self.actor_token_type) {
            exchange = exchange.by(TypedToken::new(subject_token::token(path, inputs)?, kind.clone()));
        }
        if let Some(audience) = &self.audience {
            exchange = exchange.audience(audience);
        }
        let request = TokenRequest::new(Grant::TokenExchange(exchange)).scope(self.good_for.scope()?);
        let mut request = self.good_for.with_details(request, TokenRequest::details)?;
        if let Some(resource) = &self.resource {
            request = request.resource(resource.parse().about_option("--resource")?);
        }
        let session = self.asking.session(&[], false, inputs)?;
        let obtained = match super::block_on(session.run(request))? {
            TokenStep::Token(token) => Obtained::token(&token),
            TokenStep::Grant(grant) => Obtained::grant(&grant),
            _ => return Err(other_kind()),
        };
        self.asking.report(&session, obtained)
    }
}
