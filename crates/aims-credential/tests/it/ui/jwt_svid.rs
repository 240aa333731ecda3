//! A bearer token proves nothing of its sender: it cannot be built from parts, names no key, and is no WIT.

fn serve(_: &aims_credential::VerifiedWit) {}

fn shown(svid: &aims_credential::VerifiedJwtSvid) {
    let _ = svid.confirmation_key();
    serve(svid);
    serve(svid.into());
}

fn main() {
    let _ = aims_credential::VerifiedJwtSvid(std::sync::Arc::new(()));
    let _ = <aims_credential::VerifiedJwtSvid as Default>::default();
}
