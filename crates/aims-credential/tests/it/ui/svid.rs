//! A verified certificate cannot be built from its parts, and there is no default one.

fn main() {
    let _ = aims_credential::x509::VerifiedSvid(std::sync::Arc::new(()));
    let _ = <aims_credential::x509::VerifiedSvid as Default>::default();
}
