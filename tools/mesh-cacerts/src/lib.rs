//! One root for a mesh: makes, verifies and rotates the CA certificates of its clusters, and
//! restarts its proxies.
//!
//! What bounds it: to make RSA keys. `init` for two clusters makes three of 4096 bits, 28 to 35
//! thousand million instructions, of which the keys take all but 3 %: from 1.4 to 4.7 s in six
//! runs, by luck. With `--key ecdsa-p256` it is 420 million, 99 % of them for the seed of random
//! numbers (aws-lc's jitter entropy). `verify` of captures is bound by reading, 92 instructions a
//! byte.

mod across;
mod beyond;
mod check;
mod crl;
mod flags;
mod folder;
mod found;
mod init;
mod input;
mod istiod;
mod manifest;
mod member;
mod object;
mod parsed;
mod plan;
mod proxies;
mod recipe;
mod restarts;
mod root;
mod state;
mod step;
mod subject;
mod verify;

pub use flags::Args;
pub use found::{Cluster, FileSet, Key, Style};
pub use input::Clusters;
pub use meshcore::check::Check;
pub use plan::{read_all, restart_proxies};
pub use verify::{When, verify as findings};

use flags::{Form, What};
use folder::Folders;
use init::{Issued, Places};
use jiff::Timestamp;
use meshcore::finding::{self, Finding, Severity};
use meshcore::folder::{Stage, name_left_behind};
use meshcore::{Console, Error, Message, Outcome, Result, json_lines, json_pretty, visible, yaml};
use meshpki::Certificate;
use object::Reading;
use plan::{Commands, Proxies};
use restarts::Times;
use root::RootDir;
use serde_json::{Value, json};
use state::Goal;
use step::Step;
use subject::Restart;

/// Makes, verifies or rotates, as the flags say.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    args.check()?;
    match args.what {
        What::Init => init(&args, console),
        What::Verify => verify(&args, console),
        What::Rotate => rotate(&args, console),
        What::Restarts => {
            let form = args.form([Form::Lines, Form::Json])?;
            let clusters = input::read(&args.input.read()?, &args.cluster, Reading::Proxies)?;
            restarts::script(&clusters, form == Form::Json, console).map(Outcome::done)
        }
    }
}

fn init(args: &Args, console: &Console) -> Result<Outcome> {
    let form = args.form([Form::Yaml, Form::Json])?;
    let now = args.now()?;
    let members = match (&args.cluster[..], args.input.is_given()) {
        ([], _) => {
            let read = meshcore::cluster::read(&args.input.read()?)?;
            read.warnings.iter().for_each(|warning| console.warn(warning));
            member::of_records(&read.clusters)?
        }
        (names, false) => member::of_names(names)?,
        (_, true) => {
            return Err(Error::usage("clusters are given by --cluster, or by records with -f"));
        }
    };
    let places = Places {
        namespace: args.namespace(),
        root: args.root_dir.clone().map(RootDir),
        out: args.out.clone(),
    };
    let issued = init::init(members, &args.recipe(), &places, now, console)?;
    let secret = |Issued { member, files, expires }: &Issued| {
        manifest::secret(Some(&member.name), &places.namespace, *expires, files)
    };
    let secrets: Vec<Value> = issued.iter().map(secret).collect();
    Ok(Outcome::done(manifests(&secrets, form)))
}

fn verify(args: &Args, console: &Console) -> Result<Outcome> {
    let form = args.form([Form::Lines, Form::Json])?;
    if args.judging.list_checks {
        return Ok(Outcome::done(meshcore::check::list(check::ALL, form.of_findings())));
    }
    let when = When { at: args.now()?, within: args.within().seconds() };
    let Folders { clusters, open_keys } = if let Some(dir) = &args.dir {
        name_left_behind(dir, console);
        folder::read(dir)?
    } else {
        let clusters = input::read(&args.input.read()?, &args.cluster, Reading::Authority)?;
        Folders { clusters, open_keys: Vec::new() }
    };
    let without_keys = verify::without_keys(&clusters);
    if !without_keys.is_empty() {
        let names = without_keys.join(", ");
        console.note(&Message::new(format!("keys are redacted, and not checked: {names}")));
    }
    let mut findings = verify::verify(&clusters, &open_keys, when);
    let judging = &args.judging;
    findings.retain(|finding| {
        let is = |check: &Check| check.code == finding.code;
        (judging.only.is_empty() || judging.only.iter().any(is)) && !judging.ignore.iter().any(is)
    });
    let judged =
        finding::judged(&findings, judging.fail_on.unwrap_or(Severity::Error), form.of_findings());
    Ok(match form {
        Form::Json => judged,
        _ => Outcome { output: findings.iter().map(line).collect(), ..judged },
    })
}

fn rotate(args: &Args, console: &Console) -> Result<Outcome> {
    let dir = args.root_dir.clone().map(RootDir).ok_or_else(|| {
        Error::usage("rotate needs --root-dir: the folder of the root to go to")
            .hint("an empty or missing one gets a new root; the present one, new intermediates")
    })?;
    let step = args.rotating.step.map(Step::try_from).transpose();
    let step = step.map_err(|reason| Error::usage(format!("--step: {reason}")))?;
    let form = args.form(match step {
        None => [Form::Lines, Form::Json],
        Some(_) => [Form::Yaml, Form::Json],
    })?;
    let when = When { at: args.now()?, within: args.within().seconds() };
    let clusters = input::read(&args.input.read()?, &args.cluster, Reading::Proxies)?;
    for (label, _) in clusters.iter().filter(|(_, cluster)| cluster.is_remote()) {
        let text = "it has pods, and neither a CA nor istiod is in the input: taken for a cluster \
                    that the istiod of another one serves";
        console.note(&Message::new(text).at(format!("cluster {label}")));
    }
    let root = dir.certificate(when.at)?;
    let goal = |root| Goal { root, when, renew: args.rotating.renew };
    let states = state::read(&clusters, &goal(root.as_ref()))?;
    let machines = args.rotating.machines_restarted;
    let machines_restarted = machines.map(|time| time.to_string());
    let machines = machines.map(Timestamp::as_second);
    let times = Times { now: when.at, machines };
    let behind = |step: Step| restarts::behind(&clusters, &states, step, times);
    let Some(step) = step else {
        let root_dir = dir.path().display().to_string();
        let recipe = args.recipe();
        let renew = args.rotating.renew;
        let commands = Commands {
            root_dir: &root_dir,
            makes_root: root.is_none(),
            recipe: &recipe,
            renew,
            within: args.within(),
            machines_restarted: machines_restarted.as_deref(),
        };
        // What is looked at is what the step that was taken last gave to proxies.
        let last = plan::last(&states);
        let proxies = Proxies { clusters: &clusters, last, behind: behind(last) };
        let (steps, is_cut) = plan::missing(&states, &proxies, &commands);
        if steps.is_empty() {
            console
                .note(&Message::new("no step is missing").hint("--renew makes new intermediates"));
        }
        if is_cut {
            let text = "further steps come after the machines were restarted";
            let hint = "then ask again, with --machines-restarted and the time";
            console.note(&Message::new(text).hint(hint));
        }
        restarts::warn(&proxies.behind, console);
        return Ok(Outcome::done(match form {
            Form::Json => json_lines(&steps),
            _ => plan::lines(&steps),
        }));
    };
    let not_made = || {
        Error::data("has no root yet")
            .at(dir.path().display())
            .hint("step 1 makes it, and comes first")
    };
    let secrets = match (step, root) {
        (Step::Restart, _) => {
            return Err(Error::usage("step 2 restarts istiod and proxies, and has no Secrets")
                .hint("rotate without --step tells the commands"));
        }
        (Step::Trust, root) => trust(args, &dir, root, &states, console)?,
        (Step::Sign, _) => {
            let signer = dir.signer(when.at)?.ok_or_else(not_made)?;
            step::can_sign(&states)?;
            // Below the same root nobody needs to know another one.
            if states.iter().any(|state| !state.is_below) {
                restarts::check(&behind(Step::Restart), Step::Restart, console)?;
            }
            step::sign(&states, &signer, &args.recipe(), when.at)?
        }
        (Step::Drop, root) => {
            let root = root.ok_or_else(not_made)?;
            step::can_drop(&states)?;
            if states.iter().any(|state| !state.is_alone) {
                restarts::check(&behind(Step::Sign), Step::Sign, console)?;
            }
            step::drop_old(&states, &root)?
        }
    };
    Ok(Outcome::done(manifests(&secrets, form)))
}

/// The first step, with a new root if there is none; the root is kept once the Secrets are made.
fn trust(
    args: &Args,
    dir: &RootDir,
    root: Option<Certificate>,
    states: &[state::State<'_>],
    console: &Console,
) -> Result<Vec<Value>> {
    if let Some(root) = root {
        return step::trust(states, &root);
    }
    let mut stage = Stage::default();
    let (signer, note) = dir.make(&args.recipe(), args.now()?, &mut stage)?;
    let secrets = step::trust(states, signer.certificate())?;
    stage.commit()?;
    console.note(&note);
    Ok(secrets)
}

fn manifests(secrets: &[Value], form: Form) -> String {
    match (form, secrets) {
        (Form::Json, [secret]) => json_pretty(secret),
        (Form::Json, _) => {
            json_pretty(&json!({"apiVersion": "v1", "kind": "List", "items": secrets}))
        }
        _ => yaml::stream(secrets),
    }
}

fn line(finding: &Finding) -> String {
    let restart = match finding.evidence["restart"].as_str() {
        Some("istiod") => Restart::Istiod,
        Some("proxies") => Restart::Proxies,
        _ => Restart::None,
    };
    let severity = finding.severity.as_str();
    format!("{severity}: {} ({}; {restart})\n", visible(&finding.message), finding.code)
}
