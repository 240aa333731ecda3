//! The targets, by name.

mod access_token;
mod authorization;
mod authorization_details;
mod backchannel;
mod base64url;
mod bot_directory;
mod certificate_request;
mod client_assertion;
mod client_auth;
mod client_metadata;
mod der;
mod dpop;
mod endorsement;
mod enrolled_tpm;
mod event_log;
mod evidence;
mod evidence_file;
mod forwarded;
mod grant;
mod http_signature;
mod https_url;
mod id_token;
mod identifier;
mod input_required;
mod input_responses;
mod json;
mod jwe;
mod jwk;
mod jws;
mod jwt_svid;
mod key_proof;
mod mcp_calls;
mod oauth_challenge;
mod oauth_form;
mod oauth_metadata;
mod pcr_policy;
mod private_key;
mod registration;
mod request_object;
mod revocation_list;
mod sanitizer;
mod scope;
mod sealed_state;
mod signature_agent;
mod spiffe_bundle;
mod structured_field;
mod svid;
mod token_request;
mod token_response;
mod tpm_attest;
mod tpm_evidence;
mod tpm_public;
mod tpm_signature;
mod wit;
mod workload_api;
mod world;
mod wpt;

/// A function to be fed, and good inputs to begin with.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Takes any bytes; panics when a property does not hold.
    pub run: fn(&[u8]),
    /// Inputs that are accepted, or nearly.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "access_token", run: access_token::run, seeds: access_token::seeds },
    Target { name: "authorization", run: authorization::run, seeds: authorization::seeds },
    Target {
        name: "authorization_details",
        run: authorization_details::run,
        seeds: authorization_details::seeds,
    },
    Target { name: "backchannel", run: backchannel::run, seeds: backchannel::seeds },
    Target { name: "base64url", run: base64url::run, seeds: base64url::seeds },
    Target { name: "bot_directory", run: bot_directory::run, seeds: bot_directory::seeds },
    Target { name: "certificate_request", run: certificate_request::run, seeds: certificate_request::seeds },
    Target { name: "client_assertion", run: client_assertion::run, seeds: client_assertion::seeds },
    Target { name: "client_auth", run: client_auth::run, seeds: client_auth::seeds },
    Target { name: "client_metadata", run: client_metadata::run, seeds: client_metadata::seeds },
    Target { name: "der", run: der::run, seeds: der::seeds },
    Target { name: "dpop", run: dpop::run, seeds: dpop::seeds },
    Target { name: "endorsement", run: endorsement::run, seeds: endorsement::seeds },
    Target { name: "enrolled_tpm", run: enrolled_tpm::run, seeds: enrolled_tpm::seeds },
    Target { name: "event_log", run: event_log::run, seeds: event_log::seeds },
    Target { name: "evidence", run: evidence::run, seeds: evidence::seeds },
    Target { name: "evidence_file", run: evidence_file::run, seeds: evidence_file::seeds },
    Target { name: "forwarded", run: forwarded::run, seeds: forwarded::seeds },
    Target { name: "grant", run: grant::run, seeds: grant::seeds },
    Target { name: "http_signature", run: http_signature::run, seeds: http_signature::seeds },
    Target { name: "https_url", run: https_url::run, seeds: https_url::seeds },
    Target { name: "id_token", run: id_token::run, seeds: id_token::seeds },
    Target { name: "identifier", run: identifier::run, seeds: identifier::seeds },
    Target { name: "input_required", run: input_required::run, seeds: input_required::seeds },
    Target { name: "input_responses", run: input_responses::run, seeds: input_responses::seeds },
    Target { name: "json", run: json::run, seeds: json::seeds },
    Target { name: "jwe", run: jwe::run, seeds: jwe::seeds },
    Target { name: "jwk", run: jwk::run, seeds: jwk::seeds },
    Target { name: "jws", run: jws::run, seeds: jws::seeds },
    Target { name: "jwt_svid", run: jwt_svid::run, seeds: jwt_svid::seeds },
    Target { name: "key_proof", run: key_proof::run, seeds: key_proof::seeds },
    Target { name: "mcp_calls", run: mcp_calls::run, seeds: mcp_calls::seeds },
    Target { name: "oauth_challenge", run: oauth_challenge::run, seeds: oauth_challenge::seeds },
    Target { name: "oauth_form", run: oauth_form::run, seeds: oauth_form::seeds },
    Target { name: "oauth_metadata", run: oauth_metadata::run, seeds: oauth_metadata::seeds },
    Target { name: "pcr_policy", run: pcr_policy::run, seeds: pcr_policy::seeds },
    Target { name: "private_key", run: private_key::run, seeds: private_key::seeds },
    Target { name: "registration", run: registration::run, seeds: registration::seeds },
    Target { name: "request_object", run: request_object::run, seeds: request_object::seeds },
    Target { name: "revocation_list", run: revocation_list::run, seeds: revocation_list::seeds },
    Target { name: "sanitizer", run: sanitizer::run, seeds: sanitizer::seeds },
    Target { name: "scope", run: scope::run, seeds: scope::seeds },
    Target { name: "sealed_state", run: sealed_state::run, seeds: sealed_state::seeds },
    Target { name: "signature_agent", run: signature_agent::run, seeds: signature_agent::seeds },
    Target { name: "spiffe_bundle", run: spiffe_bundle::run, seeds: spiffe_bundle::seeds },
    Target { name: "structured_field", run: structured_field::run, seeds: structured_field::seeds },
    Target { name: "svid", run: svid::run, seeds: svid::seeds },
    Target { name: "token_request", run: token_request::run, seeds: token_request::seeds },
    Target { name: "token_response", run: token_response::run, seeds: token_response::seeds },
    Target { name: "tpm_attest", run: tpm_attest::run, seeds: tpm_attest::seeds },
    Target { name: "tpm_evidence", run: tpm_evidence::run, seeds: tpm_evidence::seeds },
    Target { name: "tpm_public", run: tpm_public::run, seeds: tpm_public::seeds },
    Target { name: "tpm_signature", run: tpm_signature::run, seeds: tpm_signature::seeds },
    Target { name: "wit", run: wit::run, seeds: wit::seeds },
    Target { name: "workload_api", run: workload_api::run, seeds: workload_api::seeds },
    Target { name: "wpt", run: wpt::run, seeds: wpt::seeds },
];

/// Seeds from texts.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
