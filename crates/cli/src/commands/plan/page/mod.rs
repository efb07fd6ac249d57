//! The comparison as a page that needs nothing else: no network, no other file.

mod bars;
mod html;
mod links;
mod parts;
mod tables;

use super::compared::{Compared, Way};
use crate::report::{bytes, seconds};
use sordino_plan::Objective;
use sordino_rewrite::report::escaped;

const STYLE: &str = include_str!("style.css");
const SORT: &str = include_str!("sort.js");
/// The page may load nothing, whatever it says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The whole page.
pub(super) fn page(compared: &Compared) -> String {
    let name = escaped(&compared.name);
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{name}: the cost of private inference</title><style>{STYLE}</style></head><body><main>\
         <h1>{name}</h1>"
    );
    html += &format!(
        "<p class=\"soft\">What a session with {} costs over a link of {} and {} Mbit/s; calibrated on {}. {}.</p>",
        if compared.images == 1 {
            "one input".into()
        } else {
            format!("{} inputs", compared.images)
        },
        seconds(compared.round_trip),
        compared.bandwidth as f64 / 1e6,
        escaped(compared.calibrated_on),
        escaped(&sentence(&compared.machine))
    );
    html += &headline(compared);
    if let Some(way) = compared.best().or_else(|| compared.candidates.first()) {
        html += &costs(compared, way);
    }
    html += "<h2>Every way</h2>";
    html += &format!(
        "<p>{} ways to run the network, {} first: bytes each way, waits for the other party, processor seconds of each, \
         seconds from beginning to end, and with the input at hand when the rest was prepared; about what each process holds \
         in memory at most.</p>",
        compared.candidates.len(),
        match compared.minimise {
            Objective::Bytes => "the fewest bytes",
            Objective::Latency | Objective::Online => "the quickest",
            Objective::Cpu => "the least computing",
        }
    );
    html += &tables::ways(compared);
    html += "<h2>Other links</h2>";
    html += &links::recommended(compared);
    html += "<p class=\"lead\">Time from beginning to end of the quickest way of each backend, whatever it gives up; the dashed \
             line is the link above.</p>";
    html += &backend_key(compared);
    html += &links::charts(compared);
    html += "<h2>Who learns what</h2>";
    html += &tables::promises(compared);
    if !compared.refused.is_empty() {
        html += "<h2>Not possible</h2>";
        html += &tables::refused(compared);
    }
    html + &format!("</main><script>{SORT}</script></body></html>\n")
}

/// The recommended way: what it costs, how to run it, who learns what.
fn headline(compared: &Compared) -> String {
    let Some(way) = compared.best() else {
        return "<div class=\"card\"><b>No way is recommended.</b> None withstands what was asked for and gives up no more \
                than what was accepted; the table below says what each gives up.</div>"
            .into();
    };
    let sent = way.candidate.totals.session();
    let fact = |goal: bool, value: &str, name: &str| {
        let class = if goal { " class=\"goal\"" } else { "" };
        format!("<div{class}><b>{}</b><span>{}</span></div>", escaped(value), escaped(name))
    };
    let goal = compared.minimise;
    let facts = [
        fact(goal == Objective::Bytes, &bytes(sent.up + sent.down), "sent, both ways"),
        fact(false, &sent.rounds.to_string(), "rounds"),
        fact(
            goal == Objective::Cpu,
            &seconds(way.seconds.processor.total()),
            "processor, both parties",
        ),
        fact(goal == Objective::Latency, &seconds(way.seconds.wall), "from beginning to end"),
        fact(goal == Objective::Online, &seconds(way.seconds.online), "with the input at hand"),
    ];
    let mut html = format!(
        "<div class=\"card\"><b>Recommended: {}</b><div class=\"facts\">{}</div><dl>",
        escaped(&way.title()),
        facts.concat()
    );
    let mut say = |name: &str, value: String| html += &format!("<dt>{name}</dt><dd>{value}</dd>");
    let code = |line: &str| format!("<code>{}</code>", escaped(line));
    say("model owner", code(&way.commands.serve));
    if let Some(prepare) = &way.commands.prepare {
        say("data owner, before", code(prepare));
    }
    say("data owner", code(&way.commands.infer));
    let promise = &way.candidate.promise;
    say("secure against", escaped(promise.threat));
    say("disclosed", escaped(promise.disclosed));
    say("data owner learns", escaped(promise.client_learns));
    say("model owner learns", escaped(promise.server_learns));
    if let Some(seen) = way.seen() {
        say("data owner sees", escaped(&seen));
    }
    for concession in &way.candidate.concessions {
        say("given up", escaped(concession.describe()));
    }
    for way in compared.tempting.iter().filter_map(|i| compared.candidates.get(*i)) {
        let left = way.candidate.concessions.iter().filter(|c| !compared.accepted.contains(c));
        let left: Vec<_> = left.map(|c| c.name()).collect();
        let text = format!("{} by {}", compared.value(way), way.title());
        say(&format!("with {}", escaped(&left.join(", "))), escaped(&text));
    }
    if let Some(baseline) = &compared.baseline {
        say("literature", escaped(&baseline.describe()));
    }
    html + "</dl></div>"
}

/// Where the bytes and the time go.
fn costs(compared: &Compared, way: &Way) -> String {
    let parts = parts::parts(compared, way);
    let mut html = String::from("<h2>Where it is heavy</h2>");
    html += &format!(
        "<p>Layers in order, as high as their bytes in one inference by {}.</p>",
        escaped(&way.title())
    );
    html += &bars::key(&parts);
    html += &bars::strip(&parts);
    html += "<h2>Cost per layer</h2><p>Each linear layer with what follows it until the next.</p>";
    html += &bars::bars(&parts::blocks(&parts));
    let silent = compared.layers.len().saturating_sub(parts.len());
    html += "<h2>Layers</h2>";
    html += &match silent {
        0 => String::new(),
        n => format!("<p>{n} more are free.</p>"),
    };
    html + &tables::layers(compared, &parts)
}

fn backend_key(compared: &Compared) -> String {
    let entry = |name: &&str| {
        format!("<span><i style=\"background:var(--{name})\"></i>{}</span>", escaped(name))
    };
    format!(
        "<div class=\"key\">{}</div>",
        links::backends(compared).iter().map(entry).collect::<String>()
    )
}

/// With a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}
