//! What our work costs over the raw signature, and what that of others does.
//!
//! [`rows::all`] is what is measured. The program `paired` makes the table from it, and the criterion suite in `benches/`
//! watches the same operations over time.

mod fixtures;
pub mod measure;
pub mod report;
pub mod row;
pub mod rows;
