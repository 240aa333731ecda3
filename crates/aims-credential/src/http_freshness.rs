//! How long a document that was fetched is fresh (RFC 9111), within bounds of our own.

use std::time::Duration;

use crate::Fetched;

impl Fetched {
    /// The fields that [`fresh_for`](Self::fresh_for) reads: those to be [kept](crate::FetchRequest::keep).
    pub const FRESHNESS_FIELDS: [&'static str; 2] = ["age", "cache-control"];

    /// How long the document may be used without asking again. Who serves it decides, between a minute and a day, and where that is not said it is an hour: less
    /// than a minute would have every request ask, and for longer than a day nobody should trust a key that was taken back.
    #[must_use]
    pub fn fresh_for(&self) -> Duration {
        let mut directives = self.lines("cache-control").flat_map(|line| line.split(|byte| *byte == b','));
        let mut max_age = None;
        for directive in directives.by_ref().filter_map(|directive| str::from_utf8(directive).ok()) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match &*name.trim().to_ascii_lowercase() {
                "no-cache" | "no-store" => return SHORTEST,
                "max-age" => {
                    // What says two things says the shorter; what says nothing that can be read is stale.
                    let seconds = value.trim().trim_matches('"').parse().unwrap_or(0);
                    max_age = Some(max_age.map_or(seconds, |known: u64| known.min(seconds)));
                }
                _ => {}
            }
        }
        let age = self.lines("age").next().and_then(|line| str::from_utf8(line).ok()?.trim().parse().ok());
        let fresh = max_age.map_or(USUAL, Duration::from_secs);
        fresh.saturating_sub(Duration::from_secs(age.unwrap_or(0))).clamp(SHORTEST, LONGEST)
    }
}

const SHORTEST: Duration = Duration::from_secs(60);
const USUAL: Duration = Duration::from_secs(3600);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
