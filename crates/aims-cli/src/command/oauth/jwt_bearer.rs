//! `aims oauth get jwt-bearer`.

use std::path::PathBuf;

use aims::oauth::{Grant, HeldToken, Issuer, TokenNeed, TokenRequest};

use super::get::{Asking, Session, Target};
use super::obtained::Obtained;
use super::subject_token::{self, SubjectToken};
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::Report;

/// By which grant of another domain.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("grant").required(true))]
pub(crate) struct JwtBearer {
    /// The grant itself, a JWT; - is standard input.
    #[arg(long, value_name = "FILE", group = "grant")]
    assertion_file: Option<PathBuf>,
    /// The server of the agent's own domain, which gives the grant for a subject token of its own.
    #[arg(long, value_name = "URL", group = "grant", requires = "subject_token_file")]
    across_from: Option<String>,
    #[command(flatten)]
    subject: SubjectToken,
    /// Asks that server for an Identity Assertion JWT Authorization Grant, in place of a plain one.
    #[arg(long, requires = "across_from")]
    id_jag: bool,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    asking: Asking,
}

impl JwtBearer {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let home = self.across_from.as_deref().map(str::parse::<Issuer>);
        let home = home.transpose().about_option("--across-from")?;
        let (session, token) = match home {
            Some(home) => self.across(home, inputs)?,
            None => self.given(inputs)?,
        };
        self.asking.report(&session, Obtained::token(&token))
    }

    fn given(&self, inputs: &mut Inputs) -> Result<(Session, HeldToken), Failure> {
        let Some(path) = &self.assertion_file else {
            return Err(Failure::Unusable("--assertion-file is missing".into()));
        };
        let request = TokenRequest::new(Grant::JwtBearer(subject_token::token(path, inputs)?))
            .resource(self.target.resource()?)
            .scope(self.target.scope()?);
        let request = self.target.with_details(request, TokenRequest::details)?;
        let session = self.asking.session(&[], false, inputs)?;
        let token = super::block_on(session.access_token(request))?;
        Ok((session, token))
    }

    fn across(&self, home: Issuer, inputs: &mut Inputs) -> Result<(Session, HeldToken), Failure> {
        let subject = self.subject.read(inputs)?;
        let session = self.asking.session(std::slice::from_ref(&home), false, inputs)?;
        let need =
            TokenNeed::of(self.target.resource()?).from(session.issuer.clone()).scope(self.target.scope()?);
        let need = self.target.with_details(need, TokenNeed::details)?;
        let need = if self.id_jag {
            need.by_identity_assertion(home, subject)
        } else {
            need.across_from(home, subject)
        };
        let token = super::block_on(async { Ok(session.tokens.token(&need).await?) })?;
        Ok((session, token))
    }
}
