//! An authorization server that is asked about tokens, without a socket.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aims_credential::Flight;
use aims_jose::base64url;
use aims_keys::BoxFuture;
use aims_oauth::{AccessToken, Introspect, IntrospectError, IntrospectionAnswer};

/// Says of opaque tokens what a test told it to, counts how often it is asked, and can be slow, or gone. Clones are the same one.
///
/// ```
/// use aims_oauth::{Introspection, IntrospectionAnswer};
/// use aims_testkit::TestIntrospection;
///
/// let server = TestIntrospection::new();
/// server.say("an-opaque-token", IntrospectionAnswer::Json(br#"{"active":true,"sub":"user-1"}"#.to_vec()));
/// let introspection = Introspection::new("https://as.example".parse()?, server.clone());
/// assert_eq!(server.asked(), 0);
/// # let _ = introspection;
/// # Ok::<(), aims_oauth::IssuerError>(())
/// ```
#[derive(Clone, Default)]
pub struct TestIntrospection(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    said: BTreeMap<String, IntrospectionAnswer>,
    failing: Option<IntrospectError>,
    held: Option<Arc<Flight>>,
    asked: usize,
}

impl TestIntrospection {
    /// Knows no token yet: all are inactive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says this of a token from now on.
    pub fn say(&self, token: &str, answer: IntrospectionAnswer) {
        self.state().said.insert(token.to_owned(), answer);
    }

    /// Says of a token from now on what a JWT says, as the claims of an access token that was issued: the same token in its other form. What is no JWT says nothing.
    pub fn say_as(&self, token: &str, jwt: &AccessToken) {
        let payload = jwt.expose().split('.').nth(1).and_then(|payload| base64url::decode(payload).ok());
        let payload = payload.and_then(|payload| String::from_utf8(payload).ok());
        if let Some(members) = payload.as_deref().and_then(|payload| payload.strip_prefix('{')) {
            self.say(token, IntrospectionAnswer::Json(format!("{{\"active\":true,{members}").into_bytes()));
        }
    }

    /// Says of a token from now on that it does not count.
    pub fn revoke(&self, token: &str) {
        self.state().said.remove(token);
    }

    /// Says nothing at all from now on; or something again, without an error.
    pub fn fail(&self, error: Option<IntrospectError>) {
        self.state().failing = error;
    }

    /// Keeps whoever asks waiting, until it is [released](Self::release).
    pub fn hold(&self) {
        self.state().held = Some(Arc::default());
    }

    /// Answers all who wait, and those who ask from now on.
    pub fn release(&self) {
        if let Some(held) = self.state().held.take() {
            held.end();
        }
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.state().asked
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Introspect for TestIntrospection {
    fn introspect<'a>(
        &'a self,
        token: &'a AccessToken,
    ) -> BoxFuture<'a, Result<IntrospectionAnswer, IntrospectError>> {
        Box::pin(async move {
            let held = {
                let mut state = self.state();
                state.asked += 1;
                state.held.clone()
            };
            if let Some(held) = held {
                held.over().await;
            }
            let state = self.state();
            if let Some(error) = state.failing {
                return Err(error);
            }
            let inactive = || IntrospectionAnswer::Json(br#"{"active":false}"#.to_vec());
            Ok(state.said.get(token.expose()).cloned().unwrap_or_else(inactive))
        })
    }
}

/// Shows how often it was asked, and no token.
impl fmt::Debug for TestIntrospection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIntrospection").field("asked", &self.asked()).finish_non_exhaustive()
    }
}
