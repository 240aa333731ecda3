//! The message that a command is about, the request that it answers, and what else is known.

use std::path::PathBuf;

use aims_httpsig::sf::{Limits, List, Member};
use aims_httpsig::{Component, Context, FieldType, RawMessage};

use crate::failure::{About, Failure};
use crate::input::{BinaryInput, Inputs};
use crate::message::TextMessage;

/// Where the message is.
#[derive(clap::Args, Debug)]
pub(super) struct Source {
    /// A request or a response of HTTP/1.1 as text, lines ending with CRLF or LF; - is standard input.
    file: PathBuf,
    /// The request that the response answers: where components with `;req` are taken from; - is standard input.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The scheme of requests, which do not say it.
    #[arg(long, default_value = "https", value_parser = ["http", "https"])]
    scheme: String,
    /// The authority by which clients know the server. Default: what the request says.
    #[arg(long, value_name = "HOST[:PORT]")]
    authority: Option<String>,
    /// The type of a structured field that is not a known one, for `;sf` and `;key`: dictionary, item or list. May be repeated.
    #[arg(long = "field-type", value_name = "NAME=TYPE", value_parser = field_type)]
    field_types: Vec<(String, FieldType)>,
}

/// The message and its surroundings, read.
pub(super) struct Exchange<'a> {
    pub(super) text: &'a TextMessage<'a>,
    pub(super) context: Context<'a>,
    /// The Content-Digest that was added.
    pub(super) digest: Option<String>,
}

impl Source {
    /// Does something with the message; with a Content-Digest more, where `digest` says so.
    pub(super) fn with<T>(
        &self,
        inputs: &mut Inputs,
        digest: impl FnOnce(&TextMessage<'_>) -> Result<Option<String>, Failure>,
        run: impl FnOnce(&Exchange<'_>, &mut Inputs) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let file = inputs.binary(&self.file)?;
        let request_file = self.request.as_ref().map(|path| inputs.binary(path)).transpose()?;
        let request = request_file.as_ref().map(|file| self.request(file)).transpose()?;
        let to_head = request.as_ref().is_some_and(|(text, _)| text.is_head());
        let text = TextMessage::parse(&file.bytes, to_head).about_option(&file.name)?;
        if text.is_request() && request.is_some() {
            return Err(Failure::Unusable("--request goes with a response".into()));
        }
        let digest = digest(&text).about_option(&file.name)?;
        let raw = text.to_raw(&self.scheme);
        let raw = digest.iter().fold(raw, |raw, digest| raw.with_header("content-digest", digest));
        let types: Vec<_> = self.field_types.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
        let context = if text.is_request() { Context::request(&raw) } else { Context::response(&raw) };
        let context = request.iter().fold(context, |context, (_, raw)| context.to(raw));
        let context =
            self.authority.iter().fold(context, |context, authority| context.with_authority(authority));
        let context = context.with_field_types(&types);
        run(&Exchange { text: &text, context, digest }, inputs).about_option(&file.name)
    }

    fn request<'a>(&self, file: &'a BinaryInput) -> Result<(TextMessage<'a>, RawMessage), Failure> {
        let text = TextMessage::parse(&file.bytes, false).about_option(&file.name)?;
        if !text.is_request() {
            return Err(Failure::Unusable(format!("--request: {} holds a response", file.name)));
        }
        let raw = text.to_raw(&self.scheme);
        Ok((text, raw))
    }
}

/// Reads components as they stand in `Signature-Input`, in parentheses or without, from all values of an option.
pub(super) fn components(lists: &[String], option: &str) -> Result<Vec<Component<'static>>, Failure> {
    let lists = lists.iter().map(|text| list(text).about_option(option));
    Ok(lists.collect::<Result<Vec<_>, _>>()?.concat())
}

/// Whether it is the digest of the content of this message, and not of its request.
pub(super) fn is_digest(component: &Component<'_>) -> bool {
    component.name() == "content-digest" && component.parameters().get("req").is_none()
}

fn list(text: &str) -> Result<Vec<Component<'static>>, Failure> {
    let text = text.trim();
    let text = if text.starts_with('(') { text.to_owned() } else { format!("({text})") };
    let list = List::parse(text.as_bytes(), &Limits::new()).map_err(|error| {
        Failure::refused(error.code(), error.rule(), format!("{error}; {WHAT_A_LIST_IS}"))
    })?;
    let [Member::InnerList(inner)] = list.members() else {
        return Err(Failure::Unusable(WHAT_A_LIST_IS.into()));
    };
    if !inner.parameters().is_empty() {
        return Err(Failure::Unusable(WHAT_A_LIST_IS.into()));
    }
    inner.items().iter().map(|item| Ok(item.to_string().parse::<Component<'static>>()?)).collect()
}

fn field_type(text: &str) -> Result<(String, FieldType), String> {
    let (name, kind) = text.split_once('=').unwrap_or_default();
    let kind = match kind {
        "dictionary" => FieldType::Dictionary,
        "item" => FieldType::Item,
        "list" => FieldType::List,
        _ => return Err("a field name and a type, such as x-meta=dictionary".into()),
    };
    Ok((name.to_ascii_lowercase(), kind))
}

const WHAT_A_LIST_IS: &str = "components are one list, their names in quotes, without the parameters of a signature: '\"@method\" \"content-digest\";req'";
