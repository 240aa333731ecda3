//! What an authorization server says when it refuses, and which one it is.

use std::collections::HashSet;
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
            let repeats = |words: &str| sent.is_some_and(|sent| repeats_secret(words, sent));
            if response.error_code().is_none() && repeats(response.error()) {
                return ClientError::Status { issuer: issuer.clone(), status: answer.status() };
            }
            let repeats = response.description().is_some_and(|words| repeats(words.as_str()));
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

/// However both are written: what a server drops, encodes or writes in other case is told apart from nothing.
fn repeats(words: &str, secret: &str) -> bool {
    let (words, secret) = (plain(words), plain(secret));
    if secret.len() < MIN_PART {
        return !secret.is_empty() && words.contains(&**secret);
    }
    let parts: HashSet<_> = words.as_bytes().windows(MIN_PART).collect();
    secret.as_bytes().windows(MIN_PART).any(|part| parts.contains(part))
}

/// Its letters and digits, in lower case, and those that stand there percent-encoded.
fn plain(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (letter, tail) = match (first, tail) {
            (b'%', [high, low, rest_of @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, rest_of),
                _ => (*first, tail),
            },
            _ => (*first, tail),
        };
        if letter.is_ascii_alphanumeric() {
            plain.push(char::from(letter.to_ascii_lowercase()));
        }
        rest = tail;
    }
    plain
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
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
const MIN_PART: usize = 10;
