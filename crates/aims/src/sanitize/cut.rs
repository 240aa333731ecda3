//! Tokens in compact form that are cut: over lines, or into quoted pieces.

use super::Found;
use super::form::{MIN_SECRET, TOKEN, is_base64url, split_while};
use super::reading::Reading;

/// The tokens in a text whose headers are in a reading of its base64.
pub(super) fn find(text: &str, reading: &Reading, found: &mut Vec<Found>) {
    let json = reading.text();
    let mut at = 0;
    while let Some((start, alg)) = json.get(at..).and_then(|rest| Some((rest.find('{')?, rest.find(ALG)?))) {
        let (start, alg) = (at + start, at + alg);
        let rest = json.get(alg..).unwrap_or_default();
        let enc = rest.find(ENC).or_else(|| json.get(start..alg)?.find(ENC).map(|_| 0));
        let signature = signature_len(rest);
        // Each brace may be that of an object within the header; behind the last one the token goes on.
        let token = rest.match_indices('}').find_map(|(brace, _)| {
            let end = alg + brace + 1;
            let place = reading.place(&(start..end))?;
            let behind = text.get(place.end..)?;
            let segments = behind.get(gap(behind)?.len()..)?.strip_prefix('.')?;
            let last =
                if enc.is_some_and(|enc| enc < brace) { Last::Tag } else { Last::Signature(signature) };
            let len = segments_len(segments, last)?;
            Some((end, place.start..text.len() - segments.len() + len))
        });
        let Some((end, place)) = token else { return };
        found.push((place, TOKEN));
        at = end;
    }
}

/// What ends a token.
#[derive(Clone, Copy)]
enum Last {
    /// As long as its algorithm makes it, if that says so.
    Signature(Option<usize>),
    /// Of a JWE.
    Tag,
}

/// How much of a text belongs to a token whose header and first dot are before it.
fn segments_len(text: &str, last: Last) -> Option<usize> {
    let (all_dots, wanted, is_exact) = match last {
        Last::Signature(exact) => (1, exact.unwrap_or(MIN_SECRET), exact.is_some()),
        Last::Tag => (3, MIN_TAG, false),
    };
    let (mut at, mut end, mut dots, mut len, mut longest) = (0, 0, 0, 0, 0);
    // The length of the piece before.
    let mut before = 0;
    'pieces: loop {
        let (piece, rest) = split_while(text.get(at..)?, is_piece);
        for (offset, c) in piece.char_indices() {
            if c != '.' {
                len += 1;
                end = at + offset + 1;
            } else if dots == all_dots {
                break 'pieces;
            } else {
                dots += 1;
                len = 0;
            }
            if dots > 0 {
                longest = longest.max(len);
            }
        }
        let Some(between) = gap(rest) else { break };
        let (next, behind) = split_while(rest.get(between.len()..)?, is_piece);
        let is_whole = dots == all_dots && len >= wanted;
        let is_last_line = behind.is_empty() || behind.starts_with(['\n', '\r', '"', '\'', '`', '\\', '<']);
        let goes_on = if is_whole {
            // Only what was cut evenly before, and of which no more is known.
            !is_exact
                && piece.len() == before
                && (next.len() == piece.len() || next.len() < piece.len() && is_last_line)
        } else {
            between.contains(['\n', '\r']) || is_quoted(between) || next.len() == piece.len()
        };
        if !goes_on {
            break;
        }
        before = piece.len();
        at = text.len() - rest.len() + between.len();
    }
    (dots > 0 && longest >= MIN_SECRET).then_some(end)
}

/// What cuts a token: up to the next letter, digit or dot, which comes soon.
fn gap(text: &str) -> Option<&str> {
    let is_end = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let (at, _) = text.char_indices().take(MAX_GAP).find(|(_, c)| is_end(*c))?;
    text.get(..at)
}

/// The end of one string, and the beginning of another.
fn is_quoted(gap: &str) -> bool {
    const QUOTES: [char; 3] = ['"', '\'', '`'];
    let gap = gap.trim().trim_matches('\\');
    gap.len() > 1 && gap.starts_with(QUOTES) && gap.ends_with(QUOTES)
}

fn is_piece(c: char) -> bool {
    is_base64url(c) || c == '.'
}

/// How many characters the signature has, where the algorithm says it; what follows is the member and the rest of a header.
fn signature_len(header: &str) -> Option<usize> {
    let value = header.strip_prefix(ALG)?.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let (alg, _) = value.split_once('"')?;
    Some(match alg {
        "HS256" => 43,
        "HS384" => 64,
        "EdDSA" | "ES256" | "ES256K" | "Ed25519" | "HS512" => 86,
        "ES384" => 128,
        "Ed448" => 152,
        "ES512" => 176,
        "ML-DSA-44" => 3227,
        "ML-DSA-65" => 4412,
        "ML-DSA-87" => 6170,
        _ => return None,
    })
}

/// In characters, of what lies between two pieces.
const MAX_GAP: usize = 64;

/// In characters, of the tag that ends a JWE.
const MIN_TAG: usize = 22;

const ALG: &str = "\"alg\"";

const ENC: &str = "\"enc\"";
