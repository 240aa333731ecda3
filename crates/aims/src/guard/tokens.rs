//! Access tokens: what a caller may do, beside who it is.

use std::sync::Arc;

use aims_credential::{Lapsed, Marks};
use aims_id::WorkloadId;
use aims_keys::UnixTime;
use aims_oauth::{
    AccessTokenError, Authorized as TokenAuthorized, DPOP_FIELD, DpopError, DpopTarget, Possession,
    PossessionError, PresentedToken, Resource, ResourceError, ResourceMetadata, ResourceServer,
    Shown as ShownBy, TokenScheme, VerifiedAccessToken,
};
use aims_proof::{Audiences, Authenticated, TXN_TOKEN_FIELD, WptProfile};
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::accept::Accept;
use super::metadata::Document;
use super::panics::{caught, caught_future};
use super::{GuardError, Inner, Refusal, ways};
use crate::caller::Caller;

/// What a guard knows of access tokens.
#[derive(Clone)]
pub(super) struct Tokens {
    /// What this guard takes: of the resource, what the proofs that it accepts lead to.
    pub(super) server: ResourceServer,
    /// The whole of it, for guards that are made of this one and accept other proofs.
    whole: ResourceServer,
    profile: WptProfile,
    /// Scheme and authority of this service, for each of the names that tokens may be for. `None`, where it is not known.
    bases: Arc<[(Resource, Option<Box<str>>)]>,
    /// What is told of the resource, once for all guards of it, by where it is asked for.
    pub(super) documents: Arc<[Document]>,
    /// The same, as it is told under the first of its names.
    #[cfg(feature = "mcp")]
    pub(super) metadata: Arc<ResourceMetadata>,
}

/// What the access token of a request is good for.
#[derive(Clone)]
pub(crate) struct Granted {
    pub(super) authorization: TokenAuthorized,
    /// Whom its issuer says that it was given to, where nothing else says who calls.
    pub(super) agent: Option<WorkloadId>,
    pub(super) next_nonce: Option<String>,
    /// Whether its issuer was asked, which takes time.
    pub(super) is_opaque: bool,
}

impl Granted {
    /// Who calls, where the token alone says that.
    pub(super) fn caller(&self) -> Option<Caller> {
        let agent = self.agent.clone()?;
        Some(Caller::by_token(agent, self.authorization.clone()))
    }

    /// By the marks of the guard: those of the verifier may be others, or none, and know of no agent that goes by another name there (AZR-10).
    fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        match self.caller() {
            Some(caller) => caller.still_valid(now, marks),
            None => self.authorization.still_valid(now, marks),
        }
    }
}

impl Tokens {
    /// For a service that goes by the names of `audiences`, and takes these proofs.
    pub(super) fn new(
        resource: ResourceServer,
        audiences: &Audiences,
        profile: WptProfile,
        accept: &Accept,
    ) -> Result<Self, GuardError> {
        let server = ways::narrowed(&resource, accept, profile)?;
        let known = |name: &Resource| match base_of(name, audiences) {
            Ok(base) => Ok((name.clone(), base.map(Into::into))),
            Err(()) => Err(GuardError::OtherOrigin(name.clone())),
        };
        let bases = resource.tokens().resources().map(known).collect::<Result<_, _>>()?;
        // Of certificates it is told where a connection says who calls (MTL-3): elsewhere the server takes none.
        let told = server.clone().over_mutual_tls();
        let tokens = Self {
            server,
            whole: resource,
            profile,
            bases,
            documents: documents(&told)?.into(),
            #[cfg(feature = "mcp")]
            metadata: Arc::new(told.metadata()?),
        };
        tokens.with_known_targets()
    }

    /// The same resource, where other proofs are taken. What is told of it stays.
    pub(super) fn accepting(&self, accept: &Accept) -> Result<Self, GuardError> {
        let server = ways::narrowed(&self.whole, accept, self.profile)?;
        Self { server, ..self.clone() }.with_known_targets()
    }

    /// DPO-4: what proofs are for is known by configuration, or not at all.
    fn with_known_targets(self) -> Result<Self, GuardError> {
        let unknown = self.bases.iter().find(|(_, base)| base.is_none());
        match unknown.filter(|_| self.server.takes(ShownBy::Dpop)) {
            Some((name, _)) => Err(GuardError::OtherOrigin(name.clone())),
            None => Ok(self),
        }
    }

    /// Whether there is a token that a `DPoP` proof is to show, where such tokens are taken.
    pub(super) fn offers_dpop(&self, head: &Parts) -> bool {
        self.server.takes(ShownBy::Dpop)
            && matches!(presented(head), Ok(Some(token)) if token.scheme() == TokenScheme::Dpop)
    }

    /// ACT-4, from the binding on: `caller` is who sent the request, where that was proved by something else than the token.
    fn judge(
        &self,
        head: &Parts,
        presented: &PresentedToken,
        token: &VerifiedAccessToken,
        caller: Option<&Authenticated>,
        now: UnixTime,
    ) -> Result<Granted, ResourceError> {
        let agent = match caller {
            Some(_) => None,
            None => Some(self.server.agent(token).ok_or(ResourceError::NoAgent)?),
        };
        let proof = match presented.scheme() {
            TokenScheme::Bearer => None,
            TokenScheme::Dpop => {
                let target = self.target(head, token.resource())?;
                let lines = head.headers.get_all(DPOP_FIELD).iter().map(http::HeaderValue::as_bytes);
                self.server.verify_dpop(presented, token, lines, head.method.as_str(), &target, now)?
            }
        };
        let possession = match (caller, &proof) {
            (Some(caller), Some(proof)) => Possession::WorkloadDpop(caller, proof),
            (Some(caller), None) => Possession::Workload(caller),
            (None, Some(proof)) => Possession::Dpop(proof),
            (None, None) => Possession::Nothing,
        };
        let authorization = self.server.authorize(presented, token, possession)?;
        // Nobody is known by a token that whoever has it can use, unless that was asked for: only then does a sender without a proof come this far with the scheme `Bearer`.
        let shows_sender = match presented.scheme() {
            TokenScheme::Bearer => authorization.shown_by() == ShownBy::Bearer,
            TokenScheme::Dpop => authorization.shown_by() == ShownBy::Dpop,
        };
        if agent.is_some() && !shows_sender {
            return Err(ResourceError::NotAccepted);
        }
        let next_nonce = proof.and_then(|proof| self.server.next_dpop_nonce(&proof, now));
        Ok(Granted { authorization, agent, next_nonce, is_opaque: false })
    }

    /// DPO-4: where the request went, by the name of this service that the token is for, and never by what `Host` says.
    fn target(&self, head: &Parts, resource: &Resource) -> Result<DpopTarget, DpopError> {
        let base = self.bases.iter().find(|(known, _)| known == resource);
        let base = base.and_then(|(_, base)| base.as_deref()).ok_or(DpopError::TargetMismatch)?;
        format!("{base}{}", head.uri.path()).parse().map_err(DpopError::Target)
    }
}

impl Inner {
    /// Has the keys fetched that the access token needs, if its issuer is followed. That they cannot be had is said when the token is verified.
    pub(super) async fn prepare_tokens(&self, head: &Parts) {
        let (Some(tokens), (_, Ok(now))) = (&self.tokens, self.time()) else { return };
        if let Ok(Some(presented)) = presented(head) {
            // What fetches is what the service brought.
            let _ = caught_future(tokens.server.prepare(&presented, now)).await;
        }
    }

    /// What the access token of a request is good for, where this guard wants one: the token, and that it is the caller's own (ACT-4, AIMS-25). Its issuer is asked
    /// last, when the caller is known, if anything but the token says that.
    pub(super) async fn grant(
        &self,
        head: &Parts,
        caller: Option<&Authenticated>,
        now: UnixTime,
    ) -> Result<Option<Granted>, Refusal> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        let refused = |error: ResourceError| Refusal::unauthorized(&tokens.server, &error, Some(now));
        let failed = || Refusal::unavailable("verifier_failed", "ARCH-3");
        let presented = presented(head).map_err(refused)?.ok_or_else(|| refused(ResourceError::Missing))?;
        let is_opaque = tokens.server.is_opaque(&presented);
        // Who is asked, marks, memory and the names of clients are what the service brought.
        let token = caught_future(tokens.server.verify_any(&presented, now)).await.ok_or_else(failed)?;
        let token = token.map_err(refused)?;
        let judge = || {
            let granted = tokens.judge(head, &presented, &token, caller, now)?;
            granted.still_valid(now, &*self.marks).map_err(AccessTokenError::Lapsed)?;
            Ok::<_, ResourceError>(granted)
        };
        let granted = caught(judge).ok_or_else(failed)?;
        Ok(Some(Granted { is_opaque, ..granted.map_err(refused)? }))
    }
}

/// Whether there is a token with the scheme `Bearer`.
pub(super) fn offers_bearer(head: &Parts) -> bool {
    matches!(presented(head), Ok(Some(token)) if token.scheme() == TokenScheme::Bearer)
}

/// Whether the request has what only the proof of a workload binds: a transaction token, or a field that the service relies on.
pub(super) fn has_context(head: &Parts, context_fields: &[String]) -> bool {
    let relied_on = context_fields.iter().map(String::as_str);
    relied_on.chain([TXN_TOKEN_FIELD]).any(|field| head.headers.contains_key(field))
}

/// Why a request is refused that shows nothing of who sent it: what is wanted, or what its token lacks (CHA-1).
pub(super) fn nothing_shown(head: &Parts) -> ResourceError {
    match presented(head) {
        Ok(None) => ResourceError::Missing,
        Ok(Some(_)) => PossessionError::NotShown.into(),
        Err(error) => error,
    }
}

/// The token of a request, as it came; `None`, where the field is not there.
fn presented(head: &Parts) -> Result<Option<PresentedToken>, ResourceError> {
    let lines = head.headers.get_all(AUTHORIZATION).iter().map(http::HeaderValue::as_bytes);
    Ok(PresentedToken::read(lines)?)
}

/// The metadata under each name of the resource, by where they are asked for. Of a name that is no URL nobody asks.
fn documents(told: &ResourceServer) -> Result<Vec<Document>, GuardError> {
    let mut documents = Vec::new();
    for name in told.tokens().resources() {
        let metadata = told.metadata_for(name)?;
        if let Ok(url) = ResourceMetadata::url(name) {
            documents.push(Document::new(url.path_and_query(), metadata.to_json()));
        }
    }
    Ok(documents)
}

/// By which scheme and authority of the service callers reach a resource. `None`, where its identifier does not say; an error, where it says that it is elsewhere.
fn base_of<'a>(resource: &Resource, audiences: &'a Audiences) -> Result<Option<&'a str>, ()> {
    let uri = resource.as_str();
    let mut bases = audiences.http_bases();
    if uri.starts_with("https://") || uri.starts_with("http://") {
        let is_below = |base: &&str| {
            uri.strip_prefix(*base).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        };
        return bases.find(is_below).map(Some).ok_or(());
    }
    // An identifier that is no address: where there is one, it is that.
    Ok(bases.next().filter(|_| bases.next().is_none()))
}
