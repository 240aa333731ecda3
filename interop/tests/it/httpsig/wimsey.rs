//! wimsey-httpsig 0.9, driven as a plain implementation of RFC 9421.

use aims_httpsig::Component;
use aims_keys::Algorithm;
use aims_testkit::assert_refused;
use wimsey_httpsig::{
    Component as Theirs, HttpExchange, HttpRequest, HttpResponse, HttpSigError, SignatureParams, VerifyConfig,
};

use super::case::{Case, KEY_ID, LABEL, Parts, Signature, TAG};
use super::keys::{Keys, Own};
use super::{Other, both_ways, cases};
use crate::support::now;
use crate::wimsey_oracle::{Pair, pair};

struct Wimsey {
    key: wimsey_httpsig::SigningKey,
}

impl Other for Wimsey {
    fn sign(&self, case: &Case, _: &Keys) -> Result<Signature, String> {
        let parameters = SignatureParams {
            created: Some(case.created.as_secs()),
            expires: Some(case.created.as_secs() + 60),
            keyid: Some(KEY_ID.to_owned()),
            nonce: Some(r#"a "nonce" \ of theirs"#.to_owned()),
            tag: Some(TAG.to_owned()),
            ..SignatureParams::default()
        };
        let covered = covered(case).map_err(|error| error.to_string())?;
        let request = request(case.request.as_ref().unwrap_or(&case.message));
        let signed = match response(case) {
            Some(response) => {
                let exchange = HttpExchange { response: &response, request: &request };
                wimsey_httpsig::sign(&exchange, &covered, &parameters, LABEL, &self.key)
            }
            None => wimsey_httpsig::sign(&request, &covered, &parameters, LABEL, &self.key),
        };
        let signed = signed.map_err(|error| error.to_string())?;
        Ok(Signature { input: signed.signature_input, signature: signed.signature })
    }

    fn verify(&self, case: &Case, _: &Keys, signature: &Signature) -> Result<(), String> {
        self.check(case, signature).map_err(|error| error.to_string())
    }
}

impl Wimsey {
    fn check(&self, case: &Case, signature: &Signature) -> Result<(), HttpSigError> {
        let config = VerifyConfig {
            now: Some(now().as_secs()),
            leeway: 5,
            max_age: Some(300),
            required_components: covered(case)?,
            ..VerifyConfig::default()
        };
        let (key, Signature { input, signature }) = (self.key.verifying_key(), signature);
        let request = request(case.request.as_ref().unwrap_or(&case.message));
        match response(case) {
            Some(response) => {
                let exchange = HttpExchange { response: &response, request: &request };
                wimsey_httpsig::verify(&exchange, input, signature, &key, &config)?;
            }
            None => drop(wimsey_httpsig::verify(&request, input, signature, &key, &config)?),
        }
        if let Some(content) = case.content {
            let digest = case.values()[r#""content-digest""#].as_str().unwrap().to_owned();
            assert!(wimsey_httpsig::verify_content_digest(&digest, content));
        }
        Ok(())
    }
}

fn covered(case: &Case) -> Result<Vec<Theirs>, HttpSigError> {
    case.covered.iter().map(|component| Theirs::from_quoted_id(&component.to_string())).collect()
}

fn request(parts: &Parts) -> HttpRequest {
    let (path, query) = match parts.target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (&*parts.target, None),
    };
    HttpRequest {
        method: parts.method.to_owned(),
        authority: parts.authority.to_owned(),
        path: path.to_owned(),
        query,
        headers: parts.fields.clone(),
    }
}

fn response(case: &Case) -> Option<HttpResponse> {
    let status = case.message.status?;
    Some(HttpResponse { status, headers: case.message.fields.clone() })
}

/// The two algorithms that it has.
fn both_keys() -> [(Wimsey, Keys); 2] {
    [(Algorithm::Ed25519, "ed25519"), (Algorithm::Es256, "ecdsa-p256-sha256")].map(|(algorithm, name)| {
        let Pair { ours, theirs } = pair(algorithm, 0x31);
        let ours = std::sync::Arc::into_inner(ours).unwrap();
        (Wimsey { key: theirs }, Keys { name, own: Own::Pair(ours), private: Vec::new(), public: Vec::new() })
    })
}

#[test]
fn wimsey_and_we_agree_about_messages() {
    let cases = [
        Case::new(
            "request",
            cases::order().at("Tools.Example:8443"),
            &[
                r#""@method""#,
                r#""@authority""#,
                r#""@path""#,
                r#""@query""#,
                r#""@request-target""#,
                r#""content-type""#,
                r#""content-digest""#,
            ],
        )
        .content(cases::ORDER)
        .saying_algorithm(),
        Case::new(
            "lower case, no query",
            Parts::request("purge", "/"),
            &[r#""@method""#, r#""@path""#, r#""@query""#, r#""@request-target""#],
        ),
        Case::new(
            "field lines",
            Parts::request("GET", "/").with("X-List", " a\t").with("x-list", "b, c").with("X-Empty", ""),
            &[r#""x-list""#, r#""x-empty""#],
        ),
        cases::response(),
    ];
    for (wimsey, keys) in both_keys() {
        for case in &cases {
            both_ways(&wimsey, case, &keys);
        }
        // What it does not know it keeps.
        let case = cases::parameters();
        wimsey.check(&case, &case.sign(&keys)).unwrap();
    }
}

/// RFC 9421 section 2.3: what is signed is the serialization of the list and its parameters, not the text that was received. Here it is the text.
#[test]
fn wimsey_signs_the_text_of_signature_input() {
    let [(wimsey, keys), _] = both_keys();
    let case = Case::new("spaces", Parts::request("GET", "/"), &[r#""@method""#]);
    let mut signature = case.sign(&keys);
    signature.input = signature.input.replace("=(", "=( ").replace(";created", "; created");
    case.verify(&keys, &signature).unwrap();
    assert!(matches!(wimsey.check(&case, &signature), Err(HttpSigError::InvalidSignature)));
}

/// Section 2: no identifier is there twice.
#[test]
fn wimsey_takes_identifiers_twice() {
    let [(wimsey, keys), _] = both_keys();
    let mut case = Case::new("identifiers", Parts::request("GET", "/"), &[r#""@method""#]);
    case.covered.push(Component::method());
    let signature = wimsey.sign(&case, &keys).unwrap();
    wimsey.check(&case, &signature).unwrap();
    assert_refused!(case.verify(&keys, &signature), "component_duplicate", "HS-ID-04");
}

/// Section 2.2.3: no port where it is the usual one of the scheme; its documentation leaves that to callers. Section 2.1: a fold becomes a space.
#[test]
fn wimsey_leaves_ports_and_refuses_folds() {
    let [(wimsey, keys), _] = both_keys();
    let case = Case::new("port", Parts::request("GET", "/").at("tools.example:443"), &[r#""@authority""#]);
    assert!(matches!(wimsey.check(&case, &case.sign(&keys)), Err(HttpSigError::InvalidSignature)));
    assert_refused!(case.verify(&keys, &wimsey.sign(&case, &keys).unwrap()), "bad_signature", "HS-BASE-06");

    let folded = Parts::request("GET", "/").with("X-Folded", "a\r\n b");
    let case = Case::new("fold", folded, &[r#""x-folded""#]);
    assert!(matches!(wimsey.check(&case, &case.sign(&keys)), Err(HttpSigError::InvalidComponentValue(_))));
}

/// Section 2.5: the base is ASCII. Here values may be anything but line breaks.
#[test]
fn wimsey_signs_what_is_not_ascii() {
    let [(wimsey, keys), _] = both_keys();
    let case = Case::new("letters", Parts::request("GET", "/").with("X-City", "Köln"), &[r#""x-city""#]);
    let signature = wimsey.sign(&case, &keys).unwrap();
    wimsey.check(&case, &signature).unwrap();
    assert_refused!(case.verify(&keys, &signature), "field_not_ascii", "HS-VAL-03");
}

/// As its documentation says.
#[test]
fn wimsey_has_not_all_components() {
    let [(wimsey, keys), _] = both_keys();
    let message = Parts::request("GET", "/?to=LIS").with("Priority", "u=1");
    for covered in [
        r#""@target-uri""#,
        r#""@scheme""#,
        r#""@query-param";name="to""#,
        r#""priority";sf"#,
        r#""priority";key="u""#,
        r#""priority";bs"#,
    ] {
        let case = Case::new("components", message.clone(), &[covered]);
        let error = wimsey.check(&case, &case.sign(&keys)).unwrap_err();
        assert!(
            matches!(
                error,
                // Parameters it may take for a part of the name.
                HttpSigError::MissingComponent(_)
                    | HttpSigError::Parse(_)
                    | HttpSigError::UnsupportedComponent(_)
            ),
            "{covered}: {error}"
        );
    }
}
