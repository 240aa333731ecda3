//! Members that are many of a kind.

use crate::names::names;

names! {
    /// An endpoint of an authorization server, by the member that says where it is.
    pub enum Endpoint {
        /// Where the user is sent (RFC 6749 §3.1).
        Authorization = "authorization_endpoint",
        /// Where a client asks for the user's approval elsewhere (CIBA, HIL-2).
        BackchannelAuthentication = "backchannel_authentication_endpoint",
        /// Where challenges for attestations of clients come from (ABC-5).
        Challenge = "challenge_endpoint",
        /// Where a resource server asks about a token (RFC 7662).
        Introspection = "introspection_endpoint",
        /// Where an authorization request is left (RFC 9126).
        PushedAuthorization = "pushed_authorization_request_endpoint",
        /// Where clients register (RFC 7591).
        Registration = "registration_endpoint",
        /// Where tokens are revoked (RFC 7009).
        Revocation = "revocation_endpoint",
        /// Where tokens come from (RFC 6749 §3.2).
        Token = "token_endpoint",
        /// Where `OpenID` clients ask about the user.
        UserInfo = "userinfo_endpoint",
    }
}

names! {
    /// What is signed, by the member that says with which algorithms it may be.
    pub enum Signed {
        /// Requests to the backchannel authentication endpoint (HIL-2).
        BackchannelRequest = "backchannel_authentication_request_signing_alg_values_supported",
        /// JWTs with which clients authenticate at the token endpoint.
        ClientAssertion = "token_endpoint_auth_signing_alg_values_supported",
        /// Attestations of clients (ABC-7).
        ClientAttestation = "client_attestation_signing_alg_values_supported",
        /// The proofs beside them (ABC-7).
        ClientAttestationProof = "client_attestation_pop_signing_alg_values_supported",
        /// `DPoP` proofs: without this member, the server has no `DPoP` (DPO-10).
        DpopProof = "dpop_signing_alg_values_supported",
        /// ID Tokens.
        IdToken = "id_token_signing_alg_values_supported",
        /// Answers of the introspection endpoint (INT-3).
        Introspection = "introspection_signing_alg_values_supported",
    }
}

names! {
    /// A list of names that others give out, by its member.
    pub enum Listed {
        /// Classes of authentication of users.
        AcrValues = "acr_values_supported",
        /// How a client that is attested may prove possession (ABC-7).
        AttestationProofs = "client_attestation_pop_methods_supported",
        /// Types of `authorization_details` (RAR-5).
        DetailsTypes = "authorization_details_types_supported",
        /// Profiles of grants, such as that of ID-JAG.
        GrantProfiles = "authorization_grant_profiles_supported",
        /// `S256` at servers that have PKCE (PKC-1).
        CodeChallengeMethods = "code_challenge_methods_supported",
        /// Types of tokens that identity chaining can ask for.
        RequestedTokenTypes = "identity_chaining_requested_token_types_supported",
        /// How the answer to an authorization request comes.
        ResponseModes = "response_modes_supported",
        /// What an authorization request may ask for.
        ResponseTypes = "response_types_supported",
        /// Kinds of subjects in ID Tokens.
        SubjectTypes = "subject_types_supported",
    }
}

names! {
    /// Each is false, where it is not said.
    pub(super) enum Flag {
        BindsToCertificates = "tls_client_certificate_bound_access_tokens",
        RequiresPushedRequests = "require_pushed_authorization_requests",
        SendsIssuer = "authorization_response_iss_parameter_supported",
        TakesClientDocuments = "client_id_metadata_document_supported",
        TakesUserCodes = "backchannel_user_code_parameter_supported",
    }
}

names! {
    /// Lists of methods of client authentication, by endpoint.
    pub(super) enum AuthMethods {
        Introspection = "introspection_endpoint_auth_methods_supported",
        Revocation = "revocation_endpoint_auth_methods_supported",
        Token = "token_endpoint_auth_methods_supported",
    }
}
