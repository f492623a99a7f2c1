//! `init --format compose`: one file that starts a container a node.
//!
//! Always true: `compose.yaml` is written last; no service waits for another or is named by another: they find each other by
//! one name that leads to all. A container is given the key of its own node and no other.

use super::{API_PORT, IMAGE, NETWORK, key_files, keys_folder, shared_files};
use crate::cli::args::InitArgs;
use crate::cli::failure::Failure;
use crate::cli::network::{Plan, Set};
use crate::cli::planned_file::PlannedFile;
use blockchat_host::whole_file::Access;

/// Settings of every service; YAML merges them in.
const HEAD: &str = include_str!("compose-head.yaml");

/// All files, the deciding one last.
pub(super) fn files(set: &Set<'_>, plan: &Plan, args: &InitArgs) -> Result<Vec<PlannedFile>, Failure> {
    let mut files = set.wallets()?;
    // The container's user reads them through a mount: their folder keeps other users of this machine out.
    files.extend(key_files(set, plan, args)?.into_iter().map(PlannedFile::for_everybody));
    files.extend(shared_files(set, &plan.folder)?);
    let text = compose(&set.genesis.short_name(), plan, args);
    files.push(PlannedFile::new(plan.folder.join("compose.yaml"), text, Access::Public));
    Ok(files)
}

fn compose(chain: &str, plan: &Plan, args: &InitArgs) -> String {
    let image = args.image.as_deref().unwrap_or(IMAGE);
    let head = HEAD.replace("@CHAIN@", chain).replace("@IMAGE@", image);
    let mut text = head.replace("@NETWORK@", NETWORK).replace("@API_PORT@", &API_PORT.to_string());
    for (index, home) in plan.homes.iter().enumerate() {
        let (name, key) = (&home.name, format!("{}/{index}.pem", keys_folder(args)));
        text += &format!(
            "  {name}:\n    <<: *node\n    environment: {{ BLOCKCHAT_POD_INDEX: \"{index}\", BLOCKCHAT_HOME: /data, BLOCKCHAT_ALLOW_HOST: {NETWORK} }}\n    ports: \
             [\"127.0.0.1:{}:{API_PORT}\"]\n    volumes:\n      - {name}:/data\n      - \
             ./{key}:/etc/blockchat/keys/{index}/validator.pem:ro\n",
            home.api_port
        );
        for shared in ["genesis.json", "config.toml", "contacts.toml"] {
            text += &format!("      - ./{shared}:/etc/blockchat/{shared}:ro\n");
        }
    }
    text += "volumes:\n";
    for home in &plan.homes {
        text += &format!("  {}:\n", home.name);
    }
    text
}
