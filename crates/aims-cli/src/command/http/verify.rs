//! `aims http verify`.

use std::path::PathBuf;
use std::time::Duration;

use aims::backend;
use aims::keys::UnixTime;
use aims_httpsig::{
    Candidate, Headers, Policy, SignatureFields, SignatureOutline, Tag, Verified, VerifyError, differences,
};

use super::exchange::{Exchange, Source, components, is_digest};
use super::key::{Bound, Verifying, VerifyingKey, algorithms};
use crate::command::anchors;
use crate::failure::Failure;
use crate::input::{Input, Inputs};
use crate::output::{Fact, Facts, Report};
use crate::time;

/// What to verify, and what is demanded.
#[derive(clap::Args, Debug)]
pub(crate) struct Verify {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    key: VerifyingKey,
    #[command(flatten)]
    bound: Bound,
    #[command(flatten)]
    demands: Demands,
    /// Verifies as of this time, in seconds since 1970. Default: now.
    #[arg(long, value_name = "UNIXTIME")]
    at: Option<u64>,
    /// The base that the signer signed: where the signature does not verify, the refusal names what is different; - is standard
    /// input.
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,
}

/// What is demanded of the signature.
#[derive(clap::Args, Debug)]
struct Demands {
    /// Components that must be covered, as in `Signature-Input`: '"@method" "content-digest";req'. May be repeated.
    #[arg(long = "cover", value_name = "COMPONENTS", required_unless_present = "dangerous_no_coverage")]
    covered: Vec<String>,
    /// Components that must be covered where the message has them. May be repeated.
    #[arg(long = "cover-if-present", value_name = "COMPONENTS", requires = "covered")]
    if_present: Vec<String>,
    /// Takes a signature that covers nothing, and one without `created`: it is good for any message.
    #[arg(long, conflicts_with = "covered")]
    dangerous_no_coverage: bool,
    /// The tag of the signature. Default: those without one count.
    #[arg(long)]
    tag: Option<String>,
    /// Takes signatures with any tag or none.
    #[arg(long, conflicts_with = "tag")]
    any_tag: bool,
    /// The `keyid` of the signature. Default: any or none.
    #[arg(long)]
    keyid: Option<String>,
    /// A parameter that must be there. May be repeated.
    #[arg(long = "require", value_name = "NAME")]
    required: Vec<String>,
    /// A parameter that must not be there. May be repeated.
    #[arg(long = "forbid", value_name = "NAME")]
    forbidden: Vec<String>,
    /// How long ago the signature may have been created.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = time::duration)]
    max_age: Duration,
    /// By how much clocks may disagree, at most 30s.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = time::duration)]
    leeway: Duration,
}

impl Verify {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let key = self.key.read(self.bound.alg, inputs)?;
        let policy = self.demands.policy(&key, &self.bound)?;
        let now = anchors::at(self.at)?;
        self.source.with(
            inputs,
            |_| Ok(None),
            |exchange, inputs| {
                let expected = self.expected.as_ref().map(|path| inputs.file(path)).transpose()?;
                let fields = SignatureFields::of(&exchange.context)?;
                let candidate =
                    fields.select(&policy, now).map_err(|error| not_selected(error, &fields, now))?;
                let verified = verify(candidate, &key, expected.as_ref())?;
                report(&verified, exchange)
            },
        )
    }
}

impl Demands {
    fn policy(&self, key: &Verifying, bound: &Bound) -> Result<Policy, Failure> {
        let tag = match &self.tag {
            Some(tag) => Tag::Is(tag.clone().into()),
            None if self.any_tag => Tag::Any,
            None => Tag::Absent,
        };
        let covered = components(&self.covered, "--cover")?;
        if covered.is_empty() && !self.dangerous_no_coverage {
            return Err(Failure::Unusable("--cover names no component".into()));
        }
        let mut policy =
            Policy::new(tag, covered, algorithms(bound.alg)).max_age(self.max_age).leeway(self.leeway);
        for component in components(&self.if_present, "--cover-if-present")? {
            policy = policy.covering_if_present(component);
        }
        for name in &self.required {
            policy = policy.requiring(name.clone());
        }
        for name in &self.forbidden {
            policy = policy.forbidding(name.clone());
        }
        if let Some(keyid) = &self.keyid {
            policy = policy.with_key_id(keyid);
        }
        if key.is_shared() {
            policy = policy.allowing_shared_secrets();
        }
        Ok(if self.dangerous_no_coverage { policy.dangerous_allowing_no_coverage() } else { policy })
    }
}

fn verify<'f>(
    candidate: Candidate<'f>,
    key: &Verifying,
    expected: Option<&Input>,
) -> Result<Verified<'f, Headers>, Failure> {
    let key = key.of(&candidate)?;
    let base = candidate.base()?;
    candidate.verify(key).map_err(|error| match (&error, expected) {
        (VerifyError::BadSignature, Some(expected)) => with_hint(&error, &difference(&base, &expected.text)),
        _ => error.into(),
    })
}

/// What was verified, content included where its digest is covered.
fn report(verified: &Verified<'_, Headers>, exchange: &Exchange<'_>) -> Result<Report, Failure> {
    let content = exchange.text.content();
    let is_covered = verified.covered().any(|(component, _)| is_digest(component));
    if is_covered {
        // One of a single algorithm (`;key`) is refused: the others that are there have to match, too.
        verified.digests()?.verify(content, backend::ring())?;
    }
    let parameters = verified.parameters();
    let time = |seconds: Option<i64>| {
        seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(UnixTime::from_secs)
    };
    let covered = verified
        .covered()
        .map(|(component, value)| Facts::new().with("component", component.to_string()).with("value", value));
    let facts = Facts::new()
        .note(if is_covered || content.is_empty() { VERIFIED } else { VERIFIED_WITHOUT_CONTENT })
        .with("verified", true)
        .with(
            "content",
            if is_covered {
                "verified"
            } else if content.is_empty() {
                "empty"
            } else {
                "not covered"
            },
        )
        .with("replay_memory", "none")
        .with("label", verified.label())
        .with_some("keyid", parameters.key_id())
        .with_some("tag", parameters.tag())
        .with_some("nonce", parameters.nonce())
        .with_some("created", time(parameters.created()))
        .with_some("expires", time(parameters.expires()))
        .with("covered", Fact::Each(covered.collect()));
    Ok(Report::Facts(facts))
}

/// Says what there is, where nothing of it is meant, or too much, or it is of another time.
fn not_selected(error: VerifyError, fields: &SignatureFields<'_>, now: UnixTime) -> Failure {
    let outlines = || fields.outlines().unwrap_or_default().into_iter().flatten();
    let said: Vec<_> = match error {
        VerifyError::Ambiguous | VerifyError::NoCandidate => {
            outlines().map(|outline| name_of(&outline)).collect()
        }
        VerifyError::Expired | VerifyError::NotYetValid | VerifyError::TooOld => {
            let times = outlines().map(|outline| times_of(&outline));
            times.chain([format!("it is {}", now.as_secs())]).collect()
        }
        _ => return error.into(),
    };
    with_hint(&error, &said.join(", "))
}

fn name_of(outline: &SignatureOutline<'_>) -> String {
    let is = |name: &str, value: Option<&str>| {
        value.map_or(format!("no {name}"), |value| format!("{name} {value:?}"))
    };
    let parameters = outline.parameters();
    let (tag, keyid) = (is("tag", parameters.tag()), is("keyid", parameters.key_id()));
    format!("{} has {tag} and {keyid}", outline.label())
}

fn times_of(outline: &SignatureOutline<'_>) -> String {
    let parameters = outline.parameters();
    let times = [("created", parameters.created()), ("expires", parameters.expires())];
    let said = times.iter().filter_map(|(name, time)| time.map(|time| format!(" {name} {time}")));
    format!("{} has{}", outline.label(), said.collect::<Vec<_>>().join(" and"))
}

fn with_hint(error: &VerifyError, hint: &str) -> Failure {
    let message = if hint.is_empty() { error.to_string() } else { format!("{error}: {hint}") };
    Failure::refused(error.code(), error.rule(), message)
}

/// The components whose lines differ; never their values, which may be secrets.
fn difference(base: &str, expected: &str) -> String {
    let found = differences(base, expected);
    if found.is_empty() {
        return "the base is the expected one, so the key or the signature is another".into();
    }
    let name =
        |line: &str| line.split_once(": ").map_or(line, |(name, _)| name).chars().take(MAX_NAME).collect();
    let names = found.iter().map(|one| match (one.own.map(name), one.other.map(name)) {
        (Some(own), Some(other)) if own == other => own,
        (Some(own), Some(other)) => format!("{own} in place of {other}"),
        (Some(own), None) => format!("{own}, which is not expected"),
        (None, other) => format!("no {}", other.unwrap_or_default()),
    });
    let names: Vec<String> = names.take(MAX_NAMES).collect();
    format!("different from what is expected: {}", names.join(", "))
}

const VERIFIED: &str = "verified; no earlier run is remembered, so the message may have been sent before";

const VERIFIED_WITHOUT_CONTENT: &str = "verified, WITHOUT THE CONTENT: no digest of it is covered; and no earlier run is remembered, so the message may have been sent before";

/// As many as a signature covers.
const MAX_NAMES: usize = 65;

/// Of a component, as far as it is shown.
const MAX_NAME: usize = 200;
