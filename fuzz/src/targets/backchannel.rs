//! Asking a user elsewhere: requests, answers and notifications, each read as it is written.

use aims_oauth::{
    BackchannelClient, BackchannelError, BackchannelRequest, BackchannelResponse, BindingMessage, Parameters,
    PresentedPing,
};

use super::world;

pub(super) fn run(input: &[u8]) {
    if let Ok(form) = Parameters::parse(input) {
        for client in [
            BackchannelClient::polling(),
            BackchannelClient::notified(),
            BackchannelClient::notified().allowing_plain_oauth(),
        ] {
            match BackchannelRequest::read(&form, client) {
                Ok(request) => check(&request, client),
                Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
            }
        }
    }
    match BackchannelResponse::parse(input) {
        Ok(response) => {
            let again = BackchannelResponse::parse(response.to_json().as_bytes()).expect("our own spelling");
            assert!(again.id().is_same(response.id()));
            assert_eq!((again.lifetime(), again.interval()), (response.lifetime(), response.interval()));
            assert!(response.interval().as_secs() > 0 && response.lifetime().as_secs() > 0);
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    let token = "Bearer 8d67dc78-7faa-4d41-aabd-67707b374255";
    match PresentedPing::read([token], input) {
        Ok(ping) => {
            let other = "8d67dc78-7faa-4d41-aabd-67707b374256".parse().expect("a token");
            assert!(input.len() <= 16 * 1024 && ping.check(&other).is_err());
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    if let Ok(text) = str::from_utf8(input)
        && let Ok(message) = text.parse::<BindingMessage>()
    {
        let is_seen = |c: char| !c.is_control() && !('\u{202a}'..='\u{202e}').contains(&c);
        assert!(message.as_str().chars().all(is_seen) && message.as_str().chars().count() <= 64);
    }
}

fn check(request: &BackchannelRequest, client: BackchannelClient) {
    assert!(request.wants_id_token() || client == BackchannelClient::notified().allowing_plain_oauth());
    let text = written(request);
    // Escapes can make it longer than what is read.
    if text.len() > 64 * 1024 {
        return;
    }
    let form = Parameters::parse(text.as_bytes()).expect("what was written is read");
    let again: Result<_, BackchannelError> = BackchannelRequest::read(&form, client);
    assert_eq!(written(&again.expect("our own spelling")), text, "a second spelling");
}

fn written(request: &BackchannelRequest) -> String {
    world::form(|form| request.write(form))
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "scope=openid+trips&login_hint=user%40example.com&binding_message=W4SCT&requested_expiry=120&acr_values=a+b",
        "scope=openid&id_token_hint=i.d.t&client_notification_token=8d67dc78-7faa-4d41-aabd-67707b374255&user_code=%C3%BC&resource=urn%3Aa",
        "scope=a&login_hint_token=l.h.t&client_notification_token=8d67dc78-7faa-4d41-aabd-67707b374255&authorization_details=%5B%7B%22type%22%3A%22a%22%7D%5D",
        "scope=openid&login_hint=u&id_token_hint=i",
        r#"{"auth_req_id":"1c266114-a1be","expires_in":120,"interval":2}"#,
        r#"{"auth_req_id":"1c266114-a1be"}"#,
        r#"{"auth_req_id":"a","access_token":"t"}"#,
        "Zahlung 12,50 \u{20ac}",
    ])
}
