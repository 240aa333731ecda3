//! Tokens in compact form that are cut: over lines, or into quoted pieces.

use super::Found;
use super::form::{MIN_SECRET, TOKEN, is_base64url, split_while};
use super::reading::Reading;

/// The tokens in a text whose headers are in a reading of its base64.
pub(super) fn find(text: &str, reading: &Reading, found: &mut Vec<Found>) {
    let json = reading.text();
    let (mut at, mut enc) = (0, 0);
    while let Some((start, alg)) = json.get(at..).and_then(|rest| Some((rest.find('{')?, rest.find(ALG)?))) {
        let (start, alg) = (at + start, at + alg);
        if enc <= start {
            // Searched for once, however many headers have none.
            enc = json.get(start..).and_then(|rest| rest.find(ENC)).map_or(usize::MAX, |enc| start + enc);
        }
        let rest = json.get(alg..).unwrap_or_default();
        let signature = signature(rest);
        let beginning = reading.place(&(start.min(alg)..alg + ALG.len())).and_then(|place| text.get(place));
        let is_cut = beginning.is_some_and(|beginning| beginning.contains(|c| !is_base64url(c)));
        // Each brace may be that of an object within the header; behind the last one the token goes on.
        let token = rest.match_indices('}').find_map(|(brace, _)| {
            let end = alg + brace + 1;
            let place = reading.place(&(start..end))?;
            let behind = text.get(place.end..)?;
            let segments = behind.get(gap(behind)?.len()..)?.strip_prefix('.')?;
            let last = if enc < end { Last::Tag } else { signature };
            let len = segments_len(segments, last, is_cut)?;
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
    /// So long as its algorithm makes it, or longer.
    Signature { wanted: usize, is_exact: bool },
    /// Of a JWE.
    Tag,
}

/// How much of a text belongs to a token whose header, which is cut or not, and first dot are before it.
fn segments_len(text: &str, last: Last, is_cut: bool) -> Option<usize> {
    let (all_dots, wanted, is_exact) = match last {
        Last::Signature { wanted, is_exact } => (1, wanted, is_exact),
        Last::Tag => (3, MIN_TAG, false),
    };
    let (mut at, mut end, mut dots, mut len, mut longest) = (0, 0, 0, 0, 0);
    // The length of the piece before.
    let mut before = 0;
    loop {
        let start = at;
        for c in text.get(at..)?.chars().take_while(|c| is_piece(*c)) {
            at += 1;
            if c != '.' {
                len += 1;
                end = at;
            } else if dots == all_dots {
                // Another sentence, or another token.
                return (longest >= MIN_SECRET).then_some(end);
            } else {
                dots += 1;
                len = 0;
            }
            if dots > 0 {
                longest = longest.max(len);
            }
        }
        let piece = at - start;
        let rest = text.get(at..)?;
        let Some(between) = gap(rest) else { break };
        let (next, behind) = split_while(rest.get(between.len()..)?, is_piece);
        let is_whole = dots == all_dots && len >= wanted;
        let is_even = next.len() == piece || next.len() < piece && piece == before;
        let goes_on = if is_whole {
            // Only what was cut evenly before, and of which no more is known.
            let is_line = behind.is_empty() || behind.starts_with(['\n', '\r', '"', '\'', '`', '\\', '<']);
            !is_exact && piece == before && is_even && is_line
        } else {
            let is_first = before == 0 && is_cut && piece < next.len();
            is_first || is_even || between.contains(['\n', '\r']) || is_quoted(between)
        };
        if !goes_on {
            break;
        }
        before = piece;
        at += between.len();
    }
    (dots > 0 && longest >= MIN_SECRET).then_some(end)
}

/// What cuts a token: up to the next piece, which comes soon. A bullet is none.
fn gap(text: &str) -> Option<&str> {
    let mut start = None;
    for (at, c) in text.char_indices().take(MAX_GAP) {
        if c.is_ascii_alphanumeric() || c == '.' {
            return text.get(..start.unwrap_or(at));
        }
        start = start.filter(|_| is_base64url(c)).or_else(|| is_base64url(c).then_some(at));
    }
    None
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

/// How many characters the signature has, by what begins with the algorithm in a header.
fn signature(header: &str) -> Last {
    let rest = header.strip_prefix(ALG).unwrap_or_default().trim_start();
    let value = rest.strip_prefix(':').unwrap_or_default().trim_start().strip_prefix('"').unwrap_or_default();
    let (wanted, is_exact) = match value.split_once('"').unwrap_or_default().0 {
        "HS256" => (43, true),
        "HS384" => (64, true),
        "EdDSA" | "ES256" | "ES256K" | "Ed25519" | "HS512" => (86, true),
        "ES384" => (128, true),
        "Ed448" => (152, true),
        "ES512" => (176, true),
        "ML-DSA-44" => (3227, true),
        "ML-DSA-65" => (4412, true),
        "ML-DSA-87" => (6170, true),
        // Keys have 2048 bits at least.
        "PS256" | "PS384" | "PS512" | "RS256" | "RS384" | "RS512" => (342, false),
        _ => (MIN_SECRET, false),
    };
    Last::Signature { wanted, is_exact }
}

/// In characters, of what lies between two pieces.
const MAX_GAP: usize = 64;

/// In characters, of the tag that ends a JWE.
const MIN_TAG: usize = 22;

const ALG: &str = "\"alg\"";

const ENC: &str = "\"enc\"";
