//! What an authorization server says when it refuses, and which one it is.

use std::fmt;

use aims_credential::Posted;
use zeroize::Zeroizing;

use super::{ClientError, EndpointRequest};
use crate::token::Said;
use crate::{ErrorCode, ErrorResponse, Issuer, Parameters};

/// What an authorization server said when it refused.
///
/// Its words for people are there, unless they repeat a secret that it was sent: whoever reads the error would have that (AZR-9). They are the server's, and nobody has to
/// believe them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    issuer: Issuer,
    response: ErrorResponse,
}

impl Refusal {
    /// The server.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// What it said.
    #[must_use]
    pub fn response(&self) -> &ErrorResponse {
        &self.response
    }

    /// What it said, if that is a code that is known.
    #[must_use]
    pub fn error_code(&self) -> Option<ErrorCode> {
        self.response.error_code()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issuer, response } = self;
        write!(f, "the server {issuer} refuses: {}", Said::of(response.error(), response.description()))
    }
}

/// What a server says with another status than that of success, to this request.
pub(crate) fn refusal(issuer: &Issuer, sent: Option<&EndpointRequest>, answer: &Posted) -> ClientError {
    let is_json = answer.media_type() == Some("application/json");
    match ErrorResponse::parse(answer.body()) {
        Ok(response) if is_json => {
            let repeats = sent.is_some_and(|sent| {
                response.description().is_some_and(|words| repeats_secret(words.as_str(), sent))
            });
            let response = if repeats { response.without_description() } else { response };
            ClientError::Refused(Box::new(Refusal { issuer: issuer.clone(), response }))
        }
        _ => ClientError::Status { issuer: issuer.clone(), status: answer.status() },
    }
}

/// Whether there is a secret of the request in these words, or so much of one that it looks like none.
fn repeats_secret(words: &str, sent: &EndpointRequest) -> bool {
    // What cannot be read back was not written here: then nothing of what is said can be told from it.
    let Ok(form) = Parameters::parse(sent.body().as_bytes()) else { return true };
    let values = form.pairs().filter(|(name, _)| !PUBLIC.contains(name)).map(|(_, value)| value);
    let fields = sent.fields().iter().map(|(_, value)| value.as_str());
    values.chain(fields).any(|secret| repeats(words, secret))
        || sent.fields().iter().filter_map(|(_, value)| password(value)).any(|secret| repeats(words, &secret))
}

fn repeats(words: &str, secret: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let mut parts = words.split(|letter| !is_letter(letter));
    (!secret.is_empty() && words.contains(secret))
        || parts.any(|part| part.len() >= MIN_PART && secret.contains(part))
}

/// The secret of a client that shows it by `Basic`.
fn password(field: &str) -> Option<Zeroizing<String>> {
    let pair = Zeroizing::new(aims_jose::base64::decode(field.strip_prefix("Basic ")?).ok()?);
    let (_, secret) = str::from_utf8(&pair).ok()?.split_once(':')?;
    // WIR-5: it is encoded as in a form.
    let form = Zeroizing::new(["secret=", secret].concat());
    let form = Parameters::parse(form.as_bytes()).ok()?;
    form.pairs().next().map(|(_, secret)| Zeroizing::new(secret.to_owned()))
}

/// What servers name when they say what is wrong with it. All else is a secret, or may be one.
const PUBLIC: [&str; 22] = [
    "acr_values",
    "actor_token_type",
    "audience",
    "authorization_details",
    "binding_message",
    "claims",
    "client_assertion_type",
    "client_id",
    "code_challenge_method",
    "grant_type",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "requested_expiry",
    "requested_token_type",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "subject_token_type",
    "token_type_hint",
];

/// No word of a sentence is found in a token by chance that is as long.
const MIN_PART: usize = 12;
