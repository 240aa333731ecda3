//! Messages that hold secrets.

use std::fmt;

use zeroize::Zeroize;

use super::key_holder::issue_request::Proof;
use super::key_holder::{Evidence, IssueRequest, IssueResponse};
use super::workload::{Jwtsvid, ValidateJwtsvidRequest, Witsvid, X509svid};

/// Shows these fields, and that there are others.
macro_rules! debug {
    ($($message:ident { $($shown:ident),* })*) => {$(
        impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($message))$(.field(stringify!($shown), &self.$shown))*.finish_non_exhaustive()
            }
        }
    )*};
}

debug! {
    X509svid { spiffe_id, hint }
    Jwtsvid { spiffe_id, hint }
    Witsvid { spiffe_id, hint }
    ValidateJwtsvidRequest { audience }
    IssueRequest { spiffe_id, types }
    IssueResponse { spiffe_id, hint }
    Evidence { r#type, format_version }
}

/// Shows the kind: a proof is worth something until it was used.
impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jws(_) => "Jws(..)",
            Self::Request(_) => "Request(..)",
        })
    }
}

/// WA-14
impl Drop for X509svid {
    fn drop(&mut self) {
        self.x509_svid_key.zeroize();
    }
}

/// WA-14
impl Drop for Witsvid {
    fn drop(&mut self) {
        self.wit_svid_key.zeroize();
    }
}
