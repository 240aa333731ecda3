//! An authorization server that is asked about tokens, without a socket.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aims_credential::Flight;
use aims_jose::json::{self, Object};
use aims_jose::{Limits, UnverifiedJws};
use aims_keys::{BoxFuture, UnixTime};
use aims_oauth::{
    AccessToken, Introspect, IntrospectError, IntrospectionAnswer, IntrospectionResponse, Resource,
};

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

    /// Says of a token from now on what a JWT says, as the claims of an access token that was issued: the same token in its other form, to whom it is for, as of its
    /// first second. What is no access token says nothing.
    pub fn say_as(&self, token: &str, jwt: &AccessToken) {
        if let Some(answer) = said(jwt) {
            self.say(token, answer);
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
            match state.said.get(token.expose()) {
                Some(answer) => Ok(answer.clone()),
                None => {
                    IntrospectionResponse::inactive().to_answer().map_err(|_| IntrospectError::Unavailable)
                }
            }
        })
    }
}

/// What the server answers that issued this token, whoever asks by the name in it.
fn said(jwt: &AccessToken) -> Option<IntrospectionAnswer> {
    let jws = UnverifiedJws::parse(jwt.expose(), &Limits::new()).ok()?;
    let claims = Object::parse(jws.peek().untrusted_payload(), &json::Limits::new()).ok()?;
    let asks = claims.get("aud")?.as_str()?.parse::<Resource>().ok()?;
    let issued = claims.get("iat")?.as_number()?.floor_u64().map(UnixTime::from_secs)?;
    IntrospectionResponse::about(&claims, &[asks], issued).ok()?.to_answer().ok()
}

/// Shows how often it was asked, and no token.
impl fmt::Debug for TestIntrospection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIntrospection").field("asked", &self.asked()).finish_non_exhaustive()
    }
}
