//! What texts of strangers ask for, and carry, as far as their words say.

use super::disguise::{is_hidden, plain, seen};

/// Whether a text speaks of what no form may ask for: as it is written, and as a reader sees it who takes what looks like a letter for one.
pub(super) fn asks_for_secret(text: &str) -> bool {
    let plain = plain(text);
    says_secret(&plain) || says_secret(&seen(&plain))
}

fn says_secret(text: &str) -> bool {
    let words = words(text);
    // `token2` is a token, and more than one of anything is what one is.
    let is_one_of = |word: &str, list: &[&str]| {
        let word = word.trim_end_matches(char::is_numeric);
        list.contains(&word) || word.strip_suffix('s').is_some_and(|one| list.contains(&one))
    };
    let has_word = words.iter().any(|word| is_one_of(word, &WORDS));
    let has_pair = words.windows(2).any(|pair| match pair {
        [one, other] => PAIRS.iter().any(|(first, second)| one == first && is_one_of(other, &[second])),
        _ => false,
    });
    let together = words.concat();
    has_word || has_pair || HIDDEN.iter().any(|word| together.contains(word))
}

/// Whether a link is as good as a login, or says who the user is: by the names of its parameters, and by what looks like a token or a mail address anywhere in it.
pub(super) fn has_link_to_account(path: &str, path_and_query: &str) -> bool {
    let query = path_and_query.get(path.len()..).unwrap_or_default().trim_start_matches('?');
    let Ok(parameters) = aims_oauth::Parameters::parse(query.as_bytes()) else { return true };
    let is_named = |name: &str| {
        let words = words(name);
        words.iter().any(|word| LINK_WORDS.contains(&word.as_str())) || asks_for_secret(name)
    };
    let mut names = parameters.names();
    let mut values = path.split(['/', ';', '=']).chain(query.split(['&', ';', '='])).map(decoded);
    // Servers take parameters from segments of a path, too, and between semicolons.
    let more = path.split('/').flat_map(|segment| segment.split(';').skip(1));
    let mut more = more.chain(query.split(['&', ';'])).filter_map(|pair| pair.split('=').next()).map(decoded);
    names.any(is_named)
        || more.any(|name| is_named(&name))
        || values.any(|value| is_token(&value) || is_address(&value))
}

/// Whether a text of a stranger shows what is in it: without controls, without what turns its direction round, and without what a model reads and no user sees.
pub(super) fn is_shown_safely(text: &str, max: usize) -> bool {
    let is_odd = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || is_hidden(c)
            || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
    };
    text.len() <= max && !text.chars().any(is_odd)
}

/// In lower case: `apiKey`, `API key` and `api_key` are the same two.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut was_lower = false;
    for c in text.chars() {
        let begins = c.is_uppercase() && was_lower;
        if (!c.is_alphanumeric() || begins) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase() || c.is_numeric();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// A JWT, whatever stands before it: three parts, of which the first is an encoded object.
fn is_token(value: &str) -> bool {
    value.match_indices("eyJ").any(|(at, _)| value.get(at..).is_some_and(|rest| rest.split('.').count() >= 3))
}

fn is_address(value: &str) -> bool {
    value.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
}

/// Without escapes: what a server makes of it.
fn decoded(text: &str) -> String {
    let form = format!("v={}", text.replace('+', "%2B"));
    match aims_oauth::Parameters::parse(form.as_bytes()) {
        Ok(parameters) => parameters.get("v").ok().flatten().unwrap_or_default().to_owned(),
        Err(_) => text.to_owned(),
    }
}

const WORDS: [&str; 42] = [
    "2fa",
    "adgangskode",
    "apikey",
    "bearer",
    "contrasena",
    "contraseña",
    "credential",
    "cvc",
    "cvn",
    "cvv",
    "haslo",
    "hasło",
    "heslo",
    "iban",
    "jwt",
    "kennwort",
    "losenord",
    "lozinka",
    "lösenord",
    "mfa",
    "mnemonic",
    "otp",
    "parola",
    "parool",
    "passcode",
    "passkey",
    "passord",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "pin",
    "pwd",
    "salasana",
    "secret",
    "senha",
    "sifre",
    "ssn",
    "token",
    "totp",
    "wachtwoord",
    "şifre",
];

const PAIRS: [(&str, &str); 41] = [
    ("access", "code"),
    ("access", "key"),
    ("account", "number"),
    ("api", "key"),
    ("auth", "code"),
    ("authentication", "code"),
    ("authenticator", "code"),
    ("authorization", "code"),
    ("backup", "code"),
    ("backup", "key"),
    ("bank", "account"),
    ("bank", "card"),
    ("card", "number"),
    ("client", "key"),
    ("credit", "card"),
    ("de", "passe"),
    ("debit", "card"),
    ("digit", "code"),
    ("encryption", "key"),
    ("login", "code"),
    ("master", "key"),
    ("payment", "card"),
    ("private", "key"),
    ("recovery", "code"),
    ("recovery", "key"),
    ("recovery", "phrase"),
    ("secret", "key"),
    ("security", "code"),
    ("security", "number"),
    ("security", "question"),
    ("seed", "phrase"),
    ("seed", "word"),
    ("session", "cookie"),
    ("session", "key"),
    ("signing", "key"),
    ("sms", "code"),
    ("social", "security"),
    ("ssh", "key"),
    ("time", "code"),
    ("verification", "code"),
    ("wallet", "key"),
];

/// Found in longer words, too, where a word is cut into pieces, and in languages that write none apart.
const HIDDEN: [&str; 26] = [
    "accesskey",
    "apikey",
    "creditcard",
    "kennwort",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "privatekey",
    "secretkey",
    "парол",
    "секрет",
    "סיסמ",
    "كلمةالسر",
    "كلمةالمرور",
    "パスワード",
    "口令",
    "密码",
    "密碼",
    "暗証番号",
    "秘密鍵",
    "認証コード",
    "驗證碼",
    "验证码",
    "비밀번호",
    "인증번호",
];

/// Names of what carries an account, or a person, in a link.
const LINK_WORDS: [&str; 22] = [
    "assertion",
    "auth",
    "authorization",
    "code",
    "cookie",
    "email",
    "hash",
    "hmac",
    "key",
    "login",
    "magic",
    "mail",
    "name",
    "phone",
    "session",
    "sessionid",
    "sid",
    "sig",
    "signature",
    "sso",
    "ticket",
    "username",
];
