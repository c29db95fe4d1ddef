//! `cargo xtask run`: everything on one machine: server, demo organisation, one signed-in window per account.
//!
//! All of it lives in `./data`: the server's database, the demo accounts (`demo.json`), the profiles of the apps and
//! the logs. The server ends with this command; the windows stay, show that they are offline, and find the server
//! again at the next run, which opens windows only for profiles that have none. Only processes that this command
//! started are ever ended.

mod demo;
mod server;
mod windows;

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use demo::Demo;
use server::Server;

use crate::command::call;
use crate::workspace::Workspace;
use crate::{Failure, packages, screen};

/// Where everything of a run is, relative to the root.
const DATA: &str = "data";

/// The verb.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    packages::install(workspace, packages::BUILD)?;
    screen::build(workspace)?;
    call(&workspace.root, "cargo", &["build", "--bins", "-p", "fil-server", "-p", "fil-cli", "-p", "fil-desktop"])?;
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        // The receiver lives as long as this function; after it there is nothing left to stop.
        let _ = stop.send(());
    })
    .map_err(|error| format!("cannot listen for Ctrl-C: {error}"))?;
    let data = workspace.root.join(DATA);
    let demo = Demo::open_or_create(workspace, &data)?;
    let mut server = Server::start(workspace, &data, demo.port)?;
    let result = open_and_wait(workspace, &data, &demo, &mut server, &stopped);
    server.stop()?;
    result
}

fn open_and_wait(
    workspace: &Workspace,
    data: &Path,
    demo: &Demo,
    server: &mut Server,
    stopped: &mpsc::Receiver<()>,
) -> Result<(), Failure> {
    let url = demo.url();
    let display = windows::has_display();
    let mut opened = Vec::new();
    for account in &demo.accounts {
        if windows::is_open(data, &account.handle) {
            continue;
        }
        demo.sign_in(workspace, data, account)?;
        if display {
            windows::open(workspace, data, &account.handle)?;
            opened.push(account.handle.as_str());
        }
    }
    println!();
    println!("Server     {url}; its data is in ./{DATA}, its log in ./{DATA}/server.log");
    for account in &demo.accounts {
        let (handle, name, password) = (&account.handle, &account.name, &account.password);
        println!("Account    {handle} ({name}), organisation {}, password {password}", demo::ORGANISATION);
    }
    let fil = format!("target/debug/fil --data ./{DATA}");
    if display {
        let windows =
            if opened.is_empty() { "open already".to_owned() } else { format!("opened {}", opened.join(", ")) };
        println!("Windows    {windows}; their profiles are in ./{DATA}/profiles");
        println!("Terminal   a further profile: {fil} --profile terminal login --server {url} --handle ada");
    } else {
        println!("Windows    none, since there is no display. Where there is one: cargo xtask run");
        println!("Terminal   {fil} --profile ada send ben \"bonjour\"");
        println!("           {fil} --profile ben read ada");
    }
    println!(
        "Ctrl-C stops the server. Windows stay open and keep what is written until `cargo xtask run` brings it back."
    );
    loop {
        match stopped.recv_timeout(Duration::from_millis(500)) {
            Err(mpsc::RecvTimeoutError::Timeout) => server.check()?,
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}
