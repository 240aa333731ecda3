//! The register as a file.

mod evidence;

use std::ops::Range;
use std::time::Duration;

use aims_attest::{SelectorError, UnknownEvidenceType};
use aims_id::{Origin, ParseIdError};
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use crate::{CredentialType, CredentialTypes, Entries, EntriesError, Entry, EntryBuilder, EntryError};

impl Entries {
    /// Reads a registration file, at most 16 MiB of TOML, with an `[[entry]]` for each entry:
    ///
    /// ```toml
    /// [[entry]]
    /// spiffe_id = "spiffe://acme.example/agents/travel"
    /// selectors = ["unix:uid:1000", "unix:path:/usr/bin/travel"]  # all of them
    /// types = ["x509", "jwt", "wit"]                              # what there is by default
    /// x509_lifetime = 1800                                        # in seconds; likewise jwt_lifetime, wit_lifetime
    /// dns_names = ["travel.acme.example"]
    /// hint = "internal"
    /// federates_with = ["spiffe://bank.example"]
    /// evidence = [                                                # all of it, about one key (ATT-112)
    ///     { type = "tpm2-quote", key = "hardware", max_age = 600 },
    ///     { any_of = [{ type = "unix-peer", min_level = 2 }, { type = "k8s-psat" }] },
    /// ]
    /// evidence_policy = "agents-3"                                # its name and version, for records
    /// ```
    ///
    /// A piece of `evidence` has a `type`, which is the name of an [`EvidenceType`](aims_attest::EvidenceType) or, of a type of one's own, its media type; and it may have `key` (`bound`: it is about a key, `hardware`: it says that hardware holds it), `max_age` in seconds, `min_level` from 0 to 5,
    /// `freshness` (`tofu`, `timestamp`, `one_time_use`, `nonce`), `selectors`, `verifier`, `policy`; or it is `{ all_of = [...] }`, `{ any_of = [...] }` or `{ n_of = 2, of = [...] }`.
    ///
    /// ```
    /// use aims_provision::Entries;
    ///
    /// let text = "\n[[entry]]\nspiffe_id = \"spiffe://acme.example/agents/travel\"\nselector = []\n";
    /// let error = Entries::from_toml("spiffe://acme.example".parse()?, text).unwrap_err();
    /// assert_eq!((error.line(), error.code()), (4, "unknown_key"));
    /// # Ok::<(), aims_id::ParseIdError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RegistrationError`] with the line. Nothing of the file may be used then: whoever reloads it keeps the set that is in force.
    pub fn from_toml(origin: Origin, text: &str) -> Result<Self, RegistrationError> {
        let lines = Lines(text);
        if text.len() > MAX_FILE {
            return Err(lines.error(0..0, Reason::TooLarge));
        }
        let document = DeTable::parse(text).map_err(|error| {
            lines.error(error.span().unwrap_or(0..0), Reason::Toml(error.message().to_owned()))
        })?;
        let mut entries = Vec::new();
        let mut starts = Vec::new();
        for (key, value) in document.get_ref() {
            if &**key.get_ref() != "entry" {
                return Err(lines.error(key.span(), Reason::UnknownKey(key.get_ref().to_string())));
            }
            for table in array(&lines, value, "entry")? {
                let fields = table
                    .get_ref()
                    .as_table()
                    .ok_or_else(|| lines.error(table.span(), Reason::Type("entry")))?;
                starts.push(table.span());
                entries.push(entry(&lines, fields, table.span())?);
            }
        }
        Self::new(origin, entries).map_err(|error| {
            let at = error.at().and_then(|at| starts.get(at)).cloned().unwrap_or(0..0);
            lines.error(at, Reason::Entries(error))
        })
    }
}

/// Why a registration file was refused, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {reason}")]
#[non_exhaustive]
pub struct RegistrationError {
    line: usize,
    reason: Reason,
}

impl RegistrationError {
    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &self.reason {
            Reason::Entries(error) => error.code(),
            Reason::Entry(error) => error.code(),
            Reason::EvidenceType(_, error) => error.code(),
            Reason::Id(error) => error.code(),
            Reason::Missing(_) => "missing_key",
            Reason::Selector(error) => error.code(),
            Reason::Toml(_) => "malformed_toml",
            Reason::TooLarge => "file_too_large",
            Reason::Type(_) => "wrong_type",
            Reason::UnknownKey(_) => "unknown_key",
            Reason::UnknownType(_) => "unknown_credential_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match &self.reason {
            Reason::Entries(error) => error.rule(),
            Reason::Entry(error) => error.rule(),
            Reason::EvidenceType(_, error) => error.rule(),
            Reason::Id(error) => error.rule(),
            Reason::Selector(error) => error.rule(),
            _ => "ATT-102",
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Entries(EntriesError),
    #[error(transparent)]
    Entry(EntryError),
    #[error("`{0}`: {1}")]
    EvidenceType(String, UnknownEvidenceType),
    #[error(transparent)]
    Id(ParseIdError),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error(transparent)]
    Selector(SelectorError),
    #[error("{0}")]
    Toml(String),
    #[error("the file is too large")]
    TooLarge,
    #[error("`{0}` is not {what}", what = expected(.0))]
    Type(&'static str),
    #[error("`{0}` is not a key of an entry")]
    UnknownKey(String),
    #[error("`{0}` is not a kind of credential: these are `x509`, `jwt` and `wit`")]
    UnknownType(String),
}

/// What the value of a key has to be.
fn expected(key: &str) -> &'static str {
    match key {
        "entry" => "an array of tables, each of which begins with `[[entry]]`",
        "evidence_policy" | "hint" | "policy" | "spiffe_id" | "type" | "verifier" => "a string",
        "evidence" => {
            "an array of tables, each with a `type`, `all_of`, `any_of` or `n_of`, eight deep at most"
        }
        "freshness" => "`tofu`, `timestamp`, `one_time_use` or `nonce`",
        "jwt_lifetime" | "max_age" | "wit_lifetime" | "x509_lifetime" => "a whole number of seconds",
        "key" => "`bound` or `hardware`",
        "min_level" => "a whole number from 0 to 5",
        "n_of" => "a whole number from 1 to how many there are",
        "all_of" | "any_of" | "of" => "an array of tables, as `evidence` is",
        _ => "an array of strings",
    }
}

fn entry(lines: &Lines<'_>, fields: &DeTable<'_>, whole: Range<usize>) -> Result<Entry, RegistrationError> {
    let spiffe_id =
        fields.get("spiffe_id").ok_or_else(|| lines.error(whole.clone(), Reason::Missing("spiffe_id")))?;
    let id = text(lines, spiffe_id, "spiffe_id")?
        .parse()
        .map_err(|error| lines.error(spiffe_id.span(), Reason::Id(error)))?;
    let mut builder = Entry::builder(id);
    for (key, value) in fields {
        builder = field(lines, builder, key.get_ref(), key.span(), value)?;
    }
    if let Some(asked) = fields.get("evidence") {
        let policy = evidence::policy(lines, asked)?;
        builder = builder.evidence(match fields.get("evidence_policy") {
            Some(name) => policy.named(text(lines, name, "evidence_policy")?),
            None => policy,
        });
    } else if let Some(name) = fields.get("evidence_policy") {
        return Err(lines.error(name.span(), Reason::Missing("evidence")));
    }
    builder.build().map_err(|error| lines.error(whole, Reason::Entry(error)))
}

fn field(
    lines: &Lines<'_>,
    mut builder: EntryBuilder,
    key: &str,
    at: Range<usize>,
    value: &Spanned<DeValue<'_>>,
) -> Result<EntryBuilder, RegistrationError> {
    let lifetime =
        |builder: EntryBuilder, kind, name| Ok(builder.lifetime(kind, seconds(lines, value, name)?));
    match key {
        "evidence" | "evidence_policy" | "spiffe_id" => Ok(builder),
        "selectors" => {
            for (item, text) in texts(lines, value, "selectors")? {
                let selector =
                    text.parse().map_err(|error| lines.error(item.span(), Reason::Selector(error)))?;
                builder = builder.selector(selector);
            }
            Ok(builder)
        }
        "types" => {
            let mut types = CredentialTypes::NONE;
            for (item, name) in texts(lines, value, "types")? {
                let unknown = || lines.error(item.span(), Reason::UnknownType(name.to_owned()));
                types = types.with(CredentialType::from_name(name).ok_or_else(unknown)?);
            }
            Ok(builder.types(types.iter()))
        }
        "jwt_lifetime" => lifetime(builder, CredentialType::Jwt, "jwt_lifetime"),
        "wit_lifetime" => lifetime(builder, CredentialType::Wit, "wit_lifetime"),
        "x509_lifetime" => lifetime(builder, CredentialType::X509, "x509_lifetime"),
        "dns_names" => {
            let names = texts(lines, value, "dns_names")?;
            Ok(names.into_iter().fold(builder, |builder, (_, name)| builder.dns_name(name)))
        }
        "hint" => Ok(builder.hint(text(lines, value, "hint")?)),
        "federates_with" => {
            for (item, text) in texts(lines, value, "federates_with")? {
                let origin = text.parse().map_err(|error| lines.error(item.span(), Reason::Id(error)))?;
                builder = builder.federates_with(origin);
            }
            Ok(builder)
        }
        unknown => Err(lines.error(at, Reason::UnknownKey(unknown.to_owned()))),
    }
}

fn text<'v>(
    lines: &Lines<'_>,
    value: &'v Spanned<DeValue<'_>>,
    name: &'static str,
) -> Result<&'v str, RegistrationError> {
    value.get_ref().as_str().ok_or_else(|| lines.error(value.span(), Reason::Type(name)))
}

fn array<'v, 'd>(
    lines: &Lines<'_>,
    value: &'v Spanned<DeValue<'d>>,
    name: &'static str,
) -> Result<&'v [Spanned<DeValue<'d>>], RegistrationError> {
    let array = value.get_ref().as_array();
    array.map(|array| &**array).ok_or_else(|| lines.error(value.span(), Reason::Type(name)))
}

type Texts<'v, 'd> = Vec<(&'v Spanned<DeValue<'d>>, &'v str)>;

fn texts<'v, 'd>(
    lines: &Lines<'_>,
    value: &'v Spanned<DeValue<'d>>,
    name: &'static str,
) -> Result<Texts<'v, 'd>, RegistrationError> {
    array(lines, value, name)?.iter().map(|item| Ok((item, text(lines, item, name)?))).collect()
}

fn seconds(
    lines: &Lines<'_>,
    value: &Spanned<DeValue<'_>>,
    name: &'static str,
) -> Result<Duration, RegistrationError> {
    whole(lines, value, name).map(Duration::from_secs)
}

fn whole(
    lines: &Lines<'_>,
    value: &Spanned<DeValue<'_>>,
    name: &'static str,
) -> Result<u64, RegistrationError> {
    let integer = value.get_ref().as_integer().filter(|integer| integer.radix() == 10);
    let number = integer.and_then(|integer| integer.as_str().parse().ok());
    number.ok_or_else(|| lines.error(value.span(), Reason::Type(name)))
}

/// Where in the file something stands.
struct Lines<'t>(&'t str);

impl Lines<'_> {
    fn error(&self, at: Range<usize>, reason: Reason) -> RegistrationError {
        let before = self.0.as_bytes().iter().take(at.start);
        RegistrationError { line: 1 + before.filter(|&&byte| byte == b'\n').count(), reason }
    }
}

const MAX_FILE: usize = 16 * 1024 * 1024;
