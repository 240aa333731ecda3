//! An identifier is no authenticated caller (WID-14, AIMS-6).

fn caller(id: &aims_id::WorkloadId) -> aims_proof::Authenticated {
    aims_proof::Authenticated::by_wpt(id)
}

fn main() {}
