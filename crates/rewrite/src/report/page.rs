use super::plot::{HEIGHT, Line, Place, WIDTH, cells, lines};
use super::{Curve, CurvePoint, escaped};
use std::fmt::Write;

const COLOURS: [&str; 5] = ["#1769aa", "#c2410c", "#15803d", "#7e22ce", "#525252"];

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#1c1c1c}table{border-collapse:collapse}\
td,th{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #ddd}\
td:first-child,th:first-child{text-align:left}svg text{font:12px system-ui,sans-serif;fill:#333}\
.grid{stroke:#e3e3e3}.masks td{text-align:center;font-size:12px;border:0;padding:.25rem}\
.scroll{overflow-x:auto}";

/// Side of a layer's picture in pixels.
const SIDE: usize = 44;

/// What accuracy is set against.
struct Axis {
    title: &'static str,
    unit: &'static str,
    of: fn(&CurvePoint) -> f64,
}

const AXES: [Axis; 4] = [
    Axis { title: "ReLUs", unit: "ReLUs", of: |p| p.relus as f64 },
    Axis { title: "private bytes", unit: "private kB", of: |p| p.private.bytes as f64 / 1e3 },
    Axis {
        title: "time in a local network",
        unit: "ms in a local network",
        of: |p| 1e3 * p.private.lan,
    },
    Axis {
        title: "time over a long line",
        unit: "ms over a long line",
        of: |p| 1e3 * p.private.wan,
    },
];

pub(super) fn page(curve: &Curve) -> String {
    let name = escaped(&curve.network);
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{name}: accuracy and ReLUs</title><style>{STYLE}</style></head><body>\
         <h1>{name}</h1>"
    );
    for axis in &AXES {
        let _ = write!(html, "<h2>Accuracy against {}</h2>", axis.title);
        html += &lines(&series(curve, axis.of), axis.unit, Place::Page);
    }
    let _ = write!(
        html,
        "<p>Private bytes, rounds and times are those of {}.</p>",
        escaped(&curve.protocol)
    );
    html += &table(curve);
    html += "<h2>Where ReLUs are left</h2><p>One picture per layer, over all channels: \
             dark where all are left, white where none is.</p>";
    html += &masks(curve);
    html + "</body></html>\n"
}

/// Accuracy against rectifiers, and below it against private bytes, as a picture of its own.
pub(super) fn picture(curve: &Curve) -> String {
    let height = 2.0 * HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\">\
         <style>text{{font:12px sans-serif;fill:#333}}.grid{{stroke:#e3e3e3}}</style>\
         <path fill=\"#fff\" d=\"M0 0H{WIDTH}V{height}H0z\"/>"
    );
    let [relus, bytes, ..] = AXES;
    for (axis, y) in [(relus, 0.0), (bytes, HEIGHT)] {
        svg += &lines(&series(curve, axis.of), axis.unit, Place::Picture(y));
    }
    svg + "</svg>\n"
}

/// Letters of a name that there is room for beside a plot.
const NAME: usize = 24;

/// A name in the room there is.
fn short(name: String) -> String {
    match name.char_indices().nth(NAME) {
        None => name,
        Some((end, _)) => format!("{}…", &name[..end]),
    }
}

/// A line for each way of choosing and each test set. All begin at the original.
fn series(curve: &Curve, x: fn(&CurvePoint) -> f64) -> Vec<Line> {
    let Some((original, rest)) = curve.points.split_first() else { return Vec::new() };
    let mut choices: Vec<&str> = Vec::new();
    for p in rest {
        if !choices.contains(&p.choice.as_str()) {
            choices.push(&p.choice);
        }
    }
    let mut all = Vec::new();
    for (t, test) in curve.tests.iter().enumerate() {
        let of = |p: &CurvePoint| Some((x(p), p.accuracy.get(t)?.percent()));
        for (c, choice) in choices.iter().enumerate() {
            let chosen = rest.iter().filter(|p| p.choice == *choice);
            let mut points: Vec<_> =
                std::iter::once(original).chain(chosen).filter_map(of).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let name = match curve.tests.len() {
                1 => (*choice).to_owned(),
                _ => short(format!("{choice}, {test}")),
            };
            let colour = COLOURS[c % COLOURS.len()];
            all.push(Line { name, points, colour, dashed: t > 0 });
        }
    }
    all
}

fn table(curve: &Curve) -> String {
    let mut html = String::from(
        "<table><tr><th>chosen</th><th>asked for</th><th>ReLUs</th><th>MB</th><th>rounds</th><th>LAN s</th><th>WAN s</th>",
    );
    for test in &curve.tests {
        let _ = write!(html, "<th>{}</th>", escaped(test));
    }
    for p in &curve.points {
        let choice = escaped(&p.choice);
        let _ = write!(html, "</tr><tr><td>{choice}</td><td>{}</td><td>{}</td>", p.budget, p.relus);
        let (mb, private) = (p.private.bytes as f64 / 1e6, &p.private);
        let _ = write!(
            html,
            "<td>{mb:.2}</td><td>{}</td><td>{:.2}</td><td>{:.2}</td>",
            private.rounds, private.lan, private.wan
        );
        for a in &p.accuracy {
            let _ = write!(html, "<td>{:.2} % ({} of {})</td>", a.percent(), a.right, a.total);
        }
    }
    html + "</tr></table>"
}

fn masks(curve: &Curve) -> String {
    let mut html = String::from("<div class=\"scroll\"><table class=\"masks\">");
    for p in curve.points.iter().skip(1) {
        let _ = write!(html, "<tr><td>{}<br>{}</td>", escaped(&p.choice), p.relus);
        for layer in &p.layers {
            let share = layer.relus as f32 / layer.of.max(1) as f32;
            let picture = match layer.places.is_empty() {
                true => cells(&[vec![share]], SIDE),
                false => cells(&layer.places, SIDE),
            };
            let title = escaped(&format!("{}: {} of {}", layer.node, layer.relus, layer.of));
            let _ = write!(html, "<td title=\"{title}\">{picture}<br>{:.0} %</td>", 100.0 * share);
        }
        html += "</tr>";
    }
    html + "</table></div>"
}
