//! `aims oauth get code`.

use aims::oauth::{AuthorizationFlow, RedirectUri};

use super::get::{Asking, Target};
use super::grant_file::{self, NewGrant};
use super::obtained::Obtained;
use super::redirect::{self, Awaited};
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::Report;

/// What a user is asked for, and where the browser comes back to.
#[derive(clap::Args, Debug)]
pub(crate) struct Code {
    #[command(flatten)]
    target: Target,
    /// Where the user's browser is sent back to, as it is registered. At a loopback address without a port, a free one is taken.
    #[arg(long, value_name = "URI", default_value = "http://127.0.0.1/callback")]
    redirect_uri: String,
    /// Does not listen at the redirect URI, but reads from standard input the URL that the browser was sent to.
    #[arg(long)]
    paste: bool,
    #[command(flatten)]
    grant: NewGrant,
    #[command(flatten)]
    asking: Asking,
}

impl Code {
    pub(super) fn run(self, inputs: &mut Inputs, json: bool) -> Result<Report, Failure> {
        let resource = self.target.resource()?;
        let scope = self.target.scope()?;
        let redirect_uri: RedirectUri = self.redirect_uri.parse().about_option("--redirect-uri")?;
        let file = self.grant.file(self.asking.replaces(), inputs)?;
        let session = self.asking.session(&[], file.is_some(), inputs)?;
        let grant = super::block_on(async {
            let back = if self.paste {
                Awaited::paste(redirect_uri)
            } else {
                Awaited::listen(&redirect_uri).await?
            };
            let client =
                session.tokens.client(&session.issuer).await.about_option(session.issuer.as_str())?;
            let flow = client.authorize(back.uri())?.resource(resource).scope(scope);
            let flow = self.target.with_details(flow, AuthorizationFlow::details)?;
            let pending = session.tokens.begin(flow).await?;
            redirect::send_user_to(pending.url(), json);
            let query = back.query(pending.state(), inputs).await?;
            Ok(session.tokens.redeem(pending, &query).await?)
        })?;
        if let Some(file) = file.as_ref().filter(|_| grant.can_be_refreshed()) {
            file.keep(&grant)?;
        }
        let token = grant.first_token().ok_or_else(super::get::other_kind)?;
        let kept = file.as_ref().filter(|_| grant.can_be_refreshed());
        self.asking.report(&session, Obtained::token(&token).with(grant_file::facts(&grant, kept)))
    }
}
