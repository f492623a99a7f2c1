//! Comma-separated values, as spreadsheets read them (RFC 4180).

/// One line of fields, without its end.
pub(crate) fn line<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    fields.into_iter().map(field).collect::<Vec<_>>().join(",")
}

/// A spreadsheet takes a text that begins like a formula for one, and computes it: text of others must not be.
fn field(text: &str) -> String {
    let safe = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if safe.contains([',', '"', '\n', '\r']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_the_format_are_quoted_and_no_text_becomes_a_formula() {
        assert_eq!(line(["a", "b c", ""]), "a,b c,");
        assert_eq!(line(["a,b", "say \"hi\"", "x\ny"]), "\"a,b\",\"say \"\"hi\"\"\",\"x\ny\"");
        assert_eq!(line(["=1+1", "@sum", "-5"]), "'=1+1,'@sum,'-5");
    }
}
