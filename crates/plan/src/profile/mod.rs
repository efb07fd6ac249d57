//! How long a machine takes for each kind of work.

mod fit;
mod nnls;

pub use fit::{Observation, fit};

use serde::{Deserialize, Serialize};
use sordino_engine::Role;
use sordino_engine::work::{Stage, Unit, Work};
use std::collections::BTreeMap;
use std::fmt;

/// Of files as this version writes and reads them.
const VERSION: u32 = 1;
/// Seconds that a unit takes on no machine; a file that says so is broken.
const LONGEST: f64 = 3600.0;
/// Measured by `sordino profile` on the machine that it names.
const BUILT_IN: &str = include_str!("builtin.toml");

/// Where and when a profile was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The processor, as the system names it.
    pub processor: String,
    /// Threads that a party computes with.
    pub threads: u32,
    /// The day, as YYYY-MM-DD.
    pub measured: String,
    /// The version of this program that measured.
    pub program: String,
}

/// Processor seconds that each unit of work takes on a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    machine: Machine,
    seconds: BTreeMap<Unit, f64>,
    built_in: bool,
}

/// Why a text is no profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileError(String);

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a profile of a machine: {}; measure one with `sordino profile`", self.0)
    }
}

impl std::error::Error for ProfileError {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    machine: Machine,
    seconds: BTreeMap<String, f64>,
}

/// What every version's file has.
#[derive(Deserialize)]
struct AnyFile {
    version: Option<u32>,
}

impl Profile {
    /// What was measured on a machine, a number for every unit.
    ///
    /// # Errors
    /// When a unit is missing, or its seconds are negative or absurd.
    pub fn new(machine: Machine, seconds: BTreeMap<Unit, f64>) -> Result<Self, ProfileError> {
        if machine.threads == 0 {
            return Err(ProfileError("a machine without threads".into()));
        }
        for unit in Unit::ALL {
            match seconds.get(unit) {
                None => return Err(ProfileError(format!("'{}' is missing", unit.name()))),
                Some(s) if !(0.0..LONGEST).contains(s) => {
                    return Err(ProfileError(format!("'{}' takes {s} seconds", unit.name())));
                }
                Some(_) => {}
            }
        }
        Ok(Self { machine, seconds, built_in: false })
    }

    /// The one that comes with the program: another machine's, good for comparing rather than for telling the time.
    ///
    /// # Errors
    /// None but for a broken build.
    pub fn built_in() -> Result<Self, ProfileError> {
        Ok(Self { built_in: true, ..Self::from_toml(BUILT_IN)? })
    }

    /// Reads what [`Self::to_toml`] wrote.
    ///
    /// # Errors
    /// For any other text, for another version's, and as [`Self::new`].
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let wrong = |e: toml::de::Error| ProfileError(e.message().to_owned());
        match toml::from_str::<AnyFile>(text).map_err(wrong)?.version {
            Some(VERSION) => {}
            Some(other) => {
                return Err(ProfileError(format!(
                    "its version is {other}, this program's is {VERSION}"
                )));
            }
            None => return Err(ProfileError("it has no version".into())),
        }
        let File { machine, seconds, .. } = toml::from_str(text).map_err(wrong)?;
        let unit = |(name, seconds): (String, f64)| {
            let unit = Unit::ALL.iter().find(|unit| unit.name() == name);
            unit.map(|unit| (*unit, seconds))
                .ok_or_else(|| ProfileError(format!("'{name}' is no work that this program does")))
        };
        Self::new(machine, seconds.into_iter().map(unit).collect::<Result<_, _>>()?)
    }

    /// As a text for a file.
    ///
    /// # Errors
    /// None but for a machine whose description cannot be written.
    pub fn to_toml(&self) -> Result<String, ProfileError> {
        let seconds = self.seconds.iter().map(|(unit, s)| (unit.name().to_owned(), *s)).collect();
        let file = File { version: VERSION, machine: self.machine.clone(), seconds };
        toml::to_string(&file).map_err(|e| ProfileError(e.to_string()))
    }

    /// Where and when it was measured.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Whether it comes with the program and tells another machine's times.
    pub fn is_built_in(&self) -> bool {
        self.built_in
    }

    /// The same machine with so many threads for each party, at least one.
    #[must_use]
    pub fn on_threads(mut self, threads: u32) -> Self {
        self.machine.threads = threads.max(1);
        self
    }

    /// Whose times these are, in a sentence for a report.
    pub fn describe(&self) -> String {
        let Machine { processor, threads, measured, .. } = &self.machine;
        let whose = if self.built_in {
            "times of another machine (measure this one with `sordino profile`)"
        } else {
            "times of this machine"
        };
        format!("{whose}: {processor}, {threads} threads, measured {measured}")
    }

    /// Processor seconds of a unit.
    pub fn unit(&self, unit: Unit) -> f64 {
        self.seconds.get(&unit).copied().unwrap_or_default()
    }

    /// Processor seconds of a party's work.
    pub fn processor(&self, work: &Work, party: Role) -> f64 {
        work.of(party).map(|(_, unit, n)| n as f64 * self.unit(unit)).sum()
    }

    /// Seconds that a party takes for a stage of its work, its threads sharing what they can.
    pub(crate) fn stage(&self, work: &Work, party: Role, stage: Stage) -> f64 {
        let seconds = |(_, unit, n): (Stage, Unit, u64)| {
            let threads = if unit.is_parallel() { f64::from(self.machine.threads) } else { 1.0 };
            n as f64 * self.unit(unit) / threads
        };
        work.of(party).filter(|(other, _, _)| *other == stage).map(seconds).sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_built_in_profile_is_whole_and_says_what_it_is() {
        let profile = Profile::built_in().unwrap();
        assert!(profile.describe().contains("another machine"));
        assert!(!profile.machine().processor.is_empty());
        // Some are done together with others only, and in those's numbers.
        let told = Unit::ALL.iter().filter(|unit| profile.unit(**unit) > 0.0).count();
        assert!(10 * told >= 9 * Unit::ALL.len());
    }

    #[test]
    fn what_is_written_is_read() {
        let machine = Machine {
            processor: "a \"quoted\" processor".into(),
            threads: 3,
            measured: "2026-01-31".into(),
            program: "0.1.0".into(),
        };
        let seconds = Unit::ALL.iter().enumerate().map(|(i, u)| (*u, 1e-9 * i as f64)).collect();
        let profile = Profile::new(machine, seconds).unwrap();
        let again = Profile::from_toml(&profile.to_toml().unwrap()).unwrap();
        assert_eq!(again, profile);
        assert!(again.describe().contains("this machine: a \"quoted\" processor, 3 threads"));
    }

    #[test]
    fn other_texts_are_refused_with_a_reason() {
        let refusal = |text: &str| Profile::from_toml(text).unwrap_err().to_string();
        let changed = |from: &str, to: &str| {
            assert!(BUILT_IN.contains(from), "{from}");
            refusal(&BUILT_IN.replacen(from, to, 1))
        };
        assert!(refusal("").contains("no version"));
        assert!(refusal("seconds").contains("sordino profile"));
        assert!(changed("version = 1", "version = 2").contains("version is 2"));
        assert!(changed("byte-sent", "byte-eaten").contains("'byte-eaten' is no work"));
        assert!(changed("byte-sent = ", "byte-sent = -").contains("'byte-sent' takes -"));
        assert!(changed("byte-sent = ", "byte-sent = nan # ").contains("takes NaN"));
        assert!(changed("byte-sent = ", "# ").contains("'byte-sent' is missing"));
        assert!(changed("threads = ", "threads = 0 # ").contains("without threads"));
        assert!(changed("processor = ", "colour = ").contains("unknown field"));
    }
}
