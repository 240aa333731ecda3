//! What a user answers to a server is nothing that lets an agent do something.

use aims::mcp::{InputRequired, InputResponses, UrlRequest};
use aims::oauth::UserGrant;
use aims::{Authorized, Permit};

fn permit(answers: InputResponses) -> Permit {
    answers.into()
}

fn authorized(answers: InputResponses) -> Authorized {
    answers.into()
}

fn token(answers: InputResponses) -> aims::oauth::Authorized {
    answers.into()
}

fn granted(answers: InputResponses) -> UserGrant {
    answers.into()
}

fn linked(link: &UrlRequest) -> UserGrant {
    UserGrant::from(link)
}

fn opened(link: &UrlRequest) -> &str {
    link.url.as_str()
}

fn asked(input: InputRequired) -> UserGrant {
    input.into()
}

fn main() {}
