//! Metadata: what servers, resources and clients say of themselves in documents.

mod client;
mod delivery_mode;
mod member;
mod resource;
mod server;

pub use self::client::{
    ApplicationType, ClientIdUrl, ClientIdUrlError, ClientInformation, ClientKeySource, ClientMetadata,
    ClientMetadataBuilder, ClientMetadataError, ClientPage, RedirectUri, RedirectUriError,
};
pub use self::delivery_mode::DeliveryMode;
pub use self::resource::{BearerMethod, ResourceMetadata, ResourceMetadataBuilder, ResourceMetadataError};
pub(crate) use self::server::exactly;
pub use self::server::{
    Endpoint, Listed, ServerMetadata, ServerMetadataBuilder, ServerMetadataError, Signed,
};
