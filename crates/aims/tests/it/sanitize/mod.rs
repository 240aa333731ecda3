//! What a model is not shown.

mod cut;
mod encoded;
mod forms;
mod hostile;
mod innocent;
mod known;
mod support;
