//! The suite of structured fields (HS-SF-01), every record of it.

use aims_httpsig::sf::{
    BareItem, Decimal, Dictionary, InnerList, Item, Limits, List, Member, Parameters, WriteError,
};
use aims_testkit::vectors;
use serde_json::Value;

fn files(folder: &str) -> Vec<Value> {
    let Some(path) = vectors::path(folder) else { return Vec::new() };
    let mut names: Vec<_> =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let names = names.into_iter().filter_map(|name| name.into_string().ok());
    let json = names.filter_map(|name| name.strip_suffix(".json").map(ToOwned::to_owned));
    json.map(|name| vectors::json(&format!("{folder}/{name}.json")).unwrap()).collect()
}

fn records(folder: &str) -> Vec<Value> {
    files(folder).iter().flat_map(|file| file.as_array().unwrap().clone()).collect()
}

/// What a record expects, in our types.
fn bare(value: &Value) -> Result<BareItem<'static>, WriteError> {
    Ok(match value {
        Value::Bool(value) => BareItem::Boolean(*value),
        Value::String(text) => BareItem::String(text.clone().into()),
        Value::Number(number) => {
            if let Some(integer) = number.as_i64() {
                return Ok(BareItem::Integer(integer));
            }
            let text = format!("{:.3}", (number.as_f64().unwrap() * 1000.0).round_ties_even() / 1000.0);
            let digits: String = text.chars().filter(|digit| *digit != '.').collect();
            BareItem::Decimal(Decimal::from_thousandths(digits.parse().map_err(|_| WriteError::Number)?)?)
        }
        Value::Object(object) => {
            let text = object["value"].as_str().map(ToOwned::to_owned);
            match object["__type"].as_str().unwrap() {
                "token" => BareItem::Token(text.unwrap().into()),
                "binary" => BareItem::Bytes(base32(&text.unwrap()).into()),
                "date" => BareItem::Date(object["value"].as_i64().unwrap()),
                "displaystring" => BareItem::DisplayString(text.unwrap().into()),
                other => panic!("{other}"),
            }
        }
        other => panic!("{other}"),
    })
}

fn base32(text: &str) -> Vec<u8> {
    let digits = text.trim_end_matches('=').bytes();
    let bits = digits.flat_map(|digit| {
        let value =
            (0..).zip(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").find(|(_, known)| **known == digit).unwrap().0;
        (0..5).rev().map(move |bit| value >> bit & 1_u8)
    });
    let bits: Vec<_> = bits.collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |value, bit| value << 1 | *bit)).collect()
}

fn parameters(value: &Value) -> Result<Parameters<'static>, WriteError> {
    value.as_array().unwrap().iter().try_fold(Parameters::new(), |all, pair| {
        all.with(pair[0].as_str().unwrap().to_owned(), bare(&pair[1])?)
    })
}

fn item(value: &Value) -> Result<Item<'static>, WriteError> {
    Ok(Item::new(bare(&value[0])?).with_parameters(parameters(&value[1])?))
}

fn member(value: &Value) -> Result<Member<'static>, WriteError> {
    if !value[0].is_array() {
        return item(value).map(Member::Item);
    }
    let items = value[0].as_array().unwrap().iter().map(item).collect::<Result<_, _>>()?;
    Ok(Member::InnerList(InnerList::new(items).with_parameters(parameters(&value[1])?)))
}

fn written(kind: &str, expected: &Value) -> Result<String, WriteError> {
    let mut text = String::new();
    match kind {
        "item" => item(expected)?.write(&mut text)?,
        "list" => {
            let members = expected.as_array().unwrap().iter().map(member).collect::<Result<_, _>>()?;
            List::new(members).write(&mut text)?;
        }
        "dictionary" => {
            let all = expected.as_array().unwrap().iter();
            let dictionary = all
                .map(|pair| (pair[0].as_str().unwrap().to_owned(), member(&pair[1])))
                .try_fold(Dictionary::new(), |dictionary, (key, member)| dictionary.with(key, member?))?;
            dictionary.write(&mut text)?;
        }
        other => panic!("{other}"),
    }
    Ok(text)
}

/// What a text means, written canonically.
fn parsed(kind: &str, text: &[u8]) -> Result<String, aims_httpsig::sf::ParseError> {
    let limits = Limits::default().bytes(1024 * 1024);
    Ok(match kind {
        "item" => Item::parse(text, &limits)?.to_string(),
        "list" => List::parse(text, &limits)?.to_string(),
        "dictionary" => Dictionary::parse(text, &limits)?.to_string(),
        other => panic!("{other}"),
    })
}

#[test]
fn hs_sf_01_hs_sf_04_every_record_parses_to_what_it_says_and_is_written_canonically() {
    let mut count = 0;
    for record in records("structured-fields") {
        let name = record["name"].as_str().unwrap();
        let lines: Vec<_> =
            record["raw"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let (kind, text) = (record["header_type"].as_str().unwrap(), lines.join(", "));
        let parsed = parsed(kind, text.as_bytes());
        count += 1;
        if record["must_fail"] == true {
            assert!(parsed.is_err(), "{name}: {text}");
            continue;
        }
        let parsed = match parsed {
            Err(_) if record["can_fail"] == true => continue,
            parsed => parsed.unwrap_or_else(|error| panic!("{name}: {text}: {error}")),
        };
        let canonical = match record["canonical"].as_array() {
            Some(lines) => lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join(", "),
            None => text.clone(),
        };
        assert_eq!(parsed, canonical, "{name}: {text}");
        assert_eq!(written(kind, &record["expected"]).unwrap(), canonical, "{name}");
    }
    assert!(count == 0 || count == 1591, "{count}");
}

#[test]
fn hs_sf_01_hs_sf_04_what_no_text_stands_for_is_not_written() {
    let mut count = 0;
    for record in records("structured-fields/serialisation-tests") {
        let (name, kind) = (record["name"].as_str().unwrap(), record["header_type"].as_str().unwrap());
        let written = written(kind, &record["expected"]);
        count += 1;
        if record["must_fail"] == true {
            assert!(written.is_err(), "{name}: {written:?}");
        } else {
            assert_eq!(written.unwrap(), record["canonical"][0].as_str().unwrap(), "{name}");
        }
    }
    assert!(count == 0 || count > 500, "{count}");
}
