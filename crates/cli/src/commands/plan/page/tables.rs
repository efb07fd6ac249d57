//! Every way, every layer, and what each party learns, as tables.

use super::super::compared::Compared;
use super::html::Table;
use super::parts::Part;
use crate::report::{bytes, seconds};
use sordino_plan::Candidate;
use sordino_rewrite::report::escaped;

/// Every way to run the network.
pub(super) fn ways(compared: &Compared) -> String {
    let mut table = Table::new(&[
        ("", true),
        ("backend", false),
        ("choice", false),
        ("gives up", false),
        ("up", true),
        ("down", true),
        ("rounds", true),
        ("client", true),
        ("server", true),
        ("wall", true),
        ("online", true),
        ("client holds", true),
        ("server holds", true),
        ("security", true),
    ]);
    for (i, way) in compared.candidates.iter().enumerate() {
        let best = compared.recommended == Some(i);
        let sent = way.candidate.totals.session();
        let (of, processor) = (&way.seconds, &way.seconds.processor);
        let mut row = table.row(if best { "best" } else { "" });
        row.number((i + 1) as f64, &(i + 1).to_string())
            .text(way.candidate.backend)
            .wide(&way.candidate.settings.describe())
            .text(&gives(&way.candidate))
            .number(sent.up as f64, &bytes(sent.up))
            .number(sent.down as f64, &bytes(sent.down))
            .number(sent.rounds as f64, &sent.rounds.to_string());
        for time in [processor.client, processor.server, of.wall, of.online] {
            row.number(time, &seconds(time));
        }
        let memory = way.candidate.plan.memory();
        for held in [memory.client, memory.server] {
            row.number(held as f64, &bytes(held));
        }
        let security = way.candidate.security_bits;
        row.number(security.into(), &format!("{security} bits"));
    }
    table.finish()
}

/// What a way gives up, by name.
fn gives(candidate: &Candidate) -> String {
    candidate.concessions.iter().map(|c| c.name()).collect::<Vec<_>>().join(", ")
}

/// Layers that send or compute anything.
pub(super) fn layers(compared: &Compared, parts: &[Part]) -> String {
    let mut table = Table::new(&[
        ("", true),
        ("layer", false),
        ("operation", false),
        ("method", false),
        ("result", false),
        ("MACs", true),
        ("offline", true),
        ("online", true),
        ("rounds", true),
        ("processor", true),
        ("wall", true),
    ]);
    for (i, part) in parts.iter().enumerate() {
        let shape = compared.layers.iter().find(|l| l.name == part.name);
        let macs = shape.map_or(0, |s| s.macs);
        let dims = |dims: &[u32]| dims.iter().map(u32::to_string).collect::<Vec<_>>().join("×");
        let both = |c: &sordino_plan::Cost| c.up + c.down;
        table
            .row("")
            .number((i + 1) as f64, &(i + 1).to_string())
            .text(&part.name)
            .text(part.group.name())
            .text(&part.method)
            .text(&shape.map(|s| dims(&s.shape)).unwrap_or_default())
            .number(macs as f64, &if macs > 0 { counted(macs) } else { String::new() })
            .number(both(&part.offline) as f64, &bytes(both(&part.offline)))
            .number(both(&part.online) as f64, &bytes(both(&part.online)))
            .number(
                (part.offline.rounds + part.online.rounds) as f64,
                &(part.offline.rounds + part.online.rounds).to_string(),
            )
            .number(part.processor, &seconds(part.processor))
            .number(part.wall, &seconds(part.wall));
    }
    table.finish()
}

/// A large number in few digits.
fn counted(n: u64) -> String {
    match n {
        n if n >= 1_000_000_000 => format!("{:.2} G", n as f64 / 1e9),
        n if n >= 1_000_000 => format!("{:.2} M", n as f64 / 1e6),
        n if n >= 1000 => format!("{:.1} k", n as f64 / 1e3),
        n => n.to_string(),
    }
}

/// For each backend that can run the network, who is protected from whom and who learns what.
pub(super) fn promises(compared: &Compared) -> String {
    let mut html = String::from(
        "<div class=\"wide\"><table><thead><tr><th>backend</th><th>secure against</th><th>the data owner learns</th>\
         <th>the model owner learns</th></tr></thead><tbody>",
    );
    for backend in super::links::backends(compared) {
        let of = |w: &&super::super::compared::Way| w.candidate.backend == backend;
        if let Some(way) = compared.candidates.iter().find(of) {
            let p = &way.candidate.promise;
            html += &format!("<tr><td>{}</td>", escaped(p.backend));
            for cell in [p.threat, p.client_learns, p.server_learns] {
                html += &format!("<td class=\"wrap\">{}</td>", escaped(cell));
            }
            html += "</tr>";
        }
    }
    html + "</tbody></table></div>"
}

/// What is not possible, and why.
pub(super) fn refused(compared: &Compared) -> String {
    let one = |r: &sordino_plan::Refused| {
        let settings = if r.settings.is_empty() {
            String::new()
        } else {
            format!(" ({})", escaped(&r.settings))
        };
        format!("<dt>{}{settings}</dt><dd>{}</dd>", escaped(r.backend), escaped(&r.why))
    };
    format!("<dl class=\"card\">{}</dl>", compared.refused.iter().map(one).collect::<String>())
}
