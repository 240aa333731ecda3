//! A user who is asked elsewhere, and decides in their own time (CIBA, poll mode).

use std::fmt;
use std::time::Duration;

use aims_credential::Posted;
use aims_keys::{SealError, SealingKey, UnixTime};

use super::oauth_client::check_media_type;
use super::refusal::refusal;
use super::sealed::{number, open, seal};
use super::token_flow::MAX_LIFETIME;
use super::tries::Tries;
use super::{ClientError, EndpointRequest, OAuthClient, TokenFlow};
use crate::wanted::Wanted;
use crate::{
    AuthRequestId, BackchannelRequest, BackchannelResponse, Endpoint, Grant, GrantType, Issuer,
    NewParameters, TokenRequest,
};

/// What a user is to be asked elsewhere.
#[derive(Debug)]
#[must_use = "nobody is asked until it is sent"]
pub struct AskFlow {
    client: OAuthClient,
    request: BackchannelRequest,
    tries: Tries,
}

/// A question that was sent.
#[derive(Debug)]
#[must_use = "the answer is still to come"]
pub struct SentAsk {
    flow: AskFlow,
    sent: EndpointRequest,
}

/// What comes of the answer of the server, which is not yet that of the user.
#[derive(Debug)]
#[non_exhaustive]
pub enum AskStep {
    /// The same has to be sent again, with what the server asks for.
    Again(Box<AskFlow>),
    /// The user is asked.
    Pending(Box<PendingApproval>),
}

impl AskFlow {
    pub(super) fn new(client: OAuthClient, request: BackchannelRequest) -> Result<Self, ClientError> {
        if !client.server().supports_grant(GrantType::Ciba) {
            return Err(ClientError::NoGrant(GrantType::Ciba));
        }
        client.url(Endpoint::BackchannelAuthentication)?;
        client.url(Endpoint::Token)?;
        Ok(Self { client, request, tries: Tries::default() })
    }

    /// Makes the request, to be sent at once.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn send(self, now: UnixTime) -> Result<SentAsk, ClientError> {
        let mut form = NewParameters::new();
        self.request.write(&mut form);
        let sent = self.client.request(Endpoint::BackchannelAuthentication, form, false, now).await?;
        Ok(SentAsk { flow: self, sent })
    }

    pub(crate) fn client(&self) -> &OAuthClient {
        &self.client
    }
}

impl SentAsk {
    /// What is to be sent.
    #[must_use]
    pub fn request(&self) -> &EndpointRequest {
        &self.sent
    }

    /// Reads the answer, to a request that was sent at time `began`: the user has from then on.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn answered(self, answer: &Posted, began: UnixTime) -> Result<AskStep, ClientError> {
        let mut flow = self.flow;
        let news = flow.client.learn(&self.sent, answer);
        if answer.status() != 200 {
            let refused = refusal(flow.client.issuer(), Some(&self.sent), answer);
            flow.client.again(&mut flow.tries, refused, news)?;
            return Ok(AskStep::Again(Box::new(flow)));
        }
        check_media_type(answer)?;
        let response = BackchannelResponse::parse(answer.body())?;
        let interval = response.interval().as_secs();
        Ok(AskStep::Pending(Box::new(PendingApproval {
            id: response.id().clone(),
            issuer: flow.client.issuer().clone(),
            client_id: flow.client.client_id().to_owned(),
            wanted: flow.request.wanted().clone(),
            interval,
            next: began + Duration::from_secs(interval),
            expires: began + response.lifetime().min(MAX_LIFETIME),
        })))
    }
}

/// A request that waits for a user: the client asks from time to time, and has a token when the user has agreed.
///
/// It survives a restart [sealed](Self::seal); the host stores it, and no model sees it (HIL-43).
pub struct PendingApproval {
    pub(super) id: AuthRequestId,
    pub(super) issuer: Issuer,
    pub(super) client_id: String,
    pub(super) wanted: Wanted,
    pub(super) interval: u64,
    pub(super) next: UnixTime,
    pub(super) expires: UnixTime,
}

impl PendingApproval {
    /// When the server may be asked next (HIL-9).
    #[must_use]
    pub fn next_poll(&self) -> UnixTime {
        self.next
    }

    /// When nobody needs to ask any more.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.expires
    }

    /// The server that asks the user.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// `auth_req_id`: a server that notifies the client names the request by it (HIL-11).
    #[must_use]
    pub fn id(&self) -> &AuthRequestId {
        &self.id
    }

    /// Whether there is to be an ID Token: the scope held `openid`.
    #[must_use]
    pub fn wants_id_token(&self) -> bool {
        self.wanted.scope.as_ref().is_some_and(|scope| scope.contains("openid"))
    }

    /// The server has said that there is an answer: it may be asked at once.
    pub fn notified(&mut self, now: UnixTime) {
        self.next = now;
    }

    /// Asks whether the user has decided: the next time not before `interval` has passed, whatever comes of this one.
    ///
    /// # Errors
    ///
    /// [`ClientError::TooEarly`] before [`next_poll`](Self::next_poll); [`ClientError::Expired`]; [`ClientError::OtherClient`] when `client` is not the one that asked;
    /// what [`OAuthClient::token`] refuses with.
    pub fn poll(&mut self, client: &OAuthClient, now: UnixTime) -> Result<TokenFlow, ClientError> {
        if *client.issuer() != self.issuer || client.client_id() != self.client_id {
            return Err(ClientError::OtherClient);
        }
        if now >= self.expires {
            return Err(ClientError::Expired);
        }
        if now < self.next {
            return Err(ClientError::TooEarly);
        }
        let request = TokenRequest::new(Grant::Backchannel(self.id.clone()));
        // The user agreed to what was asked for: it is not asked for again.
        let flow = client.token(request)?.assuming(self.wanted.clone());
        self.next = now + Duration::from_secs(self.interval);
        Ok(flow)
    }

    /// The server has decided: there is nothing to ask for any more (HIL-42).
    pub fn end(&mut self) {
        self.expires = UnixTime::from_secs(0);
    }

    /// The server said that the user has not decided; and perhaps, to ask less often.
    pub fn wait(&mut self, not_yet: NotYet) {
        if not_yet.slow_down {
            // HIL-9: for this time, and all later ones.
            self.next = self.next + Duration::from_secs(SLOW_DOWN);
            self.interval = self.interval.saturating_add(SLOW_DOWN);
        }
    }

    /// Seals it, so that the host can store it: as text of base64url.
    ///
    /// # Errors
    ///
    /// [`ClientError::Seal`].
    pub fn seal(&self, key: &SealingKey) -> Result<String, ClientError> {
        let mut form = NewParameters::new();
        form.add("auth_req_id", self.id.expose());
        form.add("issuer", self.issuer.as_str()).add("client_id", &self.client_id);
        form.add("interval", &self.interval.to_string());
        form.add("next", &self.next.as_secs().to_string());
        form.add("expires", &self.expires.as_secs().to_string());
        self.wanted.write(&mut form);
        seal(key, PURPOSE, &form)
    }

    /// Opens one that was sealed.
    ///
    /// # Errors
    ///
    /// [`ClientError::Seal`].
    pub fn open(sealed: &str, key: &SealingKey) -> Result<Self, ClientError> {
        let form = open(key, PURPOSE, sealed)?;
        Ok(Self {
            id: form.require("auth_req_id")?.parse()?,
            issuer: form.require("issuer")?.parse().map_err(|_| SealError::Closed)?,
            client_id: form.require("client_id")?.to_owned(),
            wanted: Wanted::read(&form)?,
            interval: number(&form, "interval")?,
            next: UnixTime::from_secs(number(&form, "next")?),
            expires: UnixTime::from_secs(number(&form, "expires")?),
        })
    }
}

/// Shows whom was asked, and the fingerprint.
impl fmt::Debug for PendingApproval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingApproval")
            .field("id", &self.id)
            .field("issuer", &self.issuer)
            .field("next", &self.next)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// A user has not decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "`PendingApproval::wait` wants to know"]
pub struct NotYet {
    pub(super) slow_down: bool,
}

impl NotYet {
    /// Whether the server wants to be asked less often.
    #[must_use]
    pub fn is_too_often(self) -> bool {
        self.slow_down
    }
}

const PURPOSE: &str = "aims-oauth, pending approval, 1";

/// HIL-9. A server that always says so does not have the client wait for ever: the request expires.
const SLOW_DOWN: u64 = 5;
