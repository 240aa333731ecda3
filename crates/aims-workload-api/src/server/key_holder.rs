//! Credentials for keys that stay with the caller.

use std::sync::Arc;
use std::time::Duration;

use aims_attest::{
    Appraisal, AppraisalBuilder, Asked, Evidence, EvidenceType, Freshness, KeyBinding, Level, Verdict,
    Verifiers,
};
use aims_credential::MarkTable;
use aims_id::SpiffeId;
use aims_jose::Thumbprint;
use aims_keys::{Backend, UnixTime};
use aims_provision::{
    Challenges, CredentialType, CredentialTypes, Grant, JoinTokens, KeyProof, KeyProofError,
    KeyProofVerifier, NoGrant, Phase, ProvenKey,
};
use tonic::{Request, Response, Status};

use super::accept::Caller;
use super::certified::Certified;
use super::joined::Joined;
use super::quota::Quota;
use super::service::has_security_header;
use super::state::{Known, Purpose, State};
use crate::proto::key_holder as wire;
use crate::proto::key_holder::issue_request::Proof;
use crate::proto::key_holder::key_holder_server::KeyHolder;

/// What a server needs to issue for keys of others.
#[derive(Debug)]
pub(super) struct KeyHolders {
    /// By what name proofs call this server.
    pub(super) audience: String,
    pub(super) challenges: Arc<Challenges>,
    pub(super) verifier: KeyProofVerifier,
    pub(super) tokens: Arc<JoinTokens>,
    /// How long whoever has joined may renew without a new token.
    pub(super) joined_for: Duration,
    /// Appraises what callers bring.
    pub(super) evidence: Arc<Verifiers>,
    pub(super) takes_evidence: bool,
    /// Where the key of a credential is marked that is not renewed for its evidence.
    pub(super) revokes: Option<Arc<MarkTable>>,
    /// What may be marked there.
    certified: Certified,
    /// Whoever has joined.
    joined: Joined,
    /// Challenges by account: they are kept until they end, and nobody may have all of them.
    asked: Quota,
}

impl KeyHolders {
    pub(super) fn new(
        audience: String,
        challenges: Challenges,
        tokens: Arc<JoinTokens>,
        joined_for: Duration,
        backend: Backend,
    ) -> Self {
        let challenges = Arc::new(challenges);
        let verifier = KeyProofVerifier::builder(Arc::clone(&challenges)).build();
        let asked = Quota::new(0, CHALLENGES_AT_ONCE, CHALLENGES_PER_SECOND);
        Self {
            audience,
            challenges,
            verifier,
            tokens,
            joined_for,
            evidence: Arc::new(Verifiers::new(backend)),
            takes_evidence: false,
            revokes: None,
            certified: Certified::default(),
            joined: Joined::default(),
            asked,
        }
    }

    /// Uses a join token up. What it proves, it proves for this key and those that follow it.
    fn join(&self, token: &str, key: &ProvenKey, now: UnixTime) -> Result<Appraisal, &'static str> {
        // Before the token is used up.
        if !self.joined.has_room(now) {
            return Err("too_many_joined");
        }
        let appraisal = self.tokens.redeem(token, key, self.joined_for, now).map_err(|error| error.code())?;
        let (key, selectors) = (*key.thumbprint().as_bytes(), appraisal.selectors().to_vec());
        self.joined.begin(key, selectors, now + self.joined_for);
        Ok(appraisal)
    }

    /// What whoever holds `previous` has joined with, now for `key`.
    fn renew(&self, previous: &ProvenKey, key: &ProvenKey, now: UnixTime, state: &State) -> Option<Shown> {
        let before = *previous.thumbprint().as_bytes();
        let evidence = Evidence::new(EvidenceType::JoinToken, before.to_vec(), now).ok()?;
        let agent = self.joined.renew(&before, *key.thumbprint().as_bytes(), now)?;
        let builder = Appraisal::accepted(&evidence, "joined", (now, agent.until), state.backend)
            .level(Level::ASSERTED)
            .freshness(Freshness::Nonce)
            .bound(key.bound_key(), key.binding());
        let appraisal = agent.selectors.into_iter().fold(builder, AppraisalBuilder::selector).build();
        // A token that was used up is no credential: whoever was refused when it joined asks for its first one still.
        let phase = if agent.provisioned { Phase::Renewal } else { Phase::Initial };
        Some(Shown { appraisal, account: Some(agent.account), phase })
    }
}

/// Who a caller is besides what its connection says.
struct Shown {
    /// What a join token proves, or proved once.
    appraisal: Appraisal,
    /// Whose share it counts against, if it is not the connection's.
    account: Option<String>,
    phase: Phase,
}

/// Whom a request is about.
struct About {
    key: Thumbprint,
    binding: KeyBinding,
    /// The key that was used last, whose holder has shown that, too.
    previous: Option<Thumbprint>,
    joined: Option<Appraisal>,
}

/// The service of one server.
#[derive(Clone, Debug)]
pub(super) struct KeyHolderService(pub(super) Arc<State>, pub(super) Arc<KeyHolders>);

impl KeyHolderService {
    fn caller<Q>(&self, request: &Request<Q>) -> Result<Caller, Status> {
        if !has_security_header(request.metadata()) {
            self.0.refused("security_header_missing");
            return Err(Status::invalid_argument("security header missing from request"));
        }
        request.extensions().get::<Caller>().cloned().ok_or_else(|| self.0.denied("caller_unknown"))
    }

    fn verify(&self, proof: &KeyProof<'_>, caller: &Caller, now: UnixTime) -> Result<ProvenKey, Status> {
        let verified = self.1.verifier.verify(proof, &self.1.audience, caller.session(), now);
        verified.map_err(|error| self.not_proven(&error))
    }

    /// One answer, whatever was wrong with the proof.
    fn not_proven(&self, error: &KeyProofError) -> Status {
        self.0.refused(error.code());
        Status::invalid_argument("the proof of possession does not count")
    }

    /// What the caller has shown besides what its connection says.
    fn shown(
        &self,
        message: &wire::IssueRequest,
        key: &ProvenKey,
        previous: Option<&ProvenKey>,
        now: UnixTime,
    ) -> Result<Option<Shown>, Status> {
        if !message.join_token.is_empty() {
            let joined = self.1.join(&message.join_token, key, now);
            let appraisal = joined.map_err(|code| self.0.denied(code))?;
            return Ok(Some(Shown { appraisal, account: None, phase: Phase::Initial }));
        }
        Ok(previous.and_then(|previous| self.1.renew(previous, key, now, &self.0)))
    }

    /// What the caller may have, by its connection, by what it has shown, and by the evidence that it brought.
    async fn known(
        &self,
        caller: &Caller,
        mut about: About,
        evidence: Vec<Evidence>,
        phase: Phase,
        now: UnixTime,
    ) -> Result<Known, Status> {
        let (verifiers, joined) = (Arc::clone(&self.1.evidence), about.joined.take());
        let (key, binding) = (about.key, about.binding);
        let appraisals = self.0.appraise(caller, now, move |own| {
            // Its connection is the session in which it has shown that it holds the key.
            let own = own.iter().map(|one| one.with_possession(key, binding));
            let asked = Asked::bound(now, &binding, &key);
            let brought = evidence.iter().map(|one| verifiers.appraise(one, &asked)).filter(says_who);
            let brought =
                brought.map(|one| if answers(&one) { one.with_possession(key, binding) } else { one });
            own.chain(joined).chain(brought).collect()
        });
        let appraisals = appraisals.await?;
        match self.0.decide(&appraisals, phase, Purpose::Credentials, now) {
            Ok(known) => {
                self.end_others(&known.grants, &appraisals, &about, now);
                Ok(known)
            }
            Err(error) => Err(self.no_grant(&error, &appraisals, &about, now)),
        }
    }

    /// ATT-121: evidence that cannot be judged now leaves things as they are; evidence that is not good, and that there is nothing without, ends what there was. It may have been
    /// for the selectors: no entry matches then.
    fn no_grant(&self, error: &NoGrant, appraisals: &[Appraisal], about: &About, now: UnixTime) -> Status {
        if let NoGrant::Evidence(_) | NoGrant::NoEntry = error {
            appraisals
                .iter()
                .map(Appraisal::verdict)
                .filter(|verdict| *verdict != Verdict::Accepted)
                .for_each(|verdict| self.0.refused(verdict.code()));
            if is_unavailable(appraisals) {
                self.0.refused(error.code());
                return Status::unavailable("the evidence cannot be appraised now");
            }
            self.end_others(&[], appraisals, about, now);
        }
        self.0.denied(error.code())
    }

    /// Where evidence was rejected, ends what was issued on evidence for keys of the caller, but for identities that it may have all the same.
    fn end_others(&self, left: &[Grant], appraisals: &[Appraisal], about: &About, now: UnixTime) {
        let is_rejected = appraisals.iter().any(|one| matches!(one.verdict(), Verdict::Rejected(_)));
        let Some(marks) = self.1.revokes.as_deref().filter(|_| is_rejected && !is_unavailable(appraisals))
        else {
            return;
        };
        for key in about.previous.iter().chain([&about.key]) {
            let is_left = |subject: &SpiffeId| left.iter().any(|grant| grant.subject() == subject);
            if self.1.certified.end(key, is_left, now, marks).is_err() {
                self.0.refused("marks_full");
            }
        }
    }

    /// ATT-5: before any of it is looked into.
    fn evidence(&self, message: &wire::IssueRequest, now: UnixTime) -> Result<Vec<Evidence>, Status> {
        let refused = |code| {
            self.0.refused(code);
            Status::invalid_argument("the evidence is not what may be brought")
        };
        if message.evidence.len() > MAX_EVIDENCE {
            return Err(refused("too_much_evidence"));
        }
        let read = |one: &wire::Evidence| {
            if one.r#type.is_empty() || one.r#type.len() > MAX_TYPE {
                return Err(refused("unsupported_type"));
            }
            let kind = EvidenceType::from_name(&one.r#type);
            // What is believed for who wrote it down is written down here.
            if kind.is_hearsay() {
                return Err(refused("evidence_is_hearsay"));
            }
            let evidence = Evidence::new(kind, one.payload.clone(), now);
            Ok(evidence.map_err(|error| refused(error.code()))?.with_format_version(one.format_version))
        };
        message.evidence.iter().map(read).collect()
    }

    fn issue_for(
        &self,
        grant: &Grant,
        types: CredentialTypes,
        key: &ProvenKey,
        now: UnixTime,
    ) -> Result<wire::IssueResponse, Status> {
        let state = &self.0;
        let names: Vec<&str> = grant.dns_names().iter().map(String::as_str).collect();
        let key = key
            .key_for(grant.subject().as_workload_id(), &names, now)
            .map_err(|error| self.not_proven(&error))?;
        let mut response = wire::IssueResponse {
            spiffe_id: grant.subject().to_string(),
            hint: grant.entry().hint().unwrap_or_default().to_owned(),
            wit: String::new(),
            x509_svid: Vec::new(),
        };
        if types.contains(CredentialType::Wit) {
            response.wit =
                state.authority.issue_wit(grant, key, now).map_err(|error| state.issue_failed(&error))?;
            state.issued(CredentialType::Wit);
        }
        if types.contains(CredentialType::X509) {
            let chain =
                state.authority.issue_x509(grant, key, now).map_err(|error| state.issue_failed(&error))?;
            state.issued(CredentialType::X509);
            response.x509_svid = chain.iter().flat_map(|der| der.iter().copied()).collect();
        }
        Ok(response)
    }
}

#[tonic::async_trait]
impl KeyHolder for KeyHolderService {
    async fn challenge(
        &self,
        request: Request<wire::ChallengeRequest>,
    ) -> Result<Response<wire::ChallengeResponse>, Status> {
        let caller = self.caller(&request)?;
        let now = self.0.now()?;
        if !self.1.asked.take(&caller.attested().account()) {
            self.0.refused("too_many_challenges");
            return Err(Status::resource_exhausted("no challenge can be given out"));
        }
        let challenge =
            self.1.challenges.issue(&self.1.audience, caller.session(), now).map_err(|error| {
                self.0.refused(error.code());
                Status::resource_exhausted("no challenge can be given out")
            })?;
        Ok(Response::new(wire::ChallengeResponse { nonce: challenge.nonce() }))
    }

    async fn issue(
        &self,
        request: Request<wire::IssueRequest>,
    ) -> Result<Response<wire::IssueResponse>, Status> {
        let caller = self.caller(&request)?;
        let message = request.into_inner();
        let now = self.0.now()?;
        let proof = match &message.proof {
            Some(Proof::Jws(token)) => KeyProof::jws(token),
            Some(Proof::Request(request)) => KeyProof::request(&request.der, &request.nonce),
            None => {
                self.0.refused("proof_missing");
                return Err(Status::invalid_argument("a proof of possession must be given"));
            }
        };
        let key = self.verify(&proof, &caller, now)?;
        let asked = asked_types(&message.types).ok_or_else(|| {
            self.0.refused("unknown_credential_type");
            Status::invalid_argument("the kinds of credential are wit and x509")
        })?;
        let evidence = self.evidence(&message, now)?;
        let has_evidence = !evidence.is_empty();
        let previous = match message.previous.as_str() {
            "" => None,
            previous => Some(self.verify(&KeyProof::jws(previous), &caller, now)?),
        };
        let shown = self.shown(&message, &key, previous.as_ref(), now)?;
        let has_joined = shown.is_some();
        let (joined, account, phase) = match shown {
            Some(shown) => (Some(shown.appraisal), shown.account, shown.phase),
            None => (None, None, caller.phase()),
        };
        let about = About {
            key: key.thumbprint(),
            binding: key.binding(),
            previous: previous.map(|previous| previous.thumbprint()),
            joined,
        };
        let known = self.known(&caller, about, evidence, phase, now).await?;
        let is_asked_for =
            |grant: &&Grant| message.spiffe_id.is_empty() || grant.subject().as_str() == message.spiffe_id;
        let types = |grant: &Grant| grant.types().and(asked);
        let grant = known.grants.iter().filter(is_asked_for).find(|grant| !types(grant).is_empty());
        let grant = grant.ok_or_else(|| self.0.denied("type_not_granted"))?;
        // Not before: whoever may have nothing uses up nobody's share.
        if !self.0.quota.take(&account.unwrap_or_else(|| caller.attested().account())) {
            self.0.refused("too_many_issued");
            return Err(Status::unavailable("too many credentials were issued"));
        }
        if let Some(marks) = self.1.revokes.as_deref().filter(|_| has_evidence || grant.key().is_some())
            && !self.1.certified.add(
                key.thumbprint(),
                grant.subject(),
                grant.not_after().min(now + DAY),
                now,
                marks,
            )
        {
            self.0.refused("too_many_certified");
            return Err(Status::unavailable("no more keys can be remembered"));
        }
        let response = self.issue_for(grant, types(grant), &key, now)?;
        self.0.check(&caller)?;
        caller.set_provisioned();
        if has_joined {
            self.1.joined.set_provisioned(key.thumbprint().as_bytes());
        }
        Ok(Response::new(response))
    }
}

/// ATT-121: whether something cannot be told now.
fn is_unavailable(appraisals: &[Appraisal]) -> bool {
    let is_open = |one: &Appraisal| matches!(one.verdict(), Verdict::Unavailable { .. } | Verdict::Error);
    appraisals.iter().any(is_open)
}

/// No credential lives longer.
const DAY: Duration = Duration::from_secs(86_400);

/// ATT-22: what names no key and answers no challenge, anybody can have a copy of. Whoever brings it is not proven to be who it is about.
fn says_who(brought: &Appraisal) -> bool {
    brought.verdict() != Verdict::Accepted
        || brought.binding().is_some()
        || brought.freshness() == Freshness::Nonce
}

/// What answers the challenge, and says nothing of where the key is: a quote, for a key in memory. It was made for this key, which is in the challenge, and the key itself has signed that.
fn answers(brought: &Appraisal) -> bool {
    brought.verdict() == Verdict::Accepted && brought.freshness() == Freshness::Nonce
}

/// Those that are bound to a key: a bearer token needs none.
fn asked_types(names: &[String]) -> Option<CredentialTypes> {
    let bound: CredentialTypes = [CredentialType::Wit, CredentialType::X509].into_iter().collect();
    if names.is_empty() {
        return Some(bound);
    }
    let asked: Option<CredentialTypes> = names.iter().map(|name| CredentialType::from_name(name)).collect();
    asked.filter(|asked| asked.is_within(bound))
}

/// Of one account. They live for a minute, so that it has no more than a tenth of [`MAX_CHALLENGES`].
const CHALLENGES_AT_ONCE: u32 = 2000;

const CHALLENGES_PER_SECOND: u32 = 50;

/// ATT-5.
const MAX_EVIDENCE: usize = 16;

/// Of the name of a type.
const MAX_TYPE: usize = 128;

/// In memory, 20 MB.
pub(super) const MAX_CHALLENGES: usize = 50_000;
