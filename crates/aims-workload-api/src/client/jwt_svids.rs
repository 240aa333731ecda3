//! The client as a source of JWT-SVIDs.

use aims_credential::{JwtSvid, JwtSvidSource, JwtSvidUnavailable};
use aims_keys::BoxFuture;

use super::WorkloadApi;

/// Of a workload with several identities, the first that the API names counts.
impl JwtSvidSource for WorkloadApi {
    fn jwt_svid<'a>(&'a self, audience: &'a str) -> BoxFuture<'a, Result<JwtSvid, JwtSvidUnavailable>> {
        Box::pin(async move {
            let identities = self.fetch_jwt(&[audience], None).await;
            let identities = identities.map_err(|error| JwtSvidUnavailable::new(error.code()))?;
            let first = identities.into_iter().next();
            first.map(|identity| identity.svid).ok_or(JwtSvidUnavailable::new("empty_response"))
        })
    }
}
