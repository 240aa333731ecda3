//! Keys whose private halves everybody has (HS-WBA-11).

use aims_jose::Thumbprint;

/// Whether it is a key that is printed in an RFC, private half and all. Whoever has such a key is anybody.
pub(super) fn is_test_key(key: &Thumbprint) -> bool {
    TEST_KEYS.iter().any(|known| key.matches(known))
}

const TEST_KEYS: [&str; 6] = [
    // RFC 9421 appendix B.1: RSA, RSA-PSS, P-256, Ed25519.
    "BHj8s0GPnMEQtkaULIM-PLgEhLBbuGUQ1vMxmBWZzEo",
    "oD0HwocPBSfpNy5W3bpJeyFGY_IQ_YpqxSjQ3Yd-CLA",
    "ydQXMtvbsOsZyFir-Y7A8t7fKEM1gbKPvyFkdpu4fvI",
    "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U",
    // RFC 8037 appendix A.1 and RFC 7638 section 3.1, which others copy.
    "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
];
