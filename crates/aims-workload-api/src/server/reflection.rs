//! What tools ask a server about: which services and messages it has (WE-6).

use tonic_reflection::server::{Builder, v1, v1alpha};

use super::serve::MAX_REQUEST;
use crate::proto;

/// Answers to both versions of the question, or to none.
pub(super) fn services(
    offered: bool,
    key_holders: bool,
) -> (
    Option<v1::ServerReflectionServer<impl v1::ServerReflection>>,
    Option<v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection>>,
) {
    let builder = || {
        let builder = Builder::configure().register_encoded_file_descriptor_set(proto::WORKLOAD_DESCRIPTORS);
        if !key_holders {
            return builder;
        }
        builder.register_encoded_file_descriptor_set(proto::KEY_HOLDER_DESCRIPTORS)
    };
    if !offered {
        return (None, None);
    }
    // INVARIANT: what was generated with the messages can be read; a test asks for all of it.
    let (v1, v1alpha) = (builder().build_v1().ok(), builder().build_v1alpha().ok());
    (
        v1.map(|service| service.max_decoding_message_size(MAX_REQUEST)),
        v1alpha.map(|service| service.max_decoding_message_size(MAX_REQUEST)),
    )
}
