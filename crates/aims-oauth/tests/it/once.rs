//! What is said twice, or is too much: neither side reads it, and each says why.

use aims_keys::backend;
use aims_oauth::{
    BackchannelClient, BackchannelError, BackchannelRequest, BackchannelResponse, ClientInformation,
    ClientMetadata, ErrorCode, ErrorResponse, Parameters, PresentedPing, PushedResponse, TokenRequest,
    TokenResponse,
};
use aims_testkit::assert_refused;
use serde_json::{Map, Value};

/// What a server reads at its endpoints.
struct Form {
    name: &'static str,
    read: fn(&Parameters) -> Result<(), BackchannelError>,
    /// Whole as it is.
    good: &'static str,
    once: &'static [&'static str],
    /// Parameters of which there may be some.
    several: &'static [&'static str],
}

const FORMS: [Form; 4] = [
    Form {
        name: "another domain's grant",
        read: token_request,
        good: "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c",
        once: &["grant_type", "assertion", "scope", "authorization_details"],
        several: &["resource"],
    },
    Form {
        name: "an exchange",
        read: token_request,
        good: "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=s\
               &subject_token_type=urn:x&actor_token=a&actor_token_type=urn:x",
        once: &[
            "grant_type",
            "subject_token",
            "subject_token_type",
            "actor_token",
            "actor_token_type",
            "requested_token_type",
            "scope",
            "authorization_details",
        ],
        several: &["audience", "resource"],
    },
    Form {
        name: "a question to a user",
        read: question,
        good: "scope=openid&login_hint=u&client_notification_token=0123456789012345678901",
        once: &[
            "request",
            "scope",
            "login_hint",
            "login_hint_token",
            "id_token_hint",
            "acr_values",
            "binding_message",
            "user_code",
            "requested_expiry",
            "client_notification_token",
            "authorization_details",
        ],
        several: &["resource"],
    },
    Form {
        name: "what a user answered",
        read: token_request,
        good: "grant_type=urn:openid:params:grant-type:ciba&auth_req_id=a",
        once: &["grant_type", "auth_req_id", "scope", "authorization_details"],
        several: &["resource"],
    },
];

fn token_request(form: &Parameters) -> Result<(), BackchannelError> {
    TokenRequest::read(form)?;
    Ok(())
}

fn question(form: &Parameters) -> Result<(), BackchannelError> {
    BackchannelRequest::read(form, BackchannelClient::notified()).map(drop)
}

impl Form {
    /// With more behind it.
    fn and(&self, more: &str) -> Result<(), BackchannelError> {
        (self.read)(&Parameters::parse(format!("{}{more}", self.good).as_bytes())?)
    }

    /// With this in the place of what it says there, if it does.
    fn with(&self, name: &str, value: &str) -> Result<(), BackchannelError> {
        let others = self.good.split('&').filter(|pair| pair.split('=').next() != Some(name));
        let form = others.map(ToOwned::to_owned).chain([format!("{name}={value}")]).collect::<Vec<_>>();
        (self.read)(&Parameters::parse(form.join("&").as_bytes())?)
    }
}

#[test]
fn wir_2_no_server_reads_a_parameter_twice() {
    for form in FORMS {
        form.and("").unwrap();
        for name in form.once {
            for more in
                [format!("&{name}=x&{name}=x"), format!("&{name}=&{name}=x"), format!("&{name}=x&{name}=")]
            {
                let refused = form.and(&more);
                let refused = assert_refused!(refused, "parameter_repeated", "WIR-2", "{}{more}", form.name);
                assert_eq!(refused.error_code(), ErrorCode::InvalidRequest, "{}{more}", form.name);
            }
        }
        // Nobody knows what that is.
        form.and("&unknown=1&unknown=2").unwrap();
    }
}

#[test]
fn wir_2_wir_9_what_may_be_said_several_times_may_not_be_said_ever_again() {
    for form in FORMS {
        for name in form.several {
            let times = |count: usize| form.and(&format!("&{name}=urn:x").repeat(count));
            times(16).unwrap();
            let refused = assert_refused!(times(17), "too_many_values", "WIR-9", "{}: {name}", form.name);
            assert_eq!(refused.error_code(), ErrorCode::InvalidRequest);
        }
    }
}

#[test]
fn wir_9_no_server_reads_a_parameter_that_is_too_long() {
    use ErrorCode as E;

    let [grant, exchange, question, answered] = FORMS;
    let token = 16 * 1024;
    for (form, name, len, (code, rule), told) in [
        (&grant, "assertion", token, ("parameter_value", "WIR-1"), E::InvalidGrant),
        (&grant, "scope", token, ("scope_too_long", "WIR-9"), E::InvalidScope),
        (&exchange, "subject_token", token, ("parameter_value", "WIR-1"), E::InvalidRequest),
        (&exchange, "actor_token", token, ("parameter_value", "WIR-1"), E::InvalidRequest),
        (&question, "login_hint", 512, ("parameter_value", "WIR-1"), E::InvalidRequest),
        (&question, "user_code", 256, ("parameter_value", "WIR-1"), E::InvalidRequest),
        (&question, "binding_message", 64, ("binding_message_too_long", "HIL-32"), E::InvalidBindingMessage),
        (&question, "client_notification_token", 1024, ("notification_token", "HIL-4"), E::InvalidRequest),
        (&answered, "auth_req_id", 1024, ("parameter_value", "WIR-1"), E::InvalidGrant),
    ] {
        form.with(name, &"a".repeat(len)).unwrap();
        let refused = form.with(name, &"a".repeat(len + 1));
        let refused = assert_refused!(refused, code, rule, "{}: {name}", form.name);
        assert_eq!(refused.error_code(), told, "{}: {name}", form.name);
    }
    for form in FORMS {
        let resource = |len: usize| form.and(&format!("&resource=urn:{}", "x".repeat(len - 4)));
        resource(2048).unwrap();
        let refused = assert_refused!(resource(2049), "resource_too_long", "WIR-9", "{}", form.name);
        assert_eq!(refused.error_code(), E::InvalidTarget);
        let details = |len: usize| {
            form.and(&format!(r#"&authorization_details=[{{"type":"a","b":"{}"}}]"#, "x".repeat(len)))
        };
        details(8 * 1024).unwrap();
        let refused =
            assert_refused!(details(8 * 1024 + 1), "json_string_limit", "JO-JSON-03", "{}", form.name);
        assert_eq!(refused.error_code(), E::InvalidAuthorizationDetails);
        // What is ignored takes no room either.
        let more = |len: usize| form.and(&format!("&x={}", "x".repeat(len - 3 - form.good.len())));
        more(64 * 1024).unwrap();
        assert_refused!(more(64 * 1024 + 1), "form_too_long", "WIR-9", "{}", form.name);
        let many = |count: usize| form.and(&"&x=1".repeat(count - form.good.split('&').count()));
        many(256).unwrap();
        assert_refused!(many(257), "too_many_parameters", "WIR-9", "{}", form.name);
    }
}

/// What is JSON: to the server a registration, and to the client what servers answer and tell it.
struct Document {
    name: &'static str,
    read: fn(&[u8]) -> Result<(), Refused>,
    /// Whole as it is.
    good: &'static str,
    /// The longest that is read, and why no more is.
    most: (usize, &'static str, &'static str),
}

/// Its code and its rule.
#[derive(Debug)]
struct Refused(&'static str, &'static str);

impl Refused {
    fn code(&self) -> &'static str {
        self.0
    }

    fn rule(&self) -> &'static str {
        self.1
    }
}

macro_rules! reads {
    ($parse:expr) => {
        |body| $parse(body).map(drop).map_err(|error| Refused(error.code(), error.rule()))
    };
}

const ANSWER: (usize, &str, &str) = (64 * 1024, "json_input_limit", "JO-JSON-03");
const METADATA: (usize, &str, &str) = (64 * 1024, "metadata_too_long", "WIR-9");

const DOCUMENTS: [Document; 7] = [
    Document {
        name: "a registration",
        read: reads!(|body| ClientMetadata::parse_registration(body, backend::ring())),
        good: r#"{"token_endpoint_auth_method":"none","redirect_uris":["https://a.example/cb"],
            "grant_types":["authorization_code"],"response_types":["code"],"scope":"a","client_name":"A",
            "client_uri":"https://a.example","contacts":["a"],"software_id":"a","software_version":"1",
            "application_type":"web","dpop_bound_access_tokens":true,
            "tls_client_certificate_bound_access_tokens":false,"authorization_details_types":["a"],
            "tls_client_auth_san_dns":"a.example","jwks_uri":"https://a.example/jwks"}"#,
        most: METADATA,
    },
    Document {
        name: "the answer to a registration",
        read: reads!(|body| ClientInformation::parse(body, backend::ring())),
        good: r#"{"client_id":"c-7","client_id_issued_at":1790000000,"client_secret":"s",
            "client_secret_expires_at":0,"registration_client_uri":"https://as.example/c-7",
            "registration_access_token":"t","grant_types":["client_credentials"],"jwks":{"keys":[]}}"#,
        most: METADATA,
    },
    Document {
        name: "tokens",
        read: reads!(TokenResponse::parse),
        good: r#"{"access_token":"a","token_type":"N_A","expires_in":60,"refresh_token":"r","scope":"a",
            "id_token":"i.d.t","issued_token_type":"urn:x","authorization_details":[{"type":"a"}]}"#,
        most: ANSWER,
    },
    Document {
        name: "a user is asked",
        read: reads!(BackchannelResponse::parse),
        good: r#"{"auth_req_id":"a","expires_in":120,"interval":5}"#,
        most: ANSWER,
    },
    Document {
        name: "a user has answered",
        read: reads!(|body| PresentedPing::read(["Bearer 0123456789012345678901"], body)),
        good: r#"{"auth_req_id":"a"}"#,
        most: (16 * 1024, "json_input_limit", "JO-JSON-03"),
    },
    Document {
        name: "a request is kept",
        read: reads!(PushedResponse::parse),
        good: r#"{"request_uri":"urn:x","expires_in":60}"#,
        most: ANSWER,
    },
    Document {
        name: "an error",
        read: reads!(ErrorResponse::parse),
        good: r#"{"error":"invalid_grant","error_description":"no","error_uri":"https://as.example/e","interval":5}"#,
        most: ANSWER,
    },
];

impl Document {
    /// With more members.
    fn and(&self, more: &str) -> Result<(), Refused> {
        (self.read)(format!("{},{more}}}", self.good.strip_suffix('}').unwrap()).as_bytes())
    }
}

#[test]
fn sec_15_neither_side_reads_a_member_twice() {
    for document in DOCUMENTS {
        (document.read)(document.good.as_bytes()).unwrap();
        let members: Map<String, Value> = serde_json::from_str(document.good).unwrap();
        for (name, value) in &members {
            let (first, rest) = name.split_at(1);
            let escaped = format!("\\u{:04x}{rest}", u32::from(first.chars().next().unwrap()));
            for more in [
                format!(r#""{name}":{value}"#),
                format!(r#""{name}":null"#),
                // In another spelling it is the same name.
                format!(r#""{escaped}":{value}"#),
            ] {
                let refused = document.and(&more);
                assert_refused!(refused, "json_duplicate_name", "JO-JSON-02", "{}: {more}", document.name);
            }
        }
        // Though nobody knows what it is, and however deep.
        document.and(r#""x":1,"y":{"x":[{"x":1}]}"#).unwrap();
        for more in [r#""x":1,"x":1"#, r#""y":{"x":[{"x":1,"x":2}]}"#] {
            let refused = document.and(more);
            assert_refused!(refused, "json_duplicate_name", "JO-JSON-02", "{}: {more}", document.name);
        }
    }
}

#[test]
fn wir_9_neither_side_reads_what_is_too_much() {
    for document in DOCUMENTS {
        let (most, code, rule) = document.most;
        let padded =
            |len: usize| format!("{}{}", document.good, " ".repeat(len - document.good.len())).into_bytes();
        (document.read)(&padded(most)).unwrap();
        assert_refused!((document.read)(&padded(most + 1)), code, rule, "{}", document.name);
        let long = format!(r#""x":"{}""#, "x".repeat(most));
        assert_refused!(document.and(&long), code, rule, "{}", document.name);
        for (more, code) in [
            (format!(r#""x":{}{}"#, "[".repeat(32), "]".repeat(32)), "json_depth_limit"),
            ((0..257).map(|at| format!(r#""x{at}":0"#)).collect::<Vec<_>>().join(","), "json_member_limit"),
            (format!(r#""x":{}"#, "1".repeat(33)), "json_number_limit"),
        ] {
            assert_refused!(document.and(&more), code, "JO-JSON-03", "{}", document.name);
        }
    }
}
