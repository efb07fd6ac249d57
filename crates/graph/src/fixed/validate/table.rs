use super::limits::{self, at_most};
use super::{ensure, node::fits};
use crate::Error;
use crate::fixed::{Edge, Function};

/// A lookup's table.
pub(super) fn lookup(divisor: u64, first: i64, values: &[i64], ring: u32) -> Result<(), Error> {
    at_most("entries of a table", values.len(), limits::LEVELS)?;
    ensure(values.len() >= 2, || format!("a table of {} entries", values.len()))?;
    ensure(divisor > 0, || "divisor 0".into())?;
    // Divided rather than multiplied, so that nothing overflows.
    let most = (limits::PERIOD - 1) / values.len() as u64;
    at_most("divisor of a table", divisor, most)?;
    at_most("multiple of a table's first entry", first.unsigned_abs(), limits::ENTRY as u64)?;
    at_most(
        "start of a table's window",
        u128::from(first.unsigned_abs()) * u128::from(divisor),
        u128::from(limits::PERIOD),
    )?;
    for &v in values {
        at_most("magnitude of a table's entry", v.unsigned_abs(), limits::ENTRY as u64)?;
        ensure(fits(v, ring), || format!("table entry {v} in a ring of {ring} bits"))?;
    }
    Ok(())
}

/// A rescaling's numbers.
pub(super) fn rescale(modulus: u64, divisor: u64, f: Function, ring: u32) -> Result<(), Error> {
    at_most("modulus of a rescaling", modulus, limits::PERIOD - 1)?;
    ensure(modulus >= 3 && !modulus.is_multiple_of(2), || {
        format!("a rescaling modulo {modulus}, which must be odd and at least 3")
    })?;
    ensure((1..modulus).contains(&divisor), || {
        format!("divisor {divisor} of a rescaling modulo {modulus}")
    })?;
    if let Function::ReluMax { hi } = f {
        ensure(hi > 0 && fits(hi, ring), || format!("upper bound {hi} in a ring of {ring} bits"))?;
    }
    let (half, d) = ((modulus / 2) as i64, divisor as i64);
    let ends = [-half, half].map(|c| f.apply((c + d / 2).div_euclid(d)));
    ensure(ends.iter().all(|&t| fits(t, ring)), || {
        format!("results from {} to {} in a ring of {ring} bits", ends[0], ends[1])
    })
}

/// Whether the result's unit is the operand's divided by `divisor`.
pub(super) fn divides(x: &Edge, divisor: u64, y: &Edge) -> bool {
    let parts = |frac: i32, divisor: u128| {
        let twos = divisor.trailing_zeros();
        (i64::from(frac) + i64::from(twos), divisor >> twos)
    };
    parts(x.frac, x.divisor.into())
        == parts(y.frac, u128::from(y.divisor) * u128::from(divisor.max(1)))
}
