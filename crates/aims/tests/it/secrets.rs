//! No token and no key in anything that is written or shown.

use std::sync::{Arc, Mutex};

use aims::{Agent, Authorized, CurrentCredential, Permit, Record, RecordError, Recorder};
use aims_keys::BoxFuture;
use aims_proof::NewWpt;

use crate::support::{NOW, SEARCH, Tool, head, search_with, with_header};

/// Shows everything it is given.
#[derive(Debug, Default)]
struct Shows(Mutex<Vec<String>>);

impl Shows {
    fn show(&self, value: &dyn std::fmt::Debug) {
        self.0.lock().unwrap().push(format!("{value:?} {value:#?}"));
    }
}

impl Recorder for Shows {
    fn permit<'a>(
        &'a self,
        record: &'a Record<'a>,
        authorized: Authorized,
    ) -> BoxFuture<'a, Result<Permit, RecordError>> {
        Box::pin(async move {
            self.show(record);
            self.show(&authorized);
            Ok(authorized.recorded())
        })
    }

    fn refuse<'a>(&'a self, record: &'a Record<'a>) -> BoxFuture<'a, Result<(), RecordError>> {
        self.show(record);
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn arch_4_wpt_18_aims_47_aims_19_no_secret_is_recorded_or_shown() {
    let shows = Arc::new(Shows::default());
    let (shared, lines) = (shows.clone(), Tool::new());
    let tool = Tool::with(|guard| guard.context_field("x-context").recorder(shared));
    let travel = lines.travel();
    let own = tool.travel();
    let mut secrets =
        vec!["the.transaction.token".to_owned(), "user=alice".to_owned(), "opaque-bearer-token".to_owned()];
    let mut said = Vec::new();

    for (tool, agent) in [(&lines, &travel), (&tool, &own)] {
        let plain = agent.wpt(SEARCH, NOW);
        let covering = agent.sign(
            &NewWpt::new(SEARCH).txn_token("the.transaction.token").context("x-context", "user=alice"),
            NOW,
        );
        let unsigned = with_header(&plain, r#"{"alg":"none","typ":"wpt+jwt"}"#);
        for token in [agent.wit(), &plain, &covering, &unsigned] {
            secrets.push(token.to_owned());
            // Its parts are no less secret.
            secrets.extend(token.split('.').skip(1).map(str::to_owned));
        }
        for authorization in [
            format!("WPT {plain}"),
            format!("WPT {covering}"),
            format!("WPT {unsigned}"),
            "Bearer opaque-bearer-token".to_owned(),
        ] {
            for txn in [false, true] {
                let mut request = search_with(&[
                    ("workload-identity-token", agent.wit()),
                    ("authorization", &authorization),
                ]);
                if txn {
                    request.headers_mut().insert("txn-token", "the.transaction.token".parse().unwrap());
                    request.headers_mut().insert("x-context", "user=alice".parse().unwrap());
                }
                match tool.guard.admit(&head(&request)).await {
                    Ok(permit) => said.push(format!("{permit:?} {permit:#?}")),
                    Err(refusal) => {
                        let response = refusal.to_response();
                        said.push(format!("{refusal:?} {response:?}"));
                    }
                }
                let answer = tool.call(request).await;
                said.push(format!("{:?} {}", answer.headers, answer.body));
            }
        }
        let source = CurrentCredential::new(agent.holder());
        let sender = Agent::new(source);
        let mut fields = http::HeaderMap::new();
        sender
            .clone()
            .with_clock(tool.clock.reader())
            .attach(&SEARCH.parse().unwrap(), &mut fields)
            .await
            .unwrap();
        secrets.push(fields["authorization"].to_str().unwrap().to_owned());
        let layer = sender.layer();
        let refused = sender.attach(&SEARCH.parse().unwrap(), &mut fields).await.unwrap_err();
        said.push(format!("{sender:?} {layer:?} {fields:?} {refused:?} {refused} {:?}", tool.guard));
    }

    said.push(lines.records.text());
    said.extend_from_slice(&shows.0.lock().unwrap());
    let said = said.join("\n");
    assert!(said.contains("/agents/travel") && said.contains("txn_binding_mismatch"));
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        assert!(!said.contains(secret.as_str()), "{secret} is in {said}");
    }
}
