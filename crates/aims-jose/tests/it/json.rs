//! The strict JSON reader and the writer (JO-JSON).

use aims_jose::json::{self, JsonError, Limits, Object};

fn read(text: impl AsRef<[u8]>) -> Result<(), JsonError> {
    json::read_object(text.as_ref(), &Limits::new(), |_, _| Ok(()))
}

#[test]
fn jo_json_03_deep_nesting_is_refused_without_recursion() {
    for depth in [17, 100, 5000] {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        aims_testkit::assert_refused!(
            json::read_object(text.as_bytes(), &Limits::new(), |_, _| Ok::<(), JsonError>(())),
            "json_depth_limit",
            "JO-JSON-03"
        );
    }
    read(format!("{{\"a\":{}{}}}", "[".repeat(15), "]".repeat(15))).unwrap();
    Object::parse("{}", &Limits::new()).unwrap();
}
