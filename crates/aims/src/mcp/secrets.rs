//! What texts of strangers ask for, and carry, as far as their words say.

/// Whether a text speaks of what no form may ask for.
pub(super) fn asks_for_secret(text: &str) -> bool {
    let words = words(text);
    let has_word = words.iter().any(|word| WORDS.contains(&word.as_str()));
    let has_pair = words.windows(2).any(|pair| match pair {
        [one, other] => PAIRS.contains(&(one.as_str(), other.as_str())),
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
    let values = path.split('/').chain(query.split(['&', '='])).map(decoded);
    names.any(is_named) || values.into_iter().any(|value| is_token(&value) || is_address(&value))
}

/// Whether a text of a stranger shows what is in it: without controls, and without what turns its direction round.
pub(super) fn is_shown_safely(text: &str, max: usize) -> bool {
    let is_odd = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
    };
    text.len() <= max && !text.chars().any(is_odd)
}

/// In lower case: `apiKey`, `API key` and `api_key` are the same two.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut was_lower = false;
    for c in text.chars().filter(|c| !is_invisible(*c)) {
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

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{00ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// A JWT: three parts, of which the first is an encoded object.
fn is_token(value: &str) -> bool {
    value.starts_with("eyJ") && value.split('.').count() >= 3
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

const WORDS: [&str; 31] = [
    "apikey",
    "apikeys",
    "contraseña",
    "credential",
    "credentials",
    "cvc",
    "cvv",
    "iban",
    "jwt",
    "kennwort",
    "mnemonic",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "passwort",
    "pin",
    "pwd",
    "secret",
    "secrets",
    "senha",
    "ssn",
    "token",
    "tokens",
    "totp",
    "пароль",
    "密码",
    "密碼",
    "パスワード",
];

const PAIRS: [(&str, &str); 19] = [
    ("access", "key"),
    ("account", "number"),
    ("api", "key"),
    ("api", "keys"),
    ("backup", "code"),
    ("card", "number"),
    ("credit", "card"),
    ("debit", "card"),
    ("de", "passe"),
    ("private", "key"),
    ("recovery", "code"),
    ("recovery", "phrase"),
    ("secret", "key"),
    ("security", "code"),
    ("security", "question"),
    ("seed", "phrase"),
    ("signing", "key"),
    ("time", "code"),
    ("verification", "code"),
];

/// Found in longer words, too, and where a word is cut into pieces.
const HIDDEN: [&str; 4] = ["apikey", "passphrase", "password", "privatekey"];

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
