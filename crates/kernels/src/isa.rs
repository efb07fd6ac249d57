//! Which instruction set the kernels run on.
//!
//! The best level of this machine is found once per process. Before a level is used, each of its kernels is run on
//! fixed inputs and compared with the scalar twin ([`self_test`]); a level that disagrees is never used, the next
//! lower one is. The environment variable `SORDINO_ISA` (`scalar`, `neon`, `avx2`, `avx512`, `avx512ifma`) lowers
//! the level for a whole process and cannot raise it; another value is ignored.

use core::cell::Cell;
use std::sync::OnceLock;

use crate::selftest;

/// An instruction-set level. Each level includes the lower ones of its architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Isa {
    /// Portable code.
    Scalar,
    /// AArch64 NEON. The level exists for dispatch; its kernels are the scalar ones so far and it is not detected.
    Neon,
    /// AVX2, FMA and AES-NI.
    Avx2,
    /// AVX-512 F, DQ, BW and VL, with AES-NI. Convolutions on labels also use VNNI where the processor has it.
    Avx512,
    /// AVX-512 with IFMA (52-bit multiply-add) and VAES (four AES blocks per instruction).
    Avx512Ifma,
}

impl Isa {
    /// The name used by `SORDINO_ISA` and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Ifma => "avx512ifma",
        }
    }

    const ALL: [Self; 5] = [Self::Scalar, Self::Neon, Self::Avx2, Self::Avx512, Self::Avx512Ifma];

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name().eq_ignore_ascii_case(name.trim()))
    }
}

thread_local! {
    static OVERRIDE: Cell<Option<Isa>> = const { Cell::new(None) };
}

/// The level that kernels called from this thread run on.
pub fn active() -> Isa {
    OVERRIDE.get().unwrap_or_else(process_level)
}

/// Levels that this process may use, lowest first.
pub fn available() -> Vec<Isa> {
    let best = process_level();
    self_test().iter().copied().filter(|&isa| isa <= best).collect()
}

/// Runs `f` with the kernels of this thread at `isa`, or at the best available level below it. For tests and
/// benchmarks; a [`crate::ntt::Ntt`] or [`crate::prg::Prg`] keeps the level under which it was made.
pub fn with<R>(isa: Isa, f: impl FnOnce() -> R) -> R {
    with_detected(best_below(&available(), isa), f)
}

/// Restores the previous override on drop, so that a panic in a test does not leak its level into the next one.
struct Restore(Option<Isa>);

impl Drop for Restore {
    fn drop(&mut self) {
        OVERRIDE.set(self.0);
    }
}

/// Runs `f` at a level whose features were detected, without asking whether its kernels passed their test.
pub(crate) fn with_detected<R>(isa: Isa, f: impl FnOnce() -> R) -> R {
    let _restore = Restore(OVERRIDE.replace(Some(isa)));
    f()
}

/// Levels that the processor has and whose kernels agree with the scalar twins, lowest first.
///
/// The test runs once per process (some milliseconds) and before any level above [`Isa::Scalar`] is used, because
/// code for instructions that the machine of a developer lacks is otherwise trusted untried. A level that fails is
/// skipped; the next lower one is used instead.
pub fn self_test() -> &'static [Isa] {
    static PASSED: OnceLock<Vec<Isa>> = OnceLock::new();
    PASSED.get_or_init(|| {
        let detected = Isa::ALL.into_iter().filter(|&isa| supported(isa));
        detected.filter(|&isa| isa == Isa::Scalar || selftest::agrees(isa)).collect()
    })
}

fn process_level() -> Isa {
    static LEVEL: OnceLock<Isa> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let limit = std::env::var("SORDINO_ISA").ok().and_then(|name| Isa::from_name(&name));
        best_below(self_test(), limit.unwrap_or(Isa::Avx512Ifma))
    })
}

fn best_below(levels: &[Isa], limit: Isa) -> Isa {
    levels.iter().copied().rfind(|&isa| isa <= limit).unwrap_or(Isa::Scalar)
}

/// Calls `x86::avx2::name` or `x86::avx512::name` of the calling module, by the active level, or the expression for
/// the scalar one.
macro_rules! dispatch {
    ($name:ident($($argument:expr),*), $scalar:expr) => {
        match $crate::isa::active() {
            // SAFETY (both arms): `active` returns only levels whose features were detected.
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Avx2 => unsafe { x86::avx2::$name($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Avx512 | $crate::isa::Isa::Avx512Ifma => unsafe {
                x86::avx512::$name($($argument),*)
            },
            _ => $scalar,
        }
    };
}
pub(crate) use dispatch;

#[cfg(target_arch = "x86_64")]
fn supported(isa: Isa) -> bool {
    let avx2 = || {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("aes")
    };
    let avx512 = || {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
    };
    let ifma = || is_x86_feature_detected!("avx512ifma") && is_x86_feature_detected!("vaes");
    match isa {
        Isa::Scalar => true,
        Isa::Neon => false,
        Isa::Avx2 => avx2(),
        Isa::Avx512 => avx2() && avx512(),
        Isa::Avx512Ifma => avx2() && avx512() && ifma(),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn supported(isa: Isa) -> bool {
    isa == Isa::Scalar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detected_level_passes() {
        let detected: Vec<Isa> = Isa::ALL.into_iter().filter(|&isa| supported(isa)).collect();
        assert_eq!(self_test(), detected);
    }

    #[test]
    fn a_limit_lowers_and_never_raises() {
        let levels = [Isa::Scalar, Isa::Avx2];
        assert_eq!(best_below(&levels, Isa::Avx512Ifma), Isa::Avx2);
        assert_eq!(best_below(&levels, Isa::Neon), Isa::Scalar);
        assert_eq!(best_below(&levels, Isa::Scalar), Isa::Scalar);
    }

    #[test]
    fn names_round_trip() {
        for isa in Isa::ALL {
            assert_eq!(Isa::from_name(isa.name()), Some(isa));
        }
        assert_eq!(Isa::from_name("quantum"), None);
    }

    #[test]
    fn an_override_ends_with_its_scope() {
        let before = active();
        assert_eq!(with(Isa::Scalar, active), Isa::Scalar);
        assert_eq!(active(), before);
    }
}
