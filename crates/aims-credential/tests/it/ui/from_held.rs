//! What a holder has was not verified.

fn verified(wit: aims_credential::Wit) -> aims_credential::VerifiedWit {
    wit.into()
}

fn main() {
    let _ = verified;
}
