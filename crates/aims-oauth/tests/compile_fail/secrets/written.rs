//! What a model reads is text: no token becomes a part of one by the way.

use aims_oauth::{AccessToken, AuthorizationCode, HeldToken, IdToken, RefreshToken, SecurityToken, UserGrant};

fn displayed(_: impl std::fmt::Display) {}

fn access(token: AccessToken, other: AccessToken) {
    displayed(&token);
    let _ = serde_json::to_string(&token);
    let _ = String::from(token.clone());
    let _: &str = token.as_ref();
    let _ = token == other;
}

fn others(code: AuthorizationCode, id: IdToken, refresh: RefreshToken, any: SecurityToken) {
    displayed(code);
    displayed(id);
    displayed(refresh);
    displayed(any);
}

fn held(token: HeldToken, grant: UserGrant) {
    displayed(token);
    displayed(grant);
}

fn main() {
    let _ = (access, others, held);
}
