//! `init --format k8s`: a kustomization with the chain and one Secret a validator.
//!
//! Always true: `kustomization.yaml` is written last, so that a folder that can be applied is whole; each key is in a Secret
//! of its own, whose name says so if it is no secret.

use super::{IMAGE, NETWORK, key_files, keys_folder, shared_files, wallets_folder};
use crate::cli::args::InitArgs;
use crate::cli::failure::Failure;
use crate::cli::network::{Plan, Set};
use crate::cli::planned_file::PlannedFile;
use blockchat_host::whole_file::Access;
use std::path::Path;

/// The base that overlays build upon, as it is in the repository.
const BASE: &[(&str, &str)] = &[
    ("kustomization.yaml", include_str!("../../../../k8s/base/kustomization.yaml")),
    ("namespace.yaml", include_str!("../../../../k8s/base/namespace.yaml")),
    ("service-account.yaml", include_str!("../../../../k8s/base/service-account.yaml")),
    ("services.yaml", include_str!("../../../../k8s/base/services.yaml")),
    ("stateful-set.yaml", include_str!("../../../../k8s/base/stateful-set.yaml")),
    ("network-policies.yaml", include_str!("../../../../k8s/base/network-policies.yaml")),
    ("disruption-budget.yaml", include_str!("../../../../k8s/base/disruption-budget.yaml")),
];
const BASE_FOLDER: &str = "base";

/// All files, the deciding one last.
pub(super) fn files(set: &Set<'_>, plan: &Plan, args: &InitArgs) -> Result<Vec<PlannedFile>, Failure> {
    let folder = &plan.folder;
    let mut files = set.wallets()?;
    files.extend(key_files(set, plan, args)?);
    files.extend(shared_files(set, folder)?);
    if args.base.is_none() {
        let base = folder.join(BASE_FOLDER);
        files.extend(BASE.iter().map(|(name, text)| PlannedFile::new(base.join(name), *text, Access::Public)));
    }
    let text = kustomization(&set.genesis.short_name(), plan, args);
    files.push(PlannedFile::new(folder.join("kustomization.yaml"), text, Access::Public));
    Ok(files)
}

fn secret_name(index: usize, args: &InitArgs) -> String {
    format!("{NETWORK}-key-{index}{}", if args.not_secret { "-not-secret" } else { "" })
}

fn kustomization(chain: &str, plan: &Plan, args: &InitArgs) -> String {
    let validators = plan.homes.len();
    let base = args.base.as_deref().unwrap_or(Path::new(BASE_FOLDER)).display().to_string();
    let mut text = format!(
        "# Chain {chain}, written by `blockchat-node init --format k8s`. Start it: kubectl apply -k .\n\
         apiVersion: kustomize.config.k8s.io/v1beta1\n\
         kind: Kustomization\n\
         namespace: {NETWORK}\n\
         resources:\n  - {base}\n\
         configMapGenerator:\n  - name: {NETWORK}-chain\n    files:\n      - genesis.json\n      - config.toml\n      - contacts.toml\n\
         secretGenerator:\n"
    );
    for index in 0..validators {
        let (name, folder) = (secret_name(index, args), keys_folder(args));
        text += &format!(
            "  - name: {name}\n    files:\n      - validator.pem={folder}/{index}.pem\n    options:\n      \
             disableNameSuffixHash: true\n      immutable: true\n"
        );
    }
    text += &wallets(plan, args);
    text += &format!("replicas:\n  - name: {NETWORK}\n    count: {validators}\n{}", image(args));
    text += &patch(validators, args);
    text
}

/// The further funded keys, in one Secret, for jobs that send.
fn wallets(plan: &Plan, args: &InitArgs) -> String {
    let names: Vec<_> = plan.wallets.iter().filter_map(|wallet| wallet.path.file_name()?.to_str()).collect();
    if names.is_empty() {
        return String::new();
    }
    let (end, folder) = (if args.not_secret { "-not-secret" } else { "" }, wallets_folder(args));
    let files: String = names.iter().map(|name| format!("      - {folder}/{name}\n")).collect();
    format!(
        "  - name: {NETWORK}-wallets{end}\n    files:\n{files}    options:\n      disableNameSuffixHash: true\n      \
         immutable: true\n"
    )
}

/// Another image than the base's, if one is named.
fn image(args: &InitArgs) -> String {
    let name = IMAGE.split(':').next().unwrap_or(IMAGE);
    let Some(image) = &args.image else { return String::new() };
    match image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((new, tag)) => format!("images:\n  - name: {name}\n    newName: {new}\n    newTag: {tag:?}\n"),
        None => format!("images:\n  - name: {name}\n    newName: {image}\n"),
    }
}

/// Arguments of `pod-init`: kustomize replaces the list as a whole, so those of the base are repeated here.
fn patch(validators: usize, args: &InitArgs) -> String {
    let mut text = format!(
        "patches:\n  - patch: |-\n      apiVersion: apps/v1\n      kind: StatefulSet\n      metadata:\n        name: {NETWORK}\n      \
         spec:\n        template:\n          spec:\n            volumes:\n              - name: pod-files\n                \
         projected:\n                  sources:\n"
    );
    let mut source = |lines: &[&str]| {
        for (number, line) in lines.iter().enumerate() {
            let dash = if number == 0 { "- " } else { "  " };
            text += &format!("                    {dash}{line}\n");
        }
    };
    source(&["configMap:", &format!("  name: {NETWORK}-chain")]);
    source(&[
        "downwardAPI:",
        "  items:",
        "    - path: pod-index",
        "      fieldRef:",
        "        fieldPath: metadata.labels['apps.kubernetes.io/pod-index']",
    ]);
    for index in 0..validators {
        let name = format!("  name: {}", secret_name(index, args));
        let path = format!("      path: keys/{index}/validator.pem");
        source(&["secret:", &name, "  items:", "    - key: validator.pem", &path]);
    }
    text
}
