//! `aims oauth get ask`.

use std::path::PathBuf;
use std::time::Duration;

use aims::credential::FetchError;
use aims::jose::json::ObjectWriter;
use aims::keys::UnixTime;
use aims::oauth::{BackchannelRequest, ClientError, PendingApproval, UserGrant, UserHint};

use super::get::{Asking, Session, Target};
use super::grant_file::{self, NewGrant};
use super::obtained::Obtained;
use super::subject_token;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::{Report, printable_json};
use crate::time;

/// Who is asked, and what for.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("user").required(true))]
pub(crate) struct Ask {
    /// The user, by a name that the server knows. Anybody can name anybody.
    #[arg(long, value_name = "NAME", group = "user")]
    login_hint: Option<String>,
    /// The user of this ID Token, which may have expired; - is standard input.
    #[arg(long, value_name = "FILE", group = "user")]
    id_token_hint: Option<PathBuf>,
    /// The user that this token names; - is standard input.
    #[arg(long, value_name = "FILE", group = "user")]
    login_hint_token: Option<PathBuf>,
    /// A few words that the user sees there, and finds here.
    #[arg(long, value_name = "TEXT")]
    binding_message: Option<String>,
    /// How long the answer is waited for, at most. Default: as long as the server says.
    #[arg(long, value_name = "DURATION", value_parser = time::duration)]
    requested_expiry: Option<Duration>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    grant: NewGrant,
    #[command(flatten)]
    asking: Asking,
}

impl Ask {
    pub(super) fn run(self, inputs: &mut Inputs, json: bool) -> Result<Report, Failure> {
        let mut request = BackchannelRequest::new(self.target.scope()?, self.hint(inputs)?)
            .resource(self.target.resource()?);
        request = self.target.with_details(request, BackchannelRequest::details)?;
        if let Some(message) = &self.binding_message {
            request = request.binding_message(message.parse().about_option("--binding-message")?);
        }
        if let Some(expiry) = self.requested_expiry {
            request = request.requested_expiry(expiry);
        }
        let file = self.grant.file(self.asking.replaces(), inputs)?;
        let session = self.asking.session(&[], file.is_some(), inputs)?;
        let progress = Progress { json };
        let grant = super::block_on(async {
            let pending = session.tokens.ask_user(&session.issuer, request).await?;
            progress.tell("asked", pending.next_poll(), pending.expires());
            wait(&session, pending, progress).await
        })?;
        if let Some(file) = file.as_ref().filter(|_| grant.can_be_refreshed()) {
            file.keep(&grant)?;
        }
        let token = grant.first_token().ok_or_else(super::get::other_kind)?;
        let kept = file.as_ref().filter(|_| grant.can_be_refreshed());
        self.asking.report(&session, Obtained::token(&token).with(grant_file::facts(&grant, kept)))
    }

    fn hint(&self, inputs: &mut Inputs) -> Result<UserHint, Failure> {
        if let Some(path) = &self.id_token_hint {
            let file = inputs.file(path)?;
            return Ok(UserHint::IdToken(file.text.parse().about(&file)?));
        }
        if let Some(path) = &self.login_hint_token {
            return Ok(UserHint::Token(subject_token::token(path, inputs)?));
        }
        let name = self.login_hint.clone();
        name.map(UserHint::Login).ok_or_else(|| Failure::Unusable("--login-hint is missing".into()))
    }
}

/// Asks as often as the server wants to be asked, until the user has decided or nobody needs to ask any more.
async fn wait(
    session: &Session,
    mut pending: PendingApproval,
    progress: Progress,
) -> Result<UserGrant, Failure> {
    loop {
        let now = session.tokens.now()?;
        // Neither is awaited beyond the end: then the client says that it has expired.
        tokio::time::sleep(pending.next_poll().min(pending.expires()).since(now)).await;
        match session.tokens.poll(&mut pending).await {
            Ok(Some(grant)) => return Ok(grant),
            Ok(None) => progress.tell("undecided", pending.next_poll(), pending.expires()),
            // There was no answer; the user may have given one.
            Err(ClientError::Fetch(no_answer)) if may_have_decided(no_answer.reason()) => {
                progress.tell("unreachable", pending.next_poll(), pending.expires());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn may_have_decided(reason: &FetchError) -> bool {
    matches!(reason, FetchError::Answer | FetchError::Timeout | FetchError::Unreachable)
}

/// What is told while a user takes their time, on standard error: it is no result.
#[derive(Clone, Copy)]
struct Progress {
    json: bool,
}

impl Progress {
    fn tell(self, state: &str, next: UnixTime, expires: UnixTime) {
        if self.json {
            let mut writer = ObjectWriter::new();
            writer.str("state", state).u64("next_poll", next.as_secs()).u64("expires", expires.as_secs());
            // INVARIANT: the names differ.
            eprintln!("{}", printable_json(&writer.finish().unwrap_or_default()));
        } else {
            eprintln!("{state}: asks again at {}, until {}", time::date(next), time::date(expires));
        }
    }
}
