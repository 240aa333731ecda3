//! `aims svid inspect`.

use std::path::Path;

use crate::command::certificate::Outline;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::{Fact, Facts, Report};
use crate::pem;

pub(super) fn run(path: &Path, inputs: &mut Inputs) -> Result<Report, Failure> {
    let file = pem::certificates(path, inputs)?;
    let outlines: Result<Vec<_>, _> =
        file.items.iter().map(|der| Ok::<_, Failure>(Outline::read(der)?.facts())).collect();
    let each = outlines.about_option(&file.name)?;
    let facts = Facts::new().note(UNVERIFIED).with("verified", false).with("certificates", Fact::Each(each));
    Ok(Report::Facts(facts))
}

const UNVERIFIED: &str = "UNVERIFIED: anybody could have written this; `aims svid verify` checks it";
