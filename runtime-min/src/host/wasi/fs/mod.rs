//! Files and directories: everything that starts with `fd_` or `path_`.

mod file;
mod listing;
mod open;
mod path;
mod stat;
mod stream;

pub(super) use listing::Listing;
