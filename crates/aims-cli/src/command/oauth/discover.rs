//! `aims oauth discover`.

use std::time::Duration;

use aims::backend;
use aims::credential::{Fetch, FetchError, FetchRequest, Fetched, HttpsUrl};
use aims::keys::{Algorithm, AlgorithmSet};
use aims::oauth::{
    Challenges, ClientAuthMethod, Endpoint, GrantType, Issuer, Resource, ResourceMetadata,
    ResourceMetadataError, Scope, ServerMetadata, Signed, TrustedIssuer,
};
use aims::workload_api::fetch::GuardedFetch;

use super::findings::{self, Finding};
use crate::command::network::NetworkArgs;
use crate::failure::{Failure, Reason};
use crate::input::Inputs;
use crate::output::{Fact, Facts, Report};
use crate::time;

/// Where to begin.
#[derive(clap::Args, Debug)]
pub(crate) struct Discover {
    /// The URL of a resource, such as a tool.
    url: String,
    /// The URL is that of an authorization server.
    #[arg(long)]
    server: bool,
    #[command(flatten)]
    network: NetworkArgs,
}

impl Discover {
    pub(super) fn run(self, inputs: &mut Inputs, json: bool) -> Result<Report, Failure> {
        let http = self.network.guarded(inputs)?;
        let mut walk = Walk { http, steps: Vec::new(), servers: Vec::new(), findings: Vec::new() };
        if self.server {
            let issuer: Issuer = self.url.parse()?;
            super::block_on(async {
                walk.server(&issuer, None).await;
                Ok(())
            })?;
        } else {
            let url: HttpsUrl = self.url.parse()?;
            let resource: Resource = self.url.parse()?;
            super::block_on(async {
                walk.resource(&url, &resource).await;
                Ok(())
            })?;
        }
        walk.report(json)
    }
}

/// What was asked so far, and what came of it.
struct Walk {
    http: GuardedFetch,
    steps: Vec<Facts>,
    servers: Vec<Facts>,
    findings: Vec<Finding>,
}

impl Walk {
    /// What was found is printed however far the walk went; then why it went no further, if it did not.
    fn report(self, json: bool) -> Result<Report, Failure> {
        let error = self.findings.iter().find(|finding| finding.is_error).map(Finding::failure);
        let note = match (&error, self.findings.is_empty()) {
            (Some(_), _) => "a client gets no further",
            (None, true) => "discovered",
            (None, false) => "discovered; what is weak stands at the end",
        };
        let findings = self.findings.iter().map(Finding::facts).collect();
        let report = Report::Facts(
            Facts::new()
                .note(note)
                .with("discovered", error.is_none())
                .with("steps", Fact::Each(self.steps))
                .with("servers", Fact::Each(self.servers))
                .with("findings", Fact::Each(findings)),
        );
        let Some(error) = error else { return Ok(report) };
        report.print(json).map_err(|error| Failure::io("standard output", &error))?;
        Err(error)
    }

    /// MCP-7: by what the resource's own refusal names, else at the usual places.
    async fn resource(&mut self, url: &HttpsUrl, resource: &Resource) {
        let places = match self.challenge(url).await {
            Ok(Some(named)) => vec![named],
            Ok(None) => match ResourceMetadata::urls(resource) {
                Ok(places) => places,
                Err(error) => return self.fail(url.as_str(), &error),
            },
            Err(finding) => return self.findings.push(finding),
        };
        let mut last = FetchError::Status(404);
        for place in places {
            let request = ResourceMetadata::request(&place).timeout(TIMEOUT);
            match self.document("resource metadata", request).await {
                Ok(fetched) => return self.resource_metadata(&fetched, &place, resource).await,
                Err(error @ FetchError::Status(400..=499)) => last = error,
                Err(error) => return self.fail(place.as_str(), &error),
            }
        }
        self.fail(url.as_str(), &last);
    }

    /// Where the resource itself says that its metadata are, when it is asked without a token.
    async fn challenge(&mut self, url: &HttpsUrl) -> Result<Option<HttpsUrl>, Finding> {
        let request = FetchRequest::new(url).keep(&["www-authenticate"]).timeout(TIMEOUT);
        let answer = match self.http.look(request).await {
            Ok(answer) => answer,
            // Its metadata may be reachable all the same; when not, that is where it ends.
            Err(error) => {
                self.step("resource", url.as_str(), &refused(&error));
                return Ok(None);
            }
        };
        self.step("resource", url.as_str(), &format!("status {}", answer.status()));
        if answer.status() != 401 {
            let why = format!("without a token it answers with status {}, and not with 401", answer.status());
            self.findings.push(Finding::warning(url.as_str(), "no_challenge", "CHA-1", why));
            return Ok(None);
        }
        let of =
            |error: &dyn Reason| Finding::error(url.as_str(), error.code(), error.rule(), error.to_string());
        let challenges = Challenges::parse(answer.lines("www-authenticate")).map_err(|error| of(&error))?;
        for challenge in challenges.iter() {
            let named = challenge.resource_metadata().map_err(|error| of(&error))?;
            if let Some(named) = named {
                return named.parse().map(Some).map_err(|error| of(&error));
            }
        }
        let why = "its challenge does not say where its metadata are";
        self.findings.push(Finding::warning(url.as_str(), "challenge_without_metadata", "CHA-1", why));
        Ok(None)
    }

    async fn resource_metadata(&mut self, fetched: &Fetched, place: &HttpsUrl, resource: &Resource) {
        let metadata = match ResourceMetadata::parse(fetched.body(), resource) {
            // PRM-2 wants the very resource; clients of MCP take one above it (MCP-9).
            Err(ResourceMetadataError::ResourceMismatch) => {
                let above = ResourceMetadata::parse_above(fetched.body(), resource);
                if let Ok(above) = &above {
                    let why =
                        format!("the metadata are of {}, which only clients of MCP take", above.resource());
                    self.findings.push(Finding::warning(resource.as_str(), "resource_above", "PRM-2", why));
                }
                above.map_err(|_| ResourceMetadataError::ResourceMismatch)
            }
            read => read,
        };
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) => return self.fail(place.as_str(), &error),
        };
        self.also_found(resource_facts(&metadata));
        self.findings.extend(findings::of_resource(&metadata));
        let servers = metadata.authorization_servers();
        if servers.is_empty() {
            let why = "the metadata name no authorization server";
            let finding = Finding::error(resource.as_str(), "no_authorization_servers", "MCP-1", why);
            return self.findings.push(finding);
        }
        if servers.len() > MAX_SERVERS {
            let why =
                format!("of {} authorization servers, the first {MAX_SERVERS} were asked", servers.len());
            self.findings.push(Finding::warning(resource.as_str(), "many_servers", "SEC-17", why));
        }
        for issuer in servers.iter().take(MAX_SERVERS) {
            self.server(issuer, Some(metadata.resource())).await;
        }
    }

    /// MCP-8: at the usual places, the one after the other.
    async fn server(&mut self, issuer: &Issuer, resource: Option<&Resource>) {
        let mut last = FetchError::Status(404);
        for place in ServerMetadata::urls(issuer) {
            let request = ServerMetadata::request(&place).timeout(TIMEOUT);
            match self.document("server metadata", request).await {
                Ok(fetched) => match ServerMetadata::parse(fetched.body(), issuer) {
                    Ok(metadata) => {
                        self.findings.extend(findings::of_server(&metadata, fetched.body(), resource));
                        self.servers.push(server_facts(&metadata));
                        return self.keys(&metadata).await;
                    }
                    Err(error) => return self.fail(place.as_str(), &error),
                },
                Err(error @ FetchError::Status(400..=499)) => last = error,
                Err(error) => return self.fail(place.as_str(), &error),
            }
        }
        self.fail(issuer.as_str(), &last);
    }

    /// Without its keys nobody verifies what the server signed; a client need not.
    async fn keys(&mut self, metadata: &ServerMetadata) {
        let issuer = metadata.issuer();
        let Some(url) = metadata.jwks_uri() else {
            let why = "it publishes no keys: nobody can verify what it signs";
            self.findings.push(Finding::warning(issuer.as_str(), "issuer_without_keys", "MET-4", why));
            return;
        };
        let trusted =
            TrustedIssuer::following_keys(issuer.clone(), url.clone(), self.http.clone(), backend::ring());
        let keys = match time::now() {
            Ok(now) => trusted.prepare(None, now).await.and_then(|()| trusted.keys(now)),
            Err(_) => return,
        };
        match keys {
            Ok(keys) => self.step("keys", url.as_str(), &format!("{} keys", keys.len())),
            Err(error) => {
                self.step("keys", url.as_str(), &refused(&error));
                let finding = Finding::warning(url.as_str(), error.code(), error.rule(), error.to_string());
                self.findings.push(finding);
            }
        }
    }

    /// Fetches a document, and says so.
    async fn document(
        &mut self,
        what: &'static str,
        request: FetchRequest<'_>,
    ) -> Result<Fetched, FetchError> {
        let url = request.url();
        let fetched = self.http.fetch(request).await;
        let found = match &fetched {
            Ok(fetched) => format!("{} bytes", fetched.body().len()),
            Err(error) => refused(error),
        };
        self.step(what, url.as_str(), &found);
        fetched
    }

    fn step(&mut self, asked: &'static str, url: &str, found: &str) {
        self.steps.push(Facts::new().with("asked", asked).with("url", url).with("found", found));
    }

    /// Says more of the step before.
    fn also_found(&mut self, facts: Facts) {
        if let Some(step) = self.steps.pop() {
            self.steps.push(step.with_all(facts));
        }
    }

    fn fail(&mut self, about: &str, error: &dyn Reason) {
        self.findings.push(Finding::error(about, error.code(), error.rule(), error.message()));
    }
}

fn refused(error: &dyn Reason) -> String {
    format!("{} ({}): {error}", error.code(), error.rule())
}

/// What a resource says of itself.
fn resource_facts(metadata: &ResourceMetadata) -> Facts {
    let servers = metadata.authorization_servers().iter().map(Issuer::as_str);
    let proofs = metadata.dpop_algorithms().unwrap_or(AlgorithmSet::EMPTY);
    Facts::new()
        .with("resource", metadata.resource().as_str())
        .with("authorization_servers", texts(servers))
        .with_some("scopes", metadata.scopes().map(Scope::as_str))
        .with("dpop_algorithms", texts(proofs.iter().map(Algorithm::name)))
        .with("requires_dpop", metadata.requires_dpop())
}

/// What a server says that it can do.
fn server_facts(metadata: &ServerMetadata) -> Facts {
    let grants = GrantType::ALL.iter().filter(|grant| metadata.supports_grant(**grant));
    let methods = ClientAuthMethod::ALL
        .iter()
        .filter(|method| metadata.supports_auth_method(**method, Endpoint::Token));
    let proofs = metadata.algorithms(Signed::DpopProof).unwrap_or(AlgorithmSet::EMPTY);
    let facts = Facts::new().with("issuer", metadata.issuer().as_str());
    let facts = Endpoint::ALL.iter().fold(facts, |facts, endpoint| {
        facts.with_some(endpoint.as_str(), metadata.endpoint(*endpoint).map(HttpsUrl::as_str))
    });
    facts
        .with("grants", texts(grants.map(|grant| grant.as_str())))
        .with("auth_methods", texts(methods.map(|method| method.as_str())))
        .with("dpop_algorithms", texts(proofs.iter().map(Algorithm::name)))
        .with_some("scopes", metadata.scopes().map(Scope::as_str))
}

fn texts<'t>(texts: impl Iterator<Item = &'t str>) -> Fact {
    Fact::Texts(texts.map(ToOwned::to_owned).collect())
}

/// Who names more has somebody else's servers asked.
const MAX_SERVERS: usize = 4;

const TIMEOUT: Duration = Duration::from_secs(5);
