//! Which revisions of the specifications are implemented.

/// A specification, and the revision of it that a crate implements.
///
/// Programs print these, each crate those of its own specifications.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SpecRevision {
    /// Its name, such as `draft-ietf-wimse-workload-creds`.
    pub name: &'static str,
    /// The revision: a draft's number, or a commit.
    pub revision: &'static str,
    /// The date of that revision, as `YYYY-MM-DD`.
    pub date: &'static str,
}

impl SpecRevision {
    /// An entry for the table of another crate.
    #[must_use]
    pub const fn new(name: &'static str, revision: &'static str, date: &'static str) -> Self {
        Self { name, revision, date }
    }
}

/// The specifications of identifiers and of the credentials here.
pub const SPEC_REVISIONS: &[SpecRevision] = &[
    SpecRevision::new("draft-ietf-wimse-identifier", "03", "2026-07-06"),
    SpecRevision::new("draft-ietf-wimse-workload-creds", "02", "2026-07-02"),
    SpecRevision::new("SPIFFE-ID", "665a28f3253ecdce59f26f3ef29c0d6408b37c3d", "2026-07-01"),
    #[cfg(feature = "x509")]
    SpecRevision::new("X509-SVID", "665a28f3253ecdce59f26f3ef29c0d6408b37c3d", "2026-07-01"),
    SpecRevision::new("JWT-SVID", "665a28f3253ecdce59f26f3ef29c0d6408b37c3d", "2026-07-01"),
    SpecRevision::new(
        "SPIFFE Trust Domain and Bundle",
        "665a28f3253ecdce59f26f3ef29c0d6408b37c3d",
        "2026-07-01",
    ),
    #[cfg(feature = "wit-svid")]
    SpecRevision::new("WIT-SVID", "665a28f3253ecdce59f26f3ef29c0d6408b37c3d", "2026-07-01"),
];
