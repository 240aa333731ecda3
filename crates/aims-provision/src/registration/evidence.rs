//! What an entry of a file asks of evidence.

use aims_attest::{EvidenceRule, Freshness, Level, Policy};
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Lines, Reason, RegistrationError, array, seconds, text, texts, whole};

/// `evidence = [...]`: all of these.
pub(super) fn policy(lines: &Lines<'_>, value: &Spanned<DeValue<'_>>) -> Result<Policy, RegistrationError> {
    Ok(Policy::all_of(policies(lines, value, "evidence", 0)?))
}

fn policies(
    lines: &Lines<'_>,
    value: &Spanned<DeValue<'_>>,
    name: &'static str,
    depth: usize,
) -> Result<Vec<Policy>, RegistrationError> {
    let items = array(lines, value, name)?;
    // Of none, nothing satisfies it: whoever writes that means something else.
    if items.is_empty() || items.len() > MAX_ITEMS || depth > MAX_DEPTH {
        return Err(lines.error(value.span(), Reason::Type(name)));
    }
    items.iter().map(|item| one(lines, item, depth)).collect()
}

fn one(lines: &Lines<'_>, item: &Spanned<DeValue<'_>>, depth: usize) -> Result<Policy, RegistrationError> {
    let table =
        item.get_ref().as_table().ok_or_else(|| lines.error(item.span(), Reason::Type("evidence")))?;
    for (name, of) in [("all_of", Policy::all_of as fn(Vec<Policy>) -> Policy), ("any_of", Policy::any_of)] {
        if let Some(value) = table.get(name) {
            only(lines, table, &[name])?;
            return Ok(of(policies(lines, value, name, depth + 1)?));
        }
    }
    if let Some(n) = table.get("n_of") {
        only(lines, table, &["n_of", "of"])?;
        let of = table.get("of").ok_or_else(|| lines.error(item.span(), Reason::Missing("of")))?;
        let policies = policies(lines, of, "of", depth + 1)?;
        let wanted = whole(lines, n, "n_of")?;
        let wanted = usize::try_from(wanted).ok().filter(|wanted| (1..=policies.len()).contains(wanted));
        let wanted = wanted.ok_or_else(|| lines.error(n.span(), Reason::Type("n_of")))?;
        return Ok(Policy::n_of(wanted, policies));
    }
    rule(lines, table, item)
}

fn rule(
    lines: &Lines<'_>,
    table: &DeTable<'_>,
    item: &Spanned<DeValue<'_>>,
) -> Result<Policy, RegistrationError> {
    let kind = table.get("type").ok_or_else(|| lines.error(item.span(), Reason::Missing("type")))?;
    let name = text(lines, kind, "type")?;
    // ATT-2: what is misspelt would be asked for in vain.
    let unknown = |error| lines.error(kind.span(), Reason::EvidenceType(name.to_owned(), error));
    let mut rule = EvidenceRule::of(name.parse().map_err(unknown)?);
    for (key, value) in table {
        let wrong = |name| lines.error(value.span(), Reason::Type(name));
        rule = match &**key.get_ref() {
            "type" => rule,
            "key" => match text(lines, value, "key")? {
                "bound" => rule.about_key(),
                "hardware" => rule.key_in_hardware(),
                _ => return Err(wrong("key")),
            },
            "freshness" => match text(lines, value, "freshness")? {
                "nonce" => rule.freshness(Freshness::Nonce),
                "one_time_use" => rule.freshness(Freshness::OneTimeUse),
                "timestamp" => rule.freshness(Freshness::Timestamp),
                "tofu" => rule.freshness(Freshness::Tofu),
                _ => return Err(wrong("freshness")),
            },
            "max_age" => rule.max_age(seconds(lines, value, "max_age")?),
            "min_level" => {
                let level = whole(lines, value, "min_level")?;
                rule.min_level(Level::of_number(level).ok_or_else(|| wrong("min_level"))?)
            }
            "policy" => rule.by_policy(text(lines, value, "policy")?),
            "selectors" => {
                let mut rule = rule;
                for (item, text) in texts(lines, value, "selectors")? {
                    let selector =
                        text.parse().map_err(|error| lines.error(item.span(), Reason::Selector(error)))?;
                    rule = rule.selector(selector);
                }
                rule
            }
            "verifier" => rule.by_verifier(text(lines, value, "verifier")?),
            unknown => return Err(lines.error(key.span(), Reason::UnknownKey(unknown.to_owned()))),
        };
    }
    Ok(rule.into())
}

/// Refuses a table that says two things.
fn only(lines: &Lines<'_>, table: &DeTable<'_>, keys: &[&str]) -> Result<(), RegistrationError> {
    match table.keys().find(|key| !keys.contains(&&**key.get_ref())) {
        None => Ok(()),
        Some(key) => Err(lines.error(key.span(), Reason::UnknownKey(key.get_ref().to_string()))),
    }
}

/// More than there are types.
const MAX_ITEMS: usize = 64;

const MAX_DEPTH: usize = 8;
