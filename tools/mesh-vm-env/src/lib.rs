//! The files that a virtual machine needs to join a mesh.
//!
//! What bounds it: its API server; the rest is waiting. It is asked five times, one after the
//! other: for three config maps, the gateway's Service and the token; before that for a workload
//! group that is only named, in up to three versions. `--format 1.6` asks twice.

mod bundle;
mod check;
mod current;
mod environment;
mod flags;
mod gateway;
mod given;
mod group;
mod injector;
mod istiod;
mod make;
mod old;
mod proxy;
mod site;
mod token;

pub use check::Recipe;

use check::{Found, Policy};
use clap::{Parser, ValueEnum};
use meshcore::finding::{self, FindingFormat};
use meshcore::folder::{self, Existing};
use meshcore::input::Input;
use meshcore::{Console, DnsLabel, Error, Outcome, Result, visible};
use meshkube::Access;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = r#"Examples:
  echo '{"kind": "WorkloadGroup", "metadata": {"name": "vm1", "namespace": "istio-system"}}' | mesh-vm-env --context cluster1 -o tar | tar -t
  echo '{"kind": "WorkloadGroup", "metadata": {"name": "vm2", "namespace": "istio-system"}}' | mesh-vm-env --context cluster2 --out vm2 && mesh-vm-env --check vm2"#;

/// Write the files that a virtual machine needs to join a mesh, and check those of others
///
/// Of a workload group, in the input or by --name in the cluster, and of what istiod keeps in the
/// cluster makes cluster.env, mesh.yaml, hosts, istio-token and root-cert.pem, as `istioctl x
/// workload entry configure` does. The objects are asked for with --context, or read (`kubectl get
/// configmaps,services,workloadgroups -A -o json`). With --format 1.6, the files of the older
/// recipe, which has a certificate from mesh-cert in place of the token. With --check, says what
/// is wrong with such files, whoever made them; exit status 1 if anything is an error.
#[derive(Debug, Parser)]
#[command(name = "mesh-vm-env", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Cluster to ask
    #[arg(long, value_name = "CONTEXT")]
    context: Option<String>,
    /// Name of the workload group [default: the only one of the input]
    #[arg(long, value_name = "NAME", value_parser = flags::object_name)]
    name: Option<String>,
    /// Namespace of the machine [default: the workload group's; default with --format 1.6]
    #[arg(short, long, value_name = "NAMESPACE", value_parser = DnsLabel::parse)]
    namespace: Option<DnsLabel>,
    /// Whose recipe to follow [default: current; with --check, that of the files]
    #[arg(long, value_enum, value_name = "RECIPE")]
    format: Option<Recipe>,
    /// Folder for the files; it is made, or its files of these names are replaced
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Form on standard output: the files as a tar archive, or with --check lines for people or
    /// JSON
    #[arg(short, long, value_enum, value_name = "FORM", conflicts_with = "out")]
    output: Option<Form>,
    #[command(flatten)]
    machine: flags::Machine,
    #[command(flatten)]
    control_plane: flags::ControlPlane,
    #[command(flatten)]
    token: flags::Token,
    #[command(flatten)]
    checks: flags::Checks,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Tar,
    Lines,
    Json,
}

/// Makes the files, or checks those that are there.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    if args.checks.list_checks {
        return Ok(Outcome::done(meshcore::check::list(check::table::ALL, args.finding_format()?)));
    }
    if let Some(folder) = &args.checks.check {
        folder::name_left_behind(folder, console);
        return args.check(folder);
    }
    args.refuse_contradictions()?;
    let folder = args.folder()?;
    if let Some(folder) = folder {
        folder::name_left_behind(folder, console);
    }
    let bundle = meshkube::block_on(make::bundle(&args, console))?;
    Ok(Outcome::done(match folder {
        None => bundle.tar(),
        Some(folder) => {
            let files: Vec<_> = bundle.files().collect();
            let paths = folder::write(folder, &files, Existing::Replace)?;
            let line = |path: &PathBuf| visible(&path.display().to_string()) + "\n";
            paths.iter().map(line).collect()
        }
    }))
}

impl Args {
    fn recipe(&self) -> Recipe {
        self.format.unwrap_or(Recipe::Current)
    }

    /// Where the files go: a folder, or standard output.
    fn folder(&self) -> Result<Option<&Path>> {
        match (&self.out, self.output) {
            (Some(folder), _) => Ok(Some(folder)),
            (None, Some(Form::Tar)) if std::io::stdout().is_terminal() => {
                Err(Error::usage("an archive with secrets is nothing for a terminal")
                    .hint("write it to a file or pipe, or the files to a folder with --out"))
            }
            (None, Some(Form::Tar)) => Ok(None),
            (None, Some(_)) => Err(Error::usage("-o lines and -o json are for --check")),
            (None, None) => Err(Error::usage("where are the files to go?")
                .hint("into a folder: --out DIR; onto standard output: -o tar")),
        }
    }

    fn finding_format(&self) -> Result<FindingFormat> {
        match self.output {
            None | Some(Form::Lines) => Ok(FindingFormat::Lines),
            Some(Form::Json) => Ok(FindingFormat::Json),
            Some(Form::Tar) => Err(Error::usage("-o tar is for files that are made")),
        }
    }

    /// Refuses flags of the other recipe before anything is read or sent.
    fn refuse_contradictions(&self) -> Result<()> {
        let (machine, token) = (&self.machine, &self.token);
        let current = [
            (machine.cluster_id.is_some(), "--cluster-id"),
            (machine.auto_register, "--auto-register"),
            (!machine.capture_dns, "--capture-dns"),
            (self.control_plane.revision.is_some(), "--revision"),
            (token.token_duration.is_some(), "--token-duration"),
            (token.token_audience.is_some(), "--token-audience"),
            (token.token_file.is_some(), "--token-file"),
            (token.no_token, "--no-token"),
        ];
        let old = [
            (!machine.service_cidr.is_empty(), "--service-cidr"),
            (!machine.inbound_port.is_empty(), "--inbound-port"),
        ];
        let first = |flags: &[(bool, &'static str)]| {
            flags.iter().find_map(|(is_given, flag)| is_given.then_some(*flag))
        };
        match self.recipe() {
            Recipe::Current => match first(&old) {
                Some(flag) => Err(Error::usage(format!("{flag} is for --format 1.6")).hint(
                    "otherwise the workload group tells the ports, and all ranges are taken",
                )),
                None => Ok(()),
            },
            Recipe::Old => match first(&current) {
                Some(flag) => Err(Error::usage(format!("{flag} is not for --format 1.6"))),
                None => Ok(()),
            },
        }
    }

    fn check(&self, folder: &Path) -> Result<Outcome> {
        let format = self.finding_format()?;
        let found = Found::read(folder)?;
        let policy = Policy {
            recipe: self.format.unwrap_or(found.recipe()),
            audience: self.token.token_audience.as_deref().unwrap_or(injector::AUDIENCE),
            at: self.checks.at()?,
        };
        let mut findings = check::check(&found, policy);
        findings.retain(|finding| self.checks.ignore.iter().all(|it| it.code != finding.code));
        Ok(finding::judged(&findings, self.checks.fail_on, format))
    }
}
