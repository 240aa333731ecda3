//! From the name of a host to its addresses.

use std::fmt;
use std::io;
use std::net::IpAddr;

use aims_keys::BoxFuture;

/// What finds the addresses of a host.
///
/// Whatever it says, the guard checks each address, and connects to what was checked.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// The addresses of `host`, a name in lower case.
    ///
    /// # Errors
    ///
    /// What went wrong; nobody is told more than that the host is unknown.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
