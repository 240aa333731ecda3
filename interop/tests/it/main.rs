//! Other implementations as oracles: what we make they verify, and what they make we verify.
#![cfg(test)]

mod josekit_oracle;
mod wimsey_oracle;
