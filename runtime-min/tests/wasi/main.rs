//! WASI's functions called directly, as a program would call them, on a memory of the test's own.

mod escape;
mod files;
mod guest;
mod hostile;
mod listing;
mod paths;
mod polling;
mod process;
mod rights;
mod sockets;
