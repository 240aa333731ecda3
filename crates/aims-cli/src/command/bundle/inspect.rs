//! `aims bundle inspect`.

use std::time::Duration;

use aims::TrustBundle;
use aims::credential::SkippedKey;
use aims::credential::x509::SvidError;
use aims::jose::JwkSet;

use crate::command::certificate::Outline;
use crate::command::public_key;
use crate::output::{Fact, Facts};

/// What a bundle holds.
pub(super) fn facts(bundle: &TrustBundle) -> Result<Facts, SvidError> {
    let mut authorities = Vec::new();
    for authority in bundle.x509_authorities() {
        authorities.push(Outline::read(authority.der())?.facts());
    }
    let usable = authorities.len() + bundle.jwt_keys().iter().count() + bundle.keys().iter().count();
    Ok(Facts::new()
        .with("usable", Fact::Number(usable as u64))
        .with_some("sequence", bundle.sequence().map(Fact::Number))
        .with_some("refresh_hint", bundle.refresh_hint().as_ref().map(Duration::as_secs).map(Fact::Number))
        .with("x509_authorities", Fact::Each(authorities))
        .with("jwt_keys", keys(bundle.jwt_keys()))
        .with("wit_keys", keys(bundle.keys()))
        .with("skipped", Fact::Each(bundle.skipped().iter().map(skipped).collect())))
}

fn keys(set: &JwkSet) -> Fact {
    Fact::Each(set.iter().map(public_key::facts).collect())
}

fn skipped(skipped: &SkippedKey) -> Facts {
    Facts::new()
        .with("index", Fact::Number(skipped.index as u64))
        .with("code", skipped.reason.code())
        .with("rule", skipped.reason.rule())
        .with("message", skipped.reason.to_string())
}
