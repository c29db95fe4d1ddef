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
            last(running, signals.wait()).await
        })
    }
}

/// Lets the server run until it is asked to stop. If the node ends before that, so does the process: nothing can be
/// written any more, and a supervisor that starts it again mends it. Sockets are not drained then, because there is
/// nobody left who could answer them.
async fn last(running: Running, asked: impl Future<Output = ()>) -> Result<Exit, Refusal> {
    let ended = tokio::select! {
        () = asked => false,
        () = running.edge().node.ended() => true,
    };
    if ended {
        let sentence = "the node thread ended unexpectedly: nothing can be written, so the server ends; start it again";
        tracing::error!("{sentence}");
        return Err(Refusal::new(Exit::Failed, sentence));
    }
    running.stop().await;
    Ok(Exit::Done)
}

/// Beside its place and then moved there, so that whoever waits for the file never reads half a number.
fn write_port(path: &Path, port: u16) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, format!("{port}\n"))?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn running(folder: &tempfile::TempDir) -> Running {
        let listen = "127.0.0.1:0".parse().unwrap();
        Running::start(Config { data: folder.path().join("data"), listen, ..Config::default() }).await.unwrap()
    }

    /// A defect that panics on the node's thread must not leave a process that listens and writes nothing.
    #[tokio::test]
    async fn a_server_whose_node_panics_ends_with_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let running = running(&folder).await;
        let node = running.edge().node.clone();
        let serving = last(running, std::future::pending());
        let (ended, written) = tokio::join!(serving, node.write::<(), _>(|_| panic!("a defect")));
        assert_eq!(ended.unwrap_err().exit, Exit::Failed);
        assert!(written.is_err());
    }

    #[tokio::test]
    async fn a_server_that_is_asked_to_stop_ends_well() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(last(running(&folder).await, std::future::ready(())).await.unwrap(), Exit::Done);
    }
}
