//! The pages and the module headers name files, folders and items that exist.
//!
//! A path is looked for from the page's folder and those around it, from the `src` of each, and from the folders of the
//! paths before it on its line. An item (`Ledger::apply_block`) is known if one source has all its words.
//! Start reading at [`unknown`].

use super::tree::{Source, files, root, sources};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The folders of pages that name paths of the tree; beside them there is the `README.md` of the root. That of
/// `proto/fuzz` names folders that its runs make.
const FOLDERS: &[&str] = &["k8s", "node", "proto", "testnet"];

/// The first words of a path of this tree, when nothing else tells it from one of the API or of a home.
const BEGINNINGS: &[&str] =
    &["proto/", "node/", "testnet/", "k8s/", "src/", "engine/", "client/", "tests/", "benches/", "fuzz/", "../"];

/// The text between backticks, and all words of code blocks.
fn quoted(page: &str) -> Vec<(usize, String)> {
    let (mut found, mut block) = (vec![], false);
    for (line, text) in page.lines().enumerate() {
        if text.trim_start().starts_with("```") {
            block = !block;
        } else if block {
            found.extend(text.split_whitespace().map(|word| (line + 1, word.to_owned())));
        } else {
            found.extend(text.split('`').skip(1).step_by(2).map(|span| (line + 1, span.to_owned())));
            found.extend(links(text).map(|link| (line + 1, link)));
        }
    }
    found
}

/// The targets of a line's Markdown links, but for those out of the tree and into a page.
fn links(text: &str) -> impl Iterator<Item = String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let inside = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    inside.map(|target| {
        let path = target.split('#').next().unwrap_or_default();
        if path.starts_with("../") { path.to_owned() } else { format!("./{path}") }
    })
}

/// `src/{a,b}.rs` is two paths.
fn written_out(path: &str) -> Vec<String> {
    match path.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?))) {
        Some((head, (names, tail))) => names
            .split([',', ' '])
            .filter(|it| !it.is_empty())
            .flat_map(|it| written_out(&format!("{head}{it}{tail}")))
            .collect(),
        None => vec![path.trim_end_matches("/*").trim_end_matches('/').to_owned()],
    }
}

/// Is this a path of the tree, not of the API, a home or an address?
fn is_path(span: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "_-./{},*".contains(c);
    let begins = BEGINNINGS.iter().any(|beginning| span.starts_with(beginning)) || span.starts_with("./");
    span.chars().all(plain) && (begins || span.ends_with(".rs") && span != ".rs")
}

/// The target of this path, from one of these folders.
fn found_from(folders: &[PathBuf], path: &str) -> Option<PathBuf> {
    let places = folders.iter().flat_map(|folder| [folder.join(path), folder.join("src").join(path)]);
    places.into_iter().find(|place| place.exists())
}

/// Is this a path of items, whose words can be looked for?
fn is_item(span: &str) -> bool {
    let steps = span.trim_end_matches("()").split("::").collect::<Vec<_>>();
    let word = |step: &&str| {
        step.starts_with(|c: char| c.is_alphabetic()) && step.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    steps.len() > 1 && steps.iter().all(word)
}

/// Paths that are named here and do not exist: line and name.
fn unknown(named: Vec<(usize, String)>, folders: &[&Path], known: &[BTreeSet<&str>]) -> Vec<String> {
    let (mut found, mut places, mut last) = (vec![], vec![], 0);
    for (line, span) in named {
        if line != last {
            (places, last) = (folders.iter().map(|folder| folder.to_path_buf()).collect::<Vec<_>>(), line);
        }
        let span = span.trim_end_matches([',', ';', ':']);
        if is_path(span) {
            for path in written_out(span) {
                match found_from(&places, &path) {
                    Some(place) => places.extend(folders_of(&place)),
                    None => found.push(format!("{line}: {path}")),
                }
            }
        } else if is_item(span) && !is_known(span, known) {
            found.push(format!("{line}: {span}"));
        }
    }
    found
}

/// A folder and those around it, inside its crate's `src` or `tests`.
fn folders_of(place: &Path) -> Vec<PathBuf> {
    let inside = place.components().any(|step| step.as_os_str() == "src" || step.as_os_str() == "tests");
    let folders = place.ancestors().skip_while(|it| !it.is_dir());
    if inside {
        folders.take_while(|it| !it.ends_with("..") && !it.join("Cargo.toml").exists()).map(Path::to_path_buf).collect()
    } else {
        vec![]
    }
}

/// Has one source all the words of this item?
fn is_known(item: &str, known: &[BTreeSet<&str>]) -> bool {
    known.iter().any(|words| item.trim_end_matches("()").split("::").all(|word| words.contains(word)))
}

/// The words of each source, and those of its place in the tree.
fn words(sources: &[Source]) -> Vec<BTreeSet<&str>> {
    let mut known = vec![];
    for source in sources {
        let code = source.tokens.iter().map(|token| token.text.as_str());
        known.push(code.chain(source.module.iter().map(String::as_str)).collect());
    }
    known
}

/// The doc comments of a source, as a page with the same lines.
fn doc_comments(text: &str) -> String {
    let doc = |line: &str| {
        let line = line.trim_start();
        line.strip_prefix("//!").or(line.strip_prefix("///")).unwrap_or_default().to_owned()
    };
    text.lines().map(doc).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_pages_name_files_and_items_that_exist() {
    let (root, sources) = (root(), sources());
    let words = words(&sources);
    let found = FOLDERS.iter().filter(|folder| root.join(folder).exists()).flat_map(|folder| files(folder, "md"));
    let pages: Vec<_> = found.filter(|page| !page.contains("/fuzz/")).chain(["README.md".to_owned()]).collect();
    assert!(pages.len() > 4, "only {pages:?}");
    let wrong: Vec<_> = pages
        .iter()
        .flat_map(|page| {
            let page_path = root.join(page);
            let around: Vec<_> = page_path.ancestors().skip(1).take_while(|folder| folder.starts_with(&root)).collect();
            let named = quoted(&super::tree::read(page));
            unknown(named, &around, &words).into_iter().map(move |what| format!("{page}:{what}"))
        })
        .collect();
    assert!(wrong.is_empty(), "named, but not there:\n{}", wrong.join("\n"));
}

#[test]
fn the_doc_comments_name_files_and_items_that_exist() {
    let (root, sources) = (root(), sources());
    let words = words(&sources);
    let mut wrong = vec![];
    for source in &sources {
        let file = root.join(&source.path);
        let folder = file.parent().expect("a source is in a folder");
        let own = folder.ancestors().find(|it| it.join("Cargo.toml").exists()).expect("a source is in a crate");
        let named = quoted(&doc_comments(&source.text));
        wrong.extend(
            unknown(named, &[&root, folder, own], &words).into_iter().map(|what| format!("{}:{what}", source.path)),
        );
    }
    assert!(wrong.is_empty(), "named, but not there:\n{}", wrong.join("\n"));
}

#[test]
fn a_name_of_nothing_is_found_and_a_path_of_the_api_is_not_a_file() {
    let page = "`src/{lib,main}.rs`, `src/gone.rs`, `/v1/blocks`, [map](README.md), [x](gone.md)\n\n```text\nsrc/api  src/old/\n```\n`Ledger::apply_block`, `Ledger::gone()`, `Pool::apply_block`";
    let node = root().join("node");
    let known = [BTreeSet::from(["Ledger", "apply_block"]), BTreeSet::from(["Pool", "admit"])];
    let wrong = unknown(quoted(page), &[&node], &known);
    assert_eq!(wrong, ["1: src/gone.rs", "1: ./gone.md", "4: src/old", "6: Ledger::gone()", "6: Pool::apply_block"]);
    assert!(!files("node/src", "rs").is_empty());
}
