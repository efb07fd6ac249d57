//! What replacing convolutions has brought.

use super::super::private::{exactly, integers};
use crate::report::{bytes, seconds};
use anyhow::Result;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use sordino_engine::session::LinearChoice;
use sordino_graph::fixed::QuantiseOptions;
use sordino_graph::ir::Graph;
use sordino_plan::Profile;
use sordino_rewrite::report::Private;
use sordino_rewrite::train::{Samples, Score};

/// What an inference takes: exact truncation, SoftSpoken, set-up left out.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Costs {
    /// Products of a weight and an operand.
    products: u64,
    /// With linear layers on transfers.
    ot: Private,
    /// On lattice ciphertexts.
    lattice: Private,
}

impl Costs {
    /// Of a network in as few bits as do; and how it becomes integers.
    pub(super) fn of(
        graph: &Graph,
        samples: &Samples,
        profile: &Profile,
    ) -> Result<(Self, QuantiseOptions)> {
        let (fixed, options) = integers(graph, samples)?;
        let products = fixed
            .nodes
            .iter()
            .map(|n| n.op.macs(fixed.edges[n.output.0 as usize].len() as u64))
            .sum();
        let of = |linear| exactly(&fixed, linear, profile);
        let (ot, lattice) = (of(LinearChoice::Transfer)?, of(LinearChoice::Lattice)?);
        Ok((Self { products, ot, lattice }, options))
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "{:.1} M products, {} on transfers, {} on ciphertexts",
            self.products as f64 / 1e6,
            bytes(self.ot.bytes),
            bytes(self.lattice.bytes)
        )
    }
}

/// A network with so many replacements, trained.
#[derive(Debug, Serialize)]
pub(super) struct Try {
    pub(super) replaced: Vec<String>,
    /// What the replacements got wrong before training, on average.
    pub(super) error: f64,
    pub(super) costs: Costs,
    pub(super) accuracy: Vec<Score>,
}

/// Everything; the last try is what was written.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) network: String,
    /// What counted.
    pub(super) linear: &'static str,
    pub(super) tests: Vec<String>,
    pub(super) before: Costs,
    pub(super) accuracy: Vec<Score>,
    pub(super) tries: Vec<Try>,
}

impl Summary {
    /// Before and after, for people.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["", "before", "after", "change"]);
        let Some(last) = self.tries.last() else { return table };
        let (old, new) = (&self.before, &last.costs);
        let mut row = |name: String, before: f64, after: f64, show: &dyn Fn(f64) -> String| {
            let change = 100.0 * (after / before.max(f64::MIN_POSITIVE) - 1.0);
            table.add_row([name, show(before), show(after), format!("{change:+.1} %")]);
        };
        let count = |x: f64| format!("{:.2} M", x / 1e6);
        let size = |x: f64| bytes(x as u64);
        row("products".into(), old.products as f64, new.products as f64, &count);
        for (name, old, new) in
            [("transfers", old.ot, new.ot), ("ciphertexts", old.lattice, new.lattice)]
        {
            row(format!("bytes, {name}"), old.bytes as f64, new.bytes as f64, &size);
            row(format!("LAN, {name}"), old.lan, new.lan, &seconds);
            row(format!("WAN, {name}"), old.wan, new.wan, &seconds);
        }
        for (i, test) in self.tests.iter().enumerate() {
            let (before, after) = (self.accuracy[i].percent(), last.accuracy[i].percent());
            let percent = |x: f64| format!("{x:.2} %");
            let change = format!("{:+.2} points", after - before);
            table.add_row([test.clone(), percent(before), percent(after), change]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}
