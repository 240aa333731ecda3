//! What must not be seen (WA-14).

use aims_workload_api::proto::{key_holder, workload};

#[test]
fn wa_14_no_message_shows_a_key_or_a_token() {
    let secret = "S3CRET".to_owned();
    let x509 = workload::X509svid {
        spiffe_id: "spiffe://a/b".into(),
        x509_svid: vec![1],
        x509_svid_key: secret.clone().into_bytes(),
        bundle: vec![2],
        hint: "h".into(),
    };
    let shown = format!("{:?}", workload::X509svidResponse { svids: vec![x509], ..Default::default() });
    assert!(shown.contains("spiffe://a/b") && !shown.contains("83, 51"), "{shown}");
    let jwt =
        workload::Jwtsvid { spiffe_id: "spiffe://a/b".into(), svid: secret.clone(), hint: String::new() };
    let wit = workload::Witsvid {
        spiffe_id: String::new(),
        wit_svid: secret.clone(),
        wit_svid_key: secret.clone(),
        hint: String::new(),
    };
    let asked = workload::ValidateJwtsvidRequest { audience: "a".into(), svid: secret.clone() };
    let proof = Some(key_holder::issue_request::Proof::Jws(secret.clone()));
    let request = key_holder::IssueRequest { proof, join_token: secret.clone(), ..Default::default() };
    let response = key_holder::IssueResponse { wit: secret.clone(), ..Default::default() };
    for shown in [
        format!("{:?}", workload::JwtsvidResponse { svids: vec![jwt] }),
        format!("{:?}", workload::WitsvidResponse { svids: vec![wit] }),
        format!("{asked:?}"),
        format!("{request:?} {:?}", request.proof),
        format!("{response:?}"),
    ] {
        assert!(!shown.contains(&secret), "{shown}");
    }
}
