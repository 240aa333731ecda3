//! Clocks and counters (TPM-26).

use std::sync::Arc;
use std::thread;

use aims_attest::tpm::{Boot, BootCounters, ClockInfo, MemoryBootCounters, TpmName};
use aims_testkit::assert_refused;

fn ak(byte: u8) -> TpmName {
    TpmName::from_bytes(&[&[0, 0x0b][..], &[byte; 32]].concat()).unwrap()
}

fn at(clock: u64, resets: u32, restarts: u32, safe: bool) -> ClockInfo {
    ClockInfo::new(clock, resets, restarts, safe)
}

#[test]
fn tpm_26_counters_and_clocks_do_not_go_back() {
    let counters = MemoryBootCounters::new(2);
    let see = |clock, resets, restarts, safe| counters.advance(&ak(1), at(clock, resets, restarts, safe));
    let (late, skew) = (1_000_000, 300_000);
    assert_eq!(see(late, 5, 2, true), Ok(Boot::First));
    assert_eq!(see(late, 5, 2, true), Ok(Boot::Same));
    assert_eq!(see(late + 1, 5, 3, true), Ok(Boot::Same));
    assert_refused!(see(late + 2, 5, 2, true), "tpm_clock_back", "TPM-26");
    assert_refused!(see(late - skew, 5, 3, true), "tpm_clock_back", "TPM-26");
    assert_refused!(see(late + 999, 4, 9, true), "tpm_clock_back", "TPM-26");
    // Who is heard late was not late; the clock goes back no further for it.
    for _ in 0..3 {
        assert_eq!(see(late + 1 - skew, 5, 3, true), Ok(Boot::Same));
    }
    assert_refused!(see(late - skew, 5, 3, true), "tpm_clock_back", "TPM-26");
    // The TPM itself says that it does not know; what was seen before is not forgotten for it.
    assert_eq!(see(90, 5, 3, false), Ok(Boot::Same));
    assert_refused!(see(95, 5, 3, true), "tpm_clock_back", "TPM-26");
    // A reset begins a new count of restarts, and a boot may lose some of the clock.
    assert_eq!(see(50, 6, 0, false), Ok(Boot::Rebooted));
    assert_refused!(see(200, 5, 3, true), "tpm_clock_back", "TPM-26");
}

#[test]
fn tpm_26_what_was_refused_is_not_remembered_and_none_is_forgotten_for_another() {
    let counters = MemoryBootCounters::new(2);
    counters.advance(&ak(1), at(100, 5, 0, true)).unwrap();
    counters.advance(&ak(1), at(1, 4, 0, true)).unwrap_err();
    assert_eq!(counters.advance(&ak(1), at(100, 5, 0, true)), Ok(Boot::Same));
    // Each TPM has its own.
    assert_eq!(counters.advance(&ak(2), at(1, 1, 0, true)), Ok(Boot::First));
    assert_refused!(counters.advance(&ak(3), at(1, 1, 0, true)), "tpm_counters_full", "TPM-26");
    assert_eq!(counters.advance(&ak(2), at(2, 1, 0, true)), Ok(Boot::Same));
    assert_eq!([Boot::First, Boot::Rebooted, Boot::Same].map(Boot::name), ["first", "rebooted", "same"]);
}

#[test]
fn tpm_26_of_many_at_once_one_sees_what_another_has_remembered() {
    let counters = Arc::new(MemoryBootCounters::new(1));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let counters = Arc::clone(&counters);
            let is_new = move |resets: &u32| {
                let seen = counters.advance(&ak(1), at(0, *resets, 0, true));
                matches!(seen, Ok(Boot::First | Boot::Rebooted))
            };
            thread::spawn(move || (0..1000).filter(is_new).collect::<Vec<_>>())
        })
        .collect();
    let mut news: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let count = news.len();
    news.sort_unstable();
    news.dedup();
    // No reset was new to two of them.
    assert_eq!((news.len(), news.last()), (count, Some(&999)));
}
