//! The strict JSON reader and the writer (JO-JSON).
