//! Assertions about refusals: a rejection must fail for the stated reason.

/// Asserts that a result is an error with this `code()` and this `rule()`, and returns the error.
///
/// Every error of these crates has both: a stable name, and the requirement of `docs/spec/` that was broken. A test
/// that only asks for `is_err()` passes for the wrong reason.
///
/// ```
/// # #[derive(Debug)] struct E;
/// # impl E { fn code(&self) -> &'static str { "expired" } fn rule(&self) -> &'static str { "WIT-8" } }
/// # fn verify() -> Result<(), E> { Err(E) }
/// aims_testkit::assert_refused!(verify(), "expired", "WIT-8");
/// ```
#[macro_export]
macro_rules! assert_refused {
    ($result:expr, $code:expr, $rule:expr $(,)?) => {
        $crate::assert_refused!($result, $code, $rule, "{}", stringify!($result))
    };
    ($result:expr, $code:expr, $rule:expr, $($context:tt)+) => {
        match $result {
            Ok(accepted) => panic!(
                "{}: accepted, expected a refusal with {} ({}): {:?}",
                format_args!($($context)+), $code, $rule, accepted
            ),
            Err(refusal) => {
                assert_eq!(
                    (refusal.code(), refusal.rule()),
                    ($code, $rule),
                    "{}: refused for another reason: {:?}",
                    format_args!($($context)+),
                    refusal
                );
                refusal
            }
        }
    };
}
