//! Files: names, nodes, descriptors.
//!
//! What is mounted belongs to the layer below and is reached by `file:` URIs ([`host`]); `/dev` and `/proc` are made
//! up here ([`pseudo`]); [`lookup`] and [`open`] find out which of them a path means.

pub mod device;
pub mod directory;
pub mod dirent;
pub mod epoll;
pub mod file;
pub mod host;
pub mod lookup;
pub mod node;
pub mod open;
pub mod path;
pub mod pipe;
pub mod poll;
pub mod pseudo;
pub mod pty;
pub mod shared;
pub mod signals;
pub mod stat;
pub mod table;
pub mod terminal;
pub mod text;
