//! From measurements to seconds per unit.

use super::nnls;
use sordino_engine::work::Unit;
use std::collections::BTreeMap;

/// What a party did in a measured run, and how many processor seconds it took.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What was run, for people.
    pub name: String,
    /// Units of work.
    pub amounts: BTreeMap<Unit, f64>,
    /// Processor seconds.
    pub seconds: f64,
}

impl Observation {
    /// Seconds that so many for each unit predict.
    pub fn predicted(&self, each: impl Fn(Unit) -> f64) -> f64 {
        self.amounts.iter().map(|(unit, n)| n * each(*unit)).sum()
    }
}

/// Seconds per unit with which predictions are off by the least relative error, in the mean of squares. Units that
/// nobody did are left out.
pub fn fit(observations: &[Observation]) -> BTreeMap<Unit, f64> {
    let rows: Vec<&Observation> = observations.iter().filter(|o| o.seconds > 0.0).collect();
    let done = |unit: &&Unit| rows.iter().any(|o| o.amounts.contains_key(*unit));
    let units: Vec<Unit> = Unit::ALL.iter().filter(done).copied().collect();
    let column = |unit: &Unit| {
        let relative =
            |o: &&Observation| o.amounts.get(unit).copied().unwrap_or_default() / o.seconds;
        rows.iter().map(relative).collect()
    };
    let columns: Vec<Vec<f64>> = units.iter().map(column).collect();
    let seconds = nnls::solve(&columns, &vec![1.0; rows.len()]);
    units.into_iter().zip(seconds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(amounts: &[(Unit, f64)], seconds: f64) -> Observation {
        Observation { name: "run".into(), amounts: amounts.iter().copied().collect(), seconds }
    }

    #[test]
    fn small_and_large_runs_count_alike() {
        let (rows, gates) = (Unit::RowGarbled, Unit::GateEvaluated);
        let runs = [
            observation(&[(rows, 1e3)], 2e-5),
            observation(&[(rows, 1e7), (gates, 1e6)], 0.25),
            observation(&[(gates, 10.0)], 5e-7),
        ];
        let seconds = fit(&runs);
        assert!((seconds[&rows] - 2e-8).abs() < 1e-14 && (seconds[&gates] - 5e-8).abs() < 1e-14);
        assert_eq!(seconds.len(), 2);
        for run in &runs {
            assert!((run.predicted(|unit| seconds[&unit]) / run.seconds - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn more_work_never_takes_less_time() {
        // By noise the larger run was the quicker one.
        let runs = [
            observation(&[(Unit::Message, 10.0), (Unit::ByteSent, 100.0)], 1.0),
            observation(&[(Unit::Message, 10.0), (Unit::ByteSent, 200.0)], 0.9),
        ];
        assert!(fit(&runs).values().all(|s| *s >= 0.0));
    }
}
