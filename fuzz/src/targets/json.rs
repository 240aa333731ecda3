//! The JSON reader: whatever it accepts, a lenient reader accepts too, and sees the same.

use aims_jose::json::{Limits, Object, ObjectWriter};

pub(super) fn run(input: &[u8]) {
    match Object::parse(input, &Limits::new()) {
        Ok(object) => {
            let other: serde_json::Value =
                serde_json::from_slice(input).expect("strict is a subset of lenient");
            let other = other.as_object().expect("it is an object");
            assert_eq!(object.iter().count(), other.len(), "a name stands twice, or a member was lost");

            let mut writer = ObjectWriter::new();
            for (name, value) in &object {
                let name = name.as_str();
                let seen = &other[&*name];
                assert_eq!(value.as_str().as_deref(), seen.as_str());
                assert_eq!(value.as_bool(), seen.as_bool());
                assert_eq!(value.as_array().map(Iterator::count), seen.as_array().map(Vec::len));
                writer.value(&name, value);
            }
            let written = writer.finish().expect("the names differ");
            assert!(
                Object::parse(written, &Limits::new().bytes(usize::MAX)).is_ok(),
                "the copy is not read back"
            );
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "{}",
        r#"{"alg":"ES256","typ":"wit+jwt","kid":"a"}"#,
        r#"{"a":[1,2.5e3,-0,true,false,null,"x"],"b":{"c":{"d":[]}}}"#,
        r#"{"\u0061":"\ud83d\ude00","b":"\n\\\"/"}"#,
        "{ \"a\" : [ { } , [ ] ] }\n",
    ])
}
