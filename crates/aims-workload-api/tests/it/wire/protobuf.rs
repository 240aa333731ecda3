//! Protocol Buffers by hand: what is on the wire is written and read here without the code that is under test.

/// A field with its number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Value {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64([u8; 8]),
    /// Wire type 2: strings, bytes, messages, entries of maps.
    Bytes(Vec<u8>),
    /// Wire type 5.
    Fixed32([u8; 4]),
}

pub(super) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

fn tag(field: u32, wire_type: u64) -> Vec<u8> {
    varint(u64::from(field) << 3 | wire_type)
}

pub(super) fn bytes(field: u32, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    [tag(field, 2), varint(content.len().try_into().unwrap()), content.to_vec()].concat()
}

pub(super) fn entry(field: u32, key: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    bytes(field, [bytes(1, key), bytes(2, value)].concat())
}

/// Fields of every wire type that no message of this API has, the last with as high a number as there is.
pub(super) fn unknown() -> Vec<u8> {
    [
        [tag(15, 0), varint(u64::MAX)].concat(),
        [tag(16, 1), vec![0xff; 8]].concat(),
        bytes(17, "spiffe://acme.example/agents/of-the-future"),
        // A group of the time before proto3, with a field inside.
        [tag(18, 3), bytes(1, "old"), tag(18, 4)].concat(),
        [tag((1 << 29) - 1, 5), vec![0xff; 4]].concat(),
    ]
    .concat()
}

/// The fields of a message, in the order in which they came.
pub(super) fn fields(mut message: &[u8]) -> Vec<(u32, Value)> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = read_varint(&mut message);
        let value = match tag & 7 {
            0 => Value::Varint(read_varint(&mut message)),
            1 => Value::Fixed64(take(&mut message, 8).try_into().unwrap()),
            2 => {
                let len = read_varint(&mut message);
                Value::Bytes(take(&mut message, len.try_into().unwrap()).to_vec())
            }
            5 => Value::Fixed32(take(&mut message, 4).try_into().unwrap()),
            other => panic!("wire type {other}"),
        };
        fields.push((u32::try_from(tag >> 3).unwrap(), value));
    }
    fields
}

/// The fields of a message all of which are strings, bytes, messages or entries of maps.
pub(super) fn lengths(message: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let take = |(number, value)| match value {
        Value::Bytes(bytes) => (number, bytes),
        other => panic!("field {number} is {other:?}"),
    };
    fields(message).into_iter().map(take).collect()
}

/// An entry of a map.
pub(super) fn read_entry(entry: &[u8]) -> (String, Vec<u8>) {
    let fields = lengths(entry);
    let [(1, key), (2, value)] = &fields[..] else { panic!("not an entry: {fields:?}") };
    (String::from_utf8(key.clone()).unwrap(), value.clone())
}

fn read_varint(message: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(message, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
    }
    panic!("a number without an end")
}

fn take<'m>(message: &mut &'m [u8], len: usize) -> &'m [u8] {
    let (head, tail) = message.split_at(len);
    *message = tail;
    head
}

#[test]
fn it_is_what_the_encoding_guide_shows() {
    // Examples of the guide: 150 in field 1, `testing` in field 2.
    assert_eq!([tag(1, 0), varint(150)].concat(), [0x08, 0x96, 0x01]);
    let testing = [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67];
    assert_eq!(bytes(2, "testing"), testing);
    assert_eq!(fields(&[0x08, 0x96, 0x01]), [(1, Value::Varint(150))]);
    assert_eq!(fields(&testing), [(2, Value::Bytes(b"testing".to_vec()))]);
}
