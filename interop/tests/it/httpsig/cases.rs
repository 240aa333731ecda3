//! Messages that everybody should agree about.

use aims_httpsig::Digests;
use aims_httpsig::sf::{BareItem, Decimal};
use aims_keys::backend;

use super::case::{Case, Parts};

pub(super) const ORDER: &[u8] = br#"{"order": 7}"#;

const ANSWER: &[u8] = br#"{"order": 7, "state": "open"}"#;

/// What every general implementation has.
pub(super) fn common() -> Vec<Case> {
    vec![
        Case::new(
            "derived components",
            Parts::request("GET", "/v1/search?to=LIS&q=a%20b")
                .at("Tools.Example:443")
                .with("Accept", "text/plain"),
            &[
                r#""@method""#,
                r#""@target-uri""#,
                r#""@authority""#,
                r#""@scheme""#,
                r#""@request-target""#,
                r#""@path""#,
                r#""@query""#,
                r#""accept""#,
            ],
        )
        .saying_algorithm(),
        Case::new(
            "another port, no query",
            Parts::request("PURGE", "/").at("tools.example:8443"),
            &[r#""@target-uri""#, r#""@authority""#, r#""@path""#, r#""@query""#],
        ),
        Case::new(
            "content",
            order(),
            &[r#""@method""#, r#""content-digest""#, r#""content-type""#, r#""@path""#],
        )
        .content(ORDER),
        Case::new(
            "field lines",
            Parts::request("GET", "/")
                .with("X-List", "a")
                .with("x-list", " \tb, c ")
                .with("X-LIST", "")
                .with("X-Empty", "")
                .with("X-Tab", "a\tb")
                .with("X-Folded", "a\r\n b"),
            &[r#""x-list""#, r#""x-empty""#, r#""x-tab""#, r#""x-folded""#],
        ),
        Case::new(
            "members of a dictionary",
            order()
                .with("Signature-Agent", r#"a="https://agent.example";type=directory,b=?1;x="""#)
                .with("Signature-Agent", "c, d=(1  2);q=1.50"),
            &[
                r#""content-digest";key="sha-256""#,
                r#""signature-agent";key="a""#,
                r#""signature-agent";key="b""#,
                r#""signature-agent";key="c""#,
                r#""signature-agent";key="d""#,
            ],
        ),
        response().content(ANSWER),
        Case::new(
            "response without content",
            Parts::response(503).with("Retry-After", "5"),
            &[r#""@status""#, r#""retry-after""#],
        ),
    ]
}

/// A response that covers what it answers.
pub(super) fn response() -> Case {
    let answer = Parts::response(200)
        .with("Content-Type", "application/json")
        .with("Content-Digest", &Digests::field(ANSWER, backend::ring()));
    Case::new(
        "response",
        answer,
        &[
            r#""@status""#,
            r#""content-type""#,
            r#""content-digest""#,
            r#""@method";req"#,
            r#""@authority";req"#,
            r#""@path";req"#,
            r#""@query";req"#,
            r#""content-digest";req"#,
        ],
    )
    .to(order())
}

/// A parameter of each kind that RFC 8941 has.
pub(super) fn parameters() -> Case {
    Case::new("parameters of a profile", Parts::request("GET", "/"), &[r#""@method""#])
        .parameter("x-audience", BareItem::string(r#"say "it" \ twice"#))
        .parameter("x-flag", true.into())
        .parameter("x-off", false.into())
        .parameter("x-count", BareItem::Integer(-42))
        .parameter("x-share", BareItem::Decimal(Decimal::from_thousandths(1500).unwrap()))
        .parameter("x-kind", BareItem::Token("*a/b:c".into()))
        .parameter("x-bytes", BareItem::Bytes(vec![0, 255, 16].into()))
}

pub(super) fn order() -> Parts {
    Parts::request("POST", "/v1/orders?shop=3")
        .with("Content-Type", "application/json")
        .with("Content-Digest", &Digests::field(ORDER, backend::ring()))
}
