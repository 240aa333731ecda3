//! `aims oauth get ask`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use aims_testkit::assert_refused;
use serde_json::{Value, json};

use super::place::{Answer, Asked, Place, folder, run};
use crate::support::{Folder, Output};

fn ask(folder: &Folder, place: &Place, options: &[&str]) -> Output {
    let resource = place.resource();
    let about = ["--resource", &resource, "--scope", "trips:book", "--login-hint", "user-1"];
    run(folder, &place.get("ask", &[&about[..], options].concat()))
}

/// The server's own answer, which says to ask every second, and that the question ends after so many; the user has this to say.
fn quickly(place: &Place, asked: &Asked, lifetime: u64, agrees: Option<bool>) -> Option<Answer> {
    if asked.path() != "/ask" {
        return None;
    }
    let own = place.own(asked);
    let mut body: Value = serde_json::from_str(&own.body).unwrap();
    if let Some(agrees) = agrees {
        place.server().decide(&body["auth_req_id"].as_str().unwrap().parse().unwrap(), agrees);
    }
    body["interval"] = 1.into();
    body["expires_in"] = lifetime.into();
    Some(Answer::json(200, body))
}

#[test]
fn hil_9_hil_10_the_program_waits_until_the_user_has_decided() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    let polls = AtomicU32::new(0);
    place.before(move |place, asked| {
        if asked.path() == "/token" && polls.fetch_add(1, Ordering::SeqCst) == 0 {
            return Some(Answer::json(400, json!({ "error": "authorization_pending" })));
        }
        quickly(place, asked, 60, Some(true))
    });
    folder.aims(&["key", "sealing", "--out", "seal.key"]).accepted();
    let kept = ["--grant-out", "user.grant", "--sealing-key", "seal.key", "--new-dpop-key", "dpop.pem"];
    let output = ask(&folder, &place, &[&kept[..], &["--binding-message", "W4SCT", "--json"]].concat());
    place.told_no_token(&output);
    assert_eq!(output.code, 0, "{output:?}");
    let said: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((&said["scope"], &said["grant"]), (&"trips:book".into(), &"user.grant".into()));
    let progress: Vec<Value> =
        output.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let states: Vec<_> = progress.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["asked", "undecided"]);
    let asked = place.asked();
    let asked = asked.iter().find(|asked| asked.path() == "/ask").unwrap();
    assert_eq!(asked.form()["binding_message"], "W4SCT");
    // The id of the question is as good as the answer.
    assert!(!output.stderr.contains("auth_req_id"));

    let resource = place.resource();
    let by = [
        "--grant",
        "user.grant",
        "--sealing-key",
        "seal.key",
        "--resource",
        &resource,
        "--dpop-key",
        "dpop.pem",
    ];
    run(&folder, &place.get("refresh", &by)).accepted();
}

#[test]
fn hil_10_a_user_who_says_no_is_not_asked_again() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    place.before(|place, asked| quickly(place, asked, 60, Some(false)));
    let output = ask(&folder, &place, &[]);
    assert_eq!(output.code, 1);
    let said = format!("refused: refused (WIR-4): the server {} refuses: access_denied\n", place.issuer());
    assert!(output.stderr.ends_with(&said), "{output:?}");
    assert_eq!(place.asked().iter().filter(|asked| asked.path() == "/token").count(), 1);
}

#[test]
fn hil_9_hil_42_a_server_that_is_never_ready_is_not_asked_for_ever() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    for error in ["slow_down", "authorization_pending"] {
        place.before(move |place, asked| match asked.path() {
            "/token" => Some(Answer::json(400, json!({ "error": error }))),
            _ => quickly(place, asked, 3, None),
        });
        let began = Instant::now();
        let output = ask(&folder, &place, &[]);
        assert!(began.elapsed().as_secs() < 20, "{output:?}");
        let last = output.stderr.lines().last().unwrap();
        assert_eq!((output.code, last), (1, "refused: expired (HIL-42): it has expired"), "{output:?}");
    }
    let polls = place.asked().iter().filter(|asked| asked.path() == "/token").count();
    // Once, and then less often than the question lives; then at most every second of it.
    assert!((2..=5).contains(&polls), "{polls}");
}

#[test]
fn hil_15_hil_34_the_user_is_named_in_one_way() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    folder.write("user.token", "the-users-token");
    let resource = place.resource();
    for (option, member) in [("--id-token-hint", "id_token_hint"), ("--login-hint-token", "login_hint_token")]
    {
        let expiry = ["--requested-expiry", "2m"];
        let about = ["--resource", &resource, "--scope", "openid", option, "user.token"];
        let output = run(&folder, &place.get("ask", &[&about[..], &expiry].concat()));
        // The test server knows users by their names alone.
        assert_eq!((output.code, output.stderr.contains("the-users-token")), (1, false), "{output:?}");
        let form = place.asked().last().unwrap().form();
        assert_eq!((form[member].as_str(), form["requested_expiry"].as_str()), ("the-users-token", "120"));
    }
    ask(&folder, &place, &["--id-token-hint", "user.token"]).unusable();
    run(&folder, &place.get("ask", &["--resource", &resource])).unusable();
}

#[test]
fn hil_32_a_message_that_misleads_is_sent_nowhere() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    let refused = ask(&folder, &place, &["--binding-message", "pay \u{202e}001"]).refusal();
    assert_refused!(refused.err(), "binding_message_character", "HIL-32");
    assert!(place.asked().is_empty());
}
