//! What a search found: accuracy against rectifiers, and where those that are left are, as a table
//! and as a page that needs nothing else.

mod escape;
mod page;
mod plot;

pub use escape::escaped;

use crate::mask::Mask;
use crate::train::Score;
use crate::{Error, Network};
use serde::Serialize;

/// Rows and columns of the picture of a layer.
const CELLS: usize = 8;

/// The networks that one search, or several of one network, came up with.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// Name of the network.
    pub network: String,
    /// Names of the test sets.
    pub tests: Vec<String>,
    /// What private costs are of.
    pub protocol: String,
    /// The original first.
    pub points: Vec<CurvePoint>,
}

/// One network.
#[derive(Clone, Debug, Serialize)]
pub struct CurvePoint {
    /// How its rectifiers were chosen.
    pub choice: String,
    /// Rectifiers asked for.
    pub budget: usize,
    /// Rectifiers left.
    pub relus: usize,
    /// On each test set.
    pub accuracy: Vec<Score>,
    /// One private inference.
    pub private: Private,
    /// Rectifiers by layer, in the order of the graph.
    pub layers: Vec<LayerLeft>,
}

/// What one private inference takes, as a planner predicts it, set-up left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Private {
    /// Bytes, both ways together.
    pub bytes: u64,
    /// Waits of one party for the other.
    pub rounds: u64,
    /// Seconds in a local network.
    pub lan: f64,
    /// Seconds over a long line.
    pub wan: f64,
}

/// What is left of a layer.
#[derive(Clone, Debug, Serialize)]
pub struct LayerLeft {
    /// Name of the node.
    pub node: String,
    /// Rectifiers left.
    pub relus: usize,
    /// Rectifiers of the original.
    pub of: usize,
    /// Share of rectifiers left by place in the picture, rows of [`CELLS`] or of the layer's width
    /// if that is less; empty for a layer without places.
    pub places: Vec<Vec<f32>>,
}

impl LayerLeft {
    /// Layers of a masked network whose masks are binary.
    ///
    /// # Errors
    /// [`Error::Config`] when a mask is not of this network.
    pub fn of(network: &Network, masks: &[Mask]) -> Result<Vec<Self>, Error> {
        masks.iter().map(|mask| Self::one(network, mask)).collect()
    }

    fn one(network: &Network, mask: &Mask) -> Result<Self, Error> {
        let slopes = network.read(mask.slope)?;
        let kept = slopes.iter().filter(|s| **s == 0.0).count();
        let places = match network.graph().value(mask.slope).shape[..] {
            [_, h, w] if h * w > 1 => places(&slopes, h, w),
            _ => Vec::new(),
        };
        let (relus, of) = (kept * mask.each, mask.entries * mask.each);
        Ok(Self { node: mask.node.clone(), relus, of, places })
    }
}

/// Shares of zeros over all channels and the places that a cell covers.
fn places(slopes: &[f32], h: usize, w: usize) -> Vec<Vec<f32>> {
    let (rows, columns) = (h.min(CELLS), w.min(CELLS));
    let mut cells = vec![vec![(0usize, 0usize); columns]; rows];
    for (i, slope) in slopes.iter().enumerate() {
        let (y, x) = (i / w % h * rows / h, i % w * columns / w);
        let (kept, all) = &mut cells[y][x];
        *kept += usize::from(*slope == 0.0);
        *all += 1;
    }
    let share = |(kept, all): (usize, usize)| kept as f32 / all.max(1) as f32;
    cells.into_iter().map(|row| row.into_iter().map(share).collect()).collect()
}

impl Curve {
    /// A table with a header: how rectifiers were chosen, how many were asked for and are left,
    /// what a private inference takes, and for each test set the right ones, all, and percent.
    pub fn csv(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let mut out = String::from("choice,budget,relus,bytes,rounds,lan s,wan s");
        for test in &self.tests {
            for what in ["right", "of", "percent"] {
                out += &format!(",{}", quoted(&format!("{test} {what}")));
            }
        }
        for p in &self.points {
            out += &format!("\n{},{},{}", quoted(&p.choice), p.budget, p.relus);
            let Private { bytes, rounds, lan, wan } = p.private;
            out += &format!(",{bytes},{rounds},{lan:.3},{wan:.3}");
            for a in &p.accuracy {
                out += &format!(",{},{},{:.2}", a.right, a.total, a.percent());
            }
        }
        out + "\n"
    }

    /// Accuracy against rectifiers and against private bytes, as a picture (SVG).
    pub fn svg(&self) -> String {
        page::picture(self)
    }

    /// A page with plots that needs nothing else.
    pub fn html(&self) -> String {
        page::page(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn curve() -> Curve {
        let places = places(&[0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0], 2, 2);
        assert_eq!(places, [[1.0, 0.0], [0.0, 0.5]]);
        let layer = LayerLeft { node: "<a&b>".into(), relus: 3, of: 8, places };
        let point = |choice: &str, relus, right| CurvePoint {
            choice: choice.into(),
            budget: relus,
            relus,
            accuracy: vec![Score { right, total: 100 }; 2],
            private: Private { bytes: 1000 * relus as u64, rounds: 7, lan: 0.25, wan: 1.5 },
            layers: vec![layer.clone(); 3],
        };
        let points =
            vec![point("original", 24, 91), point("learnt", 9, 88), point("random", 9, 60)];
        let tests = vec!["a \"b\"".into(), "c".into()];
        Curve { network: "net".into(), tests, protocol: "sums".into(), points }
    }

    #[test]
    fn tables_have_a_row_for_each_network() {
        let csv = curve().csv();
        let lines: Vec<_> = csv.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(
            lines[0]
                .starts_with("choice,budget,relus,bytes,rounds,lan s,wan s,\"a \"\"b\"\" right\",")
        );
        assert_eq!(lines[2], "\"learnt\",9,9,9000,7,0.250,1.500,88,100,88.00,88,100,88.00");
    }

    #[test]
    fn pages_stand_alone_and_escape_names() {
        let html = curve().html();
        assert!(html.contains("&lt;a&amp;b&gt;") && !html.contains("<a&b>"));
        assert!(!html.contains("http") && !html.contains("<script"));
        assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
        assert!(html.contains("88.00") && html.contains("random"));
        assert!(!html.contains("NaN") && !html.contains("inf"));
        let svg = curve().svg();
        assert!(svg.starts_with("<svg xmlns=") && svg.matches("<svg").count() == 3);
        assert!(!svg.contains("href") && svg.contains("random, c"));
    }
}
