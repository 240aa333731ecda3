//! The functions and constants of one Rust file, read from its tokens: a comment is no token, and the attribute that a
//! doc comment turns into is skipped.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// A function, constant or macro, with what its text mentions.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    /// The modules inside the file, then its own name.
    pub(super) path: Vec<String>,
    /// Whether it is a test that runs.
    pub(super) test: bool,
    /// Whether it is compiled for tests only.
    pub(super) test_only: bool,
    /// Every identifier in it.
    pub(super) idents: BTreeSet<String>,
    /// Every string literal in it.
    pub(super) literals: BTreeSet<String>,
    /// Whether it asserts the rule of a refusal: calls `.rule()` or `assert_refused!`, or reads a `"rule"` field.
    pub(super) asserts_rule: bool,
}

impl Item {
    pub(super) fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }
}

/// `mod name;`: a module in a file of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct OuterModule {
    pub(super) path: Vec<String>,
    /// From `#[path = "..."]`.
    pub(super) file: Option<String>,
    pub(super) test_only: bool,
}

/// What one file holds.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) items: Vec<Item>,
    pub(super) modules: Vec<OuterModule>,
}

impl File {
    /// Reads the text of a Rust file.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let tokens: TokenStream = text.parse().map_err(|e| format!("not Rust: {e}"))?;
        let mut file = Self::default();
        file.module(tokens, &Scope::default());
        Ok(file)
    }

    /// Reads the items of a module, an `impl` or a macro's argument.
    fn module(&mut self, tokens: TokenStream, scope: &Scope) {
        let mut tokens = tokens.into_iter().peekable();
        let mut attributes = Attributes::default();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    tokens.next_if(|next| is_punct(next, '!'));
                    if let Some(TokenTree::Group(group)) =
                        tokens.next_if(|next| is_group(next, Delimiter::Bracket))
                    {
                        attributes.read(group.stream());
                    }
                }
                TokenTree::Ident(word) => {
                    let taken = self.item(&word, &mut tokens, scope, &attributes);
                    if taken {
                        attributes = Attributes::default();
                    }
                }
                // Arms of `macro_rules`, and whatever a macro's argument nests.
                TokenTree::Group(group) if scope.in_macro && group.delimiter() == Delimiter::Brace => {
                    self.module(group.stream(), scope);
                }
                _ => {}
            }
        }
    }

    /// Reads the item that `word` begins; `false` if it begins none (`pub`, `async`, ...).
    fn item(&mut self, word: &Ident, tokens: &mut Tokens, scope: &Scope, attributes: &Attributes) -> bool {
        match word.to_string().as_str() {
            "fn" => {
                let Some(name) = next_ident(tokens) else { return true };
                let mut item = scope.item(&name, attributes);
                item.test = attributes.test && !attributes.ignored;
                item.read(take_until_body(tokens));
                self.items.push(item);
            }
            "const" | "static" => {
                if !matches!(tokens.peek(), Some(TokenTree::Ident(next)) if !is_function_word(next)) {
                    return false;
                }
                let Some(name) = next_ident(tokens) else { return true };
                let name = if name == "mut" { next_ident(tokens).unwrap_or(name) } else { name };
                let mut item = scope.item(&name, attributes);
                item.read(tokens.take_while(|token| !is_punct(token, ';')));
                self.items.push(item);
            }
            "mod" => {
                let Some(name) = next_ident(tokens) else { return true };
                let inner = scope.inner(&name, attributes);
                match tokens.next() {
                    Some(TokenTree::Group(group)) => self.module(group.stream(), &inner),
                    _ => self.modules.push(OuterModule {
                        path: inner.path,
                        file: attributes.file.clone(),
                        test_only: inner.test_only,
                    }),
                }
            }
            "impl" | "trait" => {
                if let Some(TokenTree::Group(group)) = take_until_body(tokens).pop() {
                    let inner = Scope { test_only: scope.test_only || attributes.test_only, ..scope.clone() };
                    self.module(group.stream(), &inner);
                }
            }
            "enum" | "struct" | "type" | "union" | "use" => drop(take_until_body(tokens)),
            name => return self.macro_item(name, tokens, scope, attributes),
        }
        true
    }

    /// Reads `name! { ... }` and `macro_rules! name { ... }` where an item stands.
    fn macro_item(
        &mut self,
        name: &str,
        tokens: &mut Tokens,
        scope: &Scope,
        attributes: &Attributes,
    ) -> bool {
        if tokens.next_if(|next| is_punct(next, '!')).is_none() {
            return false;
        }
        let defined = if name == "macro_rules" { next_ident(tokens) } else { None };
        let Some(TokenTree::Group(group)) = tokens.next_if(|next| matches!(next, TokenTree::Group(_))) else {
            return true;
        };
        if let Some(defined) = defined {
            // A test that calls the macro mentions what the macro mentions.
            let mut item = scope.item(&defined, attributes);
            item.read(group.stream());
            self.items.push(item);
        }
        let inner = Scope { in_macro: true, ..scope.clone() };
        self.module(group.stream(), &inner);
        true
    }
}

type Tokens = std::iter::Peekable<proc_macro2::token_stream::IntoIter>;

/// Where an item stands.
#[derive(Clone, Debug, Default)]
struct Scope {
    path: Vec<String>,
    test_only: bool,
    in_macro: bool,
}

impl Scope {
    fn inner(&self, name: &str, attributes: &Attributes) -> Self {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        Self { path, test_only: self.test_only || attributes.test_only, in_macro: false }
    }

    fn item(&self, name: &str, attributes: &Attributes) -> Item {
        let Self { path, test_only, .. } = self.inner(name, attributes);
        Item { path, test_only: test_only || attributes.test, ..Item::default() }
    }
}

/// What the attributes of an item say.
#[derive(Debug, Default)]
struct Attributes {
    file: Option<String>,
    ignored: bool,
    test: bool,
    test_only: bool,
}

impl Attributes {
    fn read(&mut self, tokens: TokenStream) {
        let mut words = Vec::new();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) =
            tokens.next_if(|next| matches!(next, TokenTree::Ident(_)) || is_punct(next, ':'))
        {
            if let TokenTree::Ident(word) = token {
                words.push(word.to_string());
            }
        }
        let rest: Vec<TokenTree> = tokens.collect();
        match (words.first().map(String::as_str), words.last().map(String::as_str)) {
            (Some("ignore"), _) => self.ignored = true,
            (Some("cfg"), _) => self.test_only |= rest.first().is_some_and(is_test_group),
            (Some("path"), _) => self.file = rest.last().and_then(string),
            (_, Some("test")) => self.test = true,
            _ => {}
        }
    }
}

/// `(test)`, the argument of `cfg`.
fn is_test_group(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.stream().to_string() == "test")
}

impl Item {
    /// Notes what the tokens mention, attributes left out.
    fn read(&mut self, tokens: impl IntoIterator<Item = TokenTree>) {
        let mut tokens = tokens.into_iter().peekable();
        let mut after_dot = false;
        while let Some(token) = tokens.next() {
            let dot = is_punct(&token, '.');
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    tokens.next_if(|next| is_punct(next, '!'));
                    tokens.next_if(|next| is_group(next, Delimiter::Bracket));
                }
                TokenTree::Ident(word) => {
                    let word = word.to_string();
                    self.asserts_rule |= word == "assert_refused" || (word == "rule" && after_dot);
                    self.idents.insert(word);
                }
                TokenTree::Group(group) => self.read(group.stream()),
                literal @ TokenTree::Literal(_) => {
                    if let Some(text) = string(&literal) {
                        self.asserts_rule |= text == "rule";
                        self.literals.insert(text);
                    }
                }
                TokenTree::Punct(_) => {}
            }
            after_dot = dot;
        }
    }
}

/// The text of a string literal; escapes stay as they are, since no ID and no file name has one.
fn string(token: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = token else { return None };
    let text = literal.to_string();
    let text = text.strip_prefix('r').unwrap_or(&text).trim_matches('#');
    Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

/// The tokens up to and with the braces of a body, or up to the `;` in its place.
fn take_until_body(tokens: &mut Tokens) -> Vec<TokenTree> {
    let mut taken = Vec::new();
    for token in tokens.by_ref() {
        let last = is_group(&token, Delimiter::Brace) || is_punct(&token, ';');
        taken.push(token);
        if last {
            break;
        }
    }
    taken
}

fn next_ident(tokens: &mut Tokens) -> Option<String> {
    match tokens.next_if(|next| matches!(next, TokenTree::Ident(_)))? {
        TokenTree::Ident(name) => Some(name.to_string()),
        _ => None,
    }
}

/// What may stand between `const` and the name of a constant function.
fn is_function_word(word: &Ident) -> bool {
    ["async", "extern", "fn", "unsafe"].iter().any(|function| word == function)
}

fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str, name: &str) -> Item {
        let file = File::parse(text).unwrap();
        file.items.into_iter().find(|item| item.name() == name).unwrap_or_else(|| panic!("no {name}"))
    }

    #[test]
    fn comments_and_doc_comments_mention_nothing() {
        let text = r#"
            /// "WID-1" and `helper`
            #[test]
            fn a() {
                // "WID-2"
                /* "WID-3" */
                /// "WID-4"
                let x = "WID-5";
            }
        "#;
        let item = item(text, "a");
        assert!(item.test && item.test_only);
        assert_eq!(item.literals, ["WID-5".to_owned()].into());
        assert!(!item.idents.contains("helper"));
    }

    #[test]
    fn tests_are_told_from_functions() {
        assert!(item("#[test] fn a() {}", "a").test);
        assert!(item("#[tokio::test(flavor = \"current_thread\")] async fn a() {}", "a").test);
        assert!(item("proptest! { #![proptest_config(x)] #[test] fn a(x in 0..9) { f(x) } }", "a").test);
        assert!(!item("#[test] #[ignore = \"slow\"] fn a() {}", "a").test);
        assert!(!item("fn a() {}", "a").test);
        assert!(!item("#[cfg(test)] fn a() {}", "a").test);
        assert!(item("#[cfg(test)] fn a() {}", "a").test_only);
        assert!(!item("#[test] fn a() {} fn b() {}", "b").test);
    }

    #[test]
    fn modules_constants_and_methods_are_found() {
        let text = r##"
            #[cfg(test)] mod tests { const CASES: &[&str] = &["WID-1", r#"WID-2"#]; }
            impl<const N: usize> X<N> { pub(crate) const fn check(&self) -> [u8; 2] { self.e.rule() } }
            mod other;
            #[path = "x/y.rs"] mod third;
            struct S { f: fn(u8) -> u8 }
            static mut COUNT: u8 = 1;
        "##;
        let cases = item(text, "CASES");
        assert_eq!(cases.path, ["tests", "CASES"]);
        assert!(cases.test_only);
        assert_eq!(cases.literals, ["WID-1".to_owned(), "WID-2".to_owned()].into());
        assert!(item(text, "check").asserts_rule);
        assert_eq!(item(text, "COUNT").path, ["COUNT"]);
        let file = File::parse(text).unwrap();
        assert_eq!(file.items.len(), 3);
        assert_eq!(file.modules.len(), 2);
        assert_eq!(file.modules[1].file.as_deref(), Some("x/y.rs"));
    }

    #[test]
    fn asserting_a_rule_takes_a_call_a_macro_or_a_field() {
        assert!(item("fn a() { assert_eq!(e.rule(), x); }", "a").asserts_rule);
        assert!(item("fn a() { aims_testkit::assert_refused!(r, c, x); }", "a").asserts_rule);
        assert!(item("fn a() { assert_eq!(body[\"rule\"], x); }", "a").asserts_rule);
        assert!(!item("fn a(rule: &str) { f(rule); assert!(r.is_err()); }", "a").asserts_rule);
    }

    #[test]
    fn macros_are_read_where_they_are_defined() {
        let text = r#"
            macro_rules! suite { ($name:ident) => { mod $name { #[test] fn jo_1() { f("JO-2") } } }; }
            suite!(ring);
        "#;
        assert!(item(text, "jo_1").test);
        assert!(item(text, "suite").literals.contains("JO-2"));
    }
}
