//! Functions and files that have grown long: printed, not refused. Shown by
//! `cargo test -p blockchat-node --test it long_functions -- --nocapture`.

use super::tree::{Source, sources};
use super::words::Token;

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 400;

/// Of every function with a body: its name, its first line, and how many it has.
fn functions(tokens: &[Token]) -> Vec<(&str, usize, usize)> {
    let mut found = vec![];
    for (at, pair) in tokens.windows(2).enumerate().filter(|(_, pair)| pair[0].is("fn") && pair[1].is_word()) {
        let (mut depth, mut brackets) = (0_usize, 0_usize);
        for token in &tokens[at + 2..] {
            match token.text.as_str() {
                "(" | "[" => brackets += 1,
                ")" | "]" => brackets -= 1,
                ";" if depth == 0 && brackets == 0 => break,
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => continue,
            }
            if token.is("}") && depth == 0 {
                found.push((pair[1].text.as_str(), pair[0].line, token.line - pair[0].line + 1));
                break;
            }
        }
    }
    found
}

fn long(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let file = (lines > FILE_LINES).then(|| format!("{lines} lines: {}", source.path));
    let functions = functions(&source.tokens).into_iter().filter(|(.., lines)| *lines > FUNCTION_LINES);
    file.into_iter()
        .chain(functions.map(|(name, line, lines)| format!("{lines} lines: {}:{line} fn {name}", source.path)))
        .collect()
}

#[expect(clippy::disallowed_macros, reason = "for whoever runs this test, through its harness")]
#[test]
fn long_functions_and_files_are_printed() {
    for line in sources().iter().flat_map(long) {
        println!("{line}");
    }
}

#[test]
fn a_function_is_measured_from_its_name_to_its_last_brace() {
    let source = Source::new("proto/src/x.rs", "trait T { fn a(x: [u8; 4]); }\nfn b() {\n if c { d }\n}\n".to_owned());
    assert_eq!(functions(&source.tokens), [("b", 2, 3)]);
    let body = "\n".repeat(FUNCTION_LINES);
    let source = Source::new("proto/src/x.rs", format!("fn long() {{{body}}}\nfn short() {{}}"));
    assert_eq!(long(&source), ["71 lines: proto/src/x.rs:1 fn long"]);
}
