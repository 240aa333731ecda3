//! What commands read: files, standard input, and texts of the command line.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::mem;
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::Failure;

/// A text that was read, and where it came from.
///
/// It may be a private key or a token, so it is overwritten when it is dropped, and `Debug` is absent.
pub(crate) struct Input {
    /// How messages call it; `None` for a text of the command line.
    pub(crate) name: Option<String>,
    /// The text, without the line ends that an editor put behind it.
    pub(crate) text: Zeroizing<String>,
}

/// Bytes that were read, and where they came from; treated as the text of an [`Input`].
pub(crate) struct BinaryInput {
    pub(crate) name: String,
    /// As they stand in the file, line ends at its end included.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// The inputs of one run.
#[derive(Default)]
pub(crate) struct Inputs {
    stdin_taken: bool,
    /// Those that keys were opened in.
    #[cfg(feature = "tpm")]
    tpms: Vec<aims_tpm::Tpm>,
    /// What these keys go by.
    #[cfg(feature = "tpm")]
    keys: Vec<String>,
}

impl Inputs {
    /// Reads a file, or standard input when the path is `-`.
    pub(crate) fn file(&mut self, path: &Path) -> Result<Input, Failure> {
        self.binary(path)?.try_into()
    }

    /// As [`file`](Self::file), for what need not be text.
    pub(crate) fn binary(&mut self, path: &Path) -> Result<BinaryInput, Failure> {
        self.up_to(MAX_INPUT, path)
    }

    /// As [`binary`](Self::binary), for evidence, which may hold the log of a firmware.
    pub(crate) fn evidence(&mut self, path: &Path) -> Result<BinaryInput, Failure> {
        self.up_to(MAX_EVIDENCE, path)
    }

    fn up_to(&mut self, max: u64, path: &Path) -> Result<BinaryInput, Failure> {
        if path.as_os_str() == "-" {
            return self.stdin(max);
        }
        if path.file_name().is_some_and(|name| name.len() > MAX_FILE_NAME) {
            let why =
                "an argument is too long to name a file: what a file holds is read from standard input as -";
            return Err(Failure::Unusable(why.into()));
        }
        let name = path.display().to_string();
        let bytes = File::open(path)
            .map_err(|error| Failure::io(&name, &error))
            .and_then(|file| read(file, &name, max))?;
        Ok(BinaryInput { name, bytes })
    }

    /// Keeps a TPM until the key that was opened in it is not needed any more.
    #[cfg(feature = "tpm")]
    pub(crate) fn keep(&mut self, tpm: aims_tpm::Tpm, key: String) {
        self.tpms.push(tpm);
        self.keys.push(key);
    }

    /// Says of what a device refused which key that was: whoever signs does not know.
    #[cfg(feature = "tpm")]
    pub(crate) fn naming_key(&self, failure: Failure) -> Failure {
        match (&failure, &*self.keys) {
            (Failure::Refused { rule: "TPM-44", .. }, [key]) => failure.about(Some(key)),
            _ => failure,
        }
    }

    /// Ends the run: nothing is left in a TPM.
    #[cfg(feature = "tpm")]
    pub(crate) fn close(self) -> Result<(), Failure> {
        self.tpms.into_iter().try_for_each(|tpm| Ok(tpm.close()?))
    }

    /// Reads a text that stands on the command line itself, or in `@FILE`, or comes from standard input as `-`.
    pub(crate) fn text(&mut self, argument: &str) -> Result<Input, Failure> {
        match argument.strip_prefix('@') {
            Some(path) => self.file(Path::new(path)),
            None if argument == "-" => self.stdin(MAX_INPUT)?.try_into(),
            None => Ok(Input { name: None, text: argument.to_owned().into() }),
        }
    }

    /// As [`text`](Self::text), for tokens: somebody who names a file forgot the `@`.
    pub(crate) fn token(&mut self, argument: &str) -> Result<Input, Failure> {
        // No token starts like a path, and only a path is a file that exists.
        if argument != "-" && Path::new(argument).is_file() {
            return Err(Failure::Unusable(format!(
                "{argument} is a file: write @{argument} to read the token from it"
            )));
        }
        self.text(argument)
    }

    /// Reads one line of standard input, which somebody types.
    pub(crate) fn line(&mut self) -> Result<Input, Failure> {
        self.take_stdin()?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
        let mut line = io::stdin().lock().take(MAX_INPUT);
        line.read_until(b'\n', &mut bytes).map_err(|error| Failure::io(STDIN, &error))?;
        BinaryInput { name: STDIN.into(), bytes }.try_into()
    }

    fn stdin(&mut self, max: u64) -> Result<BinaryInput, Failure> {
        self.take_stdin()?;
        Ok(BinaryInput { name: STDIN.into(), bytes: read(io::stdin().lock(), STDIN, max)? })
    }

    fn take_stdin(&mut self) -> Result<(), Failure> {
        if mem::replace(&mut self.stdin_taken, true) {
            return Err(Failure::Unusable("standard input can be read for one argument only".into()));
        }
        Ok(())
    }
}

/// Whether an argument holds a key: messages would repeat it, and other processes see it.
pub(crate) fn holds_key(argument: &OsStr) -> bool {
    let text = argument.to_string_lossy();
    text.contains("-----BEGIN") || text.contains("\"kty\"")
}

impl TryFrom<BinaryInput> for Input {
    type Error = Failure;

    fn try_from(BinaryInput { name, mut bytes }: BinaryInput) -> Result<Self, Failure> {
        let text = String::from_utf8(mem::take(&mut *bytes)).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            Failure::Unusable(format!("{name}: not UTF-8 text"))
        })?;
        let mut text = Zeroizing::new(text);
        let end = without_line_ends(&text).len();
        text.truncate(end);
        Ok(Self { name: Some(name), text })
    }
}

/// Reads to the end, if that is near.
fn read(source: impl Read, name: &str, max: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    source.take(max + 1).read_to_end(&mut bytes).map_err(|error| Failure::io(name, &error))?;
    if bytes.len() as u64 > max {
        return Err(Failure::Unusable(format!("{name}: more than {max} bytes")));
    }
    Ok(bytes)
}

/// The text without LF and CR at its end. Nothing else is taken for white space that does not count.
fn without_line_ends(text: &str) -> &str {
    text.trim_end_matches(['\n', '\r'])
}

/// How messages call it.
const STDIN: &str = "standard input";

/// More than any token and any set of keys that the libraries read.
const MAX_INPUT: u64 = 1024 * 1024;

/// More than any evidence that is read.
const MAX_EVIDENCE: u64 = 2 * 1024 * 1024;

/// Of the file systems in use. Tokens are longer, so that none is repeated as the name of a missing file.
const MAX_FILE_NAME: usize = 255;

/// Private keys fit, so that reading one leaves no copies behind in buffers that grew.
const ROOM: usize = 64 * 1024;

#[cfg(all(test, feature = "tpm"))]
mod tests {
    use aims::keys::SignError;

    use super::*;

    #[test]
    fn tpm_44_what_a_device_refuses_is_about_its_key_if_there_is_one() {
        let said = |keys: &[&str], failure: Failure| {
            let keys = keys.iter().copied().map(str::to_owned).collect();
            Inputs { keys, ..Inputs::default() }.naming_key(failure).to_text()
        };
        let refused = || Failure::from(SignError::Policy);
        let why = SignError::Policy.to_string();
        assert_eq!(said(&["tpm:a/b"], refused()), format!("refused: device_policy (TPM-44): tpm:a/b: {why}"));
        for keys in [&[][..], &["tpm:a/b", "tpm:a/c"]] {
            assert_eq!(said(keys, refused()), format!("refused: device_policy (TPM-44): {why}"));
        }
        // Others say what they are about, or are not about keys.
        let named = refused().about(Some("--key"));
        assert_eq!(said(&["tpm:a/b"], named), format!("refused: device_policy (TPM-44): --key: {why}"));
        assert_eq!(said(&["tpm:a/b"], Failure::refused("x", "Y-1", "z")), "refused: x (Y-1): z");
        assert_eq!(said(&["tpm:a/b"], Failure::Unusable("z".into())), "error: z");
    }
}
