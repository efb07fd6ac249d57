//! What compression costs in accuracy and saves in private inference.

use super::Common;
use crate::commands::protocol::wish;
use crate::commands::{args, output};
use crate::model::Model;
use crate::predict::{Scores, best};
use crate::report::bytes;
use crate::residue::Integers;
use anyhow::Result;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use sordino_engine::run_clear;
use sordino_engine::session::{BackendChoice, LinearChoice, Wish};
use sordino_engine::twoparty::{CostModel, Settings};
use sordino_graph::fixed::{ConvShape, FixedModel, FixedOp, decode_output, encode_input};
use sordino_graph::float;
use sordino_he::paillier::{Layout, Linear};
use sordino_rewrite::compress::{Adapted, LayerSummary, summary};
use sordino_wire::Role;
use std::collections::HashMap;

#[derive(Serialize)]
pub(super) struct Findings {
    name: String,
    file_bytes: usize,
    /// Layers whose weights, and whose biases, were adapted to samples.
    adapted_weights: usize,
    adapted_biases: usize,
    calibrated_on: &'static str,
    layers: Vec<LayerLine>,
    weights: usize,
    zeros: usize,
    products: Change<u64>,
    transfers: Change<u64>,
    accuracy: Option<Accuracy>,
}

/// A number before and after.
#[derive(Serialize, Clone, Copy, Default)]
struct Change<T> {
    before: T,
    after: T,
}

#[derive(Serialize)]
struct LayerLine {
    name: String,
    weights: usize,
    zeros: usize,
    distinct: usize,
    /// Of each weight.
    bits: Change<u32>,
    /// Whether private inference computes with the file's weights, not rounded again.
    exact: Option<bool>,
    /// Of eight ciphertexts at once, under Paillier's encryption.
    products: Change<u64>,
    /// Bytes both ways of the layer on correlated transfers.
    transfers: Change<u64>,
}

#[derive(Serialize, Default)]
struct Accuracy {
    samples: usize,
    /// Right answers.
    float: Change<usize>,
    clear: Change<usize>,
}

/// A network in integers, and what its layers take.
struct Measured {
    fixed: FixedModel,
    layers: Vec<(LayerSummary, u64, u64)>,
}

impl Findings {
    pub(super) fn new(
        common: &Common,
        models: [&Model; 2],
        act_bits: Option<u32>,
        adapted: Adapted,
        file_bytes: usize,
    ) -> Result<Self> {
        let measured = |model: &Model| -> Result<(Measured, &'static str)> {
            let (integers, on) = integers(common, model, act_bits)?;
            Ok((measure(model, integers.model)?, on))
        };
        let ((before, _), (after, calibrated_on)) = (measured(models[0])?, measured(models[1])?);
        let old: HashMap<&str, _> =
            before.layers.iter().map(|l| (l.0.name.as_str(), (l.0.bits, l.1, l.2))).collect();
        let line = |(layer, products, transfers): &(LayerSummary, u64, u64)| {
            let was = old.get(layer.name.as_str()).copied().unwrap_or_default();
            LayerLine {
                name: layer.name.clone(),
                weights: layer.weights,
                zeros: layer.zeros,
                distinct: layer.distinct,
                bits: Change { before: was.0, after: layer.bits },
                exact: layer.exact,
                products: Change { before: was.1, after: *products },
                transfers: Change { before: was.2, after: *transfers },
            }
        };
        let sum = |of: fn(&(LayerSummary, u64, u64)) -> u64| Change {
            before: before.layers.iter().map(of).sum(),
            after: after.layers.iter().map(of).sum(),
        };
        Ok(Self {
            name: models[1].name.clone(),
            file_bytes,
            adapted_weights: adapted.weights,
            adapted_biases: adapted.biases,
            calibrated_on,
            layers: after.layers.iter().map(line).collect(),
            weights: after.layers.iter().map(|l| l.0.weights).sum(),
            zeros: after.layers.iter().map(|l| l.0.zeros).sum(),
            products: sum(|l| l.1),
            transfers: sum(|l| l.2),
            accuracy: accuracy(common, models, [&before.fixed, &after.fixed])?,
        })
    }

    pub(super) fn print(&self) -> Result<()> {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header([
            "layer",
            "weights",
            "zero",
            "distinct",
            "bits",
            "products",
            "saved",
            "transfers",
            "saved",
        ]);
        let mut row = |name: &str, weights: usize, zeros: usize, cells: [String; 2], p, t| {
            let [distinct, bits] = cells;
            let zero = format!("{:.1} %", 100.0 * zeros as f64 / weights.max(1) as f64);
            let (products, transfers): (Change<u64>, Change<u64>) = (p, t);
            table.add_row([
                name.to_owned(),
                weights.to_string(),
                zero,
                distinct,
                bits,
                products.after.to_string(),
                products.saved(),
                bytes(transfers.after),
                transfers.saved(),
            ]);
        };
        for l in &self.layers {
            let bits = format!("{}{}", l.bits.after, if l.exact == Some(false) { "*" } else { "" });
            let cells = [l.distinct.to_string(), bits];
            row(&l.name, l.weights, l.zeros, cells, l.products, l.transfers);
        }
        let none = || [String::new(), String::new()];
        row("all", self.weights, self.zeros, none(), self.products, self.transfers);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        output::line(table)?;
        if self.layers.iter().any(|l| l.exact == Some(false)) {
            output::line("* rounded again in fixed point: not the file's weights exactly")?;
        }
        output::line(format!(
            "products: of eight ciphertexts at once, on Paillier's encryption; transfers: bytes of \
             --linear ot; ranges from {}",
            self.calibrated_on
        ))?;
        output::line(format!(
            "file {}; weights of {} and biases of {} layers adapted to samples",
            bytes(self.file_bytes as u64),
            self.adapted_weights,
            self.adapted_biases
        ))?;
        if let Some(a) = &self.accuracy {
            let percent = |n: usize| 100.0 * n as f64 / a.samples.max(1) as f64;
            output::line(format!(
                "accuracy on {} inputs: float {:.2} % before, {:.2} % after; fixed point {:.2} % \
                 before, {:.2} % after",
                a.samples,
                percent(a.float.before),
                percent(a.float.after),
                percent(a.clear.before),
                percent(a.clear.after)
            ))?;
        }
        Ok(())
    }
}

impl Change<u64> {
    fn saved(self) -> String {
        if self.before == 0 {
            return String::new();
        }
        format!("{:.1} %", 100.0 * (1.0 - self.after as f64 / self.before as f64))
    }
}

/// As [`crate::commands::forecast::integers`], on the first of the data where there are no samples.
fn integers(
    common: &Common,
    model: &Model,
    act_bits: Option<u32>,
) -> Result<(Integers, &'static str)> {
    let twoparty = BackendChoice::TwoParty;
    match &common.data {
        Some(data) if common.quantise.calibrate.is_none() => {
            let first = args::open(data, common.labels.as_deref().into(), model)?;
            let first = first.take(common.quantise.first());
            let inputs: Result<Vec<_>, _> = first.map(|s| s.map(|s| s.input)).collect();
            let fixed = common.quantise.quantise(model, &inputs?, twoparty, act_bits)?;
            Ok((fixed, "the first of the data"))
        }
        _ => {
            let private = crate::commands::protocol::Private::Twoparty;
            crate::commands::forecast::integers(&common.quantise, model, private, act_bits)
        }
    }
}

fn measure(model: &Model, fixed: FixedModel) -> Result<Measured> {
    let transfer = Wish { linear: LinearChoice::Transfer, ..wish(BackendChoice::TwoParty) };
    let mut cost = CostModel::new(&fixed.graph, &Settings::from(transfer), Role::Client)?;
    cost.infer()?;
    let mut sent: HashMap<u32, u64> = HashMap::new();
    for ((_, layer), count) in cost.meter().counts() {
        if let Some(layer) = layer {
            *sent.entry(*layer).or_default() += count.up + count.down;
        }
    }
    let one = |layer: LayerSummary| {
        let products = products(&fixed, layer.node)?;
        let sent = sent.get(&(layer.node as u32)).copied().unwrap_or_default();
        Ok((layer, products, sent))
    };
    let layers = summary(&model.graph, &fixed).into_iter().map(one).collect::<Result<_>>()?;
    Ok(Measured { layers, fixed })
}

/// Products of eight ciphertexts that a linear layer takes on Paillier's encryption, a ciphertext
/// per element.
fn products(fixed: &FixedModel, node: usize) -> Result<u64> {
    let FixedOp::Linear { conv, weights, .. } = &fixed.graph.nodes[node].op else { return Ok(0) };
    let ConvShape { cin, h, w, cout, kernel, stride, dilation, pads, groups } = *conv;
    let shape = sordino_he::ConvShape { cin, h, w, cout, kernel, stride, dilation, pads, groups };
    let kernel = &fixed.weights.layers[weights.0 as usize].kernel;
    let cost = Linear::new(&Layout::elements(&shape)?, kernel)?.cost();
    Ok(cost.products + cost.squares)
}

fn accuracy(
    common: &Common,
    models: [&Model; 2],
    fixed: [&FixedModel; 2],
) -> Result<Option<Accuracy>> {
    let Some(data) = &common.data else { return Ok(None) };
    let mut found = Accuracy::default();
    for sample in args::open(data, common.labels.as_deref().into(), models[0])?.take(common.limit) {
        let sample = sample?;
        let Some(label) = sample.label else { continue };
        let right = |i: usize| -> Result<(usize, usize)> {
            let outputs = float::run(&models[i].graph, &[models[i].tensor(&sample.input)?])?;
            let of_float = best(outputs[0].as_f32()?, Scores::of_float(&models[i].graph));
            let graph = &fixed[i].graph;
            let edge = &graph.edges[graph.input.0 as usize];
            let words = run_clear(fixed[i], &encode_input(edge, &sample.input)?.words)?;
            let of_fixed = best(&decode_output(graph, &words)?, Scores::of_fixed(graph));
            let is_right = |class: Option<usize>| usize::from(class == Some(label));
            Ok((is_right(of_float), is_right(of_fixed)))
        };
        let ((float_before, clear_before), (float_after, clear_after)) = (right(0)?, right(1)?);
        found.samples += 1;
        found.float.before += float_before;
        found.float.after += float_after;
        found.clear.before += clear_before;
        found.clear.after += clear_after;
    }
    if found.samples == 0 {
        eprintln!("note: {} has no labels: accuracy was not measured", data.display());
    }
    Ok(Some(found).filter(|f| f.samples > 0))
}
