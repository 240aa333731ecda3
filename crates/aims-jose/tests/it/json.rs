//! The strict JSON reader and the writer (JO-JSON).

use std::borrow::Cow;
use std::fmt::Write;

use aims_jose::json::{self, JsonError, Kind, Limits, Object, ObjectWriter, Value};
use aims_testkit::assert_refused;
use proptest::prelude::*;
use serde_json::{Map, Value as Tree};

fn read(text: impl AsRef<[u8]>) -> Result<(), JsonError> {
    json::read_object(text.as_ref(), &Limits::new(), |_, _| Ok(()))
}

/// What each text is refused with; written in the manner of the JSON test suite's `n_` and `i_` cases.
const REFUSED: &[(&[u8], &str, &str)] = &[
    // Exactly one object.
    (b"", "json_truncated", "JO-JSON-01"),
    (b" \t\r\n", "json_truncated", "JO-JSON-01"),
    (b"[]", "json_not_an_object", "JO-JSON-01"),
    (b"[{}]", "json_not_an_object", "JO-JSON-01"),
    (b"\"{}\"", "json_not_an_object", "JO-JSON-01"),
    (b"1", "json_not_an_object", "JO-JSON-01"),
    (b"null", "json_not_an_object", "JO-JSON-01"),
    (b"true", "json_not_an_object", "JO-JSON-01"),
    (b"\0{}", "json_not_an_object", "JO-JSON-01"),
    (b"\x0b{}", "json_not_an_object", "JO-JSON-01"),
    (b"{}{}", "json_trailing_data", "JO-JSON-01"),
    (b"{},", "json_trailing_data", "JO-JSON-01"),
    (b"{}}", "json_trailing_data", "JO-JSON-01"),
    (b"{}\0", "json_trailing_data", "JO-JSON-01"),
    (b"{} x", "json_trailing_data", "JO-JSON-01"),
    (b"{}\xc2\xa0", "json_trailing_data", "JO-JSON-01"),
    (b"{} // end", "json_trailing_data", "JO-JSON-01"),
    // The grammar.
    (b"{", "json_truncated", "JO-JSON-01"),
    (b"{\"a", "json_truncated", "JO-JSON-01"),
    (b"{\"a\"", "json_truncated", "JO-JSON-01"),
    (b"{\"a\":", "json_truncated", "JO-JSON-01"),
    (b"{\"a\":1", "json_truncated", "JO-JSON-01"),
    (b"{\"a\":1,", "json_truncated", "JO-JSON-01"),
    (b"{\"a\":[1", "json_truncated", "JO-JSON-01"),
    (b"{\"a\":tru", "json_truncated", "JO-JSON-01"),
    (b"{\"a\":\"\\", "json_truncated", "JO-JSON-01"),
    (b"{\"a\":\"\\u00", "json_truncated", "JO-JSON-01"),
    (b"{\"a\":}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\"}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\",1}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\"::1}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\" 1}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":1 \"b\":2}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":1;\"b\":2}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":1]", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":[1}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":[1}]", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":[1 2]}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":[,1]}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":[1,,2]}", "json_syntax", "JO-JSON-01"),
    (b"{,\"a\":1}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":1,,\"b\":2}", "json_syntax", "JO-JSON-01"),
    (b"{a:1}", "json_syntax", "JO-JSON-01"),
    (b"{'a':1}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":'b'}", "json_syntax", "JO-JSON-01"),
    (b"{1:1}", "json_syntax", "JO-JSON-01"),
    (b"{null:1}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":True}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":truth}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":truex}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":nul1}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":undefined}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":\x0c1}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":\xe2\x80\x831}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":`b`}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":\"b\"\"c\"}", "json_syntax", "JO-JSON-01"),
    (b"{\"a\":\"\\x41\"}", "json_escape", "JO-JSON-01"),
    (b"{\"a\":\"\\'\"}", "json_escape", "JO-JSON-01"),
    (b"{\"a\":\"\\0\"}", "json_escape", "JO-JSON-01"),
    (b"{\"a\":\"\\U0041\"}", "json_escape", "JO-JSON-01"),
    (b"{\"a\":\"\\u004g\"}", "json_escape", "JO-JSON-01"),
    (b"{\"a\":\"\\u+041\"}", "json_escape", "JO-JSON-01"),
    (b"{\"a\":\"\\u 041\"}", "json_escape", "JO-JSON-01"),
    (b"{\"a\":\"\\u{41}\"}", "json_escape", "JO-JSON-01"),
    (b"{\"a\":\"\\\n\"}", "json_escape", "JO-JSON-01"),
    (b"{\"a\":\"\\\xc3\xa9\"}", "json_escape", "JO-JSON-01"),
    // What other dialects allow.
    (b"{\"a\":1,}", "json_trailing_comma", "JO-JSON-04"),
    (b"{\"a\":[1,]}", "json_trailing_comma", "JO-JSON-04"),
    (b"{\"a\":[1 , ]}", "json_trailing_comma", "JO-JSON-04"),
    (b"{/* */}", "json_comment", "JO-JSON-04"),
    (b"{\"a\"/**/:1}", "json_comment", "JO-JSON-04"),
    (b"{\"a\":/**/1}", "json_comment", "JO-JSON-04"),
    (b"{\"a\":1 // one\n}", "json_comment", "JO-JSON-04"),
    (b"{\"a\":NaN}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":-NaN}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":Infinity}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":-Infinity}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":+1}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":.5}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":5.}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":-}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":--1}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":-.5}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":01}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":-01}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":00}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":0x10}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":0b1}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":1_000}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":1e}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":1e+}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":1e+-1}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":1.e5}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":1e1.5}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":1.2.3}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":1-2}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":1n}", "json_number_form", "JO-JSON-04"),
    (b"{\"a\":1e999}", "json_number_overflow", "JO-JSON-04"),
    (b"{\"a\":-1E+309}", "json_number_overflow", "JO-JSON-04"),
    (b"{\"a\":[[1e400]]}", "json_number_overflow", "JO-JSON-04"),
    (b"{\"a\":\"\n\"}", "json_control_character", "JO-JSON-04"),
    (b"{\"a\":\"\t\"}", "json_control_character", "JO-JSON-04"),
    (b"{\"a\":\"\0\"}", "json_control_character", "JO-JSON-04"),
    (b"{\"a\":\"a longer text \x1f\"}", "json_control_character", "JO-JSON-04"),
    (b"{\"a\nb\":1}", "json_control_character", "JO-JSON-04"),
    (b"{\"a\":\"\\ud800\"}", "json_lone_surrogate", "JO-JSON-04"),
    (b"{\"a\":\"\\ud83dx\"}", "json_lone_surrogate", "JO-JSON-04"),
    (b"{\"a\":\"\\ud83d\\n\"}", "json_lone_surrogate", "JO-JSON-04"),
    (b"{\"a\":\"\\ud83d\\u0041\"}", "json_lone_surrogate", "JO-JSON-04"),
    (b"{\"a\":\"\\ud83d\\ud83d\"}", "json_lone_surrogate", "JO-JSON-04"),
    (b"{\"a\":\"\\uDE00\"}", "json_lone_surrogate", "JO-JSON-04"),
    (b"{\"a\":\"\\ude00\\ud83d\"}", "json_lone_surrogate", "JO-JSON-04"),
    (b"{\"\\uD800\":1}", "json_lone_surrogate", "JO-JSON-04"),
];

const ACCEPTED: &[&str] = &[
    "{}",
    " \t\r\n{ } \n",
    "{\n  \"a\" : [ 1 , 2 ] ,\r\n\t\"b\" : { \"c\" : null }\n}\n",
    r#"{"":0}"#,
    r#"{"a":-0,"b":0.0,"c":-0e0,"d":0E+10}"#,
    r#"{"a":1.5e9,"b":1E-400,"c":123456789012345678901234567890}"#,
    r#"{"a":1.7976931348623157e308}"#,
    r#"{"a":[[],[[]],{},[{"a":[]}]]}"#,
    r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#,
    r#"{"a":"\"\\\/\b\f\n\r\t\u0000\u001f\u007f\u0080\uffff"}"#,
    r#"{"a":"\ud83d\ude00\uD83D\uDE00\ud83d\udE00"}"#,
    r#"{"a":"[]{},:\"//"}"#,
    r#"{"\u0061":"\u005b\u0022"}"#,
    "{\"a\":\"\u{7f}\u{80}\u{2028}\u{2029}\u{fffd}\u{ffff}\u{10ffff}\u{feff}\"}",
    "{\"\u{e9}\":1,\"e\u{301}\":2}",
    r#"{"A":1,"a":2," a":3,"a ":4,"aa":5,"a\u0000":6}"#,
    r#"{"a":true,"b":false,"c":null}"#,
];

#[test]
fn jo_json_01_jo_json_04_texts_that_are_refused() {
    for &(text, code, rule) in REFUSED {
        assert_refused!(read(text), code, rule, "{:?}", String::from_utf8_lossy(text));
        assert_refused!(
            Object::parse(text, &Limits::new()),
            code,
            rule,
            "{:?}, to be kept",
            String::from_utf8_lossy(text)
        );
    }
}

#[test]
fn jo_json_01_jo_json_04_texts_that_are_accepted() {
    for text in ACCEPTED {
        assert_eq!(read(text), Ok(()), "{text}");
        let object = Object::parse(*text, &Limits::new()).unwrap();
        assert_eq!(tree(object.as_value()), serde_json::from_str::<Tree>(text).unwrap(), "{text}");
        assert_eq!(object.as_text(), *text);
    }
}

#[test]
fn jo_atk_10_encodings_other_than_utf_8_are_refused() {
    let utf16 =
        |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(order).collect() };
    let cases: [(Vec<u8>, &str, &str); 15] = [
        (b"\xef\xbb\xbf{}".to_vec(), "json_byte_order_mark", "JO-JSON-01"),
        (utf16("\u{feff}{}", u16::to_be_bytes), "json_utf8", "JO-JSON-01"),
        (utf16("\u{feff}{}", u16::to_le_bytes), "json_utf8", "JO-JSON-01"),
        (utf16("{}", u16::to_be_bytes), "json_not_an_object", "JO-JSON-01"),
        (utf16("{}", u16::to_le_bytes), "json_syntax", "JO-JSON-01"),
        // Overlong forms of `/`, NUL and a quote.
        (b"{\"a\":\"\xc0\xaf\"}".to_vec(), "json_utf8", "JO-JSON-01"),
        (b"{\"a\":\"\xc0\x80\"}".to_vec(), "json_utf8", "JO-JSON-01"),
        (b"{\"a\":\"\xe0\x80\xa2\"}".to_vec(), "json_utf8", "JO-JSON-01"),
        // Surrogates, beyond U+10FFFF, cut short, alone.
        (b"{\"a\":\"\xed\xa0\x80\"}".to_vec(), "json_utf8", "JO-JSON-01"),
        (b"{\"a\":\"\xed\xa0\xbd\xed\xb8\x80\"}".to_vec(), "json_utf8", "JO-JSON-01"),
        (b"{\"a\":\"\xf4\x90\x80\x80\"}".to_vec(), "json_utf8", "JO-JSON-01"),
        (b"{\"a\":\"\xe2\x82\"}".to_vec(), "json_utf8", "JO-JSON-01"),
        (b"{\"a\":\"\x80\"}".to_vec(), "json_utf8", "JO-JSON-01"),
        (b"{\"\xff\":1}".to_vec(), "json_utf8", "JO-JSON-01"),
        (b"{\"a\":\"\\ud800\"}".to_vec(), "json_lone_surrogate", "JO-JSON-04"),
    ];
    for (text, code, rule) in cases {
        assert_refused!(read(&text), code, rule, "{text:x?}");
        assert_refused!(Object::parse(text.clone(), &Limits::new()), code, rule, "{text:x?}, to be kept");
    }
}

#[test]
fn jo_json_02_jo_atk_07_duplicate_names_are_refused_at_every_depth() {
    let cases = [
        r#"{"alg":"ES256","alg":"none"}"#,
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"ES256","\u0061lg":"none"}"#,
        r#"{"\u0061lg":"ES256","alg":"none"}"#,
        r#"{"a\u006cg":"ES256","\u0061lg":"none"}"#,
        r#"{"alg":1,"kid":2,"typ":3,"alg":4}"#,
        r#"{"":1,"":2}"#,
        r#"{"/":1,"\/":2}"#,
        r#"{"\"":1,"\u0022":2}"#,
        r#"{"é":1,"\u00e9":2}"#,
        r#"{"😀":1,"\ud83d\ude00":2}"#,
        r#"{"\uD83D\uDE00":1,"\ud83d\ude00":2}"#,
        r#"{"cnf":{"jwk":{"kty":"EC","kty":"RSA"}}}"#,
        r#"{"cnf":{"jwk":{"kty":"EC","\u006bty":"RSA"}}}"#,
        r#"{"a":[[{"b":1,"b":2}]]}"#,
        r#"{"a":{"b":{"c":1}},"d":{"b":1,"c":2},"a":3}"#,
        r#"{"a":{"x":1,"y":{},"x":2}}"#,
        r#"{"12345678":1,"12345678":2}"#,
        r#"{"a name of more than sixteen bytes":1,"a name of more than sixteen bytes":2}"#,
    ];
    for text in cases {
        assert_refused!(read(text), "json_duplicate_name", "JO-JSON-02", "{text}");
    }
}

#[test]
fn jo_json_02_names_that_only_look_alike_are_different() {
    for text in [
        r#"{"alg":1,"Alg":2,"alg ":3,"a1g":4,"al":5,"\u0430lg":6,"alg\u0000":7,"\\u0061lg":8}"#,
        // Equal in their first and last eight bytes and in length.
        r#"{"aaaaaaaa1bbbbbbbb":1,"aaaaaaaa2bbbbbbbb":2}"#,
        r#"{"\u0000":1,"\u0000\u0000":2,"":3}"#,
        // The same name again, in another object.
        r#"{"a":{"a":{"a":[{"a":1},{"a":2}]}}}"#,
        r#"{"a":{"b":1,"c":2},"b":3,"c":4}"#,
    ] {
        assert_eq!(read(text), Ok(()), "{text}");
    }
}

#[test]
fn jo_json_02_every_pair_of_many_names_is_compared() {
    // Beyond 32 open members the names are kept elsewhere; both parts and objects across the border count.
    let names: Vec<String> = (0..70).map(|n| format!("name{n}")).collect();
    let text = |names: &[String], extra: &str| {
        let members: Vec<_> = names.iter().map(|n| format!("\"{n}\":{{\"x\":1,\"y\":2}}")).collect();
        format!("{{{},{extra}}}", members.join(","))
    };
    assert_eq!(read(text(&names, r#""other":1"#)), Ok(()));
    for count in [1, 30, 31, 32, 33, 34, 64, 70] {
        for (place, again) in names[..count].iter().enumerate() {
            let text = text(&names[..count], &format!("\"{again}\":1"));
            assert_refused!(read(&text), "json_duplicate_name", "JO-JSON-02", "{place} of {count}");
        }
        let inner = text(&names[..count], r#""in":{"x":1,"z":{"x":1},"x":2}"#);
        assert_refused!(read(inner), "json_duplicate_name", "JO-JSON-02", "inside, after {count}");
        let after = text(&names[..count], r#""in":{"x":1,"z":{"x":1}},"name0":1"#);
        assert_refused!(read(after), "json_duplicate_name", "JO-JSON-02", "after an object, {count}");
    }
}

#[test]
fn jo_json_03_jo_atk_20_depth_is_limited() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{{\"a\":{}0{}}}", open.repeat(depth - 1), close.repeat(depth - 1))
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[[{\"a\":[", "]}]]")] {
        let levels = open.matches(['[', '{']).count();
        let text = |depth: usize| nested(open, close, (depth - 1) / levels + 1);
        assert_eq!(read(text(16 / levels * levels - levels + 1)), Ok(()));
        for depth in [100, 2500] {
            assert_refused!(read(text(depth)), "json_depth_limit", "JO-JSON-03", "{open}, {depth}");
        }
    }
    assert_eq!(read(nested("[", "]", 16)), Ok(()));
    assert_refused!(read(nested("[", "]", 17)), "json_depth_limit", "JO-JSON-03");
    assert_eq!(read(nested("{\"a\":", "}", 16)), Ok(()));
    assert_refused!(read(nested("{\"a\":", "}", 17)), "json_depth_limit", "JO-JSON-03");
    // Nothing closes them, and the caller allows as much as can be allowed.
    let wide = Limits::new().bytes(usize::MAX).depth(usize::MAX);
    let brackets = format!("{{\"a\":{}", "[".repeat(5000));
    assert_refused!(Object::parse(brackets, &wide), "json_depth_limit", "JO-JSON-03");
    let most = Object::parse(nested("[", "]", 128), &wide).unwrap();
    assert_eq!(most.get("a").unwrap().as_array().unwrap().count(), 1);
    assert_refused!(Object::parse("{}", &wide.depth(0)), "json_depth_limit", "JO-JSON-03");
}

#[test]
fn jo_json_03_jo_atk_20_lengths_and_counts_are_limited() {
    let limits = Limits::new().bytes(100).members(4).number(8).string(10);
    let parse = |text: &str| Object::parse(text, &limits).map(|_| ());

    assert_eq!(parse(&format!("{{}}{}", " ".repeat(98))), Ok(()));
    assert_refused!(parse(&format!("{{}}{}", " ".repeat(99))), "json_input_limit", "JO-JSON-03");

    assert_eq!(parse(r#"{"a":"1234567890","1234567890":"12345\\\u0000"}"#), Err(JsonError::StringLimit));
    assert_eq!(parse(r#"{"a":"1234567890","1234567890":"1234\u0000"}"#), Ok(()));
    assert_refused!(parse(r#"{"a":"12345678901"}"#), "json_string_limit", "JO-JSON-03");
    assert_refused!(parse(r#"{"12345678901":1}"#), "json_string_limit", "JO-JSON-03");

    assert_eq!(parse(r#"{"a":12345678,"b":-1.5e-10}"#), Ok(()));
    assert_refused!(parse(r#"{"a":123456789}"#), "json_number_limit", "JO-JSON-03");
    assert_refused!(parse(r#"{"a":-1.5e+100}"#), "json_number_limit", "JO-JSON-03");

    assert_eq!(parse(r#"{"a":1,"b":2,"c":3,"d":4}"#), Ok(()));
    assert_refused!(parse(r#"{"a":1,"b":2,"c":3,"d":4,"e":5}"#), "json_member_limit", "JO-JSON-03");
    // Members of open objects add up, those of closed ones do not.
    assert_eq!(parse(r#"{"a":[{"a":1,"b":2,"c":3},{"a":1,"b":2,"c":3}],"d":{"a":1,"b":2}}"#), Ok(()));
    assert_refused!(parse(r#"{"a":{"a":{"a":{"a":{"a":1}}}}}"#), "json_member_limit", "JO-JSON-03");

    let long = format!("{{\"exp\":{}}}", "9".repeat(11_000));
    assert_refused!(read(&long), "json_number_limit", "JO-JSON-03");
    let wide = Limits::new().number(usize::MAX);
    assert_refused!(Object::parse(long, &wide), "json_number_overflow", "JO-JSON-04");
    assert_refused!(read(vec![b' '; 2 << 20]), "json_input_limit", "JO-JSON-03");
    let text = format!("{{\"a\":\"{}\"}}", "x".repeat(8193));
    assert_refused!(read(text), "json_string_limit", "JO-JSON-03");
    let members: Vec<_> = (0..257).map(|n| format!("\"{n}\":0")).collect();
    assert_refused!(read(format!("{{{}}}", members.join(","))), "json_member_limit", "JO-JSON-03");
    assert_eq!(read(format!("{{{}}}", members[1..].join(","))), Ok(()));
}

#[test]
fn numbers_are_read_exactly() {
    // As written; as u64, as i64, floor.
    let cases = [
        ("0", Some(0), Some(0), Some(0)),
        ("-0", None, Some(0), Some(0)),
        ("-0.0e5", None, None, Some(0)),
        ("1", Some(1), Some(1), Some(1)),
        ("-1", None, Some(-1), None),
        ("-0.5", None, None, None),
        ("-1e-9", None, None, None),
        ("1799999999", Some(1_799_999_999), Some(1_799_999_999), Some(1_799_999_999)),
        ("253402300799.9", None, None, Some(253_402_300_799)),
        // The nearest double is 1800000000.
        ("1799999999.99999999", None, None, Some(1_799_999_999)),
        ("1.5e9", None, None, Some(1_500_000_000)),
        ("1.5E+9", None, None, Some(1_500_000_000)),
        ("15000000000e-1", None, None, Some(1_500_000_000)),
        ("15e8", None, None, Some(1_500_000_000)),
        ("1.23456e2", None, None, Some(123)),
        ("1.23456e5", None, None, Some(123_456)),
        ("1.23456e6", None, None, Some(1_234_560)),
        ("0.00012e5", None, None, Some(12)),
        ("123e-2", None, None, Some(1)),
        ("123e-3", None, None, Some(0)),
        ("123e-4", None, None, Some(0)),
        ("9e-99999999999999999999", None, None, Some(0)),
        ("0e99999999999999999999", None, None, Some(0)),
        ("0.1", None, None, Some(0)),
        (
            "9007199254740993",
            Some(9_007_199_254_740_993),
            Some(9_007_199_254_740_993),
            Some(9_007_199_254_740_993),
        ),
        ("18446744073709551615", Some(u64::MAX), None, Some(u64::MAX)),
        ("18446744073709551615.9", None, None, Some(u64::MAX)),
        ("18446744073709551616", None, None, None),
        ("1e20", None, None, None),
        ("1e308", None, None, None),
    ];
    for (written, unsigned, signed, floor) in cases {
        let object = Object::parse(format!("{{\"n\":{written}}}"), &Limits::new()).unwrap();
        let number = object.get("n").and_then(|n| n.as_number()).unwrap();
        assert_eq!(number.as_written(), written);
        assert_eq!(number.as_u64(), unsigned, "{written} as u64");
        assert_eq!(number.as_i64(), signed, "{written} as i64");
        assert_eq!(number.floor_u64(), floor, "floor of {written}");
        assert_eq!(number.to_f64().to_bits(), written.parse::<f64>().unwrap().to_bits(), "{written} as f64");
    }
}

#[test]
fn members_are_shown_in_their_order_and_nested_values_on_demand() {
    let text = r#" {"iss":"https:\/\/a.example","aud" : ["a", "\u0062", 3, [] ,{"k":"v"}],"act":{"sub":"x","act":{"sub":"]}\\"}},
        "n":null,"t":true,"f":false,"exp":1.5e9} "#;
    let mut names = Vec::new();
    let mut spans = Vec::new();
    let object = Object::read(text, &Limits::new(), |name, value| {
        names.push(name.as_str().into_owned());
        spans.push((value.span(), value.raw().to_owned()));
        Ok::<(), JsonError>(())
    })
    .unwrap();
    assert_eq!(names, ["iss", "aud", "act", "n", "t", "f", "exp"]);
    for (span, raw) in &spans {
        assert_eq!(object.at(*span).unwrap().raw(), raw);
    }
    assert!(object.iter().map(|(_, value)| value.span()).eq(spans.iter().map(|(span, _)| *span)));

    let iss = object.get("iss").unwrap();
    assert_eq!(iss.as_str(), Some(Cow::Borrowed("https://a.example")));
    assert_eq!(iss.as_raw_str(), None, "it has escapes");
    assert!(iss.is_str("https://a.example") && !iss.is_str("https://a.exampl"));
    let aud: Vec<_> = object.get("aud").unwrap().as_array().unwrap().collect();
    assert_eq!(
        aud.iter().map(Value::kind).collect::<Vec<_>>(),
        [Kind::String, Kind::String, Kind::Number, Kind::Array, Kind::Object]
    );
    assert_eq!(aud[0].as_raw_str(), Some("a"));
    assert!(matches!(aud[0].as_str(), Some(Cow::Borrowed("a"))));
    assert!(aud[1].is_str("b"));
    assert_eq!(aud[3].as_array().unwrap().count(), 0);
    assert_eq!(object.at(aud[4].span()).unwrap().get("k").unwrap().as_raw_str(), Some("v"));
    let inner = object.get("act").unwrap().get("act").unwrap();
    assert_eq!(inner.raw(), r#"{"sub":"]}\\"}"#);
    assert_eq!(inner.get("sub").unwrap().as_str().unwrap(), "]}\\");
    assert!(object.get("n").unwrap().is_null());
    assert_eq!(object.get("t").unwrap().as_bool(), Some(true));
    assert_eq!(object.get("f").unwrap().as_bool(), Some(false));
    assert!(object.get("aud").unwrap().get("k").is_none(), "an array has no members");
    assert!(object.get("absent").is_none());
}

/// JO-CLM-01: a value of another type is never mistaken for one that is absent or empty.
#[test]
fn jo_clm_01_values_answer_only_to_their_own_kind() {
    let object = Object::parse(r#"{"a":[],"b":true,"n":null,"1":1,"o":{},"s":""}"#, &Limits::new()).unwrap();
    for (_, value) in &object {
        let kinds = [
            (Kind::Array, value.as_array().is_some()),
            (Kind::Bool, value.as_bool().is_some()),
            (Kind::Null, value.is_null()),
            (Kind::Number, value.as_number().is_some()),
            (Kind::Object, value.as_object().is_some()),
            (Kind::String, value.as_str().is_some() && value.as_raw_str().is_some() && value.is_str("")),
        ];
        for (kind, answers) in kinds {
            assert_eq!(answers, kind == value.kind(), "{value:?} as {kind:?}");
        }
    }
}

#[test]
fn an_error_of_the_visitor_ends_the_reading() {
    #[derive(Debug, PartialEq)]
    enum Refusal {
        Json(JsonError),
        Mine,
    }
    impl From<JsonError> for Refusal {
        fn from(error: JsonError) -> Self {
            Self::Json(error)
        }
    }
    let read = |text: &str| {
        let mut seen = 0;
        let result = json::read_object(text.as_bytes(), &Limits::new(), |name, _| {
            seen += 1;
            if name == "b" { Err(Refusal::Mine) } else { Ok(()) }
        });
        (result, seen)
    };
    assert_eq!(read(r#"{"a":1,"b":2,"c":3}"#), (Err(Refusal::Mine), 2));
    assert_eq!(read(r#"{"a":{"b":2}}"#), (Ok(()), 1));
    assert_eq!(read(r#"{"a":1,"a":2}"#), (Err(Refusal::Json(JsonError::DuplicateName)), 1));
}

/// JO-KEY-07: the values of a private JWK do not show in `Debug`.
#[test]
fn jo_key_07_debug_shows_no_values() {
    let object = Object::parse(r#"{"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4B"}"#, &Limits::new()).unwrap();
    let mut shown = format!("{object:?} {:?} {:?}", object.as_value(), object.iter());
    for (_, value) in &object {
        let _ = write!(shown, "{value:?} {:?} {:?}", value.span(), value.as_array());
    }
    let mut writer = ObjectWriter::new();
    let _ = write!(shown, "{:?}", writer.value("d", object.get("d").unwrap()));
    assert!(!shown.contains("870MB6gf"), "{shown}");
    assert_eq!(format!("{:?}", object.get("d").unwrap()), "Value { kind: String, len: 34, .. }");
    assert_eq!(format!("{:?}", object.iter()), "Members(Cursor { at: 1, .. })");
    assert!(format!("{writer:?}").starts_with("ObjectWriter { len: "));
    assert_eq!(format!("{object:?}"), "Object { len: 40, .. }");
}

#[test]
fn a_value_is_found_again_by_its_span() {
    for before in ["", " ", "\n\t "] {
        let object =
            Object::parse(format!(r#"{before}{{"a":[1,{{"b":"c"}}],"d":2}} "#), &Limits::new()).unwrap();
        let value = object.as_value();
        assert_eq!(object.at(value.span()).unwrap().raw(), value.raw());
        assert_eq!(object.at(value.get("d").unwrap().span()).unwrap().raw(), "2");
        let inner = object.get("a").unwrap().as_array().unwrap().nth(1).unwrap().get("b").unwrap();
        assert!(object.at(inner.span()).unwrap().is_str("c"));
    }
}

#[test]
fn jo_sign_03_the_writer_has_one_spelling_and_refuses_duplicates() {
    let source = Object::parse(r#"{"v":[1, {"x":"y"}]}"#, &Limits::new()).unwrap();
    let value = source.get("v").unwrap();
    let mut writer = ObjectWriter::new();
    writer
        .str("iss", "a\"b\\c/d\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}\u{2028}é😀")
        .u64("exp", u64::MAX)
        .i64("low", i64::MIN)
        .bool("t", true)
        .bool("f", false)
        .null("n")
        .value("v", value)
        .strs("aud", ["a", "b"])
        .strs("none", [""; 0])
        .object("o", |o| {
            o.str("iss", "in").object("o", |_| {}).u64("exp", 1);
        })
        .array("list", |list| {
            list.str("[").u64(1).value(value).array(|_| {});
            list.object(|o| {
                o.str("{", "[");
            })
            .str("end");
        })
        .str("{", "")
        .str("last\n", "x");
    let text = writer.finish().unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"iss":"a\"b\\c/d\b\f\n\r\t\u0000\u001f"#,
            "\u{7f}\u{2028}é😀",
            r#"","exp":18446744073709551615,"low":-9223372036854775808,"t":true,"f":false,"n":null,"#,
            r#""v":[1, {"x":"y"}],"aud":["a","b"],"none":[],"o":{"iss":"in","o":{},"exp":1},"#,
            r#""list":["[",1,[1, {"x":"y"}],[],{"{":"["},"end"],"{":"","last\n":"x"}"#
        )
    );
    read(&text).unwrap();
    assert_eq!(writer.finish().unwrap(), "{}", "the writer is empty again");

    assert_refused!(
        ObjectWriter::new().u64("exp", 1).str("sub", "x").str("exp", "").finish(),
        "json_duplicate_name",
        "JO-JSON-02"
    );
    let nested = |names: [&str; 2]| {
        ObjectWriter::new()
            .object("cnf", |cnf| {
                cnf.null(names[0]).null(names[1]);
            })
            .null("jkt")
            .finish()
    };
    assert_refused!(nested(["a\n", "a\n"]), "json_duplicate_name", "JO-JSON-02");
    assert_eq!(nested(["jkt", "cnf"]).unwrap(), r#"{"cnf":{"jkt":null,"cnf":null},"jkt":null}"#);
    let mut failed = ObjectWriter::new();
    failed.null("a").null("a");
    assert_eq!(failed.finish(), Err(JsonError::DuplicateName));
    assert_eq!(failed.null("a").finish().unwrap(), r#"{"a":null}"#, "an error does not outlive its object");
}

proptest! {
    #[test]
    fn jo_json_01_whatever_serde_json_writes_is_read_alike(members in object(), pretty: bool) {
        let expected = Tree::Object(members);
        let text = if pretty { serde_json::to_string_pretty(&expected) } else { serde_json::to_string(&expected) };
        let object = Object::parse(text.unwrap(), &Limits::new()).unwrap();
        prop_assert_eq!(tree(object.as_value()), expected);
    }

    #[test]
    fn what_the_writer_writes_is_read_alike(members in object()) {
        let mut writer = ObjectWriter::new();
        write_members(&mut writer, &members);
        let text = writer.finish().unwrap();
        prop_assert_eq!(&serde_json::from_str::<Tree>(&text).unwrap(), &Tree::Object(members));
        read(&text).unwrap();
    }

    /// JO-JSON-01, JO-JSON-04: the reader accepts nothing that serde_json refuses, and reads it alike.
    #[test]
    fn jo_json_04_whatever_is_accepted_serde_json_accepts(at: prop::sample::Index, cut: prop::sample::Index, from: prop::sample::Index,
        with in prop_oneof![Just(String::new()), "[\\[\\]{}:,\"\\\\u0-9eE+. tfn\u{0}-]{0,3}", "\\PC{1,2}"]) {
        let mut text = ACCEPTED[from.index(ACCEPTED.len())].to_owned();
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = places[at.index(places.len())];
        let end = places.iter().copied().filter(|&end| end >= at).take(3).collect::<Vec<_>>();
        text.replace_range(at..end[cut.index(end.len())], &with);
        if let Ok(object) = Object::parse(text.clone(), &Limits::new()) {
            prop_assert_eq!(tree(object.as_value()), serde_json::from_str::<Tree>(&text).unwrap());
        }
    }

    #[test]
    fn jo_json_01_any_bytes_are_read_without_panic(bytes: Vec<u8>, json in "\\{[\\[\\]{}:,\"\\\\ub0-9eE+. -]{0,24}\\}") {
        if read(&bytes).is_ok() {
            serde_json::from_slice::<Tree>(&bytes).unwrap();
        }
        if let Ok(object) = Object::parse(json.clone(), &Limits::new()) {
            prop_assert_eq!(tree(object.as_value()), serde_json::from_str::<Tree>(&json).unwrap());
        }
    }

    /// JO-JSON-02: two spellings of one name, anywhere in an object.
    #[test]
    fn jo_json_02_an_escaped_duplicate_is_refused(members in object(), at: prop::sample::Index, escape in any::<Vec<bool>>()) {
        prop_assume!(!members.is_empty());
        let again = members.keys().nth(at.index(members.len())).unwrap();
        let mut escape = escape.into_iter().chain(std::iter::repeat(true));
        let mut spelled = String::new();
        for character in again.chars() {
            if escape.next().unwrap() || character < ' ' || character == '"' || character == '\\' {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(spelled, "\\u{unit:04x}");
                }
            } else {
                spelled.push(character);
            }
        }
        let text = serde_json::to_string(&members).unwrap();
        let (open, rest) = text.split_at(1);
        assert_refused!(read(format!("{open}\"{spelled}\":0,{rest}")), "json_duplicate_name", "JO-JSON-02");
    }

    #[test]
    fn a_span_of_another_document_is_harmless(start in 0..40_usize, text in "[\\[\\]{}:,\"\\\\a1]{0,20}") {
        let other = Object::parse(format!("{}{{\"a\":[\"b\",{{}}]}}", " ".repeat(start)), &Limits::new()).unwrap();
        let value = other.get("a").unwrap();
        let mine = Object::parse(format!("{{\"x\":{}}}", serde_json::to_string(&text).unwrap()), &Limits::new()).unwrap();
        for span in [value.span(), value.as_array().unwrap().next().unwrap().span(), other.as_value().span()] {
            if let Some(value) = mine.at(span) {
                prop_assert!(value.raw().len() <= mine.as_text().len());
                let _ = (value.as_str(), value.get("x"), value.as_array().map(Iterator::count));
            }
        }
    }
}

/// The value as `serde_json` would have it.
fn tree(value: Value<'_>) -> Tree {
    match value.kind() {
        Kind::Array => value.as_array().unwrap().map(tree).collect(),
        Kind::Bool => value.as_bool().unwrap().into(),
        Kind::Null => Tree::Null,
        Kind::Number => {
            let number = value.as_number().unwrap();
            match (number.as_u64(), number.as_i64()) {
                (Some(unsigned), _) => unsigned.into(),
                // serde_json reads `-0` as a float.
                (None, Some(signed)) if signed != 0 => signed.into(),
                _ => serde_json::from_str::<f64>(number.as_written()).unwrap().into(),
            }
        }
        Kind::Object => {
            let mut members = Map::new();
            for (name, value) in value.as_object().unwrap() {
                assert!(members.insert(name.as_str().into_owned(), tree(value)).is_none());
            }
            Tree::Object(members)
        }
        Kind::String => value.as_str().unwrap().into(),
    }
}

fn write_members(writer: &mut ObjectWriter, members: &Map<String, Tree>) {
    for (name, value) in members {
        match value {
            Tree::Null => writer.null(name),
            Tree::Bool(value) => writer.bool(name, *value),
            Tree::Number(value) => match (value.as_u64(), value.as_i64()) {
                (Some(value), _) => writer.u64(name, value),
                (None, Some(value)) => writer.i64(name, value),
                (None, None) => {
                    let text = Object::parse(format!("{{\"a\":{value}}}"), &Limits::new()).unwrap();
                    writer.value(name, text.get("a").unwrap())
                }
            },
            Tree::String(value) => writer.str(name, value),
            Tree::Array(values) => {
                let text = Object::parse(
                    format!("{{\"a\":{}}}", serde_json::to_string(values).unwrap()),
                    &Limits::new(),
                );
                let text = text.unwrap();
                writer.array(name, |array| {
                    for value in text.get("a").unwrap().as_array().unwrap() {
                        array.value(value);
                    }
                })
            }
            Tree::Object(members) => writer.object(name, |object| write_members(object, members)),
        };
    }
}

fn object() -> impl Strategy<Value = Map<String, Tree>> {
    prop::collection::btree_map(text(), values(), 0..12).prop_map(|members| members.into_iter().collect())
}

fn values() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::from),
        any::<u64>().prop_map(Tree::from),
        any::<i64>().prop_map(Tree::from),
        // Few digits: serde_json reads long ones inexactly (its feature `float_roundtrip` is off).
        any::<i32>().prop_map(|n| Tree::from(f64::from(n) / 256.0)),
        text().prop_map(Tree::from),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::from),
            prop::collection::btree_map(text(), inner, 0..6)
                .prop_map(|members| Tree::Object(members.into_iter().collect())),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z_]{0,12}", 1 => ".{0,20}", 1 => "[\u{0}-\u{20}\"\\\\/\u{7f}-\u{a0}\u{2028}😀]{0,10}"]
}

#[test]
fn jo_sign_03_an_object_finished_inside_another_is_an_error() {
    let mut writer = ObjectWriter::new();
    writer.object("outer", |inner| {
        inner.str("a", "1");
        let _ = inner.finish();
    });
    assert_refused!(writer.str("b", "2").finish(), "json_syntax", "JO-JSON-01");
}
