//! Inputs with a name in them, and the commands that programs make of them.

use super::meshes::{self, Said};
use super::{FEW_NAMES, NAMES};
use crate::tools::mesh_check::mesh::{AT, Mesh};
use mesh_tests::{Ran, program_dir, root, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

/// The commands that are printed of a name, or why it is refused.
type Print = Box<dyn Fn(&str) -> Result<String, String> + Send>;

/// Something that prints commands with a name in them.
pub struct Source {
    /// What it is, for people.
    pub place: String,
    pub program: &'static str,
    pub names: &'static [&'static str],
    /// Whether it may turn out that the text is no name, or in no command.
    pub is_guessed: bool,
    /// Whether a command is one line.
    pub is_line: bool,
    pub print: Print,
}

/// How commands are printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Printed {
    /// As the whole of standard output.
    Whole,
    /// As `fix` of JSON lines.
    Fix,
    /// As lines that begin with `  fix: `.
    FixLine,
    /// As hints on standard error.
    Hint,
}

/// Whose lines have to be among those that are tried; mesh-firewall refuses every such name.
pub const PROGRAMS: [&str; 9] = [
    "mesh-authnets",
    "mesh-cacerts",
    "mesh-check",
    "mesh-id",
    "mesh-install-gen",
    "mesh-label-ns",
    "mesh-plan",
    "mesh-secret-lint",
    "mesh-vm-env",
];

/// A program, and where a name goes into its input.
pub struct Case {
    program: &'static str,
    args: &'static [&'static str],
    sample: &'static str,
    /// JSON pointers of the fields that are the name.
    fields: &'static [&'static str],
    printed: Printed,
}

pub const CASES: &[Case] = &[
    case("mesh-plan", &["-o", "sh"], "records", &["/0/context"], Printed::Whole),
    case("mesh-plan", &["-o", "sh", "--leave", "cluster2"], "captures", CONTEXT, Printed::Whole),
    case("mesh-plan", &["-o", "sh", "--undo"], "captures", CONTEXT, Printed::Whole),
    case("mesh-check", &["-o", "json"], "captures", CONTEXT, Printed::Fix),
    case("mesh-check", &[], "captures", CONTEXT, Printed::FixLine),
    case("mesh-id", &["--labels"], "records", &["/0/location"], Printed::Whole),
    case("mesh-id", &["--labels"], "records", &["/0/name"], Printed::Whole),
    case("mesh-authnets", &["--enable"], "gke", &["/1/location"], Printed::Whole),
    case("mesh-authnets", &["--enable"], "gke", &["/1/name"], Printed::Whole),
    case("mesh-authnets", &[], "records", &["/0/project"], Printed::Whole),
    case("mesh-label-ns", RESTARTS, "injection", NAMESPACE, Printed::Whole),
];

const CONTEXT: &[&str] = &["/0/items/0/context"];
const NAMESPACE: &[&str] = &["/items/0/metadata/name", "/items/1/metadata/namespace"];
const RESTARTS: &[&str] = &["--restart-list", "--injection", "disabled"];

const fn case(
    program: &'static str,
    args: &'static [&'static str],
    sample: &'static str,
    fields: &'static [&'static str],
    printed: Printed,
) -> Case {
    Case { program, args, sample, fields, printed }
}

pub fn all() -> Vec<Source> {
    let mut all: Vec<Source> = CASES.iter().map(of_sample).collect();
    all.extend(flags());
    all.push(open_key());
    all.extend(machines());
    for Said { code, mesh, program, args, printed, script } in meshes::said() {
        all.extend(of_mesh(code, &mesh, program, &args, printed, &script));
    }
    all
}

pub fn of_sample(case: &'static Case) -> Source {
    let Case { program, args, sample, fields, printed } = *case;
    let path = root().join(format!("tests/hostile/samples/{sample}.json"));
    let text = std::fs::read_to_string(path).expect("a sample");
    let print = move |name: &str| {
        let mut input: Value = serde_json::from_str(&text).expect("a sample is JSON");
        for field in fields {
            *input.pointer_mut(field).unwrap_or_else(|| panic!("no {field}")) = name.into();
        }
        printed_by(program, args, &input.to_string(), printed)
    };
    Source {
        place: format!("{program} {args:?} {fields:?}"),
        program,
        names: &NAMES,
        is_guessed: false,
        is_line: printed == Printed::FixLine,
        print: Box::new(print),
    }
}

/// Each text of the input that is in a command, wherever it is, as a name.
fn of_mesh(
    code: &str,
    mesh: &Mesh,
    program: &'static str,
    args: &[&str],
    printed: Printed,
    script: &str,
) -> Vec<Source> {
    let mut texts = BTreeSet::new();
    mesh.captures.iter().for_each(|capture| gather(capture, &mut texts));
    // By itself, and not as a part of a longer name.
    let is_inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let ends = |part: &str| !part.ends_with(is_inner);
    let begins = |part: &str| !part.starts_with(is_inner);
    let is_there = |text: &String| {
        let mut places = script.match_indices(text.as_str());
        places.any(|(at, text)| ends(&script[..at]) && begins(&script[at + text.len()..]))
    };
    let source = |text: String| {
        let place = format!("{program} {args:?} of {code}, {text:?}");
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let captures = mesh.captures.clone();
        let print = move |name: &str| {
            let line = |capture| renamed(capture, &text, name).to_string() + "\n";
            let input: String = captures.iter().map(line).collect();
            let args: Vec<&str> =
                args.iter().map(|arg| if *arg == text { name } else { arg.as_str() }).collect();
            printed_by(program, &args, &input, printed)
        };
        Source {
            place,
            program,
            names: &FEW_NAMES,
            is_guessed: true,
            is_line: false,
            print: Box::new(print),
        }
    };
    texts.into_iter().filter(is_there).map(source).collect()
}

/// All strings in it, keys among them.
fn gather(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            texts.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, texts)),
        Value::Object(fields) => {
            for (key, value) in fields {
                texts.insert(key.clone());
                gather(value, texts);
            }
        }
        _ => {}
    }
}

/// The same with another name, as a value and as a key.
fn renamed(value: &Value, from: &str, to: &str) -> Value {
    let text = |text: &String| if text == from { to.to_owned() } else { text.clone() };
    match value {
        Value::String(old) => text(old).into(),
        Value::Array(items) => items.iter().map(|item| renamed(item, from, to)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (text(key), renamed(value, from, to))).collect()
        }
        other => other.clone(),
    }
}

/// Names that are flags.
fn flags() -> Vec<Source> {
    const RANGES: &str = "10.0.0.0/14";
    // Away from Google asmcli is told the context.
    let cluster = r#"{"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "provider": "eks",
        "name": "a", "project": "p", "id": "cn-p-global-a", "network": "default",
        "meshId": "proj-7", "context": "NAME", "kubeconfig": "/lab.yaml"}"#;
    let firewall = |flag: &'static str| {
        let usual = ["--network", "n", "--target-tags", "t"];
        move |name: &str| {
            let given = usual.chunks(2).filter(|pair| pair[0] != flag).flatten();
            let mut args: Vec<&str> = given.copied().collect();
            let joined = format!("{flag}={name}");
            args.push(&joined);
            printed_by("mesh-firewall", &args, RANGES, Printed::Whole)
        }
    };
    let names = |place: &str, program, print: Print| {
        let place = format!("{program} {place}");
        Source { place, program, names: &NAMES, is_guessed: false, is_line: false, print }
    };
    let mut all: Vec<Source> = ["--network", "--target-tags", "--project", "--name"]
        .into_iter()
        .map(|flag| names(flag, "mesh-firewall", Box::new(firewall(flag))))
        .collect();
    let asmcli = move |name: &str| {
        let quoted = Value::from(name).to_string();
        let input = cluster.replace("NAME", &quoted[1..quoted.len() - 1]);
        let flags = [format!("--custom-ca-dir={name}"), "--fleet-id=p".to_owned()];
        let args = ["-o", "asmcli", "--ca", "citadel", &flags[0], &flags[1]];
        printed_by("mesh-install-gen", &args, &input, Printed::Whole)
    };
    let place = "context, --custom-ca-dir";
    all.push(names(place, "mesh-install-gen", Box::new(asmcli)));
    let rotate = |name: &str| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let captures: String = Mesh::healthy().text();
        let flags = [format!("--root-dir={name}"), format!("--organization={name}")];
        let args = ["rotate", &flags[0], &flags[1], "--at", AT];
        let program = program_dir().join("mesh-cacerts");
        let mut command = Command::new(program);
        let ran = run(command.current_dir(&dir).args(args).env_clear(), &captures);
        commands(ran, Printed::Whole)
    };
    all.push(names("--root-dir, --organization", "mesh-cacerts", Box::new(rotate)));
    all
}

/// A key that others can read, in a folder that has the name.
fn open_key() -> Source {
    let print = |name: &str| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let init = ["init", "--root-dir=made", "--cluster=a", "--key=ecdsa-p256"];
        let cacerts = |args: &[&str]| {
            let program = program_dir().join("mesh-cacerts");
            run(Command::new(program).current_dir(&dir).args(args).env_clear(), "")
        };
        let _ = cacerts(&init).ok();
        let key = dir.path().join("made/root-key.pem");
        set_permissions(key, Permissions::from_mode(0o644)).expect("it is ours");
        if name.contains('/') {
            return Err("no name of a folder".to_owned());
        }
        std::fs::rename(dir.path().join("made"), dir.path().join(name)).expect("it is ours");
        let root = format!("--root-dir={name}");
        commands(cacerts(&["init", &root, "--cluster=a"]), Printed::Hint)
    };
    Source {
        place: "mesh-cacerts init --root-dir".to_owned(),
        program: "mesh-cacerts",
        names: &NAMES,
        is_guessed: false,
        is_line: true,
        print: Box::new(print),
    }
}

/// A virtual machine's files, whose folder or service account has the name.
fn machines() -> [Source; 2] {
    let print = |folder: &str, account: &str| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        if folder.contains('/') {
            return Err("no name of a folder".to_owned());
        }
        let path = dir.path().join(folder);
        std::fs::create_dir(&path).expect("it is ours");
        let write = |file: &str, text: &str| {
            std::fs::write(path.join(file), text).expect("it is ours");
            set_permissions(path.join(file), Permissions::from_mode(0o666)).expect("it is ours");
        };
        let account = account.replace('\'', "'\\''");
        write("cluster.env", &format!("ISTIO_NAMESPACE='vms'\nSERVICE_ACCOUNT='{account}'\n"));
        write("istio-token", "no token");
        let check = format!("--check={folder}");
        let program = program_dir().join("mesh-vm-env");
        let args = [check.as_str(), "-o", "json"];
        let ran = run(Command::new(program).current_dir(&dir).args(args).env_clear(), "");
        commands(ran, Printed::Fix)
    };
    let source = |place: &str, is_guessed, print: Print| Source {
        place: format!("mesh-vm-env --check, {place}"),
        program: "mesh-vm-env",
        names: &NAMES,
        is_guessed,
        is_line: false,
        print,
    };
    [
        source("folder", false, Box::new(move |name| print(name, "shop"))),
        source("service account", true, Box::new(move |name| print("files", name))),
    ]
}

/// The commands that a program prints of an input, or its error.
pub fn printed_by(
    program: &str,
    args: &[&str],
    input: &str,
    printed: Printed,
) -> Result<String, String> {
    let program = program_dir().join(program);
    let mut command = Command::new(program);
    // A kubeconfig that only the input names is in no command.
    command.args(args).env_clear().env("KUBECONFIG", "/lab.yaml");
    commands(run(&mut command, input), printed)
}

fn commands(ran: Ran, printed: Printed) -> Result<String, String> {
    let has_output = matches!(ran.code, Some(0 | 1));
    if !has_output && printed != Printed::Hint {
        assert!(ran.stdout.is_empty() && ran.stderr.contains("error: "), "{ran:?}");
        return Err(ran.stderr);
    }
    let lines: Vec<String> = match printed {
        Printed::Whole => return Ok(ran.stdout),
        Printed::Fix => {
            let lines = serde_json::Deserializer::from_str(&ran.stdout).into_iter::<Value>();
            let fixes = lines.map(|line| line.expect("JSON")["fix"].as_str().map(str::to_owned));
            fixes.flatten().collect()
        }
        Printed::FixLine => {
            let fixes = ran.stdout.lines().filter_map(|line| line.strip_prefix("  fix: "));
            fixes.map(str::to_owned).collect()
        }
        Printed::Hint => {
            let hints = ran.stderr.lines().filter_map(|line| line.split_once(" hint: "));
            hints.map(|(_, hint)| hint.to_owned()).collect()
        }
    };
    // Some are advice and no command.
    let programs = ["kubectl", "mesh-", "gcloud", "printf", "istioctl", "chmod", "rm", "for"];
    let is_command = |line: &&String| programs.iter().any(|name| line.starts_with(name));
    Ok(lines.iter().filter(is_command).map(String::as_str).collect::<Vec<_>>().join("\n"))
}
