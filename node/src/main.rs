//! `blockchat-node`: see [`blockchat_node::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    blockchat_node::cli::main()
}
