//! What a client asks for is what it signed.

use aims_oauth::{Parameters, VerifiedRequestObject};

fn made(parameters: Parameters) -> VerifiedRequestObject {
    VerifiedRequestObject { client_id: "travel-app".into(), parameters, expires: aims_keys::UnixTime::EPOCH }
}

fn main() {
    let _ = made;
}
