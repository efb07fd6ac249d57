/// Text that stands for itself in HTML, in elements and in attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // Controls have no place on a page, and some no meaning in one.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_becomes_markup() {
        let escaped = escaped("<b onclick='x'>\"&\u{1b}\u{0}ü");
        assert_eq!(escaped, "&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;  ü");
    }
}
