//! The few commands that a test gives a software TPM itself.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Longer than any other connection of a test.
const PATIENCE: Duration = Duration::from_secs(30);

/// `CMD_INIT` of swtpm's control channel: the TPM is switched off and on.
#[expect(clippy::expect_used, reason = "a test helper: a TPM that does not obey must fail the test")]
pub(super) fn init(port: u16) {
    let control = port.checked_add(1).expect("the control port");
    let mut request = Vec::from(2_u32.to_be_bytes());
    request.extend(0_u32.to_be_bytes());
    let mut answer = [0; 4];
    exchange(control, &request, &mut answer);
    assert_eq!(u32::from_be_bytes(answer), 0, "the software TPM refuses to start anew");
}

/// `TPM2_PCR_Extend`, with an empty password.
#[expect(clippy::expect_used, reason = "a test helper: a command of known length")]
pub(super) fn extend_pcr(port: u16, index: u8, digest: &[u8; 32]) {
    let mut body = Vec::new();
    body.extend(0x182_u32.to_be_bytes());
    body.extend(u32::from(index).to_be_bytes());
    // One authorization: TPM_RS_PW, no nonce, no attributes, empty.
    body.extend(9_u32.to_be_bytes());
    body.extend([0x40, 0, 0, 9, 0, 0, 0, 0, 0]);
    body.extend(1_u32.to_be_bytes());
    body.extend(0x000b_u16.to_be_bytes());
    body.extend(digest);
    let mut command = Vec::from(0x8002_u16.to_be_bytes());
    command.extend(u32::try_from(body.len() + 6).expect("a short command").to_be_bytes());
    command.extend(body);

    let mut answer = [0; 10];
    exchange(port, &command, &mut answer);
    let [.., a, b, c, d] = answer;
    assert_eq!(u32::from_be_bytes([a, b, c, d]), 0, "the software TPM refuses to extend a PCR");
}

#[expect(clippy::panic, reason = "a test helper: a TPM that does not answer must fail the test")]
fn exchange(port: u16, request: &[u8], answer: &mut [u8]) {
    let done = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request)?;
        stream.read_exact(answer)
    });
    if let Err(e) = done {
        panic!("the software TPM does not answer at port {port}: {e}");
    }
}
