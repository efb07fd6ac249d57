mod sealed {
    pub trait Sealed {}
}

/// The adversary a protocol defends against.
///
/// It is a type parameter of the suppliers and of the base OT below them, so that an extension against malicious
/// parties cannot be built on a base OT that is not. Sealed.
pub trait Security: sealed::Sealed {
    /// For reports.
    const NAME: &'static str;
}

/// Secure against parties that follow the protocol and then try to learn from what they saw.
#[derive(Debug, Clone, Copy)]
pub enum SemiHonest {}

impl sealed::Sealed for SemiHonest {}

impl Security for SemiHonest {
    const NAME: &'static str = "semi-honest";
}
