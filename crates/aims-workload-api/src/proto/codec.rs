//! Messages are counted before they are decoded.
//!
//! A field that repeats takes two bytes on the wire and some fifty in memory, so that a message within its limit in bytes would be many times that
//! once decoded (ATT-5).

use prost::Message;
use tonic::Status;
use tonic::codec::{self, DecodeBuf};
use tonic_prost::{ProstCodec, ProstDecoder};

/// That of prost, for messages that have not too many fields.
pub(crate) struct CountingCodec<T, U>(ProstCodec<T, U>);

impl<T, U> Default for CountingCodec<T, U> {
    fn default() -> Self {
        Self(ProstCodec::default())
    }
}

impl<T, U> codec::Codec for CountingCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = <ProstCodec<T, U> as codec::Codec>::Encoder;
    type Decoder = CountingDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        self.0.encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        CountingDecoder(self.0.decoder())
    }
}

pub(crate) struct CountingDecoder<U>(ProstDecoder<U>);

impl<U: Message + Default> codec::Decoder for CountingDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        use prost::bytes::Buf;

        // A message is in one piece here, and one that were not would not be looked through.
        let message = buf.chunk();
        if message.len() != buf.remaining() || !is_moderate(message) {
            return Err(Status::invalid_argument("a message with more fields than it may have"));
        }
        self.0.decode(buf)
    }
}

/// Whether there are few fields, or they are of some length. What is no field is prost's to refuse: it reads no further either.
pub(crate) fn is_moderate(message: &[u8]) -> bool {
    let most = FIELDS + message.len() / MEAN_LEN;
    let mut rest = message;
    for _ in 0..most {
        match without_field(rest) {
            Some([]) | None => return true,
            Some(shorter) => rest = shorter,
        }
    }
    false
}

/// What follows the first field.
fn without_field(message: &[u8]) -> Option<&[u8]> {
    let (key, rest) = varint(message)?;
    match key & 7 {
        0 => varint(rest).map(|(_, rest)| rest),
        1 => rest.get(8..),
        2 => {
            let (len, rest) = varint(rest)?;
            rest.get(usize::try_from(len).ok()?..)
        }
        // A group, which prost skips: what is in it counts, too.
        3 | 4 => Some(rest),
        5 => rest.get(4..),
        _ => None,
    }
}

/// At most ten bytes, seven bits in each, the lowest first.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let last = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)?;
    let (number, rest) = bytes.split_at_checked(last + 1)?;
    let value = number.iter().rev().fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
    Some((value, rest))
}

/// So many fields may be empty.
const FIELDS: usize = 64;

/// Beyond these, what a field has on the average, in bytes.
const MEAN_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::key_holder::{Evidence, IssueRequest};

    /// ATT-5: what prost would make a million pieces of is refused from its bytes.
    #[test]
    fn att_5_empty_pieces_are_counted() {
        for piece in
            [&[0x3a, 0][..], &[0x22, 0], &[0x08, 0], &[0x0d, 0, 0, 0, 0], &[0x09, 0, 0, 0, 0, 0, 0, 0, 0]]
        {
            assert!(is_moderate(&piece.repeat(FIELDS)), "{piece:?}");
            assert!(!is_moderate(&piece.repeat(1_000)), "{piece:?}");
        }
    }

    /// ATT-5: what a caller honestly brings is let through, up to a whole event log.
    #[test]
    fn att_5_requests_within_their_limits_are_decoded() {
        let piece = |len| Evidence { payload: vec![7; len], ..Evidence::default() };
        let request = IssueRequest {
            types: vec!["wit".to_owned(); 16],
            evidence: [1_000_000, 300, 0].iter().cycle().take(16).map(|len| piece(*len)).collect(),
            ..IssueRequest::default()
        };
        assert!(is_moderate(&request.encode_to_vec()));
        assert!(is_moderate(&[]));
    }

    /// ATT-5: nothing is hidden behind a group, which prost skips, nor in one.
    #[test]
    fn att_5_groups_hide_nothing() {
        let pieces = [0x3a, 0].repeat(1_000);
        let behind = [&[0x43, 0x44][..], &pieces].concat();
        assert_eq!(IssueRequest::decode(behind.as_slice()).unwrap().evidence.len(), 1_000);
        assert!(!is_moderate(&behind));
        assert!(!is_moderate(&[&[0x43][..], &pieces, &[0x44]].concat()));
    }

    /// What ends the count ends the reading of prost.
    #[test]
    fn att_5_what_is_no_field_is_no_field_for_prost() {
        let long = [&[0x3a][..], &[0xff; 10], &[1]].concat();
        for end in [&[0x3a][..], &[0x3a, 5, 1], &[0xff; 11], &[0x3e], &[0x3f], &[0x09, 0], &[0x0d, 0], &long]
        {
            assert!(is_moderate(end), "{end:?}");
            let message = [end, &[0x3a, 0].repeat(60)].concat();
            assert!(without_field(end).is_none() && IssueRequest::decode(end).is_err(), "{end:?}");
            assert!(without_field(&message).is_some() || IssueRequest::decode(message.as_slice()).is_err());
        }
    }
}
