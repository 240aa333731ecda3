//! Challenges: how a resource server says what it wants (`WWW-Authenticate`, RFC 9110 §11).

use std::fmt;

use crate::{ErrorCode, Scope};

/// The challenges of a response, of all lines of its field.
///
/// ```
/// use aims_oauth::{Challenges, ErrorCode};
///
/// let lines = [r#"Bearer error="insufficient_scope", scope="trips:book", DPoP algs="ES256""#];
/// let challenges = Challenges::parse(lines)?;
/// let bearer = challenges.of("Bearer").next().expect("a challenge");
/// assert_eq!(bearer.error()?, Some(ErrorCode::InsufficientScope));
/// assert_eq!(challenges.of("dpop").next().and_then(|one| one.text("algs")), Some("ES256"));
///
/// let refused = Challenges::parse([r#"Bearer realm="a", realm="b""#]).unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("challenge_parameter_repeated", "CHA-2"));
/// # Ok::<(), aims_oauth::ChallengeError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Challenges {
    all: Vec<Challenge>,
}

/// One challenge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge {
    scheme: String,
    token: Option<String>,
    /// Names in lower case.
    parameters: Vec<(String, Vec<u8>)>,
}

impl Challenges {
    /// Reads the lines of the field. What is malformed anywhere makes all of it malformed (CHA-2).
    ///
    /// # Errors
    ///
    /// [`ChallengeError`].
    pub fn parse(lines: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Self, ChallengeError> {
        let mut all = Vec::new();
        let mut len = 0_usize;
        for line in lines {
            let line = line.as_ref();
            len = len.saturating_add(line.len());
            if len > MAX_LEN {
                return Err(ChallengeError::TooLong);
            }
            Parser { rest: line }.challenges(&mut all)?;
        }
        Ok(Self { all })
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Challenge> {
        self.all.iter()
    }

    /// Those of this scheme, whose case means nothing.
    pub fn of<'c>(&'c self, scheme: &'c str) -> impl Iterator<Item = &'c Challenge> {
        self.all.iter().filter(move |challenge| challenge.scheme.eq_ignore_ascii_case(scheme))
    }
}

impl Challenge {
    /// A challenge without parameters: `Bearer`, `DPoP`.
    #[must_use]
    pub fn new(scheme: &str) -> Self {
        Self { scheme: scheme.to_owned(), token: None, parameters: Vec::new() }
    }

    /// With one more parameter, or another value for one that is there.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let name = name.to_ascii_lowercase();
        self.parameters.retain(|(known, _)| *known != name);
        self.parameters.push((name, value.as_bytes().to_vec()));
        self
    }

    /// The scheme, as it was written.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// What stands in the place of parameters (`token68`); schemes of OAuth have none.
    #[must_use]
    pub fn token68(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The value of a parameter, by its name in lower case.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// The same of one that is ASCII; nothing where it is not.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.bytes(name).filter(|value| value.is_ascii()).and_then(|value| str::from_utf8(value).ok())
    }

    /// `error`, if it is one that is known.
    ///
    /// # Errors
    ///
    /// [`ChallengeError::Value`] when it is not ASCII.
    pub fn error(&self) -> Result<Option<ErrorCode>, ChallengeError> {
        Ok(self.interpreted("error")?.and_then(ErrorCode::from_text))
    }

    /// `scope`: what the operation needs, all of it (CHA-3).
    ///
    /// # Errors
    ///
    /// [`ChallengeError::Value`] when it is no scope.
    pub fn scope(&self) -> Result<Option<Scope>, ChallengeError> {
        let text = self.interpreted("scope")?;
        text.map(|text| text.parse().map_err(|_| ChallengeError::Value("scope"))).transpose()
    }

    /// `resource_metadata`: where the resource says which servers it trusts (RFC 9728 §5.1). A URL as it was sent, and nobody looked at it.
    ///
    /// # Errors
    ///
    /// [`ChallengeError::Value`] when it is not ASCII.
    pub fn resource_metadata(&self) -> Result<Option<&str>, ChallengeError> {
        self.interpreted("resource_metadata")
    }

    /// `acr_values`: how the user must have been authenticated, the most wanted first (RFC 9470).
    ///
    /// # Errors
    ///
    /// [`ChallengeError::Value`] when it is not ASCII.
    pub fn acr_values(&self) -> Result<Option<Vec<&str>>, ChallengeError> {
        let text = self.interpreted("acr_values")?;
        Ok(text.map(|text| text.split(' ').filter(|value| !value.is_empty()).collect()))
    }

    /// `max_age`: how long ago the user may have been authenticated, in seconds (RFC 9470).
    ///
    /// # Errors
    ///
    /// [`ChallengeError::Value`] when it is no number.
    pub fn max_age(&self) -> Result<Option<u64>, ChallengeError> {
        let wrong = ChallengeError::Value("max_age");
        let Some(text) = self.interpreted("max_age")? else { return Ok(None) };
        // `u64` would take a sign.
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { text.parse().map(Some).map_err(|_| wrong) } else { Err(wrong) }
    }

    fn interpreted(&self, name: &'static str) -> Result<Option<&str>, ChallengeError> {
        match self.bytes(name) {
            None => Ok(None),
            Some(_) => self.text(name).map(Some).ok_or(ChallengeError::Value(name)),
        }
    }
}

/// As it is sent: each value in quotes.
impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheme)?;
        if let Some(token) = &self.token {
            return write!(f, " {token}");
        }
        for (at, (name, value)) in self.parameters.iter().enumerate() {
            write!(f, "{} {name}=\"", if at > 0 { "," } else { "" })?;
            for letter in String::from_utf8_lossy(value).chars() {
                match letter {
                    '"' | '\\' => write!(f, "\\{letter}")?,
                    // No field holds a line break, and quotes hold no other control characters.
                    letter if letter.is_control() => f.write_str(" ")?,
                    letter => write!(f, "{letter}")?,
                }
            }
            f.write_str("\"")?;
        }
        Ok(())
    }
}

/// Why the challenges of a response cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// A parameter is there twice.
    #[error("a parameter of a challenge is there twice")]
    Repeated,
    /// It is not a list of challenges.
    #[error("the challenges are malformed")]
    Syntax,
    /// There is more than anybody reads.
    #[error("the challenges are too long")]
    TooLong,
    /// A parameter has another value than it may have.
    #[error("the parameter {0} of a challenge is malformed")]
    Value(&'static str),
}

impl ChallengeError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Repeated => "challenge_parameter_repeated",
            Self::Syntax => "malformed_challenge",
            Self::TooLong => "challenges_too_long",
            Self::Value(_) => "challenge_parameter",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        if matches!(self, Self::TooLong) { "WIR-9" } else { "CHA-2" }
    }
}

/// Of one line.
struct Parser<'l> {
    rest: &'l [u8],
}

impl<'l> Parser<'l> {
    /// A comma stands between challenges, and between the parameters of one: what follows it says which.
    fn challenges(&mut self, all: &mut Vec<Challenge>) -> Result<(), ChallengeError> {
        loop {
            // Elements of a list may be empty (RFC 9110 §5.6.1).
            while self.skip_space() || self.take(b',') {}
            if self.rest.is_empty() {
                return Ok(());
            }
            let name = self.token().ok_or(ChallengeError::Syntax)?;
            let has_space = self.skip_space();
            if self.rest.first() == Some(&b'=') {
                self.parameter(name, all.last_mut().ok_or(ChallengeError::Syntax)?)?;
            } else {
                if all.len() >= MAX_CHALLENGES {
                    return Err(ChallengeError::TooLong);
                }
                let mut challenge = Challenge::new(name);
                if has_space {
                    self.first(&mut challenge)?;
                }
                all.push(challenge);
            }
            self.skip_space();
            if !matches!(self.rest.first(), None | Some(b',')) {
                return Err(ChallengeError::Syntax);
            }
        }
    }

    /// What follows a scheme and a space: nothing, what stands for all parameters, or the first of them.
    fn first(&mut self, challenge: &mut Challenge) -> Result<(), ChallengeError> {
        if matches!(self.rest.first(), None | Some(b',')) {
            return Ok(());
        }
        if let Some(token) = self.token68() {
            if WITH_PARAMETERS.iter().any(|known| challenge.scheme.eq_ignore_ascii_case(known)) {
                return Err(ChallengeError::Syntax);
            }
            challenge.token = Some(token.to_owned());
            return Ok(());
        }
        let name = self.token().ok_or(ChallengeError::Syntax)?;
        self.skip_space();
        self.parameter(name, challenge)
    }

    /// From the equals sign on.
    fn parameter(&mut self, name: &str, challenge: &mut Challenge) -> Result<(), ChallengeError> {
        if challenge.token.is_some() || !self.take(b'=') {
            return Err(ChallengeError::Syntax);
        }
        self.skip_space();
        let value = if self.take(b'"') {
            self.quoted()?
        } else {
            self.token().ok_or(ChallengeError::Syntax)?.as_bytes().to_vec()
        };
        let name = name.to_ascii_lowercase();
        if challenge.bytes(&name).is_some() {
            return Err(ChallengeError::Repeated);
        }
        if challenge.parameters.len() >= MAX_PARAMETERS {
            return Err(ChallengeError::TooLong);
        }
        challenge.parameters.push((name, value));
        Ok(())
    }

    /// Behind the quote.
    fn quoted(&mut self) -> Result<Vec<u8>, ChallengeError> {
        let mut value = Vec::new();
        loop {
            let (byte, rest) = self.rest.split_first().ok_or(ChallengeError::Syntax)?;
            self.rest = rest;
            match byte {
                b'"' => return Ok(value),
                b'\\' => {
                    let (byte, rest) = self.rest.split_first().ok_or(ChallengeError::Syntax)?;
                    self.rest = rest;
                    value.push(text_byte(*byte)?);
                }
                byte => value.push(text_byte(*byte)?),
            }
        }
    }

    /// One that ends where its challenge does: at a comma, or with the line.
    fn token68(&mut self) -> Option<&'l str> {
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
        let digits = self.rest.iter().position(|byte| !is_digit(byte)).unwrap_or(self.rest.len());
        let padding = self.rest.get(digits..)?.iter().take_while(|byte| **byte == b'=').count();
        let (token, rest) = self.rest.split_at_checked(digits + padding)?;
        let behind = rest.iter().find(|byte| !is_space(**byte));
        if digits == 0 || !matches!(behind, None | Some(b',')) {
            return None;
        }
        self.rest = rest;
        str::from_utf8(token).ok()
    }

    fn token(&mut self) -> Option<&'l str> {
        let is = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        let len = self.rest.iter().position(|byte| !is(byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        if token.is_empty() { None } else { str::from_utf8(token).ok() }
    }

    fn take(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip_space(&mut self) -> bool {
        let len = self.rest.iter().position(|byte| !is_space(*byte)).unwrap_or(self.rest.len());
        self.rest = self.rest.get(len..).unwrap_or_default();
        len > 0
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// What may stand in quotes: no control characters.
fn text_byte(byte: u8) -> Result<u8, ChallengeError> {
    match byte {
        b'\t' | b' '..=b'~' | 0x80.. => Ok(byte),
        _ => Err(ChallengeError::Syntax),
    }
}

/// Schemes that never have a `token68`.
const WITH_PARAMETERS: [&str; 3] = ["Bearer", "DPoP", "WPT"];

/// WIR-9.
const MAX_LEN: usize = 16 * 1024;

const MAX_CHALLENGES: usize = 32;

const MAX_PARAMETERS: usize = 32;
