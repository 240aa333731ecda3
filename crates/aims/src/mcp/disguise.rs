//! What a text reads like, whatever it is written with.

/// Whether nothing of a character is seen, though a program, or a model, reads it.
pub(super) fn is_invisible(c: char) -> bool {
    is_hidden(c)
        || matches!(c, '\u{00ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// The same, of those that no language and no picture needs: fillers, tags (ASCII that is not drawn), and what steers rendering.
pub(super) fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2061}'..='\u{2064}'
            | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The letters of a text, without what is not seen and without marks above and below them; of other alphabets' forms of Latin letters, those.
pub(super) fn plain(text: &str) -> String {
    let is_mark = |c: &char| matches!(c, '\u{0300}'..='\u{036f}' | '\u{20d0}'..='\u{20ff}');
    text.chars().filter(|c| !is_invisible(*c) && !is_mark(c)).map(latin).collect()
}

/// The same for a reader who takes what looks like a letter for one: digits and signs in place of letters, and letters of other alphabets.
pub(super) fn seen(plain: &str) -> String {
    plain
        .chars()
        .map(|c| LOOKS_LIKE.iter().find(|(odd, _)| *odd == c).map_or(c, |(_, letter)| *letter))
        .collect()
}

/// Full width, in circles, and of mathematics.
fn latin(c: char) -> char {
    let of_alphabet = |at: u32| {
        let first = if at % 52 < 26 { u32::from('A') } else { u32::from('a') };
        char::from_u32(first + at % 26)
    };
    let code = u32::from(c);
    let letter = match code {
        0xff01..=0xff5e => char::from_u32(code - 0xfee0),
        0x24b6..=0x24e9 => of_alphabet(code - 0x24b6),
        0x1d400..=0x1d6a3 => of_alphabet(code - 0x1d400),
        _ => None,
    };
    letter.unwrap_or(c)
}

const LOOKS_LIKE: [(char, char); 43] = [
    ('0', 'o'),
    ('1', 'i'),
    ('3', 'e'),
    ('4', 'a'),
    ('5', 's'),
    ('7', 't'),
    ('$', 's'),
    ('@', 'a'),
    ('!', 'i'),
    ('ı', 'i'),
    ('ſ', 's'),
    // Cyrillic.
    ('А', 'A'),
    ('В', 'B'),
    ('Е', 'E'),
    ('К', 'K'),
    ('М', 'M'),
    ('Н', 'H'),
    ('О', 'O'),
    ('Р', 'P'),
    ('С', 'C'),
    ('Т', 'T'),
    ('Х', 'X'),
    ('а', 'a'),
    ('в', 'b'),
    ('е', 'e'),
    ('к', 'k'),
    ('о', 'o'),
    ('р', 'p'),
    ('с', 'c'),
    ('т', 't'),
    ('у', 'y'),
    ('х', 'x'),
    ('ѕ', 's'),
    ('і', 'i'),
    // Greek.
    ('Α', 'A'),
    ('Ι', 'I'),
    ('Κ', 'K'),
    ('Ν', 'N'),
    ('Ρ', 'P'),
    ('ο', 'o'),
    ('α', 'a'),
    ('ρ', 'p'),
    ('ι', 'i'),
];
