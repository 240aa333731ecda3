//! What is kept, and is not used any more.

use super::{TokenClient, UserGrant};
use crate::{HeldToken, Issuer};

impl TokenClient {
    /// Forgets a token: the next request for the same gets another. Call it when a resource server says that it does not count any more.
    pub fn forget(&self, token: &HeldToken) {
        token.discard();
    }

    /// Forgets what came by the grant of a user, and what is still on its way. Whoever has one of these tokens uses it no more.
    pub fn forget_grant(&self, grant: &UserGrant) {
        grant.end();
        self.0.cache.forget(|key| key.is_by_grant(grant.id()));
    }

    /// Forgets all tokens of a server that are kept: whoever has one of them uses it no more. What is on its way is for whoever asked for it, and is not kept. Grants
    /// of users are left: [`forget_grant`](Self::forget_grant) ends one.
    pub fn forget_issuer(&self, issuer: &Issuer) {
        self.0.cache.forget(|key| key.is_from(issuer));
    }

    /// Forgets all tokens, as [`forget_issuer`](Self::forget_issuer).
    pub fn forget_all(&self) {
        self.0.cache.forget(|_| true);
    }

    /// Shows `visit` each secret that is kept for use, those of grants that it was asked for tokens by among them: what must not come before a model is compared with
    /// them (AIMS-19).
    pub fn visit_secrets(&self, visit: &mut dyn FnMut(&str)) {
        let visit = std::cell::RefCell::new(visit);
        let mut token = |token: &HeldToken| {
            let visit = &mut *visit.borrow_mut();
            visit(token.token().expose());
            token.refresh_token().iter().for_each(|refresh| visit(refresh.expose()));
            token.id_token().iter().for_each(|id_token| visit(id_token.expose()));
        };
        self.0.cache.visit(&mut token);
        for grant in self.0.grants.living() {
            grant.visit(&mut token, &mut |refresh| visit.borrow_mut()(refresh.expose()));
        }
    }
}
