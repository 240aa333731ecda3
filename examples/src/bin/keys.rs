//! Makes a key in a store, signs a text with it, and verifies: `keys TEXT`.

use std::error::Error;

use aims_keys::{Algorithm, SignInput, SoftwareKey, backend};

fn main() -> Result<(), Box<dyn Error>> {
    let text = std::env::args().nth(1).ok_or("usage: keys TEXT")?;
    let key = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
    let signature = key.sign(SignInput::Message(text.as_bytes()))?;
    println!("key: {key:?}"); // the public half; the private one cannot be printed

    let public = key.public_key();
    println!(
        "signature of {} bytes: {:?}",
        signature.as_bytes().len(),
        public.verify(text.as_bytes(), signature.as_bytes())
    );
    println!("the same for another text: {:?}", public.verify(b"another", signature.as_bytes()));
    Ok(())
}
