//! Tables as HTML.

use sordino_rewrite::report::escaped;

/// A table whose columns sort at a click.
pub(super) struct Table {
    html: String,
}

impl Table {
    /// Columns, and whether they hold numbers.
    pub(super) fn new(columns: &[(&str, bool)]) -> Self {
        let mut html = String::from("<div class=\"wide tall\"><table class=\"sorts\"><thead><tr>");
        for (name, number) in columns {
            let class = if *number { " class=\"n\"" } else { "" };
            html += &format!("<th{class} scope=\"col\"><button>{}</button></th>", escaped(name));
        }
        html += "</tr></thead><tbody>";
        Self { html }
    }

    /// Begins a row.
    pub(super) fn row(&mut self, class: &str) -> Row<'_> {
        self.html += &match class {
            "" => "<tr>".to_owned(),
            class => format!("<tr class=\"{}\">", escaped(class)),
        };
        Row(&mut self.html)
    }

    pub(super) fn finish(self) -> String {
        self.html + "</tbody></table></div>"
    }
}

/// A row of a table, ended when dropped.
pub(super) struct Row<'a>(&'a mut String);

impl Row<'_> {
    /// A cell of text.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        *self.0 += &format!("<td>{}</td>", escaped(text));
        self
    }

    /// A cell of text that should not break often.
    pub(super) fn wide(&mut self, text: &str) -> &mut Self {
        *self.0 += &format!("<td class=\"w\">{}</td>", escaped(text));
        self
    }

    /// A cell of a number: what it sorts by, and how it reads.
    pub(super) fn number(&mut self, value: f64, text: &str) -> &mut Self {
        *self.0 += &format!("<td class=\"n\" data-v=\"{value}\">{}</td>", escaped(text));
        self
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        *self.0 += "</tr>";
    }
}
