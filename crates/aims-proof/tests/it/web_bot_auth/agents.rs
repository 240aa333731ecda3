//! `Signature-Agent`, and what bots are known by.

use aims_proof::web_bot_auth::{AgentUrl, Discovery, KeySource, SignatureAgent};
use aims_testkit::assert_refused;

#[test]
fn hs_wba_03_the_field_is_a_dictionary_of_places() {
    let field = r#"a="https://a.example", b="https://b.example/k?v=1";type=jwks_uri,  c="https://c.example/c";type=cimd;x=1, d="https://d.example:8443/";type=directory"#;
    let agents = SignatureAgent::parse(field).unwrap();
    let members: Vec<_> =
        agents.iter().map(|(key, source)| (key, source.as_str(), source.discovery().name())).collect();
    assert_eq!(
        members,
        [
            ("a", "https://a.example", "directory"),
            ("b", "https://b.example/k?v=1", "jwks_uri"),
            ("c", "https://c.example/c", "cimd"),
            ("d", "https://d.example:8443/", "directory"),
        ]
    );
    assert_eq!(agents.ignored().count(), 0);
    assert_eq!(agents.get("b").unwrap().discovery(), Discovery::JwksUri);
    assert_eq!(agents.get("e"), None);
    assert_eq!(SignatureAgent::parse("").unwrap(), SignatureAgent::default());
}

#[test]
fn hs_wba_03_a_member_that_is_none_is_ignored_and_the_others_count() {
    for (member, code, rule) in [
        ("bad=1", "member_not_a_string", "HS-WBA-03"),
        ("bad", "member_not_a_string", "HS-WBA-03"),
        ("bad=token", "member_not_a_string", "HS-WBA-03"),
        (r#"bad=("https://a.example")"#, "member_not_a_string", "HS-WBA-03"),
        (r#"bad="https://a.example";type=other"#, "member_type_unknown", "HS-WBA-03"),
        (r#"bad="https://a.example";type=Directory"#, "member_type_unknown", "HS-WBA-03"),
        (r#"bad="https://a.example";type="directory""#, "member_type", "HS-WBA-03"),
        (r#"bad="https://a.example";type"#, "member_type", "HS-WBA-03"),
        (r#"bad="https://a.example";type=cimd;type=directory"#, "member_type", "HS-WBA-03"),
        (r#"bad="http://a.example""#, "url_scheme", "HS-WBA-03"),
        (r#"bad="a.example""#, "url_scheme", "HS-WBA-03"),
        (r#"bad="data:application/json,{}";type=jwks_uri"#, "url_scheme", "HS-WBA-03"),
        (r#"bad="http://a.example/k";type=jwks_uri"#, "url_scheme", "HS-WBA-03"),
        (r#"bad="https://u@a.example/k";type=jwks_uri"#, "url_userinfo", "HS-WBA-03"),
        (r#"bad="https://a.example/ k";type=jwks_uri"#, "url_path", "HS-WBA-03"),
        (r#"bad="https://a.example/%k";type=jwks_uri"#, "url_path", "HS-WBA-03"),
        (r#"bad="https://a.example\\@b.example/";type=jwks_uri"#, "url_path", "HS-WBA-03"),
        (r#"bad="https://0x7f.1/k";type=jwks_uri"#, "url_host", "HS-WBA-03"),
        (r#"bad="https:///k";type=jwks_uri"#, "url_host", "HS-WBA-03"),
    ] {
        let field = format!(r#"good="https://good.example", {member}"#);
        let agents = SignatureAgent::parse(&field).unwrap();
        assert_eq!(agents.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["good"], "{member}");
        let (key, reason) = agents.ignored().next().unwrap();
        assert_eq!((key, reason.code(), reason.rule()), ("bad", code, rule), "{member}");
        assert!(!reason.to_string().is_empty());
    }
}

#[test]
fn hs_wba_03_the_older_form_is_read_where_it_is_asked_for() {
    let bare = r#""https://bot.example""#;
    assert_refused!(SignatureAgent::parse(bare), "signature_agent_bare", "HS-WBA-03");
    assert_refused!(SignatureAgent::parse(&format!(" {bare}")), "signature_agent_bare", "HS-WBA-03");
    let agents = SignatureAgent::parse_bare(bare, "sig2").unwrap();
    assert_eq!(agents.get("sig2").unwrap().as_str(), "https://bot.example");
    assert_refused!(SignatureAgent::parse_bare("a=1, b", "sig2"), "signature_agent_malformed", "HS-WBA-03");
    assert_refused!(
        SignatureAgent::parse_bare(&format!("{bare}, {bare}"), "sig2"),
        "signature_agent_malformed",
        "HS-WBA-03"
    );
    for (field, code) in [
        (r#"a="https://a.example", a="https://b.example""#, "signature_agent_duplicate"),
        (r#"a="https://a.example"#, "signature_agent_malformed"),
        (r#"a="https://a.example","#, "signature_agent_malformed"),
        ("https://a.example", "signature_agent_malformed"),
    ] {
        assert_refused!(SignatureAgent::parse(field), code, "HS-WBA-03", "{field}");
    }
    let usual = format!(r#"a="https://a.example/{}";type=jwks_uri"#, "a".repeat(2000));
    assert_eq!(SignatureAgent::parse(&usual).unwrap().iter().count(), 1);
    let long = format!(r#"a="https://a.example/{}";type=jwks_uri"#, "a".repeat(9000));
    assert_refused!(SignatureAgent::parse(&long), "signature_agent_malformed", "HS-WBA-03");
    let many: Vec<_> = (0..17).map(|at| format!(r#"a{at}="https://a.example""#)).collect();
    assert_refused!(SignatureAgent::parse(&many.join(", ")), "signature_agent_malformed", "HS-WBA-03");
}

#[test]
fn hs_wba_06_the_value_of_a_directory_is_an_origin_in_its_one_spelling() {
    for (origin, url) in [
        ("https://bot.example", "https://bot.example/.well-known/http-message-signatures-directory"),
        ("https://bot.example/", "https://bot.example/.well-known/http-message-signatures-directory"),
        (
            "https://bot.example:8443",
            "https://bot.example:8443/.well-known/http-message-signatures-directory",
        ),
        ("https://[2001:db8::1]", "https://[2001:db8::1]/.well-known/http-message-signatures-directory"),
    ] {
        let source = KeySource::directory(origin).unwrap();
        assert_eq!((source.url().as_str(), source.agent().as_str(), source.as_str()), (url, url, origin));
        assert_eq!(source.to_string(), origin);
    }
    for origin in [
        "https://Bot.example",
        "https://bot.example:443",
        "https://bot.example:443/",
        "https://bot.example//",
        "https://bot.example/a",
        "https://bot.example/?",
        "https://bot.example?a",
        "https://bot.example#a",
        "https://bot.example/#",
        "https://u@bot.example",
        "https://bot.example/.well-known/http-message-signatures-directory",
        "https://bot.example/..",
        "https://bot.example.",
        "https://:1",
    ] {
        assert_refused!(KeySource::directory(origin), "not_an_origin", "HS-WBA-06", "{origin}");
    }
    assert_refused!(KeySource::directory("HTTPS://bot.example"), "url_scheme", "HS-WBA-03");
    assert_refused!(
        KeySource::directory(&format!("https://{}", "a".repeat(3000))),
        "url_too_long",
        "HS-WBA-03"
    );
    // The well-known place says what it is.
    for url in [
        "https://bot.example/.well-known/http-message-signatures-directory",
        "https://bot.example/.well-known/http-message-signatures-directory?a=b",
        "https://bot.example/a/../.well-known/http-message-signatures-director%79#x",
    ] {
        assert_refused!(KeySource::jwks_uri(url), "well_known_place", "HS-WBA-06", "{url}");
    }
}

#[test]
fn hs_wba_07_a_bot_is_known_by_one_spelling_of_its_url_without_query_and_fragment() {
    for (text, fetched, agent) in [
        ("https://b.example/k", "https://b.example/k", "https://b.example/k"),
        ("https://b.example/k?v=1&a=%41", "https://b.example/k?v=1&a=%41", "https://b.example/k"),
        ("https://b.example/k?", "https://b.example/k?", "https://b.example/k"),
        ("https://b.example/k?a?b#c?d", "https://b.example/k?a?b", "https://b.example/k"),
        ("https://b.example/k#x", "https://b.example/k", "https://b.example/k"),
        ("https://b.example", "https://b.example/", "https://b.example/"),
        ("https://b.example?v", "https://b.example/?v", "https://b.example/"),
        ("hTTps://B.Example:443/K", "https://b.example/K", "https://b.example/K"),
        ("https://b.example:/k", "https://b.example/k", "https://b.example/k"),
        ("https://b.example:8443/k", "https://b.example:8443/k", "https://b.example:8443/k"),
        ("https://[2001:DB8::1]:443", "https://[2001:db8::1]/", "https://[2001:db8::1]/"),
        ("https://[::443]/k", "https://[::443]/k", "https://[::443]/k"),
        ("https://b.example/a/./b/../k", "https://b.example/a/k", "https://b.example/a/k"),
        ("https://b.example/../../k", "https://b.example/k", "https://b.example/k"),
        ("https://b.example/a/%2e%2E/k", "https://b.example/k", "https://b.example/k"),
        ("https://b.example/a/..", "https://b.example/", "https://b.example/"),
        ("https://b.example/a/.", "https://b.example/a/", "https://b.example/a/"),
        ("https://b.example/a//b", "https://b.example/a//b", "https://b.example/a//b"),
        ("https://b.example/%6b%7E%2d", "https://b.example/k~-", "https://b.example/k~-"),
        ("https://b.example/a%2fb%3a", "https://b.example/a%2Fb%3A", "https://b.example/a%2Fb%3A"),
        ("https://b.example/%25%36%62", "https://b.example/%256b", "https://b.example/%256b"),
    ] {
        let source = KeySource::jwks_uri(text).unwrap();
        assert_eq!((source.url().as_str(), source.agent().as_str()), (fetched, agent), "{text}");
        let known: AgentUrl = text.parse().unwrap();
        assert_eq!(&known, source.agent());
        assert_eq!(known.to_string().parse::<AgentUrl>().unwrap(), known, "one form");
    }
    for (text, code) in [
        ("http://b.example/", "url_scheme"),
        ("https:/b.example/", "url_scheme"),
        ("https://b.example/%", "url_path"),
        ("https://b.example/%4", "url_path"),
        ("https://b.example/%zz", "url_path"),
        ("https://b.example/%+1", "url_path"),
        ("https://b.example/é", "url_path"),
        ("https://b.example/#é", "url_path"),
        ("https://b.example/# ", "url_path"),
        ("https://b.example/#\u{1d}", "url_path"),
        ("https://b.example:0443/", "url_port"),
        ("https://b.example:443:/", "url_port"),
        ("https://b.example::/", "url_port"),
        ("https://b.example:99999/", "url_port"),
        ("https://a@b.example/", "url_userinfo"),
        ("https://b.example\\/", "url_path"),
        ("https://b_.example./", "url_host"),
        ("https://127.1/", "url_host"),
    ] {
        let refused = text.parse::<AgentUrl>().unwrap_err();
        assert_eq!(refused.code(), code, "{text}");
    }
}
