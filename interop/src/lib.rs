//! Other implementations as oracles: see `tests/it`.
