//! State that hosts keep for a client: whatever was sealed, it opens as what it was sealed as or not at all, and says the same when it is sealed again.

use std::sync::LazyLock;

use aims_jose::base64url;
use aims_keys::{SealingKey, backend};
use aims_oauth::{
    ClientCredential, ClientError, DpopNonces, OAuthClient, Parameters, PendingApproval,
    PendingAuthorization, SealedNonces, SenderConstraint, ServerMetadata, UserGrant,
};

use super::world::{APP, NOW, SERVER};

struct Made {
    key: SealingKey,
    nonces: SealedNonces,
    client: OAuthClient,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let server = r#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token","token_endpoint_auth_methods_supported":["none"],
        "grant_types_supported":["authorization_code","refresh_token","urn:openid:params:grant-type:ciba"]}"#;
    let server = ServerMetadata::parse(server.as_bytes(), &SERVER.issuer).expect("a server");
    let credential = ClientCredential::none(APP);
    let client = OAuthClient::new(server, credential, SenderConstraint::dangerous_bearer(), backend::ring());
    let made = Made {
        key: SealingKey::generate(backend::ring()).expect("a key"),
        nonces: SealedNonces::generate(backend::ring()).expect("nonces"),
        client: client.expect("a client"),
    };
    // Purposes that have changed would let nothing through any more.
    for (kind, good) in KINDS.iter().zip(GOOD) {
        (kind.again)(&made.sealed(kind.purpose, good.as_bytes()), &made).expect("it opens");
    }
    made
});

/// One kind of state.
struct Kind {
    purpose: &'static str,
    /// Opens one, and seals it again.
    again: fn(&str, &Made) -> Result<String, ClientError>,
}

const KINDS: [Kind; 3] = [
    Kind { purpose: "aims-oauth, pending authorization, 1", again: authorization },
    Kind { purpose: "aims-oauth, pending approval, 1", again: approval },
    Kind { purpose: "aims-oauth, grant of a user, 1", again: grant },
];

impl Made {
    fn sealed(&self, purpose: &str, content: &[u8]) -> String {
        base64url::encode(self.key.seal(purpose, content).expect("sealed"))
    }

    fn opened(&self, purpose: &str, sealed: &str) -> Vec<u8> {
        let sealed = base64url::decode(sealed).expect("base64url");
        self.key.open(purpose, &sealed).expect("our own").to_vec()
    }
}

/// What is sealed, or what came back from the host.
pub(super) fn run(input: &[u8]) {
    let made = &*MADE;
    if let Ok(text) = str::from_utf8(input) {
        for kind in &KINDS {
            let error = (kind.again)(text, made).expect_err("a state was opened that nobody sealed");
            assert_eq!((error.code(), error.rule()), ("sealed", "HIL-43"));
        }
        assert!(!made.nonces.accepts(text, NOW), "a nonce that nobody gave");
    }
    for kind in &KINDS {
        let sealed = made.sealed(kind.purpose, input);
        for other in KINDS.iter().filter(|other| other.purpose != kind.purpose) {
            assert!((other.again)(&sealed, made).is_err(), "one kind of state became another");
        }
        let once = match (kind.again)(&sealed, made) {
            Ok(once) => once,
            Err(error) => {
                assert!(!error.code().is_empty() && !error.rule().is_empty());
                continue;
            }
        };
        let twice = (kind.again)(&once, made).expect("what was sealed opens");
        assert_eq!(
            made.opened(kind.purpose, &twice),
            made.opened(kind.purpose, &once),
            "it says something else"
        );
    }
}

fn authorization(sealed: &str, made: &Made) -> Result<String, ClientError> {
    let pending = PendingAuthorization::open(sealed, &made.key)?;
    assert!(pending.url().is_empty() && !pending.state().is_empty());
    let again = pending.seal(&made.key)?;
    // The answer that a server would give to it.
    let answer = format!("code=a&state={}", pending.state());
    let is_ours = *pending.issuer() == SERVER.issuer;
    if let Ok(answer) = Parameters::parse(answer.as_bytes())
        && pending.redeem(&made.client, &answer, NOW).is_ok()
    {
        assert!(is_ours, "the code goes to another server");
    }
    Ok(again)
}

fn approval(sealed: &str, made: &Made) -> Result<String, ClientError> {
    let mut pending = PendingApproval::open(sealed, &made.key)?;
    let again = pending.seal(&made.key)?;
    let (next, expires) = (pending.next_poll(), pending.expires());
    if pending.poll(&made.client, NOW).is_ok() {
        assert!(*pending.issuer() == SERVER.issuer && next <= NOW && NOW < expires);
        assert!(pending.next_poll() >= NOW);
    }
    pending.end();
    assert!(pending.poll(&made.client, NOW).is_err(), "it is over");
    Ok(again)
}

fn grant(sealed: &str, made: &Made) -> Result<String, ClientError> {
    let grant = UserGrant::open(sealed, &made.key)?;
    assert!(grant.can_be_refreshed() && grant.user().is_none() && grant.first_token().is_none());
    grant.seal(&made.key)
}

/// Of each kind.
const GOOD: [&str; 3] = [
    "issuer=https%3A%2F%2Fas.example&client_id=travel-app&iss=1&state=af0ifjsldkj&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk&\
     redirect_uri=https%3A%2F%2Fagent.example%2Fcb&session=s-1&expires=1790000600&nonce=n&acr_values=x+y&max_age=0&resource=urn%3Aa&scope=a+openid",
    "auth_req_id=1c266114-a1be&issuer=https%3A%2F%2Fas.example&client_id=travel-app&interval=5&next=1790000000&expires=1790000300&scope=openid&\
     authorization_details=%5B%7B%22type%22%3A%22a%22%7D%5D",
    "id=a&issuer=https%3A%2F%2Fas.example&client_id=travel-app&subject=user-1&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA",
];

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::texts(&GOOD);
    seeds.extend(super::texts(&[
        "auth_req_id=1c266114-a1be&issuer=https%3A%2F%2Fas.example&client_id=travel-app&interval=18446744073709551615&next=0&expires=18446744073709551615",
        "issuer=https%3A%2F%2Fas.example&client_id=travel-app&iss=0&state=af0ifjsldkj&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk&\
         redirect_uri=https%3A%2F%2Fagent.example%2Fcb&expires=1790000600",
        "AXrt",
    ]));
    seeds
}
