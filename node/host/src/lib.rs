//! Both programs' needs of their machine, and their protection against its faults.
//!
//! Owns: the two output streams, text that is safe to show, files that appear whole, signals, paths in JSON, core dumps, and what
//! the environment and the stream mean for a command line.
//! Does not own: what is said, which files there are, what happens at a signal.
//!
//! Always true: nothing here panics because of a stream, a file, a name or a text from outside. The map: [`stream`] is
//! the only writer to standard output and standard error, and passes [`text`] on the way; [`whole_file`] is the only
//! way to put a small file in its place; [`signals`] says when to stop, [`typed`] whether there is input; [`platform`]
//! is all that differs between systems.

pub mod command_line;
pub mod completions;
pub mod core_dump;
pub mod path_json;
pub mod platform;
pub mod signals;
pub mod stream;
pub mod text;
pub mod typed;
pub mod whole_file;
