//! What the administrative commands share: the database of the data folder, the organisation that is meant, and
//! printing for people or programs.

use serde::Serialize;

use super::{Exit, Refusal};
use crate::config::Config;
use crate::data::DataFolder;
use crate::edge::prepare;
use crate::store::sqlite::SqliteStore;
use crate::store::{OrganisationRow, Reader, Store};

/// The data folder of a configuration.
pub(super) fn folder(config: &Config) -> DataFolder {
    DataFolder::new(&config.data)
}

/// The database, made if it is not there: the first command on a new machine may be this one.
pub(super) fn store(config: &Config) -> Result<SqliteStore, Refusal> {
    Ok(prepare(&folder(config))?)
}

/// Reads one committed state.
pub(super) fn read<T>(store: &SqliteStore, read: impl FnOnce(&dyn Reader) -> Result<T, Refusal>) -> Result<T, Refusal> {
    let mut reads = store.open_reads()?;
    let snapshot = reads.snapshot()?;
    read(&*snapshot)
}

/// The organisation with this short name; without a name, the only one.
pub(super) fn organisation(reader: &dyn Reader, slug: Option<&str>) -> Result<OrganisationRow, Refusal> {
    if let Some(slug) = slug {
        let found = reader.organisation_by_slug(slug)?;
        return found.ok_or_else(|| Refusal::new(Exit::NotFound, format!("there is no organisation {slug:?}")));
    }
    let mut all = reader.organisations()?;
    match (all.pop(), all.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => {
            let sentence = "there is no organisation yet: run `fil-server organisation create <short-name>`";
            Err(Refusal::new(Exit::NotFound, sentence))
        }
        (Some(_), _) => {
            let sentence = "there are several organisations: name one in front of the handle";
            Err(Refusal::new(Exit::Usage, sentence))
        }
    }
}

/// Prints one value: as JSON, or as the text that `text` makes of it.
pub(super) fn print<T: Serialize>(json: bool, value: &T, text: impl FnOnce(&T) -> String) -> Result<Exit, Refusal> {
    use std::io::Write;
    let mut line = if json {
        serde_json::to_string(value).map_err(|error| Refusal::new(Exit::Failed, error.to_string()))?
    } else {
        text(value)
    };
    if !line.is_empty() {
        line.push('\n');
    }
    // A reader that went away (`fil-server account list | head -1`) has what it wanted.
    let _ = std::io::stdout().write_all(line.as_bytes());
    Ok(Exit::Done)
}
