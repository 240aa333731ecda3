//! Which revisions of the specifications are implemented.

use aims_credential::SpecRevision;

/// The specification of mutual TLS; those of the certificates are in `aims_credential::SPEC_REVISIONS`.
pub const SPEC_REVISIONS: &[SpecRevision] =
    &[SpecRevision::new("draft-ietf-wimse-mutual-tls", "02", "2026-07-06")];
