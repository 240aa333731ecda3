//! X.509 credentials: X.509-SVID (SPIFFE) and Workload Identity Certificate (WIMSE).

mod algorithms;
mod authority;
mod authority_error;
mod cache;
mod certificate;
mod error;
mod held;
mod hex;
mod issue;
mod issue_error;
mod list_parts;
mod name_constraints;
mod new_list;
mod new_svid;
mod oid;
mod path;
mod pem;
mod request;
mod revocation;
mod revocation_list;
mod revocation_list_error;
mod span;
mod tbs;
mod time;
mod unconstrained;
mod unverified;
mod verified;
mod verify;
mod write;

pub use rustls_pki_types::CertificateDer;

pub use self::authority::X509Authority;
pub use self::authority_error::X509AuthorityError;
pub use self::cache::SvidCache;
pub use self::error::SvidError;
pub use self::held::Svid;
pub use self::issue::SvidIssuer;
pub use self::issue_error::SvidIssueError;
pub use self::new_list::{NewRevocationList, UnsignedRevocationList};
pub use self::new_svid::{NewSvid, UnsignedCertificate};
pub use self::pem::{from_pem, to_pem};
pub use self::request::{
    CertificateRequest, CertificateRequestError, NewCertificateRequest, UnsignedCertificateRequest,
};
pub use self::revocation_list::RevocationList;
pub use self::revocation_list_error::RevocationListError;
pub use self::tbs::is_dns_name;
pub use self::unverified::{UnverifiedCertificate, X509Usage};
pub use self::verified::VerifiedSvid;
pub use self::verify::{Role, SvidVerifier, SvidVerifierBuilder, X509Profile};
