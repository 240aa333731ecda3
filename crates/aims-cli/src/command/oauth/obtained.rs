//! Where a token goes, and what is said of it.

use std::path::PathBuf;

use aims::oauth::{AuthorizationDetails, Fingerprint, HeldBinding, HeldGrant, HeldToken, Resource, Scope};
use zeroize::Zeroizing;

use super::binding::Binding;
use crate::failure::Failure;
use crate::output::{Facts, Report};
use crate::private_file;

/// Where the token goes. Default: nowhere, it is only told what came.
#[derive(clap::Args, Debug)]
pub(super) struct OutArgs {
    /// Writes the token into this file, which only its owner can read. Without this or --show-token it is not kept: it is only told what came.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replaces files that are there.
    #[arg(long)]
    force: bool,
    /// Prints the token. Terminals are logs: others may read there what was printed.
    #[arg(long, conflicts_with = "out")]
    show_token: bool,
}

/// What came.
pub(super) struct Obtained {
    text: Zeroizing<String>,
    fingerprint: Fingerprint,
    is_bearer: bool,
    is_grant: bool,
    facts: Facts,
}

impl OutArgs {
    pub(super) fn replaces(&self) -> bool {
        self.force
    }

    /// Says before anything is asked for that what comes could not be kept, or would be of use to nobody.
    pub(super) fn check(&self, binding: &Binding, keeps_grant: bool) -> Result<(), Failure> {
        let is_wanted = self.show_token || self.out.is_some() || keeps_grant;
        if is_wanted && !binding.is_kept() {
            let why =
                "the token would be bound to a key that is gone: name one with --dpop-key or --new-dpop-key";
            return Err(Failure::Unusable(why.into()));
        }
        match &self.out {
            Some(path) => private_file::check(path, self.force),
            None => Ok(()),
        }
    }

    /// Puts the token where it belongs, and says what it is.
    pub(super) fn keep(&self, binding: &Binding, obtained: Obtained) -> Result<Report, Failure> {
        let Obtained { text, fingerprint, is_bearer, is_grant, facts } = obtained;
        // Without its key a token is worth nothing: the key first.
        let key = binding.keep(self.force)?;
        let facts = facts
            .with("fingerprint", fingerprint.to_string())
            .with_some("dpop_key", key.map(|path| path.display().to_string()));
        if self.show_token {
            let name = if is_grant { "token" } else { "access_token" };
            return Ok(Report::Lines(
                vec![text.to_string()],
                Facts::new().with(name, &**text).with_all(facts),
            ));
        }
        let Some(path) = &self.out else {
            let note = match (is_bearer, is_grant || binding.is_kept()) {
                (true, _) => "a BEARER token that is not kept, for want of --out or --show-token",
                (false, true) => "a token that is not kept, for want of --out or --show-token",
                (false, false) => {
                    "a token that is not kept, and whose key is gone with this run: that the server gives one is all that it shows"
                }
            };
            return Ok(Report::Facts(facts.note(note)));
        };
        let note = if is_bearer {
            "a BEARER token: whoever has a copy of it is the agent"
        } else {
            "a token that is worth nothing without its key"
        };
        let facts = if is_grant { facts } else { facts.note(note) };
        private_file::write(path, &text, self.force)?;
        Ok(Report::Facts(facts.with("file", path.display().to_string())))
    }
}

impl Obtained {
    /// An access token.
    pub(super) fn token(token: &HeldToken) -> Self {
        let facts = Facts::new()
            .with("issuer", token.issuer().as_str())
            .with("token_type", token.scheme().as_str())
            .with("bearer", token.binding() == HeldBinding::Bearer)
            .with_some("resource", token.resources().first().map(Resource::as_str))
            .with_some("scope", token.scope().map(Scope::as_str))
            .with_some("authorization_details", token.details().map(AuthorizationDetails::as_json));
        let facts = match token.binding() {
            HeldBinding::Dpop(key) => facts.with("thumbprint", key.to_string()),
            _ => facts,
        };
        Self {
            text: Zeroizing::new(token.token().expose().to_owned()),
            fingerprint: token.fingerprint(),
            is_bearer: token.binding() == HeldBinding::Bearer,
            is_grant: false,
            facts: facts.with_some("not_after", token.expires()),
        }
    }

    /// A token that is taken elsewhere.
    pub(super) fn grant(grant: &HeldGrant) -> Self {
        let facts = Facts::new()
            .with("issuer", grant.issuer().as_str())
            .with("issued_token_type", grant.kind().as_str())
            .with_some("not_after", grant.expires());
        Self {
            text: Zeroizing::new(grant.token().expose().to_owned()),
            fingerprint: grant.token().fingerprint(),
            is_bearer: false,
            is_grant: true,
            facts,
        }
    }

    /// With these facts besides.
    pub(super) fn with(mut self, facts: Facts) -> Self {
        self.facts = self.facts.with_all(facts);
        self
    }
}
