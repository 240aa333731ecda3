//! Who the user is, only its issuer says; and it opens nothing.

use aims_oauth::{Authorized, IdToken, VerifiedIdToken};

fn said(token: IdToken) -> VerifiedIdToken {
    VerifiedIdToken(token)
}

fn opened(user: VerifiedIdToken) -> Authorized {
    user
}

fn main() {
    let _ = (said, opened);
}
