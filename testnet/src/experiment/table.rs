//! The report's data as CSV: one line per run, so that other figures can be computed from it.

use super::study::Findings;

/// The file of one study.
pub fn csv(findings: &Findings) -> String {
    let mut lines = vec!["series,setting,run,tx_per_s,block_ms,submit_to_final_ms_p50,blocks".to_owned()];
    for point in &findings.points {
        for (number, run) in point.runs.iter().enumerate() {
            lines.push(format!(
                "{},{},{},{:.1},{:.1},{:.1},{}",
                quoted(&point.series),
                quoted(&point.label),
                number + 1,
                run.tx_per_s,
                run.block_ms,
                run.to_final_ms,
                run.blocks
            ));
        }
    }
    if !findings.shares.is_empty() {
        lines.push(String::new());
        lines.push("node,fair_share,seen_share,chance,led,blocks".to_owned());
        lines.extend(findings.shares.iter().map(|share| {
            let (node, led, blocks) = (quoted(&share.node), share.led, share.blocks);
            format!("{node},{:.4},{:.4},{:.4},{led},{blocks}", share.fair, share.seen, share.chance)
        }));
    }
    lines.join("\n") + "\n"
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_a_comma_or_a_quote_is_quoted() {
        assert_eq!(quoted("5 nodes"), "5 nodes");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
