//! Which revisions of the specifications are implemented.

use aims_credential::SpecRevision;

/// The specifications of proofs, and what message signatures rest on; those of credentials are in `aims_credential::SPEC_REVISIONS`, and that of
/// Web Bot Auth is in its module.
pub const SPEC_REVISIONS: &[SpecRevision] = &[
    SpecRevision::new("draft-ietf-wimse-wpt", "02", "2026-08-27"),
    SpecRevision::new("draft-ietf-wimse-http-signature", "07", "2026-09-22"),
    SpecRevision::new("RFC 9421", "February 2024", "2024-02-01"),
    SpecRevision::new("RFC 9530", "February 2024", "2024-02-01"),
    SpecRevision::new("RFC 9651", "September 2024", "2024-09-01"),
];
