//! What is measured.

mod bundles;
mod guard;
mod httpsig;
mod identifier;
mod jws;
mod jwt_svid;
mod keys;
mod marks;
mod mtls;
mod oauth;
mod parts;
mod peers;
mod replay;
mod sanitize;
mod signed;
mod svid;
mod tls;
mod tpm;
mod wimse;

use crate::row::Work;
use crate::row::Work::{Direct, Paired};

/// Every line of the table, by name; the goals are those of the design, section "Speed".
#[must_use]
pub fn all() -> Vec<(&'static str, Work)> {
    vec![
        ("raw: sign ES256, ring", Paired(keys::sign_es256_ring)),
        ("raw: verify ES256, ring", Paired(keys::verify_es256_ring)),
        ("raw: sign Ed25519, ring", Paired(keys::sign_ed25519_ring)),
        ("raw: verify Ed25519, ring", Paired(keys::verify_ed25519_ring)),
        ("raw: sign ES256, aws-lc", Paired(keys::sign_es256_aws_lc)),
        ("raw: verify ES256, aws-lc", Paired(keys::verify_es256_aws_lc)),
        ("raw: sign Ed25519, aws-lc", Paired(keys::sign_ed25519_aws_lc)),
        ("raw: verify Ed25519, aws-lc", Paired(keys::verify_ed25519_aws_lc)),
        ("jws: verify 600 bytes, ring", Paired(jws::verify_ring)),
        ("jws: verify 600 bytes, aws-lc", Paired(jws::verify_aws_lc)),
        ("jws: sign 600 bytes, ring", Paired(jws::sign_ring)),
        ("jws: sign 600 bytes, aws-lc", Paired(jws::sign_aws_lc)),
        ("wit: verify, cold", Paired(wimse::wit_cold)),
        ("wit: verify, warm", Paired(wimse::wit_warm)),
        ("wpt: verify", Paired(wimse::wpt_verify)),
        ("wit+wpt: verify, cold", Paired(wimse::both_cold)),
        ("wit+wpt: verify, warm", Paired(wimse::both_warm)),
        ("wpt: make", Paired(wimse::wpt_make)),
        ("signature: verify, 8 components", Paired(httpsig::verify)),
        ("signature: verify, 16 components", Paired(|| httpsig::verify_of(16, 0))),
        ("signature: verify, 32 components", Paired(|| httpsig::verify_of(32, 0))),
        ("signature: verify, 64 components", Paired(|| httpsig::verify_of(64, 0))),
        ("signature: verify, 8 components, 100 header lines", Paired(|| httpsig::verify_of(8, 90))),
        ("signature: verify, 8 components, 1000 header lines", Paired(|| httpsig::verify_of(8, 990))),
        ("signature: verify, 8 components, Ed25519", Paired(httpsig::verify_ed25519)),
        ("signature: verify, 8 components, Ed25519, aws-lc", Paired(httpsig::verify_ed25519_aws_lc)),
        ("signature: verify, with 1 MiB of content", Paired(httpsig::verify_with_content)),
        ("signature: sign, 8 components", Paired(httpsig::sign)),
        ("signature: sign, 8 components, Ed25519", Paired(httpsig::sign_ed25519)),
        ("signature: sign, 8 components, Ed25519, aws-lc", Paired(httpsig::sign_ed25519_aws_lc)),
        ("signature: read and build the base", Paired(httpsig::read)),
        ("signature: build the base", Paired(httpsig::base)),
        ("signature: parse Signature-Input", Paired(httpsig::fields)),
        ("signature: verify a workload's request, WIT seen", Paired(signed::verify)),
        ("svid: verify, chain of two", Paired(svid::verify)),
        ("tls: handshake, over one without verifiers", Paired(tls::full_handshake)),
        ("tpm: appraise quote", Paired(tpm::quote)),
        ("tpm: appraise quote and certify", Paired(tpm::quote_and_certify)),
        ("jwt-svid: verify", Paired(jwt_svid::verify)),
        ("bundles: look-up among 1", Paired(bundles::among_1)),
        ("bundles: look-up among 1 000", Paired(bundles::among_1_000)),
        ("bundles: look-up among 100 000", Paired(bundles::among_100_000)),
        ("guard: admit, WIT seen", Paired(guard::admit)),
        ("guard: admit, over the one verify it needs", Paired(guard::admit_over_one)),
        ("guard: admit, signed, over the one verify it needs", Paired(signed::admit)),
        ("guard: admit, over mTLS", Paired(mtls::admit)),
        ("forwarded: Client-Cert, client seen", Paired(mtls::forwarded)),
        ("oauth: access token, verify, ring", Paired(oauth::verify_ring)),
        ("oauth: access token, verify, aws-lc", Paired(oauth::verify_aws_lc)),
        ("oauth: access token, ask again", Paired(oauth::again)),
        ("oauth: access token, issue", Paired(oauth::issue)),
        ("oauth: access token and DPoP proof, a request", Paired(oauth::dpop_request)),
        ("oauth: access token and message signature, a request", Paired(signed::verify_with_token)),
        ("oauth: guard, message signature and access token", Paired(signed::admit_with_token)),
        ("oauth: guard, the same of an issuer it follows", Paired(signed::admit_with_token_of_followed)),
        ("oauth: guard, DPoP alone", Paired(oauth::dpop_admit)),
        ("oauth: DPoP proof, verify", Paired(oauth::dpop_verify)),
        ("oauth: DPoP proof, make", Paired(oauth::dpop_make)),
        ("oauth: client assertion, verify", Paired(oauth::assertion_verify)),
        ("oauth: client assertion, make", Paired(oauth::assertion_make)),
        ("oauth: form, parse", Paired(oauth::form)),
        ("oauth: token request, read with its form", Paired(oauth::token_request)),
        ("oauth: challenges, parse", Paired(oauth::challenges)),
        ("oauth: introspection, read an answer", Paired(oauth::introspection)),
        ("oauth: introspection, an answer remembered", Paired(oauth::introspected)),
        ("oauth: ID Token, verify", Paired(oauth::id_token)),
        ("oauth: grant of another domain, verify", Paired(oauth::grant)),
        ("oauth: client, a token that it has", Paired(oauth::kept_token)),
        ("oauth: agent, a token that it has and a proof", Paired(oauth::attach)),
        ("sanitize: 4 kB, 10 secrets", Paired(sanitize::clean)),
        ("identifier: parse", Paired(identifier::parse)),
        ("replay: insert, 1 thread", Direct(replay::one_thread)),
        ("replay: insert, 2 threads", Direct(replay::two_threads)),
        ("marks: look-up among 1 million", Paired(marks::look_up)),
        ("part: base64url decode, 512 bytes", Paired(parts::base64url_decode)),
        ("part: base64url encode, 384 bytes", Paired(parts::base64url_encode)),
        ("part: json claims", Paired(parts::json_claims)),
        ("part: jwk parse", Paired(parts::jwk)),
    ]
}
