//! Which revisions of the specifications are implemented.

use aims_credential::SpecRevision;

/// The specification of federation; that of bundles is in `aims_credential::SPEC_REVISIONS`.
pub const SPEC_REVISIONS: &[SpecRevision] =
    &[SpecRevision::new("SPIFFE Federation", "665a28f3253ecdce59f26f3ef29c0d6408b37c3d", "2026-07-01")];
