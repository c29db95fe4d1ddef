//! The commands of `fil-server`, as processes: what they print, how they exit, and that they get along with each other.
//! Servers listen on a free port of the loopback, in folders of their own. Nothing sleeps: a server says when it
//! listens, and a process is waited for.

mod administration;
mod arguments;
mod backups;
mod log;
mod process;
mod stopping;
