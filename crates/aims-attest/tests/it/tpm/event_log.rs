//! Event logs (TPM-27).

use aims_attest::tpm::{EventLog, EventLogError, PcrBank, PcrValues};
use aims_keys::backend;
use aims_testkit::assert_refused;

use super::support::{hex, vector};

const EV_POST_CODE: u32 = 1;
const EV_NO_ACTION: u32 = 3;
const EV_SEPARATOR: u32 = 4;
const EV_IPL: u32 = 13;
const EV_EFI_VARIABLE_DRIVER_CONFIG: u32 = 0x8000_0001;

/// A log that is written as firmware writes it.
#[derive(Clone)]
struct Log(Vec<u8>);

impl Log {
    fn new(algorithms: &[(u16, u16)]) -> Self {
        let mut spec = b"Spec ID Event03\0\0\0\0\0\x00\x02\x00\x02".to_vec();
        spec.extend(u32::try_from(algorithms.len()).unwrap().to_le_bytes());
        for (id, len) in algorithms {
            spec.extend(id.to_le_bytes());
            spec.extend(len.to_le_bytes());
        }
        spec.push(0);
        Self::with_header(&spec)
    }

    fn with_header(spec: &[u8]) -> Self {
        let mut log = vec![0; 4];
        log.extend(EV_NO_ACTION.to_le_bytes());
        log.extend([0; 20]);
        log.extend(u32::try_from(spec.len()).unwrap().to_le_bytes());
        log.extend(spec);
        Self(log)
    }

    fn sha256() -> Self {
        Self::new(&[(0x0b, 32)])
    }

    /// An event with these digests.
    fn raw(mut self, pcr: u32, kind: u32, digests: &[(u16, &[u8])], data: &[u8]) -> Self {
        self.0.extend(pcr.to_le_bytes());
        self.0.extend(kind.to_le_bytes());
        self.0.extend(u32::try_from(digests.len()).unwrap().to_le_bytes());
        for (id, digest) in digests {
            self.0.extend(id.to_le_bytes());
            self.0.extend(*digest);
        }
        self.0.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        self.0.extend(data);
        self
    }

    /// An event whose digest is that of its data.
    fn event(self, pcr: u32, kind: u32, data: &[u8]) -> Self {
        let digest = backend::ring().sha256(data);
        self.raw(pcr, kind, &[(0x0b, &digest)], data)
    }

    /// The value that these digests make of a PCR.
    fn pcr(initial: u8, measured: &[&[u8]]) -> [u8; 32] {
        let mut value = [0; 32];
        value[31] = initial;
        for data in measured {
            value = backend::ring().sha256(&[value, backend::ring().sha256(data)].concat());
        }
        value
    }
}

fn quoted(values: &[(u8, [u8; 32])]) -> PcrValues {
    let mut pcrs = PcrValues::new();
    for (index, value) in values {
        pcrs.insert(PcrBank::Sha256, *index, value).unwrap();
    }
    pcrs
}

fn variable(name: &str, value: &[u8]) -> Vec<u8> {
    let vendor = hex("61dfe48bca93d211aa0d00e098032b8c");
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let lens = [name.len() as u64 / 2, value.len() as u64].map(u64::to_le_bytes).concat();
    [vendor, lens, name, value.to_vec()].concat()
}

fn parse(log: &Log) -> EventLog<'_> {
    EventLog::parse(&log.0).unwrap()
}

#[test]
fn tpm_27_a_log_is_read_once_it_makes_the_pcrs_that_were_quoted() {
    let log = Log::sha256().event(0, EV_POST_CODE, b"code").event(4, EV_IPL, b"loader").event(
        0,
        EV_SEPARATOR,
        &[0; 4],
    );
    let log = log.event(5, EV_IPL, b"not quoted");
    let zero = Log::pcr(0, &[b"code", &[0; 4]]);
    let four = Log::pcr(0, &[b"loader"]);
    assert_eq!(parse(&log).banks(), [PcrBank::Sha256]);
    let replayed = parse(&log).replay(&quoted(&[(0, zero), (4, four)]), backend::ring()).unwrap();
    let events: Vec<_> =
        replayed.events().iter().map(|event| (event.pcr(), event.claimed_kind(), event.data())).collect();
    // Nobody vouches for the event of PCR 5.
    assert_eq!(
        events,
        [
            (0, EV_POST_CODE, Some(&b"code"[..])),
            (4, EV_IPL, Some(b"loader")),
            (0, EV_SEPARATOR, Some(&[0; 4])),
        ]
    );
    let mut other = four;
    other[0] ^= 1;
    for (values, which) in [
        (quoted(&[(0, zero), (4, other)]), 4),
        (quoted(&[(0, four), (4, zero)]), 0),
        (quoted(&[(0, [0; 32])]), 0),
        // A PCR of the firmware that it did not touch by its log.
        (quoted(&[(0, zero), (2, four)]), 2),
    ] {
        let refused = parse(&log).replay(&values, backend::ring()).map(|_| ());
        assert_eq!(refused, Err(EventLogError::Replay { bank: PcrBank::Sha256, index: which }));
        assert_refused!(refused, "event_log_replay", "TPM-27", "{values:?}");
    }
    // Untouched ones: those of the firmware are zero, those of the operating system may be anything.
    parse(&log).replay(&quoted(&[(0, zero), (2, [0; 32]), (10, four)]), backend::ring()).unwrap();
    let nothing = parse(&log).replay(&quoted(&[(10, four)]), backend::ring());
    assert_refused!(nothing, "event_log_nothing_quoted", "TPM-27");
    let no_values = parse(&log).replay(&PcrValues::new(), backend::ring());
    assert_refused!(no_values, "event_log_nothing_quoted", "TPM-27");
}

#[test]
fn tpm_27_events_that_were_left_out_added_changed_or_exchanged_do_not_replay() {
    let (a, b) = (b"first".as_slice(), b"second".as_slice());
    let values = quoted(&[(4, Log::pcr(0, &[a, b]))]);
    let replay = |log: &Log| parse(log).replay(&values, backend::ring()).map(|_| ());
    replay(&Log::sha256().event(4, EV_IPL, a).event(4, EV_IPL, b)).unwrap();
    for log in [
        Log::sha256().event(4, EV_IPL, a),
        Log::sha256().event(4, EV_IPL, b).event(4, EV_IPL, a),
        Log::sha256().event(4, EV_IPL, a).event(4, EV_IPL, b).event(4, EV_IPL, b),
        Log::sha256().event(4, EV_IPL, a).event(4, EV_IPL, b"secont"),
        Log::sha256().event(4, EV_IPL, a).event(5, EV_IPL, b),
        Log::sha256().event(4, EV_NO_ACTION, a).event(4, EV_IPL, b),
    ] {
        assert_refused!(replay(&log), "event_log_replay", "TPM-27");
    }
}

#[test]
fn tpm_27_data_are_shown_only_if_the_digest_is_theirs_and_unknown_types_are_digests() {
    let digest = backend::ring().sha256(b"what was measured");
    let log =
        Log::sha256().raw(8, EV_IPL, &[(0x0b, &digest)], b"grub_cmd: anything").event(8, 0x1234_5678, b"odd");
    let values = quoted(&[(8, Log::pcr(0, &[b"what was measured", b"odd"]))]);
    let replayed = parse(&log).replay(&values, backend::ring()).unwrap();
    let [comment, odd] = replayed.events() else { panic!("{replayed:?}") };
    assert_eq!((comment.data(), comment.digest().as_bytes()), (None, digest.as_slice()));
    assert_eq!((odd.data(), odd.claimed_kind()), (Some(&b"odd"[..]), 0x1234_5678));
}

#[test]
fn tpm_27_the_locality_of_the_start_is_what_pcr_0_began_with() {
    let locality = |byte: u8| [b"StartupLocality\0".as_slice(), &[byte]].concat();
    let from = |log: Log| log.event(0, EV_POST_CODE, b"code");
    for byte in [0, 3, 4] {
        let log = from(Log::sha256().raw(0, EV_NO_ACTION, &[(0x0b, &[0; 32])], &locality(byte)));
        let values = quoted(&[(0, Log::pcr(byte, &[b"code"]))]);
        parse(&log).replay(&values, backend::ring()).unwrap();
        let other = quoted(&[(0, Log::pcr(byte ^ 3, &[b"code"]))]);
        assert_refused!(parse(&log).replay(&other, backend::ring()), "event_log_replay", "TPM-27");
    }
    let no_action = |log: Log, pcr: u32, data: &[u8]| log.raw(pcr, EV_NO_ACTION, &[(0x0b, &[0; 32])], data);
    for log in [
        no_action(Log::sha256(), 0, &locality(1)),
        no_action(Log::sha256(), 1, &locality(3)),
        no_action(Log::sha256(), 0, &locality(3)[..16]),
        no_action(no_action(Log::sha256(), 0, &locality(3)), 0, &locality(3)),
        no_action(from(Log::sha256()), 0, &locality(3)),
    ] {
        assert_refused!(EventLog::parse(&log.0), "event_log_locality", "TPM-27");
    }
    // Others that are not extended say nothing, whatever PCR they name.
    let log = from(no_action(Log::sha256(), u32::MAX, b"SP800-155 Event"));
    parse(&log).replay(&quoted(&[(0, Log::pcr(0, &[b"code"]))]), backend::ring()).unwrap();
}

#[test]
fn tpm_27_secure_boot_is_what_the_firmware_measured_before_its_separator() {
    let (on, off) = (variable("SecureBoot", &[1]), variable("SecureBoot", &[0]));
    let (pk, separator) = (variable("PK", &[1]), [0; 4].to_vec());
    let tells = |events: &[(u32, &[u8])]| {
        let log = events.iter().fold(Log::sha256(), |log, (kind, data)| log.event(7, *kind, data));
        let measured: Vec<_> = events.iter().map(|(_, data)| *data).collect();
        let replayed = parse(&log).replay(&quoted(&[(7, Log::pcr(0, &measured))]), backend::ring()).unwrap();
        replayed.secure_boot()
    };
    let config = EV_EFI_VARIABLE_DRIVER_CONFIG;
    assert_eq!(tells(&[(config, &on), (config, &pk), (EV_SEPARATOR, &separator)]), Some(true));
    assert_eq!(tells(&[(config, &off), (config, &pk), (EV_SEPARATOR, &[0xff; 4])]), Some(false));
    for events in [
        // Without the separator, after it, twice, under another type.
        vec![(config, &*on)],
        vec![(EV_SEPARATOR, &separator), (config, &on)],
        vec![(config, &on), (config, &off), (EV_SEPARATOR, &separator)],
        vec![(config, &on), (config, &on), (EV_SEPARATOR, &separator)],
        vec![(EV_IPL, &on), (EV_SEPARATOR, &separator)],
        // The real separator under another name, and one of an attacker: what is in between was not measured by the firmware.
        vec![(EV_IPL, &off), (EV_IPL, &separator), (config, &on), (EV_SEPARATOR, &separator)],
    ] {
        assert_eq!(tells(&events), None, "{events:?}");
    }
    for value in [vec![], vec![2], vec![1, 0]] {
        let odd = variable("SecureBoot", &value);
        assert_eq!(tells(&[(config, &odd), (EV_SEPARATOR, &separator)]), None, "{value:?}");
    }
    for name in ["secureboot", "SecureBoo", "SecureBoot\0"] {
        assert_eq!(tells(&[(config, &variable(name, &[1])), (EV_SEPARATOR, &separator)]), None, "{name}");
    }
    // A variable of the same name by another vendor, one with a byte too many, lengths that lie.
    let mut foreign = on.clone();
    foreign[0] ^= 1;
    let mut lying = on.clone();
    lying[16..24].fill(0xff);
    for data in [foreign, [&on[..], &[0]].concat(), lying, on[..20].to_vec()] {
        assert_eq!(tells(&[(config, &data), (EV_SEPARATOR, &separator)]), None);
    }
}

#[test]
fn tpm_27_secure_boot_is_not_told_by_data_that_the_digest_does_not_cover_nor_by_another_pcr() {
    let (on, off) = (variable("SecureBoot", &[1]), variable("SecureBoot", &[0]));
    let digest = backend::ring().sha256(&off);
    let log = Log::sha256().raw(7, EV_EFI_VARIABLE_DRIVER_CONFIG, &[(0x0b, &digest)], &on).event(
        7,
        EV_SEPARATOR,
        &[0; 4],
    );
    let seven = quoted(&[(7, Log::pcr(0, &[&off, &[0; 4]]))]);
    assert_eq!(parse(&log).replay(&seven, backend::ring()).unwrap().secure_boot(), None);
    // PCR 7 was not quoted: the log is right about another PCR, and can say of this one whatever it wants.
    let log = Log::sha256()
        .event(7, EV_EFI_VARIABLE_DRIVER_CONFIG, &on)
        .event(7, EV_SEPARATOR, &[0; 4])
        .event(4, EV_IPL, b"loader");
    let four = quoted(&[(4, Log::pcr(0, &[b"loader"]))]);
    assert_eq!(parse(&log).replay(&four, backend::ring()).unwrap().secure_boot(), None);
}

#[test]
fn tpm_27_every_event_has_a_digest_of_each_bank_and_every_bank_replays() {
    let (d256, d384, weak) = (backend::ring().sha256(b"x"), backend::ring().sha384(b"x"), [7; 20]);
    let header = Log::new(&[(0x04, 20), (0x0b, 32), (0x0c, 48)]);
    let all: [(u16, &[u8]); 3] = [(0x04, &weak), (0x0b, &d256), (0x0c, &d384)];
    let log = header.clone().raw(4, EV_IPL, &all, b"x");
    assert_eq!(parse(&log).banks(), [PcrBank::Sha256, PcrBank::Sha384]);
    let v256 = Log::pcr(0, &[b"x"]);
    let v384 = backend::ring().sha384(&[[0; 48], d384].concat());
    let both = |v384: &[u8]| {
        let mut values = quoted(&[(4, v256)]);
        values.insert(PcrBank::Sha384, 4, v384).unwrap();
        values
    };
    parse(&log).replay(&both(&v384), backend::ring()).unwrap();
    // Right in one bank is not right in both.
    assert_refused!(parse(&log).replay(&both(&[1; 48]), backend::ring()), "event_log_replay", "TPM-27");
    let mut missing = PcrValues::new();
    missing.insert(PcrBank::Sha512, 4, &[0; 64]).unwrap();
    assert_refused!(parse(&log).replay(&missing, backend::ring()), "event_log_bank_missing", "TPM-27");
    // In another order it is the same log.
    let turned = header.clone().raw(4, EV_IPL, &[all[2], all[0], all[1]], b"x");
    parse(&turned).replay(&both(&v384), backend::ring()).unwrap();
    for digests in [&all[..2], &[all[0], all[1], all[1]], &[all[0], all[1], (0x0d, &[0; 64][..])], &[]] {
        let log = header.clone().raw(4, EV_IPL, digests, b"x");
        assert_refused!(EventLog::parse(&log.0), "event_log_digests", "TPM-27");
    }
}

#[test]
fn tpm_27_a_log_that_is_not_crypto_agile_is_refused() {
    for name in ["eventlog_debian-10.bin", "eventlog_short_no_action.bin"] {
        let Some(log) = vector(name) else { return };
        assert_refused!(EventLog::parse(&log), "event_log_not_agile", "TPM-27", "{name}");
    }
    let good = Log::sha256();
    // Another PCR, another type, a digest, another signature.
    for at in [0, 4, 8, 32] {
        let mut log = good.0.clone();
        log[at] ^= 1;
        assert_refused!(EventLog::parse(&log), "event_log_not_agile", "TPM-27", "byte {at}");
    }
    // A version of 1, no hash function, too many, one twice, a length that is not that of the hash function, something behind.
    let spec = |tail: &[u8]| Log::with_header(&[&b"Spec ID Event03\0\0\0\0\0\x00"[..], tail].concat());
    for tail in [
        &b"\x01\x00\x02\x01\0\0\0\x0b\0\x20\0\0"[..],
        b"\x02\x00\x02\x00\0\0\0\0",
        b"\x02\x00\x02\xff\xff\xff\xff\0",
        b"\x02\x00\x02\x02\0\0\0\x0b\0\x20\0\x0b\0\x20\0\0",
        b"\x02\x00\x02\x01\0\0\0\x0b\0\x14\0\0",
        b"\x02\x00\x02\x01\0\0\0\x04\0\x20\0\0",
        b"\x02\x00\x02\x01\0\0\0\x12\0\x41\0\0",
        b"\x02\x00\x02\x01\0\0\0\x12\0\0\0\0",
        b"\x02\x00\x02\x01\0\0\0\x0b\0\x20\0\0\0",
        b"\x02\x00\x02\x01\0\0\0\x0b\0\x20\0\x01",
    ] {
        assert_refused!(EventLog::parse(&spec(tail).0), "event_log_malformed", "TPM-27", "{tail:?}");
    }
    EventLog::parse(&spec(b"\x02\x00\x02\x02\0\0\0\x0b\0\x20\0\x12\0\x20\0\x01V").0).unwrap();
}

#[test]
fn tpm_27_att_5_a_log_ends_where_its_last_event_does_and_is_bounded() {
    let one = Log::sha256().event(4, EV_IPL, b"loader");
    let header = Log::sha256().0.len();
    for len in (1..header).chain(header + 1..one.0.len()) {
        assert_refused!(EventLog::parse(&one.0[..len]), "event_log_malformed", "TPM-27", "{len} bytes");
    }
    assert_refused!(EventLog::parse(&[]), "event_log_malformed", "TPM-27");
    for at in [28, one.0.len() - 10] {
        let mut lying = one.0.clone();
        lying[at..at + 4].fill(0xff);
        assert_refused!(EventLog::parse(&lying), "event_log_malformed", "TPM-27", "size at {at}");
    }
    let mut lying = one.0.clone();
    lying[header + 8..header + 12].fill(0xff);
    assert_refused!(EventLog::parse(&lying), "event_log_digests", "TPM-27");
    EventLog::parse(&Log::sha256().event(23, EV_IPL, b"the last PCR").0).unwrap();
    let of = |count: u16| Log::new(&(0..count).map(|n| (0x1000 + n, 32)).collect::<Vec<_>>());
    EventLog::parse(&of(16).0).unwrap();
    for count in [0, 17] {
        assert_refused!(EventLog::parse(&of(count).0), "event_log_malformed", "TPM-27", "{count} hashes");
    }
    let log = Log::sha256().event(24, EV_IPL, b"no such PCR");
    assert_refused!(EventLog::parse(&log.0), "event_log_malformed", "TPM-27");
    let log = Log::sha256().event(4 + 256, EV_IPL, b"not PCR 4");
    assert_refused!(EventLog::parse(&log.0), "event_log_malformed", "TPM-27");

    let many = |count: usize| (0..count).fold(Log::sha256(), |log, _| log.event(4, EV_IPL, b""));
    EventLog::parse(&many(16_384).0).unwrap();
    assert_refused!(EventLog::parse(&many(16_385).0), "event_log_too_many_events", "ATT-5");
    let sized = |len: usize| Log::sha256().raw(4, EV_IPL, &[(0x0b, &[0; 32])], &vec![0; len]);
    let frame = sized(0).0.len();
    EventLog::parse(&sized(1024 * 1024 - frame).0).unwrap();
    assert_refused!(EventLog::parse(&sized(1024 * 1024 - frame + 1).0), "too_large", "ATT-5");
}

/// PCRs as the machines had them, by the people who kept these logs: values that do not come from the logs. Strictly read: no event is skipped, and no digest is taken for that of data
/// that it does not cover (some events of the loader `shim` have such digests).
#[test]
fn tpm_27_logs_of_real_machines_replay_in_each_bank_to_what_their_tpms_said() {
    for (name, secure_boot, sha256) in [
        (
            "eventlog_rhel8-uefi.bin",
            Some(true),
            [
                (0, "24af52a4f429b71a3184a6d64cddad17e54ea030e2aa6576bf3a5a3d8bd3328f"),
                (1, "454220afaa80c83c3839f6cccd8b3c88bf4f562316a9dda1121c578c9e005a53"),
                (4, "758a3d35f1b0ff5b135dacd07db0c8132c0ac665d944090d4bf96e66447a245c"),
                (5, "53d0ee36163219201e686167bbb71ec505b3ba2917b9d9183ed84aad26cfeb89"),
                (7, "5fd54361d580eb7592adb8deb236ff35444ceeac7148f24b3de63c041f12b3da"),
                (8, "25c3874041ebd4e9a21b6ed71b624a7bfa99907a8dcea7f129a4c64cbaf5829a"),
            ],
        ),
        (
            // Its firmware has no Secure Boot, and measures the variable without a value.
            "eventlog_arch-linux-workstation.bin",
            None,
            [
                (0, "758b773d94feabf52ef5a4c00a7ad2c80d8d6e6d9d58756150be9bc973da9087"),
                (1, "bfda688a5d320123fddb3fc70b746bc17647e2e7f2f96e130d429542bf4622d5"),
                (4, "925d453d3dfef4ac0c72c957402163d45fa95d05e6d53f047263a3a60b598325"),
                (5, "202522f005ef625588bb7c9e21335ba96a63c5086306138885b3bb2c381730ca"),
                (7, "3b4a4db44b7a872524055364e62e897ae678e0d47ab0809f65c3a4ed77f66ab9"),
                (8, "47591b43af431963eaeb5238a5c42eda1eb0014c27f7de7ae483066a2d2a2e61"),
            ],
        ),
    ] {
        let Some(bytes) = vector(name) else { return };
        let mut values = PcrValues::new();
        for (index, value) in sha256 {
            values.insert(PcrBank::Sha256, index, &hex(value)).unwrap();
        }
        let replayed = EventLog::parse(&bytes).unwrap().replay(&values, backend::ring()).unwrap();
        assert_eq!(replayed.secure_boot(), secure_boot, "{name}");
        assert!(replayed.events().iter().any(|event| event.data().is_some()), "{name}");
        // A log of which one byte is another does not replay, or the byte is one that no digest covers.
        let odd = {
            let mut bytes = bytes.clone();
            let at = bytes.windows(32).position(|window| window == replayed.events()[0].digest().as_bytes());
            bytes[at.unwrap()] ^= 1;
            bytes
        };
        let odd = EventLog::parse(&odd).unwrap().replay(&values, backend::ring()).map(|_| ());
        assert_refused!(odd, "event_log_replay", "TPM-27", "{name}");
    }
}

/// Of these nobody has said what the TPM had; they are read strictly in each of their banks.
#[test]
fn tpm_27_other_logs_of_real_machines_are_read_bank_by_bank() {
    for (name, banks) in [
        ("eventlog_crypto_agile.bin", &[PcrBank::Sha256][..]),
        ("eventlog_sb_cert.bin", &[PcrBank::Sha256, PcrBank::Sha384]),
        ("eventlog_ubuntu-2404-amd-sevsnp.bin", &[PcrBank::Sha256, PcrBank::Sha384]),
        ("eventlog_rhel8-uefi.bin", &[PcrBank::Sha256, PcrBank::Sha384]),
        ("eventlog_arch-linux-workstation.bin", &[PcrBank::Sha256]),
    ] {
        let Some(bytes) = vector(name) else { return };
        let log = EventLog::parse(&bytes).unwrap();
        assert_eq!(log.banks(), banks, "{name}");
        for &bank in banks {
            let mut values = PcrValues::new();
            values.insert(bank, 7, &vec![0; bank.hash().output_len()]).unwrap();
            let replayed = log.replay(&values, backend::ring()).map(|_| ());
            assert_refused!(replayed, "event_log_replay", "TPM-27", "{name} {bank}");
        }
    }
}
