//! The key derivations of TPMs: `KDFa` and `KDFe` (Part 1 §11.4.10).

use aims_keys::Backend;
use aims_keys::backend::HashAlgorithm;
use zeroize::Zeroizing;

use super::terminated;

/// By which hash keys are derived, and who computes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kdf {
    pub(super) hash: HashAlgorithm,
    pub(super) backend: Backend,
}

/// `len` bytes from a secret: HMACs by it (SP 800-108, counter mode).
pub(super) fn kdfa(kdf: Kdf, key: &[u8], label: &str, u: &[u8], v: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
    let bits = u32::try_from(len * 8).unwrap_or(u32::MAX).to_be_bytes();
    let tail = [&terminated(label), u, v, &bits].concat();
    blocks(len, |counter| kdf.backend.hmac(kdf.hash, key, &[&counter[..], &tail].concat()))
}

/// `len` bytes from the x coordinate of a common point: hashes over it (SP 800-56A).
pub(super) fn kdfe(kdf: Kdf, z: &[u8], label: &str, u: &[u8], v: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
    let tail = [&terminated(label), u, v].concat();
    blocks(len, |counter| {
        let mut hasher = kdf.backend.hasher(kdf.hash);
        hasher.update(&counter);
        hasher.update(z);
        hasher.update(&tail);
        Zeroizing::new(hasher.finish().as_ref().to_vec())
    })
}

/// Blocks that are numbered from 1, as many as it takes.
fn blocks(len: usize, block: impl Fn([u8; 4]) -> Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(len));
    let mut counter = 0_u32;
    while out.len() < len {
        counter += 1;
        let block = block(counter.to_be_bytes());
        let wanted = block.len().min(len - out.len());
        out.extend_from_slice(block.get(..wanted).unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::hexadecimal;

    /// Computed with Python's hashlib and hmac.
    #[test]
    fn tpm_3_keys_are_derived_as_an_independent_computation_does() {
        let backend = aims_keys::backend::ring();
        for (hash, a, e) in [
            (HashAlgorithm::Sha256, A_256, E_256),
            (HashAlgorithm::Sha384, A_384, E_384),
            (HashAlgorithm::Sha512, A_512, E_512),
        ] {
            let kdf = Kdf { hash, backend };
            // More than one block, and not all of the last.
            assert_eq!(hexadecimal(&kdfa(kdf, &[1; 40], "STORAGE", &[2; 34], &[3; 7], 80)), a);
            assert_eq!(hexadecimal(&kdfe(kdf, &[4; 48], "IDENTITY", &[5; 48], &[6; 48], 80)), e);
        }
    }

    const A_256: &str = "0c65c02c8350bf795ffe86f79e3a02bedc079be02284f6545448a83873a5788632382ddbcde796b673014ccd0196c831c9937694a292a1c0fa8852e2b310df920f8e110a2e0ca09886aa546d4970c62f";
    const E_256: &str = "33eca565a666c7e07267ce141d76d788d8d683c04132234847ebe80831496b982325d3c3cc13cc4d8874d46f491af53103eaf33e4068f0467704af9f4562dc1ba087c6bcac727bf4a44174129b9e0428";
    const A_384: &str = "0437777e606806cf289044f767bad47bc56e1d60aeb36e1c7ed1d9c75a5a46b049d17e965e4836ad5603c418032356e7d24784eb10e0eb689c8e04c97bad3a762d3a313f3542342bc6b21604c448e75f";
    const E_384: &str = "c619f81968d95ae4c178580e3d080da3820bfc114752e7a54df3ef1bc99891880bb7b5045309aec7ba0caeed5566a44492e08fc490582198c7844214cd917fc7c991e956bfb2d397ad0e9c5c35279a11";
    const A_512: &str = "74f9027024c78e870f39311bf08ca3dc3e3fea53ae327c54ee9c257f75a8983fcbdba4350f206c6b4962bcdca6d98336e1368f233af44a792a99b6e5c5e708c46261ac102f0a1c87c495ef4d5e070910";
    const E_512: &str = "5e18788fa10905f0789fa443f089715d7ed4114711f8ad9a9a312e04c03df6ae2c5ebe83a67a166dfe2fd70fdd0f823a9411e4cebba4f0bc74dc33f96d694aa7a281868232ae7c4354fb4724c7f321de";
}
