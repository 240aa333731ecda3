//! Users who are asked elsewhere.

use std::time::Duration;

use aims_oauth::{
    AuthRequestId, BackchannelClient, BackchannelRequest, BackchannelResponse, Endpoint, ErrorCode,
    ErrorResponse, Parameters, UserHint,
};

use super::state::{Granted, Question};
use super::token::{Asking, refused};
use super::{TestAnswer, TestAuthorizationServer};

impl TestAuthorizationServer {
    /// What the user does who is asked by this request: agrees, or not.
    ///
    /// # Panics
    ///
    /// When there is no such request.
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn decide(&self, request: &AuthRequestId, agrees: bool) {
        let mut state = self.state();
        state.questions.get_mut(request.expose()).expect("a request that waits").answer = Some(agrees);
    }

    /// HIL-4, HIL-6
    pub(super) fn ask(&self, fields: &[(&str, &[u8])], body: &[u8]) -> Result<TestAnswer, ErrorResponse> {
        let form = Parameters::parse(body).map_err(|_| refused(ErrorCode::InvalidRequest))?;
        let (client, _) = self.asker(Endpoint::BackchannelAuthentication, fields, &form)?;
        let known = BackchannelClient::polling().allowing_plain_oauth();
        let request = BackchannelRequest::read(&form, known).map_err(|error| refused(error.error_code()))?;
        // HIL-34: a name that anybody could have made up is what a test has.
        let UserHint::Login(user) = request.hint() else { return Err(refused(ErrorCode::UnknownUserId)) };
        if request.resources().iter().any(|resource| self.scope_of(resource).is_none()) {
            return Err(refused(ErrorCode::InvalidTarget));
        }
        let id = AuthRequestId::generate(self.0.backend).map_err(|_| refused(ErrorCode::ServerError))?;
        let now = self.now();
        let mut state = self.state();
        state.grants += 1;
        let granted = Granted {
            id: state.grants,
            client_id: client.client_id().to_owned(),
            user: user.clone(),
            resources: request.resources().to_vec(),
            scope: request.wanted_scope().cloned(),
            details: request.wanted_details().cloned(),
            auth_time: now,
            nonce: None,
        };
        let question = Question {
            granted,
            id: id.clone(),
            attested_key: client.attested_key().copied(),
            answer: None,
            interval: self.0.poll_interval.map_or(INTERVAL, |interval| interval.as_secs()),
            next: now,
            expires: now + LIFETIME,
        };
        state.questions.insert(id.expose().to_owned(), question);
        let response = BackchannelResponse::new(id, LIFETIME);
        let response = match self.0.poll_interval {
            Some(interval) => response.with_interval(interval),
            None => response,
        };
        Ok(TestAnswer::json(200, response.to_json()))
    }

    /// HIL-9, HIL-10: what the user said, once.
    pub(super) fn answered(&self, asking: &Asking<'_>, id: &AuthRequestId) -> Result<Granted, ErrorResponse> {
        let now = self.now();
        let mut state = self.state();
        let question = state.questions.get_mut(id.expose()).ok_or(refused(ErrorCode::InvalidGrant))?;
        // ABC-6
        let is_instance = question.attested_key.is_none_or(|key| asking.client.attested_key() == Some(&key));
        if question.granted.client_id != asking.client_id() || !is_instance {
            return Err(refused(ErrorCode::InvalidGrant));
        }
        if now >= question.expires {
            return Err(refused(ErrorCode::ExpiredToken));
        }
        if now < question.next {
            question.interval += SLOW_DOWN;
            question.next = now + Duration::from_secs(question.interval);
            return Err(refused(ErrorCode::SlowDown));
        }
        question.next = now + Duration::from_secs(question.interval);
        match question.answer {
            None => Err(refused(ErrorCode::AuthorizationPending)),
            Some(false) => Err(refused(ErrorCode::AccessDenied)),
            Some(true) => {
                let mut granted = question.granted.clone();
                // HIL-41: what comes of it by refresh has the same confirmation.
                let confirmed = granted.details.map(|details| details.confirmed(self.0.backend, now));
                granted.details = confirmed.transpose().map_err(|error| refused(error.error_code()))?;
                let id = question.id.clone();
                state.questions.remove(id.expose());
                Ok(granted)
            }
        }
    }
}

const INTERVAL: u64 = 5;

/// HIL-9
const SLOW_DOWN: u64 = 5;

const LIFETIME: Duration = Duration::from_secs(120);
