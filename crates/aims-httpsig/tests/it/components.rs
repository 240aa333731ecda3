//! Components and their values (HS-ID, HS-VAL), by the vectors.

use aims_httpsig::{Component, Context, FieldType};
use aims_testkit::vectors;

use crate::support::{message, text};

const TYPES: [(&str, FieldType); 3] = [
    ("example-dict", FieldType::Dictionary),
    ("example-list", FieldType::List),
    ("example-item", FieldType::Item),
];

#[test]
fn hs_id_01_hs_val_01_every_component_of_the_vectors_has_the_value_it_must_have() {
    let Some(file) = vectors::json("httpsig/components.json") else { return };
    let all = file["vectors"].as_array().unwrap();
    assert_eq!(all.len(), 108);
    for vector in all {
        let name = text(&vector["name"]);
        let (request, response) = (message(&vector["request"]), message(&vector["response"]));
        let context = if text(&vector["target"]) == "request" {
            Context::request(request.as_ref().unwrap())
        } else {
            let context = Context::response(response.as_ref().unwrap());
            request.iter().fold(context, |context, request| context.to(request))
        };
        let context = context.with_field_types(&TYPES).with_any_host();
        let component = text(&vector["component"]).parse::<Component>();
        let line = component.and_then(|component| Ok(format!("{component}: {}", context.value(&component)?)));
        match vector["line"].as_str() {
            Some(expected) => assert_eq!(line.as_deref(), Ok(expected), "{name}"),
            None => assert!(line.is_err(), "{name}: {line:?}"),
        }
    }
}
