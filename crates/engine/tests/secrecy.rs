//! The secrecy rules hold by type: each of these programs must not compile, for the reason given.

/// What the forbidden programs do, done right.
#[allow(dead_code)]
#[path = "secrecy/allowed.rs"]
mod allowed;

#[test]
fn rules_hold() {
    trybuild::TestCases::new().compile_fail("tests/secrecy/forbidden_*.rs");
}
