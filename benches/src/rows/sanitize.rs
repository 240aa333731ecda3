//! What a model is shown.

use aims::Sanitizer;

use crate::row::Row;

/// Four kilobytes that a tool said, and ten secrets that must not be in it; they are not.
pub(super) fn clean() -> Row {
    let sanitizer =
        (0..10).fold(Sanitizer::new(), |all, n| all.with_secret(&format!("secret-{n}-of-the-agent")));
    let text = "The train from Lisbon to Porto leaves at 9.30 and takes three hours; seats cost 31 euros. "
        .repeat(46);
    Row::new(move || {
        std::hint::black_box(sanitizer.sanitize(&text));
    })
}
