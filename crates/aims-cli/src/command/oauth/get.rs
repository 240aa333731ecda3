//! `aims oauth get`: what all its commands have in common.

use aims::backend;
use aims::keys::SystemClock;
use aims::oauth::{
    AuthorizationDetails, HeldToken, Issuer, Resource, Scope, TokenClient, TokenRequest, TokenStep,
};
use clap::Subcommand;

use super::binding::{Binding, BindingArgs};
use super::client::ClientArgs;
use super::obtained::{Obtained, OutArgs};
use super::{ask, client_credentials, code, exchange, jwt_bearer, refresh};
use crate::command::network::NetworkArgs;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::Report;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Asks a user elsewhere (CIBA), and waits until the user has decided.
    Ask(Box<ask::Ask>),
    /// For what the agent may do itself.
    ClientCredentials(Box<client_credentials::ClientCredentials>),
    /// For what a user grants in a browser. The browser is not opened: its URL is printed on standard error.
    Code(Box<code::Code>),
    /// In exchange for another token (RFC 8693).
    Exchange(Box<exchange::Exchange>),
    /// By a JWT that another domain gave (RFC 7523), or gives now for a token of its own.
    JwtBearer(Box<jwt_bearer::JwtBearer>),
    /// By what a user granted before.
    ///
    /// The file is replaced where the server gives another refresh token. An old copy looks to the server like a thief, and ends the grant.
    Refresh(Box<refresh::Refresh>),
}

impl Command {
    pub(super) fn run(self, inputs: &mut Inputs, json: bool) -> Result<Report, Failure> {
        match self {
            Self::Ask(ask) => ask.run(inputs, json),
            Self::ClientCredentials(own) => own.run(inputs),
            Self::Code(code) => code.run(inputs, json),
            Self::Exchange(exchange) => exchange.run(inputs),
            Self::JwtBearer(bearer) => bearer.run(inputs),
            Self::Refresh(refresh) => refresh.run(inputs),
        }
    }
}

/// Whom to ask, as whom, and what to do with the token.
#[derive(clap::Args, Debug)]
pub(super) struct Asking {
    /// The authorization server, such as `https://as.example`: the one that is asked, whatever others say.
    #[arg(long, value_name = "URL")]
    issuer: String,
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    binding: BindingArgs,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

impl Asking {
    /// The client at this server, and at others that know it by the same name.
    pub(super) fn session(
        &self,
        others: &[Issuer],
        keeps_grant: bool,
        inputs: &mut Inputs,
    ) -> Result<Session, Failure> {
        let issuer: Issuer = self.issuer.parse().about_option("--issuer")?;
        let binding = self.binding.read(self.out.replaces(), inputs)?;
        self.out.check(&binding, keeps_grant)?;
        let http = self.network.guarded(inputs)?;
        let credential = self.client.credential(&issuer, inputs)?;
        let mut builder = TokenClient::builder(http, SystemClock::default(), backend::ring());
        for server in others.iter().chain([&issuer]) {
            builder = builder.server(server.clone(), credential.clone(), binding.constraint().clone());
        }
        Ok(Session { tokens: builder.build(), issuer, binding })
    }

    /// Keeps a token, and says what it is.
    pub(super) fn report(&self, session: &Session, obtained: Obtained) -> Result<Report, Failure> {
        self.out.keep(&session.binding, obtained)
    }

    /// Whether files that are there may be replaced.
    pub(super) fn replaces(&self) -> bool {
        self.out.replaces()
    }
}

/// A client that can ask.
pub(super) struct Session {
    pub(super) tokens: TokenClient,
    pub(super) issuer: Issuer,
    binding: Binding,
}

impl Session {
    /// The access token for a request.
    pub(super) async fn access_token(&self, request: TokenRequest) -> Result<HeldToken, Failure> {
        match self.run(request).await? {
            TokenStep::Token(token) => Ok(token),
            _ => Err(other_kind()),
        }
    }

    /// What comes of a request.
    pub(super) async fn run(&self, request: TokenRequest) -> Result<TokenStep, Failure> {
        let client = self.tokens.client(&self.issuer).await.about_option(self.issuer.as_str())?;
        Ok(self.tokens.run(client.token(request)?).await?)
    }
}

/// What the token is for.
#[derive(clap::Args, Debug)]
pub(super) struct Target {
    /// The resource that the token is for, such as `https://tools.example/v1`.
    #[arg(long, value_name = "URI")]
    resource: String,
    #[command(flatten)]
    good_for: GoodFor,
}

impl Target {
    pub(super) fn resource(&self) -> Result<Resource, Failure> {
        self.resource.parse().about_option("--resource")
    }

    pub(super) fn scope(&self) -> Result<Scope, Failure> {
        self.good_for.scope()
    }

    pub(super) fn with_details<T>(
        &self,
        wanted: T,
        put: impl FnOnce(T, AuthorizationDetails) -> T,
    ) -> Result<T, Failure> {
        self.good_for.with_details(wanted, put)
    }
}

/// What the token is good for.
#[derive(clap::Args, Debug)]
pub(super) struct GoodFor {
    /// What the token shall be good for, separated by spaces. Default: what the server gives.
    #[arg(long)]
    scope: Option<String>,
    /// What it shall be good for in detail (RFC 9396): a JSON array, such as `[{"type":"booking","actions":["read"]}]`.
    #[arg(long, value_name = "JSON")]
    authorization_details: Option<String>,
}

impl GoodFor {
    pub(super) fn scope(&self) -> Result<Scope, Failure> {
        let scope = self.scope.as_deref().map(str::parse).transpose();
        Ok(scope.about_option("--scope")?.unwrap_or_default())
    }

    /// What is wanted, with details if there are any.
    pub(super) fn with_details<T>(
        &self,
        wanted: T,
        put: impl FnOnce(T, AuthorizationDetails) -> T,
    ) -> Result<T, Failure> {
        let details = self.authorization_details.as_deref().map(AuthorizationDetails::parse).transpose();
        Ok(match details.about_option("--authorization-details")? {
            Some(details) => put(wanted, details),
            None => wanted,
        })
    }
}

/// EXC-10
pub(super) fn other_kind() -> Failure {
    aims::oauth::ClientError::IssuedType.into()
}
