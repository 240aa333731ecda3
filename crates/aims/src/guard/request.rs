//! One request, from its head to its permit.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use aims_credential::VerifiedWit;
use aims_keys::UnixTime;
use aims_proof::{Authenticated, MessageSignatureError, SignedRequest, VerifiedSignature};
use bytes::Bytes;
use http::Extensions;
use http::request::Parts;
use http_body::Body;

use super::authenticate::Sender;
use super::content::GuardedBody;
use super::panics::{caught, caught_future};
#[cfg(feature = "oauth")]
use super::tokens::Granted;
use super::{Admitted, Guard, Inner, Refusal};
use crate::body::{ReadError, Whole, read_watched};
use crate::caller::Caller;
use crate::decide::{Decision, Question};
use crate::permit::{Authorized, Permit};
use crate::record::{Outcome, Record, RecordError, TraceParent};

/// A request whose head is verified: nothing is decided yet.
pub(super) struct Begun<'a> {
    pub(super) guard: &'a Arc<Inner>,
    pub(super) head: &'a Parts,
    pub(super) asked: Asked<'a>,
    pub(super) now: UnixTime,
    pub(super) sender: Sender,
}

/// A request that was refused, and whose caller may take no unsigned answer.
pub(super) struct Denied {
    pub(super) refusal: Refusal,
    pub(super) signed: Option<VerifiedSignature>,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, signed: None }
    }
}

impl Guard {
    /// Verifies what the head of a request has. What is refused is recorded.
    pub(super) async fn begin<'a>(&'a self, head: &'a Parts) -> Result<Begun<'a>, Refusal> {
        let guard = &self.inner;
        // Before anything is verified, so that no time passes between that and the decision.
        #[cfg(feature = "oauth")]
        guard.prepare_tokens(head).await;
        let (time, now) = guard.time();
        let mut asked = Asked::new(head, time);
        let now = match now {
            Ok(now) => now,
            Err(refusal) => return Err(guard.refuse(&asked, None, refusal).await),
        };
        #[cfg(feature = "mtls")]
        match guard.other_end(head, now) {
            Ok(transport) => asked.transport = transport,
            Err(refusal) => return Err(guard.refuse(&asked, None, refusal).await),
        }
        match guard.authenticate(head, &mut asked, now) {
            Ok(sender) => Ok(Begun { guard, head, asked, now, sender }),
            Err(refusal) => Err(guard.refuse(&asked, None, refusal).await),
        }
    }
}

impl Begun<'_> {
    /// Whether the caller is known by a signature, which says what content there may be.
    pub(super) fn is_signed(&self) -> bool {
        matches!(self.sender, Sender::Signed(_))
    }

    /// Whether a signature covers content.
    pub(super) fn covers_content(&self) -> bool {
        matches!(&self.sender, Sender::Signed(signed) if signed.has_content())
    }

    /// With the whole content of the request.
    pub(super) async fn with_content(self, content: &[u8]) -> Result<Permit, Denied> {
        let Self { guard, head, mut asked, now, sender } = self;
        let signed = match sender {
            Sender::Signed(signed) => signed,
            Sender::Known(sender) => {
                return guard.decide(head, asked, now, sender).await.map_err(Denied::from);
            }
        };
        let now = match guard.still(head, &mut asked, signed.wit(), now) {
            Ok(now) => now,
            Err(refusal) => return Err(guard.refuse(&asked, None, refusal).await.into()),
        };
        let verified = caught(|| signed.with_content(content, now));
        let verified = guard.verified(&asked, verified).await?;
        guard.decide_signed(head, asked, now, verified).await
    }

    /// With the body of the request, which is read to its end if a signature has a say about it, and hashed as it comes.
    pub(super) async fn with_body<B: Body<Data = Bytes>>(
        self,
        body: B,
    ) -> Result<(Permit, GuardedBody<B>), Denied> {
        let Self { guard, head, mut asked, now, sender } = self;
        let signed = match sender {
            Sender::Signed(signed) => signed,
            Sender::Known(sender) => {
                let permit = guard.decide(head, asked, now, sender).await.map_err(Denied::from)?;
                return Ok((permit, GuardedBody::unsigned(body)));
            }
        };
        let max = guard.max_content;
        let (whole, verified, now) = guard.read_signed(head, &mut asked, now, signed, body, max).await?;
        let permit = guard.decide_signed(head, asked, now, verified).await?;
        Ok((permit, GuardedBody::verified(whole)))
    }

    /// With a body that is still to come: at most `max` bytes of it, if a signature has a say about it.
    pub(super) async fn with_streamed_body<B: Body>(
        self,
        body: B,
        max: u64,
    ) -> Result<(Permit, GuardedBody<B>), Denied> {
        let Self { guard, head, asked, now, sender } = self;
        let streamed = match sender {
            Sender::Signed(_) if body.size_hint().lower() > max => {
                let refused = Refusal::badly_signed(&MessageSignatureError::ContentTooLarge);
                return Err(guard.refuse(&asked, None, refused).await.into());
            }
            Sender::Signed(signed) => caught(|| signed.with_streamed_content(max, now)),
            Sender::Known(sender) => {
                let permit = guard.decide(head, asked, now, sender).await.map_err(Denied::from)?;
                return Ok((permit, GuardedBody::unsigned(body)));
            }
        };
        let (verified, content) = guard.verified(&asked, streamed).await?;
        let permit = guard.decide_signed(head, asked, now, verified).await?;
        Ok((permit, GuardedBody::streamed(body, content)))
    }

    /// Nobody looked at the content that is covered.
    pub(super) async fn unread(self) -> Refusal {
        self.guard.refuse(&self.asked, None, Refusal::unread_content()).await
    }
}

impl Inner {
    /// What the clock says. Without it a service can verify nothing, and a record has the system's time.
    pub(super) fn time(&self) -> (SystemTime, Result<UnixTime, Refusal>) {
        let Some(time) = caught(|| self.clock.now()) else {
            return (SystemTime::now(), Err(Refusal::unavailable("clock_failed", "ARCH-3")));
        };
        let now = UnixTime::try_from(time);
        (time, now.map_err(|error| Refusal::unavailable(error.code(), error.rule())))
    }

    /// The time once more, and whether credential and connection still count: content may have been long in coming (CRD-12, AIMS-55).
    fn still(
        &self,
        head: &Parts,
        asked: &mut Asked<'_>,
        wit: &VerifiedWit,
        begun: UnixTime,
    ) -> Result<UnixTime, Refusal> {
        let now = self.time().1?;
        if now == begun {
            return Ok(now);
        }
        #[cfg(feature = "mtls")]
        {
            asked.transport = self.other_end(head, now)?;
        }
        #[cfg(not(feature = "mtls"))]
        let _ = (head, asked);
        match caught(|| self.wits.verify_again(wit, now)) {
            Some(Ok(())) => Ok(now),
            Some(Err(error)) => Err(Refusal::badly_signed(&error.into())),
            None => Err(Refusal::unavailable("verifier_failed", "ARCH-3")),
        }
    }

    /// The content of a signed request, hashed as it comes and compared with what was signed, and the time then.
    pub(super) async fn read_signed<B: Body<Data = Bytes>>(
        &self,
        head: &Parts,
        asked: &mut Asked<'_>,
        begun: UnixTime,
        signed: SignedRequest,
        body: B,
        max: usize,
    ) -> Result<(Whole, VerifiedSignature, UnixTime), Refusal> {
        let mut gathered = signed.gather_content(max as u64);
        let refused = match read_watched(body, max, |piece| gathered.update(piece)).await {
            Ok(whole) => match self.still(head, asked, gathered.wit(), begun) {
                Ok(now) => {
                    let verified = self.verified(asked, caught(|| gathered.finish(now))).await?;
                    return Ok((whole, verified, now));
                }
                Err(refusal) => refusal,
            },
            Err(ReadError::TooLarge) => Refusal::badly_signed(&MessageSignatureError::ContentTooLarge),
            Err(ReadError::Broken) => Refusal::broken_content(),
            Err(ReadError::Refused(error)) => Refusal::badly_signed(&error),
        };
        Err(self.refuse(asked, None, refused).await)
    }

    /// Refuses what did not verify after all.
    async fn verified<T>(
        &self,
        asked: &Asked<'_>,
        verified: Option<Result<T, MessageSignatureError>>,
    ) -> Result<T, Refusal> {
        let refusal = match verified {
            Some(Ok(verified)) => return Ok(verified),
            Some(Err(error)) => Refusal::badly_signed(&error),
            None => Refusal::unavailable("verifier_failed", "ARCH-3"),
        };
        Err(self.refuse(asked, None, refusal).await)
    }

    async fn decide_signed(
        self: &Arc<Self>,
        head: &Parts,
        asked: Asked<'_>,
        now: UnixTime,
        verified: VerifiedSignature,
    ) -> Result<Permit, Denied> {
        let sender = self.answerable(&asked, now, &verified).await?;
        let denied = |refusal| Denied { refusal, signed: Some(verified) };
        self.decide(head, asked, now, Some(sender)).await.map_err(denied)
    }

    /// Who signed the request, if an answer to it can be signed where that is demanded: before anything is done (HSIG-21).
    pub(super) async fn answerable(
        &self,
        asked: &Asked<'_>,
        now: UnixTime,
        verified: &VerifiedSignature,
    ) -> Result<Authenticated, Refusal> {
        let sender = Authenticated::by_signature(verified);
        match self.check_signs(verified, now) {
            Ok(()) => Ok(sender),
            Err(refusal) => Err(self.refuse(asked, Some(&Caller::by_proof(sender)), refusal).await),
        }
    }

    /// Decides and records. `sender` is who sent the request, unless its access token alone says that.
    async fn decide(
        self: &Arc<Self>,
        head: &Parts,
        asked: Asked<'_>,
        now: UnixTime,
        sender: Option<Authenticated>,
    ) -> Result<Permit, Refusal> {
        #[cfg(feature = "oauth")]
        let granted = self.granted(head, &asked, now, sender.as_ref()).await?;
        let known = Known {
            sender,
            #[cfg(feature = "oauth")]
            granted,
            waited: false,
        };
        self.decide_known(head, &head.extensions, asked, now, known).await
    }

    /// What the access token of a request is good for; what is refused is recorded.
    #[cfg(feature = "oauth")]
    pub(super) async fn granted(
        &self,
        head: &Parts,
        asked: &Asked<'_>,
        now: UnixTime,
        sender: Option<&Authenticated>,
    ) -> Result<Option<Granted>, Refusal> {
        match self.grant(head, sender, now).await {
            Ok(granted) => Ok(granted),
            Err(refusal) => {
                let caller = sender.cloned().map(Caller::by_proof);
                Err(self.refuse(asked, caller.as_ref(), refusal).await)
            }
        }
    }

    /// Decides and records, when it is known what there is to know of the request. `extensions` are what the policy sees.
    pub(super) async fn decide_known(
        self: &Arc<Self>,
        head: &Parts,
        extensions: &Extensions,
        asked: Asked<'_>,
        now: UnixTime,
        known: Known,
    ) -> Result<Permit, Refusal> {
        #[cfg(feature = "oauth")]
        let granted = known.granted;
        #[cfg(feature = "oauth")]
        let waited = known.waited || granted.as_ref().is_some_and(|granted| granted.is_opaque);
        #[cfg(not(feature = "oauth"))]
        let waited = known.waited;
        let sender = known.sender;
        let caller = sender.map(Caller::by_proof);
        #[cfg(feature = "oauth")]
        let caller = caller.or_else(|| granted.as_ref()?.caller());
        #[cfg(feature = "oauth")]
        let authorization = granted.as_ref().map(|granted| &granted.authorization);
        // INVARIANT: a sender is known by its proof, or by a token that was granted something.
        let Some(caller) = caller else {
            return Err(self.refuse(&asked, None, Refusal::not_accepted()).await);
        };
        let admitted =
            Admitted::new(caller.clone(), Arc::clone(self), asked.transport.as_ref(), &head.extensions);
        #[cfg(feature = "oauth")]
        let admitted = admitted.with_granted(granted.clone());
        // While its issuer was asked about its token, or its content came, the caller may have been cut off (AIMS-55).
        if waited
            && let Err(lapsed) =
                caught(|| admitted.still_valid()).unwrap_or(Err(aims_credential::Lapsed::MarksUnavailable))
        {
            return Err(self.refuse(&asked, Some(&caller), Refusal::lapsed(lapsed)).await);
        }
        let question = Question {
            caller: &caller,
            #[cfg(feature = "oauth")]
            authorization,
            action: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query(),
            now,
            extensions,
        };
        let Some(decision) = caught(|| self.decide.decide(&question)) else {
            let refusal = Refusal::unavailable("policy_failed", "ARCH-3");
            return Err(self.refuse(&asked, Some(&caller), refusal).await);
        };
        #[cfg_attr(not(feature = "oauth"), expect(unused_mut, reason = "there are no tokens there"))]
        let mut record = asked.record(Some(&caller), Outcome::Decided(&decision));
        #[cfg(feature = "oauth")]
        {
            record.authorization = authorization;
        }
        if let Decision::Deny { reason, .. } = &decision {
            self.record_refusal(&record).await;
            let reason: Cow<'static, str> = reason.clone();
            return Err(Refusal::forbidden(reason));
        }
        let (authorized, identity) = Authorized::new(admitted, asked.trace);
        let recorded = caught_future(async { self.recorder.permit(&record, authorized).await }).await;
        match recorded {
            Some(Ok(permit)) if identity.is(&permit) => Ok(permit),
            _ => Err(Refusal::unavailable(RecordError::new().code(), RecordError::new().rule())),
        }
    }

    pub(super) async fn refuse(
        &self,
        asked: &Asked<'_>,
        caller: Option<&Caller>,
        refusal: Refusal,
    ) -> Refusal {
        #[cfg(feature = "oauth")]
        let refusal = match &self.tokens {
            Some(tokens) => refusal.wanting(&tokens.server),
            None => refusal,
        };
        let outcome =
            Outcome::Refused { code: refusal.code(), rule: refusal.rule(), detail: refusal.detail() };
        self.record_refusal(&asked.record(caller, outcome)).await;
        refusal
    }

    /// The request is refused whether or not that can be written down.
    async fn record_refusal(&self, record: &Record<'_>) {
        let _ = caught_future(async { self.recorder.refuse(record).await }).await;
    }
}

/// Who sent a request, as far as it is verified.
pub(super) struct Known {
    /// `None`: whom its access token names.
    pub(super) sender: Option<Authenticated>,
    #[cfg(feature = "oauth")]
    pub(super) granted: Option<Granted>,
    /// Whether time has passed since.
    pub(super) waited: bool,
}

#[cfg(feature = "mcp")]
impl Known {
    /// The caller, for records.
    pub(super) fn caller(&self) -> Option<Caller> {
        let by_proof = self.sender.clone().map(Caller::by_proof);
        by_proof.or_else(|| self.granted.as_ref()?.caller())
    }
}

/// What is known of a request before anything of it is verified.
pub(super) struct Asked<'a> {
    time: SystemTime,
    resource: &'a str,
    action: &'a str,
    /// What its content asks for, once that is read.
    pub(super) operation: Option<String>,
    trace: TraceParent,
    parent: Option<TraceParent>,
    pub(super) transport: Option<Authenticated>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(head: &'a Parts, time: SystemTime) -> Self {
        let parent = trace_parent(head);
        let trace = parent.map_or_else(TraceParent::begin, |parent| parent.child());
        let (resource, action) = (head.uri.path(), head.method.as_str());
        Self { time, resource, action, operation: None, trace, parent, transport: None }
    }

    fn record<'r>(&'r self, agent: Option<&'r Caller>, outcome: Outcome<'r>) -> Record<'r> {
        let Self { time, resource, action, trace, parent, .. } = *self;
        let transport = self.transport.as_ref();
        Record {
            time,
            agent,
            transport,
            #[cfg(feature = "oauth")]
            authorization: None,
            resource,
            action,
            operation: self.operation.as_deref(),
            outcome,
            trace,
            parent,
        }
    }
}

/// The caller's span; a field that is malformed or stands twice counts as none.
fn trace_parent(head: &Parts) -> Option<TraceParent> {
    let mut lines = head.headers.get_all("traceparent").iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    TraceParent::parse(line.to_str().ok()?).ok()
}
