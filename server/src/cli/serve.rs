//! `fil-server serve`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Exit, Refusal};
use crate::config::Config;
use crate::edge::Running;
use crate::log;
use crate::shutdown::Signals;

/// Run the server.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:7340].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The address that people reach the server under, for invite links.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Write the port into this file once the server answers.
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// The log's format: pretty or json.
    #[arg(long, value_name = "FORMAT")]
    log: Option<String>,
}

impl Serve {
    /// The flags that stand for keys of the configuration.
    pub(super) fn flags(&self) -> Vec<(String, String, String)> {
        let listen = self.listen.map(|address| address.to_string());
        let flags = [
            ("listen", listen, "--listen"),
            ("public_url", self.public_url.clone(), "--public-url"),
            ("log.format", self.log.clone(), "--log"),
        ];
        let given = flags.into_iter().filter_map(|(key, value, flag)| Some((key.to_owned(), value?, flag.to_owned())));
        given.collect()
    }

    pub(super) fn run(self, config: Config) -> Result<Exit, Refusal> {
        log::start(&config.log)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Refusal::new(Exit::Failed, format!("cannot start threads: {error}")))?;
        runtime.block_on(async move {
            let signals = Signals::listen()
                .map_err(|error| Refusal::new(Exit::Failed, format!("cannot wait for signals: {error}")))?;
            let running = Running::start(config).await?;
            if let Some(path) = &self.port_file {
                write_port(path, running.address().port())
                    .map_err(|error| Refusal::new(Exit::Failed, format!("{}: {error}", path.display())))?;
            }
            println!("listening on {}", running.url());
            signals.wait().await;
            running.stop().await;
            Ok(Exit::Done)
        })
    }
}

/// Beside its place and then moved there, so that whoever waits for the file never reads half a number.
fn write_port(path: &Path, port: u16) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, format!("{port}\n"))?;
    std::fs::rename(&beside, path)
}
