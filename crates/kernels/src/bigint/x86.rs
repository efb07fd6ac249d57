//! The `#[target_feature]` boundaries around the products.

use super::wide::Constants;
use super::{Limbs, Task};
use crate::isa::Isa;

/// Stamps the entry points for one multiplier; callers must have detected the features.
macro_rules! entry_points {
    ($multiplier:ty, $features:literal) => {
        use super::super::wide::{self, Constants, Multiplier};
        use super::super::{Limbs, Task};

        #[target_feature(enable = $features)]
        pub(crate) fn prepare(a: &[Limbs], out: &mut [Limbs]) {
            // SAFETY: the features of the multiplier are enabled here; so below.
            unsafe { wide::operands(<$multiplier>::new(), a, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn run(c: &Constants, task: Task<'_>, scratch: &mut [Limbs], out: &mut [Limbs]) {
            // SAFETY: as above; callers have checked the lengths.
            unsafe { wide::run::<$multiplier>(c, task, scratch, out) }
        }
    };
}

/// Turns limbs into operands of a level's multiplier.
///
/// # Safety
/// The features of the level must have been detected, which is AVX-512 at least; so below.
pub(super) unsafe fn prepare(isa: Isa, a: &[Limbs], out: &mut [Limbs]) {
    // SAFETY: the function's condition.
    unsafe { if isa == Isa::Avx512Ifma { ifma::prepare(a, out) } else { avx512::prepare(a, out) } }
}

/// Does a task by a level's multiplier; callers have checked the lengths.
///
/// # Safety
/// As above.
pub(super) unsafe fn run(
    isa: Isa,
    c: &Constants,
    task: Task<'_>,
    scratch: &mut [Limbs],
    out: &mut [Limbs],
) {
    // SAFETY: the function's condition.
    unsafe {
        if isa == Isa::Avx512Ifma {
            ifma::run(c, task, scratch, out);
        } else {
            avx512::run(c, task, scratch, out);
        }
    }
}

/// Doubles.
pub(super) mod avx512 {
    entry_points!(super::super::multipliers::Doubles, "avx512f,avx512dq");

    #[target_feature(enable = "avx512f,avx512dq")]
    pub(crate) fn select(table: &[Limbs], digits: &Limbs, out: &mut [Limbs]) {
        // SAFETY: as above.
        unsafe { wide::select(table, digits, out) }
    }

    #[target_feature(enable = "avx512f,avx512dq")]
    pub(crate) fn select_single(table: &[u64], digits: &Limbs, out: &mut [Limbs]) {
        // SAFETY: as above.
        unsafe { wide::select_single(table, digits, out) }
    }
}

/// 52-bit integers.
pub(super) mod ifma {
    entry_points!(
        super::super::multipliers::Integers<crate::ntt::Native>,
        "avx512f,avx512dq,avx512ifma"
    );
}
