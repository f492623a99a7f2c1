//! Keys of people and nodes, names for addresses, and signing. Keys never leave this process: the API takes what is
//! signed already.

pub mod address_book;
mod derive;
pub mod keystore;
pub mod seal;
pub mod sign;
pub mod vault;
