use super::args::{self, ModelArgs};
use super::protocol::{Private, ProtocolArgs};
use super::quantise::QuantiseArgs;
use super::{forecast, output};
use crate::model::Model;
use crate::predict::{Scores, best};
use crate::report::Forecast;
use crate::residue::Integers;
use anyhow::Result;
use clap::Args;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;
use sordino_engine::run_clear;
use sordino_engine::session::Wish;
use sordino_graph::fixed::{FixedModel, FixedOp, decode_output, encode_input};
use sordino_graph::float;
use sordino_plan::{Support, support};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Say whether a network can run privately, with which numbers and at what cost
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    model: ModelArgs,
    /// For which backend
    #[arg(long, value_enum, default_value = "twoparty")]
    backend: Private,
    /// Compare fixed point with float on these inputs, and with their labels if they have any
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Labels, where they are not beside the data
    #[arg(long, value_name = "FILE", requires = "data")]
    labels: Option<PathBuf>,
    /// Use only the first N of the data
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    quantise: QuantiseArgs,
    #[command(flatten)]
    protocol: ProtocolArgs,
}

#[derive(Serialize)]
struct Findings {
    name: String,
    opset: i64,
    input: Vec<usize>,
    operators: BTreeMap<String, usize>,
    calibrated_on: &'static str,
    /// Bits of activations, where they are a setting.
    act_bits: Option<u32>,
    layers: Vec<LayerLine>,
    support: Vec<Support>,
    plan: Option<Forecast>,
    comparison: Option<Comparison>,
}

#[derive(Serialize)]
struct LayerLine {
    name: String,
    op: String,
    shape: Vec<u32>,
    ring: u32,
    frac: i32,
    lowest: f64,
    highest: f64,
    weight_bits: Option<u32>,
}

#[derive(Serialize)]
struct Comparison {
    samples: usize,
    same_class: usize,
    largest_error: f32,
    labelled: usize,
    float_correct: usize,
    clear_correct: usize,
}

impl Check {
    pub(super) fn run(&self) -> Result<()> {
        self.quantise.check([self.backend.into()])?;
        let act_bits = self.quantise.act_bits()?;
        let wish = self.protocol.wish(self.backend.into())?;
        let model = self.model.load()?;
        let mut operators = BTreeMap::new();
        for node in &model.graph.nodes {
            *operators.entry(operator(&node.op)).or_default() += 1;
        }
        if !self.json {
            output::line(format!(
                "{}: opset {}, input {:?}, {} nodes, every operator is known",
                model.name,
                model.graph.opset,
                model.input_shape(),
                model.graph.nodes.len()
            ))?;
            let list: Vec<_> = operators.iter().map(|(op, n)| format!("{op} x{n}")).collect();
            output::line(list.join(", "))?;
        }
        let (Integers { model: fixed, act_bits }, calibrated_on) = self.fixed(&model, act_bits)?;
        let (support, plan) = self.plan(&fixed, wish);
        let findings = Findings {
            name: model.name.clone(),
            opset: model.graph.opset,
            input: model.input_shape().to_vec(),
            operators,
            calibrated_on,
            act_bits,
            layers: layers(&fixed),
            support,
            plan,
            comparison: self.data.as_ref().map(|d| self.compare(&model, &fixed, d)).transpose()?,
        };
        if self.json { output::json(&findings) } else { print(&findings, self.protocol.batch()) }
    }

    /// Whether the backend runs these integers, and at what cost.
    fn plan(&self, fixed: &FixedModel, wish: Wish) -> (Vec<Support>, Option<Forecast>) {
        let others: &[Private] = match self.backend {
            Private::Garbled => &[Private::Twoparty, Private::Popcorn, Private::PopcornPaper],
            _ => &[Private::Garbled],
        };
        let mut support = support(&fixed.graph);
        // The others have integers of their own.
        support.retain(|s| others.iter().all(|other| s.backend != other.backend().name()));
        match forecast::of(self.backend, fixed, wish, self.protocol.batch()) {
            Ok(plan) => (support, Some(plan)),
            Err(why) => {
                let own = support.iter_mut().find(|s| s.backend == self.backend.backend().name());
                if let Some(own) = own {
                    own.refusal.get_or_insert(why.to_string());
                }
                (support, None)
            }
        }
    }

    fn fixed(&self, model: &Model, act_bits: Option<u32>) -> Result<(Integers, &'static str)> {
        let Some(data) = self.data.as_ref().filter(|_| self.quantise.calibrate.is_none()) else {
            return forecast::integers(&self.quantise, model, self.backend, act_bits);
        };
        let data = args::open(data, self.labels.as_deref().into(), model)?;
        let first = data.take(self.quantise.first());
        let inputs: Result<Vec<_>, _> = first.map(|s| s.map(|s| s.input)).collect();
        let fixed = self.quantise.quantise(model, &inputs?, self.backend.into(), act_bits)?;
        Ok((fixed, "the first of the data"))
    }

    fn compare(
        &self,
        model: &Model,
        fixed: &FixedModel,
        data: &std::path::Path,
    ) -> Result<Comparison> {
        let mut c = Comparison {
            samples: 0,
            same_class: 0,
            largest_error: 0.0,
            labelled: 0,
            float_correct: 0,
            clear_correct: 0,
        };
        let (of_float, of_fixed) = (Scores::of_float(&model.graph), Scores::of_fixed(&fixed.graph));
        let input_edge = &fixed.graph.edges[fixed.graph.input.0 as usize];
        for sample in args::open(data, self.labels.as_deref().into(), model)?.take(self.limit) {
            let sample = sample?;
            let outputs = float::run(&model.graph, &[model.tensor(&sample.input)?])?;
            let want = outputs[0].as_f32()?;
            let words = run_clear(fixed, &encode_input(input_edge, &sample.input)?.words)?;
            let got = decode_output(&fixed.graph, &words)?;
            let error = want.iter().zip(&got).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let (float_class, clear_class) = (best(want, of_float), best(&got, of_fixed));
            c.samples += 1;
            c.same_class += usize::from(float_class == clear_class);
            c.largest_error = c.largest_error.max(error);
            if sample.label.is_some() {
                c.labelled += 1;
                c.float_correct += usize::from(float_class == sample.label);
                c.clear_correct += usize::from(clear_class == sample.label);
            }
        }
        Ok(c)
    }
}

/// The name of an operator without its attributes.
fn operator(op: &impl std::fmt::Debug) -> String {
    let text = format!("{op:?}");
    let inner = ["Unary(", "Binary(", "Rearrange("].iter().find_map(|p| text.strip_prefix(p));
    let text = inner.unwrap_or(&text);
    text.chars().take_while(|c| c.is_alphanumeric()).collect()
}

fn layers(fixed: &FixedModel) -> Vec<LayerLine> {
    let line = |n: &sordino_graph::fixed::FixedNode| {
        let edge = &fixed.graph.edges[n.output.0 as usize];
        let unit = f64::from(-edge.frac).exp2() / f64::from(edge.divisor);
        LayerLine {
            name: n.name.clone(),
            op: operator(&n.op),
            shape: edge.shape.clone(),
            ring: edge.ring,
            frac: edge.frac,
            lowest: edge.lo as f64 * unit,
            highest: edge.hi as f64 * unit,
            weight_bits: match n.op {
                FixedOp::Linear { weight_bits, .. } => Some(weight_bits),
                _ => None,
            },
        }
    };
    fixed.graph.nodes.iter().map(line).collect()
}

fn print(f: &Findings, images: usize) -> Result<()> {
    let bits = f.act_bits.map(|b| format!(", activations of {b} bits")).unwrap_or_default();
    output::line(format!("\nFixed point, calibrated on {}{bits}:", f.calibrated_on))?;
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "layer",
        "operation",
        "shape",
        "ring",
        "fraction",
        "weights",
        "range",
    ]);
    for l in &f.layers {
        table.add_row([
            l.name.clone(),
            l.op.clone(),
            format!("{:?}", l.shape),
            l.ring.to_string(),
            l.frac.to_string(),
            l.weight_bits.map(|b| b.to_string()).unwrap_or_default(),
            format!("{:.4} to {:.4}", l.lowest, l.highest),
        ]);
    }
    output::line(table)?;
    output::line("")?;
    for s in &f.support {
        match &s.refusal {
            None => output::line(format!("backend {}: supported", s.backend))?,
            Some(why) => output::line(format!("backend {}: not supported: {why}", s.backend))?,
        }
    }
    if let Some(plan) = &f.plan {
        if let Forecast::Garbled(plan) = plan {
            output::line("Tables of the garbled circuit:")?;
            output::line(output::tables(plan))?;
        }
        output::forecast(plan, images)?;
    }
    if let Some(c) = &f.comparison {
        output::line(format!(
            "Fixed point against float: same class for {} of {}, largest difference {:.4}",
            c.same_class, c.samples, c.largest_error
        ))?;
        if c.labelled > 0 {
            let percent = |n: usize| 100.0 * n as f64 / c.labelled as f64;
            output::line(format!(
                "Accuracy on {} labelled inputs: float {:.2} %, fixed point {:.2} %",
                c.labelled,
                percent(c.float_correct),
                percent(c.clear_correct)
            ))?;
        }
    }
    Ok(())
}
