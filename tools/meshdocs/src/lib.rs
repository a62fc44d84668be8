//! Writes the manual pages and the shells' completions of all tools, from their flags.
//!
//! Not for users: the pages lie in `man/`, where a test compares them with what is written here,
//! and the completions are made when the tools are installed.

mod bash;
mod completions;
mod manual;
mod mdoc;
mod tools;

use clap::{Parser, Subcommand};
use meshcore::{Console, Error, Outcome, Result};
use std::path::{Path, PathBuf};

/// A file to write: its path under the given folder, and its text.
type File = (String, String);

/// Write the manual pages or the completions of all tools
#[derive(Debug, Parser)]
#[command(name = "meshdocs", version)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Manual pages: NAME.1 of each tool and mesh-checks.7, as man/ has them
    Man {
        /// Folder to write them to
        dir: PathBuf,
    },
    /// Completions for bash, zsh and fish, in the folders where those look below PREFIX/share
    Completions {
        /// Folder to write them to, as /usr/local/share
        dir: PathBuf,
    },
}

/// Writes all files of a kind; the folders they need are made.
pub fn run(args: Args, _: &Console) -> Result<Outcome> {
    let tools = tools::all();
    let (dir, files) = match args.what {
        What::Man { dir } => {
            let checks = ("mesh-checks.7".to_owned(), mesh_check::page());
            (dir, tools.iter().map(manual::page).chain([checks]).collect::<Vec<_>>())
        }
        What::Completions { dir } => (dir, tools.iter().flat_map(completions::files).collect()),
    };
    for (name, text) in files {
        write(&dir.join(name), &text)?;
    }
    Ok(Outcome::done(String::new()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, text))
        .map_err(|error| Error::data(error.to_string()).at(path.display()))
}
