//! A verified WIT is no authenticated caller (WIT-14).

fn caller(wit: &aims_credential::VerifiedWit) -> aims_proof::Authenticated {
    aims_proof::Authenticated::by_wpt(wit)
}

fn main() {}
