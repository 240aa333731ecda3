//! A name is not a credential: who has only that has no caller.

fn serve(_: &aims_credential::VerifiedWit) {}

fn main() {
    let claimed: aims_id::WorkloadId = "spiffe://acme.example/agents/travel".parse().unwrap();
    serve(&claimed);
}
