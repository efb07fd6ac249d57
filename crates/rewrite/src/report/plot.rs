use super::escaped;
use std::fmt::Write;

/// Named points, `x` positive.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) colour: &'static str,
    pub(super) dashed: bool,
}

pub(super) const WIDTH: f64 = 720.0;
pub(super) const HEIGHT: f64 = 360.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 44.0;

/// Where a plot stands.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// In a page, as wide as there is room.
    Page,
    /// In a picture, so far from its top.
    Picture(f64),
}

/// Percent over a number on a logarithmic axis.
pub(super) fn lines(lines: &[Line], x_name: &str, place: Place) -> String {
    let all = || lines.iter().flat_map(|l| &l.points);
    let ends = |of: fn(&(f64, f64)) -> f64| {
        let (lo, hi) = all().map(of).fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        if lo <= hi { (lo, hi) } else { (1.0, 1.0) }
    };
    let (first, last) = ends(|p| p.0.max(1.0).log2());
    let (first, last) = (first.floor(), last.ceil().max(first.floor() + 1.0));
    let (low, high) = ends(|p| p.1);
    let step = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0].into_iter().find(|s| high - low <= 8.0 * s);
    let step = step.unwrap_or(10.0);
    let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    let high = high.max(low + step);
    let at_x =
        |x: f64| LEFT + (x.max(1.0).log2() - first) / (last - first) * (WIDTH - LEFT - RIGHT);
    let at_y = |y: f64| TOP + (high - y) / (high - low) * (HEIGHT - TOP - BOTTOM);
    let mut svg = match place {
        Place::Page => format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">"),
        Place::Picture(y) => format!("<svg y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\">"),
    };
    let steps = (last - first) as usize;
    for i in (0..=steps).step_by(steps.div_ceil(10)) {
        let v = (first + i as f64).exp2();
        let (x, bottom) = (at_x(v), HEIGHT - BOTTOM);
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{v}</text>",
            bottom + 16.0
        );
    }
    let digits = usize::from(step < 1.0);
    for i in 0..=((high - low) / step).round() as usize {
        let v = low + step * i as f64;
        let (y, right) = (at_y(v), WIDTH - RIGHT);
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{v:.digits$} %</text>",
            LEFT - 6.0,
            y + 4.0
        );
    }
    let middle = (LEFT + WIDTH - RIGHT) / 2.0;
    let _ = write!(
        svg,
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{x_name}</text>",
        HEIGHT - 8.0
    );
    for (i, line) in lines.iter().enumerate() {
        let dash = if line.dashed { " stroke-dasharray=\"5 4\"" } else { "" };
        let colour = line.colour;
        let path: Vec<String> =
            line.points.iter().map(|p| format!("{:.1},{:.1}", at_x(p.0), at_y(p.1))).collect();
        let _ = write!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>",
            path.join(" ")
        );
        for p in &line.points {
            let (x, y) = (at_x(p.0), at_y(p.1));
            let _ =
                write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>");
        }
        let (x, y) = (WIDTH - RIGHT + 14.0, TOP + 14.0 + 20.0 * i as f64);
        let _ = write!(
            svg,
            "<path d=\"M{x} {:.1}h18\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>\
             <text x=\"{}\" y=\"{y:.1}\">{}</text>",
            y - 4.0,
            x + 24.0,
            escaped(&line.name)
        );
    }
    svg + "</svg>"
}

/// Cells from white (0) to dark (1).
pub(super) fn cells(rows: &[Vec<f32>], side: usize) -> String {
    let (height, width) = (rows.len().max(1), rows.first().map_or(1, Vec::len).max(1));
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{side}\" height=\"{side}\" \
         preserveAspectRatio=\"none\" shape-rendering=\"crispEdges\">"
    );
    for (y, row) in rows.iter().enumerate() {
        for (x, share) in row.iter().enumerate() {
            let light = 97.0 - 67.0 * share.clamp(0.0, 1.0);
            let fill = format!("hsl(212,60%,{light:.0}%)");
            let _ =
                write!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\" fill=\"{fill}\"/>");
        }
    }
    svg + "</svg>"
}
