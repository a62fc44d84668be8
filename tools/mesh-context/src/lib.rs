//! From kubeconfigs to a kubeconfig: renamed, merged, reduced.
//!
//! What bounds it: its start, for a few contexts: of 680,000 instructions 225,000 load the program
//! and 195,000 describe and read its flags. Of long kubeconfigs it is the parser: 500 contexts take
//! 57 instructions a byte of JSON, 240 of YAML.

mod config;
mod merge;
mod paths;
mod rename;

pub use config::{ClusterEntry, Context, ContextEntry, Kubeconfig, Named, UserEntry};
pub use merge::{Origin, merge};
pub use rename::{Rename, rename, short_names, shorten};

use clap::{Parser, ValueEnum};
use meshcore::cluster;
use meshcore::folder::{self, Mode, Stage};
use meshcore::input::{Input, Source};
use meshcore::{Console, Error, Message, Outcome, Result, file, json_lines, json_pretty, yaml};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  kubectl config view --raw | mesh-context --list
  kubectl config view --raw | mesh-context --minify --context cluster1";

/// Rename, merge and extract the contexts of kubeconfigs
///
/// Reads the kubeconfigs of --kubeconfig and -f, or standard input without them, and writes one
/// that holds all of them: of different clusters, users and contexts of one name the first keeps
/// it and the others become NAME-2, NAME-3… Then contexts are renamed, one is extracted, and one
/// is made current, in this order. Fields that are not known pass through; relative paths become
/// absolute. The output holds the credentials of the input.
#[derive(Debug, Parser)]
#[command(name = "mesh-context", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Kubeconfig to read before the files of -f
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Rename a context; may be repeated
    #[arg(long, value_name = "NEW=OLD")]
    rename: Vec<Rename>,
    /// Give contexts of GKE and EKS their cluster's name, with location and project where two
    /// would be the same
    #[arg(long, conflicts_with = "rename")]
    short: bool,
    /// Leave only one context with its cluster and user
    #[arg(long)]
    minify: bool,
    /// Context to leave, by its new name [default: the current one]
    #[arg(long, value_name = "CONTEXT", requires = "minify")]
    context: Option<String>,
    /// Embed the files that certificates and keys are in
    #[arg(long)]
    flatten: bool,
    /// Context to make current, by its new name
    #[arg(long = "use", value_name = "CONTEXT")]
    select: Option<String>,
    /// Write instead a record for each context, without credentials, one JSON object per line
    #[arg(long)]
    list: bool,
    /// Form of the kubeconfig
    #[arg(short, long, value_enum, default_value = "yaml", conflicts_with = "list")]
    output: Format,
    /// File to write, with mode 0600, instead of standard output
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    out: Option<PathBuf>,
    /// Replace the file of --kubeconfig
    #[arg(long, requires = "kubeconfig", conflicts_with_all = ["list", "out", "minify"])]
    in_place: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

/// Reads the kubeconfigs, changes what is asked for, and writes the result.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let (mut config, warnings) = merge(args.read(console)?);
    for warning in &warnings {
        console.warn(warning);
    }
    let renames = if args.short { shorten(&config) } else { args.rename.clone() };
    rename(&mut config, &renames)?;
    if args.minify {
        config.minify(args.context.as_deref())?;
    }
    if let Some(context) = &args.select {
        config.select(context)?;
    }
    if args.list {
        return args.records(config);
    }
    if args.flatten {
        paths::embed(&mut config, paths::read_pem)?;
    }
    let value = config.to_value();
    let text = match args.output {
        Format::Yaml => yaml::document_text(&value),
        Format::Json => json_pretty(&value),
    };
    let file = if args.in_place { &args.kubeconfig } else { &args.out };
    let Some(file) = file else { return Ok(Outcome::done(text)) };
    let mut stage = Stage::default();
    stage.replacement(&folder::out(file)?, &text, Mode::Secret)?;
    stage.commit()?;
    console.note(&Message::new("written").at(file.display()));
    Ok(Outcome::done(String::new()))
}

impl Args {
    fn read(&self, console: &Console) -> Result<Vec<Origin>> {
        let mut origins = Vec::new();
        if let Some(path) = &self.kubeconfig {
            let source = Source::new(path.display().to_string(), file::read(path)?)?;
            // A file that stays where it is keeps its paths.
            let folder = if self.in_place && !self.flatten { None } else { Some(folder_of(path)?) };
            origins.extend(read_source(&source, folder.as_deref())?);
        }
        if !self.input.is_given() && self.kubeconfig.is_some() {
            return Ok(origins);
        }
        let sources = self.input.read()?;
        let stdin = PathBuf::from("-");
        // Without files the only source is standard input.
        let files = self.input.files.iter().map(Some).chain(std::iter::repeat(None));
        for (source, file) in sources.iter().zip(files) {
            let folder = file.filter(|file| **file != stdin).map(|f| folder_of(f)).transpose()?;
            let mut read = read_source(source, folder.as_deref())?;
            if folder.is_none() {
                read.iter_mut().filter_map(relative_paths).for_each(|w| console.warn(&w));
            }
            origins.extend(read);
        }
        Ok(origins)
    }

    fn records(&self, config: Kubeconfig) -> Result<Outcome> {
        let known: cluster::Kubeconfig =
            serde_json::from_value(config.to_value()).map_err(|_| {
                Error::data("a cluster of the kubeconfig has a field of the wrong type")
            })?;
        // Said only where that file has these contexts.
        let is_as_read = !self.input.is_given() && self.rename.is_empty() && !self.short;
        let file = self.kubeconfig.as_ref().filter(|_| is_as_read);
        let file = file.map(|file| file.display().to_string());
        let records = known.clusters(file.as_deref());
        if records.is_empty() {
            return Err(Error::data("the kubeconfig has no contexts").hint("is it the right file?"));
        }
        Ok(Outcome::done(json_lines(cluster::merge(records).clusters)))
    }
}

fn read_source(source: &Source, folder: Option<&str>) -> Result<Vec<Origin>> {
    let mut origins = Vec::new();
    for document in source.documents()? {
        let mut config = Kubeconfig::read(&document)?;
        if let Some(folder) = folder {
            paths::resolve(&mut config, folder);
        }
        origins.push(Origin { place: document.place().to_owned(), config });
    }
    Ok(origins)
}

/// The folder of a file, as an absolute path.
fn folder_of(file: &Path) -> Result<String> {
    let at = |e: Error| e.at(file.display());
    let absolute = std::path::absolute(file).map_err(|e| at(Error::data(e.to_string())))?;
    let folder = absolute.parent().unwrap_or(Path::new("/"));
    let text = folder.to_str().ok_or_else(|| at(Error::data("its folder's name is not UTF-8")))?;
    Ok(text.to_owned())
}

/// A warning of paths that are meant from a folder which nobody told.
fn relative_paths(origin: &mut Origin) -> Option<Message> {
    let paths: Vec<&str> =
        paths::relative(&mut origin.config).into_iter().map(|path| path.as_str()).collect();
    (!paths.is_empty()).then(|| {
        Message::new(format!("relative paths stay as they are: {}", paths.join(", ")))
            .at(&origin.place)
            .hint("read the file with -f: they are meant from its folder")
    })
}
