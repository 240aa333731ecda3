//! An agent that signs its requests, and verifies what is answered.

use std::fmt;
use std::sync::Arc;

use aims_credential::{
    AccessHandle, BundleSource, Credential, ExpectedPeers, MarkTable, Marks, PeerError, WIT_FIELD, WitCache,
    WitError, WitVerifier,
};
use aims_httpsig::{Component, Digests, HttpRequest, HttpResponse};
use aims_id::IdSet;
use aims_keys::{UnixTime, backend};
use aims_proof::{
    Answer, ExpectedResponse, MakeSignatureError, MessageSignatureError, NewRequestSignature,
    SIGNATURE_INVALID, SIGNED_RESPONSE_UNAVAILABLE, SIGNED_RESPONSE_UNSUPPORTED, SignedResponse,
};
use http::{HeaderValue, request, response};

use super::target::audience;
use super::{Agent, AttachError, SigningLayer, single};

/// An [`Agent`] whose proof is a signature of the whole request: method, path, query, content, and the tokens that go with it. It holds through proxies
/// that end TLS, and what it says about a response holds likewise.
///
/// A signed response is always verified, and one that does not verify is an error; whether it has to be signed is for
/// [`demand_signed_responses`](Self::demand_signed_responses) to say. What was verified is a [`VerifiedResponse`](aims_proof::VerifiedResponse) among the
/// extensions of the response. Cloning is cheap.
#[derive(Clone)]
pub struct SigningAgent {
    agent: Agent,
    answers: Arc<Answers>,
    demands: bool,
    max_content: usize,
    marks: Arc<dyn Marks>,
}

struct Answers {
    wits: WitCache,
    peers: Box<dyn ExpectedPeers>,
}

/// What a response has to be, and from whom.
#[derive(Clone, Debug)]
pub struct Expected {
    response: ExpectedResponse,
    host: String,
}

impl Agent {
    /// The same agent, with message signatures in place of Workload Proof Tokens. Responses are believed when their signer is of a trust domain in `trust`, and the
    /// workload that `peers` has for the host of the request.
    ///
    /// ```
    /// # use aims::{Agent, BundleSet};
    /// use aims::credential::{AccessHandle, PeerMap};
    ///
    /// # fn signing(agent: &Agent, trust: BundleSet) -> Result<aims::SigningAgent, aims::id::ParseIdError> {
    /// let peers = PeerMap::new();
    /// peers.insert(AccessHandle::DnsName("tools.example"), "spiffe://acme.example/tools/search".parse()?);
    /// Ok(agent.signing(trust, peers).demand_signed_responses())
    /// # }
    /// ```
    pub fn signing(
        &self,
        trust: impl BundleSource + 'static,
        peers: impl ExpectedPeers + 'static,
    ) -> SigningAgent {
        let wits = WitVerifier::builder(trust, backend::ring()).build();
        let answers = Answers { wits: WitCache::new(wits, REMEMBERED_WITS), peers: Box::new(peers) };
        SigningAgent {
            agent: self.clone(),
            answers: Arc::new(answers),
            demands: false,
            max_content: MAX_CONTENT,
            marks: Arc::new(MarkTable::with_capacity(0)),
        }
    }
}

impl SigningAgent {
    /// Takes no response that is not signed, and says so to the server (HSIG-22). Where nobody is known who could sign one, nothing is sent.
    #[must_use]
    pub fn demand_signed_responses(mut self) -> Self {
        self.demands = true;
        self
    }

    /// Where it is known what was cut off before its time: a workload that was does not answer any more (AIMS-55). Default: nothing is.
    #[must_use]
    pub fn with_marks(mut self, marks: impl Marks + 'static) -> Self {
        self.marks = Arc::new(marks);
        self
    }

    /// How much content is held, of a request until it is signed, of a response until it is verified. More is an error. Default: 1 MiB.
    #[must_use]
    pub fn with_max_content(mut self, bytes: usize) -> Self {
        self.max_content = bytes;
        self
    }

    /// This agent as a tower layer, for clients whose requests carry the whole target URI.
    #[must_use]
    pub fn layer(&self) -> SigningLayer {
        SigningLayer::new(self.clone())
    }

    /// Signs a request: adds `Workload-Identity-Token`, `Content-Digest` if there is content, and the two fields of the signature. What is in `Authorization` and
    /// `Txn-Token` is covered. Nothing may be changed afterwards.
    ///
    /// # Errors
    ///
    /// [`AttachError`]; the request must not be sent then.
    pub async fn attach(&self, head: &mut request::Parts, content: &[u8]) -> Result<Expected, AttachError> {
        if head.headers.contains_key(WIT_FIELD) {
            return Err(AttachError::Occupied);
        }
        let audience = audience(&head.uri)?;
        let host = head.uri.host().unwrap_or_default().to_ascii_lowercase();
        // No answer would be taken, whoever gave it.
        if self.demands && self.answers.peers.expected(AccessHandle::DnsName(&host)).is_none() {
            return Err(AttachError::Peer(PeerError::Unmapped));
        }
        // One pair for the whole request, whatever is renewed meanwhile.
        let holder = self.agent.source.holder()?;
        let Credential::Wit(wit) = holder.credential() else {
            return Err(AttachError::Signature(MakeSignatureError::NoWit));
        };
        let mut credential = HeaderValue::try_from(wit.token()).map_err(|_| AttachError::Field)?;
        credential.set_sensitive(true);
        head.headers.insert(WIT_FIELD, credential);
        if !content.is_empty() {
            let digest = Digests::field(content, wit.confirmation_key().backend());
            let digest = HeaderValue::try_from(digest).map_err(|_| AttachError::Field)?;
            head.headers.insert(CONTENT_DIGEST, digest);
        }

        let mut signature = NewRequestSignature::new(&audience);
        if self.demands {
            signature = signature.demand_signed_response();
        }
        for name in &*self.agent.context_fields {
            if single(&head.headers, name)?.is_some() {
                signature = signature.covering(Component::field(&**name).map_err(|_| AttachError::Field)?);
            }
        }
        let now = UnixTime::try_from(self.agent.clock.now())?;
        let signed = {
            let message = HttpRequest::outgoing_head(head);
            signature.sign(&holder, &message, now).await?
        };
        let (fields, response) = signed.into_parts();
        fields.append_to(&mut head.headers).map_err(|_| AttachError::Field)?;
        Ok(Expected { response, host })
    }

    /// Verifies the head of a response; its content is still to be compared. `None` where it is not signed, and that was not demanded.
    ///
    /// # Errors
    ///
    /// [`MessageSignatureError`]; the response is to be thrown away.
    pub fn verify(
        &self,
        expected: &Expected,
        head: &response::Parts,
    ) -> Result<Option<SignedResponse>, MessageSignatureError> {
        let servers = self.answers.peers.expected(AccessHandle::DnsName(&expected.host));
        let servers = servers.map(IdSet::from).unwrap_or_default();
        let now = UnixTime::try_from(self.agent.clock.now()).unwrap_or(UnixTime::EPOCH);
        let message = HttpResponse::head(head);
        match expected.response.verify(&self.answers.wits, &servers, &message, now)? {
            Answer::Signed(signed) => {
                signed.wit().still_valid(now, &*self.marks).map_err(WitError::Lapsed)?;
                Ok(Some(signed))
            }
            Answer::Unsigned => Ok(None),
        }
    }

    pub(super) fn max_content(&self) -> usize {
        self.max_content
    }
}

/// Shows where its credential comes from, and whom it expects.
impl fmt::Debug for SigningAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningAgent")
            .field("agent", &self.agent)
            .field("peers", &self.answers.peers)
            .field("demands", &self.demands)
            .finish_non_exhaustive()
    }
}

/// What an unsigned error says of why it is not signed, or of the request: a hint that anybody may have written (HSIG-23).
pub(super) fn hint(head: &response::Parts, content: &[u8]) -> Option<&'static str> {
    let is_problem = head.headers.get("content-type").is_some_and(|kind| kind == "application/problem+json");
    if !is_problem || !matches!(head.status.as_u16(), 400 | 501) {
        return None;
    }
    let problem = aims_jose::json::Object::parse(content, &aims_jose::json::Limits::default()).ok()?;
    let kind = problem.get("type")?.as_str()?;
    [SIGNATURE_INVALID, SIGNED_RESPONSE_UNAVAILABLE, SIGNED_RESPONSE_UNSUPPORTED]
        .into_iter()
        .find(|known| *known == kind)
}

const CONTENT_DIGEST: &str = "content-digest";

const REMEMBERED_WITS: usize = 1024;

/// 1 MiB.
const MAX_CONTENT: usize = 1024 * 1024;
