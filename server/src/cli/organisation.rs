//! `fil-server organisation …`

use clap::Subcommand;
use fil_protocol::OrganisationId;
use fil_protocol::text::{check_handle, check_name};
use serde::Serialize;

use super::open::{print, read, store};
use super::{Exit, Refusal};
use crate::auth::keys::random;
use crate::clock::now_ms;
use crate::config::Config;
use crate::store::{OrganisationRow, Store};

/// Make and list organisations.
#[derive(Debug, Subcommand)]
pub(super) enum Organisation {
    /// Make an organisation.
    Create {
        /// Its short name: a-z, 0-9, '.', '_', '-'.
        slug: String,
        /// Its name for people [default: the short name].
        #[arg(long)]
        name: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List all organisations.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Shown {
    organisation: OrganisationId,
    slug: String,
    name: String,
}

impl Organisation {
    pub(super) fn run(self, config: &Config) -> Result<Exit, Refusal> {
        match self {
            Self::Create { slug, name, json } => {
                check_handle(&slug)?;
                let name = name.unwrap_or_else(|| slug.clone());
                check_name(&name)?;
                let id = OrganisationId::from_parts(now_ms(), &random()?);
                let row = OrganisationRow { id, slug, name };
                let mut store = store(config)?;
                let transaction = store.begin()?;
                transaction.create_organisation(&row)?;
                transaction.commit()?;
                print(json, &shown(row), |shown| format!("organisation {} made", shown.slug))
            }
            Self::List { json } => {
                let rows = read(&store(config)?, |reader| Ok(reader.organisations()?))?;
                let rows: Vec<_> = rows.into_iter().map(shown).collect();
                print(json, &rows, |rows| {
                    let lines: Vec<_> = rows.iter().map(|row| format!("{}\t{}", row.slug, row.name)).collect();
                    lines.join("\n")
                })
            }
        }
    }
}

fn shown(row: OrganisationRow) -> Shown {
    Shown { organisation: row.id, slug: row.slug, name: row.name }
}
