//! Measures how long this machine takes for each kind of work.

mod clock;
mod file;
mod garbled;
mod graphs;
mod lattice;
mod link;
mod matrix;
mod paillier;
mod runs;
mod sessions;
mod transfers;

use super::output;
use crate::report::counted;
use anyhow::Result;
use clap::Args;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use runs::Runs;
use sordino_engine::work::Unit;
use sordino_plan::{Machine, Observation, Profile, fit};
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Measure this machine, so that plans can say how long a private run takes
///
/// Runs small pieces of every protocol, both parties in this process, and fits seconds per unit of work to the processor
/// time of each. Takes half a minute to a minute; other programs should be at rest.
#[derive(Debug, Args)]
pub(super) struct ProfileCommand {
    /// File to write instead of the user's own
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Smaller runs, once each: seconds instead of a minute, rougher
    #[arg(long)]
    quick: bool,
}

impl ProfileCommand {
    pub(super) fn run(&self) -> Result<()> {
        let path = self.output.clone().map_or_else(file::path, Ok)?;
        file::check_writable(&path)?;
        let start = Instant::now();
        let observed = observe(self.quick)?;
        let profile = Profile::new(machine(), fit(&observed))?;
        file::write(&path, &profile)?;
        output::line(residuals(&observed, &profile))?;
        output::line("")?;
        output::line(coefficients(&profile))?;
        output::line("")?;
        output::line(profile.describe())?;
        output::line(format!(
            "{} in {:.0} s, written to {}",
            counted(observed.len() as u64, "measurement"),
            start.elapsed().as_secs_f64(),
            path.display()
        ))
    }
}

/// The profile of this machine, or else that of another one that comes with the program.
pub(super) fn current() -> Result<Profile> {
    match file::path() {
        Ok(path) if path.exists() => file::read(&path),
        _ => Ok(Profile::built_in()?),
    }
}

fn observe(quick: bool) -> Result<Vec<Observation>> {
    let of = transfers::RUNS
        + matrix::RUNS
        + sessions::RUNS
        + lattice::RUNS
        + paillier::RUNS
        + garbled::RUNS
        + link::RUNS;
    let mut runs = if quick { Runs::new(of, 1, 0.25) } else { Runs::new(of, 5, 0.5) };
    transfers::measure(&mut runs)?;
    matrix::measure(&mut runs)?;
    sessions::measure(&mut runs)?;
    lattice::measure(&mut runs)?;
    paillier::measure(&mut runs)?;
    garbled::measure(&mut runs)?;
    link::measure(&mut runs)?;
    Ok(runs.finish())
}

fn machine() -> Machine {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Machine {
        processor: processor(),
        threads,
        measured: date(since.as_secs() / (24 * 3600)),
        program: env!("CARGO_PKG_VERSION").into(),
    }
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or(std::env::consts::ARCH, |(_, name)| name.trim()).to_owned()
}

/// YYYY-MM-DD of a day since 1970.
fn date(mut day: u64) -> String {
    let leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let months = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for days in months {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", day + 1)
}

/// Every run, measured and as the profile has it.
fn residuals(observed: &[Observation], profile: &Profile) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["run", "measured", "fitted", "off"]);
    for o in observed {
        let fitted = o.predicted(|unit| profile.unit(unit));
        let off = 100.0 * (fitted / o.seconds - 1.0);
        let ms = |seconds: f64| format!("{:.2} ms", 1e3 * seconds);
        table.add_row([o.name.clone(), ms(o.seconds), ms(fitted), format!("{off:+.0} %")]);
    }
    aligned(table)
}

fn coefficients(profile: &Profile) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["work", "each"]);
    for unit in Unit::ALL {
        table.add_row([unit.name().to_owned(), short(profile.unit(*unit))]);
    }
    aligned(table)
}

fn aligned(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Seconds in a unit that suits them.
fn short(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")];
    let (scale, unit) = units.into_iter().find(|(s, _)| seconds >= *s).unwrap_or((1e-9, "ns"));
    format!("{:.3} {unit}", seconds / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(59), "1970-03-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_778), "2026-11-21");
        assert_eq!(date(47_541), "2100-03-01");
    }

    #[test]
    fn seconds_are_told_in_a_unit_that_suits_them() {
        assert_eq!(short(2.5e-9), "2.500 ns");
        assert_eq!(short(0.0125), "12.500 ms");
        assert_eq!(short(1e-11), "0.010 ns");
    }
}
