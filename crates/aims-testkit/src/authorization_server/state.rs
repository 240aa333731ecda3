//! What the server remembers.

use std::collections::HashMap;

use aims_jose::Thumbprint;
use aims_keys::UnixTime;
use aims_oauth::{
    AuthRequestId, AuthorizationDetails, AuthorizationRequest, CodeChallenge, Resource, Scope, TokenBinding,
};

/// What was given out, by its text.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) asked: Vec<String>,
    pub(super) pushed: HashMap<String, Pushed>,
    /// Those that were used stay, so that they are known again.
    pub(super) codes: HashMap<String, Code>,
    /// Those that were replaced stay, so that they are known again.
    pub(super) refresh: HashMap<String, Refresh>,
    /// Grants that ended.
    pub(super) ended: Vec<u64>,
    /// Of which grant an access token is, by the identifier of the token.
    pub(super) tokens: HashMap<String, u64>,
    pub(super) grants: u64,
    /// Access tokens that were revoked.
    pub(super) revoked: Vec<String>,
    /// Requests that users are asked about elsewhere.
    pub(super) questions: HashMap<String, Question>,
}

/// A request that was pushed, and the keys that showed who pushed it.
#[derive(Clone, Debug)]
pub(super) struct Pushed {
    pub(super) request: AuthorizationRequest,
    pub(super) keys: Keys,
}

/// What a code is bound to besides its client (AUT-4).
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    /// Of the `DPoP` proofs.
    pub(super) key: Option<Thumbprint>,
    /// Of the attestation.
    pub(super) attested_key: Option<Thumbprint>,
}

/// What a user is asked elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) granted: Granted,
    pub(super) id: AuthRequestId,
    /// Of the instance of an attested client that asked.
    pub(super) attested_key: Option<Thumbprint>,
    /// What the user said.
    pub(super) answer: Option<bool>,
    pub(super) interval: u64,
    pub(super) next: UnixTime,
    pub(super) expires: UnixTime,
}

/// What a user granted.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) id: u64,
    pub(super) client_id: String,
    pub(super) user: String,
    pub(super) resources: Vec<Resource>,
    pub(super) scope: Option<Scope>,
    pub(super) details: Option<AuthorizationDetails>,
    pub(super) auth_time: UnixTime,
    pub(super) nonce: Option<String>,
}

impl Granted {
    pub(super) fn wants_id_token(&self) -> bool {
        self.scope.as_ref().is_some_and(|scope| scope.contains("openid"))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) granted: Granted,
    pub(super) challenge: CodeChallenge,
    pub(super) redirect_uri: String,
    pub(super) keys: Keys,
    pub(super) expires: UnixTime,
    pub(super) is_used: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Refresh {
    pub(super) granted: Granted,
    /// The key that it was given to, where it is bound to that.
    pub(super) instance: Option<TokenBinding>,
    pub(super) is_used: bool,
}
