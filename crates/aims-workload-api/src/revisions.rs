//! Which revisions of the specifications are implemented.

use aims_credential::SpecRevision;

/// The specifications of the Workload API and of federation; those of credentials and bundles are in `aims_credential::SPEC_REVISIONS`.
pub const SPEC_REVISIONS: &[SpecRevision] = &[
    #[cfg(feature = "grpc")]
    SpecRevision::new("SPIFFE Workload Endpoint", "665a28f3253ecdce59f26f3ef29c0d6408b37c3d", "2026-07-01"),
    #[cfg(feature = "grpc")]
    SpecRevision::new("SPIFFE Workload API", "665a28f3253ecdce59f26f3ef29c0d6408b37c3d", "2026-07-01"),
    #[cfg(feature = "federation")]
    SpecRevision::new("SPIFFE Federation", "665a28f3253ecdce59f26f3ef29c0d6408b37c3d", "2026-07-01"),
];
