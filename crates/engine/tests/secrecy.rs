//! The secrecy rules hold by type: each of these programs must not compile.

#[test]
fn rules_hold() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/secrecy/allowed.rs");
    cases.compile_fail("tests/secrecy/forbidden_*.rs");
}
