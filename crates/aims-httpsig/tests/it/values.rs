//! Structured fields, as programs use them.

use aims_httpsig::sf::{BareItem, Decimal, Dictionary, Item, Limits, List, Parameters};

const LIMITS: Limits = Limits::new();

#[test]
fn hs_sf_01_each_kind_of_value_is_that_kind_alone() {
    let texts: [&[u8]; 8] = [b"?0", b"?1", b"token", b"\"text\"", b"7", b"1.25", b":aGk=:", b"@7"];
    let items: Vec<_> = texts.iter().map(|text| Item::parse(text, &LIMITS).unwrap()).collect();
    let read = |of: fn(&BareItem<'_>) -> String| items.iter().map(|item| of(item.bare())).collect::<Vec<_>>();
    let none = "None";
    let shown = read(|bare| format!("{:?}", bare.as_boolean()));
    assert_eq!(shown, ["Some(false)", "Some(true)", none, none, none, none, none, none]);
    let shown = read(|bare| format!("{:?}", bare.as_token()));
    assert_eq!(shown, [none, none, "Some(\"token\")", none, none, none, none, none]);
    let shown = read(|bare| format!("{:?}", bare.as_string()));
    assert_eq!(shown, [none, none, none, "Some(\"text\")", none, none, none, none]);
    let shown = read(|bare| format!("{:?}", bare.as_integer()));
    assert_eq!(shown, [none, none, none, none, "Some(7)", none, none, none]);
    let shown = read(|bare| format!("{:?}", bare.as_bytes()));
    assert_eq!(shown, [none, none, none, none, none, none, "Some([104, 105])", none]);
    let Some(BareItem::Decimal(decimal)) = items.get(5).map(Item::bare) else { panic!("no decimal") };
    assert_eq!((decimal.thousandths(), decimal.to_string().as_str()), (1250, "1.25"));
    assert_eq!(Decimal::from_thousandths(-1).unwrap().thousandths(), -1);
}

#[test]
fn hs_sf_01_members_are_in_their_order_and_at_their_places() {
    let text = b"a, (b \"c\";d);e=1";
    let list = List::parse(text, &LIMITS).unwrap();
    let [first, second] = list.members() else { panic!("{list:?}") };
    assert_eq!(first.as_item().unwrap().bare().as_token(), Some("a"));
    assert!(first.as_inner_list().is_none() && second.as_item().is_none());
    let inner = second.as_inner_list().unwrap();
    let items: Vec<_> = inner.items().iter().map(ToString::to_string).collect();
    assert_eq!(items, ["b", "\"c\";d"]);
    assert_eq!(&text[inner.span()], b"(b \"c\";d);e=1");
    assert_eq!(
        inner.items().iter().map(|item| &text[item.span()]).collect::<Vec<_>>(),
        [&b"b"[..], b"\"c\";d"]
    );
    assert_eq!(inner.clone().into_owned(), *inner);
    assert_eq!((inner.parameters().len(), inner.parameters().is_empty()), (1, false));
    assert_eq!((Parameters::new().len(), Parameters::new().is_empty()), (0, true));
}

#[test]
fn hs_sf_02_an_error_says_where() {
    for (text, at, code) in [
        ("a=1,", 4, "trailing_comma"),
        ("a=1 b", 4, "trailing_characters"),
        ("a=(1 2", 6, "bad_inner_list"),
        ("a=1, B=2", 5, "bad_key"),
        ("a=1;=", 4, "bad_key"),
        ("a=\"1", 2, "bad_string"),
    ] {
        let error = Dictionary::parse(text.as_bytes(), &LIMITS).unwrap_err();
        assert_eq!((error.at(), error.code()), (at, code), "{text}");
    }
}

/// A few names are compared with each other, more are looked up: what is there twice is there twice either way.
#[test]
fn hs_sf_03_a_name_that_comes_again_is_known_however_many_there_are() {
    for count in [1, 2, 15, 16, 17, 18, 40] {
        for again in [0, count / 2, count - 1] {
            let names = (0..count).map(|at| format!("k{at}={at}")).collect::<Vec<_>>();
            let text = format!("{}, k{again}=100", names.join(", "));
            let dictionary = Dictionary::parse(text.as_bytes(), &LIMITS).unwrap();
            let name = format!("k{again}");
            assert_eq!((dictionary.len(), dictionary.duplicate()), (count, Some(&*name)), "{text}");
            let value =
                dictionary.get(&name).and_then(|member| member.as_item()).unwrap().bare().as_integer();
            assert_eq!(value, Some(100), "{text}");
            let text = format!("x;{};k{again}=100", names.join(";"));
            let item = Item::parse(text.as_bytes(), &LIMITS).unwrap();
            assert_eq!(
                (item.parameters().len(), item.parameters().duplicate()),
                (count, Some(&*name)),
                "{text}"
            );
        }
    }
}
