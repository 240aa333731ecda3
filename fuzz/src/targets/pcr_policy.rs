//! Policies about PCRs, in files: what is accepted asks for something, and never for what software can reset.

use aims_attest::tpm::{PcrBank, PcrPolicy, PcrValues};

pub(super) fn run(input: &[u8]) {
    match PcrPolicy::from_json(input) {
        Ok(policy) => {
            assert!(policy.id().contains('@'));
            let mut resettable = PcrValues::new();
            for index in [16, 23] {
                resettable.insert(PcrBank::Sha256, index, &[0x11; 32]).expect("a value");
            }
            assert!(policy.check(&resettable).is_err());
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let value = "11".repeat(32);
    let of = |pcr| {
        format!(r#"{{"name":"edge","version":3,"pcrs":{{"sha256":{{"{pcr}":["{value}","{value}"]}}}}}}"#)
    };
    super::texts(&[&of(7), &of(16)])
}
