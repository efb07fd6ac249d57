//! The time of each backend's quickest way over other links.

use super::super::compared::Compared;
use super::html::Table;
use crate::report::seconds;
use sordino_rewrite::report::escaped;
use sordino_wire::Network;
use std::time::Duration;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 46.0;

/// Points of a line for each power of ten.
const FINE: i32 = 2;

/// One picture against the rate and one against the round trip, around the link that was given.
pub(super) fn charts(compared: &Compared) -> String {
    let here = compared.link;
    let rate = Axis { name: "rate in Mbit/s", from: 0, to: 4, here: here.bandwidth as f64 / 1e6 };
    let trip =
        Axis { name: "round trip in ms", from: -1, to: 3, here: 1e3 * here.rtt.as_secs_f64() };
    let at_rate = |x: f64| Network { bandwidth: (x * 1e6) as u64, ..here };
    let at_trip = |x: f64| Network { rtt: Duration::from_secs_f64(x / 1e3), ..here };
    format!(
        "<div class=\"charts\"><figure class=\"card\"><figcaption>Round trip of {} ms</figcaption>{}</figure>\
         <figure class=\"card\"><figcaption>{} Mbit/s</figcaption>{}</figure></div>",
        trip.here,
        chart(&lines(compared, &rate, at_rate), &rate),
        rate.here,
        chart(&lines(compared, &trip, at_trip), &trip)
    )
}

/// Links that people have.
const LINKS: [(&str, Network); 5] = [
    ("one machine room", network(100, 10_000)),
    ("local network", Network::lan()),
    ("one city", network(5_000, 500)),
    ("one continent", Network::wan()),
    ("mobile telephone", network(60_000, 20)),
];

/// Microseconds there and back, megabits per second.
const fn network(rtt: u64, rate: u64) -> Network {
    Network { rtt: Duration::from_micros(rtt), bandwidth: rate * 1_000_000 }
}

/// What is recommended over each of some links.
pub(super) fn recommended(compared: &Compared) -> String {
    let mut table = Table::new(&[
        ("link", false),
        ("round trip", true),
        ("rate", true),
        ("recommended", false),
        (compared.column(), true),
        ("rounds", true),
    ]);
    for (name, link) in LINKS {
        let (trip, rate) = (link.rtt.as_secs_f64(), link.bandwidth as f64);
        let mut row = table.row("");
        row.text(name).number(trip, &seconds(trip)).number(rate, &format!("{} Mbit/s", rate / 1e6));
        match compared.over(link) {
            Some((way, value)) => {
                let rounds = way.candidate.totals.session().rounds;
                row.wide(&way.title())
                    .number(value.0, &value.1)
                    .number(rounds as f64, &rounds.to_string());
            }
            None => {
                row.wide("none").number(0.0, "").number(0.0, "");
            }
        }
    }
    table.finish()
}

/// A logarithmic axis in powers of ten.
struct Axis {
    name: &'static str,
    from: i32,
    to: i32,
    /// Where the link that was given lies.
    here: f64,
}

/// Seconds of a backend's quickest way.
struct Line {
    backend: &'static str,
    points: Vec<(f64, f64)>,
}

/// The backends, in the order of their quickest ways.
pub(super) fn backends(compared: &Compared) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for way in &compared.candidates {
        if !names.contains(&way.candidate.backend) {
            names.push(way.candidate.backend);
        }
    }
    names
}

fn lines(compared: &Compared, axis: &Axis, link: impl Fn(f64) -> Network) -> Vec<Line> {
    let of = |backend| {
        let ways = || compared.candidates.iter().filter(|w| w.candidate.backend == backend);
        let point = |i: i32| {
            let x = 10f64.powf(f64::from(i) / f64::from(FINE));
            let link = link(x);
            let time =
                ways().map(|w| w.candidate.plan.time(&compared.profile, &link).session().wall);
            (x, time.fold(f64::INFINITY, f64::min))
        };
        Line { backend, points: (axis.from * FINE..=axis.to * FINE).map(point).collect() }
    };
    backends(compared).into_iter().map(of).collect()
}

fn chart(lines: &[Line], axis: &Axis) -> String {
    let all = || lines.iter().flat_map(|l| &l.points).map(|p| p.1.max(1e-4).log10());
    let low = all().fold(f64::INFINITY, f64::min).floor();
    let high = all().fold(f64::NEG_INFINITY, f64::max).ceil().max(low + 1.0);
    if !low.is_finite() || !high.is_finite() {
        return String::new();
    }
    let (from, to) = (f64::from(axis.from), f64::from(axis.to));
    let x = |v: f64| LEFT + (v.log10() - from) / (to - from) * (WIDTH - LEFT - RIGHT);
    let y = |v: f64| TOP + (high - v.max(1e-4).log10()) / (high - low) * (HEIGHT - TOP - BOTTOM);
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
    for power in axis.from..=axis.to {
        let v = 10f64.powi(power);
        svg += &format!(
            "<path class=\"grid\" d=\"M{:.1} {TOP}V{bottom}\"/><text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{v}</text>",
            x(v),
            x(v),
            bottom + 17.0
        );
    }
    for power in low as i32..=high as i32 {
        let v = 10f64.powi(power);
        svg += &format!(
            "<path class=\"grid\" d=\"M{LEFT} {:.1}H{right}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            y(v),
            LEFT - 7.0,
            y(v) + 4.0,
            short(v)
        );
    }
    if (from..=to).contains(&axis.here.log10()) {
        svg += &format!("<path class=\"here\" d=\"M{:.1} {TOP}V{bottom}\"/>", x(axis.here));
    }
    for line in lines {
        let points: Vec<_> =
            line.points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
        svg += &format!(
            "<polyline points=\"{}\" stroke=\"var(--{})\"><title>{}</title></polyline>",
            points.join(" "),
            line.backend,
            escaped(line.backend)
        );
    }
    let middle = (LEFT + right) / 2.0;
    svg + &format!(
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text></svg>",
        HEIGHT - 8.0,
        escaped(axis.name)
    )
}

/// A power of ten of seconds.
fn short(s: f64) -> String {
    match s {
        s if s >= 1.0 => format!("{s} s"),
        _ => seconds(s).replace(".0", ""),
    }
}
