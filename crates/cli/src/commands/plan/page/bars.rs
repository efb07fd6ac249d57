//! Stacked bars per block, and the network as a strip.

use super::parts::{Block, Part};
use crate::report::{bytes, seconds};
use sordino_plan::Group;
use sordino_rewrite::report::escaped;

/// Layers that are named under the strip.
const HEAVY: usize = 5;

/// Names of the colours, and what each takes.
pub(super) fn key(parts: &[Part]) -> String {
    let all = parts.iter().map(Part::bytes).sum::<u64>().max(1) as f64;
    let entry = |g: Group| {
        let of = || parts.iter().filter(|p| p.group == g);
        of().next()?;
        let (name, sent) = (g.name(), of().map(Part::bytes).sum::<u64>());
        let share = 100.0 * sent as f64 / all;
        Some(format!(
            "<span><i style=\"background:var(--{name})\"></i>{name} {}, {share:.0} %</span>",
            bytes(sent)
        ))
    };
    let entries: String = Group::ALL.into_iter().filter_map(entry).collect();
    format!("<div class=\"key\">{entries}</div>")
}

/// Bars by bytes and by time, of which a switch shows one.
pub(super) fn bars(blocks: &[Block]) -> String {
    let by = |class: &str, of: fn(&Block) -> &[f64], text: fn(f64) -> String| {
        let sum = |b: &Block| of(b).iter().sum::<f64>();
        let most = blocks.iter().map(sum).fold(f64::MIN_POSITIVE, f64::max);
        let mut html = format!("<div class=\"bars {class}\">");
        for block in blocks {
            let name = escaped(&block.name);
            html +=
                &format!("<span class=\"name\" title=\"{name}\">{name}</span><span class=\"bar\">");
            for (group, value) in Group::ALL.iter().zip(of(block)).filter(|(_, v)| **v > 0.0) {
                html += &format!(
                    "<i style=\"width:{:.2}%;background:var(--{})\" title=\"{}: {}\"></i>",
                    100.0 * value / most,
                    group.name(),
                    group.name(),
                    text(*value)
                );
            }
            html += &format!("</span><span class=\"sum\">{}</span>", text(sum(block)));
        }
        html + "</div>"
    };
    format!(
        "<input class=\"pick\" type=\"radio\" name=\"by\" id=\"bytes\" checked>\
         <input class=\"pick\" type=\"radio\" name=\"by\" id=\"seconds\">\
         <div class=\"switch\"><label for=\"bytes\">bytes</label><label for=\"seconds\">time</label></div>{}{}",
        by("by-bytes", |b| &b.bytes, |v| bytes(v as u64)),
        by("by-seconds", |b| &b.seconds, seconds)
    )
}

/// One column per layer, as high as its bytes; the heaviest are numbered and named.
pub(super) fn strip(parts: &[Part]) -> String {
    let most = parts.iter().map(Part::bytes).max().unwrap_or(0).max(1) as f64;
    let all: u64 = parts.iter().map(Part::bytes).sum();
    let mut heavy: Vec<usize> = (0..parts.len()).collect();
    heavy.sort_by_key(|i| std::cmp::Reverse(parts[*i].bytes()));
    heavy.truncate(HEAVY);
    heavy.sort_unstable();
    let mut html = String::from("<div class=\"strip\">");
    for (i, part) in parts.iter().enumerate() {
        let class = if heavy.contains(&i) { " class=\"heavy\"" } else { "" };
        html += &format!(
            "<i{class} style=\"height:{:.1}%;background:var(--{})\" title=\"{}: {}\"></i>",
            100.0 * part.bytes() as f64 / most,
            part.group.name(),
            escaped(&part.name),
            bytes(part.bytes())
        );
    }
    html += "</div><div class=\"marks\">";
    for (n, i) in heavy.iter().enumerate() {
        let at = 100.0 * (*i as f64 + 0.5) / parts.len() as f64;
        html += &format!("<span style=\"left:{at:.2}%\">{}</span>", n + 1);
    }
    html += "</div><ol class=\"heavies\">";
    for part in heavy.iter().map(|i| &parts[*i]) {
        html += &format!(
            "<li>{}: {}, {:.0} % <span class=\"soft\">({})</span></li>",
            escaped(&part.name),
            bytes(part.bytes()),
            100.0 * part.bytes() as f64 / all.max(1) as f64,
            escaped(part.group.name())
        );
    }
    html + "</ol>"
}
