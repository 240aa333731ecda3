//! What is a message, and what is not.

use aims_httpsig::{Component, Context};

use super::{TextMessage, Unreadable};

fn parse(text: &str) -> Result<TextMessage<'_>, Unreadable> {
    TextMessage::parse(text.as_bytes(), false)
}

fn refusal(text: &str) -> (&'static str, &'static str) {
    let error = parse(text).err().unwrap_or_else(|| panic!("{text:?} is a message"));
    (error.code(), error.rule())
}

fn content(text: &str) -> Vec<u8> {
    parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}")).content().to_vec()
}

/// The value of a component of a request.
fn value(text: &str, component: &str) -> String {
    let raw = parse(text).unwrap().to_raw("https");
    let component: Component<'_> = component.parse().unwrap();
    Context::request(&raw).value(&component).unwrap()
}

#[test]
fn hs_raw_01_requests_and_responses_have_a_first_line_of_their_own() {
    for text in
        ["GET / HTTP/1.1", "M-SEARCH * HTTP/1.1\n", "CONNECT a:1 HTTP/1.0\r\n\r\n", "GET /?a#b HTTP/2\n\n"]
    {
        assert!(parse(text).unwrap().is_request(), "{text}");
    }
    for text in
        ["HTTP/1.1 200 OK\n\n", "HTTP/2 200 \r\n\r\n", "HTTP/1.1 599", "HTTP/1.0 404 Not  found\u{e4}\n"]
    {
        assert!(!parse(text).unwrap().is_request(), "{text}");
    }
    assert_eq!(refusal(""), ("no_message", "HS-RAW-01"));
    for text in [
        "\nGET / HTTP/1.1",
        " GET / HTTP/1.1",
        "GET",
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / /b HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "G(T / HTTP/1.1",
        "GET /\u{e4} HTTP/1.1",
        "GET / HTTP/1.2",
        "GET / http/1.1",
        "GET / FTP/1.1",
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1  200",
        "HTTP/1.1 20",
        "HTTP/1.1 099",
        "HTTP/1.1 +99",
        "HTTP/1.1 1000",
        "HTTP/1.1\t200 OK",
    ] {
        assert_eq!(refusal(text), ("bad_start_line", "HS-RAW-01"), "{text:?}");
    }
}

#[test]
fn hs_raw_02_a_line_is_a_field_or_a_fold() {
    let text =
        "GET / HTTP/1.1\nHost: a.example\nX-One:  a \nx-one:b\nX-Fold: one,\n\t two\n  three\nX-Empty:\n\n";
    assert_eq!(value(text, "\"x-one\""), "a, b");
    assert_eq!(value(text, "\"x-fold\""), "one, two three");
    assert_eq!(value(text, "\"x-empty\""), "");
    assert_eq!(value(&text.replace('\n', "\r\n"), "\"x-fold\""), "one, two three");
    assert_eq!(value(text, "\"@authority\""), "a.example");
    assert_eq!(value("GET / HTTP/1.1\nHost: a\nX: \u{e4}\n", "\"x\";bs"), ":w6Q=:");

    let field = |line: &str| refusal(&format!("GET / HTTP/1.1\n{line}\nLast: 1\n\n"));
    for line in ["no colon", ": value", "X : a", "X\t: a", "X(: a", "\u{e4}: a", "@x y: a"] {
        assert_eq!(field(line), ("bad_field_line", "HS-RAW-02"), "{line:?}");
    }
    for line in ["X: a\0b", "X: a\rb", "X: \u{7f}", "X\0: a", "X: \u{1b}[2J", "\0"] {
        assert_eq!(field(line), ("control_character", "HS-RAW-02"), "{line:?}");
    }
    assert_eq!(refusal("GET / HTTP/1.1\n X: folds nothing\n\n"), ("bad_field_line", "HS-RAW-02"));
    assert_eq!(refusal("GET /\0 HTTP/1.1"), ("control_character", "HS-RAW-02"));
    assert_eq!(field("Host: a\nhost: a"), ("several_hosts", "HS-RAW-02"));
    // What a program that knows other spaces takes for a host, another does not.
    for host in ["a.example\u{a0}", "\u{2003}a.example", "a.example\u{3000}"] {
        let text = format!("GET / HTTP/1.1\nHost: {host}\n\n");
        let raw = parse(&text).unwrap().to_raw("https");
        assert!(Context::request(&raw).value(&Component::authority()).is_err(), "{host:?}");
    }
}

#[test]
fn hs_raw_02_hs_raw_04_the_reason_says_where() {
    let said = |text: &str| parse(text).err().unwrap().to_string();
    for (text, start) in [
        ("PUT / HTTP/1.1\nHost: a\n{\"a\": 1}\n", "line 3: not a field"),
        ("PUT / HTTP/1.1\r\nHost: a\r\nX : 1", "line 3: not a field"),
        ("PUT / HTTP/1.1\r\nX: 1\r\n\n", "line 3: some lines end with CRLF"),
        ("PUT / HTTP/1.1\nX: \0\n\n", "line 2: a line has a control character"),
        ("PUT / HTTP/1.1\nTransfer-Encoding: chunked\n\n3\na\nb\nx\n", "line 7: a chunk is malformed"),
    ] {
        assert!(said(text).starts_with(start), "{text:?}: {}", said(text));
    }
    let with = |length: usize| said(&format!("PUT / HTTP/1.1\nContent-Length: {length}\n\n{{\"a\": 1}}"));
    assert!(with(5).ends_with("behind the content: 3 bytes"), "{}", with(5));
    assert!(with(50).ends_with("Content-Length is 50, and 8 bytes are there"), "{}", with(50));
}

#[test]
fn hs_raw_02_lines_end_alike() {
    for text in [
        "GET / HTTP/1.1\r\nX: a\n\r\n",
        "GET / HTTP/1.1\nX: a\r\n\n",
        "GET / HTTP/1.1\r\nX: a\r\n\nGET /other HTTP/1.1\r\n",
        "GET / HTTP/1.1\nX: a\n\r\n",
    ] {
        assert_eq!(refusal(text), ("mixed_line_ends", "HS-RAW-02"), "{text:?}");
    }
    // Of the content nobody asks.
    assert_eq!(content("PUT / HTTP/1.1\r\n\r\na\nb\0\r"), b"a\nb\0\r");
}

#[test]
fn hs_raw_03_the_length_is_said_once() {
    let with = |fields: &str, rest: &str| format!("PUT / HTTP/1.1\n{fields}\n\n{rest}");
    assert_eq!(content(&with("Content-Length: 3", "abc")), b"abc");
    assert_eq!(content(&with("content-length:\t003 ", "abc\n")), b"abc");
    assert_eq!(content(&with("Transfer-Encoding: Chunked", "3\nabc\n0\n\n")), b"abc");
    assert_eq!(content(&with("X: 1", "abc\n")), b"abc\n");
    for fields in [
        "Content-Length: 3\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\ncontent-length: 3",
        "Content-Length: 3\nContent-Length: 3",
        "Content-Length: 3\nCONTENT-LENGTH: 4",
    ] {
        assert_eq!(refusal(&with(fields, "abc")), ("two_lengths", "HS-RAW-03"), "{fields}");
    }
    for length in ["", "-3", "+3", "3, 3", "0x3", "3 3", "3.0", "99999999999999999999999", "\n 3"] {
        let text = with(&format!("Content-Length: {length}"), "abc");
        assert_eq!(refusal(&text), ("bad_content_length", "HS-RAW-03"), "{length:?}");
    }
    for coding in
        ["gzip", "gzip, chunked", "chunked, chunked", "chunked\nTransfer-Encoding: chunked", "", "x chunked"]
    {
        let text = with(&format!("Transfer-Encoding: {coding}"), "0\n\n");
        assert_eq!(refusal(&text), ("bad_transfer_coding", "HS-RAW-03"), "{coding:?}");
    }
    for version in ["HTTP/1.0", "HTTP/2"] {
        let text = with("Transfer-Encoding: chunked", "0\n\n").replace("HTTP/1.1", version);
        assert_eq!(refusal(&text), ("bad_transfer_coding", "HS-RAW-03"), "{version}");
    }
}

#[test]
fn hs_raw_03_chunks_are_put_together() {
    let chunked =
        |rest: &str| format!("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{rest}");
    assert_eq!(
        content(&chunked("3;x=\"y\"\r\nabc\r\n00A \r\n0123456\r\n9\r\n0\r\nX-T: 1\r\n\r\n")),
        b"abc0123456\r\n9"
    );
    let text = chunked("0\r\nX-T: 1\r\n 2\r\n\r\n\r\n");
    assert_eq!(value(&text, "\"x-t\";tr"), "1 2");
    for rest in [
        "g\r\n",
        "\r\n",
        "-1\r\n",
        "+1\r\na\r\n",
        "10000000\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "0x3\r\nabc\r\n",
        " 3\r\nabc\r\n",
    ] {
        assert_eq!(refusal(&chunked(rest)), ("bad_chunk", "HS-RAW-03"), "{rest:?}");
    }
    for rest in ["", "3", "3\r\nab", "3\r\nabc", "3\r\nabc\r\n", "0\r\n", "0\r\nX: 1\r\n", "FFFFFFF\r\nabc"] {
        assert_eq!(refusal(&chunked(rest)), ("truncated_message", "HS-RAW-04"), "{rest:?}");
    }
    for name in ["Content-Length", "host", "TRANSFER-ENCODING"] {
        assert_eq!(refusal(&chunked(&format!("0\r\n{name}: 1\r\n\r\n"))), ("forbidden_trailer", "HS-RAW-02"));
    }
}

#[test]
fn hs_raw_04_a_message_is_whole_and_alone() {
    let long = "PUT / HTTP/1.1\nContent-Length: 3\n\n";
    for rest in ["", "ab"] {
        assert_eq!(refusal(&format!("{long}{rest}")), ("truncated_message", "HS-RAW-04"), "{rest:?}");
    }
    assert_eq!(refusal(long.trim_end()), ("truncated_message", "HS-RAW-04"));
    for rest in ["abcd", "abc\nGET / HTTP/1.1", "abc \n"] {
        assert_eq!(refusal(&format!("{long}{rest}")), ("bytes_behind_message", "HS-RAW-04"), "{rest:?}");
    }
    let chunked = "PUT / HTTP/1.1\nTransfer-Encoding: chunked\n\n0\n\nGET / HTTP/1.1\n\n";
    assert_eq!(refusal(chunked), ("bytes_behind_message", "HS-RAW-04"));

    for status in [100, 199, 204, 304] {
        assert_eq!(content(&format!("HTTP/1.1 {status} \nContent-Length: 3\n\n")), b"");
        assert_eq!(refusal(&format!("HTTP/1.1 {status} \n\nabc")), ("bytes_behind_message", "HS-RAW-04"));
    }
    let answer = b"HTTP/1.1 200 OK\nContent-Length: 3\n\n";
    assert!(TextMessage::parse(answer, true).unwrap().content().is_empty());
    assert_eq!(TextMessage::parse(answer, false).err().unwrap().code(), "truncated_message");
    assert!(parse("HEAD / HTTP/1.1").unwrap().is_head());
}

#[test]
fn hs_raw_05_there_is_an_end_to_it() {
    let many = |count: usize| format!("GET / HTTP/1.1\n{}\n", "X: 1\n".repeat(count));
    assert!(parse(&many(1000)).is_ok());
    assert_eq!(refusal(&many(2000)), ("too_many_lines", "HS-RAW-05"));
    let chunks = "1\na\n".repeat(2000);
    let text = format!("PUT / HTTP/1.1\nTransfer-Encoding: chunked\n\n{chunks}0\n\n");
    assert_eq!(refusal(&text), ("too_many_lines", "HS-RAW-05"));
    let long = |count: usize| format!("GET / HTTP/1.1\nX:{}\n\n", "a".repeat(count));
    assert!(parse(&long(16 * 1024 - 2)).is_ok());
    assert_eq!(refusal(&long(16 * 1024 - 1)), ("line_too_long", "HS-RAW-05"));
}

#[test]
fn hs_raw_06_every_other_byte_stays() {
    for (text, expected) in [
        ("GET / HTTP/1.1", "GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n"),
        ("GET / HTTP/1.1\nX:a", "GET / HTTP/1.1\nX:a\nA: 1\nB: 2\n\n"),
        ("GET / HTTP/1.1\nX:a\n", "GET / HTTP/1.1\nX:a\nA: 1\nB: 2\n\n"),
        ("PUT / HTTP/1.1\r\nx:\ta \r\n\r\n\r\n\0", "PUT / HTTP/1.1\r\nx:\ta \r\nA: 1\r\nB: 2\r\n\r\n\r\n\0"),
        (
            "PUT / HTTP/1.1\nTransfer-Encoding: chunked\n\n1;x\na\n0\nT: 1\n\n",
            "PUT / HTTP/1.1\nTransfer-Encoding: chunked\nA: 1\nB: 2\n\n1;x\na\n0\nT: 1\n\n",
        ),
        ("HTTP/1.1 204\nX: a\n  b\n\n", "HTTP/1.1 204\nX: a\n  b\nA: 1\nB: 2\n\n"),
    ] {
        let out = parse(text).unwrap().with_headers([("A", "1"), ("B", "2")]);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{text:?}");
    }
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    let text =
        b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n";
    for end in 0..text.len() {
        for byte in [0, b'\r', b'\n', b' ', b':', b';', b'0', 0xff] {
            let mut text = text.to_vec();
            let _ = TextMessage::parse(text.get(..end).unwrap(), false);
            *text.get_mut(end).unwrap() = byte;
            if let Ok(message) = TextMessage::parse(&text, false) {
                let _ = (message.to_raw("https"), message.with_headers([("a", "b")]));
            }
        }
    }
}
