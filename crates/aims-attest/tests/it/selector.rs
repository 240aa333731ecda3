//! Selectors (ATT-101).

use aims_attest::Selector;
use aims_testkit::assert_refused;

#[test]
fn att_101_a_selector_is_split_at_the_first_colon_and_kept_to_the_byte() {
    for (text, kind, value) in [
        ("unix:uid:1000", "unix", "uid:1000"),
        ("k8s_psat-2:a", "k8s_psat-2", "a"),
        ("unix:: x ", "unix", ": x "),
        ("unix:Ä", "unix", "Ä"),
    ] {
        let selector: Selector = text.parse().unwrap();
        assert_eq!((selector.kind(), selector.value(), selector.as_str()), (kind, value, text));
        assert_eq!(selector.to_string(), text);
        assert_eq!(Selector::new(kind, value).unwrap(), selector);
    }
    let parse = |text: &str| text.parse::<Selector>().unwrap();
    assert_ne!(parse("unix:path:/A"), parse("unix:path:/a"));
    assert_ne!(parse("unix:x"), parse("unix:x "));
    // The same text, split elsewhere: a type has no colon.
    assert_refused!(Selector::new("unix:uid", "1"), "selector_type", "ATT-101");
}

#[test]
fn att_101_what_is_no_selector_is_refused() {
    let long = format!("unix:{}", "x".repeat(4097));
    let long_kind = format!("{}:x", "u".repeat(65));
    for (text, code) in [
        ("unix", "selector_no_colon"),
        ("", "selector_no_colon"),
        (":x", "selector_type"),
        ("Unix:x", "selector_type"),
        ("un ix:x", "selector_type"),
        ("ünix:x", "selector_type"),
        ("unix:", "selector_empty"),
        ("unix:a\nb", "selector_control_character"),
        ("unix:\u{7f}", "selector_control_character"),
        ("unix:\u{85}", "selector_control_character"),
        (&long, "selector_too_long"),
        (&long_kind, "selector_too_long"),
    ] {
        assert_refused!(text.parse::<Selector>(), code, "ATT-101");
    }
    format!("{}:{}", "u".repeat(64), "x".repeat(4096)).parse::<Selector>().unwrap();
}
