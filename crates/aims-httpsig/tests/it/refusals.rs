//! What is refused, and why: identifiers, values, parameters, fields, and what cannot be signed.

use std::error::Error;
use std::time::Duration;

use aims_httpsig::sf::ParseError;
use aims_httpsig::{
    Component, ComponentError, Context, FieldType, NewSignature, Policy, RawMessage, SignatureFields, Tag,
};
use aims_keys::{Algorithm, AlgorithmSet, Signer};
use aims_testkit::assert_refused;

use crate::world::*;

#[test]
fn hs_val_06_hs_val_10_ambiguous_messages_have_no_value() {
    let cookies = RawMessage::response(200).with_header("set-cookie", "a=1").with_header("set-cookie", "b=2");
    let context = Context::response(&cookies);
    assert_refused!(context.value(&field("set-cookie")), "several_lines", "HS-VAL-06");
    assert_eq!(context.value(&field("set-cookie").binary().unwrap()).unwrap(), ":YT0x:, :Yj0y:");
    let cookie = RawMessage::response(200).with_header("set-cookie", "a=1, b");
    assert_eq!(Context::response(&cookie).value(&field("set-cookie")).unwrap(), "a=1, b");

    let both = RawMessage::request("GET", "https://a.example/x").with_authority("b.example");
    assert_refused!(
        Context::request(&both).value(&Component::authority()),
        "authority_mismatch",
        "HS-VAL-10"
    );
    assert_refused!(
        Context::request(&both).value(&Component::target_uri()),
        "authority_mismatch",
        "HS-VAL-10"
    );
    assert_eq!(Context::request(&both).with_any_host().value(&Component::authority()).unwrap(), "a.example");
    let same = RawMessage::request("GET", "https://A.example:443/x").with_authority("a.example");
    assert_eq!(Context::request(&same).value(&Component::authority()).unwrap(), "a.example");
    let behind_proxy = RawMessage::request("GET", "/x").with_scheme("https").with_authority("10.0.0.7:8080");
    let context = Context::request(&behind_proxy).with_authority("shop.example");
    assert_eq!(context.value(&Component::authority()).unwrap(), "shop.example");
    assert_eq!(context.value(&Component::target_uri()).unwrap(), "https://shop.example/x");
    let nobody = RawMessage::request("GET", "/x");
    assert_refused!(
        Context::request(&nobody).value(&Component::authority()),
        "component_unavailable",
        "HS-BASE-05"
    );
    for authority in [
        "user@a.example",
        "a b",
        "a.example:8x",
        "[::1",
        "[[::1]]",
        "[]",
        "::1",
        "[::1]x",
        "a.example:1:2",
        "",
        "a.example/",
    ] {
        let message = RawMessage::request("GET", "/x").with_authority("x").with_scheme("https");
        let context = Context::request(&message).with_authority(authority);
        for component in [Component::authority(), Component::target_uri()] {
            assert_refused!(
                context.value(&component),
                "bad_authority",
                "HS-VAL-11",
                "{component}: {authority}"
            );
        }
    }
}

#[test]
fn hs_val_11_the_usual_port_is_that_of_the_scheme() {
    for (scheme, authority, value) in [
        ("https", "a.example:443", "a.example"),
        ("HTTP", "a.example:80", "a.example"),
        ("http", "a.example:443", "a.example:443"),
        ("https", "a.example:80", "a.example:80"),
        ("coap", "a.example:80", "a.example:80"),
        ("https", "a.example:", "a.example"),
        ("https", "[::1]", "[::1]"),
        ("https", "[::1]:443", "[::1]"),
        ("https", "[2001:DB8::1]:8443", "[2001:db8::1]:8443"),
    ] {
        let message = RawMessage::request("GET", "/x").with_authority(authority).with_scheme(scheme);
        let context = Context::request(&message);
        assert_eq!(context.value(&Component::authority()).unwrap(), value, "{scheme} {authority}");
    }
}

/// What has no scheme that is one is no absolute target: it has neither path nor query.
#[test]
fn hs_val_12_a_target_is_absolute_by_its_scheme() {
    let path = |target: &str| {
        let message = RawMessage::request("GET", target).with_scheme("https");
        Context::request(&message).value(&Component::path())
    };
    for target in ["https://a.example/p", "a+b-c.1://a.example/p"] {
        assert_eq!(path(target).unwrap(), "/p", "{target}");
    }
    for target in
        ["1a://a.example/p", "a_b://a.example/p", "://a.example/p", "a b://a.example/p", "a.example/p"]
    {
        assert_refused!(path(target), "component_unavailable", "HS-BASE-05", "{target}");
    }
}

#[test]
fn hs_base_05_the_reason_names_the_component_once() {
    let request = RawMessage::request("GET", "/x").with_header("x-a", "no dictionary, (");
    let context = Context::request(&request);
    let refused =
        |component| NewSignature::covering([Component::method(), component]).prepare(&context).unwrap_err();
    let error = refused(field("date"));
    assert_refused!(Err::<(), _>(error.clone()), "field_absent", "HS-VAL-04");
    assert_eq!(error.to_string(), "component \"date\": the field is not in the message");
    assert!(error.source().is_none());
    let error = refused(Component::path().of_request().unwrap());
    assert_eq!(error.to_string(), "component \"@path\";req: the parameter does not apply to this component");
    let error = refused(Component::method());
    assert_eq!(error.to_string(), "component 2 was there before");
    // What is no identifier has no name; which one it is, it is said from 1.
    let unnamed = request
        .clone()
        .with_header("signature-input", r#"sig1=("@method" 1);tag="orders""#)
        .with_header("signature", "sig1=:AAAA:");
    let refused = SignatureFields::of(&Context::request(&unnamed)).unwrap().select(&policy(), NOW).map(drop);
    let text = "component 2: the component identifier is not a string: its name stands in quotes";
    assert_eq!(refused.unwrap_err().to_string(), text);
    // What lies below is the source, and is not said twice.
    let context = context.with_field_types(&[("x-a", FieldType::Dictionary)]);
    let error = NewSignature::covering([field("x-a").structured().unwrap()]).prepare(&context).unwrap_err();
    assert_eq!(error.to_string(), "component \"x-a\";sf: the structured field is malformed");
    assert!(error.source().unwrap().is::<ParseError>());
}

#[test]
fn hs_id_05_hs_id_06_hs_id_07_every_wrong_identifier_has_its_reason() {
    for (text, code, rule) in [
        ("method", "component_not_a_string", "HS-ID-01"),
        ("1", "component_not_a_string", "HS-ID-01"),
        ("\"Date\"", "field_name", "HS-ID-02"),
        ("\"\"", "field_name", "HS-ID-02"),
        ("\"a b\"", "field_name", "HS-ID-02"),
        ("\"date\";foo", "unknown_component_parameter", "HS-ID-05"),
        ("\"@path\";sf", "parameter_not_applicable", "HS-ID-05"),
        ("\"@path\";bs", "parameter_not_applicable", "HS-ID-05"),
        ("\"@path\";tr", "parameter_not_applicable", "HS-ID-05"),
        ("\"@path\";key=\"a\"", "parameter_not_applicable", "HS-ID-05"),
        ("\"date\";name=\"a\"", "parameter_not_applicable", "HS-ID-05"),
        ("\"@status\";req", "parameter_not_applicable", "HS-ID-05"),
        ("\"date\";bs;sf", "parameter_combination", "HS-ID-05"),
        ("\"date\";key=\"a\";bs", "parameter_combination", "HS-ID-05"),
        ("\"date\";sf=?0", "component_parameter_type", "HS-ID-06"),
        ("\"date\";bs=1", "component_parameter_type", "HS-ID-06"),
        ("\"date\";key=a", "component_parameter_type", "HS-ID-06"),
        ("\"@query-param\";name", "component_parameter_type", "HS-ID-06"),
        ("\"@query-param\"", "name_missing", "HS-VAL-14"),
        ("\"date\";sf;sf", "component_parameter_duplicate", "HS-SF-03"),
        ("\"@signature-params\"", "signature_params_listed", "HS-ID-08"),
        ("\"@query-params\"", "unknown_derived_component", "HS-ID-08"),
        ("\"date\"x", "component_malformed", "HS-SF-01"),
    ] {
        let refused: Result<Component<'_>, ComponentError> = text.parse();
        assert_refused!(refused, code, rule, "{text}");
    }
    let message = RawMessage::request("GET", "/p?a=1&b=2&a=3").with_header("d", "a=1").with_header("l", "é");
    let context = Context::request(&message);
    for (component, code, rule) in [
        (Component::status(), "not_in_this_message", "HS-ID-05"),
        (Component::method().of_request().unwrap(), "parameter_not_applicable", "HS-ID-05"),
        (field("d").structured().unwrap(), "field_type_unknown", "HS-ID-10"),
        (field("absent"), "field_absent", "HS-VAL-04"),
        (field("d").in_trailers().unwrap(), "field_absent", "HS-VAL-04"),
        (field("l"), "field_not_ascii", "HS-VAL-03"),
        (Component::query_param("a").unwrap(), "query_param_repeated", "HS-VAL-14"),
        (Component::query_param("c").unwrap(), "query_param_absent", "HS-VAL-14"),
    ] {
        assert_refused!(context.value(&component), code, rule, "{component}");
    }
    let types = [("d", aims_httpsig::FieldType::Dictionary), ("l", aims_httpsig::FieldType::List)];
    let context = context.with_field_types(&types);
    assert_refused!(context.value(&field("d").member("b").unwrap()), "member_absent", "HS-ID-11");
    assert_refused!(context.value(&field("l").structured().unwrap()), "field_malformed", "HS-ID-11");
    assert_refused!(context.value(&field("l").member("b").unwrap()), "not_a_dictionary", "HS-ID-11");
    let odd = RawMessage::request("GET ", "/");
    assert_refused!(Context::request(&odd).value(&Component::method()), "bad_value", "HS-VAL-15");
}

#[test]
fn hs_par_01_parameters_are_of_the_type_they_must_be_and_what_a_policy_forbids_is_refused() {
    let key = key();
    let with = |input: &str, policy: &Policy| {
        let message = request()
            .with_header("signature-input", format!("s=(\"@method\"){input}"))
            .with_header("signature", "s=:AA==:");
        judge(&message, BODY, policy, &key)
    };
    let any = Policy::new(Tag::Any, [], AlgorithmSet::STANDARD);
    for input in [
        ";created=\"1\"",
        ";created=1.0",
        ";created",
        ";expires=?1",
        ";keyid=k",
        ";alg=k",
        ";nonce=1",
        ";tag=t",
    ] {
        assert_refused!(with(input, &any), "parameter_type", "HS-PAR-01", "{input}");
    }
    assert_refused!(with(";created=1;created=2", &any), "parameter_duplicate", "HS-SF-03");
    let strict = any.clone().requiring("nonce").forbidding("alg");
    let now = NOW.as_secs();
    assert_refused!(with(&format!(";created={now}"), &strict), "missing_parameter", "HS-PAR-04");
    assert_refused!(
        with(&format!(";created={now};nonce=\"n\";alg=\"a\""), &strict),
        "forbidden_parameter",
        "HS-VER-03"
    );
    for (fields, code) in [(("s=1", "s=:AA==:"), "member_type"), (("s=()", "s=x"), "member_type")] {
        let message = request().with_header("signature-input", fields.0).with_header("signature", fields.1);
        assert_refused!(judge(&message, BODY, &any, &key), code, "HS-FLD-01");
    }
}

#[test]
fn hs_sign_01_hs_sign_04_what_is_there_stays_and_is_not_vouched_for_by_accident() {
    let (key, proxy) = (key(), key());
    let message = signed(request(), new_signature(), &key);
    let again = new_signature().prepare(&Context::request(&message));
    assert_refused!(again, "label_in_use", "HS-SIGN-01");
    let over = || {
        NewSignature::covering([field("signature").member("sig1").unwrap()])
            .created(NOW)
            .tag("proxy")
            .label("proxy")
    };
    assert_refused!(over().prepare(&Context::request(&message)), "over_signatures", "HS-SIGN-04");
    // Asked for, the signature is covered with its parameters and all that it covers, or not at all.
    let part = |more: Vec<Component<'static>>| {
        let all = more.into_iter().fold(over(), NewSignature::and_covering);
        all.over_signatures().prepare(&Context::request(&message))
    };
    let input = || field("signature-input").member("sig1").unwrap();
    for more in [
        vec![],
        vec![input()],
        covered(),
        [vec![input()], covered().into_iter().skip(1).collect()].concat(),
        [vec![input(), Component::method().of_request().unwrap()], covered().into_iter().skip(1).collect()]
            .concat(),
    ] {
        assert_refused!(part(more), "over_part_of_signature", "HS-SIGN-04");
    }
    let absent = NewSignature::covering([field("signature").member("sig2").unwrap()]).label("p");
    assert_refused!(
        absent.over_signatures().prepare(&Context::request(&message)),
        "over_part_of_signature",
        "HS-SIGN-04"
    );
    // The same of the field as a whole.
    let (field_of_signatures, its_inputs) = (field("signature"), field("signature-input"));
    let over_field = |message: &RawMessage, covered: Vec<Component<'static>>| {
        let whole = NewSignature::covering(covered).created(NOW).label("whole").over_signatures();
        whole.prepare(&Context::request(message)).map(drop)
    };
    for part in [
        vec![field_of_signatures.clone()],
        vec![field_of_signatures.clone(), its_inputs.clone()],
        [vec![field_of_signatures.clone()], covered()].concat(),
    ] {
        assert_refused!(over_field(&message, part), "over_part_of_signature", "HS-SIGN-04");
    }
    let all = [vec![field_of_signatures.clone(), its_inputs], covered()].concat();
    over_field(&message, all).unwrap();
    let alone = request().with_header("signature", "sig1=:AAAA:");
    let refused = over_field(&alone, vec![field_of_signatures]);
    assert_refused!(refused, "over_part_of_signature", "HS-SIGN-04");
    let whole = [vec![input()], covered()].concat().into_iter().fold(over(), NewSignature::and_covering);
    let message = signed(message, whole.over_signatures(), &proxy);
    judge(&message, BODY, &policy(), &key).unwrap();
    for (signature, code, rule) in [
        (new_signature().label("Sig"), "bad_label", "HS-SIGN-01"),
        (new_signature().tag("more"), "parameter_duplicate", "HS-SF-03"),
        (NewSignature::covering([]).expires_after(Duration::from_secs(1)), "no_created", "HS-SIGN-01"),
        (new_signature().and_covering(Component::path()), "component_duplicate", "HS-ID-04"),
        (new_signature().algorithm(Algorithm::Ps256), "algorithm_without_name", "HS-ALG-03"),
        (new_signature().and_covering(field("absent")), "field_absent", "HS-VAL-04"),
    ] {
        assert_refused!(signature.prepare(&Context::request(&request())), code, rule);
    }
    // HS-SIGN-03: made elsewhere, and checked.
    let unsigned = || new_signature().prepare(&Context::request(&request())).unwrap();
    let signature = Signer::sign(&key, aims_keys::SignInput::Message(unsigned().signing_input())).unwrap();
    unsigned().attach(signature.as_bytes(), Signer::public_key(&key)).unwrap();
    let refused = unsigned().attach(signature.as_bytes(), Signer::public_key(&proxy));
    assert_refused!(refused, "bad_signature", "HS-SIGN-03");
}

#[test]
fn hs_fld_07_hs_atk_16_what_is_too_much_is_refused_before_anything_is_computed() {
    let key = key();
    let with = |input: String, signature: String| {
        let message = request().with_header("signature-input", input).with_header("signature", signature);
        judge(&message, BODY, &policy(), &key)
    };
    let members = |count: usize, value: &str| {
        (0..count).map(|at| format!("s{at}={value}")).collect::<Vec<_>>().join(", ")
    };
    let tagged = r#"("@method");created=1790000000;tag="orders""#;
    assert_refused!(with(members(9, tagged), members(9, ":AA==:")), "too_many_signatures", "HS-FLD-07");
    // Either field alone.
    assert_refused!(with(members(9, tagged), members(1, ":AA==:")), "too_many_signatures", "HS-FLD-07");
    assert_refused!(with(members(1, tagged), members(9, ":AA==:")), "too_many_signatures", "HS-FLD-07");
    assert_refused!(with(members(8, tagged), members(8, ":AA==:")), "ambiguous_signature", "HS-FLD-04");
    assert_refused!(with(members(2000, "()"), members(2000, ":AA==:")), "too_many_signatures", "HS-FLD-07");
    assert_refused!(
        with(members(100, "()"), members(100, ":AA==:")),
        "malformed_signature_field",
        "HS-SF-06"
    );
    let components = (0..65).map(|at| format!("\"x{at}\"")).collect::<Vec<_>>().join(" ");
    let long = format!(r#"s0=({components});created=1790000000;tag="orders""#);
    assert_refused!(with(long, "s0=:AA==:".into()), "too_many_components", "HS-FLD-07");
    let parameters = ";p".repeat(40);
    assert_refused!(
        with(format!("s0=(){parameters}"), "s0=:AA==:".into()),
        "malformed_signature_field",
        "HS-SF-06"
    );
    let deep = format!("s0={}{}", "(".repeat(500), ")".repeat(500));
    assert_refused!(with(deep, "s0=:AA==:".into()), "malformed_signature_field", "HS-SF-01");
}
