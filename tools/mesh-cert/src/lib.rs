//! A workload's certificate with a SPIFFE identity, signed by a mesh's CA: made and verified.
//!
//! What bounds it: the seed of its random numbers (aws-lc's jitter entropy), 420 million
//! instructions, 98 % of what a key and its certificate take from an ECDSA CA. The signature of an
//! RSA CA of 4096 bits takes 83 million more. `verify` of the files takes 5 million.

mod authority;
mod check;
mod credential;
mod file;
mod flags;
mod folder;
mod name;
mod presented;
mod verify;

pub use flags::Args;

use authority::Authority;
use flags::{Form, What};
use meshcore::finding::{self, Severity};
use meshcore::folder::name_left_behind;
use meshcore::{Console, Error, Outcome, Result, json_pretty, visible, yaml};
use presented::Presented;
use verify::Expected;

/// Makes or verifies, as the flags say.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    args.check()?;
    match args.what {
        What::Issue => issue(&args, console),
        What::Verify => verify(&args, console),
    }
}

fn issue(args: &Args, console: &Console) -> Result<Outcome> {
    let form = args.form()?;
    let spec = args.spec()?;
    let making = &args.making;
    if making.out.is_none() && making.secret_name.is_none() {
        return Err(Error::usage("where to? give --out DIR for files, or --secret-name NAME")
            .hint("a key is on standard output only within such a Secret"));
    }
    if let Some(folder) = &making.out {
        name_left_behind(folder, console);
        let names = [credential::KEY, credential::CHAIN, credential::ROOTS];
        folder::check(folder, &names, making.existing())?;
    }
    let now = args.now()?;
    let credential = Authority::read(args, now, console)?.issue(&spec, now)?;
    Ok(Outcome::done(match (&making.out, &making.secret_name) {
        (Some(folder), _) => {
            let paths = credential.write(folder, making.existing())?;
            paths
                .iter()
                .fold(String::new(), |out, path| out + &visible(&path.display().to_string()) + "\n")
        }
        (None, name) => {
            let secret = credential.secret(name.as_deref().unwrap_or_default());
            match form {
                Form::Json => json_pretty(&secret),
                _ => yaml::document_text(&secret),
            }
        }
    }))
}

fn verify(args: &Args, console: &Console) -> Result<Outcome> {
    let form = args.form()?;
    let judging = &args.judging;
    if judging.list_checks {
        return Ok(Outcome::done(meshcore::check::list(check::ALL, form.of_findings())));
    }
    if let Some(dir) = &judging.dir {
        name_left_behind(dir, console);
    }
    let expected = Expected {
        identity: args.identity()?,
        role: args.role(),
        at: args.now()?,
        within: judging.within,
    };
    let mut findings = verify::verify(&Presented::read(args, console)?, &expected);
    findings.retain(|finding| judging.ignore.iter().all(|check| check.code != finding.code));
    Ok(finding::judged(&findings, judging.fail_on.unwrap_or(Severity::Error), form.of_findings()))
}
