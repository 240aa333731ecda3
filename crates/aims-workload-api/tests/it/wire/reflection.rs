//! What a server answers whoever asks which services it has (WE-6), read by hand.
//!
//! The numbers are those of `grpc/reflection/v1/reflection.proto` and `google/protobuf/descriptor.proto`.

use std::collections::BTreeSet;

use aims_keys::backend;
use aims_workload_api::WorkloadApiServer;
use tokio::net::{TcpListener, TcpStream};

use super::grpc::{Raw, framed};
use super::protobuf::{Value, bytes, fields, lengths};
use crate::support::*;

const VERSIONS: [&str; 2] = ["v1", "v1alpha"];

/// A question, and the field of the answer.
async fn ask(client: &mut Raw, version: &str, question: &[u8]) -> Result<(u32, Vec<u8>), u32> {
    let method = format!("grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
    let message =
        client.post(&method, &[], framed(question)).await.next().await.map_err(|status| status.0)?;
    let answer = lengths(&message).into_iter().find(|(number, _)| *number > 2).unwrap();
    // `original_request = 2`
    assert!(lengths(&message).contains(&(2, question.to_vec())));
    Ok(answer)
}

async fn services(client: &mut Raw, version: &str) -> Result<BTreeSet<String>, u32> {
    // `list_services = 7`; `list_services_response = 6 { service = 1 { name = 1 } }`
    let (number, answer) = ask(client, version, &bytes(7, "*")).await?;
    assert_eq!(number, 6);
    Ok(lengths(&answer).into_iter().map(|(_, service)| text(&lengths(&service)[0].1)).collect())
}

/// A file, by a symbol in it (`file_containing_symbol = 4`) or by its name (`file_by_filename = 3`).
async fn file(client: &mut Raw, version: &str, question: u32, name: &str) -> Result<Vec<u8>, u32> {
    // `file_descriptor_response = 4 { file_descriptor_proto = 1 }`
    let (number, answer) = ask(client, version, &bytes(question, name)).await?;
    assert_eq!(number, 4);
    let [(1, file)] = &lengths(&answer)[..] else { panic!("{answer:?}") };
    Ok(file.clone())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The fields of a message that are strings or messages, with this number.
fn parts(message: &[u8], number: u32) -> Vec<Vec<u8>> {
    let part = |(at, value)| match value {
        Value::Bytes(bytes) if at == number => Some(bytes),
        _ => None,
    };
    fields(message).into_iter().filter_map(part).collect()
}

fn name(message: &[u8]) -> String {
    text(&parts(message, 1)[0])
}

/// Methods as a `.proto` has them, from `FileDescriptorProto { service = 6 { name = 1, method = 2 } }`.
fn methods(file: &[u8]) -> Vec<String> {
    let [service] = &parts(file, 6)[..] else { panic!("another number of services") };
    let method = |method: &Vec<u8>| {
        let (input, output) = (text(&parts(method, 2)[0]), text(&parts(method, 3)[0]));
        let short = |name: &str| name.rsplit('.').next().unwrap().to_owned();
        // `server_streaming = 6`, and never `client_streaming = 5`
        assert!(fields(method).iter().all(|(number, _)| *number != 5));
        let stream = if fields(method).contains(&(6, Value::Varint(1))) { "stream " } else { "" };
        format!("rpc {}({}) returns ({stream}{});", name(method), short(&input), short(&output))
    };
    parts(service, 2).iter().map(method).collect()
}

/// The same, and the fields of messages, as the text has them.
fn written(proto: &str) -> (Vec<String>, BTreeSet<String>) {
    let lines = proto.lines().map(str::trim);
    let methods = lines.clone().filter(|line| line.starts_with("rpc ")).map(ToOwned::to_owned).collect();
    let field = |line: &str| {
        let (declared, number) = line.strip_suffix(';')?.rsplit_once(" = ")?;
        let name = declared.rsplit(' ').next()?;
        Some(format!("{name} = {}", number.parse::<u32>().ok()?))
    };
    (methods, lines.filter_map(field).collect())
}

/// `message_type = 4 { field = 2 { name = 1, number = 3 } }`
fn members(file: &[u8]) -> BTreeSet<String> {
    let fields = parts(file, 4).iter().flat_map(|message| parts(message, 2)).collect::<Vec<_>>();
    let field = |field: &Vec<u8>| {
        let number = self::fields(field).into_iter().find_map(|(at, value)| match value {
            Value::Varint(number) if at == 3 => Some(number),
            _ => None,
        });
        format!("{} = {}", name(field), number.unwrap())
    };
    fields.iter().map(field).collect()
}

fn served(key_holders: bool) -> Served {
    Served::with(vec![entry(AGENT, &["unix:uid:1"])], |builder| {
        let builder = builder.reflection();
        if key_holders { builder.key_holders(ORIGIN) } else { builder }
    })
}

#[tokio::test]
async fn we_6_the_api_can_be_asked_for_its_methods_and_messages() {
    let served = served(true);
    let mut client = Raw::connect(&served.path).await;
    let workload = written(include_str!("../../../proto/workload.proto"));
    let key_holder = written(include_str!("../../../proto/key_holder.proto"));
    assert_eq!((workload.0.len(), key_holder.0.len()), (7, 2));
    for version in VERSIONS {
        let own = format!("grpc.reflection.{version}.ServerReflection");
        let expected = ["SpiffeWorkloadAPI".to_owned(), "aims.workload.v1.KeyHolder".to_owned(), own];
        assert_eq!(services(&mut client, version).await.unwrap(), expected.into());
        for (symbol, filename, written) in [
            ("SpiffeWorkloadAPI", "workload.proto", &workload),
            ("aims.workload.v1.KeyHolder", "key_holder.proto", &key_holder),
        ] {
            let found = file(&mut client, version, 4, symbol).await.unwrap();
            assert_eq!(found, file(&mut client, version, 3, filename).await.unwrap());
            assert_eq!(name(&found), filename);
            assert_eq!((methods(&found), members(&found)), *written);
            // Whoever resolves what is imported (`dependency = 3`) finds that, too.
            for import in parts(&found, 3) {
                let import = file(&mut client, version, 3, &text(&import)).await.unwrap();
                assert_eq!(name(&import), "google/protobuf/struct.proto");
            }
        }
        assert_eq!(file(&mut client, version, 4, "acme.Other").await, Err(5));
    }
    // The API itself is as it was (WE-2).
    let refused = client.send("FetchX509SVID", &[], framed(&[])).await.next().await;
    assert_eq!(refused.unwrap_err().0, 3);
    client.call("FetchX509SVID", &[]).await.next().await.unwrap();
}

#[tokio::test]
async fn we_6_nothing_is_said_of_what_is_not_there_nor_to_the_network() {
    let without = served(false);
    let mut client = Raw::connect(&without.path).await;
    for version in VERSIONS {
        assert!(!services(&mut client, version).await.unwrap().contains("aims.workload.v1.KeyHolder"));
        assert_eq!(file(&mut client, version, 4, "aims.workload.v1.KeyHolder").await, Err(5));
    }
    // Nobody has asked for it.
    let silent = Served::new(vec![entry(AGENT, &["unix:uid:1"])]);
    let mut client = Raw::connect(&silent.path).await;
    assert_eq!(services(&mut client, "v1").await, Err(12));

    let all = entries(vec![entry(AGENT, &["unix:uid:1"])]);
    let says = Says::new(&["unix:uid:1"]);
    let server = WorkloadApiServer::builder(authority(), all, says, backend::ring()).reflection().build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { server.serve_tcp(listener).await });
    let mut client = Raw::over(TcpStream::connect(address).await.unwrap()).await;
    for version in VERSIONS {
        assert_eq!(services(&mut client, version).await, Err(12));
    }
    client.call("FetchX509SVID", &[]).await.next().await.unwrap();
}
