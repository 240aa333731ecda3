//! The claims of a token to be made.

use aims_keys::UnixTime;

use super::{ClaimsError, claim};
use crate::json::{self, JsonError, ObjectWriter};

/// Writes the claims of a JWT: the registered ones in one fixed order, then those of the caller in theirs.
///
/// The same calls give the same bytes (JO-SIGN-03), and no claim of the caller can have a registered name, whether or not
/// that claim was set.
///
/// ```
/// use aims_jose::NewClaims;
/// use aims_keys::UnixTime;
///
/// let now = UnixTime::from_secs(1_790_000_000);
/// let mut claims = NewClaims::new();
/// claims.extensions().str("scope", "trips:book");
/// claims.issuer("https://as.example").subject("agent").audience("https://api.example");
/// claims.expires(now + std::time::Duration::from_secs(300)).issued_at(now).token_id("a1");
/// assert_eq!(
///     claims.finish()?,
///     r#"{"iss":"https://as.example","sub":"agent","aud":"https://api.example","exp":1790000300,"iat":1790000000,"jti":"a1","scope":"trips:book"}"#,
/// );
///
/// let mut claims = NewClaims::new();
/// claims.extensions().u64("exp", 253_402_300_799);
/// assert_eq!(claims.finish().unwrap_err().rule(), "JO-SIGN-03");
/// # Ok::<(), aims_jose::ClaimsError>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "claims do nothing until `finish` is called"]
pub struct NewClaims<'a> {
    issuer: Option<&'a str>,
    subject: Option<&'a str>,
    audiences: Vec<&'a str>,
    expires: Option<UnixTime>,
    not_before: Option<UnixTime>,
    issued_at: Option<UnixTime>,
    token_id: Option<&'a str>,
    extensions: ObjectWriter,
}

impl<'a> NewClaims<'a> {
    /// Starts without any claim.
    pub fn new() -> Self {
        Self { extensions: ObjectWriter::with_capacity(TYPICAL), ..Self::default() }
    }

    /// Sets `iss`.
    pub fn issuer(&mut self, issuer: &'a str) -> &mut Self {
        self.issuer = Some(issuer);
        self
    }

    /// Sets `sub`.
    pub fn subject(&mut self, subject: &'a str) -> &mut Self {
        self.subject = Some(subject);
        self
    }

    /// Adds an audience; `aud` is written as a string if there is one, as an array if there are more.
    pub fn audience(&mut self, audience: &'a str) -> &mut Self {
        self.audiences.push(audience);
        self
    }

    /// Sets `exp`.
    pub fn expires(&mut self, at: UnixTime) -> &mut Self {
        self.expires = Some(at);
        self
    }

    /// Sets `nbf`.
    pub fn not_before(&mut self, at: UnixTime) -> &mut Self {
        self.not_before = Some(at);
        self
    }

    /// Sets `iat`.
    pub fn issued_at(&mut self, at: UnixTime) -> &mut Self {
        self.issued_at = Some(at);
        self
    }

    /// Sets `jti`.
    pub fn token_id(&mut self, id: &'a str) -> &mut Self {
        self.token_id = Some(id);
        self
    }

    /// Where the claims go that RFC 7519 does not register. They follow the registered ones.
    pub fn extensions(&mut self) -> &mut ObjectWriter {
        &mut self.extensions
    }

    /// The claims as JSON: the payload of a token, which [`Claims::read`](super::Claims::read) reads where its limits are wide enough. Nothing is
    /// set then any more.
    ///
    /// # Errors
    ///
    /// [`ClaimsError::Registered`] when an extension has the name of a registered claim, [`ClaimsError::Json`] when two
    /// have the same name, claims nest too deep or, as for the reader, too many names collide; [`ClaimsError::Empty`],
    /// [`ClaimsError::TokenId`] and [`ClaimsError::DateRange`] for values that [`Claims::read`](super::Claims::read) would refuse.
    pub fn finish(&mut self) -> Result<String, ClaimsError> {
        let written = self.write();
        (self.issuer, self.subject, self.token_id) = (None, None, None);
        (self.expires, self.not_before, self.issued_at) = (None, None, None);
        self.audiences.clear();
        written
    }

    fn write(&mut self) -> Result<String, ClaimsError> {
        let extensions = self.extensions.finish()?;
        // The writer is empty then, and writes the others.
        self.extensions.reserve(TYPICAL + extensions.len());
        let written = self.write_registered();
        let mut text = self.extensions.finish()?;
        written?;
        let registered = text.len();
        // Both are objects, of which either may be empty.
        if let Some(members) = extensions.strip_prefix('{').filter(|&members| members != "}") {
            text.pop();
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(members);
        }
        // Whatever a verifier objects to is found before the token is signed.
        let read = json::read_object(text.as_bytes(), &UNLIMITED, |name, value| {
            if value.span().start() >= registered { refuse_registered(&name.as_str()) } else { Ok(()) }
        });
        match read {
            Ok(()) => Ok(text),
            // Which of the two names is the registered one, the reader does not say.
            Err(error @ ClaimsError::Json(JsonError::DuplicateName)) => {
                json::read_object(extensions.as_bytes(), &UNLIMITED, |name, _| {
                    refuse_registered(&name.as_str())
                })?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    fn write_registered(&mut self) -> Result<(), ClaimsError> {
        let writer = &mut self.extensions;
        if let Some(issuer) = self.issuer {
            writer.str("iss", said("iss", issuer)?);
        }
        if let Some(subject) = self.subject {
            writer.str("sub", said("sub", subject)?);
        }
        for audience in &self.audiences {
            said("aud", audience)?;
        }
        match self.audiences.as_slice() {
            [] => {}
            [audience] => {
                writer.str("aud", audience);
            }
            audiences => {
                writer.strs("aud", audiences);
            }
        }
        for (name, date) in [("exp", self.expires), ("nbf", self.not_before), ("iat", self.issued_at)] {
            if let Some(date) = date {
                writer.u64(name, claim::check_date(name, date)?.as_secs());
            }
        }
        if let Some(id) = self.token_id {
            writer.str("jti", claim::check_token_id(id)?);
        }
        Ok(())
    }
}

fn refuse_registered(name: &str) -> Result<(), ClaimsError> {
    match REGISTERED.iter().find(|&&registered| name == registered) {
        Some(name) => Err(ClaimsError::Registered(name)),
        None => Ok(()),
    }
}

fn said<'a>(name: &'static str, text: &'a str) -> Result<&'a str, ClaimsError> {
    if text.is_empty() { Err(ClaimsError::Empty(name)) } else { Ok(text) }
}

/// RFC 7519 §4.1.
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// For text that this process wrote itself.
const UNLIMITED: json::Limits = json::Limits::new()
    .bytes(usize::MAX)
    .members(usize::MAX)
    .number(usize::MAX)
    .string(usize::MAX)
    .depth(usize::MAX);

/// Bytes of the registered claims of most tokens, and of the others.
const TYPICAL: usize = 256;
