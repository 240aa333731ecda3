//! Parameters of requests.

use aims_oauth::{NewParameters, Parameters};
use aims_testkit::assert_refused;
use proptest::prelude::*;

#[test]
fn wir_2_parameters_are_there_once_and_an_empty_one_is_none() {
    let form = Parameters::parse(b"a=1&b=&c&resource=x&resource=y&resource=&d=1&d=1&e=&e=2").unwrap();
    assert_eq!(
        (form.get("a"), form.get("b"), form.get("c"), form.get("z")),
        (Ok(Some("1")), Ok(None), Ok(None), Ok(None))
    );
    assert_eq!(form.all("resource").collect::<Vec<_>>(), ["x", "y"]);
    for twice in ["d", "e"] {
        assert_refused!(form.get(twice), "parameter_repeated", "WIR-2", "{twice}");
    }
    assert_refused!(form.require("b"), "parameter_missing", "WIR-2");
    assert_refused!(form.require("d"), "parameter_repeated", "WIR-2");
    assert_eq!(form.require("a"), Ok("1"));
}

#[test]
fn wir_1_wir_9_forms_are_in_their_encoding_and_bounded() {
    let form = Parameters::parse(b"&&a%62=c+d%20%C3%BC&=x&").unwrap();
    assert_eq!(form.get("ab"), Ok(Some("c d ü")));
    assert_eq!(form.names().collect::<Vec<_>>(), ["ab", ""]);
    for text in [&b"a=%"[..], b"a=%4", b"a=%zz", b"a=%ff", b"%=1", b"a=\xff", b"a=%C3"] {
        assert_refused!(Parameters::parse(text), "form_encoding", "WIR-1", "{text:?}");
    }
    let long = [b"a=".as_slice(), &vec![b'x'; 64 * 1024]].concat();
    assert_refused!(Parameters::parse(&long), "form_too_long", "WIR-9");
    assert!(Parameters::parse(long.get(2..).unwrap()).is_ok());
    let many = |count: usize| "a=1&".repeat(count);
    assert!(Parameters::parse(many(256).as_bytes()).is_ok());
    assert_refused!(Parameters::parse(many(257).as_bytes()), "too_many_parameters", "WIR-9");
}

#[test]
fn sec_14_forms_show_no_values() {
    let form = Parameters::parse(b"client_assertion=secret").unwrap();
    assert_eq!(format!("{form:?}"), r#"["client_assertion"]"#);
    let mut new = NewParameters::new();
    new.add("code", "secret").add_some("scope", None).add_some("state", Some("secret"));
    assert!(!format!("{new:?}").contains("secret"));
    assert_eq!(new.as_str(), "code=secret&state=secret");
}

proptest! {
    #[test]
    fn wir_1_what_is_written_is_read(pairs in prop::collection::vec((".{1,8}", ".{1,20}"), 0..6)) {
        let mut new = NewParameters::new();
        for (name, value) in &pairs {
            new.add(name, value);
        }
        let form = Parameters::parse(new.as_str().as_bytes()).unwrap();
        prop_assert_eq!(form.names().collect::<Vec<_>>(), pairs.iter().map(|(name, _)| name).collect::<Vec<_>>());
        for (name, value) in &pairs {
            prop_assert!(form.all(name).any(|read| read == value));
        }
    }

    #[test]
    fn wir_9_no_form_is_too_much(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Parameters::parse(&text);
    }
}
