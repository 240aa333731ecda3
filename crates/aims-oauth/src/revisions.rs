//! Which revisions of the specifications are implemented.

use aims_credential::SpecRevision;

/// The specifications of authorization, those that are no RFC yet in the revision whose text was read.
pub const SPEC_REVISIONS: &[SpecRevision] = &[
    SpecRevision::new("draft-ietf-oauth-v2-1", "16", "2026-05-04"),
    SpecRevision::new("draft-ietf-oauth-rfc7523bis", "10", "2026-04-21"),
    SpecRevision::new("draft-ietf-oauth-attestation-based-client-auth", "10", "2026-07-06"),
    SpecRevision::new("draft-ietf-oauth-client-id-metadata-document", "01", "2026-03-01"),
    SpecRevision::new("draft-ietf-oauth-spiffe-client-auth", "02", "2026-06-15"),
    SpecRevision::new("draft-ietf-oauth-identity-chaining", "17", "2026-07-19"),
    SpecRevision::new("draft-ietf-oauth-identity-assertion-authz-grant", "03", "2026-04-23"),
    SpecRevision::new("draft-fletcher-transaction-token-chaining-profile", "00", "2026-05-11"),
    SpecRevision::new("OpenID Connect Core 1.0", "errata set 2", "2023-12-15"),
    SpecRevision::new("OpenID CIBA Core 1.0", "final", "2021-09-01"),
    SpecRevision::new("RFC 9068", "October 2021", "2021-10-01"),
    SpecRevision::new("RFC 9101", "August 2021", "2021-08-01"),
    SpecRevision::new("RFC 9449", "September 2023", "2023-09-01"),
    SpecRevision::new("RFC 9700", "January 2025", "2025-01-01"),
    SpecRevision::new("RFC 9701", "January 2025", "2025-01-01"),
    SpecRevision::new("RFC 9728", "April 2025", "2025-04-01"),
];
