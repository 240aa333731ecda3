//! `aims bundle serve` and `fetch`, at each other.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::{Folder, ORIGIN};

struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const ENDPOINT: &str = "spiffe://acme.example/bundle-endpoint";

/// Serves `acme.bundle` of a folder, as a workload of the trust domain.
fn serve(folder: &Folder) -> Server {
    let by = ["svid", "issue", "--key", "root.pem", "--authority", "root.crt", "--origin", ORIGIN];
    let endpoint = ["--subject", ENDPOINT, "--request", "travel.csr"];
    folder.aims(&[&by[..], &endpoint].concat()).saved(folder, "endpoint.crt");
    folder.write("bootstrap.bundle", folder.read("acme.bundle"));
    let mut process = Command::new(env!("CARGO_BIN_EXE_aims"))
        .args([
            "bundle",
            "serve",
            "acme.bundle",
            "--origin",
            ORIGIN,
            "--url",
            "https://localhost/bundle.json",
        ])
        .args(["--listen", "127.0.0.1:0", "--certificate", "endpoint.crt", "--key", "travel.pem"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim_end().rsplit(':').next().unwrap().parse().expect(&line);
    Server { process, port }
}

fn fetch(folder: &Folder, port: u16, endpoint: &str, options: &[&str]) -> crate::support::Output {
    let url = format!("https://localhost:{port}/bundle.json");
    let whom = ["--origin", ORIGIN, "--endpoint", endpoint, "--bootstrap", "bootstrap.bundle"];
    // Without the system's authorities of the web, which a machine may not have.
    let trust = ["--authorities", "root.crt"];
    folder.aims(&[&["bundle", "fetch", &url], &whom[..], &trust, options].concat())
}

#[test]
fn fed_4_fed_6_a_bundle_is_fetched_from_where_it_is_served() {
    let folder = Folder::with_authority();
    let server = serve(&folder);
    let port = server.port.to_string();
    let allowed = ["--allow-private-host", "localhost", "--allow-port", &port];
    let document = fetch(&folder, server.port, ENDPOINT, &allowed).accepted();
    assert_eq!(document, folder.read("acme.bundle"));

    // Another edition is served without a restart; an older one is not.
    folder.bundle(&["--sequence", "8"]).saved(&folder, "acme.bundle");
    let wait_for = |sequence: &str| {
        let began = std::time::Instant::now();
        loop {
            let document = fetch(&folder, server.port, ENDPOINT, &allowed).accepted();
            if document.contains(&format!("\"spiffe_sequence\":{sequence}")) {
                return;
            }
            assert!(began.elapsed().as_secs() < 20, "{document}");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    };
    wait_for("8");
}

#[test]
fn fed_4_fed_14_an_endpoint_of_another_name_and_a_private_address_are_refused() {
    let folder = Folder::with_authority();
    let server = serve(&folder);
    let port = server.port.to_string();
    let refused = |endpoint: &str, options: &[&str]| {
        let output = fetch(&folder, server.port, endpoint, options);
        assert_eq!(output.code, 1, "{output:?}");
        output.stderr
    };
    let allowed = ["--allow-private-host", "localhost", "--allow-port", &port];
    let said = refused("spiffe://acme.example/somebody-else", &allowed);
    assert!(said.starts_with("refused: "), "{said}");
    let said = refused(ENDPOINT, &["--allow-port", &port]);
    assert!(said.starts_with("refused: address_not_allowed (FED-14)"), "{said}");
    let said = refused(ENDPOINT, &["--allow-private-host", "localhost"]);
    assert!(said.starts_with("refused: port_not_allowed (FED-14)"), "{said}");
    // An identity that is not in the bundle's trust domain.
    let url = ["bundle", "fetch", "http://localhost/bundle.json", "--origin", ORIGIN];
    let said = folder.aims(&url).stderr;
    assert!(said.contains("(FED-2)"), "{said}");
}
